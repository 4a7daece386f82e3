//! The store's front: one cheap handle that every user clones. Not here: the drivers behind it, and the meaning of
//! actions.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use airtight_model::{BlobDigest, Tree, TreeDigest};

use crate::blob::Blob;
use crate::disk::Disk;
use crate::driver::{Driver, Hold, Kind, SMALL, Source, TempFile};
use crate::error::StoreError;
use crate::fault::{FaultPlan, FaultStore};
use crate::generation::Known;
use crate::large::{self, Fault, LargeFile};
use crate::memory::Memory;
use crate::outboard::{Builder, Outboard};
use crate::scratch::Scratch;
use crate::segments::Hashed;
use crate::trees::TreeCache;

/// A handle to a store. Clones share it; what the last one leaves waiting is written when it goes.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Change nothing. Lookups work; what would write is [`StoreError::ReadOnly`]. A folder that cannot be written is
    /// opened like this by itself.
    pub read_only: bool,
    /// Seconds since 1970, for last uses.
    pub clock: fn() -> u64,
    /// For tests: what fails.
    pub faults: Option<FaultPlan>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            read_only: false,
            clock: system_clock,
            faults: None,
        }
    }
}

fn system_clock() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// What the clones of a [`Store`] share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) clock: fn() -> u64,
    pub(crate) trees: Mutex<TreeCache>,
    pub(crate) generation: Mutex<Known>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.driver.flush(false) {
            tracing::warn!(%error, "what the store had still to write is lost");
        }
    }
}

/// Keeps all that the store has from being swept while it lives: a run holds one.
#[derive(Debug)]
pub struct Lease {
    _hold: Hold,
}

impl Store {
    /// Opens the store at `path`, making one (mode 0700) where nothing is. Nothing outside of `path` is ever written, but for
    /// exports.
    ///
    /// # Errors
    /// The folder holds something else, was written by a newer version, or cannot be made or read.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Self, StoreError> {
        let disk = Disk::open(path, options.read_only)?;
        Ok(Self::with_driver(Box::new(disk), options))
    }

    /// A store in memory that goes with its last handle. For tests and for `--no-cache` like uses.
    pub fn memory() -> Self {
        Self::memory_with(OpenOptions::default())
    }

    /// As [`Store::memory`], with a clock or faults of its own.
    pub fn memory_with(options: OpenOptions) -> Self {
        Self::with_driver(Box::new(Memory::default()), options)
    }

    fn with_driver(driver: Box<dyn Driver>, options: OpenOptions) -> Self {
        let driver = match options.faults {
            Some(plan) => Box::new(FaultStore { inner: driver, plan }),
            None => driver,
        };
        Self {
            inner: Arc::new(Inner {
                driver,
                clock: options.clock,
                trees: Mutex::default(),
                generation: Mutex::default(),
            }),
        }
    }

    /// Opens a blob.
    ///
    /// # Errors
    /// It is not there or was altered ([`StoreError::lost_blob`]), or cannot be read.
    pub fn blob(&self, digest: &BlobDigest) -> Result<Blob, StoreError> {
        match self.inner.driver.open(digest)? {
            None => Err(StoreError::Missing(*digest)),
            Some(Source::Checked(bytes)) => Ok(Blob::bytes(bytes)),
            Some(Source::Unchecked(bytes)) if BlobDigest::of(&bytes) == *digest => Ok(Blob::bytes(Arc::new(bytes))),
            Some(Source::Unchecked(_)) => Err(self.inner.altered(digest, "its bytes are others".to_owned())),
            Some(Source::File(file, path)) => match LargeFile::open(digest, file, path) {
                Ok(file) => Ok(Blob::large(*digest, file, Arc::clone(&self.inner))),
                Err(Fault::Altered(detail)) => Err(self.inner.altered(digest, detail)),
                Err(Fault::Read(error)) => Err(error),
            },
        }
    }

    /// Whether a blob is there. Its bytes are not looked at.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has_blob(&self, digest: &BlobDigest) -> Result<bool, StoreError> {
        self.inner.driver.has(digest)
    }

    /// Keeps `bytes` as a blob.
    ///
    /// # Errors
    /// The disk is full or the store cannot be written.
    pub fn put_blob(&self, bytes: &[u8]) -> Result<BlobDigest, StoreError> {
        self.inner.put_bytes(bytes)
    }

    /// A private file that can become a blob.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        Ok(Scratch::new(Arc::clone(&self.inner)))
    }

    /// Makes a private file a blob, moving it where it can. Returns its digest and size.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn put_scratch(&self, scratch: Scratch) -> Result<(BlobDigest, u64), StoreError> {
        self.inner.put_body(scratch.into_body())
    }

    /// Loads a tree. Trees that were loaded lately are kept in memory.
    ///
    /// # Errors
    /// As [`Store::blob`]; a blob that is not a tree is [`StoreError::Corrupt`].
    pub fn tree(&self, digest: &TreeDigest) -> Result<Arc<Tree>, StoreError> {
        if let Some(tree) = self.inner.trees().get(digest) {
            return Ok(tree);
        }
        let blob = digest.as_blob();
        let bytes = self.blob(&blob)?.read_all()?;
        let tree = Tree::from_document(&bytes).map_err(|error| StoreError::Corrupt {
            digest: blob,
            detail: error.to_string(),
        })?;
        let tree = Arc::new(tree);
        self.inner.trees().put(*digest, &tree);
        Ok(tree)
    }

    /// Keeps a tree.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn put_tree(&self, tree: &Tree) -> Result<TreeDigest, StoreError> {
        Ok(TreeDigest::from_bytes(*self.put_blob(&tree.to_document())?.as_bytes()))
    }

    /// Makes a lost or doubtful blob one that is not there, so that all that names it is a miss.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn forget_blob(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        self.inner.forget(digest)
    }

    /// Keeps all that is there and comes from being swept, as long as what is returned lives.
    ///
    /// # Errors
    /// The lock file cannot be made or locked.
    pub fn lease(&self) -> Result<Lease, StoreError> {
        let hold = self.inner.driver.hold()?;
        // What was read before may be from before a sweep.
        self.inner.renew();
        Ok(Lease { _hold: hold })
    }

    /// Writes what waits, so that other processes see it. It happens by itself after a while, and when the last handle goes.
    ///
    /// # Errors
    /// The disk is full or the store cannot be written. What waits goes on waiting.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.inner.driver.flush(false)
    }

    /// Reads a record that [`Store::record_put`] wrote; none where there is none or it was altered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn record_get(&self, kind: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.record(Kind::Named, &named(kind, key))
    }

    /// Keeps a record: a thing that can be made again, small (at most some 10 KiB), found by `key` among those of `kind`.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn record_put(&self, kind: &str, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.inner.put_record(Kind::Named, &named(kind, key), value)
    }
}

