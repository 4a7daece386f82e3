//! An answer and its two forms. Not here: how it is found.

use airtight_model::{Denial, Use};
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::display::Paint;
use crate::escape;

/// How many lines of a part of an answer are shown to people; a program gets all.
const SHOWN: usize = 100;

/// What was asked, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// `reach`, `secret` or `reads`.
    pub(crate) question: &'static str,
    /// The host, secret or path.
    pub(crate) of: String,
    /// How many runs are recorded.
    pub(crate) runs: usize,
    pub(crate) may: Vec<May>,
    pub(crate) did: Vec<Did>,
    pub(crate) refused: Vec<Refused>,
    /// What the answer does not cover.
    pub(crate) notes: Vec<String>,
}

/// A step that may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct May {
    pub(crate) step: String,
    /// The line of the pipeline file, or the mount, that lets it.
    pub(crate) by: String,
    /// Where the step is in the file.
    pub(crate) place: String,
}

/// Something that a step did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Did {
    pub(crate) step: String,
    /// What.
    pub(crate) what: String,
    /// The grant that allowed it; empty for what needs none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) grant: String,
    pub(crate) count: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// In how many runs.
    pub(crate) runs: u64,
    /// The last of them.
    pub(crate) last_run: String,
    /// When that was.
    pub(crate) last_at: String,
}

/// Something that a step was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refused {
    pub(crate) step: String,
    pub(crate) what: String,
    pub(crate) rule: String,
    pub(crate) count: u64,
    pub(crate) last_run: String,
    pub(crate) last_at: String,
}

impl Answer {
    pub(crate) fn new(question: &'static str, of: &str, runs: usize) -> Self {
        Self {
            question,
            of: of.to_owned(),
            runs,
            may: Vec::new(),
            did: Vec::new(),
            refused: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Counts a use of a step in a run. Runs come the last one first.
    pub(crate) fn used(&mut self, step: &str, used: &Use, run: &str, at: u64) {
        let same = |did: &&mut Did| did.step == step && did.what == used.request && did.grant == used.grant;
        if let Some(did) = self.did.iter_mut().find(same) {
            did.count += used.count;
            did.sent += used.sent;
            did.received += used.received;
            did.runs += 1;
            return;
        }
        self.did.push(Did {
            step: step.to_owned(),
            what: used.request.clone(),
            grant: used.grant.clone(),
            count: used.count,
            sent: used.sent,
            received: used.received,
            runs: 1,
            last_run: run.to_owned(),
            last_at: instant(at),
        });
    }

    /// Counts a refusal.
    pub(crate) fn denied(&mut self, step: &str, denial: &Denial, run: &str, at: u64) {
        let same = |one: &&mut Refused| one.step == step && one.what == denial.request && one.rule == denial.rule;
        if let Some(one) = self.refused.iter_mut().find(same) {
            one.count += denial.count;
            return;
        }
        self.refused.push(Refused {
            step: step.to_owned(),
            what: denial.request.clone(),
            rule: denial.rule.clone(),
            count: denial.count,
            last_run: run.to_owned(),
            last_at: instant(at),
        });
    }

    pub(crate) fn as_json(&self) -> Json {
        json!({
            "v": 1,
            "question": self.question,
            "of": self.of,
            "runs": self.runs,
            "may": self.may,
            "did": self.did,
            "refused": self.refused,
            "notes": self.notes,
        })
    }

    pub(crate) fn as_text(&self, paint: Paint) -> String {
        let verb = match self.question {
            "reach" => "reach",
            "secret" => "use",
            _ => "read",
        };
        let of = escape::line(&self.of);
        let mut lines = Vec::new();
        let part = |lines: &mut Vec<String>, title: String, nothing: &str, rows: Vec<String>| {
            lines.push(paint.bold(&title));
            if rows.is_empty() {
                lines.push(format!("  {nothing}"));
            }
            let more = rows.len().saturating_sub(SHOWN);
            lines.extend(rows.into_iter().take(SHOWN).map(|row| format!("  {row}")));
            if more > 0 {
                lines.push(format!("  … {more} more: `--format json`"));
            }
        };
        let may = self.may.iter().map(May::row).collect();
        part(&mut lines, format!("may {verb} {of}"), "no step", may);
        let runs = match self.runs {
            0 => "no run is recorded".to_owned(),
            1 => "in the one recorded run".to_owned(),
            runs => format!("in the {runs} recorded runs"),
        };
        let did = self.did.iter().map(Did::row).collect();
        part(&mut lines, format!("did, {runs}"), "no step", did);
        if !self.refused.is_empty() {
            let refused = self.refused.iter().map(Refused::row).collect();
            part(&mut lines, "was refused".to_owned(), "", refused);
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {}", escape::line(note))));
        lines.join("\n")
    }
}

impl May {
    fn row(&self) -> String {
        let Self { step, by, place } = self;
        format!("{}: {} ({})", escape::line(step), escape::line(by), escape::line(place))
    }
}

impl Did {
    fn row(&self) -> String {
        let mut text = format!("{}: {}", escape::line(&self.step), escape::line(&self.what));
        let times = if self.count == 1 {
            "once".to_owned()
        } else {
            format!("{} times", self.count)
        };
        if self.count > 0 {
            text.push_str(&format!(", {times}"));
        }
        if self.sent + self.received > 0 {
            text.push_str(&format!(", {} bytes sent, {} received", self.sent, self.received));
        }
        if self.runs > 1 {
            text.push_str(&format!(", in {} runs", self.runs));
        }
        if !self.grant.is_empty() {
            text.push_str(&format!(", by {}", escape::line(&self.grant)));
        }
        format!("{text}; last {}", self.last_at)
    }
}

impl Refused {
    fn row(&self) -> String {
        let times = if self.count == 1 {
            "once".to_owned()
        } else {
            format!("{} times", self.count)
        };
        let (step, what, rule) = (
            escape::line(&self.step),
            escape::line(&self.what),
            escape::line(&self.rule),
        );
        format!("{step}: {what}, {times}: {rule}; last {}", self.last_at)
    }
}

/// Seconds since 1970 as `2026-11-22T06:40:00Z`.
pub(crate) fn instant(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // The well-known `civil_from_days`, for days from 1970 on.
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Leap days, ends of years and centuries.
    #[test]
    fn an_instant_is_written_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(instant(seconds), text);
        }
    }

    // What one step did again and again is one line with sums.
    #[test]
    fn uses_of_several_runs_are_summed_up() {
        let used = Use {
            capability: "http".to_owned(),
            request: "GET https://x/".to_owned(),
            grant: "\"https://x\"".to_owned(),
            count: 2,
            sent: 1,
            received: 3,
        };
        let mut answer = Answer::new("reach", "x", 2);
        answer.used("a", &used, "run 2", 86_400);
        answer.used("a", &used, "run 1", 0);
        answer.used("b", &used, "run 1", 0);
        assert_eq!(answer.did.len(), 2);
        assert_eq!(
            answer.did[0].row(),
            "a: GET https://x/, 4 times, 2 bytes sent, 6 received, in 2 runs, by \"https://x\"; last 1970-01-02T00:00:00Z"
        );
    }
}
