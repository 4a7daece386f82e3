//! Outputs: what stands at a path when the guest is done, as blobs and trees. Not here: which outputs a step declares,
//! and any folder of the host: only what the guest touched is walked, in memory.
//!
//! What survives of an input is observed: a directory with nothing changed below it as one whole; in one that was
//! changed, its names, and each child that survives.

use std::collections::{BTreeMap, HashMap, HashSet};

use airtight_model::{Node, NodeKind, OutputSpec, Tree, TreeEntry};
use airtight_store::StoreError;
use airtight_store::walk::LastLink;

use super::node::{Body, Entry, NodeId};
use super::ops::MAX_DEPTH;
use super::{Code, Vfs};

/// How many paths an error about a missing output names.
const MAX_NEAREST: usize = 5;

/// Why outputs could not be collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The step did not make it.
    #[error("the step did not make its output `{name}`: nothing is at `{path}`")]
    Missing {
        /// The output's name.
        name: String,
        /// Its path.
        path: String,
        /// Paths that do exist, the nearest first.
        nearest: Vec<String>,
    },
    /// Its path does not lead to anything that can be an output.
    #[error("the output `{name}` cannot be taken from `{path}`: {reason}")]
    Unreachable {
        /// The output's name.
        name: String,
        /// Its path.
        path: String,
        /// Why not.
        reason: &'static str,
    },
    /// The host failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is kept from one output to the next.
#[derive(Default)]
struct Collected {
    /// Directories that are no longer what was mounted, as they were put to the store.
    changed: HashMap<NodeId, Node>,
    /// Directories that are what was mounted.
    clean: HashSet<NodeId>,
}

impl Vfs {
    /// Puts the outputs to the store, in the order given. A symbolic link at an output's path is followed, inside the
    /// file system; those in a folder are kept as they are.
    ///
    /// # Errors
    /// An output is not there or cannot be one; the store failed.
    pub fn collect(&mut self, outputs: &[OutputSpec]) -> Result<Vec<(String, Node)>, CollectError> {
        let mut collected = Collected::default();
        let mut nodes = Vec::with_capacity(outputs.len());
        for output in outputs {
            let id = self.find_output(output)?;
            let node = self.collect_node(id, output, &mut collected)?;
            nodes.push((output.name.clone(), node));
        }
        Ok(nodes)
    }

    fn find_output(&mut self, output: &OutputSpec) -> Result<NodeId, CollectError> {
        let relative = output.path.trim_start_matches('/');
        let relative = if relative.is_empty() { "." } else { relative };
        let (name, path) = (output.name.clone(), output.path.clone());
        let reason = match self.find(self.root, relative, LastLink::Follow) {
            Ok(id) => return Ok(id),
            Err(Code::NoEntry) => {
                return Err(CollectError::Missing {
                    nearest: self.nearest(relative),
                    name,
                    path,
                });
            }
            Err(Code::Io) => match self.take_host_error() {
                Some(error) => return Err(CollectError::Store(error)),
                None => "the store failed before",
            },
            Err(Code::NotDirectory) => "a file is in the way",
            Err(Code::Loop) => "its symbolic links go in circles",
            Err(Code::NotPermitted) => "a symbolic link in it leads out of the step's folders",
            Err(_) => "it is not a path",
        };
        Err(CollectError::Unreachable { name, path, reason })
    }

    /// The paths that exist nearest to one that does not: in the deepest folder of it that is there, the names most
    /// like the one that is missing.
    fn nearest(&mut self, relative: &str) -> Vec<String> {
        let mut folder = self.root;
        let mut prefix = String::new();
        for part in relative.split('/') {
            let next = self.look_up(folder, part).ok().flatten();
            if let Some(next) = next.filter(|next| self.nodes[*next].kind() == NodeKind::Directory) {
                folder = next;
                prefix = format!("{prefix}/{part}");
                continue;
            }
            let Ok(listing) = self.list(folder) else {
                return Vec::new();
            };
            let shared = |name: &str| name.chars().zip(part.chars()).take_while(|(a, b)| a == b).count();
            let mut names: Vec<String> = listing.map(|(name, _)| name).collect();
            names.sort_by_key(|name| std::cmp::Reverse(shared(name)));
            let mut paths: Vec<String> = names
                .iter()
                .take(MAX_NEAREST)
                .map(|name| format!("{prefix}/{name}"))
                .collect();
            if paths.is_empty() {
                paths.push(if prefix.is_empty() { "/".to_owned() } else { prefix });
            }
            return paths;
        }
        Vec::new()
    }

    fn collect_node(&mut self, id: NodeId, output: &OutputSpec, done: &mut Collected) -> Result<Node, CollectError> {
        if self.nodes[id].kind() != NodeKind::Directory {
            self.observe_survivor(id);
            return Ok(self.leaf(id)?);
        }
        let order = self.loaded_below(id, output)?;
        self.find_clean(&order, done);
        for (id, parent) in &order {
            self.observe_directory(*id, *parent, done)?;
        }
        // What is inside comes after what it is in.
        for (id, _) in order.iter().rev() {
            if !done.clean.contains(id) && !done.changed.contains_key(id) {
                let node = self.build(*id, done)?;
                done.changed.insert(*id, node);
            }
        }
        Ok(self.directory_node(id, done))
    }

