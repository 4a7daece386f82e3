//! The store's generation: one number that is another one whenever a blob, tree or result may have gone, so that what
//! was found complete in it need not be looked at again. Not here: what is kept with it (`cache`, `filter`, ingest).

use std::time::{Duration, Instant};

use airtight_model::{Canonical, DecodeError, Decoder, Encoder};

use crate::disk::random;
use crate::driver::Kind;
use crate::error::StoreError;
use crate::store::{Inner, Store};

/// Which state of a store something was found in: see [`Store::generation`]. Two are equal or not, nothing more: they are
/// random, so that no two processes ever choose the same one for two states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Generation(u64);

impl Canonical for Generation {
    fn encode(&self, out: &mut Encoder) {
        out.raw(&self.0.to_le_bytes());
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(u64::from_le_bytes(from.array()?)))
    }
}

/// The key of the record.
const KEY: &[u8] = b"generation";

/// How old a generation may be that is believed. Another process that sets a blob aside is noticed later; until then a
/// hit may name that blob, which is noticed when it is read.
const AGE: Duration = Duration::from_millis(50);

/// The store's generation, as it was lately.
#[derive(Debug, Default)]
pub(crate) struct Known(Option<(Instant, u64)>);

impl Store {
    /// The store's generation as it is at this moment, in every process. It is another one after anything was swept, set aside, forgotten
    /// or removed by [`Store::verify`], and after an index was lost. It is *not* another one after something was added.
    ///
    /// So that many blobs are still there can be told by one comparison: under a [`Store::lease`], ask for the generation, then
    /// see that all of them are there ([`Store::has_blob`], or that a lookup hits), and keep the generation with what names them. While it
    /// is the same, no store has removed any of them, because each removal is between two changes: one before it, so that being killed
    /// in the middle leaves no old generation behind, and one after it, for who looked at the blob between the first and the removal. What is
    /// kept has to be in the store too ([`Store::record_put`]), or kept after a [`Store::flush`]: before it the blobs may be in memory only.
    ///
    /// What it cannot tell: that someone else removed or altered the store's files. That is noticed when they are read, and then
    /// there is another generation.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn generation(&self) -> Result<Generation, StoreError> {
        self.inner.renew();
        self.inner.generation().map(Generation)
    }
}

impl Inner {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.generation.lock().expect("no one panics while holding the lock")
    }

    /// Sees that what is read from here on is no older than this call.
    pub(crate) fn renew(&self) {
        let mut known = self.known();
        self.driver.renew();
        known.0 = None;
    }

    /// The generation, as it was at most [`AGE`] ago.
    pub(crate) fn generation(&self) -> Result<u64, StoreError> {
        let mut known = self.known();
        if let Some((since, generation)) = known.0
            && since.elapsed() < AGE
        {
            return Ok(generation);
        }
        let asked = Instant::now();
        let record = self.record(Kind::Meta, KEY)?;
        let generation = match record.and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => u64::from_le_bytes(bytes),
            // A new store, or one whose index was lost: nothing that was found before counts.
            None => match self.write_generation() {
                Ok(generation) => generation,
                Err(error) => {
                    tracing::debug!(%error, "the store has no generation");
                    return Ok(random());
                }
            },
        };
        known.0 = Some((asked, generation));
        Ok(generation)
    }

    /// Makes all that is known to be complete something to look at again. Before anything is removed *and* after it: see
    /// [`Store::generation`].
    pub(crate) fn new_generation(&self) -> Result<(), StoreError> {
        let mut known = self.known();
        known.0 = None;
        self.write_generation().map(drop)
    }

    fn write_generation(&self) -> Result<u64, StoreError> {
        let generation = random();
        self.put_record(Kind::Meta, KEY, &generation.to_le_bytes())?;
        self.driver.flush(false)?;
        Ok(generation)
    }
}
