//! The one error of this component. Its text is what a person reads when the step fails, so each variant says what,
//! where and, when it is not plain, what to do. It carries no error codes: a component's error is a string.

use std::io;
use std::path::Path;

/// Why packing or unpacking failed.
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
    /// Something in the folder to pack cannot be put into an archive.
    #[error("cannot pack `{path}`: {problem}")]
    Unpackable {
        /// The path in the sandbox.
        path: String,
        /// Why not.
        problem: String,
    },
    /// An entry of an archive is refused.
    #[error("entry `{entry}` of the archive is refused: {problem}")]
    Entry {
        /// The entry's name, with everything that is not printable ASCII or a letter escaped.
        entry: String,
        /// Why it is refused.
        problem: String,
    },
    /// The archive as a whole is refused.
    #[error("the archive is refused: {0}")]
    Archive(String),
}

impl Error {
    /// The failure of `verb` on `path`. An [`Error`] that travelled inside `source` comes out again as it was.
    pub(crate) fn io(verb: &'static str, path: &Path, source: io::Error) -> Self {
        match source.downcast::<Self>() {
            Ok(own) => own,
            Err(source) => Self::Io {
                verb,
                path: path.display().to_string(),
                source,
            },
        }
    }

    /// The refusal of the entry with the raw name `entry`.
    pub(crate) fn entry(entry: &[u8], problem: impl Into<String>) -> Self {
        let shown: String = String::from_utf8_lossy(entry)
            .chars()
            .flat_map(char::escape_debug)
            .collect();
        Self::Entry {
            entry: shown,
            problem: problem.into(),
        }
    }

    /// Wraps it to pass through an interface that only knows [`io::Error`]; [`Error::io`] is the way back.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }
}
