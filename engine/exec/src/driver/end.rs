//! The end of a step and of a run: what is recorded and told. Not here: why a step ended.

use std::collections::BTreeMap;
use std::sync::Arc;

use airtight_model::event::{CacheOutcome, Event, RunSummary, StepFinished};
use airtight_model::{ActionKey, ActionResult, Outcome, StepId, StepReport, Usage, Value};
use serde_json::Value as Json;

use super::Driver;
use super::attempt::result_of;
use crate::ledger::Ledger;
use crate::ports::{RecordedStep, RunRecord};
use crate::report::{RunReport, StepEnd};

impl Driver {
    /// An end with nothing in it: what the three ways to end fill in.
    fn blank(&self, step: StepId, outcome: Outcome) -> StepEnd {
        let planned = self.ledger.step(step);
        let track = &self.tracks[step.index()];
        let took = track.begun.map(|begun| self.services.clock.now().saturating_sub(begun));
        StepEnd {
            name: planned.name.clone(),
            outcome,
            cache: CacheOutcome::Off,
            class: planned.class,
            allow_failure: planned.allow_failure,
            key: None,
            result: None,
            stdout: Default::default(),
            stderr: Default::default(),
            cause: None,
            help: None,
            exit_code: None,
            attempts: track.attempts,
            usage: Usage::default(),
            duration_us: took.map_or(0, |took| took.as_micros() as u64),
        }
    }

    pub(super) fn end_with_hit(
        &mut self,
        step: StepId,
        cache: CacheOutcome,
        key: ActionKey,
        result: Arc<ActionResult>,
    ) {
        let (stdout, stderr, usage) = (result.stdout.clone(), result.stderr.clone(), result.usage);
        let blank = self.blank(step, Outcome::Succeeded);
        self.end(
            step,
            StepEnd {
                cache,
                key: Some(key),
                result: Some(result),
                stdout,
                stderr,
                usage,
                ..blank
            },
        );
    }

    pub(super) fn end_with_report(&mut self, step: StepId, report: StepReport) {
        let blank = self.blank(step, report.outcome);
        let succeeded = report.outcome == Outcome::Succeeded;
        let result = succeeded.then(|| Arc::new(result_of(&report)));
        let (key, cache) = self.asked(step);
        let end = StepEnd {
            cache,
            key,
            result,
            stdout: report.stdout,
            stderr: report.stderr,
            cause: report.cause,
            help: report.help,
            exit_code: report.exit_code,
            usage: report.usage,
            ..blank
        };
        self.end(step, end);
    }

    pub(super) fn end_without_result(
        &mut self,
        step: StepId,
        outcome: Outcome,
        cause: Option<String>,
        help: Option<String>,
    ) {
        let (key, cache) = self.asked(step);
        let end = StepEnd {
            cause,
            help,
            key,
            cache,
            ..self.blank(step, outcome)
        };
        self.end(step, end);
    }

    /// The key of a step that was looked up, and how the cache answered.
    fn asked(&self, step: StepId) -> (Option<ActionKey>, CacheOutcome) {
        let pending = self.tracks[step.index()].pending.as_ref();
        pending.map_or((None, CacheOutcome::Off), |pending| (Some(pending.key), pending.cache))
    }

    fn end(&mut self, step: StepId, end: StepEnd) {
        let outcome = end.outcome;
        self.record(step, end);
        self.scheduler.finish(step, outcome);
        self.made_again(step);
    }

    /// Records and tells the end of a step.
    fn record(&mut self, step: StepId, end: StepEnd) {
        self.ledger.set_step(step, end.outcome, end.result.clone());
        if let Some(pending) = self.tracks[step.index()].pending.take()
            && self.going.get(&pending.key) == Some(&step)
        {
            self.going.remove(&pending.key);
        }
        self.emit(&Event::StepFinished(Box::new(finished(&end))));
        self.ends[step.index()] = Some(end);
    }

    /// Tells the steps that ended by a rule, and the running ones that a rule stops.
    pub(super) fn tell_ended(&mut self) {
        for ended in self.scheduler.take_ended() {
            let plan = self.ledger.plan().clone();
            let cause = ended.reason.sentence(|step| &plan.steps[step.index()].name);
            let end = StepEnd {
                cause: Some(cause),
                ..self.blank(ended.step, ended.outcome)
            };
            self.record(ended.step, end);
            self.made_again(ended.step);
        }
        let stops = self.scheduler.take_stops();
        self.stop(&stops);
    }

