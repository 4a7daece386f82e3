//! The host is that of `testing`, if this thread has one. Otherwise a line of the log goes to standard error, what is reported goes
//! nowhere, and there are no secrets.

use std::io::Write;

use crate::bindings::airtight::step::artifact::ErrorCode;
use crate::bindings::airtight::step::log::{Field, Level};
use crate::bindings::airtight::step::report::{Annotation, Finding, Metric, TestCase};
use crate::bindings::airtight::step::secret::Error;
use crate::testing::{Line, Task, current};

pub(crate) use crate::testing::Handle;

pub(crate) fn log(level: Level, message: &str, fields: &[Field]) {
    let line = Line {
        level,
        message: message.to_owned(),
        fields: fields
            .iter()
            .map(|field| (field.name.clone(), field.value.clone()))
            .collect(),
    };
    match current() {
        Some(state) => state.borrow_mut().lines.push(line),
        // Nobody listens to a test's standard error but a person.
        None => drop(writeln!(std::io::stderr(), "{line}")),
    }
}

pub(crate) fn progress(task: &str, done: u64, total: Option<u64>) {
    let Some(state) = current() else { return };
    let tasks = &mut state.borrow_mut().tasks;
    match tasks.iter_mut().find(|known| known.name == task && !known.finished) {
        Some(known) => (known.done, known.total) = (done, total),
        None => tasks.push(Task {
            name: task.to_owned(),
            done,
            total,
            finished: false,
        }),
    }
}

pub(crate) fn finish(task: &str) {
    let Some(state) = current() else { return };
    for known in &mut state.borrow_mut().tasks {
        known.finished |= known.name == task;
    }
}

pub(crate) fn add_finding(finding: Finding) {
    if let Some(state) = current() {
        state.borrow_mut().findings.push(finding);
    }
}

pub(crate) fn add_test_case(test: TestCase) {
    if let Some(state) = current() {
        state.borrow_mut().test_cases.push(test);
    }
}

pub(crate) fn add_metric(metric: Metric) {
    if let Some(state) = current() {
        state.borrow_mut().metrics.push(metric);
    }
}

pub(crate) fn add_annotation(annotation: Annotation) {
    if let Some(state) = current() {
        state.borrow_mut().annotations.push(annotation);
    }
}

pub(crate) fn set_summary(markdown: &str) {
    if let Some(state) = current() {
        state.borrow_mut().summary = Some(markdown.to_owned());
    }
}

pub(crate) fn set_executable(path: &str, executable: bool) -> Result<(), ErrorCode> {
    match std::fs::metadata(crate::path(path)) {
        Err(_) => return Err(ErrorCode::NoEntry),
        Ok(found) if !found.is_file() => return Err(ErrorCode::NotAFile),
        Ok(_) => {}
    }
    if let Some(state) = current() {
        let executables = &mut state.borrow_mut().executables;
        if executable {
            executables.insert(path.to_owned());
        } else {
            executables.remove(path);
        }
    }
    Ok(())
}

pub(crate) fn open_secret(name: &str) -> Result<Handle, Error> {
    let value = current().and_then(|state| state.borrow().secrets.get(name).cloned());
    match value {
        Some(value) => Ok(Handle::new(name, value)),
        None => Err(Error::Denied(format!(
            "the step has no grant for the secret `{name}`; in a test `host.secret({name:?}, …)` gives one"
        ))),
    }
}
