//! Finding nodes by name and path: loading what was mounted, one directory at a time, and recording what was looked at.
//! Not here: what is done with what is found.

use std::collections::BTreeMap;
use std::sync::Arc;

use airtight_model::{Fact, Node, NodeKind, Tree};
use airtight_store::walk::{self, Arrival, LastLink, Nodes};

use super::mounts::{Pin, Pins, input_inode};
use super::node::{Body, Entry, NodeId, Origin, Seen};
use super::{Code, StruckLimit, Vfs};

/// How many entries of listings of changed folders the guest may hold open at a time.
const MAX_LISTED: u64 = 4 << 20;

/// An open listing: sorted, and as the directory was when it was opened.
#[derive(Debug)]
pub struct Listing {
    entries: Entries,
    next: usize,
    charged: u64,
}

#[derive(Debug)]
enum Entries {
    Mounted(Arc<Tree>),
    Changed(Vec<(Box<str>, NodeKind)>),
}

impl Iterator for Listing {
    type Item = (String, NodeKind);

    /// The next name and kind.
    fn next(&mut self) -> Option<(String, NodeKind)> {
        let entry = match &self.entries {
            Entries::Mounted(tree) => tree
                .entries()
                .get(self.next)
                .map(|entry| (entry.name.clone(), entry.node.kind())),
            Entries::Changed(entries) => entries.get(self.next).map(|(name, kind)| (name.to_string(), *kind)),
        };
        self.next += 1;
        entry
    }
}

impl Nodes for Vfs {
    type Id = NodeId;
    type Error = Code;

    fn kind(&mut self, id: &NodeId) -> Result<NodeKind, Code> {
        Ok(self.nodes[*id].kind())
    }

    fn child(&mut self, directory: &NodeId, name: &str) -> Result<Option<NodeId>, Code> {
        self.look_up(*directory, name)
    }

    fn target(&mut self, link: &NodeId) -> Result<String, Code> {
        self.observe_target(*link);
        match &self.nodes[*link].body {
            Body::Symlink(target) => Ok(target.to_string()),
            Body::File(_) | Body::Directory(_) => Err(Code::Invalid),
        }
    }
}

impl Vfs {
    /// Walks from a directory.
    pub(super) fn walk(&mut self, from: NodeId, path: &str, last: LastLink) -> Result<Arrival<NodeId>, Code> {
        if self.nodes[from].kind() != NodeKind::Directory {
            return Err(Code::NotDirectory);
        }
        Ok(walk::resolve(self, &from, path, last)??)
    }

    /// Walks to something that has to be there.
    pub(super) fn find(&mut self, from: NodeId, path: &str, last: LastLink) -> Result<NodeId, Code> {
        let arrival = self.walk(from, path, last)?;
        let id = arrival.node.ok_or(Code::NoEntry)?;
        if arrival.must_be_directory && self.nodes[id].kind() != NodeKind::Directory {
            return Err(Code::NotDirectory);
        }
        Ok(id)
    }

    /// What a name in a directory stands for.
    pub(super) fn look_up(&mut self, id: NodeId, name: &str) -> Result<Option<NodeId>, Code> {
        let directory = self.nodes.directory(id);
        if directory.removed {
            return Ok(None);
        }
        if let Some(entry) = directory.entries.get(name) {
            return Ok(entry.node());
        }
        let way = match directory.pins.as_ref().and_then(|pins| pins.get(name)) {
            Some(Pin::Way(pins)) => Some(pins.clone()),
            Some(Pin::Root(_)) | None => None,
        };
        match way {
            Some(pins) => self.load_way(id, name, pins).map(Some),
            None => self.load(id, name),
        }
    }

    /// Loads a child as it was mounted.
    fn load(&mut self, id: NodeId, name: &str) -> Result<Option<NodeId>, Code> {
        let Some(tree) = self.tree(id)? else { return Ok(None) };
        let Some(node) = tree.get(name) else {
            self.observe_absent(id, name);
            return Ok(None);
        };
        let child = self.adopt(id, name, node);
        self.nodes
            .directory_mut(id)
            .entries
            .insert(name.into(), Entry::Loaded(child));
        Ok(Some(child))
    }

    /// Makes a node of what a tree says, and records its kind.
    fn adopt(&mut self, id: NodeId, name: &str, node: &Node) -> NodeId {
        let inode = &self.nodes[id];
        let origin = inode.origin.as_ref().expect("what has a tree has an origin");
        let origin = Origin {
            mount: origin.mount,
            path: origin.join(name).into(),
            node: node.clone(),
        };
        // Where the listing was seen, it says the kind already.
        let seen = if inode.seen >= Seen::Detail {
            Seen::Kind
        } else {
            Seen::Nothing
        };
        let child = self.nodes.insert(input_inode(inode.region, origin, Some(id), seen));
        self.observe_kind(child);
        child
    }

