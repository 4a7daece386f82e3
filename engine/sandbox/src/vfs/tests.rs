//! Tests of the virtual file system, on a store in memory, without a guest.
#![allow(clippy::unwrap_used)]

mod files;
mod law;
mod limits;
mod mounting;
mod names;
mod outputs;
mod paths;
mod reads;

use airtight_model::{Fact, Limits, Mount, Node, NodeKind, OutputSpec, Tree, TreeEntry};
use airtight_store::Store;

use super::{Code, NodeId, Open, Stat, Vfs};

/// A tree to be mounted, as tests write it down.
#[derive(Debug, Clone)]
enum Sketch {
    File(Vec<u8>),
    Program(Vec<u8>),
    Link(String),
    Folder(Vec<(String, Sketch)>),
}

fn file(text: &str) -> Sketch {
    Sketch::File(text.as_bytes().to_vec())
}

fn program(text: &str) -> Sketch {
    Sketch::Program(text.as_bytes().to_vec())
}

fn link(target: &str) -> Sketch {
    Sketch::Link(target.to_owned())
}

fn folder<const N: usize>(entries: [(&str, Sketch); N]) -> Sketch {
    Sketch::Folder(
        entries
            .into_iter()
            .map(|(name, sketch)| (name.to_owned(), sketch))
            .collect(),
    )
}

impl Sketch {
    fn put(&self, store: &Store) -> Node {
        match self {
            Self::File(bytes) | Self::Program(bytes) => Node::File {
                blob: store.put_blob(bytes).unwrap(),
                size: bytes.len() as u64,
                executable: matches!(self, Self::Program(_)),
            },
            Self::Link(target) => Node::Symlink(target.clone()),
            Self::Folder(entries) => {
                let entries = entries.iter().map(|(name, sketch)| TreeEntry {
                    name: name.clone(),
                    node: sketch.put(store),
                });
                Node::Directory(store.put_tree(&Tree::new(entries.collect()).unwrap()).unwrap())
            }
        }
    }
}

/// A file system with what is needed to look at it.
struct World {
    store: Store,
    mounts: Vec<Mount>,
    vfs: Vfs,
    root: NodeId,
}

const READ: Open = Open {
    follow: true,
    create: false,
    exclusive: false,
    directory: false,
    truncate: false,
    write: false,
    mutate: false,
};
const WRITE: Open = Open { write: true, ..READ };
const CREATE: Open = Open { create: true, ..WRITE };
const REPLACE: Open = Open {
    truncate: true,
    ..CREATE
};
const NEW: Open = Open {
    exclusive: true,
    ..CREATE
};
const FOLDER: Open = Open {
    directory: true,
    ..READ
};

/// Read-only mounts are written `/src`, copy-on-write ones `/src+`.
fn world<const N: usize>(mounts: [(&str, Sketch); N]) -> World {
    world_with(mounts, Limits::DEFAULT)
}

fn world_with<const N: usize>(mounts: [(&str, Sketch); N], limits: Limits) -> World {
    let store = Store::memory();
    let mounts: Vec<Mount> = mounts.iter().map(|(at, sketch)| mount(&store, at, sketch)).collect();
    open_world(store, mounts, limits)
}

fn mount(store: &Store, at: &str, sketch: &Sketch) -> Mount {
    let (path, writable) = at.strip_suffix('+').map_or((at, false), |path| (path, true));
    Mount {
        at: path.to_owned(),
        node: sketch.put(store),
        writable,
    }
}

fn open_world(store: Store, mounts: Vec<Mount>, limits: Limits) -> World {
    let mut vfs = Vfs::new(store.clone(), &mounts, limits).unwrap();
    let root = vfs.open_root().unwrap();
    World {
        store,
        mounts,
        vfs,
        root,
    }
}

impl World {
    fn open(&mut self, path: &str, how: Open) -> Result<NodeId, Code> {
        self.vfs.open(self.root, path, how)
    }

    fn read(&mut self, path: &str) -> Result<String, Code> {
        let id = self.open(path, READ)?;
        let text = self.read_all(id);
        self.vfs.release(id);
        text
    }

