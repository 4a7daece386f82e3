//! The store's errors. Not here: their exit codes (the command line maps them).

use std::path::PathBuf;

use airtight_model::BlobDigest;

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A blob is not there: what names it is a miss, and its maker runs again.
    #[error("blob {0} is not in the store")]
    Missing(BlobDigest),
    /// A blob's bytes are not what its digest says; it has been set aside.
    #[error("blob {digest} was altered on disk: {detail}")]
    Corrupt {
        /// The blob.
        digest: BlobDigest,
        /// What was found.
        detail: String,
    },
    /// The operating system refused an operation.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `create`, ….
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl StoreError {
    /// The blob that has to be made again, if that is what is wrong.
    pub fn lost_blob(&self) -> Option<BlobDigest> {
        match self {
            Self::Missing(digest) | Self::Corrupt { digest, .. } => Some(*digest),
            Self::Io { .. } => None,
        }
    }
}
