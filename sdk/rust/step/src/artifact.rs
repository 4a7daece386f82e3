//! Marks files as executable, which WASI has no way to say.

use std::fmt;

use crate::bindings::airtight::step::artifact::ErrorCode;
use crate::host;

/// Why a file could not be marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArtifactError {
    /// Nothing is at that path.
    NoEntry,
    /// What is at that path is not a regular file.
    NotAFile,
    /// The file is on a mount that the step may only read.
    ReadOnly,
}

impl fmt::Display for ArtifactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoEntry => "nothing is there",
            Self::NotAFile => "it is not a regular file",
            Self::ReadOnly => "it is on a mount that may only be read",
        })
    }
}

impl std::error::Error for ArtifactError {}

/// Marks the regular file at the absolute path `path` of the step as executable, or as not executable. The mark travels with the
/// file into the step's outputs.
///
/// # Errors
///
/// Fails when there is no such file, or when it is not the step's to change.
pub fn set_executable(path: &str, executable: bool) -> Result<(), ArtifactError> {
    host::set_executable(path, executable).map_err(|code| match code {
        ErrorCode::NoEntry => ArtifactError::NoEntry,
        ErrorCode::NotAFile => ArtifactError::NotAFile,
        ErrorCode::ReadOnly => ArtifactError::ReadOnly,
    })
}
