//! What the tests build on: stores of every driver, trees from short descriptions, actions.

use std::path::{Path, PathBuf};

use airtight_model::step::DEFAULT_CLOCK_BASE;
use airtight_model::*;
use airtight_store::{OpenOptions, Store};

pub(crate) fn bytes(len: usize, seed: u32) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9e37_79b2) | 1;
    (0..len)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x as u8
        })
        .collect()
}

/// A store on disk in a folder of its own.
pub(crate) struct OnDisk {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

impl OnDisk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store"), OpenOptions::default()).unwrap();
        Self { store, folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// Closes the store and opens it again, so that nothing is in memory.
    pub(crate) fn reopen(self) -> Self {
        let path = self.path();
        drop(self.store);
        Self {
            store: Store::open(&path, OpenOptions::default()).unwrap(),
            folder: self.folder,
        }
    }
}

/// All files below a folder.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found.sort();
    found
}

/// Puts a file.
pub(crate) fn file(store: &Store, text: &str) -> Node {
    let blob = store.put_blob(text.as_bytes()).unwrap();
    Node::File {
        blob,
        size: text.len() as u64,
        executable: false,
    }
}

/// Puts a folder of (path, text) pairs; a path that ends in `/` is an empty folder, a text `-> x` a link.
pub(crate) fn folder(store: &Store, files: &[(&str, &str)]) -> Node {
    let mut entries: Vec<TreeEntry> = Vec::new();
    let mut below: Vec<(String, Vec<(&str, &str)>)> = Vec::new();
    for (path, text) in files {
        match path.split_once('/') {
            None => {
                let node = match text.strip_prefix("-> ") {
                    Some(target) => Node::Symlink(target.to_owned()),
                    None => file(store, text),
                };
                entries.push(TreeEntry {
                    name: (*path).to_owned(),
                    node,
                });
            }
            Some((name, rest)) => {
                let at = below.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
                    below.push((name.to_owned(), Vec::new()));
                    below.len() - 1
                });
                if !rest.is_empty() {
                    below[at].1.push((rest, text));
                }
            }
        }
    }
    for (name, files) in below {
        entries.push(TreeEntry {
            name,
            node: folder(store, &files),
        });
    }
    Node::Directory(store.put_tree(&Tree::new(entries).unwrap()).unwrap())
}

/// What is at a path of a folder.
pub(crate) fn at(store: &Store, node: &Node, path: &str) -> Option<Node> {
    path.split('/').try_fold(node.clone(), |node, name| match node {
        Node::Directory(tree) => store.tree(&tree).unwrap().get(name).cloned(),
        _ => None,
    })
}

/// Every path of a folder with its file's text, its link's target, or `/`.
pub(crate) fn list(store: &Store, node: &Node) -> Vec<(String, String)> {
    fn walk(store: &Store, node: &Node, path: String, out: &mut Vec<(String, String)>) {
        match node {
            Node::Symlink(target) => out.push((path, format!("-> {target}"))),
            Node::File { blob, executable, .. } => {
                let text = String::from_utf8_lossy(&store.blob(blob).unwrap().read_all().unwrap()).into_owned();
                out.push((path, if *executable { format!("*{text}") } else { text }));
            }
            Node::Directory(tree) => {
                out.push((format!("{path}/"), String::new()));
                for entry in store.tree(tree).unwrap().entries() {
                    walk(store, &entry.node, format!("{path}/{}", entry.name), out);
                }
            }
        }
    }
    let mut out = Vec::new();
    walk(store, node, String::new(), &mut out);
    out
}

pub(crate) fn request(mounts: Vec<(&str, Node)>) -> StepRequest {
    StepRequest {
        component: BlobDigest::of(b"component"),
        adapter: None,
        invocation: step::Invocation::Command(vec!["build".to_owned()], None),
        program: "tool".to_owned(),
        env: vec![("LANG".to_owned(), "C".to_owned())],
        cwd: "/".to_owned(),
        clock_base: DEFAULT_CLOCK_BASE,
        grants: Default::default(),
        mounts: mounts
            .into_iter()
            .map(|(at, node)| Mount {
                at: at.to_owned(),
                node,
                writable: false,
            })
            .collect(),
        outputs: vec![OutputSpec {
            name: "out".to_owned(),
            path: "/out/x".to_owned(),
            pin: None,
        }],
        limits: Limits::DEFAULT,
    }
}

pub(crate) fn action(mounts: Vec<(&str, Node)>) -> Action {
    Action::new(&request(mounts))
}

pub(crate) fn result(outputs: Vec<(&str, Node)>) -> ActionResult {
    ActionResult {
        outputs: outputs
            .into_iter()
            .map(|(name, node)| (name.to_owned(), node))
            .collect(),
        result: Some(Value::String("done".to_owned())),
        stdout: Captured::default(),
        stderr: Captured::default(),
        log: Vec::new(),
        reports: Vec::new(),
        denials: Vec::new(),
        uses: Vec::new(),
        usage: Usage::default(),
    }
}

pub(crate) fn observe(path: &str, fact: Fact) -> Observation {
    Observation {
        mount: 0,
        path: path.to_owned(),
        fact,
    }
}

pub(crate) fn content(store: &Store, node: &Node, path: &str) -> Observation {
    match at(store, node, path) {
        Some(Node::File { blob, .. }) => observe(path, Fact::Content(blob)),
        other => panic!("{path} is {other:?}"),
    }
}