fn named(kind: &str, key: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), &[0], key].concat()
}

/// Bytes of the checksum that every record begins with.
const CHECK: usize = 16;

/// The checksum of a record: BLAKE3 keyed with a constant over the kind's ordinal, the key's length, the key and the value.
fn checksum(kind: Kind, key: &[u8], value: &[u8]) -> [u8; CHECK] {
    let mut hasher = blake3::Hasher::new_keyed(b"airtight store record checksum 1");
    hasher
        .update(&[kind as u8])
        .update(&(key.len() as u32).to_le_bytes())
        .update(key)
        .update(value);
    let mut out = [0; CHECK];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK]);
    out
}

impl Inner {
    pub(crate) fn trees(&self) -> MutexGuard<'_, TreeCache> {
        self.trees.lock().expect("no one panics while holding the lock")
    }

    /// Reads a record; one that was altered is none.
    pub(crate) fn record(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .driver
            .get(kind, key)?
            .and_then(|record| checked(kind, key, record)))
    }

    /// Writes a record.
    pub(crate) fn put_record(&self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut record = Vec::with_capacity(CHECK + value.len());
        record.extend_from_slice(&checksum(kind, key, value));
        record.extend_from_slice(value);
        self.driver.put(kind, key, Some(record))
    }

    /// Removes a record.
    pub(crate) fn remove_record(&self, kind: Kind, key: &[u8]) -> Result<(), StoreError> {
        self.driver.put(kind, key, None)
    }

    /// Reads the records of a kind; the value of one that was altered is none.
    pub(crate) fn scan(
        &self,
        kind: Kind,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], Option<&[u8]>),
    ) -> Result<(), StoreError> {
        self.driver.scan(kind, prefix, &mut |key, record| {
            let sound = record.len() >= CHECK && checksum(kind, key, &record[CHECK..]) == record[..CHECK];
            each(key, sound.then(|| &record[CHECK..]));
        })
    }

    pub(crate) fn put_bytes(&self, bytes: &[u8]) -> Result<BlobDigest, StoreError> {
        if bytes.len() <= SMALL {
            let digest = BlobDigest::of(bytes);
            if !self.driver.has(&digest)? {
                self.driver.insert(&digest, bytes)?;
            }
            return Ok(digest);
        }
        let mut builder = Builder::default();
        builder.update(bytes);
        let (digest, outboard) = builder.finish();
        let outboard = outboard.expect("it is more than one group");
        if self.driver.has(&digest)? {
            return Ok(digest);
        }
        match self.driver.temp()? {
            None => self.driver.insert(&digest, bytes)?,
            Some(file) => {
                use crate::error::At;
                use std::os::unix::fs::FileExt;
                file.file.write_all_at(bytes, 0).at("write", &file.path)?;
                self.adopt(&digest, file, &outboard)?;
            }
        }
        Ok(digest)
    }

    /// Makes a file with all the content a blob.
    pub(crate) fn adopt(&self, digest: &BlobDigest, file: TempFile, outboard: &Outboard) -> Result<(), StoreError> {
        if self.driver.has(digest)? {
            return Ok(());
        }
        large::seal(&file, outboard)?;
        self.driver.adopt(digest, file)
    }

    /// As [`Inner::adopt`], of a file that has the values of its groups already.
    pub(crate) fn adopt_hashed(&self, hashed: &Hashed, file: TempFile, len: u64) -> Result<(), StoreError> {
        if self.driver.has(&hashed.digest)? {
            return Ok(());
        }
        large::seal_groups(&file, len, &hashed.segments)?;
        self.driver.adopt(&hashed.digest, file)
    }

    /// Sets a blob aside whose bytes are others, and says so.
    pub(crate) fn altered(&self, digest: &BlobDigest, detail: String) -> StoreError {
        if let Err(error) = self.forget(digest) {
            tracing::warn!(%error, %digest, "an altered blob cannot be set aside");
        }
        StoreError::Corrupt {
            digest: *digest,
            detail,
        }
    }

    pub(crate) fn forget(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        self.new_generation()?;
        self.trees().remove(&TreeDigest::from_bytes(*digest.as_bytes()));
        self.driver.set_aside(digest)?;
        self.new_generation()
    }
}

fn checked(kind: Kind, key: &[u8], mut record: Vec<u8>) -> Option<Vec<u8>> {
    let sound = record.len() >= CHECK && checksum(kind, key, &record[CHECK..]) == record[..CHECK];
    sound.then(|| record.split_off(CHECK))
}
