//! The codes of the diagnostics of a run that is not a step's failure. Those of the pipeline file begin with `P`, those
//! of the store with `S`.

/// A glob under `paths:` of a mount matches nothing in the source.
pub const UNMATCHED_GLOB: &str = "R0001";
/// A blob was lost a second time in a run.
pub const LOST: &str = "R0002";
