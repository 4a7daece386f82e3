//! What a case did against what is expected of it, and writing down the one as the other. Not here: running it.

use std::collections::BTreeMap;
use std::path::Path;

use airtight_exec::StepEnd;
use airtight_model::step::{Outcome, Report};
use airtight_model::{BlobDigest, Captured, Node};
use airtight_store::{IngestRequest, Store};
use serde_json::Value as Json;

use super::case::Case;
use crate::failure::Failure;
use crate::settings::shown;

/// How many differences of one case are shown.
const MAX_SHOWN: usize = 20;
/// The longest text of which a differing line is shown, in bytes.
const MAX_TEXT: u64 = 1 << 20;

/// What a case came to.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It did what is expected.
    Passed,
    /// What it did was written down.
    Blessed,
    /// It did something else: a line for each difference.
    Failed(Vec<String>),
}

/// A file or link of a tree, for comparison.
#[derive(Debug, PartialEq, Eq)]
enum Leaf {
    File(BlobDigest, bool),
    Link(String),
    Folder,
}

/// Compares.
pub(super) fn compare(store: &Store, case: &Case, end: &StepEnd) -> Result<Verdict, Failure> {
    let expected = case.folder.join("expected");
    if !expected.is_dir() {
        return Ok(Verdict::Failed(vec![format!(
            "nothing is expected: there is no `cases/{}/expected`",
            case.name
        )]));
    }
    let mut lines = Vec::new();
    outcome(&expected, end, &mut lines)?;
    if let Some(result) = &end.result {
        json(&expected, "result.json", || typed(end), &mut lines)?;
        json(&expected, "findings.json", || findings(end), &mut lines)?;
        let out = result.output("out");
        tree(store, &expected.join("out"), out, &mut lines)?;
    }
    stream(store, &expected, ("stdout", &end.stdout), &mut lines)?;
    stream(store, &expected, ("stderr", &end.stderr), &mut lines)?;
    if lines.len() > MAX_SHOWN {
        let more = lines.len() - MAX_SHOWN;
        lines.truncate(MAX_SHOWN);
        lines.push(format!("and {more} more"));
    }
    Ok(if lines.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Failed(lines)
    })
}

/// Whether it succeeded or failed as expected.
fn outcome(expected: &Path, end: &StepEnd, lines: &mut Vec<String>) -> Result<(), Failure> {
    let cause = end.cause.as_deref().unwrap_or("no reason was given");
    let wanted = text(&expected.join("error"))?;
    match (wanted, end.outcome) {
        (None, Outcome::Succeeded) => {}
        (None, outcome) => {
            lines.push(format!("it {}: {cause}", outcome.word()));
            lines.extend(end.help.iter().map(|help| format!("help: {help}")));
        }
        (Some(_), Outcome::Succeeded) => {
            lines.push("it succeeded, and has to fail: there is `expected/error`".to_owned())
        }
        (Some(wanted), _) if wanted.trim_end() != cause => {
            lines.push(format!(
                "error: expected `{}`, it failed with `{cause}`",
                wanted.trim_end()
            ));
        }
        (Some(_), _) => {}
    }
    Ok(())
}

fn typed(end: &StepEnd) -> Json {
    let result = end.result.as_ref().and_then(|result| result.result.as_ref());
    result.map_or(Json::Null, airtight_model::Value::to_data)
}

fn findings(end: &StepEnd) -> Json {
    let reports = end.result.iter().flat_map(|result| &result.reports);
    let findings = reports.filter_map(|report| match report {
        Report::Finding(finding) => serde_json::to_value(finding).ok(),
        _ => None,
    });
    findings.collect()
}

