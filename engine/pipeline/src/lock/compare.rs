//! What a pipeline wants beyond a lock, line by line. Not here: what is done about it.

use airtight_model::plan::SecretSource;
use airtight_model::{BlobDigest, Diagnostic, Span};

use super::{Lock, LockedComponent, LockedStep};
use crate::codes;

/// Interfaces whose import means that a component asks for something outside of its mounts.
const POWERS: [&str; 3] = ["wasi:http/", "wasi:sockets/", "airtight:step/secret"];

/// How a change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// More than was accepted.
    Wider,
    /// Not in the lock, and without a power of its own.
    New,
    /// Less than was accepted, or another digest of a component that goes by its imports.
    Harmless,
}

/// A difference between a lock and the pipeline as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How it counts.
    pub kind: ChangeKind,
    /// The difference in one line.
    pub line: String,
    /// Where the pipeline says so.
    pub span: Span,
}

impl Change {
    /// The refusal.
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, what) = match self.kind {
            ChangeKind::Wider => (codes::LOCK_WIDENED, "more than the lock says"),
            ChangeKind::New | ChangeKind::Harmless => (codes::LOCK_MISSING, "not what the lock lists"),
        };
        Diagnostic::error(code, self.span, format!("{what}: {}", self.line))
            .help("accept it with `airtight lock --accept`, or take it back")
    }
}

/// What says which changes are meant: the digest of those lines that widen.
pub fn digest_of(changes: &[Change]) -> BlobDigest {
    let lines = changes.iter().filter(|change| change.kind == ChangeKind::Wider);
    let text: String = lines.map(|change| format!("{}\n", change.line)).collect();
    BlobDigest::of(text.as_bytes())
}

/// The differences between what was accepted and the pipeline as it is now, in a stable order.
pub fn changes(accepted: &Lock, now: &Lock) -> Vec<Change> {
    let mut all = Vec::new();
    for component in &now.components {
        compare_component(accepted.component(&component.uses), component, &mut all);
    }
    for secret in &now.secrets {
        let place = secret.place.0;
        let is = source(&secret.source);
        match accepted.secret(&secret.name) {
            None => add(
                &mut all,
                ChangeKind::Wider,
                place,
                format!("secret {} from {is}", secret.name),
            ),
            Some(before) if before.source != secret.source => {
                let was = source(&before.source);
                let line = format!("secret {} from {is}, was from {was}", secret.name);
                add(&mut all, ChangeKind::Wider, place, line);
            }
            Some(_) => {}
        }
    }
    for step in &now.steps {
        compare_step(accepted.step(&step.name), step, &mut all);
    }
    gone(accepted, now, &mut all);
    all
}

fn add(all: &mut Vec<Change>, kind: ChangeKind, span: Span, line: String) {
    all.push(Change { kind, line, span });
}

fn compare_component(before: Option<&LockedComponent>, now: &LockedComponent, all: &mut Vec<Change>) {
    let (uses, span) = (&now.uses, now.place.0);
    let power = |import: &&String| POWERS.iter().any(|power| import.starts_with(power));
    let Some(before) = before else {
        let powers: Vec<&str> = now.imports.iter().filter(power).map(String::as_str).collect();
        let (kind, line) = match powers.is_empty() {
            true => (ChangeKind::New, format!("component {uses}")),
            false => (
                ChangeKind::Wider,
                format!("component {uses} imports {}", powers.join(", ")),
            ),
        };
        return add(all, kind, span, line);
    };
    if let (Some(was), Some(is)) = (before.manifest, now.manifest)
        && was != is
    {
        // Another manifest of the same component says other things of it, and no more.
        let kind = match before.digest == now.digest {
            true => ChangeKind::Harmless,
            false => ChangeKind::Wider,
        };
        add(
            all,
            kind,
            span,
            format!("component {uses} is {is}, was {was}: its tag was moved"),
        );
    } else if before.digest != now.digest {
        let kind = if before.pinned {
            ChangeKind::Wider
        } else {
            ChangeKind::Harmless
        };
        let line = format!("component {uses} is {}, was {}", now.digest, before.digest);
        add(all, kind, span, line);
    }
    if before.pinned && !now.pinned {
        add(
            all,
            ChangeKind::Wider,
            span,
            format!("component {uses} is no longer pinned"),
        );
    }
    for import in now.imports.iter().filter(|import| !before.imports.contains(import)) {
        add(
            all,
            ChangeKind::Wider,
            span,
            format!("component {uses} imports {import}"),
        );
    }
    for import in before.imports.iter().filter(|import| !now.imports.contains(import)) {
        let line = format!("component {uses} no longer imports {import}");
        add(all, ChangeKind::Harmless, span, line);
    }
}

fn compare_step(before: Option<&LockedStep>, now: &LockedStep, all: &mut Vec<Change>) {
    let (name, span) = (&now.name, now.place.0);
    // What was granted to one component was not granted to another.
    let same = before.filter(|before| before.uses == now.uses);
    if let (Some(before), None) = (before, same) {
        let line = format!("step {name} runs {}, was {}", now.uses, before.uses);
        add(all, ChangeKind::Wider, span, line);
    }
    let nothing = airtight_model::Grants::default();
    let accepted = same.map_or(&nothing, |before| &before.grants);
    for widening in accepted.widenings(&now.grants) {
        add(all, ChangeKind::Wider, span, format!("step {name} {widening}"));
    }
    for narrowing in now.grants.widenings(accepted) {
        add(
            all,
            ChangeKind::Harmless,
            span,
            format!("step {name} no longer {narrowing}"),
        );
    }
}

/// What the lock has and the pipeline has not.
fn gone(accepted: &Lock, now: &Lock, all: &mut Vec<Change>) {
    let mut lines = Vec::new();
    let components = accepted
        .components
        .iter()
        .filter(|one| now.component(&one.uses).is_none());
    lines.extend(components.map(|one| format!("no component {}", one.uses)));
    let secrets = accepted.secrets.iter().filter(|one| now.secret(&one.name).is_none());
    lines.extend(secrets.map(|one| format!("no secret {}", one.name)));
    let steps = accepted.steps.iter().filter(|one| now.step(&one.name).is_none());
    lines.extend(steps.map(|one| format!("no grants of step {}", one.name)));
    for line in lines {
        add(all, ChangeKind::Harmless, Span::default(), line);
    }
}

/// A source in one line.
fn source(source: &SecretSource) -> String {
    let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
    match source {
        SecretSource::Env(name) => format!("env {}", quoted(name)),
        SecretSource::File(path) => format!("file {}", quoted(path)),
        SecretSource::Command(words) => {
            let words: Vec<String> = words.iter().map(quoted).collect();
            format!("command [{}]", words.join(", "))
        }
    }
}
