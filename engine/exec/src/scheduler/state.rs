//! The states of a step in a run. Not here: what moves a step from one to another.

use airtight_model::Outcome;

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// At least one step that it waits for has not ended.
    Waiting,
    /// All that it waits for has ended and lets it run. It has not been looked up.
    Ready,
    /// The driver evaluates its condition, makes its request and looks it up.
    Looking,
    /// It has to run, and waits for a worker and for room in its group.
    Queued,
    /// An attempt is going on.
    Running,
    /// An attempt has ended, and the wait before the next one is going on.
    Resting,
    /// It has ended.
    Done(Outcome),
}

impl State {
    /// Whether a step may go from here to there.
    pub(crate) fn may_become(self, to: Self) -> bool {
        use State::{Done, Looking, Queued, Ready, Resting, Running, Waiting};
        match (self, to) {
            (Waiting, Ready) | (Ready, Looking) | (Looking, Queued) | (Queued, Running) => true,
            (Running, Resting) | (Resting, Queued) => true,
            // Everything can end: by a rule, by a hit, by its attempt, by being cancelled.
            (Waiting | Ready | Looking | Queued | Running | Resting, Done(_)) => true,
            // The rewind: what was lost is made again, and who needs it waits again. Who follows another waits again too.
            (Done(_), Ready) | (Ready | Looking | Queued | Running, Waiting) => true,
            _ => false,
        }
    }
}
