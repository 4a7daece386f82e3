//! What the guest learned of its inputs, as a read set. Not here: deciding what an operation lets it learn.
//!
//! A node of an input is in the read set at most once, with the strongest fact: a stronger one takes the place of a
//! weaker one, so parents stay before what is in them. What the guest made itself, and what the static key says
//! already, is not recorded.

use airtight_model::{Fact, Mount, Observation, ReadSet};

use super::Vfs;
use super::node::{Body, Entry, NodeId, Seen};

/// How many bytes a read set may have in memory. A guest that looks for ever at names that are not there cannot fill
/// the host's memory: beyond this, it has observed everything.
const MAX_READS: usize = 64 << 20;

/// The observations so far.
#[derive(Debug, Default)]
pub(super) struct Reads {
    observations: Vec<Observation>,
    bytes: usize,
    max: usize,
    everything: Vec<Observation>,
    /// Whether all mounts count as observed, so that nothing needs to be recorded any more.
    pub(super) all: bool,
}

impl Reads {
    pub(super) fn new(mounts: &[Mount]) -> Self {
        let everything = (0..).zip(mounts).map(|(mount, mounted)| Observation {
            mount,
            path: String::new(),
            fact: Fact::Whole(mounted.node.clone()),
        });
        Self {
            everything: everything.collect(),
            max: MAX_READS,
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(super) fn bound(&mut self, max: usize) {
        self.max = max;
    }

    /// Adds an observation and says where it is; none when everything counts as observed.
    fn push(&mut self, observation: Observation) -> Option<u32> {
        if self.all {
            return None;
        }
        self.bytes += observation.path.len() + size_of::<Observation>();
        if self.bytes > self.max {
            self.all = true;
            self.observations.clone_from(&self.everything);
            return None;
        }
        self.observations.push(observation);
        u32::try_from(self.observations.len() - 1).ok()
    }

    pub(super) fn read_set(&self) -> ReadSet {
        ReadSet {
            observations: self.observations.clone(),
        }
    }
}

impl Vfs {
    /// Records a fact about a node, if it is of an input and more than was known.
    fn observe(&mut self, id: NodeId, seen: Seen, fact: Fact) {
        let inode = &mut self.nodes[id];
        let Some(origin) = &inode.origin else { return };
        if inode.seen >= seen || self.reads.all {
            return;
        }
        inode.seen = seen;
        match inode.seen_at {
            Some(at) => self.reads.observations[at as usize].fact = fact,
            None => {
                let observation = Observation {
                    mount: origin.mount,
                    path: origin.path.to_string(),
                    fact,
                };
                inode.seen_at = self.reads.push(observation);
            }
        }
    }

    pub(super) fn observe_kind(&mut self, id: NodeId) {
        let kind = self.nodes[id].kind();
        self.observe(id, Seen::Kind, Fact::Kind(kind));
    }

    /// The kind of something that was mounted where a folder leads to mounts, and so is not there for the guest.
    pub(super) fn observe_covered(&mut self, directory: NodeId, name: &str, fact: Fact) {
        let inode = &self.nodes[directory];
        if let Some(origin) = &inode.origin
            && inode.seen < Seen::Detail
        {
            let observation = Observation {
                mount: origin.mount,
                path: origin.join(name),
                fact,
            };
            self.reads.push(observation);
        }
    }

    /// That a directory of an input has no such name. Where the listing was seen, it says so already.
    pub(super) fn observe_absent(&mut self, directory: NodeId, name: &str) {
        let inode = &mut self.nodes[directory];
        let Some(origin) = &inode.origin else { return };
        if inode.seen >= Seen::Detail || self.reads.all {
            return;
        }
        let observation = Observation {
            mount: origin.mount,
            path: origin.join(name),
            fact: Fact::Absent,
        };
        self.reads.push(observation);
        self.nodes
            .directory_mut(directory)
            .entries
            .insert(name.into(), Entry::Absent);
    }

    pub(super) fn observe_target(&mut self, id: NodeId) {
        if let Body::Symlink(target) = &self.nodes[id].body {
            let fact = Fact::Target(target.to_string());
            self.observe(id, Seen::Detail, fact);
        }
    }

    /// The size of a file, where it still depends on the input.
    pub(super) fn observe_size(&mut self, id: NodeId) {
        if let (Body::File(file), Some(origin)) = (&self.nodes[id].body, &self.nodes[id].origin)
            && file.derived.size
            && let airtight_model::Node::File { size, .. } = origin.node
        {
            self.observe(id, Seen::Detail, Fact::Size(size));
        }
    }

    /// The content of a file, where it still depends on the input.
    pub(super) fn observe_content(&mut self, id: NodeId) {
        if let (Body::File(file), Some(origin)) = (&self.nodes[id].body, &self.nodes[id].origin)
            && file.derived.content
            && let airtight_model::Node::File { blob, .. } = origin.node
        {
            self.observe(id, Seen::Content, Fact::Content(blob));
        }
    }

    /// The listing of a directory. The tree must be loaded.
    pub(super) fn observe_listing(&mut self, id: NodeId) {
        if self.nodes[id].seen >= Seen::Detail {
            return;
        }
        if let Some(tree) = &self.nodes.directory(id).tree {
            let fact = Fact::Listing(tree.listing());
            self.observe(id, Seen::Detail, fact);
        }
    }

    /// That the node survives as it was mounted, with all that is below it.
    pub(super) fn observe_whole(&mut self, id: NodeId) {
        if let Some(origin) = &self.nodes[id].origin {
            let fact = Fact::Whole(origin.node.clone());
            self.observe(id, Seen::Whole, fact);
        }
    }

    /// That a child survives which was never looked at.
    pub(super) fn observe_unloaded(&mut self, directory: NodeId, name: &str, node: &airtight_model::Node) {
        if let Some(origin) = &self.nodes[directory].origin {
            let fact = Fact::Whole(node.clone());
            let observation = Observation {
                mount: origin.mount,
                path: origin.join(name),
                fact,
            };
            self.reads.push(observation);
        }
    }
}
