//! The operations on handles and paths, with the errors of `wasi:filesystem`. Not here: the bytes of files (`file`) and
//! finding nodes (`lookup`).
//!
//! Every operation looks before it is refused: an operation fails as `read-only` only when it would otherwise succeed,
//! which is what WASI says. A directory handle may change what is in it wherever the mount is writable: programs remove
//! folders through handles that they opened for reading.

use airtight_model::tree::{MAX_LINK_LEN, MAX_NAME_LEN};
use airtight_model::{Canonical, Encoder, NodeKind};
use airtight_store::walk::{Arrival, LastLink};

use super::file::File;
use super::node::{Body, Directory, Entry, Identity, Inode, NodeId, Seen};
use super::{Code, StruckLimit, Vfs};

/// How many folders may be inside one another in a mount: what walks trees may recurse.
pub(super) const MAX_DEPTH: usize = 1000;
/// What `stat` says of a directory's size, in bytes.
const DIRECTORY_SIZE: u64 = 4096;

/// How to open a path.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open {
    /// Follow a symbolic link at the end.
    pub follow: bool,
    /// Make a file where nothing is.
    pub create: bool,
    /// With `create`: fail where something is.
    pub exclusive: bool,
    /// Fail where no directory is.
    pub directory: bool,
    /// Cut the file to nothing.
    pub truncate: bool,
    /// The handle is for writing the file.
    pub write: bool,
    /// The handle is for changing the directory.
    pub mutate: bool,
}

/// What `stat` says. Times and link counts are constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The kind.
    pub kind: NodeKind,
    /// The size in bytes; of a symbolic link, that of its target; of a directory, a constant.
    pub size: u64,
}

/// The place of a name that is made, moved or removed.
struct Place {
    parent: NodeId,
    name: String,
}

impl Vfs {
    /// The preopened directory `/`, as a handle.
    ///
    /// # Errors
    /// Too many handles.
    pub fn open_root(&mut self) -> Result<NodeId, Code> {
        self.hold(self.root)?;
        Ok(self.root)
    }

    /// Holds a node once more, for a handle or a stream.
    ///
    /// # Errors
    /// Too many handles.
    pub fn hold(&mut self, id: NodeId) -> Result<(), Code> {
        self.take_handle()?;
        self.nodes[id].opens += 1;
        Ok(())
    }

    /// Lets go of a node. What has no name any more is gone with its last handle.
    pub fn release(&mut self, id: NodeId) {
        self.handles -= 1;
        let inode = &mut self.nodes[id];
        inode.opens -= 1;
        if inode.opens == 0 {
            if inode.names == 0 {
                self.free(id);
            } else {
                self.file_closed(id);
            }
        }
    }

    /// The kind of a node.
    pub fn kind_of(&self, id: NodeId) -> NodeKind {
        self.nodes[id].kind()
    }

    /// Whether the guest may change the node.
    pub fn is_writable(&self, id: NodeId) -> bool {
        self.regions[self.nodes[id].region.0 as usize].writable
    }

