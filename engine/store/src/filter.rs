//! Trees made of trees: the files that globs match, and folders of labelled nodes. Not here: what globs of a pipeline file
//! may be (`ingest::rules` compiles them).

use airtight_model::{Canonical, DecodeError, Decoder, Encoder, Node, Tree, TreeEntry};
use globset::GlobMatcher;

use crate::cache::{MAX_TREE_DEPTH, whole};
use crate::driver::Kind;
use crate::error::StoreError;
use crate::ingest::{IngestError, compile};
use crate::store::Store;

/// A folder with only the files that globs match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    /// The folder: matching files and links, and the folders that lead to them. It may be empty.
    pub node: Node,
    /// Globs that match nothing.
    pub unmatched: Vec<String>,
}

impl Canonical for Filtered {
    fn encode(&self, out: &mut Encoder) {
        (self.node.encode(out), self.unmatched.encode(out)).1
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            node: Canonical::decode(from)?,
            unmatched: Canonical::decode(from)?,
        })
    }
}

struct Filter<'a> {
    store: &'a Store,
    matchers: Vec<GlobMatcher>,
    /// The folder that all that a glob matches is in: the others need not be loaded.
    below: Vec<String>,
    used: Vec<bool>,
}

impl Store {
    /// Takes from a folder the files and links whose paths in it match one of `globs` (`*` stays within a name, `**` does not), with
    /// the folders that lead to them. What was worked out is remembered.
    ///
    /// # Errors
    /// A pattern is no glob, or a folder is lost or cannot be read.
    pub fn filter(&self, node: &Node, globs: &[String]) -> Result<Filtered, IngestError> {
        let key = blake3::derive_key("airtight filter v1", &(node.to_bytes(), globs.to_vec()).to_bytes());
        let generation = self.inner.generation()?;
        if let Some((known, filtered)) = self
            .inner
            .record(Kind::Filter, &key)?
            .and_then(|bytes| whole::<(u64, Filtered)>(&bytes))
            && known == generation
        {
            return Ok(filtered);
        }
        let matchers = globs.iter().map(|glob| Ok(compile(trim(glob))?.compile_matcher()));
        let mut filter = Filter {
            store: self,
            matchers: matchers.collect::<Result<_, IngestError>>()?,
            below: globs.iter().map(|glob| literal_folder(trim(glob))).collect(),
            used: vec![false; globs.len()],
        };
        let node = match node {
            Node::Directory(_) => filter
                .folder(node, "", 0)?
                .map_or_else(|| self.put_tree(&Tree::default()).map(Node::Directory), Ok)?,
            other => other.clone(),
        };
        let unmatched = globs
            .iter()
            .zip(&filter.used)
            .filter(|(_, used)| !**used)
            .map(|(glob, _)| glob.clone());
        let filtered = Filtered {
            node,
            unmatched: unmatched.collect(),
        };
        self.inner
            .put_record(Kind::Filter, &key, &(generation, filtered.clone()).to_bytes())?;
        Ok(filtered)
    }

    /// Makes a folder of labelled nodes: the cells of a matrix.
    ///
    /// # Errors
    /// A label cannot be a name or is there twice ([`StoreError::Name`]), or the store cannot be written.
    pub fn cells(&self, cells: Vec<(String, Node)>) -> Result<Node, StoreError> {
        let entries = cells.into_iter().map(|(name, node)| TreeEntry { name, node }).collect();
        Ok(Node::Directory(self.put_tree(&Tree::new(entries)?)?))
    }
}

fn trim(glob: &str) -> &str {
    glob.strip_prefix("./").unwrap_or(glob)
}

/// The folders at the beginning of a glob that are said literally.
fn literal_folder(glob: &str) -> String {
    let end = glob.find(['*', '?', '[', '{', '\\']).unwrap_or(glob.len());
    glob[..end]
        .rfind('/')
        .map_or(String::new(), |slash| glob[..slash].to_owned())
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

impl Filter<'_> {
    fn folder(&mut self, node: &Node, path: &str, depth: usize) -> Result<Option<Node>, IngestError> {
        let Node::Directory(digest) = node else { return Ok(None) };
        if depth > MAX_TREE_DEPTH {
            return Err(IngestError::Deep { path: path.to_owned() });
        }
        let tree = self.store.tree(digest)?;
        let mut entries = Vec::new();
        for entry in tree.entries() {
            let path = if path.is_empty() {
                entry.name.clone()
            } else {
                format!("{path}/{}", entry.name)
            };
            let kept = match &entry.node {
                Node::Directory(_) if self.leads_on(&path) => self.folder(&entry.node, &path, depth + 1)?,
                Node::Directory(_) => None,
                other => self.matches(&path).then(|| other.clone()),
            };
            entries.extend(kept.map(|node| TreeEntry {
                name: entry.name.clone(),
                node,
            }));
        }
        if entries.is_empty() {
            return Ok(None);
        }
        if entries == tree.entries() {
            return Ok(Some(node.clone()));
        }
        let tree = Tree::new(entries).map_err(StoreError::from)?;
        Ok(Some(Node::Directory(self.store.put_tree(&tree)?)))
    }

    fn leads_on(&self, path: &str) -> bool {
        self.below
            .iter()
            .any(|below| is_below(path, below) || is_below(below, path))
    }

    fn matches(&mut self, path: &str) -> bool {
        let mut any = false;
        for (matcher, used) in self.matchers.iter().zip(&mut self.used) {
            if matcher.is_match(path) {
                any = true;
                *used = true;
            }
        }
        any
    }
}
