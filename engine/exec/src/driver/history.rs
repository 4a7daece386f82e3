//! What steps did, recorded attempt by attempt for who asks later. Not here: where it is kept (the store).

use airtight_model::history::{MountHistory, Origin, RunHistory, StepHistory};
use airtight_model::plan::TreeRef;
use airtight_model::{BlobDigest, Outcome, StepId, StepReport};

use super::Driver;

impl Driver {
    /// An attempt begins. Until it has said what it did, the record is not complete.
    pub(super) fn attempt_begins(&mut self, step: StepId) {
        if self.tracks[step.index()].history.is_none() {
            let planned = self.ledger.step(step);
            let plan = self.ledger.plan();
            let mounts = planned.mounts.iter().map(|mount| MountHistory {
                at: mount.at.clone(),
                from: match &mount.from {
                    TreeRef::Source(source) => Origin::Source(plan.sources[source.index()].path.clone()),
                    output => Origin::Output(self.ledger.describe(output)),
                },
            });
            let history = StepHistory {
                step: planned.name.clone(),
                class: planned.class,
                outcome: Outcome::Cancelled,
                attempts: 0,
                complete: true,
                grants: planned.grants.clone(),
                mounts: mounts.collect(),
                uses: Vec::new(),
                denials: Vec::new(),
                reads: None,
            };
            self.tracks[step.index()].history = Some(history);
        }
    }

    /// An attempt ended without having said what it did.
    pub(super) fn attempt_is_lost(&mut self, step: StepId) {
        if let Some(history) = &mut self.tracks[step.index()].history {
            history.complete = false;
        }
    }

    /// An attempt has said what it did.
    pub(super) fn attempt_did(&mut self, step: StepId, report: &StepReport, reads: Option<BlobDigest>) {
        if let Some(history) = &mut self.tracks[step.index()].history {
            history.attempts = history.attempts.saturating_add(1);
            history.outcome = report.outcome;
            history.reads = reads;
            history.add(&report.uses, &report.denials);
        }
    }

    /// What all steps that ran did.
    pub(super) fn history(&mut self) -> RunHistory {
        let steps = self.tracks.iter_mut().filter_map(|track| {
            let mut history = track.history.take()?;
            // One that was abandoned said nothing.
            history.complete &= history.attempts == track.attempts;
            history.attempts = track.attempts;
            Some(history)
        });
        RunHistory {
            run: self.options.run.0.clone(),
            steps: steps.collect(),
        }
    }
}
