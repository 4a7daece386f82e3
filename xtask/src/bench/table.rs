//! Shows what the cases found: lines for people, a JSON document for programs, Markdown for the documentation. Nothing is measured
//! here.

use std::fmt::Write as _;

use super::contest::{Beside, Row, Series, Unit};
use super::machine::Machine;

/// A case and what it found.
#[derive(Debug)]
pub(crate) struct Found {
    /// The case's name.
    pub(crate) name: &'static str,
    /// What was done.
    pub(crate) work: &'static str,
    /// What was found.
    pub(crate) row: Row,
}

/// Everything that is said about a bench.
#[derive(Debug)]
pub(crate) struct Report {
    /// The machine.
    pub(crate) machine: Machine,
    /// What every program says its version is, by name.
    pub(crate) versions: Vec<(&'static str, String)>,
    /// How often each side did its work.
    pub(crate) turns: usize,
    /// Whether the work was too little to say anything about time.
    pub(crate) small: bool,
    /// The cases.
    pub(crate) cases: Vec<Found>,
}

/// Whether a bar was met.
fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

impl Row {
    /// Whether ours is within what it may be at most.
    fn within(&self) -> Option<bool> {
        self.limit.map(|limit| self.ours.median() <= limit)
    }
}

impl Beside {
    /// Ours as a part of the peer's.
    fn ratio(&self, ours: &Series) -> Option<f64> {
        Some(ours.median() / self.series.as_ref().ok()?.median())
    }

    /// Whether the ratio is within the bar.
    fn met(&self, ours: &Series) -> Option<bool> {
        Some(self.ratio(ours)? <= self.bar?)
    }
}

/// A number with its unit, in three digits.
pub(crate) fn amount(unit: Unit, value: f64) -> String {
    let (value, name) = match unit {
        Unit::Bytes => (value / f64::from(1 << 20), "MiB"),
        Unit::Seconds if value < 1e-3 => (value * 1e6, "µs"),
        Unit::Seconds if value < 1.0 => (value * 1e3, "ms"),
        Unit::Seconds => (value, "s"),
    };
    let digits = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {name}")
}

/// The median, and the spread if there is one.
fn series(unit: Unit, series: &Series) -> String {
    let median = amount(unit, series.median());
    if series.0.len() < 2 {
        return median;
    }
    let (least, greatest) = series.spread();
    format!("{median} ({} – {})", amount(unit, least), amount(unit, greatest))
}

impl Found {
    /// Lines for people: ours, then each peer.
    pub(crate) fn lines(&self) -> String {
        let mut text = String::new();
        let row = &self.row;
        let limit = row.limit.zip(row.within()).map_or_else(String::new, |(limit, within)| {
            format!("   bar {}: {}", amount(row.unit, limit), verdict(within))
        });
        let peak = row.peak.map_or_else(String::new, |peak| {
            format!("; peak memory {}", amount(Unit::Bytes, peak as f64))
        });
        let _ = writeln!(text, "{}: {}{peak}", self.name, self.work);
        let _ = writeln!(text, "  {:<38} {:<32}{limit}", "airtight", series(row.unit, &row.ours));
        for beside in &row.beside {
            let line = match &beside.series {
                Err(absent) => format!("absent: {absent}"),
                Ok(theirs) => {
                    let bar = beside.bar.zip(beside.met(&row.ours));
                    let bar = bar.map_or_else(String::new, |(bar, met)| format!("   bar {bar:.2} x: {}", verdict(met)));
                    let ratio = beside.ratio(&row.ours).unwrap_or(f64::NAN);
                    format!("{:<32} {ratio:>7.3} x{bar}", series(row.unit, theirs))
                }
            };
            let _ = writeln!(text, "  {:<38} {line}", beside.name);
        }
        for note in &row.notes {
            let _ = writeln!(text, "  {note}");
        }
        text
    }

    /// A row of the documentation's table for each peer, all with the case's name in the first column.
    pub(crate) fn markdown(&self, date: &str) -> Vec<String> {
        let row = &self.row;
        let ours = series(row.unit, &row.ours);
        let peak = row
            .peak
            .map_or_else(|| "–".to_owned(), |peak| amount(Unit::Bytes, peak as f64));
        let line = |peer: &str, theirs: &str, ratio: &str, bar: &str| {
            format!(
                "| `{}` | {} | {ours} | {peak} | {peer} | {theirs} | {ratio} | {bar} | {date} |",
                self.name, self.work
            )
        };
        let mut lines = Vec::new();
        if let (Some(limit), Some(within)) = (row.limit, row.within()) {
            let bar = format!("≤ {}: {}", amount(row.unit, limit), verdict(within));
            lines.push(line("–", "–", "–", &bar));
        }
        for beside in &row.beside {
            lines.push(match &beside.series {
                Err(absent) => line(&beside.name, &format!("absent: {absent}"), "–", "–"),
                Ok(theirs) => {
                    let bar = beside.bar.zip(beside.met(&row.ours));
                    let bar = bar.map_or_else(
                        || "–".to_owned(),
                        |(bar, met)| format!("≤ {bar:.2} ×: {}", verdict(met)),
                    );
                    let ratio = beside.ratio(&row.ours).unwrap_or(f64::NAN);
                    line(&beside.name, &series(row.unit, theirs), &format!("{ratio:.3} ×"), &bar)
                }
            });
        }
        if lines.is_empty() {
            lines.push(line("–", "–", "–", "–"));
        }
        lines
    }

