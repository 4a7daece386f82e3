//! The driver in memory: for tests, and for runs that keep nothing. Not here: any file.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use airtight_model::BlobDigest;

use crate::driver::{Driver, Hold, Kind, Source, Stored, TempFile};
use crate::error::StoreError;

/// Blobs and records in maps.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    maps: Mutex<Maps>,
    holds: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct Maps {
    blobs: HashMap<BlobDigest, Arc<Vec<u8>>>,
    records: BTreeMap<(Kind, Vec<u8>), Vec<u8>>,
}

impl Memory {
    fn maps(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().expect("no one panics while holding the lock")
    }
}

impl Driver for Memory {
    fn open(&self, digest: &BlobDigest) -> Result<Option<Source>, StoreError> {
        Ok(self.maps().blobs.get(digest).cloned().map(Source::Checked))
    }

    fn has(&self, digest: &BlobDigest) -> Result<bool, StoreError> {
        Ok(self.maps().blobs.contains_key(digest))
    }

    fn insert(&self, digest: &BlobDigest, bytes: &[u8]) -> Result<(), StoreError> {
        self.maps()
            .blobs
            .entry(*digest)
            .or_insert_with(|| Arc::new(bytes.to_vec()));
        Ok(())
    }

    fn temp(&self) -> Result<Option<TempFile>, StoreError> {
        Ok(None)
    }

    fn adopt(&self, _: &BlobDigest, file: TempFile) -> Result<(), StoreError> {
        // No file of this driver's can be adopted: `temp` makes none.
        Err(StoreError::ReadOnly {
            path: file.path.clone(),
        })
    }

    fn set_aside(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        self.maps().blobs.remove(digest);
        Ok(())
    }

    fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.maps().records.get(&(kind, key.to_vec())).cloned())
    }

    fn put(&self, kind: Kind, key: &[u8], value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let mut maps = self.maps();
        match value {
            Some(value) => maps.records.insert((kind, key.to_vec()), value),
            None => maps.records.remove(&(kind, key.to_vec())),
        };
        Ok(())
    }

    fn scan(&self, kind: Kind, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        // Copied first: `each` may use the store.
        let found: Vec<(Vec<u8>, Vec<u8>)> = (self.maps().records.range((kind, prefix.to_vec())..))
            .take_while(|((found, key), _)| *found == kind && key.starts_with(prefix))
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect();
        found.iter().for_each(|(key, value)| each(key, value));
        Ok(())
    }

    fn renew(&self) {}

    fn flush(&self, _: bool) -> Result<(), StoreError> {
        Ok(())
    }

    fn hold(&self) -> Result<Hold, StoreError> {
        Ok(Hold::counted(&self.holds))
    }

    fn blobs(&self, each: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        for (digest, bytes) in &self.maps().blobs {
            each(Stored {
                digest: *digest,
                size: bytes.len() as u64,
                packed: true,
            });
        }
        Ok(())
    }

    fn exclusively(&self, body: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        if self.holds.load(Ordering::SeqCst) > 0 {
            return Err(StoreError::InUse {
                path: PathBuf::from("in memory"),
            });
        }
        body()
    }

    fn retain(&self, keep: &dyn Fn(&BlobDigest) -> bool) -> Result<u64, StoreError> {
        let mut freed = 0;
        self.maps().blobs.retain(|digest, bytes| {
            let stays = keep(digest);
            freed += if stays { 0 } else { bytes.len() as u64 };
            stays
        });
        Ok(freed)
    }

    fn index_size(&self) -> u64 {
        self.maps()
            .records
            .iter()
            .map(|((_, key), value)| (key.len() + value.len()) as u64)
            .sum()
    }
}