    /// A folder on the way to a mount: what was mounted there if it is a folder, else a synthetic one that covers it.
    fn load_way(&mut self, id: NodeId, name: &str, pins: Arc<Pins>) -> Result<NodeId, Code> {
        let tree = self.tree(id)?;
        let mounted = tree.as_ref().and_then(|tree| tree.get(name));
        let child = match mounted {
            Some(node @ Node::Directory(_)) => self.adopt(id, name, node),
            other => {
                if tree.is_some() {
                    self.observe_covered(id, name, other.map_or(Fact::Absent, |node| Fact::Kind(node.kind())));
                }
                let path = match &self.nodes[id].identity {
                    super::node::Identity::Synthetic(_, path) => format!("{path}/{name}"),
                    _ => self.nodes[id]
                        .origin
                        .as_ref()
                        .map_or(name.to_owned(), |origin| origin.join(name)),
                };
                let region = self.nodes[id].region;
                let child = self.synthetic(region, &path);
                self.nodes.directory_mut(child).parent = Some(id);
                child
            }
        };
        self.pin(child, pins);
        self.nodes
            .directory_mut(id)
            .entries
            .insert(name.into(), Entry::Pinned(child));
        Ok(child)
    }

    /// What was mounted as this directory; none if it is not of an input.
    pub(super) fn tree(&mut self, id: NodeId) -> Result<Option<Arc<Tree>>, Code> {
        let directory = self.nodes.directory(id);
        if directory.tree.is_none()
            && let Some(base) = directory.base
        {
            let result = self.store.tree(&base);
            let tree = self.trust(result)?;
            self.nodes.directory_mut(id).tree = Some(tree);
        }
        Ok(self.nodes.directory(id).tree.clone())
    }

    /// Opens a listing, which counts as a handle until [`Vfs::close_listing`].
    ///
    /// # Errors
    /// The node is not a directory; a limit was struck; [`Code::Io`] when the host failed.
    pub fn list(&mut self, id: NodeId) -> Result<Listing, Code> {
        if self.nodes[id].kind() != NodeKind::Directory {
            return Err(Code::NotDirectory);
        }
        self.take_handle()?;
        let result = self.snapshot(id);
        if result.is_err() {
            self.handles -= 1;
        }
        result
    }

    fn snapshot(&mut self, id: NodeId) -> Result<Listing, Code> {
        if self.nodes.directory(id).removed {
            return Ok(Listing {
                entries: Entries::Changed(Vec::new()),
                next: 0,
                charged: 0,
            });
        }
        let tree = self.tree(id)?;
        self.observe_listing(id);
        let directory = self.nodes.directory(id);
        if let Some(tree) = &tree
            && !directory.changed
            && directory.pins.is_none()
        {
            return Ok(Listing {
                entries: Entries::Mounted(tree.clone()),
                next: 0,
                charged: 0,
            });
        }
        let entries = self.merged(id, tree.as_deref());
        let charged = entries.len() as u64;
        self.listed += charged;
        if self.listed > MAX_LISTED {
            self.listed -= charged;
            return Err(self.strike(StruckLimit::Listings(MAX_LISTED), Code::InsufficientMemory));
        }
        Ok(Listing {
            entries: Entries::Changed(entries),
            next: 0,
            charged,
        })
    }

    /// Names and kinds as the guest sees them.
    fn merged(&self, id: NodeId, tree: Option<&Tree>) -> Vec<(Box<str>, NodeKind)> {
        let directory = self.nodes.directory(id);
        let mut names: BTreeMap<&str, NodeKind> = BTreeMap::new();
        if let Some(tree) = tree {
            names.extend(
                tree.entries()
                    .iter()
                    .map(|entry| (entry.name.as_str(), entry.node.kind())),
            );
        }
        for name in directory.pins.iter().flat_map(|pins| pins.keys()) {
            names.insert(name, NodeKind::Directory);
        }
        for (name, entry) in &directory.entries {
            match entry.node() {
                Some(child) => names.insert(name, self.nodes[child].kind()),
                None => names.remove(&**name),
            };
        }
        names.into_iter().map(|(name, kind)| (name.into(), kind)).collect()
    }

    /// Ends a listing.
    pub fn close_listing(&mut self, listing: &Listing) {
        self.listed -= listing.charged;
        self.handles -= 1;
    }

    /// Whether a directory has no names, observing no more than that depends on.
    pub(super) fn is_empty(&mut self, id: NodeId) -> Result<bool, Code> {
        let directory = self.nodes.directory(id);
        if directory.pins.is_some() || directory.entries.values().any(|entry| matches!(entry, Entry::Made(_))) {
            return Ok(false);
        }
        let Some(tree) = self.tree(id)? else { return Ok(true) };
        self.observe_listing(id);
        let directory = self.nodes.directory(id);
        let gone = |name: &str| matches!(directory.entries.get(name), Some(Entry::Gone));
        Ok(tree.entries().iter().all(|entry| gone(&entry.name)))
    }
}
