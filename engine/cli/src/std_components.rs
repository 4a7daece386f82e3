//! The standard components, embedded in the binary by the build script. Not here: their sources (`plugins/`).

use airtight_model::BlobDigest;

/// A standard component.
#[derive(Debug)]
pub(crate) struct StdComponent {
    /// The name after `std/`.
    pub(crate) name: &'static str,
    /// The plain BLAKE3 of its binary.
    pub(crate) digest: [u8; 32],
    /// The binary.
    pub(crate) wasm: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/std.rs"));

/// The standard component of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static StdComponent> {
    STD.iter().find(|one| one.name == name)
}

/// The standard component with this digest.
pub(crate) fn by_digest(digest: &BlobDigest) -> Option<&'static StdComponent> {
    STD.iter().find(|one| one.digest == *digest.as_bytes())
}

/// All names, in order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STD.iter().map(|one| one.name)
}
