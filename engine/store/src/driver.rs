//! What keeps a store's bytes: the trait behind [`crate::Store`]. Not here: what the bytes mean. A driver is not
//! believed: blobs are checked against their digests and records against their checksums by who reads them.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airtight_model::BlobDigest;

use crate::error::StoreError;

/// The largest blob that is kept among others in a pack, in bytes.
pub(crate) const SMALL: usize = 64 << 10;

/// Where a blob's bytes are.
#[derive(Debug)]
pub(crate) enum Source {
    /// Here, and known to be those that were put.
    Checked(Arc<Vec<u8>>),
    /// Here, as they were read.
    Unchecked(Vec<u8>),
    /// In a file of their own: content and outboard, see [`crate::large`].
    File(File, PathBuf),
}

/// The kinds of records. The ordinals are the first byte of a record's key in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(crate) enum Kind {
    /// What concerns the whole store.
    Meta = 0,
    /// Digest of a small blob → where it is. Private to the disk driver.
    Place = 1,
    /// Full key → result.
    Entry = 2,
    /// Static key → read sets.
    Reads = 3,
    /// Identity of a step → its last action.
    Last = 4,
    /// Digest of a tree → the generation in which all below it was there.
    Complete = 5,
    /// Folder of a source → what was seen of it.
    Folder = 6,
    /// Source → its last tree.
    Source = 7,
    /// (tree, globs) → tree.
    Filter = 8,
    /// Exported path → what was written there.
    Export = 9,
    /// Run → its outputs.
    Run = 10,
    /// Records of others.
    Named = 11,
    /// Pipeline and run → what its steps did.
    History = 12,
    /// Who needs blobs, for as long as they say so → these.
    Pin = 13,
}

impl Kind {
    /// The kinds whose records have a checksum.
    pub(crate) const CHECKED: [Self; 13] = [
        Self::Meta,
        Self::Entry,
        Self::Reads,
        Self::Last,
        Self::Complete,
        Self::Folder,
        Self::Source,
        Self::Filter,
        Self::Export,
        Self::Run,
        Self::Named,
        Self::History,
        Self::Pin,
    ];
}

/// A private file in the store's folder. It is removed when it is dropped without being adopted.
#[derive(Debug)]
pub(crate) struct TempFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) adopted: bool,
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.adopted {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Keeps a store from being swept while it lives.
#[derive(Debug)]
pub(crate) struct Hold {
    /// A shared lock, which goes when the file is closed.
    _lock: Option<File>,
    /// Who holds a store in memory is counted.
    count: Option<Arc<AtomicUsize>>,
}

impl Hold {
    pub(crate) fn locked(file: File) -> Self {
        Self {
            _lock: Some(file),
            count: None,
        }
    }

    /// Where no sweep can come.
    pub(crate) fn none() -> Self {
        Self {
            _lock: None,
            count: None,
        }
    }

    pub(crate) fn counted(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self {
            _lock: None,
            count: Some(Arc::clone(count)),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(count) = &self.count {
            count.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// What a blob costs, as a sweep sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) digest: BlobDigest,
    /// Size of the content in bytes.
    pub(crate) size: u64,
    pub(crate) packed: bool,
}

/// Keeps bytes. All methods may be called from several threads at once.
pub(crate) trait Driver: Send + Sync + fmt::Debug {
    /// Finds a blob's bytes.
    fn open(&self, digest: &BlobDigest) -> Result<Option<Source>, StoreError>;
    /// Whether a blob is there, without reading it.
    fn has(&self, digest: &BlobDigest) -> Result<bool, StoreError>;
    /// Keeps a blob of at most [`SMALL`] bytes.
    fn insert(&self, digest: &BlobDigest, bytes: &[u8]) -> Result<(), StoreError>;
    /// Makes a private file; none where blobs are kept in memory.
    fn temp(&self) -> Result<Option<TempFile>, StoreError>;
    /// Keeps a file that is complete, content and outboard, as a blob.
    fn adopt(&self, digest: &BlobDigest, file: TempFile) -> Result<(), StoreError>;
    /// Puts a blob out of reach, keeping its bytes for who wants to look at them.
    fn set_aside(&self, digest: &BlobDigest) -> Result<(), StoreError>;

    /// Reads a record.
    fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Writes a record, or removes it. It may be on disk only after [`Driver::flush`].
    fn put(&self, kind: Kind, key: &[u8], value: Option<Vec<u8>>) -> Result<(), StoreError>;
    /// Reads the records of a kind whose keys begin with `prefix`, ascending by key.
    fn scan(&self, kind: Kind, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError>;

    /// Sees that what is read from here on is no older than this call, whoever wrote it.
    fn renew(&self);
    /// Writes what waits; `durable`: and sees that it survives a loss of power.
    fn flush(&self, durable: bool) -> Result<(), StoreError>;
    /// Keeps the store from being swept.
    fn hold(&self) -> Result<Hold, StoreError>;
    /// Lists all blobs, in no order.
    fn blobs(&self, each: &mut dyn FnMut(Stored)) -> Result<(), StoreError>;
    /// Runs `body` with no one else holding the store; [`StoreError::InUse`] when someone does.
    fn exclusively(&self, body: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError>;
    /// Removes all blobs but those that `keep` says; returns the bytes that were freed. Only inside of
    /// [`Driver::exclusively`].
    fn retain(&self, keep: &dyn Fn(&BlobDigest) -> bool) -> Result<u64, StoreError>;
    /// What the index takes, in bytes.
    fn index_size(&self) -> u64;
}
