//! Looking a step up: its condition, its request, the cache's answer, and the replay of a hit. Inline, without a task:
//! a thousand hits are a thousand times this. Not here: what happens on a miss (`attempt`).

use std::sync::Arc;
use std::time::Duration;

use airtight_model::event::CacheOutcome;
use airtight_model::{ActionKey, ActionResult, Class, Outcome, StepId};
use airtight_store::Lookup;

use super::{Driver, Pending};
use crate::pins;
use crate::prepare::{Prepared, Refusal, prepare};
use crate::sink::replay;

/// What is to become of a step that was looked up.
enum Answer {
    Hit(CacheOutcome, Arc<ActionResult>),
    Run(CacheOutcome, String),
}

impl Driver {
    /// Looks one step up, and ends it if it need not run.
    pub(super) async fn look(&mut self, step: StepId) {
        if let Err(refusal) = self.look_up(step) {
            self.refuse(step, *refusal).await;
        }
    }

    /// As [`Driver::look`], and gives back why a step can neither hit nor run.
    fn look_up(&mut self, step: StepId) -> Result<(), Box<Refusal>> {
        self.tracks[step.index()]
            .begun
            .get_or_insert_with(|| self.services.clock.now());
        match self.ledger.condition(step, &*self.services.evaluator) {
            Ok(true) => {}
            Ok(false) => {
                let condition = self.ledger.step(step).condition.as_deref();
                let cause = match condition {
                    None | Some("false") => "its condition is false".to_owned(),
                    Some(text) => format!("its condition `{text}` is false"),
                };
                self.end_without_result(step, Outcome::Skipped, Some(cause), None);
                return Ok(());
            }
            Err(cause) => {
                let cause = format!("its condition has no value: {cause}");
                return Err(Box::new(Refusal::user(cause, "change `if:`")));
            }
        }
        let prepared = prepare(step, &mut self.ledger, self.services.ports()).map_err(Box::new)?;
        match self.ask(step, &prepared).map_err(Box::new)? {
            Answer::Hit(cache, result) => self.hit(step, cache, result, prepared),
            Answer::Run(cache, reason) => self.queue(step, prepared, cache, reason),
        }
        Ok(())
    }

    fn ask(&self, step: StepId, prepared: &Prepared) -> Result<Answer, Refusal> {
        if let Some(reason) = self.forced.get(&step) {
            return Ok(Answer::Run(CacheOutcome::Off, reason.clone()));
        }
        let planned = self.ledger.step(step);
        if planned.class == Class::Effectful {
            return Ok(Answer::Run(
                CacheOutcome::Off,
                format!("it is effectful: {}", planned.class_reason),
            ));
        }
        if !self.options.use_cache {
            return Ok(Answer::Run(CacheOutcome::Off, "the cache is off".to_owned()));
        }
        let answer = self
            .services
            .cache
            .lookup(&prepared.action, &self.options.identity_of(&planned.name))?;
        let (cache, result) = match answer {
            Lookup::Full(result) => (CacheOutcome::Full, result),
            Lookup::Narrow(result) => (CacheOutcome::Narrow, result),
            Lookup::Miss(reason) => return Ok(Answer::Run(CacheOutcome::Miss, reason.to_string())),
        };
        // A pin is in the key, so only a store that was tampered with, or an archive that lied, can be wrong here.
        if pins::check(prepared.action.outputs(), &result.outputs, &*self.services.trees)?.is_some() {
            // Only what is forgotten is replaced by what the step makes now. Where that fails it runs again next time, too.
            let forgotten = self.services.cache.forget(&prepared.action);
            let reason = match forgotten {
                Ok(()) => "what the cache had is not what is pinned".to_owned(),
                Err(error) => format!("what the cache has is not what is pinned, and stays there: {error}"),
            };
            return Ok(Answer::Run(CacheOutcome::Miss, reason));
        }
        Ok(Answer::Hit(cache, Arc::new(result)))
    }

    fn hit(&mut self, step: StepId, cache: CacheOutcome, result: Arc<ActionResult>, prepared: Prepared) {
        let plan = self.ledger.plan().clone();
        let name = &plan.steps[step.index()].name;
        let (trees, events) = (&*self.services.trees, &*self.services.events);
        if let Err(error) = replay(name, &result, trees, events, self.options.replay_streams) {
            // What it wrote is gone, and running it is what brings that back.
            return self.queue(
                step,
                prepared,
                CacheOutcome::Miss,
                format!("what it wrote is lost: {error}"),
            );
        }
        self.end_with_hit(step, cache, prepared.action.full_key(), result);
    }

    pub(super) fn queue(&mut self, step: StepId, prepared: Prepared, cache: CacheOutcome, reason: String) {
        let key = prepared.action.full_key();
        if cache == CacheOutcome::Miss {
            if let Some(leader) = self.same(step, key) {
                let track = &mut self.tracks[step.index()];
                // Its look-up is the one that comes, and that is what its duration tells.
                (track.followed, track.begun) = (true, None);
                return self.scheduler.follow(step, leader);
            }
            self.going.insert(key, step);
        }
        self.tracks[step.index()].pending = Some(Pending {
            prepared,
            key,
            cache,
            reason,
        });
        if !self.weighed {
            self.weigh();
        }
        self.scheduler.enqueue(step);
    }

    /// Another step that does the same just now, if this one is to wait for it. Nothing is taken from that one: when it has
    /// ended, this one is looked up like any, and finds its result only under the key that is its own too.
    fn same(&self, step: StepId, key: ActionKey) -> Option<StepId> {
        let leader = self.going.get(&key).copied()?;
        let waits = leader != step && !self.tracks[step.index()].followed && self.scheduler.on_its_way(leader);
        waits.then_some(leader)
    }

    /// Asks how long steps took last. Only when the first has to run: a run of hits has no use for it.
    fn weigh(&mut self) {
        self.weighed = true;
        let names = self
            .ledger
            .plan()
            .steps
            .iter()
            .map(|step| self.options.identity_of(&step.name));
        let durations = self.services.cache.durations(&names.collect::<Vec<_>>());
        // One for the step itself, so that among unknown ones the longest chain goes first.
        let weight = |known: &Option<Duration>| known.map_or(1, |known| (known.as_micros() as u64).saturating_add(1));
        let mut weights: Vec<u64> = durations.iter().map(weight).collect();
        weights.resize(self.tracks.len(), 1);
        self.scheduler.set_weights(&weights);
    }

    /// Ends a step that cannot be looked up or run, unless what is wrong is a lost blob that can be made again.
    pub(super) async fn refuse(&mut self, step: StepId, refusal: Refusal) {
        match refusal.lost {
            Some(blob) => {
                let began = self.epoch;
                self.rewind(Some(step), &[blob], began, refusal.cause).await;
            }
            None => self.end_without_result(step, refusal.outcome, Some(refusal.cause), refusal.help),
        }
    }
}
