//! Binaries that something else has made: a component, or a core module for WASI preview 1. Not here: making the module a component.

use super::{Raw, Workshop};
use crate::error::Error;
use crate::files;

/// Reads the binary that `entry:` names.
pub(super) fn build(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let entry = shop.entry(&["step.wasm"])?;
    let wasm = files::binary(&entry)?;
    if !wasm.starts_with(b"\0asm") {
        let name = entry.strip_prefix(&shop.project.root).unwrap_or(&entry);
        return Err(Error::project(
            "A0012",
            format!("`{}` is not WebAssembly", name.display()),
            "name a component or a core module in binary form (`.wasm`)",
        ));
    }
    Ok(Raw {
        wasm,
        language: (String::new(), String::new()),
        tools: Vec::new(),
    })
}
