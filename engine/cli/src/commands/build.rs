//! `airtight build`: the component of a project. Not here: how it is built (`authoring`).

use std::path::{Path, PathBuf};

use airtight_authoring::{Built, Error, StepProject};
use airtight_model::BlobDigest;

use crate::args::BuildArgs;
use crate::commands::Context;
use crate::diagnostics::{self, SourceFile};
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;

/// Builds a project and prints where the component is.
pub(crate) fn build(context: &Context, args: &BuildArgs) -> Result<PathBuf, Failure> {
    let project = open(context, &args.project)?;
    let to = args.output.as_ref().map(|path| context.settings.folder.join(path));
    let built = make(context, &project, to.as_deref())?;
    let path = match built.path.strip_prefix(&context.settings.folder) {
        Ok(inside) => inside.to_owned(),
        Err(_) => built.path.clone(),
    };
    output::note(&format!(
        "built {} bytes, {}",
        built.wasm.len(),
        BlobDigest::of(&built.wasm)
    ));
    output::data_line(&path.to_string_lossy()).map_err(Failure::closed_output)?;
    Ok(built.path)
}

/// The project in a folder.
pub(super) fn open(context: &Context, folder: &Path) -> Result<StepProject, Failure> {
    let folder: PathBuf = context.settings.folder.join(folder).components().collect();
    StepProject::open(&folder).map_err(|error| failure(context, error))
}

/// Builds a project, and makes sure that what was built can be a step.
pub(super) fn make(context: &Context, project: &StepProject, to: Option<&Path>) -> Result<Built, Failure> {
    if context.settings.terminal {
        // Some toolchains take half a minute, and say nothing that a person would want to read.
        output::note(&format!(
            "building `{}`, in {}",
            project.file.name,
            project.file.language.word()
        ));
    }
    let adapt = |module: &[u8]| airtight_sandbox::adapt_preview1(module);
    let built = airtight_authoring::build(project, &context.settings.tools, to, &adapt);
    let built = built.map_err(|error| failure(context, error))?;
    let summary = airtight_sandbox::summarize(&built.wasm).map_err(|error| {
        let message = format!("what was built cannot be a step: {error}");
        Failure::pipeline("A0014", message).help_or_not(error.help().map(str::to_owned))
    })?;
    if let Some(import) = summary.unknown_imports.first() {
        let why = airtight_sandbox::why_unknown(import);
        return Err(
            Failure::pipeline("A0014", format!("what was built imports `{import}`, which {why}"))
                .help("take it out of the world in `wit/` and of the sources"),
        );
    }
    Ok(built)
}

/// A failure of a project, with all that is known of it printed.
pub(super) fn failure(context: &Context, error: Error) -> Failure {
    let help = error.help();
    match error {
        Error::InFile(file) => {
            let source = SourceFile {
                name: file.name,
                text: file.text,
            };
            output::note(&diagnostics::render(&file.found, &[source], context.settings.color));
            Failure::reported(ErrorClass::Pipeline)
        }
        error => {
            if let Error::Tool { output: said, .. } = &error {
                for line in said.lines() {
                    output::note(&escape::line(line));
                }
            }
            Failure::pipeline(error.code().unwrap_or("A0005"), error.to_string()).help_or_not(help)
        }
    }
}
