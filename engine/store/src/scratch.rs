//! Private files that are written in any order and become blobs. Not here: overlays, which own the bytes' meaning.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use airtight_model::BlobDigest;

use crate::blob::copy_from;
use crate::driver::{SMALL, TempFile};
use crate::error::{At, StoreError};
use crate::outboard::Builder;
use crate::segments;
use crate::store::Inner;

/// How many bytes are kept in memory before a file is made.
pub const MAX_IN_MEMORY: u64 = 256 << 10;

/// A private file of the store that is written in any order and becomes a blob: a guest's large output. Dropped without
/// [`crate::Store::put_scratch`], it is gone. Up to [`MAX_IN_MEMORY`] bytes it is in memory; beyond, in a file of mode 0600 in the
/// store's `tmp/`, hashed as it is written as long as that is from front to back.
#[derive(Debug)]
pub struct Scratch {
    store: Arc<Inner>,
    body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Memory(Vec<u8>),
    File(Spilled),
}

#[derive(Debug)]
pub(crate) struct Spilled {
    file: TempFile,
    len: u64,
    /// The values of what was written, as long as it was from front to back.
    builder: Option<Builder>,
}

impl Spilled {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        match &mut self.builder {
            Some(builder) if builder.len() == offset => builder.update(bytes),
            other => *other = None,
        }
        let written = self.file.file.write_all_at(bytes, offset).at("write", &self.file.path);
        if written.is_err() {
            self.builder = None;
        }
        self.len = self.len.max(offset + bytes.len() as u64);
        written
    }

    /// Whether all of it was hashed as it was written.
    fn is_hashed(&self) -> bool {
        self.builder.as_ref().is_some_and(|builder| builder.len() == self.len)
    }

    /// All of it, where it is no more than fits among others in a pack.
    fn small(&self) -> Result<Option<Vec<u8>>, StoreError> {
        if self.len > SMALL as u64 {
            return Ok(None);
        }
        let mut bytes = vec![0; self.len as usize];
        self.file
            .file
            .read_exact_at(&mut bytes, 0)
            .at("read", &self.file.path)?;
        Ok(Some(bytes))
    }
}

impl Scratch {
    pub(crate) fn new(store: Arc<Inner>) -> Self {
        Self {
            store,
            body: Body::Memory(Vec::new()),
        }
    }

    pub(crate) fn into_body(self) -> Body {
        self.body
    }

    /// Its present length in bytes.
    pub fn len(&self) -> u64 {
        match &self.body {
            Body::Memory(bytes) => bytes.len() as u64,
            Body::File(file) => file.len,
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As [`crate::Blob::read_at`], of what was written so far.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, StoreError> {
        match &self.body {
            Body::Memory(bytes) => Ok(copy_from(bytes, offset, buffer)),
            Body::File(file) => {
                let count = file.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
                file.file
                    .file
                    .read_exact_at(&mut buffer[..count], offset)
                    .at("read", &file.file.path)?;
                Ok(count)
            }
        }
    }

    /// Writes all of `bytes` at `offset`; a gap before it reads as zeros.
    ///
    /// # Errors
    /// The disk is full or the file cannot be written.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let end = offset.saturating_add(bytes.len() as u64);
        self.make_room(end)?;
        match &mut self.body {
            Body::File(file) => file.write_at(offset, bytes),
            Body::Memory(held) => {
                let (start, end) = (offset as usize, end as usize);
                if end > held.len() {
                    held.resize(end, 0);
                }
                held[start..end].copy_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Cuts or extends it with zeros.
    ///
    /// # Errors
    /// As [`Scratch::write_at`].
    pub fn set_len(&mut self, len: u64) -> Result<(), StoreError> {
        self.make_room(len)?;
        match &mut self.body {
            Body::Memory(held) => held.resize(len as usize, 0),
            Body::File(file) => {
                file.file.file.set_len(len).at("resize", &file.file.path)?;
                if file.builder.as_ref().is_none_or(|builder| builder.len() != len) {
                    file.builder = (len == 0).then(Builder::default);
                }
                file.len = len;
            }
        }
        Ok(())
    }

    /// Moves what is in memory to a file, where `len` bytes are too many for it and the store has files.
    fn make_room(&mut self, len: u64) -> Result<(), StoreError> {
        let Body::Memory(held) = &mut self.body else {
            return Ok(());
        };
        if len <= MAX_IN_MEMORY {
            return Ok(());
        }
        if let Some(file) = self.store.driver.temp()? {
            let mut spilled = Spilled {
                file,
                len: 0,
                builder: Some(Builder::default()),
            };
            spilled.write_at(0, held)?;
            self.body = Body::File(spilled);
        }
        Ok(())
    }

    /// The digest of what is there now, and its size, without making it a blob.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn digest(&self) -> Result<(BlobDigest, u64), StoreError> {
        match &self.body {
            Body::Memory(bytes) => Ok((BlobDigest::of(bytes), self.len())),
            Body::File(file) => {
                let digest = match (file.small()?, &file.builder) {
                    (Some(bytes), _) => BlobDigest::of(&bytes),
                    (None, Some(builder)) if file.is_hashed() => builder.clone().finish().0,
                    (None, _) => segments::hash(&file.file.file, &file.file.path, file.len, false)?.digest,
                };
                Ok((digest, file.len))
            }
        }
    }
}

impl Inner {
    /// Makes a private file a blob.
    pub(crate) fn put_body(&self, body: Body) -> Result<(BlobDigest, u64), StoreError> {
        let spilled = match body {
            Body::Memory(bytes) => return Ok((self.put_bytes(&bytes)?, bytes.len() as u64)),
            Body::File(spilled) => spilled,
        };
        let len = spilled.len;
        if let Some(bytes) = spilled.small()? {
            return Ok((self.put_bytes(&bytes)?, len));
        }
        if spilled.is_hashed()
            && let Some(builder) = spilled.builder
        {
            let (digest, outboard) = builder.finish();
            let outboard = outboard.expect("it is more than one group");
            self.adopt(&digest, spilled.file, &outboard)?;
            return Ok((digest, len));
        }
        let hashed = segments::hash(&spilled.file.file, &spilled.file.path, len, true)?;
        self.adopt_hashed(&hashed, spilled.file, len)?;
        Ok((hashed.digest, len))
    }
}
