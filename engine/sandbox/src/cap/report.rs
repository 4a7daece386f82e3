//! `airtight:step/report`: test cases, findings, metrics, annotations and a summary, bounded. Not here: what is made of
//! them (JUnit, SARIF, a page).

use airtight_model::step::{
    Annotation, Finding, Location, Metric, Report as Item, ReportSeverity, Summary, TestCase, TestOutcome,
};
use wasmtime::component::{HasData, Linker};

use super::cut;
use crate::bindings::airtight::step::report;
use crate::output::Said;
use crate::state::State;

/// The longest name, path, rule or title, in bytes.
const MAX_NAME: usize = 4 << 10;
/// The longest message, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// The longest summary, in bytes.
const MAX_SUMMARY: usize = 1 << 20;

/// Marks this capability in a linker.
pub(crate) struct Report;

/// A borrow of where reports go.
pub(crate) struct ReportView<'a> {
    pub(crate) ctx: &'a Said,
}

impl HasData for Report {
    type Data<'a> = ReportView<'a>;
}

/// Links the interface.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    report::add_to_linker::<State, Report>(linker, State::report)
}

/// Bounds texts, takes secrets out of them and counts what is left of them.
struct Bounded<'a> {
    said: &'a Said,
    size: usize,
}

impl Bounded<'_> {
    fn text(&mut self, text: String, limit: usize) -> String {
        let text = cut(self.said.redacted(text), limit);
        self.size += text.len();
        text
    }

    fn name(&mut self, text: String) -> String {
        self.text(text, MAX_NAME)
    }

    fn location(&mut self, location: Option<report::Location>) -> Option<Location> {
        location.map(|at| Location {
            path: self.name(at.path),
            line: at.line,
            column: at.column,
        })
    }
}

fn severity(severity: report::Severity) -> ReportSeverity {
    match severity {
        report::Severity::Note => ReportSeverity::Note,
        report::Severity::Warning => ReportSeverity::Warning,
        report::Severity::Error => ReportSeverity::Error,
    }
}

impl<'a> ReportView<'a> {
    fn bounded(&self) -> Bounded<'a> {
        Bounded {
            said: self.ctx,
            size: 0,
        }
    }

    fn keep(&self, item: Item, bounded: &Bounded<'_>) -> wasmtime::Result<()> {
        self.ctx.report(item, bounded.size + std::mem::size_of::<Item>())
    }
}

impl report::Host for ReportView<'_> {
    fn add_test_case(&mut self, test: report::TestCase) -> wasmtime::Result<()> {
        let mut bounded = self.bounded();
        let outcome = match test.outcome {
            report::TestOutcome::Passed => TestOutcome::Passed,
            report::TestOutcome::Failed(text) => TestOutcome::Failed(bounded.text(text, MAX_TEXT)),
            report::TestOutcome::Errored(text) => TestOutcome::Errored(bounded.text(text, MAX_TEXT)),
            report::TestOutcome::Skipped(text) => TestOutcome::Skipped(bounded.text(text, MAX_TEXT)),
        };
        let item = TestCase {
            suite: bounded.name(test.suite),
            name: bounded.name(test.name),
            outcome,
            duration_us: test.duration_us,
            location: bounded.location(test.location),
        };
        self.keep(Item::TestCase(item), &bounded)
    }

    fn add_finding(&mut self, finding: report::Finding) -> wasmtime::Result<()> {
        let mut bounded = self.bounded();
        let item = Finding {
            rule: bounded.name(finding.rule),
            severity: severity(finding.severity),
            message: bounded.text(finding.message, MAX_TEXT),
            location: bounded.location(finding.location),
            fingerprint: finding.fingerprint.map(|text| bounded.name(text)),
        };
        self.keep(Item::Finding(item), &bounded)
    }

    fn add_metric(&mut self, metric: report::Metric) -> wasmtime::Result<()> {
        let mut bounded = self.bounded();
        let (name, unit) = (bounded.name(metric.name), metric.unit.map(|unit| bounded.name(unit)));
        self.keep(
            Item::Metric(Metric {
                name,
                value: metric.value,
                unit,
            }),
            &bounded,
        )
    }

    fn add_annotation(&mut self, annotation: report::Annotation) -> wasmtime::Result<()> {
        let mut bounded = self.bounded();
        let item = Annotation {
            severity: severity(annotation.severity),
            title: bounded.name(annotation.title),
            message: bounded.text(annotation.message, MAX_TEXT),
            location: bounded.location(annotation.location),
        };
        self.keep(Item::Annotation(item), &bounded)
    }

    fn set_summary(&mut self, markdown: String) -> wasmtime::Result<()> {
        let mut bounded = self.bounded();
        let markdown = bounded.text(markdown, MAX_SUMMARY);
        self.keep(Item::Summary(Summary { markdown }), &bounded)
    }
}
