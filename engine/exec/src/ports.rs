//! What the driver needs of the outside, as narrow traits: the action cache, trees, components that steps make, and a
//! clock. Not here: their implementation over the store (`adapter`), or the runner (`runner`).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use airtight_model::component::ComponentSummary;
use airtight_model::history::RunHistory;
use airtight_model::plan::PlannedSource;
use airtight_model::{Action, ActionKey, ActionResult, BlobDigest, Class, Node, Outcome, ReadSet, RunId};
use airtight_store::{Explained, Lookup, PublishOutcome};

use crate::cancel::Cancel;

/// Why a service could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// A blob is not in the store or was altered there: what made it has to run again.
    #[error("{message}")]
    Lost {
        /// The blob.
        blob: BlobDigest,
        /// What was found.
        message: String,
    },
    /// The user's files or the pipeline are not as they should be.
    #[error("{message}")]
    User {
        /// The stable code of a diagnostic of it.
        code: &'static str,
        /// What is wrong, as a sentence without a period.
        message: String,
        /// The mend.
        help: Option<String>,
    },
    /// The machine failed: disk, permissions of the store, another process.
    #[error("{message}")]
    Infrastructure {
        /// The stable code of a diagnostic of it.
        code: &'static str,
        /// What went wrong, as a sentence without a period.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
}

impl ServiceError {
    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Lost { .. } => None,
            Self::User { help, .. } | Self::Infrastructure { help, .. } => help.as_deref(),
        }
    }

    /// The blob that has to be made again, if that is what is wrong.
    pub fn lost_blob(&self) -> Option<BlobDigest> {
        match self {
            Self::Lost { blob, .. } => Some(*blob),
            Self::User { .. } | Self::Infrastructure { .. } => None,
        }
    }
}

/// The action cache and the record of runs.
pub trait Cache: Send + Sync {
    /// Looks an action up. `identity` names the step across runs, so that a miss can say what changed.
    ///
    /// # Errors
    /// The store cannot be read. What is there but damaged is a miss.
    fn lookup(&self, action: &Action, identity: &str) -> Result<Lookup, ServiceError>;

    /// What a look-up finds and what its keys are made of. Changes nothing.
    ///
    /// # Errors
    /// As [`Cache::lookup`].
    fn explain(&self, action: &Action, identity: &str) -> Result<Explained, ServiceError>;

    /// Keeps what came of an action that succeeded.
    ///
    /// # Errors
    /// The store cannot be written.
    fn publish(&self, done: &StepRecord<'_>, reads: &ReadSet) -> Result<PublishOutcome, ServiceError>;

    /// Forgets what is known of an action, because it was found to be wrong.
    ///
    /// # Errors
    /// The store cannot be written.
    fn forget(&self, action: &Action) -> Result<(), ServiceError>;

    /// How long the steps of these identities took when they last ran, where that is known.
    fn durations(&self, identities: &[String]) -> Vec<Option<Duration>>;

    /// Records a run that has ended: its outputs, named `step.output`, and what its steps did are kept from the sweep for a
    /// while, and how long its steps took is the next run's estimate.
    ///
    /// # Errors
    /// The store cannot be written.
    fn record_run(&self, record: &RunRecord) -> Result<(), ServiceError>;
}

/// An action and what came of it.
#[derive(Debug, Clone, Copy)]
pub struct StepRecord<'a> {
    /// The name of the step across runs.
    pub identity: &'a str,
    /// The action.
    pub action: &'a Action,
    /// What came of it.
    pub result: &'a ActionResult,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The run.
    pub run: RunId,
    /// The pipeline's name.
    pub pipeline: String,
    /// Whether the run succeeded.
    pub success: bool,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// What tells its pipeline from others in the store.
    pub identity: String,
    /// Its steps, in the order of the plan.
    pub steps: Vec<RecordedStep>,
    /// What those of them did that ran.
    pub history: RunHistory,
}

/// A step of a run that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedStep {
    /// Its whole name.
    pub name: String,
    /// Its name across runs.
    pub identity: String,
    /// Whether an attempt was made in this run, and so its duration is that of an attempt.
    pub ran: bool,
    /// How long the attempt took that made its result, in microseconds.
    pub duration_us: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// Its class.
    pub class: Class,
    /// Its full key, where it has one.
    pub key: Option<ActionKey>,
    /// Its outputs by name, where it succeeded.
    pub outputs: Vec<(String, Node)>,
}

