//! The host is Airtight: its functions, as they are.

use crate::bindings::airtight::step::log::{Field, Level};
use crate::bindings::airtight::step::report::{Annotation, Finding, Metric, TestCase};
use crate::bindings::airtight::step::{artifact, log as logs, progress as tasks, report, secret};

pub(crate) use secret::Handle;

pub(crate) fn log(level: Level, message: &str, fields: &[Field]) {
    logs::log(level, message, fields);
}

pub(crate) fn progress(task: &str, done: u64, total: Option<u64>) {
    tasks::update(task, done, total);
}

pub(crate) fn finish(task: &str) {
    tasks::finish(task);
}

pub(crate) fn add_finding(finding: Finding) {
    report::add_finding(&finding);
}

pub(crate) fn add_test_case(test: TestCase) {
    report::add_test_case(&test);
}

pub(crate) fn add_metric(metric: Metric) {
    report::add_metric(&metric);
}

pub(crate) fn add_annotation(annotation: Annotation) {
    report::add_annotation(&annotation);
}

pub(crate) fn set_summary(markdown: &str) {
    report::set_summary(markdown);
}

pub(crate) fn set_executable(path: &str, executable: bool) -> Result<(), artifact::ErrorCode> {
    artifact::set_executable(path, executable)
}

pub(crate) fn open_secret(name: &str) -> Result<Handle, secret::Error> {
    secret::open(name)
}
