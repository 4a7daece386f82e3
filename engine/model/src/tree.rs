//! Trees: directories by value, as the store keeps them. Not here: reading a directory of the host, or loading a tree
//! by its digest (the store), or path resolution.

use crate::canonical::{Canonical, DecodeError, Decoder, Encoder, canonical_enum};
use crate::id::{BlobDigest, ListingDigest, TreeDigest};

/// The longest name of a directory entry, in bytes.
pub const MAX_NAME_LEN: usize = 255;
/// The longest target of a symbolic link, in bytes.
pub const MAX_LINK_LEN: usize = 4095;

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}
canonical_enum!(NodeKind { 0 = File, 1 = Directory, 2 = Symlink });

impl NodeKind {
    /// The word that messages use.
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "folder",
            Self::Symlink => "symbolic link",
        }
    }
}

/// What a name in a tree stands for, by value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A regular file.
    File {
        /// Its content.
        blob: BlobDigest,
        /// Its size in bytes: always that of the blob.
        size: u64,
        /// Whether it is marked as executable.
        executable: bool,
    },
    /// A directory.
    Directory(TreeDigest),
    /// A symbolic link with its target: at most [`MAX_LINK_LEN`] bytes, no NUL.
    Symlink(String),
}

impl Node {
    /// The node's kind.
    pub const fn kind(&self) -> NodeKind {
        match self {
            Self::File { .. } => NodeKind::File,
            Self::Directory(_) => NodeKind::Directory,
            Self::Symlink(_) => NodeKind::Symlink,
        }
    }

    /// A text for people and events: the digest, with what else the node is.
    pub fn describe(&self) -> String {
        match self {
            Self::File {
                blob,
                executable: false,
                ..
            } => blob.to_string(),
            Self::File {
                blob, executable: true, ..
            } => format!("{blob}+x"),
            Self::Directory(tree) => format!("tree:{tree}"),
            Self::Symlink(target) => format!("link:{target}"),
        }
    }
}

impl Canonical for Node {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::File { blob, size, executable } => {
                out.uint(0);
                blob.encode(out);
                size.encode(out);
                executable.encode(out);
            }
            Self::Directory(tree) => {
                out.uint(1);
                tree.encode(out);
            }
            Self::Symlink(target) => {
                out.uint(2);
                target.encode(out);
            }
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match from.uint()? {
            0 => Ok(Self::File {
                blob: Canonical::decode(from)?,
                size: Canonical::decode(from)?,
                executable: Canonical::decode(from)?,
            }),
            1 => Ok(Self::Directory(Canonical::decode(from)?)),
            2 => {
                let target = String::decode(from)?;
                if !is_valid_target(&target) {
                    return Err(from.invalid("a symbolic link's target that is empty, too long or has a NUL"));
                }
                Ok(Self::Symlink(target))
            }
            _ => Err(from.invalid("an unknown kind of node")),
        }
    }
}

/// One name of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// A valid name: see [`is_valid_name`].
    pub name: String,
    /// What it stands for.
    pub node: Node,
}

/// Whether `name` can be a directory entry: 1 to 255 bytes of UTF-8 without `/` and NUL, and neither `.` nor `..`.
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= MAX_NAME_LEN
        && name != "."
        && name != ".."
        && !name.bytes().any(|byte| byte == b'/' || byte == 0)
}

/// Whether `target` can be a symbolic link's target: 1 to 4095 bytes of UTF-8 without NUL.
pub fn is_valid_target(target: &str) -> bool {
    !target.is_empty() && target.len() <= MAX_LINK_LEN && !target.contains('\0')
}

/// Why entries do not make a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A name that no directory entry can have.
    #[error("`{0}` cannot be the name of a file")]
    Name(String),
    /// A name that is there twice.
    #[error("the name `{0}` is there twice")]
    Duplicate(String),
    /// A link target that no symbolic link can have.
    #[error("the symbolic link `{0}` has a target that is empty, too long or has a NUL")]
    Target(String),
}

/// A directory by value: entries strictly ascending by the bytes of their names.
///
/// Stored as the document `ATtr` version 1: a sequence of (name, node). See `docs/formats/tree.md`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    entries: Vec<TreeEntry>,
}

impl Tree {
    const MAGIC: [u8; 4] = *b"ATtr";
    const VERSION: u8 = 1;

    /// Makes a tree of entries in any order.
    ///
    /// # Errors
    /// An invalid or repeated name, or an invalid link target.
    pub fn new(mut entries: Vec<TreeEntry>) -> Result<Self, TreeError> {
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for entry in &entries {
            if !is_valid_name(&entry.name) {
                return Err(TreeError::Name(entry.name.clone()));
            }
            if matches!(&entry.node, Node::Symlink(target) if !is_valid_target(target)) {
                return Err(TreeError::Target(entry.name.clone()));
            }
        }
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(TreeError::Duplicate(pair[0].name.clone()));
        }
        Ok(Self { entries })
    }

    /// The entries, ascending by name.
    pub fn entries(&self) -> &[TreeEntry] {
        &self.entries
    }

    /// What `name` stands for.
    pub fn get(&self, name: &str) -> Option<&Node> {
        let at = self
            .entries
            .binary_search_by(|entry| entry.name.as_str().cmp(name))
            .ok()?;
        Some(&self.entries[at].node)
    }

    /// The bytes that the store keeps for this tree.
    pub fn to_document(&self) -> Vec<u8> {
        let mut out = Encoder::document(Self::MAGIC, Self::VERSION);
        out.uint(self.entries.len() as u64);
        for entry in &self.entries {
            entry.name.encode(&mut out);
            entry.node.encode(&mut out);
        }
        out.finish()
    }

    /// Reads what [`Tree::to_document`] wrote.
    ///
    /// # Errors
    /// Any other bytes: unsorted or repeated names, invalid names, other encodings.
    pub fn from_document(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::document(bytes, Self::MAGIC, Self::VERSION)?;
        let count = from.count()?;
        let mut entries: Vec<TreeEntry> = Vec::with_capacity(count.min(1 << 16));
        for _ in 0..count {
            let name = String::decode(&mut from)?;
            if !is_valid_name(&name) {
                return Err(from.invalid("a name that no file can have"));
            }
            if entries.last().is_some_and(|last| last.name >= name) {
                return Err(from.invalid("names that are not strictly ascending"));
            }
            entries.push(TreeEntry {
                name,
                node: Node::decode(&mut from)?,
            });
        }
        from.finish()?;
        Ok(Self { entries })
    }

    /// The tree's digest: that of its document.
    pub fn digest(&self) -> TreeDigest {
        TreeDigest::from_bytes(*BlobDigest::of(&self.to_document()).as_bytes())
    }

    /// The digest of the listing: names and kinds, nothing of the children's contents.
    pub fn listing(&self) -> ListingDigest {
        listing_digest(
            self.entries
                .iter()
                .map(|entry| (entry.name.as_str(), entry.node.kind())),
        )
    }
}

/// The digest of a listing: `derive_key("airtight listing v1")` over the pairs in ascending order of name, each a text
/// and a kind in the canonical encoding.
pub fn listing_digest<'a>(pairs: impl Iterator<Item = (&'a str, NodeKind)>) -> ListingDigest {
    let mut hasher = blake3::Hasher::new_derive_key("airtight listing v1");
    for (name, kind) in pairs {
        let mut out = Encoder::new();
        out.bytes(name.as_bytes());
        kind.encode(&mut out);
        hasher.update(&out.finish());
    }
    ListingDigest::from_bytes(*hasher.finalize().as_bytes())
}
