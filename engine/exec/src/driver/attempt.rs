//! Attempts: their start, their end, and whether another is made. Not here: look-ups, or what an attempt does.

use std::sync::Arc;
use std::time::Duration;

use airtight_model::event::Event;
use airtight_model::{ActionResult, BlobDigest, Class, Outcome, StepId, StepReport, StepRequest};
use airtight_store::PublishOutcome;
use tokio::task::{AbortHandle, Id, JoinError};

use super::{Driver, MAX_BACKOFF};
use crate::cancel::Cancel;
use crate::pins;
use crate::ports::{ServiceError, StepRecord};
use crate::prepare::Prepared;
use crate::runner::{RunnerControl, StepRunner};
use crate::sink::EventSink;

/// An attempt that is going on.
pub(super) struct Attempt {
    pub(super) cancel: Cancel,
    pub(super) task: AbortHandle,
    pub(super) sink: Arc<EventSink>,
    /// The driver's epoch when it began.
    pub(super) epoch: u64,
}

/// What a task of the driver ends with.
pub(super) enum TaskEnd {
    /// An attempt.
    Attempt(Box<AttemptEnd>),
    /// The wait before the next attempt.
    Rested(StepId),
}

/// How an attempt ended.
pub(super) struct AttemptEnd {
    pub(super) step: StepId,
    pub(super) report: StepReport,
    pub(super) lost: Vec<BlobDigest>,
    /// Whether its result was kept, where it may be.
    pub(super) published: Option<Result<PublishOutcome, ServiceError>>,
    /// The document of what it read, where it could be kept.
    pub(super) reads: Option<BlobDigest>,
}

/// What an attempt's task needs of the driver.
struct Job {
    step: StepId,
    prepared: Prepared,
    identity: String,
    class: Class,
    services: super::Services,
    cancel: Cancel,
    sink: Arc<EventSink>,
}

impl Job {
    async fn run(self) -> TaskEnd {
        let report = match self.begin() {
            Ok((runner, request)) => {
                let control = RunnerControl {
                    cancel: self.cancel.clone(),
                    sink: self.sink.clone(),
                    trace: None,
                };
                runner.run(request, control).await
            }
            Err(report) => *report,
        };
        let lost = self.sink.finish();
        let mut report = report;
        if report.outcome == Outcome::Succeeded && lost.is_empty() {
            self.hold_to_pins(&mut report);
        }
        let keep = lost.is_empty() && report.cacheable && self.may_be_kept(&report);
        let mut published = None;
        if keep && report.outcome == Outcome::Succeeded {
            let result = result_of(&report);
            let done = StepRecord {
                identity: &self.identity,
                action: &self.prepared.action,
                result: &result,
            };
            published = Some(self.services.cache.publish(&done, &report.reads));
        }
        // Of a result that was published it is there already, and this finds its digest.
        let reads = self.services.trees.put(&report.reads.to_document()).ok();
        TaskEnd::Attempt(Box::new(AttemptEnd {
            step: self.step,
            report,
            lost,
            published,
            reads,
        }))
    }

    /// Whether a result of this class is one that a later run may use.
    fn may_be_kept(&self, report: &StepReport) -> bool {
        match self.class {
            Class::Pure => true,
            // What nothing pins may be another one tomorrow, whatever the plan thought of a component that did not exist.
            Class::FixedOutput => {
                report.result.is_none() && self.prepared.action.outputs().iter().all(|output| output.pin.is_some())
            }
            Class::Effectful => false,
        }
    }

    /// An attempt that made something else than what is pinned has failed, whatever it says, and made nothing.
    fn hold_to_pins(&self, report: &mut StepReport) {
        let wrong = match pins::check(self.prepared.action.outputs(), &report.outputs, &*self.services.trees) {
            Ok(None) => return,
            Ok(Some(wrong)) => (
                Outcome::Failed,
                wrong.cause,
                Some(wrong.help).filter(|help| !help.is_empty()),
            ),
            Err(error) => (
                Outcome::Errored,
                format!("a pinned output cannot be checked: {error}"),
                error.help().map(str::to_owned),
            ),
        };
        report.outcome = wrong.0;
        report.cause = Some(wrong.1);
        report.help = wrong.2;
        report.result = None;
        report.outputs = Vec::new();
        report.cacheable = false;
    }

    /// The runner and what it is asked; as the error, the report of an attempt that could not begin.
    fn begin(&self) -> Result<(Arc<dyn StepRunner>, StepRequest), Box<StepReport>> {
        let failed = |cause, help| Box::new(StepReport::errored(cause, help));
        let runner = self
            .services
            .runner
            .get()
            .map_err(|error| failed(error.message, error.help))?;
        if let Some(stdin) = &self.prepared.stdin {
            let put = self.services.trees.put(stdin);
            put.map_err(|error| failed(error.to_string(), error.help().map(str::to_owned)))?;
        }
        Ok((runner, self.prepared.request()))
    }
}

/// What is kept of a report.
pub(super) fn result_of(report: &StepReport) -> ActionResult {
    ActionResult {
        outputs: report.outputs.clone(),
        result: report.result.clone(),
        stdout: report.stdout.clone(),
        stderr: report.stderr.clone(),
        log: report.log.clone(),
        reports: report.reports.clone(),
        denials: report.denials.clone(),
        uses: report.uses.clone(),
        usage: report.usage,
    }
}

