//! Events: what happens in a run, as the scheduler tells it. Terminal, plain text, JSON lines and JUnit are
//! subscribers. Not here: any of those. The JSON form is specified in `docs/formats/events.md` and versioned by `v`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::step::{Class, Denial, LogLine, Outcome, Report, Usage, Use};

/// The version of the JSON form.
pub const EVENT_VERSION: u32 = 1;

/// How the cache answered for a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheOutcome {
    /// Nothing that it was given has changed.
    Full,
    /// Something that it was given has changed, but nothing that it read.
    Narrow,
    /// It ran.
    Miss,
    /// It was not looked up: effectful, skipped, or the cache is off.
    Off,
}

/// Which stream of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What happened. `step` is always the step's whole name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins.
    RunStarted {
        /// The run.
        run: String,
        /// The pipeline's name.
        pipeline: String,
        /// How many steps the plan has.
        steps: usize,
        /// How many may run at a time.
        jobs: usize,
    },
    /// A source is being read.
    SourceStarted {
        /// The source.
        source: String,
    },
    /// A source is in the store.
    SourceFinished {
        /// The source.
        source: String,
        /// The digest of its tree or file.
        digest: String,
        /// How many files it has.
        files: u64,
        /// How long it took.
        duration_us: u64,
    },
    /// A step could not be answered by the cache and begins. For a hit there is only `step-finished`.
    StepStarted {
        /// The step.
        step: String,
        /// Why it was no hit.
        reason: String,
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// The guest wrote to a stream. `text` is one line or a part of a long one, with what is not UTF-8 replaced.
    StepOutput {
        /// The step.
        step: String,
        /// The stream.
        stream: Stream,
        /// What it wrote, without the line's end.
        text: String,
        /// Whether it is replayed from the cache.
        cached: bool,
    },
    /// The guest logged a line.
    StepLog {
        /// The step.
        step: String,
        /// The line.
        #[serde(flatten)]
        line: LogLine,
        /// Whether it is replayed from the cache.
        cached: bool,
    },
    /// The guest said how far it is.
    StepProgress {
        /// The step.
        step: String,
        /// The task in the step.
        task: String,
        /// Units done.
        done: u64,
        /// Units in all, where known.
        total: Option<u64>,
    },
    /// The guest reported something.
    StepReport {
        /// The step.
        step: String,
        /// What.
        report: Report,
        /// Whether it is replayed from the cache.
        cached: bool,
    },
    /// Something was refused to the guest.
    StepDenied {
        /// The step.
        step: String,
        /// What.
        #[serde(flatten)]
        denial: Denial,
        /// Whether it is replayed from the cache.
        cached: bool,
    },
    /// The guest used a grant.
    StepUsed {
        /// The step.
        step: String,
        /// What.
        #[serde(rename = "use")]
        used: Use,
        /// Whether it is replayed from the cache.
        cached: bool,
    },
    /// An attempt did not succeed and another will be made.
    StepRetried {
        /// The step.
        step: String,
        /// The attempt that ended, from 1.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// Why.
        reason: String,
        /// How long until the next one.
        wait_ms: u64,
    },
    /// A step has ended.
    StepFinished(Box<StepFinished>),
    /// An output was written to the user's tree.
    Exported {
        /// The path, relative to the pipeline file's folder.
        to: String,
        /// The digest of what is there now.
        digest: String,
        /// Whether it was there already.
        unchanged: bool,
    },
    /// Something that is worth a look but fails nothing.
    Warning {
        /// What.
        message: String,
        /// What to do.
        help: Option<String>,
    },
    /// The run has ended.
    RunFinished(RunSummary),
}

/// The end of a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepFinished {
    /// The step.
    pub step: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How the cache answered.
    pub cache: CacheOutcome,
    /// Whether what came before this event of the step was replayed from the cache.
    pub cached: bool,
    /// Its class.
    pub class: Class,
    /// How long it took, the look-up included.
    pub duration_us: u64,
    /// Its outputs: name → digest.
    pub outputs: BTreeMap<String, String>,
    /// Its typed result, or null.
    pub result: Json,
    /// Its full key, where it has one.
    pub key: Option<String>,
    /// Why it did not succeed, or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The exit code of a command that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Whether its failure fails the run.
    pub allow_failure: bool,
    /// How many attempts were made in this run.
    pub attempts: u32,
    /// What the attempt used that made the result.
    pub usage: Usage,
}

/// The end of a run, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct RunSummary {
    /// Steps in the plan.
    pub steps: usize,
    /// Steps that ran.
    pub ran: usize,
    /// Full hits.
    pub full: usize,
    /// Narrow hits.
    pub narrow: usize,
    /// Steps that were skipped.
    pub skipped: usize,
    /// Steps that did not succeed, those with `allow-failure` apart.
    pub failed: Vec<String>,
    /// Steps that were cancelled.
    pub cancelled: usize,
    /// Whether the run succeeded.
    pub success: bool,
    /// How long it took.
    pub duration_us: u64,
}

impl Event {
    /// The event as one line of JSON: `"v"`, `"event"` and its fields.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            v: u32,
            #[serde(flatten)]
            event: &'a Event,
        }
        serde_json::to_string(&Line {
            v: EVENT_VERSION,
            event: self,
        })
        .expect("an event has only texts as keys")
    }
}

/// Receives events, in the order in which they happen. Called from several threads.
pub trait Subscriber: Send + Sync {
    /// Takes one event; must not block for long.
    fn event(&self, event: &Event);
}