    fn json(&self) -> String {
        let row = &self.row;
        let unit = match row.unit {
            Unit::Seconds => "s",
            Unit::Bytes => "bytes",
        };
        let peers = row.beside.iter().map(|beside| match &beside.series {
            Err(absent) => object(&[("name", string(&beside.name)), ("absent", string(absent))]),
            Ok(theirs) => object(&[
                ("name", string(&beside.name)),
                ("took", numbers(theirs)),
                ("ratio", number(beside.ratio(&row.ours))),
                ("bar", number(beside.bar)),
                ("met", truth(beside.met(&row.ours))),
            ]),
        });
        object(&[
            ("name", string(self.name)),
            ("work", string(self.work)),
            ("unit", string(unit)),
            ("took", numbers(&row.ours)),
            ("bar", number(row.limit)),
            ("met", truth(row.within())),
            ("peak_bytes", number(row.peak.map(|peak| peak as f64))),
            ("peers", array(peers)),
            ("notes", array(row.notes.iter().map(|note| string(note)))),
        ])
    }
}

impl Report {
    /// One document with everything.
    pub(crate) fn json(&self) -> String {
        let machine = &self.machine;
        let versions: Vec<_> = self
            .versions
            .iter()
            .map(|(name, version)| (*name, string(version)))
            .collect();
        object(&[
            ("v", "1".to_owned()),
            ("small", self.small.to_string()),
            ("turns", self.turns.to_string()),
            (
                "machine",
                object(&[
                    ("date", string(&machine.date)),
                    ("processors", machine.processors.to_string()),
                    ("model", string(&machine.model)),
                    ("memory_bytes", machine.memory.to_string()),
                    ("kernel", string(&machine.kernel)),
                    ("filesystem", string(&machine.filesystem)),
                    ("load", string(&machine.load)),
                ]),
            ),
            ("versions", object(&versions)),
            ("cases", array(self.cases.iter().map(Found::json))),
        ])
    }

    /// The machine and the programs, for people.
    pub(crate) fn conditions(&self) -> String {
        let machine = &self.machine;
        let memory = machine.memory as f64 / f64::from(1 << 30);
        let mut text = format!(
            "{}: {} processors ({}), {memory:.0} GiB of memory, Linux {}, {}; load {} at the start; medians of {} turns (least – greatest).\n",
            machine.date,
            machine.processors,
            machine.model,
            machine.kernel,
            machine.filesystem,
            machine.load,
            self.turns
        );
        let versions: Vec<_> = self
            .versions
            .iter()
            .map(|(name, version)| {
                if version.contains(name) {
                    version.clone()
                } else {
                    format!("{name}: {version}")
                }
            })
            .collect();
        let _ = writeln!(text, "{}.", versions.join("; "));
        text
    }
}

fn object<N: AsRef<str>>(members: &[(N, String)]) -> String {
    let members = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", string(name.as_ref())));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn numbers(series: &Series) -> String {
    let (least, greatest) = series.spread();
    object(&[
        ("median", number(Some(series.median()))),
        ("min", number(Some(least))),
        ("max", number(Some(greatest))),
        ("all", array(series.0.iter().map(|value| number(Some(*value))))),
    ])
}

fn number(value: Option<f64>) -> String {
    value
        .filter(|value| value.is_finite())
        .map_or_else(|| "null".to_owned(), |value| value.to_string())
}

fn truth(value: Option<bool>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

/// A string of JSON. What it holds is from programs on this machine, which may print anything.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn found() -> Found {
        let beside = |name: &str, bar, series| Beside {
            name: name.to_owned(),
            bar,
            series,
        };
        Found {
            name: "cpu",
            work: "computing",
            row: Row {
                unit: Unit::Seconds,
                ours: Series(vec![0.5, 0.6, 0.4]),
                limit: Some(0.4),
                beside: vec![
                    beside("slow", Some(0.5), Ok(Series(vec![2.0]))),
                    beside("fast", Some(1.0), Ok(Series(vec![0.25]))),
                    beside("other", None, Err("says \"no\"\n".to_owned())),
                ],
                peak: Some(3 << 20),
                notes: Vec::new(),
            },
        }
    }

    #[test]
    fn a_bar_is_met_or_missed_by_the_median() {
        let text = found().lines();
        let line = |word: &str| {
            text.lines()
                .find(|line| line.trim().starts_with(word))
                .unwrap()
                .to_owned()
        };
        assert!(line("airtight").ends_with("bar 400 ms: MISSED"), "{text}");
        assert!(line("slow").contains("0.250 x   bar 0.50 x: met"), "{text}");
        assert!(line("fast").contains("2.000 x   bar 1.00 x: MISSED"), "{text}");
        assert!(line("other").contains("absent: says"), "{text}");
    }

    // Programs read it: whatever a peer says of itself, it has to be one document.
    #[test]
    fn the_json_document_is_one_and_has_the_medians() {
        let report = Report {
            machine: Machine::look(Path::new("/")),
            versions: vec![("slow", "slow \t1".to_owned())],
            turns: 3,
            small: false,
            cases: vec![found()],
        };
        let document: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(document["cases"][0]["took"]["median"], 0.5);
        assert_eq!(document["cases"][0]["peers"][0]["met"], true);
        assert_eq!(document["cases"][0]["peers"][2]["absent"], "says \"no\"\n");
        assert_eq!(document["versions"]["slow"], "slow \t1");
    }

    #[test]
    fn amounts_have_three_digits_and_a_unit() {
        let shown = [0.000_25, 0.0123, 0.5, 1.0, 123.4].map(|value| amount(Unit::Seconds, value));
        assert_eq!(shown, ["250 µs", "12.3 ms", "500 ms", "1.00 s", "123 s"]);
        assert_eq!(amount(Unit::Bytes, 157_286_400.0), "150 MiB");
    }
}