    pub(super) fn has_failed(&self) -> bool {
        let failed = |end: &StepEnd| is_failure(end) || end.outcome == Outcome::Cancelled;
        !self.problems.is_empty() || self.ends.iter().flatten().any(failed)
    }

    fn summary(&self) -> RunSummary {
        let count = |test: &dyn Fn(&StepEnd) -> bool| self.ends.iter().flatten().filter(|end| test(end)).count();
        let failed = self
            .ends
            .iter()
            .flatten()
            .filter(|end| is_failure(end))
            .map(|end| end.name.clone());
        RunSummary {
            steps: self.ends.len(),
            ran: count(&|end| end.attempts > 0),
            full: count(&|end| end.cache == CacheOutcome::Full),
            narrow: count(&|end| end.cache == CacheOutcome::Narrow),
            skipped: count(&|end| end.outcome == Outcome::Skipped),
            failed: failed.collect(),
            cancelled: count(&|end| end.outcome == Outcome::Cancelled),
            success: !self.has_failed(),
            duration_us: self.services.clock.now().saturating_sub(self.begun).as_micros() as u64,
        }
    }

    /// Ends the run.
    pub(super) fn report(mut self) -> (RunReport, Ledger) {
        let summary = self.summary();
        let steps: Vec<StepEnd> = std::mem::take(&mut self.ends).into_iter().flatten().collect();
        let record = RunRecord {
            run: self.options.run.clone(),
            pipeline: self.ledger.plan().name.clone(),
            success: summary.success,
            duration_us: summary.duration_us,
            identity: self.options.identity.clone(),
            history: self.history(),
            steps: steps
                .iter()
                .map(|end| recorded(end, self.options.identity_of(&end.name)))
                .collect(),
        };
        if let Err(error) = self.services.cache.record_run(&record) {
            self.warn(
                format!("the run could not be recorded: {error}"),
                error.help().map(str::to_owned),
            );
        }
        self.emit(&Event::RunFinished(summary.clone()));
        let report = RunReport {
            run: self.options.run.clone(),
            summary,
            steps,
            sources: self.ledger.sources_read(),
            exports: std::mem::take(&mut self.exports),
            problems: std::mem::take(&mut self.problems),
            cancelled: self.cancel.is_cancelled(),
        };
        (report, self.ledger)
    }
}

/// Whether a step's end fails the run by itself.
fn is_failure(end: &StepEnd) -> bool {
    let bad = matches!(
        end.outcome,
        Outcome::Failed | Outcome::Denied | Outcome::TimedOut | Outcome::Errored
    );
    bad && !end.allow_failure
}

fn finished(end: &StepEnd) -> StepFinished {
    let result = end.result.as_deref();
    let outputs = result.map_or(&[][..], |result| &result.outputs);
    let outputs = outputs.iter().map(|(name, node)| (name.clone(), node.describe()));
    StepFinished {
        step: end.name.clone(),
        outcome: end.outcome,
        cache: end.cache,
        cached: matches!(end.cache, CacheOutcome::Full | CacheOutcome::Narrow),
        class: end.class,
        duration_us: end.duration_us,
        outputs: outputs.collect::<BTreeMap<_, _>>(),
        result: result
            .and_then(|result| result.result.as_ref())
            .map_or(Json::Null, Value::to_data),
        key: end.key.map(|key| key.to_string()),
        cause: end.cause.clone(),
        help: end.help.clone(),
        exit_code: end.exit_code,
        allow_failure: end.allow_failure,
        attempts: end.attempts,
        usage: end.usage,
    }
}

fn recorded(end: &StepEnd, identity: String) -> RecordedStep {
    let outputs = end
        .result
        .as_deref()
        .map_or(Vec::new(), |result: &ActionResult| result.outputs.clone());
    RecordedStep {
        name: end.name.clone(),
        identity,
        ran: end.attempts > 0,
        duration_us: end.usage.duration_us,
        outcome: end.outcome,
        class: end.class,
        key: end.key,
        outputs,
    }
}
