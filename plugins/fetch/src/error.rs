//! The one error of this component. Its text is what a person reads when the step fails.

use std::io;

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter of the call is wrong.
    #[error("parameter `{name}`: {problem}")]
    Parameter {
        /// The parameter, as the pipeline file names it.
        name: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A file could not be written.
    #[error("cannot {verb} `{path}`: {source}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The path that it was tried on.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The server refused, in a way that trying again does not mend.
    #[error("`{url}` answered {status}{says}")]
    Status {
        /// What was asked for, without its query.
        url: String,
        /// The status.
        status: u16,
        /// `: ` and the first line of what it said, or nothing.
        says: String,
    },
    /// The step has no grant for the request.
    #[error("the step may not request `{url}`: {rule}")]
    Denied {
        /// What was asked for, without its query.
        url: String,
        /// Why, and what would allow it.
        rule: String,
    },
    /// A redirect that is not followed.
    #[error("`{url}` redirects {problem}")]
    Redirect {
        /// What was asked for, without its query.
        url: String,
        /// Where to, and why it is not followed.
        problem: String,
    },
    /// The request cannot be sent, or the answer not be read, however often it is tried.
    #[error("cannot download `{url}`: {why}")]
    Broken {
        /// What was asked for, without its query.
        url: String,
        /// Why.
        why: String,
    },
    /// It was tried as often as it may be.
    #[error("cannot download `{url}`: gave up after {tries} tries; the last one: {why}")]
    GaveUp {
        /// What was asked for, without its query.
        url: String,
        /// How often it was tried.
        tries: u32,
        /// What happened the last time.
        why: String,
    },
}
