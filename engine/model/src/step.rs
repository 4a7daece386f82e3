//! What a step is asked to do and what came of it: the values between the scheduler and the sandbox. Not here: the
//! pipeline file's view of a step (`plan`), or what is kept of it (`result`).

use crate::canonical::{canonical_enum, canonical_record};
use crate::component::FunctionRef;
use crate::grant::Grants;
use crate::id::{BlobDigest, TreeDigest};
use crate::readset::ReadSet;
use crate::result::Captured;
use crate::tree::Node;
use crate::value::Value;

/// How a step or attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it should.
    Succeeded,
    /// The guest said that it failed: an exit code, an `err`, a trap, or an output that it did not make.
    Failed,
    /// It failed after something was refused to it.
    Denied,
    /// It ran longer than its `limits.time`.
    TimedOut,
    /// The run was cancelled while it was going on or before it began.
    Cancelled,
    /// It had not to run: a condition, or a step that it needs was skipped or did not succeed.
    Skipped,
    /// The host failed: disk, store, a component that does not compile.
    Errored,
}

impl Outcome {
    /// The word in events, messages and `steps.<name>.outcome`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::TimedOut => "timed-out",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Errored => "errored",
        }
    }
}

/// What a step can touch, and so whether its result may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing but its mounts: cached.
    Pure,
    /// The network, but every output is pinned: cached.
    FixedOutput,
    /// The world: never cached.
    Effectful,
}

impl Class {
    /// The word in events and in `plan`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::FixedOutput => "fixed-output",
            Self::Effectful => "effectful",
        }
    }

    /// The class of a step, and the reason as a sentence without a period. `pinned`: it declares outputs and every one
    /// has a pin. `typed`: it returns a typed result.
    pub fn of(grants: &Grants, pinned: bool, typed: bool) -> (Self, String) {
        let effectful = |reason: String| (Self::Effectful, reason);
        if grants.is_empty() {
            return (Self::Pure, "it is given nothing but its mounts".to_owned());
        }
        if grants.clock {
            return effectful("it is given the real time".to_owned());
        }
        if grants.random {
            return effectful("it is given the operating system's randomness".to_owned());
        }
        if let Some(grant) = grants.net.first() {
            return effectful(format!("it may open sockets: `{}`", grant.url()));
        }
        if let Some(grant) = grants.http.iter().find(|grant| !grant.only_reads()) {
            let methods = grant.methods.join(", ");
            return effectful(format!("it may send {methods} to `{}`", grant.url()));
        }
        if !pinned {
            let what = match grants.http.first() {
                Some(grant) => format!("it may reach `{}`", grant.url()),
                None => "it may use a secret".to_owned(),
            };
            return effectful(format!("{what}, and not every output is pinned"));
        }
        if typed {
            return effectful("it returns a typed result, which nothing pins".to_owned());
        }
        (
            Self::FixedOutput,
            "it only reads from the network, and every output is pinned".to_owned(),
        )
    }
}

/// What is called in the component.
#[derive(Debug, Clone, PartialEq)]
pub enum Invocation {
    /// A function step: the function and its arguments in declared order.
    Function(FunctionRef, Vec<Value>),
    /// A command step: its arguments after the program's name, and what it reads on standard input.
    Command(Vec<String>, Option<BlobDigest>),
}
canonical_enum!(Invocation { 0 = Function(function, arguments), 1 = Command(arguments, stdin) });

/// A tree or file at a path of the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where: an absolute, normal path of the guest (`/src`; never `/tmp`, `/out` or below them unless `writable`).
    pub at: String,
    /// What: a directory or a file by value. A mount is never a symbolic link.
    pub node: Node,
    /// Whether the guest sees a private copy that it may change.
    pub writable: bool,
}

/// An output that a step declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputSpec {
    /// Its name in the pipeline file.
    pub name: String,
    /// Where it is taken from when the step has succeeded: an absolute, normal path of the guest.
    pub path: String,
    /// What it has to be.
    pub pin: Option<Pin>,
}
canonical_record!(OutputSpec { name, path, pin });

/// The digest that an output has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pin {
    /// A file, by the SHA-256 of its bytes.
    Sha256([u8; 32]),
    /// A file, by the BLAKE3 of its bytes.
    Blake3(BlobDigest),
    /// A folder, by the digest of its tree.
    Tree(TreeDigest),
}

