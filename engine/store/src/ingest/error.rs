//! What can be wrong with a source, where, and what mends it. Not here: how it is shown.

use std::io;

use crate::error::StoreError;

/// Why a symbolic link cannot be a part of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkProblem {
    /// Its target is an absolute path, which means another thing on another machine.
    Absolute,
    /// Its target is outside of the source.
    Outside,
    /// Its target is not there, or was left out.
    Broken,
    /// It leads back to itself.
    Circular,
    /// Its target is not UTF-8 or is longer than 4095 bytes.
    Target,
}

/// Why a source cannot be ingested.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source itself is not there.
    #[error("the source `{path}` is not there")]
    NotFound {
        /// The path of the source.
        path: String,
    },
    /// The source is outside of the pipeline file's folder, or a link on the way to it leads there.
    #[error("the source `{path}` is outside of the pipeline's folder")]
    Outside {
        /// The path of the source.
        path: String,
    },
    /// A file or folder without read permission, or that fails when it is read.
    #[error("cannot read `{path}`: {source}")]
    Unreadable {
        /// Its path in the source.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A socket, a pipe or a device.
    #[error("`{path}` is {what}, which no source can have")]
    Special {
        /// Its path in the source.
        path: String,
        /// `a socket`, ….
        what: &'static str,
    },
    /// A name that is not UTF-8 or longer than 255 bytes.
    #[error("the name of `{path}` is not UTF-8")]
    Name {
        /// Its path in the source; what is not UTF-8 is shown as `\u{fffd}`.
        path: String,
    },
    /// A symbolic link that leads nowhere or outside.
    #[error("the symbolic link `{path}` {} (its target is `{target}`)", problem.sentence())]
    Link {
        /// Its path in the source.
        path: String,
        /// Its target.
        target: String,
        /// What is wrong with it.
        problem: LinkProblem,
    },
    /// A file kept changing.
    #[error("`{path}` changed while it was read")]
    Changed {
        /// Its path in the source.
        path: String,
    },
    /// Folders nested too deeply.
    #[error("`{path}` is nested too deeply")]
    Deep {
        /// Its path in the source.
        path: String,
    },
    /// A pattern that is no glob.
    #[error("`{glob}` is not a glob: {detail}")]
    Glob {
        /// The pattern.
        glob: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl LinkProblem {
    const fn sentence(self) -> &'static str {
        match self {
            Self::Absolute => "points to an absolute path",
            Self::Outside => "leads out of the source",
            Self::Broken => "leads to nothing that is in the source",
            Self::Circular => "leads back to itself",
            Self::Target => "has a target that is not UTF-8 or too long",
        }
    }
}

impl IngestError {
    /// An error of opening the source itself.
    pub(super) fn opening(path: &str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            // What cap-std says of a path that leaves its folder.
            io::ErrorKind::PermissionDenied if source.raw_os_error().is_none() => Self::Outside { path },
            _ if source.raw_os_error() == Some(rustix::io::Errno::XDEV.raw_os_error()) => Self::Outside { path },
            _ => Self::Unreadable { path, source },
        }
    }

    /// An error of reading something in the source. What was there and is not any more has changed.
    pub(super) fn unreadable(path: &str, source: impl Into<io::Error>) -> Self {
        let (path, source) = (path.to_owned(), source.into());
        use rustix::io::Errno;
        let gone = [Errno::NOENT, Errno::NOTDIR, Errno::LOOP].map(Errno::raw_os_error);
        match source.raw_os_error() {
            Some(code) if gone.contains(&code) => Self::Changed { path },
            _ => Self::Unreadable { path, source },
        }
    }

    /// The path in the source that is wrong, if it is one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Store(_) | Self::Glob { .. } => None,
            Self::NotFound { path }
            | Self::Outside { path }
            | Self::Unreadable { path, .. }
            | Self::Special { path, .. }
            | Self::Name { path }
            | Self::Link { path, .. }
            | Self::Changed { path }
            | Self::Deep { path } => Some(path),
        }
    }

    /// The stable code of a diagnostic of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::NotFound { .. } => "S0020",
            Self::Outside { .. } => "S0021",
            Self::Unreadable { .. } => "S0022",
            Self::Special { .. } => "S0023",
            Self::Name { .. } => "S0024",
            Self::Link { .. } => "S0025",
            Self::Changed { .. } => "S0026",
            Self::Deep { .. } => "S0027",
            Self::Glob { .. } => "S0028",
        }
    }

    /// What mends it: the text to type.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.help(),
            Self::NotFound { .. } => Some("make it, or change `path:` to what is there".to_owned()),
            Self::Glob { .. } => None,
            Self::Outside { .. } => Some("move the pipeline file to a folder that holds the source".to_owned()),
            Self::Changed { .. } => Some("run again when nothing writes to the source".to_owned()),
            Self::Unreadable { path, .. }
            | Self::Special { path, .. }
            | Self::Name { path }
            | Self::Link { path, .. }
            | Self::Deep { path } => Some(format!("leave it out: `exclude: [ {} ]`", exclude_line(path))),
        }
    }
}

/// The text in YAML of a glob that matches `path` and nothing else that could be named alike.
fn exclude_line(path: &str) -> String {
    let mut glob = String::with_capacity(path.len() + 2);
    for c in path.chars() {
        match c {
            '*' | '?' | '[' | ']' | '{' | '}' | '\\' => glob.extend(['[', c, ']']),
            // Bytes that are not UTF-8, and what no line should hold.
            '\u{fffd}' => glob.push('*'),
            c if c.is_control() => glob.push('?'),
            c => glob.push(c),
        }
    }
    format!("\"{}\"", glob.replace('\\', "\\\\").replace('"', "\\\""))
}