fn json(expected: &Path, name: &str, actual: impl FnOnce() -> Json, lines: &mut Vec<String>) -> Result<(), Failure> {
    let Some(wanted) = text(&expected.join(name))? else {
        return Ok(());
    };
    let wanted: Json = serde_json::from_str(&wanted).map_err(|error| {
        Failure::pipeline("A0023", format!("{} is not JSON: {error}", shown(&expected.join(name))))
            .help("write what is expected, or let `airtight test --bless` write it")
    })?;
    let actual = actual();
    if wanted == actual {
        return Ok(());
    }
    match (&wanted, &actual) {
        (Json::Array(wanted), Json::Array(actual)) => {
            for i in 0..wanted.len().max(actual.len()) {
                let at = |list: &Vec<Json>| list.get(i).map_or("nothing".to_owned(), ToString::to_string);
                if wanted.get(i) != actual.get(i) {
                    lines.push(format!("{name} [{i}]: expected {}, is {}", at(wanted), at(actual)));
                }
            }
        }
        _ => lines.push(format!("{name}: expected {wanted}, is {actual}")),
    }
    Ok(())
}

fn stream(
    store: &Store,
    expected: &Path,
    (name, captured): (&str, &Captured),
    lines: &mut Vec<String>,
) -> Result<(), Failure> {
    let Some(wanted) = bytes(&expected.join(name))? else {
        return Ok(());
    };
    let actual = captured_bytes(store, captured)?;
    if wanted != actual {
        lines.push(format!("{name}: {}", first_difference(&wanted, &actual)));
    }
    Ok(())
}

fn captured_bytes(store: &Store, captured: &Captured) -> Result<Vec<u8>, Failure> {
    match &captured.blob {
        Some(blob) => store
            .blob(blob)
            .and_then(|blob| blob.read_all())
            .map_err(Failure::store),
        None => Ok(Vec::new()),
    }
}

/// The first line in which two texts differ.
fn first_difference(wanted: &[u8], actual: &[u8]) -> String {
    let mut lines = (wanted.split(|byte| *byte == b'\n'), actual.split(|byte| *byte == b'\n'));
    let shown = |line: Option<&[u8]>| {
        line.map_or("no line".to_owned(), |line| {
            format!("`{}`", String::from_utf8_lossy(line))
        })
    };
    for number in 1.. {
        match (lines.0.next(), lines.1.next()) {
            (None, None) => break,
            (wanted, actual) if wanted != actual => {
                return format!("line {number}: expected {}, is {}", shown(wanted), shown(actual));
            }
            _ => {}
        }
    }
    "it differs".to_owned()
}

fn tree(store: &Store, expected: &Path, actual: Option<&Node>, lines: &mut Vec<String>) -> Result<(), Failure> {
    let Some(root) = expected.parent().filter(|_| expected.is_dir()) else {
        return Ok(());
    };
    let request = IngestRequest {
        root,
        path: "out",
        exclude: &[],
        gitignore: false,
        stat_cache: false,
        list_left_out: false,
    };
    let ingested = store.ingest(&request).map_err(|error| {
        Failure::pipeline(error.code(), format!("{}: {error}", shown(expected))).help_or_not(error.help())
    })?;
    let (mut wanted, mut is) = (BTreeMap::new(), BTreeMap::new());
    leaves(store, &ingested.node, "", &mut wanted)?;
    if let Some(actual) = actual {
        leaves(store, actual, "", &mut is)?;
    }
    for (path, leaf) in &wanted {
        match (leaf, is.get(path)) {
            (wanted, Some(is)) if wanted == is => {}
            (_, None) => lines.push(format!("out{path}: it was not made")),
            (Leaf::File(wanted, _), Some(Leaf::File(is, _))) if wanted != is => {
                lines.push(format!("out{path}: {}", contents(store, wanted, is)?));
            }
            (Leaf::File(_, executable), Some(Leaf::File(..))) => {
                let word = if *executable { "is not" } else { "is" };
                lines.push(format!("out{path}: it {word} executable"));
            }
            (_, Some(_)) => lines.push(format!("out{path}: it is something else")),
        }
    }
    let extra = is.keys().filter(|path| !wanted.contains_key(*path));
    lines.extend(extra.map(|path| format!("out{path}: it is not expected")));
    Ok(())
}

fn contents(store: &Store, wanted: &BlobDigest, is: &BlobDigest) -> Result<String, Failure> {
    let open = |digest| store.blob(digest).map_err(Failure::store);
    let (wanted, is) = (open(wanted)?, open(is)?);
    if wanted.size().max(is.size()) > MAX_TEXT {
        return Ok(format!(
            "it has other bytes ({} instead of {})",
            is.size(),
            wanted.size()
        ));
    }
    let read = |blob: airtight_store::Blob| blob.read_all().map_err(Failure::store);
    Ok(first_difference(&read(wanted)?, &read(is)?))
}

