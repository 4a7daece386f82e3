//! What is remembered of a run in which nothing ran, so that the next one can be told without planning when nothing that
//! it depended on has changed. Not here: when it counts (`airtight_exec` and the command line), or where it is kept.

use crate::canonical::{
    Canonical, DecodeError, Decoder, Encoder, canonical_document, canonical_enum, canonical_record,
};
use crate::event::{CacheOutcome, Event, StepFinished, Stream};
use crate::id::BlobDigest;
use crate::step::{LogLine, Report, Use};
use crate::tree::Node;

/// A run in which every step hit, or was skipped, and all that it depended on. It may be told again, with the same events,
/// when each of these is found as it was: whatever is not listed here cannot have changed its outcome.
///
/// Stored as the document `ATun` version 1. See `docs/formats/store.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnchangedRun {
    /// The program that planned it, as its file was: another program may plan otherwise.
    pub program: Vec<u8>,
    /// The day (since 1970) on which it was a run of look-ups. It counts on that day only, so that what it names is used
    /// in the eyes of the sweep.
    pub day: u64,
    /// The store's generation before its first look-up. While it is the same, every blob that it names is there.
    pub generation: Vec<u8>,
    /// The files that planning read, in that order.
    pub files: Vec<KnownFile>,
    /// The components among the user's files: path below the pipeline's folder → digest.
    pub components: Vec<(String, BlobDigest)>,
    /// The sources and what they were.
    pub sources: Vec<KnownSource>,
    /// The pipeline's name.
    pub pipeline: String,
    /// Steps in the plan.
    pub steps: u64,
    /// How many of them hit fully.
    pub full: u64,
    /// How many hit narrowly.
    pub narrow: u64,
    /// What was exported: path below the pipeline's folder → what.
    pub exports: Vec<(String, Node)>,
    /// The run's outputs, as the store keeps them of it.
    pub outputs: Vec<u8>,
    /// The blob with what its steps told: [`Told`].
    pub told: BlobDigest,
}
canonical_record!(UnchangedRun {
    program,
    day,
    generation,
    files,
    components,
    sources,
    pipeline,
    steps,
    full,
    narrow,
    exports,
    outputs,
    told
});
canonical_document!(UnchangedRun, *b"ATun", 1);

/// A file that planning read, or looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Its path, as it was opened.
    pub path: String,
    /// The file that this led to, without links, and the digest of its bytes; none if it was not there.
    pub found: Option<(String, BlobDigest)>,
}
canonical_record!(KnownFile { path, found });

/// A source, and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSource {
    /// Its name in the pipeline file.
    pub name: String,
    /// Its path below the pipeline's folder.
    pub path: String,
    /// What is left out.
    pub exclude: Vec<String>,
    /// Whether `.gitignore` files count.
    pub gitignore: bool,
    /// What it was.
    pub node: Node,
    /// How many files it had.
    pub files: u64,
}
canonical_record!(KnownSource {
    name,
    path,
    exclude,
    gitignore,
    node,
    files
});

/// What steps that hit told, in order.
///
/// Stored as the document `ATtd` version 1. See `docs/formats/store.md`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Told {
    /// The events.
    pub events: Vec<ToldEvent>,
}
canonical_record!(Told { events });
canonical_document!(Told, *b"ATtd", 1);

/// An event of a step that hit or was skipped.
#[derive(Debug, Clone, PartialEq)]
pub enum ToldEvent {
    /// [`Event::StepOutput`], replayed.
    Output(String, Stream, String),
    /// [`Event::StepLog`], replayed.
    Log(String, LogLine),
    /// [`Event::StepReport`], replayed.
    Report(String, Report),
    /// [`Event::StepUsed`], replayed.
    Used(String, Use),
    /// [`Event::StepFinished`].
    Finished(Box<StepFinished>),
}
canonical_enum!(ToldEvent {
    0 = Output(step, stream, text),
    1 = Log(step, line),
    2 = Report(step, report),
    3 = Used(step, used),
    4 = Finished(end),
});

impl ToldEvent {
    /// The event, if it is one that a step tells which need not run: one that has to be told with its place in the pipeline
    /// file (a denial) is none.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::StepOutput {
                step,
                stream,
                text,
                cached: true,
            } => Some(Self::Output(step.clone(), *stream, text.clone())),
            Event::StepLog {
                step,
                line,
                cached: true,
            } => Some(Self::Log(step.clone(), line.clone())),
            Event::StepReport {
                step,
                report,
                cached: true,
            } => Some(Self::Report(step.clone(), report.clone())),
            Event::StepUsed {
                step,
                used,
                cached: true,
            } => Some(Self::Used(step.clone(), used.clone())),
            Event::StepFinished(end) if end.attempts == 0 => Some(Self::Finished(Box::new(StepFinished {
                // A look-up that is not made takes no time.
                duration_us: 0,
                ..(**end).clone()
            }))),
            _ => None,
        }
    }

    /// The event again.
    pub fn into_event(self) -> Event {
        let cached = true;
        match self {
            Self::Output(step, stream, text) => Event::StepOutput {
                step,
                stream,
                text,
                cached,
            },
            Self::Log(step, line) => Event::StepLog { step, line, cached },
            Self::Report(step, report) => Event::StepReport { step, report, cached },
            Self::Used(step, used) => Event::StepUsed { step, used, cached },
            Self::Finished(end) => Event::StepFinished(end),
        }
    }
}

