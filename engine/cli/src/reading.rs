//! What planning read of the user's files: each with the digest of what was used of it, noted as it is read. Not here: why
//! that is of interest (`unchanged`).

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use airtight_model::{BlobDigest, KnownFile};

/// The files that were read so far, and those that were looked for and not there.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    noted: Mutex<Noted>,
}

/// What was noted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// Files, in the order in which they were read.
    pub(crate) files: Vec<KnownFile>,
    /// Components among the user's files: path below the pipeline's folder → digest.
    pub(crate) components: Vec<(String, BlobDigest)>,
    /// Whether there is more to it than files: a path that cannot be noted because it is not UTF-8, or something that the user was told
    /// of what was read, and is to be told each time.
    pub(crate) incomplete: bool,
}

impl Reading {
    /// Notes the text that a file had.
    pub(crate) fn text(&self, path: &Path, text: &str) {
        let found = path.canonicalize().ok();
        let found = found.and_then(|found| Some((found.to_str()?.to_owned(), BlobDigest::of(text.as_bytes()))));
        self.file(path, found.map(Some));
    }

    /// Notes that a file is not there.
    pub(crate) fn absent(&self, path: &Path) {
        self.file(path, Some(None));
    }

    fn file(&self, path: &Path, found: Option<Option<(String, BlobDigest)>>) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        match (path.to_str(), found) {
            (Some(path), Some(found)) => {
                let path = path.to_owned();
                let file = KnownFile { path, found };
                // The lock is read for what it says of components, and again for what it allows.
                if !noted.files.contains(&file) {
                    noted.files.push(file);
                }
            }
            _ => noted.incomplete = true,
        }
    }

    /// Says that there is more to it than what is noted.
    pub(crate) fn incomplete(&self) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).incomplete = true;
    }

    /// Notes a component.
    pub(crate) fn component(&self, path: &str, digest: BlobDigest) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let component = (path.to_owned(), digest);
        if !noted.components.contains(&component) {
            noted.components.push(component);
        }
    }

    /// All that was noted.
    pub(crate) fn noted(&self) -> Noted {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
