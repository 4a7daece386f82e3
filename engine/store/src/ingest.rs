//! Ingest: a folder or file of the host becomes a node of the store. Steps read what was ingested, never the working
//! tree. Not here: what a pipeline calls a source, and exports.

mod error;
mod links;
mod look;
mod rules;
mod seen;
mod walk;

use std::path::Path;
use std::sync::Arc;

use airtight_model::Node;
use cap_std::ambient_authority;
use cap_std::fs::Dir;

pub use error::{IngestError, LinkProblem};
pub(crate) use links::escapes;
pub(crate) use rules::{Excludes, compile};
pub use rules::{LeftOut, LeftOutReason};
use walk::Walk;

use crate::store::Store;

/// How often a source that changes while it is read is read again.
const TRIES: u32 = 3;

/// What is ingested.
#[derive(Debug, Clone)]
pub struct IngestRequest<'a> {
    /// The pipeline file's folder: nothing outside of it is read.
    pub root: &'a Path,
    /// The source, relative to `root`, with `/`: `.`, `app`, `data/one.txt`.
    pub path: &'a str,
    /// Globs relative to the source (`*` stays within a name, `**` does not); what one matches is left out, and a folder with all that
    /// is in it. `x/**` leaves out the folder `x` too.
    pub exclude: &'a [String],
    /// Whether `.gitignore` files inside the source count. (No others do, and `.git` is never in.)
    pub gitignore: bool,
    /// Whether files whose size and times are those of the last ingest need not be read.
    pub stat_cache: bool,
    /// Whether to list what was left out.
    pub list_left_out: bool,
}

/// What was ingested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// The source.
    pub node: Node,
    /// How many files and links are in it.
    pub files: u64,
    /// How many files had to be read, because nothing was known of them.
    pub read: u64,
    /// What was left out, by path, if it was asked for.
    pub left_out: Vec<LeftOut>,
}

impl Store {
    /// Ingests a folder or a file.
    ///
    /// # Errors
    /// Something in it cannot be a part of a source (each with its place and what mends it), it changes while it is read,
    /// or the store cannot be written.
    pub fn ingest(&self, request: &IngestRequest<'_>) -> Result<Ingested, IngestError> {
        let excludes = Arc::new(Excludes::new(request.exclude)?);
        let mut tries = 0;
        loop {
            tries += 1;
            let changed = match self.ingest_once(request, &excludes, Sink::Store) {
                Err(IngestError::Changed { path }) => path,
                other => return other,
            };
            if tries == TRIES {
                return Err(IngestError::Changed { path: changed });
            }
        }
    }

    pub(crate) fn ingest_once(
        &self,
        request: &IngestRequest<'_>,
        excludes: &Arc<Excludes>,
        sink: Sink,
    ) -> Result<Ingested, IngestError> {
        let shown = request.path;
        let root = Dir::open_ambient_dir(request.root, ambient_authority())
            .map_err(|source| IngestError::unreadable(&request.root.display().to_string(), source))?;
        // Links on the way are followed, as long as they stay in the root.
        let opening = |source| IngestError::opening(shown, source);
        let path = root
            .canonicalize(if shown.is_empty() { "." } else { shown })
            .map_err(opening)?;
        let walk = Walk::new(self, request, Arc::clone(excludes), sink);
        if path.as_os_str().is_empty() || path == Path::new(".") {
            return walk.folder(root.into_std_file().into());
        }
        if root.metadata(&path).map_err(opening)?.is_dir() {
            return walk.folder(root.open_dir(&path).map_err(opening)?.into_std_file().into());
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default();
        walk.file(root.open_dir(parent).map_err(opening)?.into_std_file().into(), name)
    }
}

/// Where what was read goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
    /// Into the store.
    Store,
    /// Nowhere: only the digests are wanted.
    Digests,
}
