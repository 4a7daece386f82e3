//! What the lock files name, merged: a package that several of them name is one component. It knows no file format.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::Digest;

/// The property that names a lock file that a component came from.
const LOCK_FILE: &str = "airtight:lock-file";

/// One component.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Component {
    /// What identifies it in the document: its package URL, or a name of its own.
    pub(crate) reference: String,
    /// The namespace, for example an npm scope.
    pub(crate) group: Option<String>,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) purl: Option<String>,
    pub(crate) digests: BTreeSet<Digest>,
    pub(crate) licences: BTreeSet<String>,
    /// Whether what is described works without it.
    pub(crate) optional: bool,
    /// Pairs of name and value; a name may be there several times.
    pub(crate) properties: BTreeSet<(String, String)>,
    /// The references of what it depends on; none when no lock file says.
    pub(crate) depends_on: Option<BTreeSet<String>>,
}

impl Component {
    /// A component with a package URL, named by the lock file `file`.
    pub(crate) fn package(purl: String, name: &str, version: Option<&str>, file: &str) -> Self {
        let properties = BTreeSet::from([(LOCK_FILE.to_owned(), file.to_owned())]);
        let (name, version) = (name.to_owned(), version.map(str::to_owned));
        Self {
            reference: purl.clone(),
            purl: Some(purl),
            name,
            version,
            properties,
            ..Self::default()
        }
    }

    /// A package of the source tree itself, which the lock file `file` names.
    pub(crate) fn local(name: &str, version: Option<&str>, file: &str) -> Self {
        let shown = version.map(|version| format!("@{version}")).unwrap_or_default();
        let mut component = Self::package(format!("{file}#{name}{shown}"), name, version, file);
        component.purl = None;
        component
    }

    pub(crate) fn property(&mut self, name: &str, value: &str) {
        self.properties.insert((name.to_owned(), value.to_owned()));
    }
}

/// Something that the person should know, at a line of a lock file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// The lock file's path.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is the matter.
    pub message: String,
}

/// All components, by reference.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    pub(crate) components: BTreeMap<String, Component>,
    /// The references of the source tree's own packages.
    pub(crate) roots: BTreeSet<String>,
    pub(crate) warnings: BTreeSet<Warning>,
}

impl Inventory {
    /// Adds a component, or what it says beyond one that is there.
    pub(crate) fn add(&mut self, new: Component) {
        let Some(old) = self.components.get_mut(&new.reference) else {
            self.components.insert(new.reference.clone(), new);
            return;
        };
        old.digests.extend(new.digests);
        old.licences.extend(new.licences);
        old.properties.extend(new.properties);
        old.optional &= new.optional;
        old.depends_on = match (old.depends_on.take(), new.depends_on) {
            (Some(mut left), Some(right)) => {
                left.extend(right);
                Some(left)
            }
            (left, right) => left.or(right),
        };
    }

    /// Adds a package of the source tree itself.
    pub(crate) fn add_root(&mut self, component: Component) {
        self.roots.insert(component.reference.clone());
        self.add(component);
    }

    pub(crate) fn warn(&mut self, file: &str, line: usize, message: impl Into<String>) {
        self.warnings.insert(Warning {
            file: file.to_owned(),
            line,
            message: message.into(),
        });
    }
}
