//! Open blobs and private files that become blobs. Not here: where they are kept.

use std::sync::Arc;

use airtight_model::BlobDigest;

use crate::error::StoreError;

/// An open blob. What it reads is always what its digest says: a range is checked before it is handed out.
#[derive(Debug, Clone)]
pub struct Blob {
    bytes: Arc<Vec<u8>>,
}

impl Blob {
    pub(crate) fn memory(bytes: Arc<Vec<u8>>) -> Self {
        Self { bytes }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Reads at `offset` as much as is there and `buffer` holds: less than that only at the end. Returns the count.
    ///
    /// # Errors
    /// The bytes are not what the digest says, or cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let count = buffer.len().min(self.bytes.len() - start);
        buffer[..count].copy_from_slice(&self.bytes[start..start + count]);
        Ok(count)
    }

    /// Reads the whole blob into memory. For blobs whose size the caller has bounded.
    ///
    /// # Errors
    /// As [`Blob::read_at`].
    pub fn read_all(&self) -> Result<Vec<u8>, StoreError> {
        let mut out = vec![0; usize::try_from(self.size()).expect("a blob that a caller reads whole fits in memory")];
        let count = self.read_at(0, &mut out)?;
        out.truncate(count);
        Ok(out)
    }
}

/// A private file of the store that is written in any order and becomes a blob: a guest's large output. Dropped
/// without [`Scratch::finish`], it is gone.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) bytes: Vec<u8>,
}

impl Scratch {
    /// Its present length in bytes.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`Blob::read_at`], of what was written so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, StoreError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let count = buffer.len().min(self.bytes.len() - start);
        buffer[..count].copy_from_slice(&self.bytes[start..start + count]);
        Ok(count)
    }

    /// Writes all of `bytes` at `offset`; a gap before it reads as zeros.
    ///
    /// # Errors
    /// The disk is full or the file cannot be written.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let start = usize::try_from(offset).expect("callers bound the size of a file");
        let end = start + bytes.len();
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(bytes);
        Ok(())
    }

    /// Cuts or extends it with zeros.
    ///
    /// # Errors
    /// As [`Scratch::write_at`].
    pub fn set_len(&mut self, len: u64) -> Result<(), StoreError> {
        self.bytes.resize(usize::try_from(len).expect("callers bound the size of a file"), 0);
        Ok(())
    }

    /// The digest of what is there now, and its size, without making it a blob.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn digest(&self) -> Result<(BlobDigest, u64), StoreError> {
        Ok((BlobDigest::of(&self.bytes), self.len()))
    }
}
