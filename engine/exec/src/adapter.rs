//! The driver's ports over the store. The only file of this crate that knows the store's calls. Not here: any decision.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use airtight_model::plan::PlannedSource;
use airtight_model::{Action, BlobDigest, Node, Outcome, ReadSet, TreeDigest};
use airtight_store::{Explained, ExportError, IngestError, IngestRequest, Lookup, PublishOutcome, Store, StoreError};

use crate::ports::{Cache, Filtered, IngestOptions, Ingested, RunRecord, ServiceError, StepRecord, Trees};
use crate::unchanged::Read;

/// The kind of the records that hold how long steps took: identity → microseconds, 8 bytes little-endian.
const DURATION: &str = "step duration v1";

/// A store as cache and trees.
#[derive(Debug, Clone)]
pub struct StoreServices {
    store: Store,
    /// Sources that were read before the run began, each for one ingest of it.
    read: Arc<Mutex<Vec<Read>>>,
}

impl StoreServices {
    /// Puts a store behind the driver's ports. Whoever makes it holds a lease on the store for as long as it runs.
    pub fn new(store: Store) -> Self {
        Self::with_sources(store, Vec::new())
    }

    /// As [`StoreServices::new`], with sources that were read a moment ago for this run: the first ingest of each is answered
    /// with what was read then.
    pub fn with_sources(store: Store, read: Vec<Read>) -> Self {
        Self {
            store,
            read: Arc::new(Mutex::new(read)),
        }
    }

    fn read_before(&self, source: &PlannedSource) -> Option<Ingested> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |known: &PlannedSource| {
            (&known.path, &known.exclude, known.gitignore) == (&source.path, &source.exclude, source.gitignore)
        };
        let position = read.iter().position(|(known, _)| same(known))?;
        Some(read.swap_remove(position).1)
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error.lost_blob() {
            Some(blob) => Self::Lost { blob, message },
            None => Self::Infrastructure {
                code: error.code(),
                message,
                help: error.help(),
            },
        }
    }
}

impl From<IngestError> for ServiceError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Store(error) => error.into(),
            error => Self::User {
                code: error.code(),
                message: error.to_string(),
                help: error.help(),
            },
        }
    }
}

impl From<ExportError> for ServiceError {
    fn from(error: ExportError) -> Self {
        let (code, message, help) = (error.code(), error.to_string(), error.help());
        match error {
            ExportError::Store(error) => error.into(),
            ExportError::Path { .. } | ExportError::Link { .. } | ExportError::Repository { .. } => {
                Self::User { code, message, help }
            }
            ExportError::Io { .. } => Self::Infrastructure { code, message, help },
        }
    }
}

impl Cache for StoreServices {
    fn lookup(&self, action: &Action, identity: &str) -> Result<Lookup, ServiceError> {
        Ok(self.store.lookup(action, identity)?)
    }

    fn explain(&self, action: &Action, identity: &str) -> Result<Explained, ServiceError> {
        Ok(self.store.explain(action, identity)?)
    }

    fn publish(&self, done: &StepRecord<'_>, reads: &ReadSet) -> Result<PublishOutcome, ServiceError> {
        Ok(self.store.publish(done.action, reads, done.result, done.identity)?)
    }

    fn forget(&self, action: &Action) -> Result<(), ServiceError> {
        Ok(self.store.forget_results(action)?)
    }

    fn durations(&self, identities: &[String]) -> Vec<Option<Duration>> {
        let micros = |identity: &String| {
            let record = self.store.record_get(DURATION, identity.as_bytes()).ok()??;
            Some(Duration::from_micros(u64::from_le_bytes(record.try_into().ok()?)))
        };
        identities.iter().map(micros).collect()
    }

    fn record_run(&self, record: &RunRecord) -> Result<(), ServiceError> {
        for step in record
            .steps
            .iter()
            .filter(|step| step.ran && step.outcome == Outcome::Succeeded)
        {
            let micros = step.duration_us.to_le_bytes();
            self.store.record_put(DURATION, step.identity.as_bytes(), &micros)?;
        }
        if !record.history.steps.is_empty() {
            self.store.record_history(&record.identity, &record.history)?;
        }
        let named = record.steps.iter().flat_map(|step| {
            let outputs = step.outputs.iter();
            outputs.map(|(output, node)| (format!("{}.{output}", step.name), node.clone()))
        });
        Ok(self.store.record_run(&record.run.0, &named.collect::<Vec<_>>())?)
    }
}

impl Trees for StoreServices {
    fn ingest(&self, source: &PlannedSource, options: IngestOptions<'_>) -> Result<Ingested, ServiceError> {
        if options.stat_cache
            && let Some(read) = self.read_before(source)
        {
            return Ok(read);
        }
        let request = IngestRequest {
            root: options.root,
            path: &source.path,
            exclude: &source.exclude,
            gitignore: source.gitignore,
            stat_cache: options.stat_cache,
            list_left_out: false,
        };
        let read = self.store.ingest(&request)?;
        Ok(Ingested {
            node: read.node,
            files: read.files,
            warnings: Vec::new(),
        })
    }

    fn filter(&self, node: &Node, globs: &[String]) -> Result<Filtered, ServiceError> {
        let filtered = self.store.filter(node, globs)?;
        Ok(Filtered {
            node: filtered.node,
            unmatched: filtered.unmatched,
        })
    }

    fn cells(&self, cells: &[(String, Node)]) -> Result<Node, ServiceError> {
        Ok(self.store.cells(cells.to_vec())?)
    }

    fn put(&self, bytes: &[u8]) -> Result<BlobDigest, ServiceError> {
        Ok(self.store.put_blob(bytes)?)
    }

    fn read(&self, blob: &BlobDigest, offset: u64, buffer: &mut [u8]) -> Result<usize, ServiceError> {
        Ok(self.store.blob(blob)?.read_at(offset, buffer)?)
    }

    fn sha256(&self, blob: &BlobDigest) -> Result<[u8; 32], ServiceError> {
        Ok(self.store.sha256(blob)?)
    }

    fn holds(&self, node: &Node, blob: &BlobDigest) -> bool {
        // Trees that are there many times are looked into once.
        let (mut open, mut seen): (Vec<Node>, HashSet<TreeDigest>) = (vec![node.clone()], HashSet::new());
        while let Some(node) = open.pop() {
            match node {
                Node::File { blob: held, .. } if held == *blob => return true,
                Node::Directory(tree) if tree.as_blob() == *blob => return true,
                Node::Directory(tree) if seen.insert(tree) => {
                    if let Ok(tree) = self.store.tree(&tree) {
                        open.extend(tree.entries().iter().map(|entry| entry.node.clone()));
                    }
                }
                Node::File { .. } | Node::Directory(_) | Node::Symlink(_) => {}
            }
        }
        false
    }

    fn export(&self, node: &Node, root: &Path, to: &str) -> Result<bool, ServiceError> {
        Ok(!self.store.export(node, root, to)?.written)
    }
}
