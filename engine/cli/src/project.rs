//! A pipeline file with its folder: read, checked, planned, and all that is wrong printed. Not here: what is wrong (the
//! pipeline), or running it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use airtight_model::diagnostic::{Diagnostic, Severity, Span};
use airtight_model::{Plan, SourceId};
use airtight_pipeline::{Checked, InputValue, Parsed, PlanRequest};
use airtight_store::IngestRequest;
use serde_json::Value as Json;

use crate::accepted;
use crate::args::SelectArgs;
use crate::catalog::{FileCatalog, Remote};
use crate::commands::Context;
use crate::diagnostics::{self, SourceFile};
use crate::display::Places;
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::registries::{self, Registries};
use crate::settings::shown;

/// A checked pipeline.
pub(crate) struct Project {
    /// The pipeline file's folder, canonical.
    pub(crate) root: PathBuf,
    /// The pipeline file.
    pub(crate) file: PathBuf,
    /// The checked pipeline.
    pub(crate) checked: Checked,
    /// Where its components were found.
    pub(crate) catalog: Arc<FileCatalog>,
    /// Its files, for diagnostics.
    files: Vec<SourceFile>,
    color: bool,
}

impl Project {
    /// Reads and checks the pipeline. What is wrong has been printed if this fails.
    pub(crate) fn load(context: &Context) -> Result<Self, Failure> {
        let file = context.settings.pipeline_file()?;
        let text = read_text(&file, "pipeline file")?;
        context.reading.text(&file, &text);
        Self::of_text(context, file, text)
    }

    /// As [`Project::load`]; what the lock or the store does not have of registries is asked for there, and so is what `again` names.
    pub(crate) fn load_online(context: &Context, again: &[String]) -> Result<Self, Failure> {
        let file = context.settings.pipeline_file()?;
        let text = read_text(&file, "pipeline file")?;
        Self::made_of(context, file, text, Some(again))
    }

    /// Checks a pipeline whose text is as if it stood in `file`. What is wrong has been printed if this fails.
    pub(crate) fn of_text(context: &Context, file: PathBuf, text: String) -> Result<Self, Failure> {
        Self::made_of(context, file, text, None)
    }

    fn made_of(context: &Context, file: PathBuf, text: String, online: Option<&[String]>) -> Result<Self, Failure> {
        let root = root_of(&file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let reader = |path: &str| {
            let text = read_included(&root, path)?;
            context.reading.text(&root.join(path), &text);
            Ok(text)
        };
        let parsed = airtight_pipeline::parse(&name, text, &reader);
        let remote = remote(context, &file, &parsed, online)?;
        let catalog = FileCatalog::new(&root, context.store_or_memory().clone())
            .noted_by(context.reading.clone())
            .reaching(remote);
        let (checked, found) = airtight_pipeline::check(&parsed, &catalog);
        if let Some(failure) = catalog.failure() {
            return Err(failure);
        }
        let files: Vec<SourceFile> = parsed
            .files
            .iter()
            .map(|file| SourceFile {
                name: file.path.clone(),
                text: file.text.clone(),
            })
            .collect();
        let color = context.settings.color;
        let failed = found.iter().any(|one| one.severity == Severity::Error);
        if !found.is_empty() {
            context.reading.incomplete();
            output::note(&diagnostics::render(&found, &files, color));
        }
        match checked {
            Some(checked) if !failed => Ok(Self {
                root,
                file,
                checked,
                catalog: Arc::new(catalog),
                files,
                color,
            }),
            _ => Err(Failure::reported(ErrorClass::Pipeline)),
        }
    }

    /// Makes the plan for what was selected. What is wrong has been printed if this fails.
    pub(crate) fn plan(&self, context: &Context, select: &SelectArgs) -> Result<Plan, Failure> {
        let request = request(context, select)?;
        let mut plan = airtight_pipeline::plan(&self.checked, &request).map_err(|found| {
            self.report(&found);
            Failure::reported(ErrorClass::Pipeline)
        })?;
        accepted::hold(context, self, select, &mut plan)?;
        Ok(plan)
    }

    /// Prints diagnostics that point into the pipeline's files.
    pub(crate) fn report(&self, found: &[Diagnostic]) {
        output::note(&diagnostics::render(found, &self.files, self.color));
    }

    /// The file and line of a place: `airtight.yaml:14`.
    pub(crate) fn place(&self, span: Span) -> String {
        place(&self.files, span)
    }

    /// The places of a plan's steps, each found when it is asked for: most runs ask for none.
    pub(crate) fn places(&self, plan: &Arc<Plan>) -> Places {
        let (files, plan) = (self.files.clone(), Arc::clone(plan));
        Box::new(move |name| {
            let step = plan.steps.iter().find(|step| step.name == name)?;
            Some(place(&files, step.span))
        })
    }

    /// Prints diagnostics that point into the pipeline's files and into others, which come after them.
    pub(crate) fn report_with(&self, found: &[Diagnostic], others: &[SourceFile]) {
        let files: Vec<SourceFile> = self.files.iter().chain(others).cloned().collect();
        output::note(&diagnostics::render(found, &files, self.color));
    }

    /// The position of the first file that is none of the pipeline's.
    pub(crate) fn next_file(&self) -> u32 {
        u32::try_from(self.files.len()).expect("a pipeline has few files")
    }

    /// The files that make up the pipeline.
    pub(crate) fn pipeline_files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.files.iter().map(|file| self.root.join(&file.name))
    }