impl crate::canonical::Canonical for Pin {
    fn encode(&self, out: &mut crate::canonical::Encoder) {
        let (ordinal, bytes) = match self {
            Self::Sha256(bytes) => (0, bytes),
            Self::Blake3(digest) => (1, digest.as_bytes()),
            Self::Tree(digest) => (2, digest.as_bytes()),
        };
        out.uint(ordinal);
        out.raw(bytes);
    }
    fn decode(from: &mut crate::canonical::Decoder<'_>) -> Result<Self, crate::canonical::DecodeError> {
        match from.uint()? {
            0 => Ok(Self::Sha256(from.array()?)),
            1 => Ok(Self::Blake3(BlobDigest::from_bytes(from.array()?))),
            2 => Ok(Self::Tree(TreeDigest::from_bytes(from.array()?))),
            _ => Err(from.invalid("an unknown ordinal of Pin")),
        }
    }
}

/// `sha256: "…"`, as the pipeline file says it.
impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sha256(bytes) => {
                f.write_str("sha256: \"")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("\"")
            }
            Self::Blake3(digest) => write!(f, "blake3: \"{digest}\""),
            Self::Tree(digest) => write!(f, "tree: \"{digest}\""),
        }
    }
}

/// Bounds of one attempt. A struck bound ends the attempt; none of them is part of a key, except fuel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all instances together, in bytes.
    pub memory: u64,
    /// Wall time in milliseconds; none: no bound.
    pub time_ms: Option<u64>,
    /// Bytes that the guest may have written and not removed, over all writable mounts.
    pub output: u64,
    /// Files, folders and links that the guest may have made, over all writable mounts.
    pub files: u64,
    /// Bytes of standard output, standard error and log lines together.
    pub log: u64,
    /// Handles that the guest may hold at a time.
    pub handles: u32,
    /// Fuel: the deterministic budget of instructions. None: not counted.
    pub fuel: Option<u64>,
    /// Elements of all tables together.
    pub tables: u64,
    /// The stack of the guest, in bytes; counted in steps of 64 KiB.
    pub stack: u64,
    /// The length of the name of a file or folder that the guest makes, in bytes.
    pub name: u32,
    /// Bytes of the host's memory that one call of the guest may take.
    pub call: u64,
    /// Bytes of randomness of one call.
    pub random: u64,
    /// The size of the component, in bytes.
    pub component: u64,
    /// The time that compiling the component may take, in milliseconds.
    pub compile_ms: u64,
    /// Of HTTP and sockets.
    pub net: NetLimits,
}

/// Bounds of what an attempt does over HTTP and sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetLimits {
    /// Requests and connections that it may begin.
    pub requests: u64,
    /// Connections that are open at a time.
    pub connections: u32,
    /// Names that it may look up.
    pub lookups: u32,
    /// The headers of one request or response, in bytes.
    pub headers: u64,
    /// The body of one request or response, in bytes.
    pub body: u64,
    /// All bytes sent and received, HTTP and sockets together.
    pub total: u64,
    /// The time from the beginning of a request to the end of its response, and of opening a connection, in
    /// milliseconds.
    pub time_ms: u64,
}

impl NetLimits {
    /// What a step gets whose pipeline says nothing.
    pub const DEFAULT: Self = Self {
        requests: 10_000,
        connections: 64,
        lookups: 1_000,
        headers: 64 << 10,
        body: 4 << 30,
        total: 16 << 30,
        time_ms: 5 * 60 * 1000,
    };
}

