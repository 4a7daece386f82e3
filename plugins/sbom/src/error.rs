//! The one error of this component. Its text is what a person reads when the step fails: file, line, what is wrong.

use std::io;
use std::path::Path;

/// Why no bill of materials was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("cannot {verb} `{path}`: {source}")]
    Io {
        /// What was tried, for example `read`.
        verb: &'static str,
        /// The path that it was tried on.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// A parameter of the call is wrong.
    #[error("parameter `{name}`: {problem}")]
    Parameter {
        /// The parameter, as the pipeline file names it.
        name: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A lock file is malformed.
    #[error("{file}:{line}: {problem}")]
    Malformed {
        /// The lock file's path.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// The failure of `verb` on `path`.
    pub(crate) fn io(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            verb,
            path: path.display().to_string(),
            source,
        }
    }
}

/// A lock file's name and text: what parsers get, and errors point into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockFile<'a> {
    /// The path as the step sees it.
    pub(crate) path: &'a str,
    /// The whole content.
    pub(crate) text: &'a str,
}

impl LockFile<'_> {
    /// An error at a line.
    pub(crate) fn error(&self, line: usize, problem: impl Into<String>) -> Error {
        Error::Malformed {
            file: self.path.to_owned(),
            line,
            problem: problem.into(),
        }
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line_at(&self, offset: usize) -> usize {
        let before = self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    /// The line of the first JSON key `key`, or 1.
    pub(crate) fn line_of_key(&self, key: &str) -> usize {
        let quoted = serde_json::Value::from(key).to_string();
        self.text
            .match_indices(&quoted)
            .find(|(at, _)| self.text[at + quoted.len()..].trim_start().starts_with(':'))
            .map_or(1, |(at, _)| self.line_at(at))
    }
}
