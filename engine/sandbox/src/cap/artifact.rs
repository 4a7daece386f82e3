//! `airtight:step/artifact`: what WASI's file system cannot say about a file. Not here: the file system (`fs`, `vfs`).

use wasmtime::component::{HasData, Linker};

use super::fs::FsCtx;
use crate::bindings::airtight::step::artifact::{self, ErrorCode};
use crate::state::State;
use crate::vfs::Code;

/// Marks this capability in a linker.
pub(crate) struct Artifact;

/// A borrow of the file system.
pub(crate) struct ArtifactView<'a> {
    pub(crate) fs: &'a mut FsCtx,
}

impl HasData for Artifact {
    type Data<'a> = ArtifactView<'a>;
}

/// Links the interface.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    artifact::add_to_linker::<State, Artifact>(linker, State::artifact)
}

impl artifact::Host for ArtifactView<'_> {
    fn set_executable(&mut self, path: String, executable: bool) -> wasmtime::Result<Result<(), ErrorCode>> {
        Ok(self
            .fs
            .vfs
            .set_executable(&path, executable)
            .map_err(|code| match code {
                Code::IsDirectory => ErrorCode::NotAFile,
                Code::ReadOnly => ErrorCode::ReadOnly,
                _ => ErrorCode::NoEntry,
            }))
    }
}
