//! `wasi:filesystem`: the guest's handles onto the virtual file system. Not here: what a file or folder is and what was
//! observed of it (`vfs`), and any path of the host.

use crate::bindings::wasi::filesystem::types::ErrorCode;
use crate::vfs::NodeId;

/// An error of `wasi:filesystem`, or a trap.
pub type FsError = wasmtime_wasi::TrappableError<ErrorCode>;

/// An open file or directory.
#[derive(Debug)]
pub struct Descriptor {
    pub(crate) node: NodeId,
}

/// An open listing.
#[derive(Debug)]
pub struct DirectoryEntryStream {}
