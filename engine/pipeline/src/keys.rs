//! The keys of the pipeline file, each list in the order in which help names them. The JSON Schema's types say the same
//! with words; a test compares the two. Not here: what the keys take.

pub(crate) const FILE: &[&str] = &[
    "airtight", "name", "inputs", "sources", "steps", "stages", "include", "export",
];
/// Keys that only the pipeline file itself may have.
pub(crate) const NOT_IN_FRAGMENT: &[&str] = &["name", "stages", "export"];
pub(crate) const INPUT: &[&str] = &["type", "default", "one-of", "description", "required"];
pub(crate) const SOURCE: &[&str] = &["path", "exclude", "gitignore"];
pub(crate) const INCLUDE: &[&str] = &["file", "inputs"];
pub(crate) const STEP: &[&str] = &[
    "uses",
    "function",
    "with",
    "args",
    "env",
    "stdin",
    "cwd",
    "mounts",
    "outputs",
    "limits",
    "clock",
    "if",
    "after",
    "when",
    "stage",
    "allow-failure",
    "retry",
    "matrix",
    "description",
];
pub(crate) const MOUNT: &[&str] = &["source", "output", "paths", "writable"];
pub(crate) const OUTPUT: &[&str] = &["path"];
/// Keys of an output that pin it: later.
pub(crate) const PINS: &[&str] = &["sha256", "blake3", "tree"];
pub(crate) const LIMITS: &[&str] = &["memory", "time", "output", "files", "log", "handles", "fuel"];
pub(crate) const RETRY: &[&str] = &["times", "on", "backoff"];
/// Keys of a matrix that are not axes.
pub(crate) const MATRIX: &[&str] = &["include", "exclude", "max-parallel", "fail-fast"];
