//! `airtight.lock`: what the author of a pipeline has accepted that it runs and may do. Text to [`Lock`] and back, and
//! what a pipeline wants beyond it. Pure. Not here: where the file is, and who accepts.
//!
//! The lock is the author's word. What nobody may go beyond is [`crate::policy`].

mod compare;
mod read;
mod write;

use airtight_model::component::{ComponentSummary, ResolvedComponent};
use airtight_model::grant::Grants;
use airtight_model::plan::SecretSource;
use airtight_model::{BlobDigest, Diagnostic, OciRef, Sha256Digest, Span};

use crate::ast::Step;
use crate::check::{Checked, CheckedStep, Uses};
use crate::paths;

pub use compare::{Change, ChangeKind, changes, digest_of};

/// The name of the file, beside the pipeline file.
pub const FILE_NAME: &str = "airtight.lock";

/// What a pipeline runs and may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// The components that are not Airtight's own, ascending by name.
    pub components: Vec<LockedComponent>,
    /// The declared secrets, ascending by name.
    pub secrets: Vec<LockedSecret>,
    /// The steps that are granted something, ascending by name.
    pub steps: Vec<LockedStep>,
}

/// A component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedComponent {
    /// Its name: `./` and its path in the pipeline's folder, or `oci://…`.
    pub uses: String,
    /// The digest of the manifest that the name led to, where it is one of a registry.
    pub manifest: Option<Sha256Digest>,
    /// The digest of its binary when the lock was written.
    pub digest: BlobDigest,
    /// Whether another digest is refused. Without it a component goes by what it imports: it is part of the project.
    pub pinned: bool,
    /// The interfaces that it imports, without patch versions, ascending, each once.
    pub imports: Vec<String>,
    /// Where the pipeline uses it first.
    pub place: Place,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedSecret {
    /// Its name.
    pub name: String,
    /// Where its value comes from. A command runs on the host, so it is accepted as grants are.
    pub source: SecretSource,
    /// Where the pipeline declares it.
    pub place: Place,
}

/// A step that is granted something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedStep {
    /// Its name in the file.
    pub name: String,
    /// What it runs: the name of a component, `std/NAME`, or an output of another step.
    pub uses: String,
    /// What it is granted.
    pub grants: Grants,
    /// Where the pipeline has it.
    pub place: Place,
}

/// A place in the pipeline's files; a lock that was read has none. It is no part of what is compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place(pub Span);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Place {}

impl Lock {
    /// Reads a lock; the spans of what is wrong are of the file `file`.
    ///
    /// # Errors
    /// Everything that is wrong in it, all at once.
    pub fn parse(text: &str, file: u32) -> Result<Self, Vec<Diagnostic>> {
        read::read(text).map_err(|mut found| {
            let labels = found.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels);
            labels.for_each(|label| label.span.file = file);
            found
        })
    }

    /// The text of the lock: the same for the same lock.
    pub fn to_text(&self) -> String {
        write::write(self)
    }

    /// What a pipeline runs and may do as it is now. What `pinned` of an earlier lock says is kept.
    pub fn of(checked: &Checked, earlier: Option<&Self>) -> Self {
        let mut lock = Self::default();
        for step in &checked.steps {
            let uses = uses(checked, step);
            if let Uses::Component(component, _) = &step.uses
                && !uses.starts_with("std/")
                && !lock.components.iter().any(|known| known.uses == uses)
            {
                let before = earlier.and_then(|lock| lock.component(&uses));
                lock.components.push(LockedComponent {
                    uses: uses.clone(),
                    manifest: component.manifest,
                    digest: component.digest,
                    // What a registry serves under a name is a stranger's to change.
                    pinned: component.manifest.is_some() || before.is_some_and(|before| before.pinned),
                    imports: imports_of(&component.summary),
                    place: Place(place_of(&step.decl)),
                });
            }
            if !step.grants.is_empty() {
                lock.steps.push(LockedStep {
                    name: step.decl.name.text.clone(),
                    uses,
                    grants: step.grants.clone(),
                    place: Place(step.decl.name.span),
                });
            }
        }
        for secret in &checked.secrets {
            lock.secrets.push(LockedSecret {
                name: secret.name.clone(),
                source: secret.source.clone(),
                place: Place(secret.span),
            });
        }
        lock.sort();
        lock
    }

    /// Puts a component in, or another binary in its place.
    pub fn put(&mut self, uses: &str, component: &ResolvedComponent, pinned: bool) {
        let earlier = self.component(uses).is_some_and(|known| known.pinned);
        self.components.retain(|known| known.uses != uses);
        self.components.push(LockedComponent {
            uses: uses.to_owned(),
            manifest: component.manifest,
            digest: component.digest,
            pinned: pinned || earlier || component.manifest.is_some(),
            imports: imports_of(&component.summary),
            place: Place::default(),
        });
        self.sort();
    }

    fn sort(&mut self) {
        self.components.sort_by(|a, b| a.uses.cmp(&b.uses));
        self.secrets.sort_by(|a, b| a.name.cmp(&b.name));
        self.steps.sort_by(|a, b| a.name.cmp(&b.name));
    }

    /// The component with that name.
    pub fn component(&self, uses: &str) -> Option<&LockedComponent> {
        self.components.iter().find(|component| component.uses == uses)
    }

    /// The step with that name.
    pub fn step(&self, name: &str) -> Option<&LockedStep> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// The secret with that name.
    pub fn secret(&self, name: &str) -> Option<&LockedSecret> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}

impl Checked {
    /// The names, as a lock has them, of what the named steps run.
    pub fn uses_of<'a>(&'a self, steps: &'a [String]) -> impl Iterator<Item = String> + 'a {
        let named = |step: &&CheckedStep| steps.contains(&step.decl.name.text);
        self.steps.iter().filter(named).map(|step| uses(self, step))
    }
}

/// The name of what a step runs, the same from every file of the pipeline.
pub(crate) fn uses(checked: &Checked, step: &CheckedStep) -> String {
    let text = step.decl.uses.as_ref().map_or("", |name| &name.text);
    match &step.uses {
        Uses::Component(..) if !text.starts_with("std/") && !OciRef::is_meant(text) => {
            let base = paths::folder_of(&checked.scopes[step.file].path);
            format!("./{}", paths::join_host(base, text).unwrap_or_else(|_| text.to_owned()))
        }
        _ => text.to_owned(),
    }
}

fn place_of(step: &Step) -> Span {
    step.uses.as_ref().map_or(step.name.span, |name| name.span)
}

/// The interfaces that a component imports, without patch versions: `wasi:io/poll@0.2`.
fn imports_of(summary: &ComponentSummary) -> Vec<String> {
    let mut imports: Vec<String> = summary.imports.iter().map(|import| without_patch(import)).collect();
    imports.sort_unstable();
    imports.dedup();
    imports
}

fn without_patch(import: &str) -> String {
    let Some((name, version)) = import.rsplit_once('@') else {
        return import.to_owned();
    };
    let numbers: Vec<&str> = version.splitn(3, '.').collect();
    match numbers.as_slice() {
        // What comes after a `-` is not a release: it has no compatible neighbours.
        [major, minor, patch] if !patch.contains('-') => format!("{name}@{major}.{minor}"),
        _ => import.to_owned(),
    }
}

#[cfg(test)]
mod tests;
