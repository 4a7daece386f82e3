//! The virtual file system of one attempt: mounts, `/tmp` and `/out`, over trees in the store. It knows what the guest
//! observed of the mounts, and what of it became outputs. Not here: WASI's types and handles (`cap::fs`), wasmtime, and
//! any folder of the host: no path of it is ever reachable.
//!
//! ```text
//! Vfs ── nodes: NodeId → Inode { identity, region, origin?, body }
//!          File       bytes in the store · in memory · in a private file of the store
//!          Directory  the mounted tree, and over it the names that were looked up or changed
//!          Symlink    its target
//! ```
//!
//! A node is made when its name is looked up, so a mount of 100,000 files costs what one of 10 does. What a guest sees
//! is a function of the mounts and of what it did: listings are sorted, a node's identity is its place, times and link
//! counts are constants, numbers are given in the order of making.
//!
//! **Invariant:** if every observation of [`Vfs::read_set`] holds of other mounts of the same shape, the same operations
//! give the same results and the same outputs there (`tests::law`).

mod code;
mod collect;
mod file;
mod lookup;
mod mounts;
mod node;
mod observe;
mod ops;

use airtight_model::{Limits, Mount, ReadSet};
use airtight_store::{Store, StoreError};

pub use code::{Code, StruckLimit};
pub use collect::CollectError;
pub use file::MAX_READ;
pub use lookup::Listing;
pub use mounts::MountError;
pub use node::NodeId;
pub use ops::{Open, Stat};

use mounts::Region;
use node::Inodes;
use observe::Reads;

/// What the guest read and wrote, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileUsage {
    /// Bytes that it read from mounts.
    pub read: u64,
    /// Bytes that it wrote.
    pub written: u64,
}

/// What is taken of the limits, and what was done.
#[derive(Debug, Default)]
struct Used {
    /// Bytes in overlays.
    bytes: u64,
    /// Those of them that are in memory.
    memory: u64,
    /// Names that the guest made.
    files: u64,
    /// Bytes read from mounts.
    read: u64,
    /// Bytes written.
    written: u64,
}

/// The file system of one attempt.
#[derive(Debug)]
pub struct Vfs {
    store: Store,
    limits: Limits,
    nodes: Inodes,
    regions: Vec<Region>,
    root: NodeId,
    reads: Reads,
    used: Used,
    /// Open handles.
    handles: u32,
    /// Entries of listings that are held open.
    listed: u64,
    /// How many nodes the guest has made.
    made: u64,
    struck: Option<StruckLimit>,
    host_error: Option<StoreError>,
}

impl Vfs {
    /// Makes the file system of an attempt. Reads nothing from the store.
    ///
    /// # Errors
    /// The mounts do not make a file system, which the pipeline's checks rule out.
    pub fn new(store: Store, mounts: &[Mount], limits: Limits) -> Result<Self, MountError> {
        let mut vfs = Self {
            root: NodeId::UNSET,
            store,
            limits,
            nodes: Inodes::default(),
            regions: Vec::new(),
            reads: Reads::new(mounts),
            used: Used::default(),
            handles: 0,
            listed: 0,
            made: 0,
            struck: None,
            host_error: None,
        };
        vfs.mount_all(mounts)?;
        Ok(vfs)
    }

    /// What the guest observed so far. Complete once outputs were collected.
    pub fn read_set(&self) -> ReadSet {
        self.reads.read_set()
    }

    /// The first limit that the guest struck. It ends the attempt.
    pub fn struck(&self) -> Option<StruckLimit> {
        self.struck
    }

    /// The first failure of the host that the guest saw as [`Code::Io`]. The attempt is not to be trusted, whatever
    /// the guest made of it.
    pub fn host_error(&self) -> Option<&StoreError> {
        self.host_error.as_ref()
    }

    /// As [`Vfs::host_error`], to be kept.
    pub fn take_host_error(&mut self) -> Option<StoreError> {
        self.host_error.take()
    }

    /// What the guest read and wrote so far.
    pub fn usage(&self) -> FileUsage {
        FileUsage {
            read: self.used.read,
            written: self.used.written,
        }
    }

    fn strike(&mut self, limit: StruckLimit, code: Code) -> Code {
        self.struck.get_or_insert(limit);
        code
    }

    fn host_failed(&mut self, error: StoreError) -> Code {
        self.host_error.get_or_insert(error);
        Code::Io
    }

    /// Remembers a failure of the host.
    fn trust<T>(&mut self, result: Result<T, StoreError>) -> Result<T, Code> {
        result.map_err(|error| self.host_failed(error))
    }

    fn take_handle(&mut self) -> Result<(), Code> {
        if self.handles >= self.limits.handles {
            return Err(self.strike(StruckLimit::Handles(self.limits.handles), Code::InsufficientMemory));
        }
        self.handles += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
