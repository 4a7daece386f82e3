//! What came of a run. Not here: how it is shown, or which exit code it means (the command line).

use std::sync::Arc;

use airtight_model::event::{CacheOutcome, RunSummary};
use airtight_model::{
    ActionKey, ActionResult, Captured, Class, Diagnostic, Node, Outcome, RunId, SourceId, StepId, Usage,
};

use crate::ports::Ingested;

/// What came of a run: a value even when nothing began.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// The run.
    pub run: RunId,
    /// The numbers, as in the event `run-finished`.
    pub summary: RunSummary,
    /// How each step ended, in the order of the plan.
    pub steps: Vec<StepEnd>,
    /// What the sources were, in the order of the plan: those that were read.
    pub sources: Vec<(SourceId, Ingested)>,
    /// What was written to the user's tree.
    pub exports: Vec<Exported>,
    /// What went wrong outside of steps: sources that cannot be used, exports that cannot be written.
    pub problems: Vec<Problem>,
    /// Whether the run was cancelled from outside.
    pub cancelled: bool,
}

impl RunReport {
    /// How a step ended.
    pub fn step(&self, step: StepId) -> &StepEnd {
        &self.steps[step.index()]
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub struct StepEnd {
    /// Its whole name.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How the cache answered.
    pub cache: CacheOutcome,
    /// Its class.
    pub class: Class,
    /// Whether its failure counts as one.
    pub allow_failure: bool,
    /// Its full key, where it came so far.
    pub key: Option<ActionKey>,
    /// What it made, if it succeeded.
    pub result: Option<Arc<ActionResult>>,
    /// Standard output of the attempt that counts, whatever its outcome.
    pub stdout: Captured,
    /// Standard error of the attempt that counts, whatever its outcome.
    pub stderr: Captured,
    /// Why it did not succeed, or was skipped.
    pub cause: Option<String>,
    /// What to do about that.
    pub help: Option<String>,
    /// The exit code of a command that failed.
    pub exit_code: Option<i32>,
    /// How many attempts were made in this run.
    pub attempts: u32,
    /// What the attempt used that made the result.
    pub usage: Usage,
    /// How long it took, the look-up included, in microseconds.
    pub duration_us: u64,
}

/// A write to the user's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The path, relative to the pipeline file's folder.
    pub to: String,
    /// What is there now, for people and events.
    pub digest: String,
    /// What is there now.
    pub node: Node,
    /// Whether it was there already.
    pub unchanged: bool,
}

/// Who has to do something about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemClass {
    /// The user: the pipeline or the files are wrong.
    User,
    /// Whoever looks after the machine: store, disk, permissions.
    Infrastructure,
}

/// Something wrong outside of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What and where.
    pub diagnostic: Diagnostic,
    /// Whose it is.
    pub class: ProblemClass,
}

impl Problem {
    pub(crate) fn of(error: &crate::ports::ServiceError, span: airtight_model::Span, what: &str) -> Self {
        use crate::ports::ServiceError;
        let (code, class) = match error {
            ServiceError::User { code, .. } => (*code, ProblemClass::User),
            ServiceError::Infrastructure { code, .. } => (*code, ProblemClass::Infrastructure),
            ServiceError::Lost { .. } => (crate::codes::LOST, ProblemClass::Infrastructure),
        };
        let mut diagnostic = Diagnostic::error(code, span, format!("{what}: {error}"));
        diagnostic.help = error.help().map(str::to_owned);
        Self { diagnostic, class }
    }
}
