//! What the steps of a run did, kept so that it can be asked for later: which grants they used, what was refused to them,
//! what they read. Not here: where it is kept, or the results of steps.

use crate::canonical::{canonical_document, canonical_enum, canonical_record};
use crate::grant::Grants;
use crate::id::BlobDigest;
use crate::step::{Class, Denial, Outcome, Use};

canonical_enum!(Outcome {
    0 = Succeeded, 1 = Failed, 2 = Denied, 3 = TimedOut, 4 = Cancelled, 5 = Skipped, 6 = Errored,
});
canonical_enum!(Class { 0 = Pure, 1 = FixedOutput, 2 = Effectful });

/// What the steps of one run did. Only steps of which an attempt was made are in it: a hit does nothing.
///
/// Stored as the document `AThi` version 1. See `docs/formats/store.md`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunHistory {
    /// The run.
    pub run: String,
    /// The steps, in the order of the plan.
    pub steps: Vec<StepHistory>,
}
canonical_record!(RunHistory { run, steps });
canonical_document!(RunHistory, *b"AThi", 1);

/// What one step did in a run, all its attempts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepHistory {
    /// Its whole name.
    pub step: String,
    /// Its class.
    pub class: Class,
    /// How its last attempt ended.
    pub outcome: Outcome,
    /// How many attempts there were.
    pub attempts: u32,
    /// Whether all of them said what they did. One that was abandoned could not.
    pub complete: bool,
    /// What it was given beside its mounts.
    pub grants: Grants,
    /// What was mounted, in the order that observations count.
    pub mounts: Vec<MountHistory>,
    /// Which grants it used.
    pub uses: Vec<Use>,
    /// What was refused to it.
    pub denials: Vec<Denial>,
    /// The document of what its last attempt read, a [`crate::ReadSet`].
    pub reads: Option<BlobDigest>,
}
canonical_record!(StepHistory {
    step,
    class,
    outcome,
    attempts,
    complete,
    grants,
    mounts,
    uses,
    denials,
    reads
});

/// A mount of a step that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountHistory {
    /// The path of the guest.
    pub at: String,
    /// Where it came from.
    pub from: Origin,
}
canonical_record!(MountHistory { at, from });

/// Where a mount came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A source: its path, relative to the pipeline file's folder; `.` is that folder.
    Source(String),
    /// An output of a step, as the pipeline file names it.
    Output(String),
}
canonical_enum!(Origin { 0 = Source(path), 1 = Output(name) });

/// The most entries of uses, and of denials, that are kept of a step and run.
pub const MAX_HISTORY_ENTRIES: usize = 1024;

impl StepHistory {
    /// Adds what a further attempt did. Equal entries are counted together; beyond [`MAX_HISTORY_ENTRIES`] the record is
    /// marked as not complete.
    pub fn add(&mut self, uses: &[Use], denials: &[Denial]) {
        for used in uses {
            let same = |own: &&mut Use| {
                (&own.capability, &own.request, &own.grant) == (&used.capability, &used.request, &used.grant)
            };
            if let Some(own) = self.uses.iter_mut().find(same) {
                own.count = own.count.saturating_add(used.count);
                own.sent = own.sent.saturating_add(used.sent);
                own.received = own.received.saturating_add(used.received);
            } else if self.uses.len() < MAX_HISTORY_ENTRIES {
                self.uses.push(used.clone());
            } else {
                self.complete = false;
            }
        }
        for denial in denials {
            let same = |own: &&mut Denial| {
                (&own.capability, &own.request, &own.rule) == (&denial.capability, &denial.request, &denial.rule)
            };
            if let Some(own) = self.denials.iter_mut().find(same) {
                own.count = own.count.saturating_add(denial.count);
            } else if self.denials.len() < MAX_HISTORY_ENTRIES {
                self.denials.push(denial.clone());
            } else {
                self.complete = false;
            }
        }
    }
}