impl Driver {
    /// Starts an attempt of a step that is queued.
    pub(super) fn begin(&mut self, step: StepId) {
        let planned = self.ledger.step(step);
        let (name, class) = (planned.name.clone(), planned.class);
        let track = &mut self.tracks[step.index()];
        track.attempts += 1;
        let attempt = track.attempts;
        let Some(pending) = &track.pending else {
            // Only a step with a request is queued.
            return self.end_without_result(step, Outcome::Errored, Some("it was never prepared".to_owned()), None);
        };
        let (prepared, reason) = (pending.prepared.clone(), pending.reason.clone());
        self.attempt_begins(step);
        self.emit(&Event::StepStarted {
            step: name.clone(),
            reason,
            attempt,
        });
        let sink = Arc::new(EventSink::new(&name, self.services.events.clone()));
        let cancel = Cancel::new();
        let identity = self.options.identity_of(&name);
        let services = self.services.clone();
        let job = Job {
            step,
            prepared,
            identity,
            class,
            services,
            cancel: cancel.clone(),
            sink: sink.clone(),
        };
        let task = self.tasks.spawn(job.run());
        self.attempts.insert(
            step,
            Attempt {
                cancel,
                task,
                sink,
                epoch: self.epoch,
            },
        );
    }

    /// Takes the end of a task.
    pub(super) async fn take(&mut self, end: Result<(Id, TaskEnd), JoinError>) {
        match end {
            Ok((_, TaskEnd::Rested(step))) => self.scheduler.rested(step),
            Ok((_, TaskEnd::Attempt(end))) => self.attempt_ended(*end).await,
            Err(error) => {
                let found = self
                    .attempts
                    .iter()
                    .find(|(_, attempt)| attempt.task.id() == error.id());
                let Some((&step, attempt)) = found else { return };
                let lost = attempt.sink.finish();
                self.attempt_is_lost(step);
                let report = StepReport::errored("a bug: the attempt's task ended with a panic".to_owned(), None);
                self.attempt_ended(AttemptEnd {
                    step,
                    report,
                    lost,
                    published: None,
                    reads: None,
                })
                .await;
            }
        }
    }

    async fn attempt_ended(&mut self, end: AttemptEnd) {
        let AttemptEnd {
            step,
            mut report,
            lost,
            published,
            reads,
        } = end;
        let Some(attempt) = self.attempts.remove(&step) else {
            return;
        };
        self.attempt_did(step, &report, reads);
        let name = self.ledger.step(step).name.clone();
        for used in &report.uses {
            self.emit(&Event::StepUsed {
                step: name.clone(),
                used: used.clone(),
                cached: false,
            });
        }
        for denial in &report.denials {
            self.emit(&Event::StepDenied {
                step: name.clone(),
                denial: denial.clone(),
                cached: false,
            });
        }
        if !lost.is_empty() && attempt.cancel.is_cancelled() {
            // Nobody makes the blob again for it: it ended because it was told to.
            report.outcome = Outcome::Cancelled;
        } else if !lost.is_empty() {
            let cause = report
                .cause
                .unwrap_or_else(|| "a blob that it needs is lost".to_owned());
            return self.rewind(Some(step), &lost, attempt.epoch, cause).await;
        }
        self.tracks[step.index()].tried += 1;
        if let Some(wait) = self.retry(step, &report, &attempt) {
            let reason = report.cause.unwrap_or_else(|| report.outcome.word().to_owned());
            let (attempt, wait_ms) = (self.tracks[step.index()].attempts, wait.as_millis() as u64);
            self.emit(&Event::StepRetried {
                step: name,
                attempt,
                outcome: report.outcome,
                reason,
                wait_ms,
            });
            self.scheduler.rest(step);
            self.tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                TaskEnd::Rested(step)
            });
            return;
        }
        match published {
            Some(Err(error)) => {
                let help = error.help().map(str::to_owned);
                self.warn(format!("what came of `{name}` could not be kept: {error}"), help);
            }
            Some(Ok(PublishOutcome::Different(_))) => {
                let what = "made other outputs than before from the same inputs; the cache keeps those";
                self.warn(format!("`{name}` {what}"), None);
            }
            Some(Ok(PublishOutcome::Published | PublishOutcome::Known)) | None => {}
        }
        self.end_with_report(step, report);
    }

    /// How long to wait before another attempt, if there is to be one.
    fn retry(&mut self, step: StepId, report: &StepReport, attempt: &Attempt) -> Option<Duration> {
        let retry = self.ledger.step(step).retry.as_ref()?;
        let tried = self.tracks[step.index()].tried;
        let stopped = attempt.cancel.is_cancelled() || self.cancel.is_cancelled();
        if stopped || report.outcome == Outcome::Succeeded || tried > retry.times || !retry.on.contains(&report.outcome)
        {
            return None;
        }
        let wait = retry.backoff_ms.saturating_mul(1 << (tried - 1).min(32));
        Some(Duration::from_millis(wait).min(MAX_BACKOFF))
    }

    /// Tells running attempts to end.
    pub(super) fn stop(&self, steps: &[StepId]) {
        steps
            .iter()
            .filter_map(|step| self.attempts.get(step))
            .for_each(|attempt| attempt.cancel.cancel());
    }

    /// Ends attempts that have not obeyed in time, without waiting for them any longer.
    pub(super) fn abandon(&mut self) {
        let mut steps: Vec<StepId> = self.attempts.keys().copied().collect();
        steps.sort_unstable();
        for step in steps {
            if let Some(attempt) = self.attempts.remove(&step) {
                attempt.task.abort();
                attempt.sink.finish();
            }
            let cause = "it did not end when the run was cancelled, and was abandoned".to_owned();
            self.end_without_result(step, Outcome::Cancelled, Some(cause), None);
        }
    }
}
