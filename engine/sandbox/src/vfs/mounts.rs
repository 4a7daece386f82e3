//! The mount table as a folder structure: regions, their roots, and the names that lead to them. Not here: looking
//! names up.

use std::collections::BTreeMap;
use std::sync::Arc;

use airtight_model::tree::is_valid_name;
use airtight_model::{Mount, Node};

use super::Vfs;
use super::file::File;
use super::node::{Body, Directory, Entry, Identity, Inode, NodeId, Origin, RegionId, SYNTHETIC, Seen};

/// The empty overlays that every step has. A mount at one of these paths takes its place.
const OVERLAYS: [&str; 2] = ["/tmp", "/out"];

/// Names of a directory that lead to mounts.
pub(super) type Pins = BTreeMap<String, Pin>;

/// A name that leads to mounts.
#[derive(Debug)]
pub(super) enum Pin {
    /// A mount's root. What is mounted below it is known to the root itself.
    Root(NodeId),
    /// A folder on the way to mounts, and what leads on from there. It is the mounted folder of that name if there is
    /// one, else a synthetic one.
    Way(Arc<Pins>),
}

/// What bounds renames and links, and whether it can be changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub(super) writable: bool,
}

/// Why mounts do not make a file system. The pipeline's checks come before, so this is a fault of the host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// The path is not absolute and normal.
    #[error("`{0}` cannot be mounted at: the path is not absolute and normal")]
    Path(String),
    /// Two mounts have the same path.
    #[error("`{0}` is mounted at twice")]
    Twice(String),
    /// A symbolic link cannot be mounted, nor a file at `/`.
    #[error("what is mounted at `{0}` cannot be a {1}")]
    Kind(String, &'static str),
    /// A mount lies below one that is a file.
    #[error("`{0}` lies below a mounted file")]
    BelowFile(String),
}

/// Mount paths as a trie, while they are put together.
#[derive(Default)]
struct Trie {
    root: Option<NodeId>,
    below: BTreeMap<String, Trie>,
}

fn components(at: &str) -> Result<Vec<&str>, MountError> {
    let fail = || MountError::Path(at.to_owned());
    let rest = at.strip_prefix('/').ok_or_else(fail)?;
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = rest.split('/').collect();
    if parts.iter().all(|part| is_valid_name(part)) {
        Ok(parts)
    } else {
        Err(fail())
    }
}

impl Vfs {
    /// Makes regions and roots of the mounts. Loads nothing.
    pub(super) fn mount_all(&mut self, mounts: &[Mount]) -> Result<(), MountError> {
        self.regions.push(Region { writable: false });
        let mut trie = Trie::default();
        for (position, mount) in mounts.iter().enumerate() {
            let parts = components(&mount.at)?;
            if matches!(mount.node, Node::Symlink(_)) || (parts.is_empty() && matches!(mount.node, Node::File { .. })) {
                return Err(MountError::Kind(mount.at.clone(), mount.node.kind().word()));
            }
            let position = u32::try_from(position).expect("a mount table fits in memory");
            let root = self.input_root(position, mount);
            plant(&mut trie, &parts, root).map_err(|()| MountError::Twice(mount.at.clone()))?;
        }
        for at in OVERLAYS {
            let parts = components(at)?;
            let place = parts.iter().fold(&mut trie, |trie, part| {
                trie.below.entry((*part).to_owned()).or_default()
            });
            if place.root.is_none() {
                let region = self.region(true);
                place.root = Some(self.synthetic(region, ""));
            }
        }
        let root = trie.root.unwrap_or_else(|| self.synthetic(SYNTHETIC, ""));
        let pins = self.pin_below(trie.below, "")?;
        self.attach(root, pins);
        self.root = root;
        Ok(())
    }

    fn region(&mut self, writable: bool) -> RegionId {
        let id = RegionId(u32::try_from(self.regions.len()).expect("a mount table fits in memory"));
        self.regions.push(Region { writable });
        id
    }

    fn input_root(&mut self, position: u32, mount: &Mount) -> NodeId {
        let region = self.region(mount.writable);
        let origin = Origin {
            mount: position,
            path: "".into(),
            node: mount.node.clone(),
        };
        // The kind of a mount is part of the static key: nothing to record.
        let id = self.nodes.insert(input_inode(region, origin, None, Seen::Kind));
        self.nodes[id].names = 1;
        id
    }

    /// A folder that is there whatever the inputs are.
    pub(super) fn synthetic(&mut self, region: RegionId, path: &str) -> NodeId {
        self.nodes.insert(Inode {
            identity: Identity::Synthetic(region, path.into()),
            region,
            origin: None,
            seen: Seen::Whole,
            seen_at: None,
            names: 1,
            opens: 0,
            body: Body::Directory(Directory::default()),
        })
    }

    fn pin_below(&mut self, below: BTreeMap<String, Trie>, at: &str) -> Result<Pins, MountError> {
        let mut pins = Pins::new();
        for (name, trie) in below {
            let path = format!("{at}/{name}");
            let is_file = trie
                .root
                .is_some_and(|root| matches!(self.nodes[root].body, Body::File(_)));
            if is_file && !trie.below.is_empty() {
                return Err(MountError::BelowFile(path));
            }
            let inner = self.pin_below(trie.below, &path)?;
            let pin = match trie.root {
                Some(root) => {
                    self.attach(root, inner);
                    Pin::Root(root)
                }
                None => Pin::Way(Arc::new(inner)),
            };
            pins.insert(name, pin);
        }
        Ok(pins)
    }

    fn attach(&mut self, root: NodeId, pins: Pins) {
        if !pins.is_empty() {
            self.pin(root, Arc::new(pins));
        }
    }

    /// Lets the names in a directory lead to mounts.
    pub(super) fn pin(&mut self, directory: NodeId, pins: Arc<Pins>) {
        let directory = self.nodes.directory_mut(directory);
        for (name, pin) in pins.iter() {
            if let Pin::Root(root) = pin {
                directory.entries.insert(name.as_str().into(), Entry::Pinned(*root));
            }
        }
        directory.pins = Some(pins);
    }
}

fn plant(trie: &mut Trie, parts: &[&str], root: NodeId) -> Result<(), ()> {
    let place = parts
        .iter()
        .fold(trie, |trie, part| trie.below.entry((*part).to_owned()).or_default());
    if place.root.is_some() {
        return Err(());
    }
    place.root = Some(root);
    Ok(())
}

/// A node of an input that was not touched yet.
pub(super) fn input_inode(region: RegionId, origin: Origin, parent: Option<NodeId>, seen: Seen) -> Inode {
    let body = match &origin.node {
        Node::File { blob, size, executable } => Body::File(File::mounted(*blob, *size, *executable)),
        Node::Directory(tree) => Body::Directory(Directory {
            parent,
            base: Some(*tree),
            ..Directory::default()
        }),
        Node::Symlink(target) => Body::Symlink(target.as_str().into()),
    };
    Inode {
        identity: Identity::Input,
        region,
        origin: Some(Box::new(origin)),
        seen,
        seen_at: None,
        names: 1,
        opens: 0,
        body,
    }
}
