//! Why a project could not be made or built, with the text that mends it. Not here: how it is shown.

use std::path::{Path, PathBuf};

use airtight_model::Diagnostic;

/// What is wrong in a file, with the file.
#[derive(Debug, Clone)]
pub struct InFile {
    /// Its path as the user knows it, from the project's folder.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What is wrong; spans are of file 0.
    pub found: Vec<Diagnostic>,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something is wrong in a file of the project.
    #[error("`{}` is not right", .0.name)]
    InFile(Box<InFile>),
    /// The project is not what it has to be.
    #[error("{message}")]
    Project {
        /// The stable code.
        code: &'static str,
        /// What is wrong.
        message: String,
        /// The mend.
        help: String,
    },
    /// A program that the build needs is not there.
    #[error("{what} needs {program}, which is not there")]
    MissingTool {
        /// What is built.
        what: String,
        /// The program.
        program: String,
        /// What to type, a line for each way.
        install: Vec<String>,
    },
    /// A program of the build did not succeed.
    #[error("`{program}` failed{how}")]
    Tool {
        /// The program with its arguments, as a person would type it.
        program: String,
        /// How it ended, with a space or colon first.
        how: String,
        /// What it said, for the person who mends the sources.
        output: String,
        /// What to do, where more is known than what it said.
        help: Option<String>,
    },
    /// A file operation failed.
    #[error("cannot {verb} `{}`: {source}", .path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }

    pub(crate) fn project(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Project {
            code,
            message: message.into(),
            help: help.into(),
        }
    }

    /// The stable code, listed in `docs/diagnostics.md`; none where each finding has its own.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::InFile(_) => None,
            Self::Project { code, .. } => Some(code),
            Self::MissingTool { .. } => Some("A0003"),
            Self::Tool { .. } => Some("A0004"),
            Self::Io { .. } => Some("A0005"),
        }
    }

    /// The mend, a line for each way.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Project { help, .. } => Some(help.clone()),
            Self::MissingTool { install, .. } => Some(install.join("\n")),
            Self::Tool { help, .. } => help.clone(),
            Self::InFile(_) | Self::Io { .. } => None,
        }
    }
}
