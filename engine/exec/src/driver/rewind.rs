//! The rewind: a blob that was lost is made again by what made it, once a blob and run, and who needs it waits for that.
//! Not here: finding that a blob is lost (the store, when it is read).

use airtight_model::plan::{PlannedUses, TreeRef};
use airtight_model::{BlobDigest, Class, Outcome, SourceId, StepId};

use super::Driver;
use crate::ledger::Producer;
use crate::scheduler::State;
use crate::sources;

/// How far the making again of a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewind {
    /// A step makes it.
    Going(StepId),
    /// It was made again, and this is the epoch since.
    Done(u64),
}

impl Driver {
    /// Has lost blobs that a step met made again. `began` is the epoch in which it met them. If they cannot be, the step
    /// ends with `cause`.
    pub(super) async fn rewind(&mut self, step: Option<StepId>, lost: &[BlobDigest], began: u64, cause: String) {
        let given = step.map_or_else(Vec::new, |step| self.ledger.given(step));
        match self.restore(step, &given, lost, began).await {
            Ok(waits) if !waits => self.again(step),
            Ok(_) => {}
            Err(why) => {
                if let Some(step) = step {
                    let cause = format!("{cause}: {why}");
                    let help = "look at the disk, and run `airtight cache verify`".to_owned();
                    self.end_without_result(step, Outcome::Errored, Some(cause), Some(help));
                }
            }
        }
    }

    fn again(&mut self, step: Option<StepId>) {
        if let Some(step) = step {
            self.tracks[step.index()].pending = None;
            self.scheduler.again(step);
        }
    }

    /// Makes lost blobs again, or has them made. Returns whether something has to run for that.
    ///
    /// # Errors
    /// They cannot be: why, as a part of a sentence.
    pub(super) async fn restore(
        &mut self,
        step: Option<StepId>,
        given: &[TreeRef],
        lost: &[BlobDigest],
        began: u64,
    ) -> Result<bool, String> {
        let mut waits = false;
        for blob in lost {
            match self.rewinds.get(blob).copied() {
                Some(Rewind::Done(since)) if began < since => {}
                Some(Rewind::Done(_)) => return Err(format!("blob {} was lost again after it was made", blob.short())),
                Some(Rewind::Going(producer)) if step != Some(producer) => {
                    self.wait_for(step, producer);
                    waits = true;
                }
                // Nothing makes it yet, or this step does and is given the same bytes itself: what made those comes first.
                None | Some(Rewind::Going(_)) => match self.ledger.producer(given, blob, &*self.services.trees) {
                    Some(Producer::Step(producer)) => {
                        self.make_again(producer, blob)?;
                        self.wait_for(step, producer);
                        waits = true;
                    }
                    Some(Producer::Source(source)) => self.read_again(source, blob).await?,
                    None if self.is_component(step, blob) => self.restore_component(blob)?,
                    None => {
                        // A part of a tree that this run made for a mount: it is made again with the request.
                        self.ledger.forget_filtered();
                        self.epoch += 1;
                        self.rewinds.insert(*blob, Rewind::Done(self.epoch));
                    }
                },
            }
        }
        Ok(waits)
    }

    /// Whether a blob is the component of a step, and no step makes it.
    fn is_component(&self, step: Option<StepId>, blob: &BlobDigest) -> bool {
        step.is_some_and(|step| match &self.ledger.step(step).uses {
            PlannedUses::Component { component, .. } => component.digest == *blob,
            PlannedUses::Output(_) => false,
        })
    }

    fn restore_component(&mut self, blob: &BlobDigest) -> Result<(), String> {
        let short = blob.short();
        self.warn(
            format!("component {short} was lost or altered in the store: its file is read again"),
            None,
        );
        if !self.services.components.restore(blob) {
            return Err(format!(
                "the file of component {short} is gone or has changed since the run began; one of a registry is brought again by `airtight fetch`"
            ));
        }
        self.epoch += 1;
        self.rewinds.insert(*blob, Rewind::Done(self.epoch));
        Ok(())
    }

    fn wait_for(&mut self, step: Option<StepId>, producer: StepId) {
        if let Some(step) = step {
            self.tracks[step.index()].pending = None;
        }
        self.scheduler.rewind(step, producer);
    }

    fn make_again(&mut self, producer: StepId, blob: &BlobDigest) -> Result<(), String> {
        let planned = self.ledger.step(producer);
        let name = &planned.name;
        if planned.class == Class::Effectful {
            return Err(format!(
                "`{name}` made it and is effectful, so it is not run again by itself"
            ));
        }
        let message = format!(
            "blob {} of `{name}` was lost or altered in the store: `{name}` runs again",
            blob.short()
        );
        self.warn(message, None);
        let reason = format!("its output {} was lost", blob.short());
        if matches!(self.scheduler.state(producer), State::Done(_)) {
            self.forced.insert(producer, reason);
            self.tracks[producer.index()].begun = None;
            self.tracks[producer.index()].tried = 0;
        }
        self.rewinds.insert(*blob, Rewind::Going(producer));
        Ok(())
    }

    async fn read_again(&mut self, source: SourceId, blob: &BlobDigest) -> Result<(), String> {
        let plan = self.ledger.plan().clone();
        let name = &plan.sources[source.index()].name;
        let short = blob.short();
        self.warn(
            format!("blob {short} of source `{name}` was lost or altered in the store: it is read again"),
            None,
        );
        let read = sources::again(source, &plan, &self.services, &self.options, &self.cancel).await;
        let read = read
            .ok_or("the run was cancelled")?
            .map_err(|error| error.to_string())?;
        if self.ledger.source(source) != Some(&read.node) {
            return Err(format!(
                "source `{name}` has changed since the run began, so blob {short} is gone"
            ));
        }
        self.ledger.forget_filtered();
        self.epoch += 1;
        self.rewinds.insert(*blob, Rewind::Done(self.epoch));
        Ok(())
    }

    /// A step has ended: if it was to make lost blobs again, they are there now, or nothing waits for them any more.
    pub(super) fn made_again(&mut self, step: StepId) {
        if self.forced.remove(&step).is_none() {
            return;
        }
        self.ledger.forget_filtered();
        self.epoch += 1;
        let epoch = self.epoch;
        let going = self
            .rewinds
            .values_mut()
            .filter(|rewind| **rewind == Rewind::Going(step));
        going.for_each(|rewind| *rewind = Rewind::Done(epoch));
    }
}
