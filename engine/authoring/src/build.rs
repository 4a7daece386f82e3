//! The build of a project: its language's recipe makes a binary, and the rest is the same for all. Not here: what each language needs
//! (one file each, below).

mod bindings;
mod c;
mod go;
mod javascript;
mod python;
mod rust;
mod source_map;
mod sources;
mod wasm;
mod wat;
mod zig;

use std::path::{Path, PathBuf};

use airtight_pipeline::{Language, StepKind};

use crate::component;
use crate::error::Error;
use crate::files;
use crate::metadata;
use crate::project::StepProject;
use crate::tools::Tools;
use crate::wit::{self, Wit};

/// What was built.
#[derive(Debug)]
pub struct Built {
    /// Where it is.
    pub path: PathBuf,
    /// The component.
    pub wasm: Vec<u8>,
}

/// Makes a component of a preview-1 command, or says why it cannot.
pub type Adapt<'a> = dyn Fn(&[u8]) -> Result<Vec<u8>, String> + 'a;

/// What a recipe works with.
#[derive(Debug)]
pub(crate) struct Workshop<'a> {
    /// The project.
    pub(crate) project: &'a StepProject,
    /// Its WIT, if it has any.
    pub(crate) wit: Option<&'a Wit>,
    /// Programs.
    pub(crate) tools: &'a Tools,
    /// A folder for what is made on the way: `build`.
    pub(crate) scratch: PathBuf,
}

/// A binary as a language's tools made it: a component or a core module.
#[derive(Debug)]
pub(crate) struct Raw {
    /// Its bytes.
    pub(crate) wasm: Vec<u8>,
    /// The language with its version, where it is known.
    pub(crate) language: (String, String),
    /// Tools with their versions.
    pub(crate) tools: Vec<(String, String)>,
}

impl Workshop<'_> {
    /// The project's WIT, which this language cannot do without.
    pub(crate) fn wit(&self) -> Result<&Wit, Error> {
        self.wit.ok_or_else(|| {
            Error::project(
                "A0008",
                "the project has no WIT: there is no file in `wit/`",
                "write `wit/step.wit`:\n  package local:NAME@0.1.0;\n  world step { export run: func() -> result<_, string>; }\n\
                 or build a program with arguments: `kind: command` in `step.yaml`",
            )
        })
    }

    /// The file that the build begins with: what `entry:` says, else the first of `defaults` that is there.
    pub(crate) fn entry(&self, defaults: &[&str]) -> Result<PathBuf, Error> {
        let root = &self.project.root;
        if let Some(entry) = &self.project.file.entry {
            let path = root.join(&entry.text);
            if path.is_file() {
                return Ok(path);
            }
            let message = format!("there is no file `{}`", entry.text);
            let help = format!("write it, or leave `entry:` out for `{}`", defaults.join("` or `"));
            return Err(self.project.wrong("A0009", entry.span, message, help));
        }
        let found = defaults.iter().map(|name| root.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| {
            Error::project(
                "A0009",
                format!("there is no file `{}`", defaults.join("` or `")),
                "write it, or say in `step.yaml` which file the build begins with: `entry: src/FILE`",
            )
        })
    }

    /// A path below the project's folder, from there.
    pub(crate) fn within(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.project.root).unwrap_or(path).to_owned()
    }

    /// An empty folder below `build`.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.scratch.join(name);
        files::empty_folder(&folder)?;
        Ok(folder)
    }
}

/// Builds a project into `to`, or into `build/NAME.wasm`. `adapt` makes a component of a preview-1 command.
///
/// # Errors
/// What is wrong with the project, its WIT, its sources (as the language's own tools say it), or with what came of them. The
/// file of an earlier build is left as it was.
pub fn build(project: &StepProject, tools: &Tools, to: Option<&Path>, adapt: &Adapt<'_>) -> Result<Built, Error> {
    let wit = wit::load(project)?;
    let scratch = project.build_folder();
    files::folder_at(&scratch)?;
    let shop = Workshop {
        project,
        wit: wit.as_ref(),
        tools,
        scratch,
    };
    let raw = recipe(&shop)?;
    let wasm = component::finish(&shop, &raw.wasm, adapt)?;
    component::check(&shop, &wasm)?;
    let wasm = metadata::attach(&shop, &raw, &wasm)?;
    let path = to.map_or_else(|| project.component(), Path::to_owned);
    files::write(&path, &wasm)?;
    Ok(Built { path, wasm })
}

fn recipe(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let file = &shop.project.file;
    // Only a command can do without: `wasi:cli/run` is all that it exports. The SDK for Rust makes its own.
    if file.kind == StepKind::Function && !matches!(file.language, Language::Rust | Language::Wasm) {
        shop.wit()?;
    }
    let has_engines = matches!(file.language, Language::JavaScript | Language::TypeScript);
    if let Some(engine) = file.engine.as_ref().filter(|_| !has_engines) {
        let message = format!("a step in {} has no `engine:` to choose", file.language.word());
        return Err(shop
            .project
            .wrong("A0010", engine.span, message, "remove the line".to_owned()));
    }
    match file.language {
        Language::Rust => rust::build(shop),
        Language::JavaScript | Language::TypeScript => javascript::build(shop),
        Language::Python => python::build(shop),
        Language::Wat => wat::build(shop),
        Language::Wasm => wasm::build(shop),
        Language::C => c::build(shop, c::Dialect::C),
        Language::Cpp => c::build(shop, c::Dialect::Cpp),
        Language::Go => go::build(shop),
        Language::Zig => zig::build(shop),
    }
}
