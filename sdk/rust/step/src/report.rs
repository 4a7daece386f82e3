//! What a step found out, as data: findings, test cases, metrics, annotations and a summary. They are part of the step's recorded
//! result, and shown by `airtight run --report`.
//!
//! ```
//! use airtight_step::report::{self, Finding, Metric, Severity, TestCase};
//!
//! Finding::new("marker", Severity::Warning, "found TODO").at("/in/a.txt").line(3).add();
//! TestCase::passed("parser", "reads an empty file").add();
//! TestCase::failed("parser", "reads a long file", "expected 3, found 2").add();
//! Metric::new("size", 1024.0).unit("bytes").add();
//! report::set_summary("**2** files");
//! ```

use std::time::Duration;

pub use crate::bindings::airtight::step::report::{
    Annotation, Finding, Location, Metric, Severity, TestCase, TestOutcome,
};
use crate::host;

/// Sets the step's summary, as Markdown. A later call replaces an earlier one.
pub fn set_summary(markdown: &str) {
    host::set_summary(markdown);
}

fn line(location: &mut Option<Location>, line: u32) {
    if let Some(location) = location {
        location.line = Some(line);
    }
}

fn column(location: &mut Option<Location>, column: u32) {
    if let Some(location) = location {
        location.column = Some(column);
    }
}

impl Location {
    /// Returns the location of a file or folder, by its path as the step sees it.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            line: None,
            column: None,
        }
    }
}

/// The methods that say where something is, for everything that can say it.
macro_rules! located {
    () => {
        /// Says which file it is about, by its path as the step sees it.
        #[must_use = "nothing is reported until `add`"]
        pub fn at(mut self, path: impl Into<String>) -> Self {
            self.location = Some(Location::new(path));
            self
        }

        /// Says which line of the file, counted from 1. Goes after `at`.
        #[must_use = "nothing is reported until `add`"]
        pub fn line(mut self, number: u32) -> Self {
            line(&mut self.location, number);
            self
        }

        /// Says which column of the line, counted from 1. Goes after `at`.
        #[must_use = "nothing is reported until `add`"]
        pub fn column(mut self, number: u32) -> Self {
            column(&mut self.location, number);
            self
        }
    };
}

impl Finding {
    /// Makes a finding of the rule with a stable name, for example `aws-access-key-id`.
    #[must_use = "nothing is reported until `add`"]
    pub fn new(rule: impl Into<String>, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            severity,
            message: message.into(),
            location: None,
            fingerprint: None,
        }
    }

    located!();

    /// Says what stays the same when the finding moves within its file.
    #[must_use = "nothing is reported until `add`"]
    pub fn fingerprint(mut self, fingerprint: impl Into<String>) -> Self {
        self.fingerprint = Some(fingerprint.into());
        self
    }

    /// Reports it.
    pub fn add(self) {
        host::add_finding(self);
    }
}

impl TestCase {
    /// Makes a test case of a suite, for example a file or a class.
    #[must_use = "nothing is reported until `add`"]
    pub fn new(suite: impl Into<String>, name: impl Into<String>, outcome: TestOutcome) -> Self {
        Self {
            suite: suite.into(),
            name: name.into(),
            outcome,
            duration_us: None,
            location: None,
        }
    }

    /// Makes one that passed.
    #[must_use = "nothing is reported until `add`"]
    pub fn passed(suite: impl Into<String>, name: impl Into<String>) -> Self {
        Self::new(suite, name, TestOutcome::Passed)
    }

    /// Makes one whose assertion did not hold.
    #[must_use = "nothing is reported until `add`"]
    pub fn failed(suite: impl Into<String>, name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(suite, name, TestOutcome::Failed(why.into()))
    }

    /// Makes one that went wrong before it could tell.
    #[must_use = "nothing is reported until `add`"]
    pub fn errored(suite: impl Into<String>, name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(suite, name, TestOutcome::Errored(why.into()))
    }

    /// Makes one that was not run.
    #[must_use = "nothing is reported until `add`"]
    pub fn skipped(suite: impl Into<String>, name: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(suite, name, TestOutcome::Skipped(why.into()))
    }

    located!();

    /// Says how long it took, by the clock that the step sees.
    #[must_use = "nothing is reported until `add`"]
    pub fn took(mut self, duration: Duration) -> Self {
        self.duration_us = Some(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        self
    }

    /// Reports it.
    pub fn add(self) {
        host::add_test_case(self);
    }
}

impl Metric {
    /// Makes a number that is worth following over time.
    #[must_use = "nothing is reported until `add`"]
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self {
            name: name.into(),
            value,
            unit: None,
        }
    }

    /// Says its unit, for example `bytes`.
    #[must_use = "nothing is reported until `add`"]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Reports it.
    pub fn add(self) {
        host::add_metric(self);
    }
}

impl Annotation {
    /// Makes a remark for the person who reads the run.
    #[must_use = "nothing is reported until `add`"]
    pub fn new(severity: Severity, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity,
            title: title.into(),
            message: message.into(),
            location: None,
        }
    }

    located!();

    /// Reports it.
    pub fn add(self) {
        host::add_annotation(self);
    }
}
