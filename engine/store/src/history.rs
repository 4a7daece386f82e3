//! Histories of runs: what steps did, kept for the last runs of each pipeline. Not here: the outputs of runs (`sweep`).

use airtight_model::history::RunHistory;
use airtight_model::{BlobDigest, Canonical};

use crate::cache::{Document, whole};
use crate::driver::Kind;
use crate::error::StoreError;
use crate::store::Store;
use crate::sweep::KEPT_RUNS;

/// A kept history: when, its document, the blobs that it names.
type Kept = (u64, (Document, Vec<BlobDigest>));

/// Bytes of a record's key that say which pipeline it is of.
const PIPELINE: usize = 16;

/// The key of a run: the beginning of its pipeline's digest, then the run's id, so that a pipeline's runs lie together
/// in their order.
fn key(pipeline: &str, run: &str) -> Vec<u8> {
    let mut key = BlobDigest::of(pipeline.as_bytes()).as_bytes()[..PIPELINE].to_vec();
    key.extend_from_slice(run.as_bytes());
    key
}

impl Store {
    /// Keeps what the steps of a run did, for the last [`KEPT_RUNS`] runs of `pipeline` of which there is something to keep.
    /// Runs are ordered by their ids.
    ///
    /// # Errors
    /// As [`Store::put_blob`].
    pub fn record_history(&self, pipeline: &str, history: &RunHistory) -> Result<(), StoreError> {
        let document = self.keep_document(&history.to_document())?;
        let reads = history.steps.iter().filter_map(|step| step.reads).collect();
        let kept: Kept = ((self.inner.clock)(), (document, reads));
        self.inner
            .put_record(Kind::History, &key(pipeline, &history.run), &kept.to_bytes())?;
        let mut known = Vec::new();
        self.inner
            .scan(Kind::History, &key(pipeline, ""), |key, _| known.push(key.to_vec()))?;
        let old = known.len().saturating_sub(KEPT_RUNS);
        known[..old]
            .iter()
            .try_for_each(|key| self.inner.remove_record(Kind::History, key))
    }

    /// What the steps of the last runs of a pipeline did, each with when it was recorded (seconds since 1970), the last one
    /// first. What is lost is left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn histories(&self, pipeline: &str) -> Result<Vec<(u64, RunHistory)>, StoreError> {
        let mut records: Vec<Kept> = Vec::new();
        self.inner.scan(Kind::History, &key(pipeline, ""), |_, value| {
            records.extend(value.and_then(whole::<Kept>));
        })?;
        let mut histories = Vec::new();
        for (at, (document, _)) in records.into_iter().rev() {
            let bytes = self.document(document)?;
            let history = bytes.and_then(|bytes| RunHistory::from_document(&bytes).ok());
            histories.extend(history.map(|history| (at, history)));
        }
        Ok(histories)
    }

    /// The blobs that histories need.
    pub(crate) fn blobs_of_histories(&self) -> Result<Vec<BlobDigest>, StoreError> {
        let mut blobs = Vec::new();
        self.inner.scan(Kind::History, &[], |_, value| {
            if let Some((_, (document, reads))) = value.and_then(whole::<Kept>) {
                blobs.extend(reads);
                if let Document::Blob(digest) = document {
                    blobs.push(digest);
                }
            }
        })?;
        Ok(blobs)
    }
}
