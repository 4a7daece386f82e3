//! Nodes while they are in use: what stands behind a name or a handle. Not here: what operations do with them.

use std::collections::BTreeMap;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use airtight_model::{Node, NodeKind, Tree, TreeDigest};

use super::file::File;
use super::mounts::Pins;

/// A node while it is in use. Numbers are used again when a node is gone, so one means something only while a handle
/// or a name holds the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

impl NodeId {
    /// The root before there is one.
    pub(super) const UNSET: Self = Self(u32::MAX);
}

/// A mount, `/tmp`, `/out` or the synthetic folders: what renames and links cannot cross.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RegionId(pub(super) u32);

/// The region of the synthetic folders, which nobody can change.
pub(super) const SYNTHETIC: RegionId = RegionId(0);

/// What a node of an input is and where it comes from. It keeps this wherever it is moved.
#[derive(Debug)]
pub(super) struct Origin {
    /// The mount's position in the mount table.
    pub(super) mount: u32,
    /// The canonical path in it.
    pub(super) path: Box<str>,
    /// The node as it was mounted.
    pub(super) node: Node,
}

impl Origin {
    /// The path of a child of this directory.
    pub(super) fn join(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.path)
        }
    }
}

/// What a node is to `is-same-object` and `metadata-hash`: never its content.
#[derive(Debug)]
pub(super) enum Identity {
    /// Of an input: its mount and canonical path, which are the origin's.
    Input,
    /// A folder that is there because something is mounted in or below it: its region and path.
    Synthetic(RegionId, Box<str>),
    /// The guest made it, as its how-manieth node.
    Made(u64),
}

/// How much of an input's node was observed. Each level implies those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// Not even that it is there.
    Nothing,
    /// Its kind.
    Kind,
    /// A file's size, a link's target, a directory's listing.
    Detail,
    /// A file's content.
    Content,
    /// All of it, with all that is below.
    Whole,
}

/// A node in use.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) identity: Identity,
    pub(super) region: RegionId,
    /// Where it comes from; none for what the guest made and for synthetic folders.
    pub(super) origin: Option<Box<Origin>>,
    pub(super) seen: Seen,
    /// Where the read set has what was seen of it.
    pub(super) seen_at: Option<u32>,
    /// Directory entries that name it.
    pub(super) names: u32,
    /// Handles that hold it.
    pub(super) opens: u32,
    pub(super) body: Body,
}

impl Inode {
    pub(super) fn kind(&self) -> NodeKind {
        match self.body {
            Body::File(_) => NodeKind::File,
            Body::Directory(_) => NodeKind::Directory,
            Body::Symlink(_) => NodeKind::Symlink,
        }
    }
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Body {
    File(File),
    Directory(Directory),
    Symlink(Box<str>),
}

/// A directory: what was mounted, and what the guest looked up or changed in it.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// The directory that it is in; none for the root of a region.
    pub(super) parent: Option<NodeId>,
    /// What was mounted here.
    pub(super) base: Option<TreeDigest>,
    /// The same, once it was needed.
    pub(super) tree: Option<Arc<Tree>>,
    /// Names that were looked up or changed. What is not here is as in the tree.
    pub(super) entries: BTreeMap<Box<str>, Entry>,
    /// Whether the guest has made, removed or moved a name in it.
    pub(super) changed: bool,
    /// Names that lead to mounts.
    pub(super) pins: Option<Arc<Pins>>,
    /// Whether it was removed while a handle holds it.
    pub(super) removed: bool,
    /// Whether what survives of it in an output is in the read set.
    pub(super) survives: bool,
}

/// What is known of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// As mounted; loaded.
    Loaded(NodeId),
    /// The guest made this name.
    Made(NodeId),
    /// A mount, or a folder that leads to one: it stays where it is.
    Pinned(NodeId),
    /// The guest removed what was mounted.
    Gone,
    /// Nothing was mounted here, and the read set says so.
    Absent,
}

impl Entry {
    /// The node that the name stands for.
    pub(super) fn node(self) -> Option<NodeId> {
        match self {
            Self::Loaded(id) | Self::Made(id) | Self::Pinned(id) => Some(id),
            Self::Gone | Self::Absent => None,
        }
    }
}

/// All nodes in use.
#[derive(Debug, Default)]
pub(super) struct Inodes {
    slots: Vec<Option<Inode>>,
    free: Vec<u32>,
}

impl Inodes {
    pub(super) fn insert(&mut self, inode: Inode) -> NodeId {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(inode);
            return NodeId(slot);
        }
        let slot = u32::try_from(self.slots.len()).expect("memory ends before four thousand million nodes do");
        self.slots.push(Some(inode));
        NodeId(slot)
    }

    pub(super) fn remove(&mut self, id: NodeId) -> Option<Inode> {
        let inode = self.slots[id.0 as usize].take()?;
        self.free.push(id.0);
        Some(inode)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// A node that is known to be a directory.
    pub(super) fn directory(&self, id: NodeId) -> &Directory {
        match &self[id].body {
            Body::Directory(directory) => directory,
            _ => panic!("the caller checked that node {id:?} is a directory"),
        }
    }

    /// As [`Inodes::directory`], to change it.
    pub(super) fn directory_mut(&mut self, id: NodeId) -> &mut Directory {
        match &mut self[id].body {
            Body::Directory(directory) => directory,
            _ => panic!("the caller checked that node {id:?} is a directory"),
        }
    }
}

impl Index<NodeId> for Inodes {
    type Output = Inode;
    fn index(&self, id: NodeId) -> &Inode {
        self.slots[id.0 as usize]
            .as_ref()
            .expect("a node that is held is not freed")
    }
}

impl IndexMut<NodeId> for Inodes {
    fn index_mut(&mut self, id: NodeId) -> &mut Inode {
        self.slots[id.0 as usize]
            .as_mut()
            .expect("a node that is held is not freed")
    }
}
