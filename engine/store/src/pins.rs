//! Pins: blobs that someone outside needs, such as the components that a lock names. A sweep spares them until who pinned them takes that
//! back. Not here: who that is, and whether they are still there.

use airtight_model::{BlobDigest, Canonical};

use crate::cache::whole;
use crate::driver::Kind;
use crate::error::StoreError;
use crate::store::Store;

/// Blobs with their sizes in bytes.
pub type Pinned = Vec<(BlobDigest, u64)>;

impl Store {
    /// Keeps blobs from being swept, in the name of who needs them and in place of what was pinned in that name before; none of them takes
    /// the name back.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn pin(&self, name: &str, blobs: &Pinned) -> Result<(), StoreError> {
        if blobs.is_empty() {
            return self.inner.remove_record(Kind::Pin, name.as_bytes());
        }
        self.inner.put_record(Kind::Pin, name.as_bytes(), &blobs.to_bytes())
    }

    /// What is pinned, by who needs it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn pins(&self) -> Result<Vec<(String, Pinned)>, StoreError> {
        let mut pins = Vec::new();
        self.inner.scan(Kind::Pin, &[], |name, value| {
            if let (Ok(name), Some(blobs)) = (std::str::from_utf8(name), value.and_then(whole)) {
                pins.push((name.to_owned(), blobs));
            }
        })?;
        Ok(pins)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sweep::SweepLimits;

    // A sweep that keeps nothing else keeps these, until they are needed no more.
    #[test]
    fn what_is_pinned_is_not_swept() {
        let store = Store::memory();
        let (one, two) = (store.put_blob(b"one").unwrap(), store.put_blob(b"two").unwrap());
        store.pin("/a/airtight.lock", &vec![(one, 3)]).unwrap();
        store.pin("/b/airtight.lock", &vec![(one, 3), (two, 3)]).unwrap();
        let there = || {
            let _ = store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
            (store.has_blob(&one).unwrap(), store.has_blob(&two).unwrap())
        };
        assert_eq!(there(), (true, true));
        store.pin("/b/airtight.lock", &Vec::new()).unwrap();
        assert_eq!(there(), (true, false));
        assert_eq!(store.pins().unwrap(), [("/a/airtight.lock".to_owned(), vec![(one, 3)])]);
        store.pin("/a/airtight.lock", &Vec::new()).unwrap();
        assert_eq!(there(), (false, false));
    }
}