canonical_enum!(Stream { 0 = Stdout, 1 = Stderr });
canonical_enum!(CacheOutcome { 0 = Full, 1 = Narrow, 2 = Miss, 3 = Off });

impl Canonical for StepFinished {
    fn encode(&self, out: &mut Encoder) {
        let Self {
            step,
            outcome,
            cache,
            cached,
            class,
            duration_us,
            outputs,
            result,
            key,
            cause,
            help,
            exit_code,
            allow_failure,
            attempts,
            usage,
        } = self;
        step.encode(out);
        outcome.encode(out);
        cache.encode(out);
        cached.encode(out);
        class.encode(out);
        duration_us.encode(out);
        out.uint(outputs.len() as u64);
        for (name, digest) in outputs {
            name.encode(out);
            digest.encode(out);
        }
        (!result.is_null()).then(|| result.to_string()).encode(out);
        key.encode(out);
        cause.encode(out);
        help.encode(out);
        exit_code.map(i64::from).encode(out);
        allow_failure.encode(out);
        attempts.encode(out);
        usage.encode(out);
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            step: Canonical::decode(from)?,
            outcome: Canonical::decode(from)?,
            cache: Canonical::decode(from)?,
            cached: Canonical::decode(from)?,
            class: Canonical::decode(from)?,
            duration_us: Canonical::decode(from)?,
            outputs: Vec::<(String, String)>::decode(from)?.into_iter().collect(),
            result: match Option::<String>::decode(from)? {
                None => serde_json::Value::Null,
                Some(text) => serde_json::from_str(&text).map_err(|_| from.invalid("a result that is not JSON"))?,
            },
            key: Canonical::decode(from)?,
            cause: Canonical::decode(from)?,
            help: Canonical::decode(from)?,
            exit_code: match Option::<i64>::decode(from)? {
                None => None,
                Some(code) => Some(i32::try_from(code).map_err(|_| from.invalid("an exit code out of range"))?),
            },
            allow_failure: Canonical::decode(from)?,
            attempts: Canonical::decode(from)?,
            usage: Canonical::decode(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::step::{Class, LogLevel, Outcome, Usage};

    fn finished() -> StepFinished {
        StepFinished {
            step: "pack[os=linux]".to_owned(),
            outcome: Outcome::Succeeded,
            cache: CacheOutcome::Narrow,
            cached: true,
            class: Class::FixedOutput,
            duration_us: 0,
            outputs: BTreeMap::from([("file".to_owned(), "ab+x".to_owned())]),
            result: serde_json::json!({ "b": [1, -2.5, null], "a": "ü" }),
            key: Some("k".to_owned()),
            cause: None,
            help: Some("h".to_owned()),
            exit_code: Some(-3),
            allow_failure: true,
            attempts: 0,
            usage: Usage {
                duration_us: 1,
                memory: 2,
                read: 3,
                written: 4,
            },
        }
    }

    // What is told again is what was told, and not a byte of it gets lost on the way through the store.
    #[test]
    fn what_was_told_is_told_again() {
        let line = LogLine {
            level: LogLevel::Warn,
            message: "m".to_owned(),
            fields: vec![("k".to_owned(), "v".to_owned())],
        };
        let step = || "s".to_owned();
        let events = [
            Event::StepOutput {
                step: step(),
                stream: Stream::Stderr,
                text: "t".to_owned(),
                cached: true,
            },
            Event::StepLog {
                step: step(),
                line,
                cached: true,
            },
            Event::StepFinished(Box::new(finished())),
        ];
        let told = Told {
            events: events.iter().map(|event| ToldEvent::of(event).unwrap()).collect(),
        };
        let read = Told::from_document(&told.to_document()).unwrap();
        let again: Vec<Event> = read.events.into_iter().map(ToldEvent::into_event).collect();
        assert_eq!(again, events);
    }

    // A step that ran, whatever came of it, makes a run that has to be looked up again.
    #[test]
    fn what_an_attempt_tells_is_not_remembered() {
        let ran = Event::StepFinished(Box::new(StepFinished {
            attempts: 1,
            ..finished()
        }));
        let live = Event::StepOutput {
            step: "s".to_owned(),
            stream: Stream::Stdout,
            text: String::new(),
            cached: false,
        };
        let warning = Event::Warning {
            message: "m".to_owned(),
            help: None,
        };
        for event in [ran, live, warning] {
            assert_eq!(ToldEvent::of(&event), None);
        }
    }
}
