//! What the file system says when it refuses. Not here: WASI's generated types (`cap::fs` maps to them).

use airtight_store::walk::WalkError;

/// Why an operation failed: the error codes of `wasi:filesystem/types` that this file system gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// `bad-descriptor`: the handle was not opened for this.
    BadDescriptor,
    /// `busy`: a mount point, or the directory that is worked in.
    Busy,
    /// `cross-device`: a rename or link from one mount to another.
    CrossDevice,
    /// `exist`.
    Exist,
    /// `file-too-large`: an offset that no file has.
    FileTooLarge,
    /// `insufficient-memory`: too many handles.
    InsufficientMemory,
    /// `insufficient-space`: too many bytes.
    InsufficientSpace,
    /// `invalid`.
    Invalid,
    /// `io`: the host failed. The attempt is not to be trusted: see [`super::Vfs::host_error`].
    Io,
    /// `is-directory`.
    IsDirectory,
    /// `loop`: too many symbolic links, or one where none may be followed.
    Loop,
    /// `name-too-long`: a name, a path, or too many folders inside one another.
    NameTooLong,
    /// `no-entry`.
    NoEntry,
    /// `not-directory`.
    NotDirectory,
    /// `not-empty`.
    NotEmpty,
    /// `not-permitted`: a path that leaves its directory, a link to a directory.
    NotPermitted,
    /// `quota`: too many files.
    Quota,
    /// `read-only`.
    ReadOnly,
}

impl From<WalkError> for Code {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::NoEntry => Self::NoEntry,
            WalkError::NotDirectory => Self::NotDirectory,
            WalkError::Loop => Self::Loop,
            WalkError::NotPermitted => Self::NotPermitted,
            WalkError::NameTooLong => Self::NameTooLong,
            WalkError::Invalid => Self::Invalid,
        }
    }
}

/// A bound that the guest ran into. Striking one ends the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StruckLimit {
    /// `limits.output`, in bytes.
    #[error("the step wrote more than {0} bytes")]
    Output(u64),
    /// `limits.files`.
    #[error("the step made more than {0} files")]
    Files(u64),
    /// `limits.handles`.
    #[error("the step held more than {0} files open")]
    Handles(u32),
    /// `limits.name`, in bytes.
    #[error("the step made a name of more than {0} bytes")]
    Name(u32),
    /// The bound on listings of changed folders that are held open, in entries.
    #[error("the step held listings of more than {0} entries open")]
    Listings(u64),
}
