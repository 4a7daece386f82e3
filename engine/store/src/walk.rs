//! Resolving a path: one pure function, used by the guest's calls and by the evaluation of read sets alike. It knows
//! directories by names, links by targets and nothing of stores, overlays or hosts. Not here: permissions, open flags.
//!
//! Following WASI (`wasi:filesystem`, "path resolution"): a path is relative to a directory; a leading `/`, or a `..` or
//! link that leaves the directory that the walk began in, is `not-permitted`.

use airtight_model::NodeKind;
use airtight_model::tree::MAX_NAME_LEN;

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

    /// The target of a symbolic link that is followed: an implementation that records observations does it here.
    ///
    /// # Errors
    /// The link cannot be loaded.
    fn target(&mut self, link: &Self::Id) -> Result<String, Self::Error>;
}

/// What is done with a symbolic link at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastLink {
    /// It is followed.
    Follow,
    /// It is what was asked for, unless a trailing slash says that what it points to is (`lstat`).
    Keep,
    /// It is what was asked for, slash or not: the path names an entry that is made or removed (`unlink`).
    Entry,
}

/// Why a walk did not arrive (the names are WASI's error codes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// A name in the middle is not there, or the path is empty (`no-entry`).
    #[error("nothing is there")]
    NoEntry,
    /// Something that is not a directory stands where one is needed (`not-directory`).
    #[error("something that is not a folder is in the way")]
    NotDirectory,
    /// More links than [`MAX_LINKS`] (`loop`).
    #[error("too many symbolic links")]
    Loop,
    /// The path is absolute, or it or a link leaves the directory that the walk began in (`not-permitted`).
    #[error("the path leads out of where it began")]
    NotPermitted,
    /// The path is longer than [`MAX_PATH_LEN`] or has a name longer than 255 bytes (`name-too-long`).
    #[error("the path or a name in it is too long")]
    NameTooLong,
    /// The path has a NUL (`invalid`).
    #[error("the path has a NUL")]
    Invalid,
}

/// Where a walk arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival<Id> {
    /// The directory that holds the last name; what the path arrived at where it ends in `.` or `..`.
    pub parent: Id,
    /// The last name, if there is one.
    pub name: Option<String>,
    /// What is there, if anything.
    pub node: Option<Id>,
    /// Whether the path said that it must be a directory: a trailing slash, `.` or `..`. What is there may be another.
    pub must_be_directory: bool,
}

/// Resolves `path` from the directory `start`.
///
/// A last name that is not there is not an error: [`Arrival::node`] is none. A component is looked at only when all
/// before it were crossed, so what is recorded on the way is what the result depends on.
///
/// # Errors
/// The outer error is the structure's own; the inner one says why the walk did not arrive.
pub fn resolve<N: Nodes>(
    nodes: &mut N,
    start: &N::Id,
    path: &str,
    last_link: LastLink,
) -> Result<Result<Arrival<N::Id>, WalkError>, N::Error> {
    let mut walk = Walk {
        crossed: vec![start.clone()],
        pending: Vec::new(),
        must_be_directory: false,
        links: 0,
    };
    let checked = check_path(path).and_then(|()| walk.push(path));
    if let Err(error) = checked {
        return Ok(Err(error));
    }
    walk.run(nodes, last_link)
}

fn check_path(path: &str) -> Result<(), WalkError> {
    if path.is_empty() {
        Err(WalkError::NoEntry)
    } else if path.len() > MAX_PATH_LEN {
        Err(WalkError::NameTooLong)
    } else if path.contains('\0') {
        Err(WalkError::Invalid)
    } else {
        Ok(())
    }
}

/// A walk under way.
struct Walk<Id> {
    /// The directories from the start to where the walk is, never empty: `..` leaves the last one.
    crossed: Vec<Id>,
    /// The components that are left, the next one last.
    pending: Vec<String>,
    must_be_directory: bool,
    links: u32,
}

/// How one component was taken.
enum Taken<Id> {
    On,
    Arrived(Arrival<Id>),
}

impl<Id: Clone + PartialEq> Walk<Id> {
    /// Puts the components of a path or link target before those that are left.
    fn push(&mut self, text: &str) -> Result<(), WalkError> {
        if text.starts_with('/') {
            return Err(WalkError::NotPermitted);
        }
        // A slash in the middle says nothing: what follows needs a directory anyway.
        self.must_be_directory |= self.pending.is_empty() && text.ends_with('/');
        self.pending
            .extend(text.rsplit('/').filter(|part| !part.is_empty()).map(str::to_owned));
        Ok(())
    }

    fn here(&self) -> &Id {
        self.crossed.last().expect("the start is never left")
    }

    fn run<N: Nodes<Id = Id>>(
        mut self,
        nodes: &mut N,
        last_link: LastLink,
    ) -> Result<Result<Arrival<Id>, WalkError>, N::Error> {
        while let Some(part) = self.pending.pop() {
            let taken = match part.as_str() {
                "." => Ok(Taken::On),
                ".." => self.leave(),
                _ => self.take(nodes, part, last_link)?,
            };
            match taken {
                Ok(Taken::On) => {}
                Ok(Taken::Arrived(arrival)) => return Ok(Ok(arrival)),
                Err(error) => return Ok(Err(error)),
            }
        }
        let here = self.here().clone();
        Ok(Ok(Arrival {
            parent: here.clone(),
            name: None,
            node: Some(here),
            must_be_directory: true,
        }))
    }

    fn leave(&mut self) -> Result<Taken<Id>, WalkError> {
        if self.crossed.len() == 1 {
            return Err(WalkError::NotPermitted);
        }
        self.crossed.pop();
        Ok(Taken::On)
    }

    fn take<N: Nodes<Id = Id>>(
        &mut self,
        nodes: &mut N,
        name: String,
        last_link: LastLink,
    ) -> Result<Result<Taken<Id>, WalkError>, N::Error> {
        if name.len() > MAX_NAME_LEN {
            return Ok(Err(WalkError::NameTooLong));
        }
        let last = self.pending.is_empty();
        let parent = self.here().clone();
        let node = nodes.child(&parent, &name)?;
        let kind = match &node {
            Some(node) => Some(nodes.kind(node)?),
            None => None,
        };
        let follows = match last_link {
            LastLink::Follow => true,
            LastLink::Keep => self.must_be_directory,
            LastLink::Entry => false,
        };
        Ok(match (node, kind) {
            (Some(link), Some(NodeKind::Symlink)) if !last || follows => {
                self.links += 1;
                if self.links > MAX_LINKS {
                    return Ok(Err(WalkError::Loop));
                }
                let target = nodes.target(&link)?;
                self.push(&target).map(|()| Taken::On)
            }
            (Some(directory), Some(NodeKind::Directory)) if !last => {
                self.crossed.push(directory);
                Ok(Taken::On)
            }
            (None, _) if !last => Err(WalkError::NoEntry),
            (Some(_), _) if !last => Err(WalkError::NotDirectory),
            (node, _) => {
                let must_be_directory = self.must_be_directory;
                Ok(Taken::Arrived(Arrival {
                    parent,
                    name: Some(name),
                    node,
                    must_be_directory,
                }))
            }
        })
    }
}

#[cfg(test)]
mod tests;