    fn read_all(&mut self, id: NodeId) -> Result<String, Code> {
        let mut all = Vec::new();
        loop {
            let bytes = self.vfs.read(id, all.len() as u64, u64::MAX)?;
            if bytes.is_empty() {
                return Ok(String::from_utf8_lossy(&all).into_owned());
            }
            all.extend(bytes);
        }
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), Code> {
        let id = self.open(path, REPLACE)?;
        let result = self.vfs.write(id, 0, text.as_bytes());
        self.vfs.release(id);
        result
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, Code> {
        let id = self.open(path, FOLDER)?;
        let names = self.list_open(id);
        self.vfs.release(id);
        names
    }

    /// Folders end in `/`, links in `@`.
    fn list_open(&mut self, id: NodeId) -> Result<Vec<String>, Code> {
        let mut listing = self.vfs.list(id)?;
        let mut names = Vec::new();
        for (name, kind) in listing.by_ref() {
            let mark = match kind {
                NodeKind::File => "",
                NodeKind::Directory => "/",
                NodeKind::Symlink => "@",
            };
            names.push(format!("{name}{mark}"));
        }
        self.vfs.close_listing(&listing);
        Ok(names)
    }

    fn stat(&mut self, path: &str) -> Result<Stat, Code> {
        self.vfs.stat_at(self.root, path, true)
    }

    fn size(&mut self, path: &str) -> u64 {
        self.stat(path).unwrap().size
    }

    fn mkdir(&mut self, path: &str) -> Result<(), Code> {
        self.vfs.create_directory(self.root, path)
    }

    fn rmdir(&mut self, path: &str) -> Result<(), Code> {
        self.vfs.remove_directory(self.root, path)
    }

    fn unlink(&mut self, path: &str) -> Result<(), Code> {
        self.vfs.unlink(self.root, path)
    }

    fn rename(&mut self, old: &str, new: &str) -> Result<(), Code> {
        self.vfs.rename(self.root, old, self.root, new)
    }

    fn link(&mut self, old: &str, new: &str) -> Result<(), Code> {
        self.vfs.link(self.root, old, false, self.root, new)
    }

    fn symlink(&mut self, target: &str, path: &str) -> Result<(), Code> {
        self.vfs.symlink(target, self.root, path)
    }

    fn readlink(&mut self, path: &str) -> Result<String, Code> {
        self.vfs.readlink(self.root, path)
    }

    fn identity(&mut self, path: &str) -> Result<u128, Code> {
        self.vfs.identity_at(self.root, path, false)
    }

    fn collect(&mut self, path: &str) -> Node {
        let spec = OutputSpec {
            name: "it".to_owned(),
            path: path.to_owned(),
            pin: None,
        };
        self.vfs.collect(&[spec]).unwrap().remove(0).1
    }

    /// The tree at a path as lines: `a/b = text`, `a/x* = text` for a program, `a/l -> target`, `a/empty/`.
    fn dump(&self, node: &Node) -> Vec<String> {
        let mut lines = Vec::new();
        self.dump_into(node, "", &mut lines);
        lines
    }

    fn dump_into(&self, node: &Node, path: &str, lines: &mut Vec<String>) {
        match node {
            Node::File { blob, size, executable } => {
                let bytes = self.store.blob(blob).unwrap().read_all().unwrap();
                assert_eq!(bytes.len() as u64, *size);
                let mark = if *executable { "*" } else { "" };
                lines.push(format!("{path}{mark} = {}", String::from_utf8_lossy(&bytes)));
            }
            Node::Symlink(target) => lines.push(format!("{path} -> {target}")),
            Node::Directory(tree) => {
                let tree = self.store.tree(tree).unwrap();
                if tree.entries().is_empty() {
                    lines.push(format!("{path}/"));
                }
                for entry in tree.entries() {
                    let below = if path.is_empty() {
                        entry.name.clone()
                    } else {
                        format!("{path}/{}", entry.name)
                    };
                    self.dump_into(&entry.node, &below, lines);
                }
            }
        }
    }

    /// The read set as lines: `0:a/b kind file`.
    fn reads(&self) -> Vec<String> {
        let observations = self.vfs.read_set().observations;
        let line = |fact: &Fact| match fact {
            Fact::Kind(kind) => format!("kind {}", kind.word()),
            Fact::Absent => "absent".to_owned(),
            Fact::Target(target) => format!("target {target}"),
            Fact::Size(size) => format!("size {size}"),
            Fact::Content(_) => "content".to_owned(),
            Fact::Listing(_) => "listing".to_owned(),
            Fact::Whole(node) => format!("whole {}", node.kind().word()),
        };
        observations
            .iter()
            .map(|seen| format!("{}:{} {}", seen.mount, seen.path, line(&seen.fact)))
            .collect()
    }
}

/// What most tests mount.
fn sample() -> Sketch {
    folder([
        ("a", file("alpha")),
        (
            "b",
            folder([
                ("c", file("gamma")),
                ("d", folder([("e", file("eps"))])),
                ("up", link("../a")),
            ]),
        ),
        ("empty", folder([])),
        ("run", program("#!")),
        ("to-b", link("b")),
        ("loop", link("loop")),
        ("out", link("../../etc")),
        ("abs", link("/src/a")),
    ])
}