    /// The directories that were looked up at or below one, each after the one that it is in.
    fn loaded_below(&mut self, id: NodeId, output: &OutputSpec) -> Result<Vec<(NodeId, Option<NodeId>)>, CollectError> {
        let mut order = Vec::new();
        let mut next = vec![(id, None, 0)];
        while let Some((id, parent, depth)) = next.pop() {
            if depth > MAX_DEPTH {
                let (name, path) = (output.name.clone(), output.path.clone());
                return Err(CollectError::Unreachable {
                    name,
                    path,
                    reason: "too many folders are inside one another",
                });
            }
            order.push((id, parent));
            self.load_pins(id)?;
            for entry in self.nodes.directory(id).entries.values() {
                if let Some(child) = entry.node()
                    && self.nodes[child].kind() == NodeKind::Directory
                {
                    next.push((child, Some(id), depth + 1));
                }
            }
        }
        Ok(order)
    }

    /// Looks up the names that lead to mounts: they are part of what the guest sees.
    fn load_pins(&mut self, id: NodeId) -> Result<(), CollectError> {
        let Some(pins) = self.nodes.directory(id).pins.clone() else {
            return Ok(());
        };
        for name in pins.keys() {
            let result = self.look_up(id, name);
            self.settled(result)?;
        }
        Ok(())
    }

    /// Turns a failure of the host back into what it was.
    fn settled<T>(&mut self, result: Result<T, Code>) -> Result<T, CollectError> {
        result.map_err(|_| {
            let error = self.take_host_error();
            CollectError::Store(error.expect("only the host fails when a name is looked up in a directory"))
        })
    }

    /// Finds the directories that are what was mounted, with all that is below them.
    fn find_clean(&self, order: &[(NodeId, Option<NodeId>)], done: &mut Collected) {
        for (id, _) in order.iter().rev() {
            let directory = self.nodes.directory(*id);
            let entries = directory.entries.values().filter_map(|entry| entry.node());
            let clean = directory.base.is_some()
                && !directory.changed
                && directory.pins.is_none()
                && entries.into_iter().all(|child| match &self.nodes[child].body {
                    Body::File(file) => !file.touched,
                    Body::Directory(_) => done.clean.contains(&child),
                    Body::Symlink(_) => true,
                });
            if clean {
                done.clean.insert(*id);
            }
        }
    }

    /// Observes what of a directory's inputs is in the output.
    fn observe_directory(&mut self, id: NodeId, parent: Option<NodeId>, done: &Collected) -> Result<(), CollectError> {
        if done.clean.contains(&id) {
            if parent.is_none_or(|parent| !done.clean.contains(&parent)) {
                self.observe_whole(id);
            }
            return Ok(());
        }
        let result = self.tree(id);
        if let Some(tree) = self.settled(result)?
            && !std::mem::replace(&mut self.nodes.directory_mut(id).survives, true)
        {
            self.observe_listing(id);
            for entry in tree.entries() {
                if !self.nodes.directory(id).entries.contains_key(entry.name.as_str()) {
                    self.observe_unloaded(id, &entry.name, &entry.node);
                }
            }
        }
        let children: Vec<NodeId> = self
            .nodes
            .directory(id)
            .entries
            .values()
            .filter_map(|entry| entry.node())
            .collect();
        for child in children {
            if self.nodes[child].kind() != NodeKind::Directory {
                self.observe_survivor(child);
            }
        }
        Ok(())
    }

    /// Observes what of an input's file or link is in the output.
    fn observe_survivor(&mut self, id: NodeId) {
        match &self.nodes[id].body {
            Body::File(file) if file.derived.executable => self.observe_whole(id),
            Body::File(_) => self.observe_content(id),
            Body::Symlink(_) | Body::Directory(_) => self.observe_whole(id),
        }
    }

    /// A file or link by value.
    fn leaf(&mut self, id: NodeId) -> Result<Node, StoreError> {
        match &self.nodes[id].body {
            Body::Symlink(target) => Ok(Node::Symlink(target.to_string())),
            Body::File(file) => {
                let executable = file.executable;
                let (blob, size) = self.store_content(id)?;
                Ok(Node::File { blob, size, executable })
            }
            Body::Directory(_) => panic!("the caller checked that node {id:?} is no directory"),
        }
    }

    /// A directory that was changed, whose changed subdirectories were built before.
    fn build(&mut self, id: NodeId, done: &Collected) -> Result<Node, CollectError> {
        let result = self.tree(id);
        let tree = self.settled(result)?;
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        for entry in tree.iter().flat_map(|tree| tree.entries()) {
            nodes.insert(entry.name.clone(), entry.node.clone());
        }
        let entries: Vec<(String, Entry)> = self
            .nodes
            .directory(id)
            .entries
            .iter()
            .map(|(name, entry)| (name.to_string(), *entry))
            .collect();
        for (name, entry) in entries {
            match entry.node() {
                None => nodes.remove(&name),
                Some(child) if self.nodes[child].kind() == NodeKind::Directory => {
                    nodes.insert(name, self.directory_node(child, done))
                }
                Some(child) => nodes.insert(name, self.leaf(child)?),
            };
        }
        let entries = nodes.into_iter().map(|(name, node)| TreeEntry { name, node }).collect();
        let tree = Tree::new(entries).expect("names and targets were checked when they were made");
        Ok(Node::Directory(self.store.put_tree(&tree)?))
    }

    fn directory_node(&self, id: NodeId, done: &Collected) -> Node {
        match (done.changed.get(&id), self.nodes.directory(id).base) {
            (Some(node), _) => node.clone(),
            (None, Some(base)) => Node::Directory(base),
            (None, None) => panic!("node {id:?} was made by the guest and not built"),
        }
    }
}
