//! What is kept of an action that succeeded, and replayed by a hit. Not here: where it is kept.

use crate::canonical::{canonical_document, canonical_record};
use crate::id::BlobDigest;
use crate::step::{Denial, LogLine, Report, Usage, Use};
use crate::tree::Node;
use crate::value::Value;

/// A stream that a guest wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// The blob that holds its bytes; none for an empty stream.
    pub blob: Option<BlobDigest>,
    /// Its size in bytes.
    pub size: u64,
}
canonical_record!(Captured { blob, size });

/// The result of an action.
///
/// Stored as the document `ATar` version 2. See `docs/formats/action.md`.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionResult {
    /// Outputs by name, in the order of the action.
    pub outputs: Vec<(String, Node)>,
    /// The typed result of a function step.
    pub result: Option<Value>,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
    /// Log lines.
    pub log: Vec<LogLine>,
    /// Reports.
    pub reports: Vec<Report>,
    /// Refusals that the step lived with.
    pub denials: Vec<Denial>,
    /// Which grants the step used.
    pub uses: Vec<Use>,
    /// What the attempt that made it used.
    pub usage: Usage,
}
canonical_record!(ActionResult {
    outputs,
    result,
    stdout,
    stderr,
    log,
    reports,
    denials,
    uses,
    usage
});
canonical_document!(ActionResult, *b"ATar", 2);

impl ActionResult {
    /// The output named `name`.
    pub fn output(&self, name: &str) -> Option<&Node> {
        self.outputs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, node)| node)
    }
}
