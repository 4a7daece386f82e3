//! What a person needs of a step that did not succeed: its last lines, the cause, what to do. Not here: when it is shown.

use std::collections::{HashMap, VecDeque};

use airtight_model::Outcome;
use airtight_model::event::{Event, StepFinished};

use crate::escape;

/// How many of a step's last lines are kept and shown.
const LAST_LINES: usize = 20;

/// The last lines of each step that is going on.
#[derive(Debug, Default)]
pub(crate) struct LastLines(HashMap<String, (usize, VecDeque<String>)>);

impl LastLines {
    /// Takes what an event adds.
    pub(crate) fn take(&mut self, event: &Event) {
        let (step, text) = match event {
            Event::StepOutput {
                step,
                text,
                cached: false,
                ..
            } => (step, text.clone()),
            Event::StepLog {
                step,
                line,
                cached: false,
            } => (step, log_text(line)),
            Event::StepRetried { step, .. } => {
                self.0.remove(step);
                return;
            }
            _ => return,
        };
        let (count, lines) = self.0.entry(step.clone()).or_default();
        *count += 1;
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        lines.push_back(text);
    }

    /// The lines to print for a step that has ended; forgets them.
    pub(crate) fn report(&mut self, end: &StepFinished, paint: &Paint) -> Vec<String> {
        let (count, lines) = self.0.remove(&end.step).unwrap_or_default();
        if matches!(end.outcome, Outcome::Succeeded | Outcome::Skipped | Outcome::Cancelled) {
            return Vec::new();
        }
        let mut out = Vec::new();
        if count > lines.len() {
            out.push(paint.dim(&format!(
                "  … {} earlier lines; all of them: `airtight run --format json`",
                count - lines.len()
            )));
        }
        out.extend(
            lines
                .iter()
                .map(|line| format!("  {} {}", paint.dim("│"), escape::line(line))),
        );
        if let Some(cause) = &end.cause {
            let mut lines = cause.lines();
            out.push(format!(
                "  {}: {}",
                paint.red("cause"),
                escape::line(lines.next().unwrap_or_default())
            ));
            out.extend(lines.map(|line| format!("    {}", escape::line(line))));
        }
        for line in end.help.iter().flat_map(|help| help.lines()) {
            out.push(format!("  {}: {}", paint.cyan("help"), escape::line(line)));
        }
        out
    }
}

/// A log line as text: level, message, fields.
pub(crate) fn log_text(line: &airtight_model::step::LogLine) -> String {
    let level = format!("{:?}", line.level).to_lowercase();
    let fields: String = line
        .fields
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    format!("{level}: {}{fields}", line.message)
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }
}
