//! The scheduler: which step comes next. A pure state machine over the graph of a plan: no clock, no tasks, no I/O; it
//! is told what happened and answers what may happen now. Not here: look-ups, attempts and events (the driver), and the
//! state of one step with its rules (`scheduler::rules`, `scheduler::state`).
//!
//! ```text
//!             all that it waits for lets it run        no hit             a worker is free
//!   Waiting ───────────────────────────→ Ready → Looking ────→ Queued ←────────────────────→ Running
//!      │                                            │             ↑          the wait is over  │ │
//!      │ a rule skips it, the run is cancelled      │ hit         └───────── Resting ←─────────┘ │
//!      └──────────────────────→ Done ←──────────────┴────────────────────────────────────────────┘
//! ```
//!
//! A *rewind* is the only way back: a step whose output was lost goes from Done to Ready, and what waits for it again
//! to Waiting.
//!
//! A step that was looked up may *follow* another that does the same just now: it waits until that one's attempt has
//! ended, however it did, and is then looked up again.
//!
//! A step that was skipped *because something failed* counts as failed for what comes after it: `deploy` after `test`
//! does not run when `build` has failed and `test` was skipped for that, and a step that runs on failure does. A step
//! that its own condition skipped, or that needs such a one, counts as satisfied for `after:`.

mod order;
mod rules;
mod state;

use std::collections::{BinaryHeap, HashMap};

use airtight_model::{Outcome, StepId};

use order::{Entry, Successors};
pub use rules::{Reason, StepRules};
pub use state::State;

/// How a run is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How many steps may run at a time; zero counts as one.
    pub jobs: usize,
    /// Whether steps that do not depend on a failed one still start.
    pub keep_going: bool,
}

/// A step that ended by a rule, without running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The step.
    pub step: StepId,
    /// `Skipped` or `Cancelled`.
    pub outcome: Outcome,
    /// Which rule.
    pub reason: Reason,
}

/// A group of steps: the cells of a matrix.
#[derive(Debug, Default)]
struct Group {
    members: Vec<StepId>,
    max_parallel: Option<u32>,
    running: u32,
    /// The cell whose failure cancelled the rest.
    failed: Option<StepId>,
    /// Cells that would run if the group did not have as many running as it may.
    parked: BinaryHeap<Entry>,
}

/// The state machine. See the module.
#[derive(Debug)]
pub struct Scheduler {
    policy: Policy,
    rules: Vec<StepRules>,
    successors: Successors,
    groups: Vec<Group>,
    states: Vec<State>,
    /// For a waiting step: how many of its predecessors, and of what it follows, are not done.
    unfinished: Vec<u32>,
    /// Who waits for a step that does the same.
    followers: HashMap<StepId, Vec<StepId>>,
    /// Whether a step that is done counts as failed for what comes after it.
    bad: Vec<bool>,
    /// The length of the longest path from a step to an end, by weight.
    paths: Vec<u64>,
    ready: BinaryHeap<Entry>,
    queued: BinaryHeap<Entry>,
    running: usize,
    left: usize,
    /// Why nothing starts any more.
    cancelled: Option<Reason>,
    /// The failure after which nothing new starts.
    stopped: Option<StepId>,
    ended: Vec<Ended>,
    stops: Vec<StepId>,
}

impl Scheduler {
    /// A scheduler in which nothing has begun; each step weighs the same until [`Scheduler::set_weights`].
    pub fn new(rules: Vec<StepRules>, policy: Policy) -> Self {
        let successors = Successors::of(&rules);
        let groups = Self::group(&rules);
        let count = rules.len();
        let unfinished = rules.iter().map(|rules| rules.predecessors.len() as u32).collect();
        let mut scheduler = Self {
            policy,
            successors,
            groups,
            states: vec![State::Waiting; count],
            unfinished,
            followers: HashMap::new(),
            bad: vec![false; count],
            paths: Vec::new(),
            ready: BinaryHeap::new(),
            queued: BinaryHeap::new(),
            running: 0,
            left: count,
            cancelled: None,
            stopped: None,
            ended: Vec::new(),
            stops: Vec::new(),
            rules,
        };
        scheduler.set_weights(&vec![1; count]);
        let roots = scheduler
            .ids()
            .filter(|step| scheduler.unfinished[step.index()] == 0)
            .collect();
        scheduler.settle(roots);
        scheduler
    }

