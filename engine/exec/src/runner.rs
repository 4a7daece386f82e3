//! What runs an attempt, as the driver sees it: a trait with one call, and what that call gets. Not here: the sandbox,
//! which the command line puts behind it.

use std::sync::{Arc, OnceLock};

use airtight_model::event::Stream;
use airtight_model::step::{LogLine, Report};
use airtight_model::{BlobDigest, StepReport, StepRequest};
use async_trait::async_trait;

use crate::cancel::Cancel;

/// Runs attempts.
#[async_trait]
pub trait StepRunner: Send + Sync {
    /// Makes one attempt. Whatever happens is in the report: [`airtight_model::Outcome::Errored`] where the host failed,
    /// [`airtight_model::Outcome::Cancelled`] where `control.cancel` was raised, to be obeyed within half a second
    /// whatever the guest does. All blobs that the report names are in the store.
    async fn run(&self, request: StepRequest, control: RunnerControl) -> StepReport;
}

/// What an attempt gets beside its request.
#[derive(Clone)]
pub struct RunnerControl {
    /// Raised when the attempt has to end.
    pub cancel: Cancel,
    /// Where what the guest says goes while it runs.
    pub sink: Arc<dyn StepSink>,
    /// Hears the host calls of the attempt, where someone asks for them.
    pub trace: Option<Arc<dyn TraceSink>>,
}

/// Hears the host calls of an attempt in their order.
pub trait TraceSink: Send + Sync {
    /// A call: what was called, with what, and what came of it, in one line.
    fn call(&self, line: &str);
}

/// Takes what a guest says while it runs. What it takes is shown, not kept: the report carries all of it again, but
/// for progress.
pub trait StepSink: Send + Sync {
    /// The guest wrote to a stream: any bytes, in the order in which it did.
    fn output(&self, stream: Stream, bytes: &[u8]);
    /// The guest logged a line.
    fn log(&self, line: &LogLine);
    /// The guest said how far it is.
    fn progress(&self, task: &str, done: u64, total: Option<u64>);
    /// The guest reported something.
    fn report(&self, report: &Report);
    /// A blob that the attempt needs (of a mount, or the component) is not in the store or was altered there. The driver
    /// has it made again and makes the attempt once more, whatever its report says.
    fn lost(&self, blob: BlobDigest);
}

/// Why there is no runner.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct RunnerError {
    /// What went wrong, as a sentence without a period.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

type Made = Result<Arc<dyn StepRunner>, RunnerError>;

/// A runner that is made when the first step has to run: a run in which every step hits starts nothing of it.
pub struct LazyRunner {
    make: Box<dyn Fn() -> Made + Send + Sync>,
    made: OnceLock<Made>,
}

impl LazyRunner {
    /// A runner that `make` makes, at most once.
    pub fn new(make: impl Fn() -> Made + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            made: OnceLock::new(),
        }
    }

    /// A runner that is there.
    pub fn ready(runner: Arc<dyn StepRunner>) -> Self {
        Self {
            make: Box::new(move || Ok(runner.clone())),
            made: OnceLock::new(),
        }
    }

    /// The runner, made now if it is not there. Others who ask meanwhile wait.
    ///
    /// # Errors
    /// It could not be made, now or the first time.
    pub fn get(&self) -> Made {
        self.made.get_or_init(&self.make).clone()
    }

    /// Whether anyone has asked for it.
    pub fn is_made(&self) -> bool {
        self.made.get().is_some()
    }
}
