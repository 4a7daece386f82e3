//! `airtight add`: a step for a component, put into the pipeline file with what the component takes as comments, and the
//! component into the lock. Not here: editing the text (the pipeline).

use std::path::{Path, PathBuf};

use airtight_model::OciRef;
use airtight_model::component::{Catalog, ComponentSummary, FunctionSignature, WitType};
use airtight_pipeline::lock::{self, Lock};
use airtight_pipeline::{EditError, add_step};

use crate::accepted;
use crate::args::AddArgs;
use crate::commands::lock::{accept, replace, write};
use crate::commands::{Context, inspect};
use crate::failure::Failure;
use crate::output;
use crate::project::read_text;
use crate::registries;
use crate::settings::shown;

/// Adds a step.
pub(crate) fn add(context: &Context, args: &AddArgs) -> Result<(), Failure> {
    // The pipeline need not be whole: a step that was added just now may still lack its arguments.
    let file = context.settings.pipeline_file()?;
    let text = read_text(&file, "pipeline file")?;
    let root = root_of(&file)?;
    let uses = named(context, &root, &args.uses)?;
    let mut catalog = context.catalog_at(&root)?;
    if OciRef::is_meant(&uses) {
        catalog = catalog.reaching(context.remote()?);
    }
    let component = catalog.resolve(&uses, "");
    let component = catalog
        .failure()
        .map_or_else(|| component.map_err(inspect::failure), Err)?;
    let name = args.step.clone().unwrap_or_else(|| step_name(&uses));
    let lines = skeleton(&name, &uses, &component.summary);
    let edited = add_step(&text, &name, &lines).map_err(|error| cannot(&file, &error, &lines))?;
    let before = accepted::local_lock(context, &file)?;
    let accepted = before.clone().unwrap_or_default();
    let mut now = accepted.clone();
    if !uses.starts_with("std/") {
        now.put(&uses, &component, args.pin);
    }
    let step = args
        .step
        .as_ref()
        .map_or(String::new(), |step| format!(" --step {step}"));
    let command = format!(
        "airtight add {}{step}{}",
        args.uses,
        if args.pin { " --pin" } else { "" }
    );
    accept(
        &accepted::lock_file(&file),
        &lock::changes(&accepted, &now),
        &command,
        &args.accept,
    )?;
    replace(&file, &edited)?;
    output::note(&format!("added the step `{name}` to {}", shown(&file)));
    if now == Lock::default() && before.is_none() {
        return Ok(());
    }
    write(context, &file, before.as_ref(), &now)
}

/// The folder of a pipeline file.
fn root_of(file: &Path) -> Result<PathBuf, Failure> {
    let folder = file.parent().unwrap_or(Path::new("."));
    folder
        .canonicalize()
        .map_err(|error| Failure::pipeline("U0006", format!("cannot read the folder {}: {error}", shown(folder))))
}

/// What `uses:` says of a component: `std/NAME`, `oci://…`, or its path from the pipeline's folder.
fn named(context: &Context, root: &Path, component: &str) -> Result<String, Failure> {
    if component.starts_with("std/") {
        return Ok(component.to_owned());
    }
    if OciRef::is_meant(component) {
        return registries::parse_named(component).map(|reference| reference.to_string());
    }
    let missing = |error: std::io::Error| {
        Failure::user("C0001", format!("cannot read the component `{component}`: {error}"))
            .help("name a `.wasm` file in the pipeline's folder, or a standard component such as `std/archive`")
    };
    let path = context
        .settings
        .folder
        .join(component)
        .canonicalize()
        .map_err(missing)?;
    let inside = path.strip_prefix(root).ok().and_then(|path| path.to_str());
    inside.map(|path| format!("./{path}")).ok_or_else(|| {
        let message = format!("{} is not in the pipeline's folder", shown(&path));
        Failure::user("C0001", message).help(format!("copy it below {}", shown(root)))
    })
}

/// A name of a step that a component's name gives.
fn step_name(uses: &str) -> String {
    let last = uses.rsplit('/').next().unwrap_or(uses).trim_end_matches(".wasm");
    let last = match OciRef::is_meant(uses) {
        true => last.split([':', '@']).next().unwrap_or(last),
        false => last,
    };
    let name: String = last
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' })
        .take(64)
        .collect();
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => name,
        false => format!("step-{name}").chars().take(64).collect(),
    }
}

fn skeleton(name: &str, uses: &str, summary: &ComponentSummary) -> Vec<String> {
    let mut lines = vec![format!("{name}:"), format!("  uses: {}", quoted(uses))];
    let call = |function: &FunctionSignature, lines: &mut Vec<String>| {
        if function.function.name != "run" {
            lines.push(format!("  # function: {}", function.function.name));
        }
        if !function.parameters.is_empty() {
            lines.push("  # with:".to_owned());
        }
        for parameter in &function.parameters {
            let may = if matches!(parameter.ty, WitType::Option(_)) {
                "  (may be left out)"
            } else {
                ""
            };
            lines.push(format!("  #   {}: {}{may}", parameter.name, parameter.ty));
        }
    };
    // What a step calls if it names no function; some toolchains export more than they were asked for.
    let is_run = |function: &&FunctionSignature| function.function.name == "run";
    match summary.functions.iter().find(is_run) {
        Some(run) => call(run, &mut lines),
        None => summary.functions.iter().for_each(|function| call(function, &mut lines)),
    }
    if summary.command {
        lines.push("  # args: [ ]".to_owned());
    }
    lines.push("  # mounts: { /src: SOURCE }".to_owned());
    lines.push("  # outputs: { NAME: /out/NAME }".to_owned());
    let imports = |prefix: &str| summary.imports.iter().any(|import| import.starts_with(prefix));
    if imports("wasi:http/") {
        lines.push("  # grants: { http: [ \"https://HOST\" ] }".to_owned());
    }
    if imports("wasi:sockets/") {
        lines.push("  # grants: { net: [ \"tcp://HOST:PORT\" ] }".to_owned());
    }
    for request in &summary.about.requests {
        lines.push(format!("  # it asks for this: {}", request.reason));
        lines.extend(
            request
                .grants
                .lines()
                .into_iter()
                .map(|line| format!("  #   grants: {{ {line} }}")),
        );
    }
    // Names come from the component, which is a stranger's: nothing of it may end a comment.
    lines
        .into_iter()
        .map(|line| {
            line.chars()
                .filter(|c| !c.is_control() && *c != '\u{2028}' && *c != '\u{2029}')
                .collect()
        })
        .collect()
}

/// A path as YAML takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    match text.chars().all(plain) {
        true => text.to_owned(),
        false => serde_json::Value::from(text).to_string(),
    }
}

fn cannot(file: &Path, error: &EditError, lines: &[String]) -> Failure {
    let file = shown(file);
    match error {
        EditError::Taken(name) => Failure::user("U0005", format!("there is a step `{name}` in {file} already"))
            .help("give another name: `--step NAME`"),
        EditError::NotAPipeline | EditError::Form => {
            Failure::pipeline("U0006", format!("cannot add to {file}: {error}"))
                .help(format!("add it yourself under `steps:`\n{}", lines.join("\n")))
        }
    }
}