impl Limits {
    /// What a step gets whose pipeline says nothing.
    pub const DEFAULT: Self = Self {
        memory: 1 << 30,
        time_ms: Some(10 * 60 * 1000),
        output: 4 << 30,
        files: 1_000_000,
        log: 64 << 20,
        handles: 10_000,
        fuel: None,
        tables: 10_000_000,
        stack: 4 << 20,
        name: 255,
        call: 64 << 20,
        random: 64 << 20,
        component: 256 << 20,
        compile_ms: 5 * 60 * 1000,
        net: NetLimits::DEFAULT,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// All that an attempt is made of. What can be observed by the guest goes into the key: see [`crate::action::Action`].
#[derive(Debug, Clone, PartialEq)]
pub struct StepRequest {
    /// The digest of the component's binary, which is in the store or embedded.
    pub component: BlobDigest,
    /// The adapter of a preview-1 core module.
    pub adapter: Option<BlobDigest>,
    /// What is called.
    pub invocation: Invocation,
    /// The program's name: a command's argument zero.
    pub program: String,
    /// Environment, in the order of the pipeline file; names are unique.
    pub env: Vec<(String, String)>,
    /// The working directory: an absolute path of the guest.
    pub cwd: String,
    /// What the wall clock starts at, in seconds since 1970-01-01T00:00:00Z.
    pub clock_base: u64,
    /// Mounts, ascending by path; no path is there twice.
    pub mounts: Vec<Mount>,
    /// Declared outputs, in the order of the pipeline file; names are unique.
    pub outputs: Vec<OutputSpec>,
    /// What it is given beside its mounts.
    pub grants: Grants,
    /// Bounds.
    pub limits: Limits,
}

/// The wall clock of a step that says nothing: 2000-01-01T00:00:00Z.
pub const DEFAULT_CLOCK_BASE: u64 = 946_684_800;

/// A recorded refusal.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Denial {
    /// The capability that was asked for: `net`, `http`, ….
    pub capability: String,
    /// What exactly was refused, for example `GET https://example.com/` or `tcp://example.com:5432`.
    pub request: String,
    /// Which rule refused it, as a sentence without a period.
    pub rule: String,
    /// The exact lines under the step's `grants:` that would allow it; none where nothing can.
    pub allow: Option<String>,
    /// How often in this attempt.
    pub count: u64,
}
canonical_record!(Denial {
    capability,
    request,
    rule,
    allow,
    count
});

/// A recorded use of a grant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Use {
    /// The capability: `http`, `net`, `secrets`, `clock`, `random`.
    pub capability: String,
    /// What was done: `GET https://example.com/rules` without the query, `tcp://example.com:5432`, `token in bearer to
    /// https://example.com`.
    pub request: String,
    /// The item of `grants:` that allowed it, in one line.
    pub grant: String,
    /// How often in this attempt.
    pub count: u64,
    /// Bytes sent, bodies and sockets.
    pub sent: u64,
    /// Bytes received, bodies and sockets.
    pub received: u64,
}
canonical_record!(Use {
    capability,
    request,
    grant,
    count,
    sent,
    received
});

/// What an attempt used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Usage {
    /// Wall time of the attempt, in microseconds.
    pub duration_us: u64,
    /// The most linear memory that it had, in bytes.
    pub memory: u64,
    /// Bytes that it read from mounts.
    pub read: u64,
    /// Bytes that it wrote.
    pub written: u64,
}
canonical_record!(Usage {
    duration_us,
    memory,
    read,
    written
});

/// How much a log line matters, least first (the levels of `airtight:step/log`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// For the author of the step.
    Trace,
    /// For who looks for a fault.
    Debug,
    /// For who reads the log.
    Info,
    /// Something to look at.
    Warn,
    /// Something went wrong.
    Error,
}
canonical_enum!(LogLevel { 0 = Trace, 1 = Debug, 2 = Info, 3 = Warn, 4 = Error });

/// A line of `airtight:step/log`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LogLine {
    /// Its level.
    pub level: LogLevel,
    /// Its text, as the guest gave it: escape before showing.
    pub message: String,
    /// Its named values, as the guest gave them.
    pub fields: Vec<(String, String)>,
}
canonical_record!(LogLine { level, message, fields });

/// Where a report points, in paths of the guest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Location {
    /// The path as the step saw it.
    pub path: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1.
    pub column: Option<u32>,
}
canonical_record!(Location { path, line, column });

/// How a test case ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestOutcome {
    /// It passed.
    Passed,
    /// An assertion did not hold.
    Failed(String),
    /// Something went wrong before it could tell.
    Errored(String),
    /// It was not run.
    Skipped(String),
}
canonical_enum!(TestOutcome { 0 = Passed, 1 = Failed(text), 2 = Errored(text), 3 = Skipped(text) });

/// How grave a finding or an annotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportSeverity {
    /// Worth knowing.
    Note,
    /// Worth mending.
    Warning,
    /// To be mended.
    Error,
}
canonical_enum!(ReportSeverity { 0 = Note, 1 = Warning, 2 = Error });

