//! The scan as a whole: files in, reports, SARIF and a verdict out.
//!
//! It is deliberately independent of the WIT bindings ([`Reporter`] stands for them), so that all of it is tested on
//! the host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::baseline::{self, Baseline, BaselineError};
use crate::fingerprint::{fingerprint, redacted};
use crate::rules::{RULES, Rule};
use crate::sarif::{self, SarifResult, Suppression};
use crate::text::{MAX_MATCHES, Scanner};
use crate::walk::{self, WalkError};

/// Most findings of one scan; a scan that finds more fails without looking further.
pub const MAX_FINDINGS: usize = 10_000;
/// How many findings the message of a failed scan lists.
const LISTED: usize = 20;
/// After how many files progress is reported.
const PROGRESS_STEP: usize = 256;

/// The step's arguments.
#[derive(Clone, Debug)]
pub struct Settings {
    pub paths: Vec<String>,
    pub sarif: Option<String>,
    pub baseline: Option<String>,
    pub exclude: Vec<String>,
    pub entropy: bool,
    pub fail: bool,
}

/// The step's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub files: u64,
    pub bytes: u64,
    pub findings: u64,
    pub baselined: u64,
}

/// A finding as it is reported.
#[derive(Debug)]
pub struct Reported<'a> {
    pub rule: &'a Rule,
    /// As the step sees it.
    pub path: &'a str,
    pub line: u32,
    pub column: u32,
    pub message: &'a str,
    pub fingerprint: &'a str,
}

/// Something that the reader should know and that is no finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub title: String,
    pub message: String,
    pub path: String,
}

