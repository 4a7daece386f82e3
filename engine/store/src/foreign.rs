//! Digests that others ask for: the SHA-256 of a blob, computed when it is needed and remembered. Not here: the store's
//! own, which is BLAKE3.

use airtight_model::BlobDigest;
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::store::Store;

/// The kind of the records that hold them: the blob's digest → 32 bytes.
const SHA256: &str = "blob sha256 v1";

impl Store {
    /// The SHA-256 of a blob's bytes. It is computed once; as all records it is believed as far as the store's folder is.
    ///
    /// # Errors
    /// As [`Store::blob`]. That it cannot be remembered is none.
    pub fn sha256(&self, digest: &BlobDigest) -> Result<[u8; 32], StoreError> {
        let known = self.record_get(SHA256, digest.as_bytes())?;
        if let Some(known) = known.and_then(|bytes| bytes.try_into().ok()) {
            return Ok(known);
        }
        let mut hasher = Sha256::new();
        self.blob(digest)?.for_each_part(|part| {
            hasher.update(part);
            Ok::<_, StoreError>(())
        })?;
        let found: [u8; 32] = hasher.finalize().into();
        if let Err(error) = self.record_put(SHA256, digest.as_bytes(), &found) {
            tracing::debug!(%error, "a SHA-256 is not remembered");
        }
        Ok(found)
    }
}
