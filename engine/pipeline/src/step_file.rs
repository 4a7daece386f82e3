//! `step.yaml`: what a project of one step says of itself. Text to [`StepFile`], with all that is wrong in it at once. Pure.
//! Not here: building the step (`authoring`), and the pipeline file.
//!
//! The format is specified in `docs/formats/step-project.md`.

use airtight_model::grant::Grants;
use airtight_model::{Diagnostic, Span};

use crate::codes;
use crate::lower::Lower;
use crate::node::{Entry, Kind, Node};
use crate::syntax;

/// The name of the file, in the folder of the project.
pub const FILE_NAME: &str = "step.yaml";
/// The largest file that is read, in bytes.
pub const MAX_STEP_FILE_BYTES: usize = 1 << 20;
/// The most requests of one step.
const MAX_REQUESTS: usize = 64;

const KEYS: &[&str] = &[
    "step",
    "name",
    "version",
    "language",
    "kind",
    "description",
    "license",
    "source",
    "world",
    "entry",
    "engine",
    "requests",
];
const REQUEST: &[&str] = &["grants", "reason"];

/// A language that a step is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust.
    Rust,
    /// JavaScript.
    JavaScript,
    /// TypeScript.
    TypeScript,
    /// Python.
    Python,
    /// C.
    C,
    /// C++.
    Cpp,
    /// Go.
    Go,
    /// Zig.
    Zig,
    /// WebAssembly's own text.
    Wat,
    /// A binary that something else has made.
    Wasm,
}

impl Language {
    /// Every language with its word in `step.yaml` and on the command line.
    pub const ALL: [(&'static str, Self); 10] = [
        ("rust", Self::Rust),
        ("javascript", Self::JavaScript),
        ("typescript", Self::TypeScript),
        ("python", Self::Python),
        ("c", Self::C),
        ("cpp", Self::Cpp),
        ("go", Self::Go),
        ("zig", Self::Zig),
        ("wat", Self::Wat),
        ("wasm", Self::Wasm),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, language)| *language == self);
        found.map_or("", |(word, _)| word)
    }
}

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// A function: its signature in WIT is the schema of `with:`.
    Function,
    /// `wasi:cli/run`: a program with arguments.
    Command,
}

impl StepKind {
    /// Both with their words.
    pub const ALL: [(&'static str, Self); 2] = [("function", Self::Function), ("command", Self::Command)];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Command => "command",
        }
    }
}

/// A text of the file with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A power that the step asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it asks for.
    pub grants: Grants,
    /// Why, for the person who decides.
    pub reason: String,
}

/// What a project of one step says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFile {
    /// The name of the step and of the file that is built.
    pub name: String,
    /// Its version, as semver has it.
    pub version: Option<Placed>,
    /// What it is written in.
    pub language: Language,
    /// What it exports.
    pub kind: StepKind,
    /// What it does, in a line.
    pub description: Option<String>,
    /// Its licence, an SPDX expression.
    pub license: Option<Placed>,
    /// Where its source is, a URL.
    pub source: Option<Placed>,
    /// The world of `wit/` that it has; the only one if none is named.
    pub world: Option<Placed>,
    /// The file that the build begins with; each language has its own default.
    pub entry: Option<Placed>,
    /// The engine that runs the language, where there are several: `quickjs` for JavaScript.
    pub engine: Option<Placed>,
    /// What it asks for.
    pub requests: Vec<Request>,
}

/// Reads a `step.yaml`.
///
/// # Errors
/// All that is wrong in it, at once; spans are of file 0.
pub fn parse_step_file(text: &str) -> Result<StepFile, Vec<Diagnostic>> {
    let mut found = Vec::new();
    if text.len() > MAX_STEP_FILE_BYTES {
        let help = "make it smaller than 1 MiB";
        return Err(vec![
            Diagnostic::error(codes::TOO_LARGE, Span::default(), "the file is too large").help(help),
        ]);
    }
    let node = syntax::parse(text, 0, &mut found);
    let mut lower = Lower {
        text,
        fragment: false,
        found: &mut found,
    };
    let file = node.and_then(|node| lower.step_file(&node));
    match file {
        Some(file) if found.is_empty() => Ok(file),
        _ => Err(found),
    }
}

/// What was read so far.
#[derive(Default)]
struct Parts {
    version_said: bool,
    name: Option<String>,
    version: Option<Placed>,
    language: Option<Language>,
    kind: Option<StepKind>,
    description: Option<String>,
    license: Option<Placed>,
    source: Option<Placed>,
    world: Option<Placed>,
    entry: Option<Placed>,
    engine: Option<Placed>,
    requests: Vec<Request>,
}

