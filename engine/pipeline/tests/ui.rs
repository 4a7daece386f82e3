//! Golden cases of the pipeline file: each `tests/ui/pipeline/CASE.yaml` gives exactly the diagnostics of `CASE.stderr`
//! and the plan of `CASE.plan`. `INSTA_UPDATE=always` writes them anew.
//!
//! Comments at the top of a case ask for more: `# input: NAME=TEXT`, `# only: STEP`, `# event: JSON`, `# lock: FILE`,
//! `# policy: FILE`. Files that a case includes, its lock and its policy are in `files/`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/catalog.rs"]
mod catalog;
#[path = "support/show.rs"]
mod show;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use airtight_model::Diagnostic;
use airtight_pipeline::lock::{self, Change, ChangeKind, Lock};
use airtight_pipeline::policy::{Asked, Policy};
use airtight_pipeline::{CODES, Checked, InputValue, PlanRequest, SourceFile, check, parse, plan, schema};
use libtest_mimic::{Arguments, Failed, Trial};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cases() -> Vec<PathBuf> {
    let folder = root().join("tests/ui/pipeline");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    cases.sort();
    cases
}

fn main() {
    let args = Arguments::from_args();
    let case = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Trial::test(format!("pipeline::{name}"), move || run(&path))
    };
    let mut trials: Vec<Trial> = cases().into_iter().map(case).collect();
    trials.push(Trial::test("every_code_has_a_case_and_a_row_in_the_docs", every_code));
    trials.push(Trial::test("the_schema_takes_what_is_planned", schema_takes_plans));
    libtest_mimic::run(&args, trials).exit();
}

/// The diagnostics and, if there is no error, the plan of a case.
fn outcome(path: &Path) -> (String, Option<String>) {
    let text = fs::read_to_string(path).unwrap();
    let mut request = PlanRequest::default();
    let (mut lock, mut policy) = (None, None);
    for line in text.lines() {
        if let Some(input) = line.strip_prefix("# input: ") {
            let (name, value) = input.split_once('=').unwrap();
            request
                .inputs
                .push((name.to_owned(), InputValue::Text(value.to_owned())));
        } else if let Some(step) = line.strip_prefix("# only: ") {
            request.only.push(step.to_owned());
        } else if let Some(event) = line.strip_prefix("# event: ") {
            request.event = serde_json::from_str(event).unwrap();
        } else if let Some(file) = line.strip_prefix("# lock: ") {
            lock = Some(file.to_owned());
        } else if let Some(file) = line.strip_prefix("# policy: ") {
            policy = Some(file.to_owned());
        }
    }
    let folder = path.parent().unwrap().join("files");
    let read = |file: &str| fs::read_to_string(folder.join(file)).map_err(|_| "there is no such file".to_owned());
    let mut parsed = parse("airtight.yaml", text, &read);
    let (checked, mut found) = check(&parsed, &catalog::Invented);
    let mut planned = None;
    if let Some(checked) = checked {
        if let Some(file) = lock {
            let text = read(&file).unwrap();
            let index = u32::try_from(parsed.files.len()).unwrap();
            found.extend(against_lock(&checked, &text, index));
            parsed.files.push(SourceFile { path: file, text });
        }
        let mut plan = plan(&checked, &request);
        if let (Ok(made), Some(file)) = (&mut plan, policy) {
            let text = read(&file).unwrap();
            let index = u32::try_from(parsed.files.len()).unwrap();
            let applied = Policy::parse(&text, index).and_then(|policy| policy.apply(&checked, &Asked::of(made), made));
            parsed.files.push(SourceFile { path: file, text });
            if let Err(beyond) = applied {
                plan = Err(beyond);
            }
        }
        match plan {
            Ok(plan) => planned = Some(show::plan(&plan)),
            Err(of_plan) => found.extend(of_plan),
        }
    }
    for diagnostic in &found {
        assert!(
            diagnostic.help.is_some() || diagnostic.code == "P0001",
            "{diagnostic:?} says no mend"
        );
        assert!(!diagnostic.message.ends_with('.'), "{diagnostic:?} ends with a period");
    }
    (show::diagnostics(&found, &parsed.files), planned)
}

/// What a lock refuses where it is all that may be.
fn against_lock(checked: &Checked, text: &str, file: u32) -> Vec<Diagnostic> {
    let accepted = match Lock::parse(text, file) {
        Ok(lock) => lock,
        Err(found) => return found,
    };
    let changes = lock::changes(&accepted, &Lock::of(checked, Some(&accepted)));
    let refused = changes.iter().filter(|change| change.kind != ChangeKind::Harmless);
    refused.map(Change::diagnostic).collect()
}

fn run(path: &Path) -> Result<(), Failed> {
    let (stderr, planned) = outcome(path);
    compare(
        &path.with_extension("stderr"),
        Some(stderr).filter(|text| !text.is_empty()),
    )?;
    compare(&path.with_extension("plan"), planned)
}

fn compare(path: &Path, actual: Option<String>) -> Result<(), Failed> {
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        match actual {
            Some(text) => fs::write(path, text)?,
            None if path.exists() => fs::remove_file(path)?,
            None => {}
        }
        return Ok(());
    }
    let expected = fs::read_to_string(path).ok();
    if expected == actual {
        return Ok(());
    }
    let show = |text: Option<String>| text.unwrap_or_else(|| "(nothing)\n".to_owned());
    Err(format!(
        "{}\n--- expected\n{}--- actual\n{}",
        path.display(),
        show(expected),
        show(actual)
    )
    .into())
}

/// A code without a case is not tested, and one without a row is not documented.
fn every_code() -> Result<(), Failed> {
    let docs = fs::read_to_string(root().join("docs/diagnostics.md"))?;
    let mut seen = BTreeSet::new();
    for case in cases() {
        let stderr = fs::read_to_string(case.with_extension("stderr")).unwrap_or_default();
        seen.extend(
            CODES
                .iter()
                .map(|(code, _)| *code)
                .filter(|code| stderr.contains(&format!("[{code}]"))),
        );
    }
    let mut missing = Vec::new();
    for (code, what) in CODES {
        if !seen.contains(code) {
            missing.push(format!("{code} has no golden case"));
        }
        let row = format!("| {code} | {} |", what.trim());
        if !docs.contains(&row) {
            missing.push(format!("docs/diagnostics.md lacks the row: {row}"));
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("\n").into())
    }
}

/// An editor must not underline what the engine accepts: every case that has a plan is valid by the schema.
fn schema_takes_plans() -> Result<(), Failed> {
    let validator = jsonschema::validator_for(&schema()).map_err(|error| error.to_string())?;
    let mut count = 0;
    for case in cases().into_iter().filter(|case| case.with_extension("plan").exists()) {
        let data: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(&case)?)?;
        if let Err(error) = validator.validate(&data) {
            return Err(format!("{}: {error} at {}", case.display(), error.instance_path()).into());
        }
        count += 1;
    }
    if count == 0 {
        Err("no case has a plan".into())
    } else {
        Ok(())
    }
}
