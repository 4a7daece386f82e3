//! The store's front: one cheap handle that every user clones. Not here: the drivers behind it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use airtight_model::{BlobDigest, Tree, TreeDigest};

use crate::blob::{Blob, Scratch};
use crate::error::StoreError;

/// A handle to a store. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    blobs: Arc<Mutex<HashMap<BlobDigest, Arc<Vec<u8>>>>>,
}

impl Store {
    /// A store in memory that goes with its last handle. For tests and for `--no-cache` like uses.
    pub fn memory() -> Self {
        Self { blobs: Arc::default() }
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// It is not there or was altered ([`StoreError::lost_blob`]), or cannot be read.
    pub fn blob(&self, digest: &BlobDigest) -> Result<Blob, StoreError> {
        let blobs = self.blobs.lock().expect("no one panics while holding the lock");
        blobs.get(digest).cloned().map(Blob::memory).ok_or(StoreError::Missing(*digest))
    }

    /// Keeps `bytes` as a blob.
    ///
    /// # Errors
    /// The disk is full or the store cannot be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<BlobDigest, StoreError> {
        let digest = BlobDigest::of(bytes);
        let mut blobs = self.blobs.lock().expect("no one panics while holding the lock");
        blobs.entry(digest).or_insert_with(|| Arc::new(bytes.to_vec()));
        Ok(digest)
    }

    /// A private file that can become a blob.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        Ok(Scratch::default())
    }

    /// Makes a private file a blob, moving it where it can. Returns its digest and size.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn put_scratch(&self, scratch: Scratch) -> Result<(BlobDigest, u64), StoreError> {
        let size = scratch.len();
        Ok((self.put_blob(&scratch.bytes)?, size))
    }

    /// Loads a tree. Trees that were loaded lately are kept in memory.
    ///
    /// # Errors
    /// As [`Store::blob`]; a blob that is not a tree is [`StoreError::Corrupt`].
    pub fn tree(&self, digest: &TreeDigest) -> Result<Arc<Tree>, StoreError> {
        let blob = digest.as_blob();
        let bytes = self.blob(&blob)?.read_all()?;
        let tree = Tree::from_document(&bytes)
            .map_err(|error| StoreError::Corrupt { digest: blob, detail: error.to_string() })?;
        Ok(Arc::new(tree))
    }

    /// Keeps a tree.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn put_tree(&self, tree: &Tree) -> Result<TreeDigest, StoreError> {
        Ok(TreeDigest::from_bytes(*self.put_blob(&tree.to_document())?.as_bytes()))
    }
}
