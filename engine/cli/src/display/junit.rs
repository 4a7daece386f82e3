//! JUnit XML of a run: a suite for each suite of reported test cases, and a case for each step. Not here: reading JUnit.
//!
//! The dialect is the one that GitLab, Jenkins and Surefire agree on: `testsuites` > `testsuite` > `testcase` with `failure`,
//! `error` or `skipped`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use airtight_model::Outcome;
use airtight_model::event::{Event, StepFinished, Subscriber};
use airtight_model::step::{Denial, Report, TestCase, TestOutcome};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event as Xml};

use crate::whole;

/// Collects test cases and writes the file when the run ends.
pub(crate) struct JUnit {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Test cases of attempts that go on, by step.
    going: BTreeMap<String, Vec<TestCase>>,
    /// What was refused in attempts that go on, by step.
    refused: BTreeMap<String, Vec<Denial>>,
    /// How each step ended, with the test cases of the attempt that counts. A step that is rewound ends twice, and its
    /// last end counts.
    steps: BTreeMap<String, (StepFinished, Vec<TestCase>)>,
    failed: Option<std::io::Error>,
}

impl JUnit {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            state: Mutex::default(),
        }
    }

    /// Why the file could not be written.
    pub(crate) fn error(&self) -> Option<(PathBuf, std::io::Error)> {
        let mut state = self.state.lock().expect("no one panics while holding a report");
        state.failed.take().map(|error| (self.path.clone(), error))
    }

    fn write(&self, state: &State) -> std::io::Result<()> {
        let mut bytes = Vec::new();
        write_document(&mut bytes, state)?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        whole::write(&self.path, |mut file| file.write_all(&bytes))
    }
}

impl Subscriber for JUnit {
    fn event(&self, event: &Event) {
        let mut state = self.state.lock().expect("no one panics while holding a report");
        match event {
            Event::StepReport {
                step,
                report: Report::TestCase(case),
                ..
            } => {
                state.going.entry(step.clone()).or_default().push(case.clone());
            }
            Event::StepDenied { step, denial, .. } => {
                state.refused.entry(step.clone()).or_default().push(denial.clone());
            }
            Event::StepRetried { step, .. } => {
                state.going.remove(step);
                state.refused.remove(step);
            }
            Event::StepFinished(end) => {
                let cases = state.going.remove(&end.step).unwrap_or_default();
                let refused = state.refused.remove(&end.step).unwrap_or_default();
                let mut end = (**end).clone();
                // A reader of the report sees the cause alone, so what was refused is a part of it.
                if let (false, Some(cause)) = (end.outcome == Outcome::Succeeded, &mut end.cause) {
                    refused.iter().for_each(|denial| cause.push_str(&refusal(denial)));
                }
                state.steps.insert(end.step.clone(), (end, cases));
            }
            Event::RunFinished(_) => {
                let written = self.write(&state);
                state.failed = written.err();
            }
            _ => {}
        }
    }
}

/// What was refused, by which rule, and what would allow it, as further lines of a cause.
fn refusal(denial: &Denial) -> String {
    let text = format!("\ndenied: {}: {}: {}", denial.capability, denial.request, denial.rule);
    match &denial.allow {
        Some(allow) => format!("{text}\nto allow it, add under `grants:`: {allow}"),
        None => text,
    }
}

fn seconds(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// Text without the characters that XML 1.0 cannot hold.
fn clean(text: &str) -> String {
    let allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if allowed(&c) { c } else { '\u{fffd}' }).collect()
}