    /// Opens a path as a handle.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn open(&mut self, from: NodeId, path: &str, how: Open) -> Result<NodeId, Code> {
        if how.directory && (how.create || how.exclusive || how.truncate) {
            return Err(Code::Invalid);
        }
        let exclusive = how.create && how.exclusive;
        let last = match (exclusive, how.follow) {
            (true, _) => LastLink::Entry,
            (false, true) => LastLink::Follow,
            (false, false) => LastLink::Keep,
        };
        let arrival = self.walk(from, path, last)?;
        let id = match arrival.node {
            Some(_) if exclusive => return Err(Code::Exist),
            Some(id) => {
                self.may_open(id, how, arrival.must_be_directory)?;
                id
            }
            None if !how.create => return Err(Code::NoEntry),
            None if arrival.must_be_directory => return Err(Code::IsDirectory),
            None => self.make(arrival, Body::File(File::made()))?,
        };
        self.hold(id)?;
        if how.truncate {
            self.set_size(id, 0)?;
        }
        Ok(id)
    }

    fn may_open(&self, id: NodeId, how: Open, must_be_directory: bool) -> Result<(), Code> {
        let wants_directory = how.directory || must_be_directory;
        match self.nodes[id].kind() {
            NodeKind::File | NodeKind::Symlink if wants_directory => Err(Code::NotDirectory),
            NodeKind::Symlink => Err(Code::Loop),
            NodeKind::Directory if how.write || how.create || how.truncate => Err(Code::IsDirectory),
            NodeKind::Directory if how.mutate && !self.is_writable(id) => Err(Code::ReadOnly),
            NodeKind::File if (how.write || how.truncate) && !self.is_writable(id) => Err(Code::ReadOnly),
            NodeKind::File | NodeKind::Directory => Ok(()),
        }
    }

    /// The attributes of a held node.
    pub fn stat(&mut self, id: NodeId) -> Stat {
        self.observe_size(id);
        self.observe_target(id);
        let inode = &self.nodes[id];
        let size = match &inode.body {
            Body::File(file) => file.size(),
            Body::Directory(_) => DIRECTORY_SIZE,
            Body::Symlink(target) => target.len() as u64,
        };
        Stat {
            kind: inode.kind(),
            size,
        }
    }

    /// The attributes of what is at a path.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn stat_at(&mut self, from: NodeId, path: &str, follow: bool) -> Result<Stat, Code> {
        let id = self.find(from, path, if follow { LastLink::Follow } else { LastLink::Keep })?;
        Ok(self.stat(id))
    }

    /// What tells a held node from all others: its mount and canonical path or, if the guest made it, its number.
    /// Never a function of its content.
    pub fn identity(&self, id: NodeId) -> u128 {
        let inode = &self.nodes[id];
        let mut out = Encoder::new();
        match (&inode.identity, &inode.origin) {
            (Identity::Made(number), _) => (0u8, *number).encode(&mut out),
            (Identity::Synthetic(region, path), _) => (1u8, (region.0, path.to_string())).encode(&mut out),
            (Identity::Input, Some(origin)) => (2u8, (origin.mount, origin.path.to_string())).encode(&mut out),
            (Identity::Input, None) => {}
        }
        let mut hasher = blake3::Hasher::new_derive_key("airtight node identity v1");
        hasher.update(&out.finish());
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }

    /// As [`Vfs::identity`], of what is at a path.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn identity_at(&mut self, from: NodeId, path: &str, follow: bool) -> Result<u128, Code> {
        let id = self.find(from, path, if follow { LastLink::Follow } else { LastLink::Keep })?;
        Ok(self.identity(id))
    }

    /// Accepts times, which stay what they are.
    ///
    /// # Errors
    /// [`Code::ReadOnly`].
    pub fn set_times(&self, id: NodeId) -> Result<(), Code> {
        if self.is_writable(id) {
            Ok(())
        } else {
            Err(Code::ReadOnly)
        }
    }

    /// As [`Vfs::set_times`], of what is at a path.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn set_times_at(&mut self, from: NodeId, path: &str, follow: bool) -> Result<(), Code> {
        let id = self.find(from, path, if follow { LastLink::Follow } else { LastLink::Keep })?;
        self.set_times(id)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn create_directory(&mut self, from: NodeId, path: &str) -> Result<(), Code> {
        let arrival = self.walk(from, path, LastLink::Entry)?;
        if arrival.node.is_some() {
            return Err(Code::Exist);
        }
        if self.depth(arrival.parent) >= MAX_DEPTH {
            return Err(Code::NameTooLong);
        }
        let directory = Directory {
            parent: Some(arrival.parent),
            ..Directory::default()
        };
        self.make(arrival, Body::Directory(directory)).map(|_| ())
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn symlink(&mut self, target: &str, from: NodeId, path: &str) -> Result<(), Code> {
        if target.starts_with('/') {
            return Err(Code::NotPermitted);
        } else if target.is_empty() {
            return Err(Code::NoEntry);
        } else if target.contains('\0') {
            return Err(Code::Invalid);
        } else if target.len() > MAX_LINK_LEN {
            return Err(Code::NameTooLong);
        }
        let arrival = self.walk(from, path, LastLink::Entry)?;
        match arrival.node {
            Some(_) => Err(Code::Exist),
            None if arrival.must_be_directory => Err(Code::NoEntry),
            None => {
                self.reserve(target.len() as u64)?;
                self.make(arrival, Body::Symlink(target.into()))?;
                self.used.bytes += target.len() as u64;
                Ok(())
            }
        }
    }

    /// The target of the symbolic link at a path.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn readlink(&mut self, from: NodeId, path: &str) -> Result<String, Code> {
        let id = self.find(from, path, LastLink::Keep)?;
        self.observe_target(id);
        match &self.nodes[id].body {
            Body::Symlink(target) if target.starts_with('/') => Err(Code::NotPermitted),
            Body::Symlink(target) => Ok(target.to_string()),
            Body::File(_) | Body::Directory(_) => Err(Code::Invalid),
        }
    }

    /// Makes another name for a file.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn link(&mut self, from: NodeId, old: &str, follow: bool, to: NodeId, new: &str) -> Result<(), Code> {
        let id = self.find(from, old, if follow { LastLink::Follow } else { LastLink::Keep })?;
        if self.nodes[id].kind() != NodeKind::File {
            return Err(Code::NotPermitted);
        }
        let arrival = self.walk(to, new, LastLink::Entry)?;
        if arrival.node.is_some() {
            return Err(Code::Exist);
        } else if arrival.must_be_directory {
            return Err(Code::NoEntry);
        } else if self.nodes[id].region != self.nodes[arrival.parent].region {
            return Err(Code::CrossDevice);
        }
        let place = self.place_for(arrival)?;
        self.reserve_name()?;
        self.nodes[id].names += 1;
        self.enter(place, id);
        Ok(())
    }

    /// Removes a name that is not a directory's.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn unlink(&mut self, from: NodeId, path: &str) -> Result<(), Code> {
        let arrival = self.walk(from, path, LastLink::Entry)?;
        let id = arrival.node.ok_or(Code::NoEntry)?;
        if self.nodes[id].kind() == NodeKind::Directory {
            return Err(Code::IsDirectory);
        } else if arrival.must_be_directory {
            return Err(Code::NotDirectory);
        }
        let place = self.place_of(arrival)?;
        self.leave(&place);
        self.unname(id);
        Ok(())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn remove_directory(&mut self, from: NodeId, path: &str) -> Result<(), Code> {
        let arrival = self.walk(from, path, LastLink::Entry)?;
        let id = arrival.node.ok_or(Code::NoEntry)?;
        if self.nodes[id].kind() != NodeKind::Directory {
            return Err(Code::NotDirectory);
        } else if arrival.name.is_none() {
            return Err(Code::Invalid);
        }
        let place = self.place_of(arrival)?;
        if !self.is_empty(id)? {
            return Err(Code::NotEmpty);
        }
        self.leave(&place);
        self.unname(id);
        Ok(())
    }

    /// Moves a name, over what has the new one.
    ///
    /// # Errors
    /// See `wasi:filesystem/types`.
    pub fn rename(&mut self, from: NodeId, old: &str, to: NodeId, new: &str) -> Result<(), Code> {
        let source = self.walk(from, old, LastLink::Entry)?;
        let target = self.walk(to, new, LastLink::Entry)?;
        let id = source.node.ok_or(Code::NoEntry)?;
        if source.name.is_none() || target.name.is_none() {
            return Err(Code::Busy);
        }
        let is_directory = self.nodes[id].kind() == NodeKind::Directory;
        if !is_directory && (source.must_be_directory || target.must_be_directory) {
            return Err(Code::NotDirectory);
        } else if self.nodes[source.parent].region != self.nodes[target.parent].region {
            return Err(Code::CrossDevice);
        } else if is_directory && self.is_inside(target.parent, id) {
            return Err(Code::Invalid);
        }
        let replaced = target.node;
        let source = self.place_of(source)?;
        let target = match replaced {
            Some(_) => self.place_of(target)?,
            None => self.place_for(target)?,
        };
        match replaced {
            Some(same) if same == id => return Ok(()),
            Some(other) => self.may_replace(other, is_directory)?,
            None => {}
        }
        let made = |entry: Option<&Entry>| matches!(entry, Some(Entry::Made(_)));
        if !made(self.nodes.directory(source.parent).entries.get(source.name.as_str())) {
            self.reserve_name()?;
        }
        self.leave(&source);
        if let Some(other) = replaced {
            self.leave(&target);
            self.unname(other);
        }
        if let Body::Directory(directory) = &mut self.nodes[id].body {
            directory.parent = Some(target.parent);
        }
        self.enter(target, id);
        Ok(())
    }

    fn may_replace(&mut self, other: NodeId, by_directory: bool) -> Result<(), Code> {
        match (self.nodes[other].kind() == NodeKind::Directory, by_directory) {
            (true, false) => Err(Code::IsDirectory),
            (false, true) => Err(Code::NotDirectory),
            (false, false) => Ok(()),
            (true, true) if self.is_empty(other)? => Ok(()),
            (true, true) => Err(Code::NotEmpty),
        }
    }

    /// Marks the regular file at an absolute path as executable, or not. A symbolic link at the end is followed.
    ///
    /// # Errors
    /// [`Code::IsDirectory`] where no regular file is, [`Code::ReadOnly`], and those of finding it.
    pub fn set_executable(&mut self, path: &str, executable: bool) -> Result<(), Code> {
        let relative = path.strip_prefix('/').ok_or(Code::NoEntry)?.trim_start_matches('/');
        let relative = if relative.is_empty() { "." } else { relative };
        let id = self.find(self.root, relative, LastLink::Follow)?;
        match self.nodes[id].kind() {
            NodeKind::File if self.is_writable(id) => self.mark(id, executable),
            NodeKind::File => Err(Code::ReadOnly),
            NodeKind::Directory | NodeKind::Symlink => Err(Code::IsDirectory),
        }
    }

    /// Makes a node where a walk found nothing.
    fn make(&mut self, arrival: Arrival<NodeId>, body: Body) -> Result<NodeId, Code> {
        let place = self.place_for(arrival)?;
        self.reserve_name()?;
        self.made += 1;
        let id = self.nodes.insert(Inode {
            identity: Identity::Made(self.made),
            region: self.nodes[place.parent].region,
            origin: None,
            seen: Seen::Whole,
            seen_at: None,
            names: 1,
            opens: 0,
            body,
        });
        self.enter(place, id);
        Ok(id)
    }

    /// The place of a name that is to be made.
    fn place_for(&mut self, arrival: Arrival<NodeId>) -> Result<Place, Code> {
        let parent = arrival.parent;
        let name = arrival.name.ok_or(Code::Exist)?;
        if name.len() > MAX_NAME_LEN {
            return Err(Code::NameTooLong);
        } else if self.nodes.directory(parent).removed {
            return Err(Code::NoEntry);
        } else if !self.is_writable(parent) {
            return Err(Code::ReadOnly);
        } else if name.len() > self.limits.name as usize {
            // Names that no tree holds are refused to every guest alike; this bound is the pipeline's, so striking it
            // ends the attempt.
            return Err(self.strike(StruckLimit::Name(self.limits.name), Code::NameTooLong));
        }
        Ok(Place { parent, name })
    }

    /// Whether the guest may make one more name.
    fn reserve_name(&mut self) -> Result<(), Code> {
        let limit = self.limits.files;
        if self.used.files >= limit {
            return Err(self.strike(StruckLimit::Files(limit), Code::Quota));
        }
        Ok(())
    }

    /// The place of a name that is to be moved or removed.
    fn place_of(&self, arrival: Arrival<NodeId>) -> Result<Place, Code> {
        let parent = arrival.parent;
        let name = arrival.name.ok_or(Code::Busy)?;
        if matches!(
            self.nodes.directory(parent).entries.get(name.as_str()),
            Some(Entry::Pinned(_))
        ) {
            return Err(Code::Busy);
        } else if !self.is_writable(parent) {
            return Err(Code::ReadOnly);
        }
        Ok(Place { parent, name })
    }

    /// Gives a node a name.
    fn enter(&mut self, place: Place, id: NodeId) {
        let directory = self.nodes.directory_mut(place.parent);
        directory.entries.insert(place.name.into(), Entry::Made(id));
        directory.changed = true;
        self.used.files += 1;
    }

    /// Takes a name away. The node keeps counting it.
    fn leave(&mut self, place: &Place) {
        let name = place.name.as_str();
        let inode = &self.nodes[place.parent];
        let (listed, all) = (inode.seen >= Seen::Detail, self.reads.all);
        let directory = self.nodes.directory_mut(place.parent);
        directory.changed = true;
        let was = directory.entries.remove(name);
        // A later look at the name must not come to the tree again, nor be recorded again.
        if directory.tree.as_ref().is_some_and(|tree| tree.get(name).is_some()) {
            directory.entries.insert(name.into(), Entry::Gone);
        } else if directory.tree.is_some() && !listed && !all {
            directory.entries.insert(name.into(), Entry::Absent);
        }
        if matches!(was, Some(Entry::Made(_))) {
            self.used.files -= 1;
        }
    }

    /// A node has one name less.
    fn unname(&mut self, id: NodeId) {
        let inode = &mut self.nodes[id];
        inode.names -= 1;
        if inode.names > 0 {
            return;
        }
        if let Body::Directory(directory) = &mut inode.body {
            directory.removed = true;
        }
        if inode.opens == 0 {
            self.free(id);
        }
    }

    fn free(&mut self, id: NodeId) {
        match self.nodes.remove(id) {
            Some(Inode {
                body: Body::File(file), ..
            }) => self.file_freed(&file),
            Some(Inode {
                body: Body::Symlink(target),
                identity: Identity::Made(_),
                ..
            }) => {
                self.used.bytes -= target.len() as u64;
            }
            _ => {}
        }
    }

    /// Whether a directory is another, or inside it.
    fn is_inside(&self, inner: NodeId, outer: NodeId) -> bool {
        let mut at = Some(inner);
        while let Some(id) = at {
            if id == outer {
                return true;
            }
            at = self.nodes.directory(id).parent;
        }
        false
    }

    fn depth(&self, id: NodeId) -> usize {
        let parents = std::iter::successors(Some(id), |id| self.nodes.directory(*id).parent);
        parents.take(MAX_DEPTH).count()
    }
}
