//! Cases of a project: folders with what goes in and what is expected, and the pipeline that runs them. Not here: the comparison.
//!
//! Specified in `docs/formats/step-project.md`.

use std::path::{Path, PathBuf};

use airtight_authoring::StepProject;
use airtight_model::Span;
use airtight_model::diagnostic::Diagnostic;
use airtight_pipeline::StepKind;
use serde_json::{Map, Value as Json, json};

use crate::diagnostics::{self, SourceFile};
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::project::read_text;
use crate::settings::shown;

/// The most cases of one project.
const MAX_CASES: usize = 10_000;
/// What a command step may be given.
const COMMAND: [&str; 3] = ["args", "env", "stdin"];

/// A case.
#[derive(Debug)]
pub(super) struct Case {
    /// The name of its folder.
    pub(super) name: String,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// What `with.json` says.
    with: Map<String, Json>,
    /// Whether it has something to mount.
    has_input: bool,
}

/// Reads the cases of a project: all, or those that are named.
pub(super) fn read(step: &StepProject, wanted: &[String]) -> Result<Vec<Case>, Failure> {
    let folder = step.root.join("cases");
    let unreadable = |path: &Path, error: std::io::Error| {
        Failure::pipeline("A0005", format!("cannot read {}: {error}", shown(path)))
    };
    let mut names = Vec::new();
    let listing = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        listing => Some(listing.map_err(|error| unreadable(&folder, error))?),
    };
    for entry in listing.into_iter().flatten() {
        let entry = entry.map_err(|error| unreadable(&folder, error))?;
        if entry.path().is_dir() {
            let name = entry.file_name().into_string().map_err(|name| {
                Failure::pipeline(
                    "A0023",
                    format!("the name of the case `{}` is not UTF-8", name.display()),
                )
                .help("give its folder another name")
            })?;
            names.push(name);
        }
    }
    names.sort();
    if let Some(missing) = wanted.iter().find(|name| !names.contains(name)) {
        let there: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        return Err(Failure::pipeline("A0022", format!("there is no case `{missing}`"))
            .help(format!("the cases are {}", there.join(", "))));
    }
    if names.is_empty() {
        return Err(Failure::pipeline("A0022", format!("there are no cases in {}", shown(&folder))).help(
            "write `cases/NAME/in/…` and `cases/NAME/with.json`, then `airtight test --bless` writes what the step does",
        ));
    }
    if names.len() > MAX_CASES {
        return Err(Failure::pipeline(
            "A0022",
            format!("there are more than {MAX_CASES} cases"),
        ));
    }
    let selected = names
        .into_iter()
        .filter(|name| wanted.is_empty() || wanted.contains(name));
    selected.map(|name| case(step, &folder, name)).collect()
}

fn case(step: &StepProject, cases: &Path, name: String) -> Result<Case, Failure> {
    let folder = cases.join(&name);
    let file = folder.join("with.json");
    let with = match file.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        _ => {
            let text = read_text(&file, "file")?;
            let shown = format!("cases/{name}/with.json");
            match serde_json::from_str::<Json>(&text) {
                Ok(Json::Object(with)) => with,
                Ok(_) => return Err(wrong(shown, text, (0, "it is not an object"))),
                Err(error) => {
                    let message = error.to_string();
                    let message = message.split(" at line ").next().unwrap_or_default();
                    let at = offset(&text, error.line(), error.column());
                    return Err(wrong(shown, text, (at, message)));
                }
            }
        }
    };
    if step.file.kind == StepKind::Command
        && let Some(key) = with.keys().find(|key| !COMMAND.contains(&key.as_str()))
    {
        let message = format!("`cases/{name}/with.json` has the key `{key}`, which a command step does not take");
        return Err(Failure::pipeline("A0023", message).help("the keys are `args`, `env` and `stdin`"));
    }
    let has_input = folder.join("in").is_dir();
    Ok(Case {
        name,
        folder,
        with,
        has_input,
    })
}

/// The byte at which a line and column, which count from 1, stand.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)).min(text.len())
}

fn wrong(name: String, text: String, (at, message): (usize, &str)) -> Failure {
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    let span = Span {
        file: 0,
        start: at,
        end: at,
    };
    let found = Diagnostic::error(
        "A0023",
        span,
        format!("a case's `with.json` does not read: {}", escape::line(message)),
    )
    .help("write an object: `{ \"path\": \"/in\" }`");
    output::note(&diagnostics::render(&[found], &[SourceFile { name, text }], false));
    Failure::reported(ErrorClass::Pipeline)
}

/// The text of a pipeline with a step for each case. JSON is YAML.
pub(super) fn pipeline(step: &StepProject, cases: &[Case]) -> String {
    let component = step.component();
    let inside = component.strip_prefix(&step.root).unwrap_or(&component);
    let (mut sources, mut steps) = (Map::new(), Map::new());
    for (i, case) in cases.iter().enumerate() {
        let mut call = Map::new();
        call.insert(
            "description".to_owned(),
            plain(&Json::from(format!("cases/{}", case.name))),
        );
        call.insert("uses".to_owned(), Json::from(format!("./{}", inside.to_string_lossy())));
        call.insert("outputs".to_owned(), json!({ "out": "/out" }));
        // One that fails does not keep another from running; whether it may is compared.
        call.insert("allow-failure".to_owned(), Json::from(true));
        if case.has_input {
            let source = format!("case-{i}");
            call.insert("mounts".to_owned(), json!({ "/in": source }));
            let path = plain(&Json::from(format!("cases/{}/in", case.name)));
            sources.insert(source, json!({ "path": path, "gitignore": false }));
        }
        if step.file.kind == StepKind::Command {
            call.extend(case.with.iter().map(|(key, value)| (key.clone(), plain(value))));
        } else if !case.with.is_empty() {
            call.insert("with".to_owned(), plain(&Json::Object(case.with.clone())));
        }
        steps.insert(format!("case-{i}"), Json::Object(call));
    }
    let pipeline = json!({ "airtight": 1, "name": step.file.name, "sources": sources, "steps": steps });
    serde_json::to_string_pretty(&pipeline).expect("JSON can be written")
}

/// A value in which nothing is an expression.
fn plain(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::from(text.replace("${", "$${")),
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(map) => Json::Object(map.iter().map(|(key, value)| (key.clone(), plain(value))).collect()),
        other => other.clone(),
    }
}