    fn group(rules: &[StepRules]) -> Vec<Group> {
        let count = rules
            .iter()
            .filter_map(|rules| rules.group)
            .max()
            .map_or(0, |max| max as usize + 1);
        let mut groups: Vec<Group> = Vec::new();
        groups.resize_with(count, Group::default);
        for (i, rules) in rules.iter().enumerate() {
            if let Some(group) = rules.group {
                let group = &mut groups[group as usize];
                group.members.push(StepId(i as u32));
                group.max_parallel = rules.max_parallel;
            }
        }
        groups
    }

    fn ids(&self) -> impl Iterator<Item = StepId> + use<> {
        (0..self.states.len() as u32).map(StepId)
    }

    /// How long each step may take, in any unit: steps on the longest path go first.
    pub fn set_weights(&mut self, weights: &[u64]) {
        self.paths = order::longest_paths(&self.rules, &self.successors, weights);
        let again = |heap: &BinaryHeap<Entry>, paths: &[u64]| -> BinaryHeap<Entry> {
            heap.iter().map(|entry| Entry::new(entry.step(), paths)).collect()
        };
        self.ready = again(&self.ready, &self.paths);
        self.queued = again(&self.queued, &self.paths);
        for group in &mut self.groups {
            group.parked = again(&group.parked, &self.paths);
        }
    }

    /// The next step to look up, longest path first. A look-up needs no worker, so there is no bound here.
    pub fn next_ready(&mut self) -> Option<StepId> {
        loop {
            let step = self.ready.pop()?.step();
            if self.state(step) == State::Ready {
                self.set(step, State::Looking);
                return Some(step);
            }
        }
    }

    /// A step that was looked up has to run.
    pub fn enqueue(&mut self, step: StepId) {
        self.set(step, State::Queued);
    }

    /// A step that was looked up waits for one that does the same, and is ready again when the attempt of that one has
    /// ended. `leader` must be on its way: as it follows nothing itself then, nobody ever waits in a circle.
    pub fn follow(&mut self, step: StepId, leader: StepId) {
        debug_assert!(self.on_its_way(leader), "step {} is not on its way", leader.0);
        self.wait_again(step);
        self.unfinished[step.index()] += 1;
        self.followers.entry(leader).or_default().push(step);
    }

    /// Whether a step runs, or waits for a worker only.
    pub fn on_its_way(&self, step: StepId) -> bool {
        matches!(self.state(step), State::Queued | State::Running)
    }

    /// The next step to start, longest path first, if a worker is free and its group has room.
    pub fn next_start(&mut self) -> Option<StepId> {
        while self.running < self.policy.jobs.max(1) {
            let entry = self.queued.pop()?;
            let step = entry.step();
            if self.state(step) != State::Queued {
                continue;
            }
            if let Some(group) = self.rules[step.index()].group {
                let group = &mut self.groups[group as usize];
                if group.max_parallel.is_some_and(|max| group.running >= max.max(1)) {
                    group.parked.push(entry);
                    continue;
                }
            }
            self.set(step, State::Running);
            return Some(step);
        }
        None
    }

    /// A step's attempt has ended and another will be made after a wait, in which others may run.
    pub fn rest(&mut self, step: StepId) {
        self.set(step, State::Resting);
        // Who follows it has waited for an attempt, not for a second one.
        let followers = self.followers.remove(&step).unwrap_or_default();
        let mut free = Vec::new();
        count_down(&followers, &self.states, &mut self.unfinished, &mut free);
        self.settle(free);
    }

    /// The wait of a step is over. Nothing happens if it ended meanwhile.
    pub fn rested(&mut self, step: StepId) {
        if self.state(step) == State::Resting {
            self.set(step, State::Queued);
        }
    }