/// What a tree holds, by path; folders only where they are empty, for a folder of expectations may be kept in git.
fn leaves(store: &Store, node: &Node, path: &str, all: &mut BTreeMap<String, Leaf>) -> Result<(), Failure> {
    match node {
        Node::File { blob, executable, .. } => drop(all.insert(path.to_owned(), Leaf::File(*blob, *executable))),
        Node::Symlink(target) => drop(all.insert(path.to_owned(), Leaf::Link(target.clone()))),
        Node::Directory(tree) => {
            let tree = store.tree(tree).map_err(Failure::store)?;
            if tree.entries().is_empty() && !path.is_empty() {
                all.insert(path.to_owned(), Leaf::Folder);
            }
            for entry in tree.entries() {
                leaves(store, &entry.node, &format!("{path}/{}", entry.name), all)?;
            }
        }
    }
    Ok(())
}

/// Writes down what the case did.
pub(super) fn bless(store: &Store, case: &Case, end: &StepEnd) -> Result<Verdict, Failure> {
    // A guest that could not be run at all has done nothing that could be right.
    if !matches!(end.outcome, Outcome::Succeeded | Outcome::Failed) {
        let cause = end.cause.as_deref().unwrap_or("no reason was given");
        return Ok(Verdict::Failed(vec![format!("it {}: {cause}", end.outcome.word())]));
    }
    let expected = case.folder.join("expected");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| Failure::infra("U0010", format!("cannot write {}: {error}", shown(&path)))
    };
    std::fs::create_dir_all(&expected).map_err(failed(&expected))?;
    let pretty = |value: &Json| {
        format!(
            "{}\n",
            serde_json::to_string_pretty(value).expect("JSON can be written")
        )
        .into_bytes()
    };
    let some =
        |value: Json| (!matches!(&value, Json::Null) && value != Json::Array(Vec::new())).then(|| pretty(&value));
    let stream = |captured: &Captured| {
        captured_bytes(store, captured).map(|bytes| Some(bytes).filter(|bytes| !bytes.is_empty()))
    };
    let error = match end.outcome {
        Outcome::Failed => end.cause.as_ref().map(|cause| format!("{cause}\n").into_bytes()),
        _ => None,
    };
    let files = [
        ("result.json", some(typed(end))),
        ("findings.json", some(findings(end))),
        ("stdout", stream(&end.stdout)?),
        ("stderr", stream(&end.stderr)?),
        ("error", error),
    ];
    for (name, content) in files {
        let path = expected.join(name);
        match content {
            Some(content) => replace(&path, &content).map_err(failed(&path))?,
            None => match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&path)(error)),
                _ => {}
            },
        }
    }
    let out = expected.join("out");
    match end.result.as_ref().and_then(|result| result.output("out")) {
        Some(node) if !is_empty(store, node)? => {
            store.export(node, &case.folder, "expected/out").map_err(|error| {
                Failure::infra(error.code(), format!("cannot write {}: {error}", shown(&out))).help_or_not(error.help())
            })?;
        }
        _ => match std::fs::remove_dir_all(&out) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&out)(error)),
            _ => {}
        },
    }
    Ok(Verdict::Blessed)
}

/// Puts a file in the place of what is there, a link too: whatever that leads to is not the case's.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn is_empty(store: &Store, node: &Node) -> Result<bool, Failure> {
    match node {
        Node::Directory(tree) => Ok(store.tree(tree).map_err(Failure::store)?.entries().is_empty()),
        _ => Ok(false),
    }
}

fn bytes(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::pipeline(
            "A0005",
            format!("cannot read {}: {error}", shown(path)),
        )),
    }
}

fn text(path: &Path) -> Result<Option<String>, Failure> {
    let Some(bytes) = bytes(path)? else { return Ok(None) };
    String::from_utf8(bytes).map(Some).map_err(|_| {
        Failure::pipeline("A0023", format!("{} is not UTF-8", shown(path)))
            .help("write it anew with `airtight test --bless`")
    })
}
