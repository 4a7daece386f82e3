//! A project of one step: its folder and its `step.yaml`. Not here: its WIT (`wit`), and building it (`build`).

use std::path::{Path, PathBuf};

use airtight_model::{Diagnostic, Span};
use airtight_pipeline::step_file::{FILE_NAME, Placed};
use airtight_pipeline::{StepFile, parse_step_file};

use crate::error::{Error, InFile};
use crate::files;

/// A project of one step.
#[derive(Debug)]
pub struct StepProject {
    /// Its folder, absolute.
    pub root: PathBuf,
    /// What its `step.yaml` says.
    pub file: StepFile,
    /// The text of its `step.yaml`.
    text: String,
}

impl StepProject {
    /// Reads the project in `folder`.
    ///
    /// # Errors
    /// There is no `step.yaml`, or something is wrong in it: all of it at once.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(FILE_NAME);
        if !path.is_file() {
            return Err(Error::project(
                "A0001",
                format!("there is no `{FILE_NAME}` in `{}`", folder.display()),
                "start a project with `airtight new --lang LANGUAGE NAME`, or name the folder of one",
            ));
        }
        let root = folder.canonicalize().map_err(Error::io("find", folder))?;
        let text = files::text(&path)?;
        let file = parse_step_file(&text).map_err(|found| in_file(&text, found))?;
        let project = Self { root, file, text };
        project.check()?;
        Ok(project)
    }

    /// Checks what the fields mean outside Airtight.
    fn check(&self) -> Result<(), Error> {
        let mut found = Vec::new();
        let mut wrong = |placed: &Placed, message: String, help: &str| {
            found.push(Diagnostic::error("A0002", placed.span, message).help(help));
        };
        if let Some(version) = &self.file.version
            && let Err(error) = semver::Version::parse(&version.text)
        {
            let message = format!("`{}` is no version as semver has it: {error}", version.text);
            wrong(version, message, "write three numbers, for example `version: 0.1.0`");
        }
        if let Some(license) = &self.file.license
            && let Err(error) = spdx::Expression::parse(&license.text)
        {
            let message = format!("`{}` is no SPDX licence expression: {}", license.text, error.reason);
            wrong(
                license,
                message,
                "write one, for example `license: Apache-2.0` or `license: MIT OR Apache-2.0`",
            );
        }
        if let Some(source) = &self.file.source
            && !["https://", "http://", "git+", "ssh://"]
                .iter()
                .any(|scheme| source.text.starts_with(scheme))
        {
            let message = format!("`{}` is no URL", source.text);
            wrong(
                source,
                message,
                "write where the source is, for example `source: https://example.com/you/step`",
            );
        }
        if found.is_empty() {
            Ok(())
        } else {
            Err(in_file(&self.text, found))
        }
    }

    /// Something that is wrong at a place of the `step.yaml`.
    pub(crate) fn wrong(&self, code: &'static str, span: Span, message: String, help: String) -> Error {
        in_file(&self.text, vec![Diagnostic::error(code, span, message).help(help)])
    }

    /// The folder that a build writes into.
    pub fn build_folder(&self) -> PathBuf {
        self.root.join("build")
    }

    /// The file that a build makes if it is not told another.
    pub fn component(&self) -> PathBuf {
        self.build_folder().join(format!("{}.wasm", self.file.name))
    }
}

fn in_file(text: &str, found: Vec<Diagnostic>) -> Error {
    Error::InFile(Box::new(InFile {
        name: FILE_NAME.to_owned(),
        text: text.to_owned(),
        found,
    }))
}
