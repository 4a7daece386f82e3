//! Resolving a path: one pure function, used by the guest's calls and by the evaluation of read sets alike. It knows
//! directories by names, links by targets and nothing of stores, overlays or hosts. Not here: permissions, open flags.
//!
//! Following WASI (`wasi:filesystem`, "path resolution"): a path is relative to a directory; a leading `/`, or a `..` or
//! link that leaves the directory that the walk began in, is `not-permitted`.

use airtight_model::NodeKind;

/// How many links one walk may cross: the value of Linux.
pub const MAX_LINKS: u32 = 40;
/// The longest path that a guest may give, in bytes: the value of Linux.
pub const MAX_PATH_LEN: usize = 4096;

/// A directory structure that a walk can go through. `Id` names a node in it.
pub trait Nodes {
    /// Names a node.
    type Id: Clone + PartialEq;
    /// What can fail besides the walk.
    type Error;

    /// The kind of a node.
    ///
    /// # Errors
    /// The node cannot be loaded.
    fn kind(&mut self, id: &Self::Id) -> Result<NodeKind, Self::Error>;

    /// The child of a directory. Called for each name that is crossed, in order: an implementation that records
    /// observations does it here.
    ///
    /// # Errors
    /// The directory cannot be loaded.
    fn child(&mut self, directory: &Self::Id, name: &str) -> Result<Option<Self::Id>, Self::Error>;

    /// The parent of a directory; none for the root.
    fn parent(&mut self, directory: &Self::Id) -> Option<Self::Id>;

    /// The target of a symbolic link that is followed.
    ///
    /// # Errors
    /// The link cannot be loaded.
    fn target(&mut self, link: &Self::Id) -> Result<String, Self::Error>;
}

/// Why a walk did not arrive (the names are WASI's error codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalkError {
    /// A name in the middle is not there (`no-entry`).
    NoEntry,
    /// Something that is not a directory stands where one is needed (`not-directory`).
    NotDirectory,
    /// More links than [`MAX_LINKS`] (`loop`).
    Loop,
    /// The path is absolute, or it or a link leaves the directory that the walk began in (`not-permitted`).
    NotPermitted,
    /// The path is longer than [`MAX_PATH_LEN`] or has a name longer than 255 bytes (`name-too-long`).
    NameTooLong,
    /// The path has a NUL (`invalid`).
    Invalid,
}

/// Where a walk arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival<Id> {
    /// The directory that holds the last name; the start itself where the path has no name left (`.`, `a/..`).
    pub parent: Id,
    /// The last name, if there is one.
    pub name: Option<String>,
    /// What is there, if anything.
    pub node: Option<Id>,
    /// Whether the path said that it must be a directory: a trailing slash, `.` or `..`.
    pub must_be_directory: bool,
}