/// How sources are read.
#[derive(Debug, Clone, Copy)]
pub struct IngestOptions<'a> {
    /// The pipeline file's folder.
    pub root: &'a Path,
    /// Whether a file whose size and times have not changed may be taken for unchanged.
    pub stat_cache: bool,
    /// Raised when nobody waits for the answer any more.
    pub cancel: &'a Cancel,
}

/// A source that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// Its tree or file.
    pub node: Node,
    /// How many files it has.
    pub files: u64,
    /// What is worth a look: links that lead nowhere, names that were left out.
    pub warnings: Vec<String>,
}

/// A node with only the files that match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    /// The node.
    pub node: Node,
    /// The globs that nothing matches.
    pub unmatched: Vec<String>,
}

/// Trees and blobs: sources in, exports out.
pub trait Trees: Send + Sync {
    /// Brings a source into the store.
    ///
    /// # Errors
    /// It is not there, cannot be read, or changes while it is read.
    fn ingest(&self, source: &PlannedSource, options: IngestOptions<'_>) -> Result<Ingested, ServiceError>;

    /// The part of a node whose files match one of `globs`, with their parent folders.
    ///
    /// # Errors
    /// A tree is lost, or the store cannot be read or written.
    fn filter(&self, node: &Node, globs: &[String]) -> Result<Filtered, ServiceError>;

    /// The folder with an entry for each cell of a matrix.
    ///
    /// # Errors
    /// A label cannot be a file name, or the store cannot be written.
    fn cells(&self, cells: &[(String, Node)]) -> Result<Node, ServiceError>;

    /// Keeps bytes as a blob.
    ///
    /// # Errors
    /// The store cannot be written.
    fn put(&self, bytes: &[u8]) -> Result<BlobDigest, ServiceError>;

    /// Reads a part of a blob: less than `buffer` holds only at the end.
    ///
    /// # Errors
    /// The blob is lost or cannot be read.
    fn read(&self, blob: &BlobDigest, offset: u64, buffer: &mut [u8]) -> Result<usize, ServiceError>;

    /// The SHA-256 of a blob, computed once and remembered.
    ///
    /// # Errors
    /// The blob is lost or cannot be read.
    fn sha256(&self, blob: &BlobDigest) -> Result<[u8; 32], ServiceError>;

    /// Whether a node is, or has below it, this blob or tree. What cannot be read any more counts only by its digest.
    fn holds(&self, node: &Node, blob: &BlobDigest) -> bool;

    /// Writes a node to the user's tree at `to` below `root`. Returns whether it was there already.
    ///
    /// # Errors
    /// A blob is lost, or the place cannot be written.
    fn export(&self, node: &Node, root: &Path, to: &str) -> Result<bool, ServiceError>;
}

/// Why a component that a step has made cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComponentError {
    /// It is not a component that can be a step.
    #[error("{message}")]
    Unusable {
        /// What is wrong with it, as a sentence without a period.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// It cannot be read.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// Components that steps make, and those that are there before.
pub trait Components: Send + Sync {
    /// What the component with these bytes says of itself.
    ///
    /// # Errors
    /// It is no component, or cannot be read.
    fn summary(&self, component: &BlobDigest) -> Result<Arc<ComponentSummary>, ComponentError>;

    /// Brings the bytes of a component that no step makes back into the store, where they were lost; false when they are not to
    /// be had any more.
    fn restore(&self, component: &BlobDigest) -> bool;
}

/// A clock for durations.
pub trait Clock: Send + Sync {
    /// The time since some moment that stays the same.
    fn now(&self) -> Duration;
}

/// The machine's monotonic clock (in tests, tokio's paused one).
#[derive(Debug, Clone, Copy)]
pub struct Monotonic {
    start: tokio::time::Instant,
}

impl Monotonic {
    /// Starts at zero.
    pub fn new() -> Self {
        Self {
            start: tokio::time::Instant::now(),
        }
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