    /// A step has ended: a hit, an attempt, or its condition.
    pub fn finish(&mut self, step: StepId, outcome: Outcome) {
        let rules = &self.rules[step.index()];
        let failed = outcome != Outcome::Succeeded && outcome != Outcome::Skipped && !rules.allow_failure;
        let (group, fail_fast) = (rules.group, rules.fail_fast);
        self.bad[step.index()] = failed;
        self.set(step, State::Done(outcome));
        let agenda = self.release(step);
        if failed && outcome != Outcome::Cancelled {
            if !self.policy.keep_going && self.stopped.is_none() {
                self.stopped = Some(step);
                self.drop_unstarted(step);
            }
            if let Some(group) = group.filter(|_| fail_fast) {
                self.fail_fast(group, step);
            }
        }
        self.settle(agenda);
    }

    /// A step has ended: returns the steps that wait for nothing more.
    fn release(&mut self, step: StepId) -> Vec<StepId> {
        let mut free = Vec::new();
        let waiting = self.successors.of_step(step);
        count_down(waiting, &self.states, &mut self.unfinished, &mut free);
        let followers = self.followers.remove(&step).unwrap_or_default();
        count_down(&followers, &self.states, &mut self.unfinished, &mut free);
        free
    }

    /// Decides steps that wait for nothing more, and then those that this decides.
    fn settle(&mut self, mut agenda: Vec<StepId>) {
        agenda.reverse();
        while let Some(step) = agenda.pop() {
            if self.state(step) != State::Waiting {
                continue;
            }
            match self.verdict(step) {
                None => self.set(step, State::Ready),
                Some((outcome, reason, bad)) => {
                    self.bad[step.index()] = bad;
                    self.end(step, outcome, reason);
                    let mut free = self.release(step);
                    free.reverse();
                    agenda.append(&mut free);
                }
            }
        }
    }

    fn end(&mut self, step: StepId, outcome: Outcome, reason: Reason) {
        self.set(step, State::Done(outcome));
        self.ended.push(Ended { step, outcome, reason });
    }

    /// What becomes of a step whose predecessors are all done: nothing (it may run), or an end, why, and whether that
    /// counts as failed for what comes after it.
    fn verdict(&self, step: StepId) -> Option<(Outcome, Reason, bool)> {
        let rules = &self.rules[step.index()];
        let ended = rules.verdict(|before| (self.outcome(before), self.bad[before.index()]));
        if ended.is_some() {
            return ended;
        }
        if let Some(reason) = self.cancelled {
            return Some((Outcome::Cancelled, reason, true));
        }
        if let Some(cell) = rules.group.and_then(|group| self.groups[group as usize].failed) {
            return Some((Outcome::Cancelled, Reason::FailFast(cell), true));
        }
        let stopped = self.stopped.filter(|_| !rules.runs_after_failure());
        stopped.map(|by| (Outcome::Cancelled, Reason::Stopped(by), true))
    }

    fn outcome(&self, step: StepId) -> Outcome {
        match self.state(step) {
            State::Done(outcome) => outcome,
            // Only asked of predecessors of a step that waits for nothing more.
            _ => Outcome::Cancelled,
        }
    }

    /// Ends steps that have not begun, and then decides what waited for them.
    fn cancel_unstarted(&mut self, steps: Vec<StepId>, reason: Reason) {
        let mut free = Vec::new();
        for step in steps {
            if !matches!(self.state(step), State::Running | State::Done(_)) {
                self.bad[step.index()] = true;
                self.end(step, Outcome::Cancelled, reason);
                free.extend(self.release(step));
            }
        }
        self.settle(free);
    }

    fn fail_fast(&mut self, group: u32, failed: StepId) {
        let entry = &mut self.groups[group as usize];
        if entry.failed.is_some() {
            return;
        }
        entry.failed = Some(failed);
        let members = entry.members.clone();
        let running = members
            .iter()
            .copied()
            .filter(|step| self.states[step.index()] == State::Running);
        self.stops.extend(running);
        self.cancel_unstarted(members, Reason::FailFast(failed));
    }

    /// Without `keep_going`, after a failure: what could start now does not, unless it is there for failures. What still
    /// waits is decided when it waits for nothing more, and what rests has begun.
    fn drop_unstarted(&mut self, by: StepId) {
        let could = |state| matches!(state, State::Ready | State::Queued);
        let steps = self
            .ids()
            .filter(|step| could(self.state(*step)) && !self.rules[step.index()].runs_after_failure());
        let steps = steps.collect();
        self.cancel_unstarted(steps, Reason::Stopped(by));
    }

