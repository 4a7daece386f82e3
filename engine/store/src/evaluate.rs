//! Evaluating a read set: would a step that saw this see the same today? Not here: recording (the sandbox), and which
//! read sets are looked at (`cache`).

use std::sync::Arc;

use airtight_model::{Fact, Mount, Node, Observation, ReadSet, Tree};

use crate::error::StoreError;
use crate::store::Store;

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every observation is the same: running again would give the same result.
    Same,
    /// The first observation that is not.
    Differs(Difference),
}

/// An observation that would be another one today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its position in the read set.
    pub index: usize,
    /// What was observed.
    pub observation: Observation,
    /// What is there now, for people.
    pub found: String,
    /// Whether anything is there now.
    pub exists: bool,
}

/// Evaluates a read set against `mounts`, in recorded order, up to the first difference.
///
/// # Errors
/// A tree that is mounted is lost or cannot be read.
pub fn evaluate(reads: &ReadSet, mounts: &[Mount], store: &Store) -> Result<Verdict, StoreError> {
    evaluate_except(reads, mounts, &[], store)
}

/// As [`evaluate`], skipping the mounts at positions that `unchanged` marks.
pub(crate) fn evaluate_except(
    reads: &ReadSet,
    mounts: &[Mount],
    unchanged: &[bool],
    store: &Store,
) -> Result<Verdict, StoreError> {
    let mut finder = Finder {
        mounts,
        store,
        last: None,
    };
    for (index, observation) in reads.observations.iter().enumerate() {
        if unchanged.get(observation.mount as usize) == Some(&true) {
            continue;
        }
        let place = finder.find(observation.mount, &observation.path)?;
        if !holds(&observation.fact, &place, store)? {
            let (found, exists) = (place.describe(&observation.fact), matches!(place, Place::There(_)));
            return Ok(Verdict::Differs(Difference {
                index,
                observation: observation.clone(),
                found,
                exists,
            }));
        }
    }
    Ok(Verdict::Same)
}

/// What is at a canonical path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    There(Node),
    /// Nothing, and its parent is a directory.
    Absent,
    /// Nothing, and no directory that could hold it.
    NoParent,
}

impl Place {
    fn describe(&self, expected: &Fact) -> String {
        match (self, expected) {
            (Self::Absent, _) => "nothing".to_owned(),
            (Self::NoParent, _) => "no folder that could hold it".to_owned(),
            (Self::There(Node::Symlink(target)), Fact::Target(_)) => format!("a symbolic link to `{target}`"),
            (Self::There(Node::File { size, .. }), Fact::Size(_)) => format!("a file of {size} bytes"),
            (Self::There(Node::File { blob, .. }), Fact::Content(_)) => format!("a file with content {}", blob.short()),
            (Self::There(Node::Directory(_)), Fact::Listing(_)) => "a folder with other names in it".to_owned(),
            (Self::There(node), Fact::Whole(_)) => node.describe(),
            (Self::There(node), _) => format!("a {}", node.kind().word()),
        }
    }
}

fn holds(fact: &Fact, place: &Place, store: &Store) -> Result<bool, StoreError> {
    Ok(match (fact, place) {
        (Fact::Absent, place) => *place == Place::Absent,
        (_, Place::Absent | Place::NoParent) => false,
        (Fact::Kind(kind), Place::There(node)) => node.kind() == *kind,
        (Fact::Target(target), Place::There(node)) => matches!(node, Node::Symlink(found) if found == target),
        (Fact::Size(size), Place::There(node)) => matches!(node, Node::File { size: found, .. } if found == size),
        (Fact::Content(blob), Place::There(node)) => matches!(node, Node::File { blob: found, .. } if found == blob),
        (Fact::Listing(listing), Place::There(Node::Directory(tree))) => store.tree(tree)?.listing() == *listing,
        (Fact::Listing(_), Place::There(_)) => false,
        (Fact::Whole(expected), Place::There(node)) => node == expected,
    })
}

/// Finds nodes by canonical path. Observations of one folder come one after the other: the last one is remembered.
struct Finder<'a> {
    mounts: &'a [Mount],
    store: &'a Store,
    last: Option<(u32, String, Arc<Tree>)>,
}

impl Finder<'_> {
    fn find(&mut self, mount: u32, path: &str) -> Result<Place, StoreError> {
        let Some(root) = self.mounts.get(mount as usize) else {
            return Ok(Place::NoParent);
        };
        if path.is_empty() {
            return Ok(Place::There(root.node.clone()));
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some((known_mount, known, tree)) = &self.last
            && *known_mount == mount
            && known == parent
        {
            return Ok(tree.get(name).cloned().map_or(Place::Absent, Place::There));
        }
        let mut node = root.node.clone();
        for part in parent.split('/').filter(|part| !part.is_empty()) {
            let Node::Directory(tree) = &node else {
                return Ok(Place::NoParent);
            };
            match self.store.tree(tree)?.get(part) {
                Some(child) => node = child.clone(),
                None => return Ok(Place::NoParent),
            }
        }
        let Node::Directory(tree) = &node else {
            return Ok(Place::NoParent);
        };
        let tree = self.store.tree(tree)?;
        let place = tree.get(name).cloned().map_or(Place::Absent, Place::There);
        self.last = Some((mount, parent.to_owned(), tree));
        Ok(place)
    }
}
