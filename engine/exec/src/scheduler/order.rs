//! The order among steps that could all go on: longest path first, then the order of the file. Not here: whether they
//! could.

use std::cmp::Reverse;

use airtight_model::StepId;

use super::rules::StepRules;

/// A step in a queue: greater goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    path: u64,
    step: Reverse<StepId>,
}

impl Entry {
    pub(super) fn new(step: StepId, paths: &[u64]) -> Self {
        Self {
            path: paths[step.index()],
            step: Reverse(step),
        }
    }

    pub(super) fn step(self) -> StepId {
        self.step.0
    }
}

/// The edges of the graph the other way round: one vector for all, so that 10,000 steps are two allocations.
#[derive(Debug)]
pub(super) struct Successors {
    starts: Vec<u32>,
    steps: Vec<StepId>,
}

impl Successors {
    pub(super) fn of(rules: &[StepRules]) -> Self {
        let mut starts = vec![0u32; rules.len() + 1];
        for before in rules.iter().flat_map(|rules| &rules.predecessors) {
            starts[before.index() + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        let mut steps = vec![StepId(0); starts.last().copied().unwrap_or(0) as usize];
        for (i, rules) in rules.iter().enumerate() {
            for before in &rules.predecessors {
                steps[next[before.index()] as usize] = StepId(i as u32);
                next[before.index()] += 1;
            }
        }
        Self { starts, steps }
    }

    /// The steps that wait for `step`, ascending.
    pub(super) fn of_step(&self, step: StepId) -> &[StepId] {
        let range = self.starts[step.index()] as usize..self.starts[step.index() + 1] as usize;
        &self.steps[range]
    }
}

/// The weight of the heaviest path that begins at each step, itself included. The graph has no cycles; a plan that had
/// one would give its steps a path of zero and they would wait for ever, which the pipeline's checks rule out.
pub(super) fn longest_paths(rules: &[StepRules], successors: &Successors, weights: &[u64]) -> Vec<u64> {
    let count = rules.len();
    let mut open: Vec<u32> = rules.iter().map(|rules| rules.predecessors.len() as u32).collect();
    let mut order: Vec<StepId> = (0..count as u32)
        .map(StepId)
        .filter(|step| open[step.index()] == 0)
        .collect();
    let mut at = 0;
    while at < order.len() {
        for &next in successors.of_step(order[at]) {
            open[next.index()] -= 1;
            if open[next.index()] == 0 {
                order.push(next);
            }
        }
        at += 1;
    }
    let mut paths = vec![0u64; count];
    for &step in order.iter().rev() {
        let rest = successors
            .of_step(step)
            .iter()
            .map(|next| paths[next.index()])
            .max()
            .unwrap_or(0);
        paths[step.index()] = weights[step.index()].saturating_add(rest);
    }
    paths
}