    /// Cancels the run: nothing starts any more, and what runs is to be told ([`Scheduler::take_stops`]).
    pub fn cancel(&mut self, reason: Reason) {
        if self.cancelled.is_some() {
            return;
        }
        self.cancelled = Some(reason);
        let running = self
            .ids()
            .filter(|step| self.state(*step) == State::Running)
            .collect::<Vec<_>>();
        self.stops.extend(running);
        self.cancel_unstarted(self.ids().collect(), reason);
    }

    /// An output of `producer`, which is done, was lost: it runs again. `consumer`, which found that out, waits for it
    /// again, as does what has not begun. None: nobody waits, an export found it out.
    pub fn rewind(&mut self, consumer: Option<StepId>, producer: StepId) {
        if matches!(self.state(producer), State::Done(_)) {
            self.set(producer, State::Ready);
            for next in self.successors.of_step(producer).to_vec() {
                match self.state(next) {
                    State::Waiting => self.unfinished[next.index()] += 1,
                    State::Ready | State::Queued => self.wait_again(next),
                    _ => {}
                }
            }
        }
        if let Some(consumer) = consumer {
            self.wait_again(consumer);
        }
    }

    /// A step's attempt failed because of something that is whole again: it is looked up again.
    pub fn again(&mut self, step: StepId) {
        self.wait_again(step);
        if self.unfinished[step.index()] == 0 {
            self.settle(vec![step]);
        }
    }

    fn wait_again(&mut self, step: StepId) {
        if self.state(step) != State::Waiting {
            self.set(step, State::Waiting);
            let open = self.rules[step.index()].predecessors.iter();
            let open = open.filter(|p| !matches!(self.state(**p), State::Done(_))).count();
            self.unfinished[step.index()] = open as u32;
        }
    }

    /// The state of a step.
    pub fn state(&self, step: StepId) -> State {
        self.states[step.index()]
    }

    /// What a step waits for: its predecessors that are not done.
    pub fn waiting_on(&self, step: StepId) -> Vec<StepId> {
        let open = self.rules[step.index()].predecessors.iter().copied();
        open.filter(|p| !matches!(self.state(*p), State::Done(_))).collect()
    }

    /// Whether all steps have ended.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// How many steps run.
    pub fn running(&self) -> usize {
        self.running
    }

    /// The steps that ended by a rule since the last call, in the order in which they did.
    pub fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// The running steps that have to be told to end, since the last call.
    pub fn take_stops(&mut self) -> Vec<StepId> {
        std::mem::take(&mut self.stops)
    }

    /// Every change of a state goes through here, and nothing else keeps the counts and queues.
    fn set(&mut self, step: StepId, to: State) {
        let from = std::mem::replace(&mut self.states[step.index()], to);
        debug_assert!(from.may_become(to), "step {} cannot go from {from:?} to {to:?}", step.0);
        if from == State::Running {
            self.leave(step);
        }
        if matches!(from, State::Done(_)) {
            self.left += 1;
        }
        match to {
            State::Ready => self.ready.push(Entry::new(step, &self.paths)),
            State::Queued => self.queued.push(Entry::new(step, &self.paths)),
            State::Running => {
                self.running += 1;
                if let Some(group) = self.rules[step.index()].group {
                    self.groups[group as usize].running += 1;
                }
            }
            State::Done(_) => self.left -= 1,
            State::Waiting | State::Looking | State::Resting => {}
        }
    }

    fn leave(&mut self, step: StepId) {
        self.running -= 1;
        if let Some(group) = self.rules[step.index()].group {
            let group = &mut self.groups[group as usize];
            group.running -= 1;
            self.queued.append(&mut group.parked);
        }
    }
}

/// Takes one from the count of what each of these steps waits for, and adds those to `free` that wait for nothing more.
fn count_down(steps: &[StepId], states: &[State], unfinished: &mut [u32], free: &mut Vec<StepId>) {
    for &next in steps {
        if states[next.index()] == State::Waiting {
            unfinished[next.index()] -= 1;
            if unfinished[next.index()] == 0 {
                free.push(next);
            }
        }
    }
}

#[cfg(test)]
mod tests;
