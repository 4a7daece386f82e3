//! What is kept of an action that succeeded, and replayed by a hit. Not here: where it is kept.

use crate::canonical::{Canonical, DecodeError, Decoder, Encoder, canonical_record};
use crate::id::BlobDigest;
use crate::step::{Denial, LogLine, Report, Usage};
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
/// Stored as the document `ATar` version 1. See `docs/formats/action.md`.
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
    usage
});

impl ActionResult {
    const MAGIC: [u8; 4] = *b"ATar";
    const VERSION: u8 = 1;

    /// The bytes that the store keeps.
    pub fn to_document(&self) -> Vec<u8> {
        let mut out = Encoder::document(Self::MAGIC, Self::VERSION);
        self.encode(&mut out);
        out.finish()
    }

    /// Reads what [`ActionResult::to_document`] wrote.
    ///
    /// # Errors
    /// Any other bytes.
    pub fn from_document(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::document(bytes, Self::MAGIC, Self::VERSION)?;
        let result = Self::decode(&mut from)?;
        from.finish()?;
        Ok(result)
    }

    /// The output named `name`.
    pub fn output(&self, name: &str) -> Option<&Node> {
        self.outputs
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, node)| node)
    }
}
