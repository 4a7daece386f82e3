//! Core modules for WASI preview 1, made components with wasmtime's adapter when they are loaded. Not here: telling what
//! a binary is (`inspect`).

use std::sync::OnceLock;

use airtight_model::BlobDigest;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

/// The module that a preview-1 command imports everything from.
pub(crate) const PREVIEW1: &str = WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;

/// The digest of the adapter that makes a preview-1 command a component. Part of the key of a step that is one.
pub fn preview1_adapter_digest() -> BlobDigest {
    static DIGEST: OnceLock<BlobDigest> = OnceLock::new();
    *DIGEST.get_or_init(|| BlobDigest::of(WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER))
}

/// Makes a component of a preview-1 command.
///
/// # Errors
/// It imports what the adapter does not have, or is no command; the text says what.
pub(crate) fn adapt(module: &[u8]) -> Result<Vec<u8>, String> {
    let encode = || {
        ComponentEncoder::default()
            .module(module)?
            .adapter(PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?
            .encode()
    };
    encode().map_err(|error| format!("{error:#}"))
}