/// Where the scan says what it found. Nothing that it is given holds a secret.
pub trait Reporter {
    fn finding(&mut self, finding: &Reported<'_>);
    fn notice(&mut self, notice: &Notice);
    fn progress(&mut self, done: u64, total: u64);
    fn summary(&mut self, line: &str, markdown: &str);
}

/// Why the step fails.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("`paths` is empty: name the files and folders to search, for example `/src`")]
    NoPaths,
    #[error(transparent)]
    Walk(#[from] WalkError),
    #[error("`{path}` cannot be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("the baseline file `{path}` cannot be read: {source}; mount it, or take `baseline` out")]
    BaselineRead { path: String, source: io::Error },
    #[error("the baseline file `{path}` is larger than {} bytes", baseline::MAX_BYTES)]
    BaselineSize { path: String },
    #[error("the baseline file `{path}` is wrong: {source}")]
    Baseline { path: String, source: BaselineError },
    #[error("the SARIF log `{path}` cannot be written: {source}; `/out` is the folder for outputs")]
    Sarif { path: String, source: io::Error },
    #[error("there are more than {MAX_FINDINGS} findings; leave out with `exclude` what is not source")]
    TooMany,
    /// What was found, ready to print.
    #[error("{0}")]
    Found(String),
}

/// A finding that has been named.
struct Finding {
    rule: usize,
    path: String,
    relative: String,
    root: usize,
    line: u64,
    column: u64,
    end_column: u64,
    fingerprint: String,
    message: String,
    shown: String,
    /// `Some(None)` for a comment, `Some(Some(reason))` for the baseline.
    accepted: Option<Option<String>>,
}

/// Scans, reports and judges.
///
/// # Errors
/// When something cannot be read or written, and, unless `fail` is off, when there are findings that nobody accepted.
pub fn run(settings: &Settings, reporter: &mut dyn Reporter) -> Result<Summary, Failure> {
    if settings.paths.is_empty() {
        return Err(Failure::NoPaths);
    }
    let accepted = match &settings.baseline {
        Some(path) => read_baseline(path)?,
        None => Baseline::new(),
    };
    let (findings, mut summary) = search(settings, &accepted, reporter)?;
    summary.findings = findings.iter().filter(|finding| finding.accepted.is_none()).count() as u64;
    summary.baselined = findings
        .iter()
        .filter(|finding| matches!(finding.accepted, Some(Some(_))))
        .count() as u64;
    if let Some(path) = &settings.sarif {
        write_sarif(path, settings, &findings)?;
    }
    report(&findings, reporter);
    if let Some(path) = &settings.baseline {
        report_stale(path, &accepted, &findings, reporter);
    }
    let line = format!(
        "searched {} files ({} bytes of text): {} findings, {} in the baseline",
        summary.files, summary.bytes, summary.findings, summary.baselined
    );
    reporter.summary(&line, &markdown(&line, &findings));
    if settings.fail && summary.findings > 0 {
        return Err(Failure::Found(complaint(&findings, settings.baseline.as_deref())));
    }
    Ok(summary)
}

fn read_baseline(path: &str) -> Result<Baseline, Failure> {
    let failed = |source| Failure::BaselineRead {
        path: path.to_owned(),
        source,
    };
    if fs::metadata(path).map_err(failed)?.len() > baseline::MAX_BYTES {
        return Err(Failure::BaselineSize { path: path.to_owned() });
    }
    let text = fs::read(path).map_err(failed)?;
    baseline::parse(&text).map_err(|source| Failure::Baseline {
        path: path.to_owned(),
        source,
    })
}

fn search(
    settings: &Settings,
    accepted: &Baseline,
    reporter: &mut dyn Reporter,
) -> Result<(Vec<Finding>, Summary), Failure> {
    let files = walk::files(&settings.paths, &settings.exclude)?;
    let scanner = Scanner::new(settings.entropy);
    let total = files.len() as u64;
    let mut summary = Summary::default();
    let mut findings = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if index % PROGRESS_STEP == 0 {
            reporter.progress(index as u64, total);
        }
        let path = file.path.display().to_string();
        let failed = |source| Failure::Read {
            path: path.clone(),
            source,
        };
        let opened = File::open(&file.path).map_err(failed)?;
        let searched = scanner.search(opened, holds_settings(&file.relative)).map_err(failed)?;
        summary.files += 1;
        summary.bytes += searched.bytes;
        if searched.truncated {
            reporter.notice(&Notice {
                title: "file not searched to its end".to_owned(),
                message: format!("`{path}` has {MAX_MATCHES} findings or more; what follows was not searched"),
                path: path.clone(),
            });
        }
        for found in searched.matches {
            let rule = &RULES[found.rule];
            let fingerprint = fingerprint(rule.id, &file.relative, &found.secret);
            let by_baseline = accepted.get(&fingerprint).map(|entry| Some(entry.reason.clone()));
            let shown = redacted(&found.secret);
            findings.push(Finding {
                rule: found.rule,
                path: path.clone(),
                relative: file.relative.clone(),
                root: file.root,
                line: found.line,
                column: found.column,
                end_column: found.end_column,
                fingerprint,
                message: format!("{} ({shown})", rule.name),
                shown,
                accepted: if found.allowed { Some(None) } else { by_baseline },
            });
        }
        if findings.len() > MAX_FINDINGS {
            return Err(Failure::TooMany);
        }
    }
    reporter.progress(total, total);
    Ok((findings, summary))
}

/// Whether a file is one of settings, in which values stand without quotes.
fn holds_settings(relative: &str) -> bool {
    let name = relative.rsplit('/').next().unwrap_or(relative).to_ascii_lowercase();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    const EXTENSIONS: &[&str] = &[
        "env",
        "properties",
        "ini",
        "cfg",
        "conf",
        "config",
        "cnf",
        "yaml",
        "yml",
        "toml",
        "tfvars",
        "sh",
        "bash",
        "zsh",
        "fish",
        "envrc",
        "netrc",
        "npmrc",
        "pypirc",
        "pgpass",
    ];
    EXTENSIONS.contains(&extension)
        || name.starts_with(".env")
        || ["dockerfile", "containerfile", "credentials"]
            .iter()
            .any(|&start| name.starts_with(start))
}