    /// What names this pipeline's steps across runs in one store.
    pub(crate) fn identity(&self) -> String {
        identity(&self.root, &self.file)
    }

    /// Prints what each source leaves out, and why.
    pub(crate) fn show_left_out(&self, context: &Context, plan: &Plan) -> Result<(), Failure> {
        for (i, source) in plan.sources.iter().enumerate() {
            let id = SourceId(u32::try_from(i).expect("a plan has fewer sources than that"));
            let source_request = IngestRequest {
                root: &self.root,
                path: &source.path,
                exclude: &source.exclude,
                gitignore: source.gitignore,
                stat_cache: true,
                list_left_out: true,
            };
            let ingested = context.store_or_memory().ingest(&source_request).map_err(|error| {
                let name = &plan.sources[id.index()].name;
                Failure::pipeline(error.code(), format!("source `{name}`: {error}")).help_or_not(error.help())
            })?;
            let mut lines = vec![format!(
                "source {}: {} files",
                escape::line(&source.name),
                ingested.files
            )];
            for left in &ingested.left_out {
                lines.push(format!(
                    "  without {} ({})",
                    escape::line(&left.path),
                    escape::line(&left.reason.to_string())
                ));
            }
            output::data_line(&lines.join("\n")).map_err(Failure::closed_output)?;
        }
        Ok(())
    }
}

/// What is known of components of registries: read only where the pipeline may use one.
fn remote(context: &Context, file: &Path, parsed: &Parsed, online: Option<&[String]>) -> Result<Remote, Failure> {
    if !parsed
        .files
        .iter()
        .any(|file| file.text.contains(airtight_model::oci::SCHEME))
    {
        return Ok(Remote::default());
    }
    let lock = accepted::local_lock(context, file)?;
    let pins = lock.as_ref().map(registries::pins_of).unwrap_or_default();
    Ok(match online {
        None => Remote::offline(pins),
        // Into the real store: what is brought has to be there later.
        Some(again) => Remote::online(
            pins,
            Registries::new(&context.settings, context.store()?.clone())?,
            again,
        ),
    })
}

/// What names the steps of a pipeline across runs in one store.
pub(crate) fn identity(root: &Path, file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    format!("{}\n", root.join(name).display())
}

/// The folder of a pipeline file, canonical.
pub(crate) fn root_of(file: &Path) -> Result<PathBuf, Failure> {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    folder
        .canonicalize()
        .map_err(|error| unreadable("folder", folder, &error))
}