fn write_document(out: &mut Vec<u8>, state: &State) -> std::io::Result<()> {
    let mut writer = Writer::new_with_indent(out, b' ', 2);
    writer.write_event(Xml::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("testsuites").write_inner_content(|writer| {
        let cases: Vec<Case> = state.steps.values().map(|(step, _)| Case::of_step(step)).collect();
        write_suite(writer, "steps", &cases)?;
        // A suite of a step is named `STEP: SUITE`, so that equal names of two steps stay apart.
        let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
        for (step, tests) in state.steps.values() {
            for test in tests {
                suites
                    .entry(format!("{}: {}", step.step, test.suite))
                    .or_default()
                    .push(Case::of_test(test));
            }
        }
        for (suite, cases) in &suites {
            write_suite(writer, suite, cases)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A test case in JUnit's terms.
struct Case {
    class: String,
    name: String,
    time: u64,
    file: Option<(String, Option<u32>)>,
    verdict: Verdict,
}

enum Verdict {
    Passed,
    Failure(String),
    Error(String),
    Skipped(String),
}

impl Case {
    fn of_step(step: &StepFinished) -> Self {
        let cause = || step.cause.clone().unwrap_or_else(|| step.outcome.word().to_owned());
        let verdict = match step.outcome {
            Outcome::Succeeded => Verdict::Passed,
            Outcome::Skipped | Outcome::Cancelled => Verdict::Skipped(cause()),
            Outcome::Failed | Outcome::Denied | Outcome::TimedOut => Verdict::Failure(cause()),
            Outcome::Errored => Verdict::Error(cause()),
        };
        Self {
            class: "steps".to_owned(),
            name: step.step.clone(),
            time: step.duration_us,
            file: None,
            verdict,
        }
    }

    fn of_test(test: &TestCase) -> Self {
        let verdict = match &test.outcome {
            TestOutcome::Passed => Verdict::Passed,
            TestOutcome::Failed(text) => Verdict::Failure(text.clone()),
            TestOutcome::Errored(text) => Verdict::Error(text.clone()),
            TestOutcome::Skipped(text) => Verdict::Skipped(text.clone()),
        };
        let file = test
            .location
            .as_ref()
            .map(|location| (location.path.clone(), location.line));
        Self {
            class: test.suite.clone(),
            name: test.name.clone(),
            time: test.duration_us.unwrap_or(0),
            file,
            verdict,
        }
    }
}

fn write_suite<W: std::io::Write>(writer: &mut Writer<W>, name: &str, cases: &[Case]) -> std::io::Result<()> {
    let count = |wanted: fn(&Verdict) -> bool| cases.iter().filter(|case| wanted(&case.verdict)).count().to_string();
    let name = clean(name);
    writer
        .create_element("testsuite")
        .with_attribute(("name", name.as_str()))
        .with_attribute(("tests", cases.len().to_string().as_str()))
        .with_attribute((
            "failures",
            count(|verdict| matches!(verdict, Verdict::Failure(_))).as_str(),
        ))
        .with_attribute(("errors", count(|verdict| matches!(verdict, Verdict::Error(_))).as_str()))
        .with_attribute((
            "skipped",
            count(|verdict| matches!(verdict, Verdict::Skipped(_))).as_str(),
        ))
        .with_attribute(("time", seconds(cases.iter().map(|case| case.time).sum()).as_str()))
        .write_inner_content(|writer| cases.iter().try_for_each(|case| write_case(writer, case)))?;
    Ok(())
}

fn write_case<W: std::io::Write>(writer: &mut Writer<W>, case: &Case) -> std::io::Result<()> {
    let (class, name) = (clean(&case.class), clean(&case.name));
    let mut element = writer
        .create_element("testcase")
        .with_attribute(("classname", class.as_str()))
        .with_attribute(("name", name.as_str()))
        .with_attribute(("time", seconds(case.time).as_str()));
    if let Some((file, line)) = &case.file {
        element = element.with_attribute(("file", clean(file).as_str()));
        if let Some(line) = line {
            element = element.with_attribute(("line", line.to_string().as_str()));
        }
    }
    let (tag, text) = match &case.verdict {
        Verdict::Passed => return element.write_empty().map(|_| ()),
        Verdict::Failure(text) => ("failure", clean(text)),
        Verdict::Error(text) => ("error", clean(text)),
        Verdict::Skipped(text) => ("skipped", clean(text)),
    };
    element.write_inner_content(|writer| {
        let first = text.lines().next().unwrap_or_default().to_owned();
        writer
            .create_element(tag)
            .with_attribute(("message", first.as_str()))
            .write_text_content(BytesText::new(&text))?;
        Ok(())
    })?;
    Ok(())
}