fn write_sarif(path: &str, settings: &Settings, findings: &[Finding]) -> Result<(), Failure> {
    let failed = |source| Failure::Sarif {
        path: path.to_owned(),
        source,
    };
    let roots: Vec<String> = settings
        .paths
        .iter()
        .map(|root| match Path::new(root).parent() {
            Some(parent) if !Path::new(root).is_dir() => parent.display().to_string(),
            _ => root.clone(),
        })
        .collect();
    let results: Vec<SarifResult<'_>> = findings
        .iter()
        .map(|finding| SarifResult {
            rule: finding.rule,
            message: &finding.message,
            relative: &finding.relative,
            root: finding.root,
            line: finding.line,
            column: finding.column,
            end_column: finding.end_column,
            fingerprint: &finding.fingerprint,
            suppression: finding.accepted.as_ref().map(|reason| match reason {
                None => Suppression::InSource,
                Some(reason) => Suppression::Baseline(reason),
            }),
        })
        .collect();
    if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, sarif::log(&roots, &results)).map_err(failed)
}

fn report(findings: &[Finding], reporter: &mut dyn Reporter) {
    for finding in findings.iter().filter(|finding| finding.accepted.is_none()) {
        reporter.finding(&Reported {
            rule: &RULES[finding.rule],
            path: &finding.path,
            line: u32::try_from(finding.line).unwrap_or(u32::MAX),
            column: u32::try_from(finding.column).unwrap_or(u32::MAX),
            message: &finding.message,
            fingerprint: &finding.fingerprint,
        });
    }
}

/// Says which entries of the baseline match nothing any more.
fn report_stale(path: &str, accepted: &Baseline, findings: &[Finding], reporter: &mut dyn Reporter) {
    let used: BTreeSet<&str> = findings.iter().map(|finding| finding.fingerprint.as_str()).collect();
    for (fingerprint, entry) in accepted
        .iter()
        .filter(|(fingerprint, _)| !used.contains(fingerprint.as_str()))
    {
        reporter.notice(&Notice {
            title: "baseline entry matches nothing".to_owned(),
            message: format!(
                "take the entry `{fingerprint}` ({} in {}) out of the baseline",
                entry.rule, entry.path
            ),
            path: path.to_owned(),
        });
    }
}

fn markdown(line: &str, findings: &[Finding]) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.accepted.is_none()) {
        *counts.entry(RULES[finding.rule].id).or_default() += 1;
    }
    let mut text = format!("{line}\n");
    if !counts.is_empty() {
        text.push_str("\n| rule | findings |\n| --- | ---: |\n");
        for (rule, count) in counts {
            let _ = writeln!(text, "| `{rule}` | {count} |");
        }
    }
    text
}

/// The message of a failed scan: the first findings, then what accepts them.
fn complaint(findings: &[Finding], baseline: Option<&str>) -> String {
    let open: Vec<&Finding> = findings.iter().filter(|finding| finding.accepted.is_none()).collect();
    let listed = &open[..open.len().min(LISTED)];
    let mut text = match open.len() {
        1 => "1 secret was found:".to_owned(),
        count => format!("{count} secrets were found:"),
    };
    for finding in listed {
        let rule = RULES[finding.rule].id;
        let _ = write!(
            text,
            "\n  {}:{}:{} {rule} ({})",
            finding.path, finding.line, finding.column, finding.shown
        );
    }
    if open.len() > listed.len() {
        let _ = write!(text, "\n  and {} more", open.len() - listed.len());
    }
    let place = match baseline {
        Some(path) => format!("to `findings` in `{path}`"),
        None => "to a file `{\"version\": 1, \"findings\": [ … ]}` that the step's `baseline` names".to_owned(),
    };
    let _ = write!(
        text,
        "\nhelp: revoke each secret where it was issued and take it out of the file\n\
         help: to accept what is no secret, put the comment `airtight:allow-secret` on its line, or add its entry {place}:"
    );
    let mut printed = BTreeSet::new();
    for finding in listed
        .iter()
        .filter(|finding| printed.insert(finding.fingerprint.as_str()))
    {
        let entry = baseline::entry(&finding.fingerprint, RULES[finding.rule].id, &finding.relative);
        let _ = write!(text, "\n  {entry}");
    }
    text
}
