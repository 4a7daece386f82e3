//! What the plan says about when a step runs, and the rule that decides it. Not here: bounds on how many run at a time.

use airtight_model::plan::{PlannedStep, When};
use airtight_model::{Outcome, StepId};

/// What the scheduler knows of a step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepRules {
    /// Steps whose outputs or results it uses.
    pub needs: Vec<StepId>,
    /// All steps that it waits for, ascending, each once.
    pub predecessors: Vec<StepId>,
    /// Which outcomes of those let it run.
    pub when: When,
    /// Whether its failure counts as one.
    pub allow_failure: bool,
    /// The matrix group that it belongs to.
    pub group: Option<u32>,
    /// How many of the group may run at a time.
    pub max_parallel: Option<u32>,
    /// Whether its failure cancels the rest of the group.
    pub fail_fast: bool,
}

/// Why a step ended without running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It uses what this step makes, which did not succeed.
    Needs(StepId, Outcome),
    /// It follows this step, which failed or was skipped because of a failure.
    After(StepId, Outcome),
    /// It runs on a failure, and nothing that it follows failed.
    NothingFailed,
    /// This cell failed, and cancelled the rest of the matrix.
    FailFast(StepId),
    /// This step failed, and the run does not keep going.
    Stopped(StepId),
    /// The run was cancelled.
    RunCancelled,
    /// A source could not be read, so nothing began.
    NoSources,
}

impl Reason {
    /// The reason as a sentence without a period.
    pub fn sentence<'a>(&self, name: impl Fn(StepId) -> &'a str) -> String {
        match *self {
            Self::Needs(step, outcome) => format!("it needs `{}`, which {}", name(step), ended(outcome)),
            Self::After(step, outcome) => format!("it comes after `{}`, which {}", name(step), ended(outcome)),
            Self::NothingFailed => "it runs only on a failure, and nothing that it comes after failed".to_owned(),
            Self::FailFast(step) => format!("`{}` failed, and the matrix is `fail-fast`", name(step)),
            Self::Stopped(step) => format!("`{}` failed, and the run does not keep going", name(step)),
            Self::RunCancelled => "the run was cancelled".to_owned(),
            Self::NoSources => "the run did not begin: a source cannot be used".to_owned(),
        }
    }
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::Denied => "was denied something",
        Outcome::TimedOut => "timed out",
        Outcome::Cancelled => "was cancelled",
        Outcome::Skipped => "was skipped",
        Outcome::Errored => "could not be run",
    }
}

impl StepRules {
    /// The rules of a planned step.
    pub fn of(step: &PlannedStep) -> Self {
        Self {
            needs: step.needs.clone(),
            predecessors: step.predecessors(),
            when: step.when,
            allow_failure: step.allow_failure,
            group: step.group,
            max_parallel: step.max_parallel,
            fail_fast: step.fail_fast,
        }
    }

    /// Whether the step is there for failures, so that a run that stops after one still starts it.
    pub(crate) fn runs_after_failure(&self) -> bool {
        matches!(self.when, When::OnFailure | When::Always)
    }

    /// What its predecessors mean for a step: nothing (it may run), or its end, why, and whether that counts as failed
    /// for what comes after it. `end` tells how a predecessor ended and whether that counts as failed.
    ///
    /// A data edge to what did not succeed always skips, for there is nothing to mount or to read. What was skipped by
    /// a condition, or failed where that is allowed, does not count as failed.
    pub(crate) fn verdict(&self, end: impl Fn(StepId) -> (Outcome, bool)) -> Option<(Outcome, Reason, bool)> {
        let ends = |steps: &'_ [StepId]| -> Option<(StepId, Outcome, bool)> {
            let missing = |step: &StepId| (*step, end(*step).0, end(*step).1);
            let missing = steps
                .iter()
                .map(missing)
                .filter(|(_, outcome, _)| *outcome != Outcome::Succeeded);
            // A failure explains more than a skip; else the first in the order of the file.
            missing.min_by_key(|(step, _, bad)| (!bad, *step))
        };
        if let Some((step, outcome, bad)) = ends(&self.needs) {
            return Some((Outcome::Skipped, Reason::Needs(step, outcome), bad));
        }
        let failed = self.predecessors.iter().find(|step| end(**step).1);
        match (self.when, failed) {
            (When::OnSuccess, Some(step)) => Some((Outcome::Skipped, Reason::After(*step, end(*step).0), true)),
            (When::OnFailure, None) => Some((Outcome::Skipped, Reason::NothingFailed, false)),
            _ => None,
        }
    }
}