impl Lower<'_> {
    fn step_file(&mut self, node: &Node) -> Option<StepFile> {
        let mut parts = Parts::default();
        for entry in self.map(node, "a step file")? {
            self.step_file_key(&mut parts, entry);
        }
        let start = Span {
            end: node.span.start,
            ..node.span
        };
        let mut needs = |there: bool, message: &str, line: &str| {
            if !there {
                self.missing(start, message, line);
            }
        };
        needs(
            parts.version_said,
            "the file does not say which version of the format it is",
            "step: 1",
        );
        let said = |key: &str| {
            node.entries()
                .is_some_and(|entries| entries.iter().any(|entry| entry.key.text == key))
        };
        needs(said("name"), "the step has no name", "name: my-step");
        needs(
            said("language"),
            "the file does not say what the step is written in",
            "language: rust",
        );
        Some(StepFile {
            name: parts.name?,
            version: parts.version,
            language: parts.language?,
            kind: parts.kind.unwrap_or(StepKind::Function),
            description: parts.description,
            license: parts.license,
            source: parts.source,
            world: parts.world,
            entry: parts.entry,
            engine: parts.engine,
            requests: parts.requests,
        })
    }

    fn step_file_key(&mut self, parts: &mut Parts, Entry { key, value }: &Entry) {
        match &*key.text {
            "step" => {
                parts.version_said = true;
                if value.to_data() != serde_json::json!(1) {
                    let found =
                        Diagnostic::error(codes::VERSION, value.span, "this version of the format is not known");
                    self.found.push(found.help("write `step: 1`, or use a newer engine"));
                }
            }
            "name" => {
                if let Some(name) = self.literal(value, "name") {
                    self.check_name(&name);
                    parts.name = Some(name.text);
                }
            }
            "version" => parts.version = self.placed(value, "version"),
            "language" => parts.language = self.word(value, "language", &Language::ALL),
            "kind" => parts.kind = self.word(value, "kind", &StepKind::ALL),
            "description" => parts.description = self.placed(value, "description").map(|placed| placed.text),
            "license" => parts.license = self.placed(value, "license"),
            "source" => parts.source = self.placed(value, "source"),
            "world" => parts.world = self.placed(value, "world"),
            "entry" => parts.entry = self.step_entry(value),
            "engine" => parts.engine = self.placed(value, "engine"),
            "requests" => parts.requests = self.requests(value),
            _ => self.unknown_key(key, KEYS, "a step file"),
        }
    }

    fn placed(&mut self, node: &Node, what: &str) -> Option<Placed> {
        let name = self.literal(node, what)?;
        if name.text.trim().is_empty() {
            let message = format!("`{what}:` is empty");
            self.found
                .push(Diagnostic::error(codes::BAD_VALUE, name.span, message).help("write it, or leave the key out"));
            return None;
        }
        Some(Placed {
            text: name.text,
            span: name.span,
        })
    }

    /// A path inside the project.
    fn step_entry(&mut self, node: &Node) -> Option<Placed> {
        let placed = self.placed(node, "entry")?;
        match crate::paths::join_host(".", &placed.text) {
            Ok(path) if path != "." => Some(Placed { text: path, ..placed }),
            _ => {
                let message = format!("`{}` is not a file inside the project", placed.text);
                self.found.push(
                    Diagnostic::error(codes::BAD_HOST_PATH, placed.span, message)
                        .help("write a path below the folder of `step.yaml`, for example `src/main.c`"),
                );
                None
            }
        }
    }

    fn requests(&mut self, node: &Node) -> Vec<Request> {
        let items = self.list(node, "requests");
        if items.len() > MAX_REQUESTS {
            let message = format!("`requests:` takes at most {MAX_REQUESTS} items");
            self.found.push(
                Diagnostic::error(codes::TOO_LARGE, node.span, message).help("put grants with one reason together"),
            );
            return Vec::new();
        }
        items.iter().filter_map(|item| self.request(item)).collect()
    }

    fn request(&mut self, node: &Node) -> Option<Request> {
        let (mut grants, mut reason) = (None, None);
        for Entry { key, value } in self.map(node, "a request")? {
            match &*key.text {
                "grants" => grants = Some(self.requested(value)),
                "reason" => reason = self.placed(value, "reason"),
                _ => self.unknown_key(key, REQUEST, "a request"),
            }
        }
        if grants.is_none() {
            self.missing(
                node.span,
                "a request says what it asks for",
                "grants: { http: [ \"https://example.com\" ] }",
            );
        }
        if reason.is_none() && matches!(node.kind, Kind::Map(_)) {
            self.missing(
                node.span,
                "a request says why, for the person who decides",
                "reason: Looks advisories up",
            );
        }
        Some(Request {
            grants: grants??,
            reason: reason?.text,
        })
    }

    /// What is asked for. Files of the one who asks mean nothing to the one who grants.
    fn requested(&mut self, node: &Node) -> Option<Grants> {
        let granted = self.grants(node);
        let files = granted
            .http
            .iter()
            .any(|item| item.ca.is_some() || item.certificate.is_some())
            || granted.net.iter().any(|item| item.ca.is_some());
        if files {
            let message = "a request cannot name certificates: they are files of the project that grants";
            self.found
                .push(Diagnostic::error(codes::BAD_VALUE, node.span, message).help("leave `ca` and certificates out"));
            return None;
        }
        (!granted.faulty).then(|| Grants {
            http: granted.http.into_iter().map(|item| item.grant).collect(),
            net: granted.net.into_iter().map(|item| item.grant).collect(),
            secrets: granted.secrets.into_iter().map(|item| item.grant).collect(),
            clock: granted.clock.is_some(),
            random: granted.random,
        })
    }
}

#[cfg(test)]
mod tests;
