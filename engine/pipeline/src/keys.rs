//! The keys of the pipeline file, each list in the order in which help names them. The JSON Schema's types say the same
//! with words; a test compares the two. Not here: what the keys take.

pub(crate) const FILE: &[&str] = &[
    "airtight", "name", "inputs", "sources", "secrets", "steps", "stages", "include", "export",
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
    "grants",
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
pub(crate) const OUTPUT: &[&str] = &["path", "sha256", "blake3", "tree"];
/// Keys of an output that pin it.
pub(crate) const PINS: &[&str] = &["sha256", "blake3", "tree"];
pub(crate) const SECRET: &[&str] = &["env", "file", "command"];
pub(crate) const GRANTS: &[&str] = &["http", "net", "secrets", "clock", "random"];
pub(crate) const HTTP: &[&str] = &["url", "methods", "addresses", "ca", "client-certificate"];
pub(crate) const CLIENT_CERTIFICATE: &[&str] = &["certificate", "key"];
pub(crate) const NET: &[&str] = &["to", "addresses", "login"];
pub(crate) const LOGIN: &[&str] = &["postgres"];
pub(crate) const POSTGRES: &[&str] = &["user", "password", "database", "tls", "ca"];
pub(crate) const SECRET_GRANT: &[&str] = &["to", "in", "operations", "env"];
pub(crate) const PLACE: &[&str] = &["header", "query", "body"];
pub(crate) const LIMITS: &[&str] = &[
    "memory",
    "time",
    "output",
    "files",
    "log",
    "handles",
    "fuel",
    "tables",
    "stack",
    "name",
    "call",
    "random",
    "component",
    "compile",
    "net",
];
pub(crate) const NET_LIMITS: &[&str] = &["requests", "connections", "lookups", "headers", "body", "total", "time"];
pub(crate) const RETRY: &[&str] = &["times", "on", "backoff"];
/// Keys of a matrix that are not axes.
pub(crate) const MATRIX: &[&str] = &["include", "exclude", "max-parallel", "fail-fast"];
