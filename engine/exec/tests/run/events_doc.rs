//! `docs/formats/events.md` beside the events themselves: an example of each, and a row for each field.

use std::collections::BTreeMap;

use airtight_model::event::{CacheOutcome, Event, RunSummary, StepFinished, Stream};
use airtight_model::step::{LogLevel, LogLine, Metric, Report};
use airtight_model::{Class, Denial, Outcome, Usage, Use};
use serde_json::{Value as Json, json};

const DOC: &str = include_str!("../../../../docs/formats/events.md");
const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn step() -> String {
    "compile".to_owned()
}

fn finished() -> StepFinished {
    StepFinished {
        step: step(),
        outcome: Outcome::Failed,
        cache: CacheOutcome::Miss,
        cached: false,
        class: Class::Pure,
        duration_us: 81_250,
        outputs: BTreeMap::from([("app".to_owned(), DIGEST.to_owned())]),
        result: json!({ "warnings": 2 }),
        key: Some(DIGEST.to_owned()),
        cause: Some("it exited with code 1".to_owned()),
        help: Some("look at its last lines".to_owned()),
        exit_code: Some(1),
        allow_failure: false,
        attempts: 1,
        usage: Usage {
            duration_us: 80_911,
            memory: 1_114_112,
            read: 5_120,
            written: 2_048,
        },
    }
}

fn summary() -> RunSummary {
    RunSummary {
        steps: 4,
        ran: 1,
        full: 1,
        narrow: 1,
        skipped: 0,
        failed: vec![step()],
        cancelled: 1,
        success: false,
        duration_us: 95_020,
    }
}

/// One of each. A variant that is not here does not compile ([`section`]).
fn events() -> Vec<Event> {
    let line = LogLine {
        level: LogLevel::Warn,
        message: "unused variable".to_owned(),
        fields: vec![("file".to_owned(), "main.c".to_owned())],
    };
    let report = Report::Metric(Metric {
        name: "lines".to_owned(),
        value: 120.0,
        unit: None,
    });
    let denial = Denial {
        capability: "net".to_owned(),
        request: "resolve example.com".to_owned(),
        rule: "no `net:` grant names that host".to_owned(),
        allow: Some("net: [\"tcp://example.com:PORT\"]".to_owned()),
        count: 1,
    };
    let used = Use {
        capability: "http".to_owned(),
        request: "GET https://example.com/rules".to_owned(),
        grant: "\"https://example.com\"".to_owned(),
        count: 1,
        sent: 0,
        received: 5_120,
    };
    let text = "main.c:3: warning".to_owned();
    vec![
        Event::RunStarted {
            run: "0198c1d2-4f".to_owned(),
            pipeline: "orders".to_owned(),
            steps: 4,
            jobs: 2,
        },
        Event::SourceStarted {
            source: "app".to_owned(),
        },
        Event::SourceFinished {
            source: "app".to_owned(),
            digest: format!("tree:{DIGEST}"),
            files: 12,
            duration_us: 1_800,
        },
        Event::StepStarted {
            step: step(),
            reason: "`/src/main.c` changed".to_owned(),
            attempt: 1,
        },
        Event::StepOutput {
            step: step(),
            stream: Stream::Stderr,
            text,
            cached: false,
        },
        Event::StepLog {
            step: step(),
            line,
            cached: false,
        },
        Event::StepProgress {
            step: step(),
            task: "units".to_owned(),
            done: 3,
            total: Some(7),
        },
        Event::StepReport {
            step: step(),
            report,
            cached: false,
        },
        Event::StepDenied {
            step: step(),
            denial,
            cached: false,
        },
        Event::StepUsed {
            step: step(),
            used,
            cached: false,
        },
        Event::StepRetried {
            step: step(),
            attempt: 1,
            outcome: Outcome::TimedOut,
            reason: "it ran longer than 60 s".to_owned(),
            wait_ms: 1_000,
        },
        Event::StepFinished(Box::new(finished())),
        Event::Exported {
            to: "dist/image".to_owned(),
            digest: format!("tree:{DIGEST}"),
            unchanged: false,
        },
        Event::Warning {
            message: "`dist/image` is left as it was, because the outcome of `image` is skipped".to_owned(),
            help: None,
        },
        Event::RunFinished(summary()),
    ]
}

/// The heading of an event's section.
fn section(event: &Event) -> &'static str {
    match event {
        Event::RunStarted { .. } => "run-started",
        Event::SourceStarted { .. } => "source-started",
        Event::SourceFinished { .. } => "source-finished",
        Event::StepStarted { .. } => "step-started",
        Event::StepOutput { .. } => "step-output",
        Event::StepLog { .. } => "step-log",
        Event::StepProgress { .. } => "step-progress",
        Event::StepReport { .. } => "step-report",
        Event::StepDenied { .. } => "step-denied",
        Event::StepUsed { .. } => "step-used",
        Event::StepRetried { .. } => "step-retried",
        Event::StepFinished(_) => "step-finished",
        Event::Exported { .. } => "exported",
        Event::Warning { .. } => "warning",
        Event::RunFinished(_) => "run-finished",
    }
}

fn text_of(section: &str) -> &'static str {
    let start = DOC
        .find(&format!("\n## `{section}`\n"))
        .unwrap_or_else(|| panic!("no section `{section}`"));
    let rest = &DOC[start + 1..];
    rest.find("\n## ").map_or(rest, |end| &rest[..end])
}

// The examples of the document are what the code writes, to the byte. On a difference, the right line is printed.
#[test]
fn every_event_has_its_example() {
    for event in events() {
        let line = event.to_json();
        assert!(
            text_of(section(&event)).contains(&format!("\n{line}\n")),
            "{}: expected\n{line}",
            section(&event)
        );
    }
}

// Every field has a row, in the section of its event.
#[test]
fn every_field_is_documented() {
    for event in events() {
        let Json::Object(fields) = serde_json::from_str(&event.to_json()).unwrap() else {
            panic!("an object")
        };
        for field in fields.keys().filter(|field| !["v", "event"].contains(&field.as_str())) {
            let text = text_of(section(&event));
            assert!(
                text.contains(&format!("\n| `{field}` |")),
                "{}: no row for `{field}`",
                section(&event)
            );
        }
    }
}
