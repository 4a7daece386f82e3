//! Open blobs. Not here: where they are kept, and private files that become blobs.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use airtight_model::BlobDigest;

use crate::error::{At, StoreError};
use crate::large::{Fault, LargeFile};
use crate::store::Inner;

/// An open blob. What it reads is always what its digest says: a range is checked before it is handed out.
#[derive(Debug, Clone)]
pub struct Blob {
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    /// All of it, checked.
    Bytes(Arc<Vec<u8>>),
    /// A file of which each range is checked.
    Large(Arc<Large>),
}

#[derive(Debug)]
struct Large {
    digest: BlobDigest,
    file: LargeFile,
    store: Arc<Inner>,
}

impl Blob {
    pub(crate) fn bytes(bytes: Arc<Vec<u8>>) -> Self {
        Self {
            content: Content::Bytes(bytes),
        }
    }

    pub(crate) fn large(digest: BlobDigest, file: LargeFile, store: Arc<Inner>) -> Self {
        Self {
            content: Content::Large(Arc::new(Large { digest, file, store })),
        }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Large(large) => large.file.len(),
        }
    }

    /// Reads at `offset` as much as is there and `buffer` holds: less than that only at the end. Returns the count.
    ///
    /// # Errors
    /// The bytes are not what the digest says, or cannot be read. What is in the buffer then means nothing.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, StoreError> {
        match &self.content {
            Content::Bytes(bytes) => Ok(copy_from(bytes, offset, buffer)),
            Content::Large(large) => match large.file.read_at(offset, buffer) {
                Ok(count) => Ok(count),
                Err(Fault::Read(error)) => Err(error),
                Err(Fault::Altered(detail)) => Err(large.store.altered(&large.digest, detail)),
            },
        }
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

    /// Writes the whole blob to an empty file that can be read too; errors of that file have the path `shown`. What is in the file afterwards
    /// was read back and is the blob.
    pub(crate) fn write_to(&self, target: &File, shown: &Path) -> Result<(), StoreError> {
        let large = match &self.content {
            Content::Bytes(bytes) => return target.write_all_at(bytes, 0).at("write", shown),
            Content::Large(large) => large,
        };
        if large.file.write_to(&large.digest, target, shown)? {
            return Ok(());
        }
        // Whose fault it is: where the blob is altered, this says so and sets it aside.
        self.for_each_part::<StoreError>(|_| Ok(()))?;
        let error = io::Error::other("what was written to it is not what is in it");
        Err(error).at("write", shown)
    }

    /// Hands the whole blob to `each`, at most 1 MiB at a time, in order.
    ///
    /// # Errors
    /// As [`Blob::read_at`], and those of `each`.
    pub fn for_each_part<E: From<StoreError>>(&self, mut each: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if let Content::Bytes(bytes) = &self.content {
            return if bytes.is_empty() { Ok(()) } else { each(bytes) };
        }
        let mut buffer = vec![0; 1 << 20];
        let mut offset = 0;
        while offset < self.size() {
            let count = self.read_at(offset, &mut buffer)?;
            each(&buffer[..count])?;
            offset += count as u64;
        }
        Ok(())
    }
}

/// Copies what `bytes` has at `offset`; returns the count.
pub(crate) fn copy_from(bytes: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    let count = buffer.len().min(bytes.len() - start);
    buffer[..count].copy_from_slice(&bytes[start..start + count]);
    count
}
