//! A driver whose n-th operation fails: shows what a full or failing disk costs. Not here: torn or altered files, which
//! tests make themselves.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use airtight_model::BlobDigest;

use crate::driver::{Driver, Hold, Kind, Source, Stored, TempFile};
use crate::error::StoreError;

/// Which operation fails, and how. Clones share the count.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    fails_at: u64,
    kind: io::ErrorKind,
    done: Arc<AtomicU64>,
}

impl FaultPlan {
    /// Lets operation number `n`, from 0, fail with an error of this kind, and no other.
    pub fn nth(n: u64, kind: io::ErrorKind) -> Self {
        Self {
            fails_at: n,
            kind,
            done: Arc::default(),
        }
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    fn step(&self, verb: &'static str) -> Result<(), StoreError> {
        if self.done.fetch_add(1, Ordering::SeqCst) == self.fails_at {
            let source = io::Error::from(self.kind);
            return Err(StoreError::Io {
                verb,
                path: PathBuf::from("a store with a fault"),
                source,
            });
        }
        Ok(())
    }
}

/// A driver around another.
#[derive(Debug)]
pub(crate) struct FaultStore {
    pub(crate) inner: Box<dyn Driver>,
    pub(crate) plan: FaultPlan,
}

impl Driver for FaultStore {
    fn open(&self, digest: &BlobDigest) -> Result<Option<Source>, StoreError> {
        self.plan.step("open")?;
        self.inner.open(digest)
    }

    fn has(&self, digest: &BlobDigest) -> Result<bool, StoreError> {
        self.plan.step("look for")?;
        self.inner.has(digest)
    }

    fn insert(&self, digest: &BlobDigest, bytes: &[u8]) -> Result<(), StoreError> {
        self.plan.step("write")?;
        self.inner.insert(digest, bytes)
    }

    fn temp(&self) -> Result<Option<TempFile>, StoreError> {
        self.plan.step("create")?;
        self.inner.temp()
    }

    fn adopt(&self, digest: &BlobDigest, file: TempFile) -> Result<(), StoreError> {
        self.plan.step("rename")?;
        self.inner.adopt(digest, file)
    }

    fn set_aside(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        self.plan.step("set aside")?;
        self.inner.set_aside(digest)
    }

    fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.plan.step("read")?;
        self.inner.get(kind, key)
    }

    fn put(&self, kind: Kind, key: &[u8], value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.plan.step("write")?;
        self.inner.put(kind, key, value)
    }

    fn scan(&self, kind: Kind, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        self.plan.step("list")?;
        self.inner.scan(kind, prefix, each)
    }

    fn renew(&self) {
        self.inner.renew();
    }

    fn flush(&self, durable: bool) -> Result<(), StoreError> {
        self.plan.step("sync")?;
        self.inner.flush(durable)
    }

    fn hold(&self) -> Result<Hold, StoreError> {
        self.plan.step("lock")?;
        self.inner.hold()
    }

    fn blobs(&self, each: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        self.plan.step("list")?;
        self.inner.blobs(each)
    }

    fn exclusively(&self, body: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.plan.step("lock")?;
        self.inner.exclusively(body)
    }

    fn retain(&self, keep: &dyn Fn(&BlobDigest) -> bool) -> Result<u64, StoreError> {
        self.plan.step("remove")?;
        self.inner.retain(keep)
    }

    fn index_size(&self) -> u64 {
        self.inner.index_size()
    }
}