/// What a step said through `airtight:step/report`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Report {
    /// A test case.
    TestCase(TestCase),
    /// A finding of a scanner.
    Finding(Finding),
    /// A number to follow over time.
    Metric(Metric),
    /// A remark.
    Annotation(Annotation),
    /// The summary in Markdown; the last one counts.
    Summary(Summary),
}
canonical_enum!(Report {
    0 = TestCase(x), 1 = Finding(x), 2 = Metric(x), 3 = Annotation(x), 4 = Summary(x),
});

/// A test case.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TestCase {
    /// The suite that it belongs to.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub outcome: TestOutcome,
    /// How long it took, in microseconds of the guest's clock.
    pub duration_us: Option<u64>,
    /// Where it is.
    pub location: Option<Location>,
}
canonical_record!(TestCase {
    suite,
    name,
    outcome,
    duration_us,
    location
});

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The rule that found it.
    pub rule: String,
    /// How grave it is.
    pub severity: ReportSeverity,
    /// What it is.
    pub message: String,
    /// Where it is.
    pub location: Option<Location>,
    /// What stays the same when it moves.
    pub fingerprint: Option<String>,
}
canonical_record!(Finding {
    rule,
    severity,
    message,
    location,
    fingerprint
});

/// A number with a name.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: Option<String>,
}

impl crate::canonical::Canonical for Metric {
    fn encode(&self, out: &mut crate::canonical::Encoder) {
        self.name.encode(out);
        Value::F64(self.value).encode(out);
        self.unit.encode(out);
    }
    fn decode(from: &mut crate::canonical::Decoder<'_>) -> Result<Self, crate::canonical::DecodeError> {
        let name = String::decode(from)?;
        let Value::F64(value) = Value::decode(from)? else {
            return Err(from.invalid("a metric that is not a number"));
        };
        Ok(Self {
            name,
            value,
            unit: crate::canonical::Canonical::decode(from)?,
        })
    }
}

/// A remark.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Annotation {
    /// How grave it is.
    pub severity: ReportSeverity,
    /// Its title.
    pub title: String,
    /// Its text.
    pub message: String,
    /// Where it points.
    pub location: Option<Location>,
}
canonical_record!(Annotation {
    severity,
    title,
    message,
    location
});

/// A summary.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Markdown.
    pub markdown: String,
}
canonical_record!(Summary { markdown });

/// What came of an attempt: a value even when it failed.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// How it ended: never `Skipped`.
    pub outcome: Outcome,
    /// Why it did not succeed, as a sentence without a period.
    pub cause: Option<String>,
    /// What to do about it: exact text to type or change.
    pub help: Option<String>,
    /// The exit code of a command that failed.
    pub exit_code: Option<i32>,
    /// The typed result of a function step that succeeded.
    pub result: Option<Value>,
    /// The outputs of an attempt that succeeded, in the order of the request.
    pub outputs: Vec<(String, Node)>,
    /// What it wrote on standard output.
    pub stdout: Captured,
    /// What it wrote on standard error.
    pub stderr: Captured,
    /// Its log lines.
    pub log: Vec<LogLine>,
    /// Its reports.
    pub reports: Vec<Report>,
    /// What was refused to it.
    pub denials: Vec<Denial>,
    /// Which grants it used.
    pub uses: Vec<Use>,
    /// What it used.
    pub usage: Usage,
    /// What it observed of its mounts. Complete for an attempt that succeeded.
    pub reads: ReadSet,
    /// Whether an attempt that succeeded may be cached. False when the host saw something that makes the result
    /// doubtful, for example a read error that the guest swallowed.
    pub cacheable: bool,
}

impl StepReport {
    /// The report of an attempt in which nothing of the guest ran, because the host failed.
    pub fn errored(cause: String, help: Option<String>) -> Self {
        Self {
            outcome: Outcome::Errored,
            cause: Some(cause),
            help,
            exit_code: None,
            result: None,
            outputs: Vec::new(),
            stdout: Captured::default(),
            stderr: Captured::default(),
            log: Vec::new(),
            reports: Vec::new(),
            denials: Vec::new(),
            uses: Vec::new(),
            usage: Usage::default(),
            reads: ReadSet::default(),
            cacheable: false,
        }
    }
}