fn place(files: &[SourceFile], span: Span) -> String {
    let Some(file) = files.get(span.file as usize) else {
        return "the pipeline file".to_owned();
    };
    let before = file.text.bytes().take(span.start as usize);
    let line = before.filter(|byte| *byte == b'\n').count() + 1;
    format!("{}:{line}", file.name)
}

fn unreadable(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::pipeline("U0006", format!("cannot read the {what} {}: {error}", shown(path)));
    match error.kind() {
        std::io::ErrorKind::NotFound => failure.help("write one with `airtight init`, or name one with `--file FILE`"),
        _ => failure,
    }
}

/// Reads a file that the pipeline includes. It is one of the project: a link that leads out of it, or what is no file, is
/// whatever a stranger's change made of it.
fn read_included(root: &Path, name: &str) -> Result<String, String> {
    let path = root.join(name);
    let found = path
        .canonicalize()
        .map_err(|error| unreadable("file", &path, &error).message)?;
    if !found.starts_with(root) {
        return Err(format!(
            "a symbolic link leads it out of the pipeline's folder {}, where nothing is included from",
            shown(root)
        ));
    }
    // Asked before it is opened: opening a pipe waits for who writes it.
    if !found.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("it is no regular file".to_owned());
    }
    read_text(&found, "file").map_err(|failure| failure.message)
}

pub(crate) fn read_text(path: &Path, what: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| unreadable(what, path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(airtight_pipeline::MAX_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() > airtight_pipeline::MAX_FILE_BYTES {
        let most = airtight_pipeline::MAX_FILE_BYTES >> 20;
        return Err(Failure::pipeline(
            "U0006",
            format!("the {what} {} is larger than {most} MiB", shown(path)),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::pipeline("U0006", format!("the {what} {} is not UTF-8 at byte {at}", shown(path)))
    })
}

/// The end of the names of a pipeline's runs, which tells them from those of other pipelines in the store.
pub(crate) fn run_suffix(file: &Path) -> Result<String, Failure> {
    let file = file
        .canonicalize()
        .map_err(|error| unreadable("pipeline file", file, &error))?;
    let digest = airtight_model::BlobDigest::of(file.as_os_str().as_encoded_bytes());
    Ok(format!("-{}", digest.short()))
}

/// What the arguments ask of the pipeline.
fn request(context: &Context, select: &SelectArgs) -> Result<PlanRequest, Failure> {
    let (folder, reading) = (&context.settings.folder, &context.reading);
    let mut inputs = Vec::new();
    if let Some(file) = &select.inputs_file {
        let path = folder.join(file);
        let text = read_text(&path, "file of inputs").map_err(as_usage)?;
        reading.text(&path, &text);
        let Some(Json::Object(map)) = airtight_pipeline::parse_data(&text) else {
            return Err(
                Failure::user("U0003", format!("the file of inputs {} is not a map", shown(&path)))
                    .help("write it as YAML or JSON, a line for each input: `name: value`"),
            );
        };
        inputs.extend(map.into_iter().map(|(name, value)| (name, InputValue::Data(value))));
    }
    inputs.extend(
        select
            .inputs
            .iter()
            .map(|(name, value)| (name.clone(), InputValue::Text(value.clone()))),
    );
    let event = match &select.event {
        None => Json::Null,
        Some(file) => {
            let path = folder.join(file);
            let text = read_text(&path, "event file").map_err(as_usage)?;
            reading.text(&path, &text);
            serde_json::from_str(&text).map_err(|error| {
                Failure::user("U0004", format!("the event file {} is not JSON: {error}", shown(&path)))
            })?
        }
    };
    Ok(PlanRequest {
        inputs,
        event,
        only: select.only.clone(),
    })
}

fn as_usage(failure: Failure) -> Failure {
    Failure {
        class: ErrorClass::Usage,
        code: "U0003",
        help: None,
        ..failure
    }
}

#[cfg(test)]
mod tests;
