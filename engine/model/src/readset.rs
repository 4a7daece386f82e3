//! What a step observed of its mounts. Not here: how it is recorded (the sandbox) or evaluated (the store).

use crate::canonical::{canonical_document, canonical_enum, canonical_record};
use crate::id::{BlobDigest, ListingDigest};
use crate::tree::{Node, NodeKind};

/// One thing that was seen at one place. Paths are canonical: relative to the mount, `/`-separated, without symbolic
/// links, `.` and `..`; the mount itself is the empty path. So evaluating one needs no link to be followed: the links
/// that the guest crossed are observations of their own, recorded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The mount, as a position in the action's mount table.
    pub mount: u32,
    /// The canonical path in it.
    pub path: String,
    /// What was seen there.
    pub fact: Fact,
}
canonical_record!(Observation { mount, path, fact });

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A node of this kind is there: a directory that was crossed, or a node whose kind alone was asked for.
    Kind(NodeKind),
    /// Nothing is there, and the parent is a directory.
    Absent,
    /// A symbolic link with this target is there.
    Target(String),
    /// A regular file of this size is there.
    Size(u64),
    /// A regular file with this content is there (a partial read is the whole blob).
    Content(BlobDigest),
    /// A directory with this listing is there.
    Listing(ListingDigest),
    /// Exactly this node is there, executable bit and all that is below it included: it survives in an output.
    Whole(Node),
}
canonical_enum!(Fact {
    0 = Kind(kind), 1 = Absent, 2 = Target(target), 3 = Size(size), 4 = Content(blob), 5 = Listing(listing), 6 = Whole(node),
});

/// What a step observed, in the order in which it did.
///
/// Stored as the document `ATrs` version 1. See `docs/formats/read-set.md`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadSet {
    /// The observations; none is there twice.
    pub observations: Vec<Observation>,
}
canonical_record!(ReadSet { observations });
canonical_document!(ReadSet, *b"ATrs", 1);
