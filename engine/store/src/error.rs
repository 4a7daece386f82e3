//! The store's errors. Not here: their exit codes (the command line maps them).

use std::io;
use std::path::{Path, PathBuf};

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
        source: io::Error,
    },
    /// The index cannot be used, for a reason that setting it aside would not mend.
    #[error("cannot use the index {}: {detail}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A newer version of Airtight wrote the store.
    #[error("the store {} has version {found}, and this program knows versions up to {known}", path.display())]
    NewerVersion {
        /// The store's folder.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version that this program can use.
        known: u32,
    },
    /// The folder has files in it and is not a store.
    #[error("{} is not a store: {detail}", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Something has to be written and the store was opened for reading or cannot be written.
    #[error("the store {} is read-only", path.display())]
    ReadOnly {
        /// The store's folder.
        path: PathBuf,
    },
    /// Another process keeps the store from being changed.
    #[error("the store {} is being used by another process", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// Names that cannot be those of a folder's files.
    #[error(transparent)]
    Name(#[from] airtight_model::tree::TreeError),
    /// An archive of cached results cannot be believed.
    #[error("the archive is damaged: {detail}")]
    Archive {
        /// What is wrong, and where.
        detail: String,
    },
}

impl StoreError {
    /// The blob that has to be made again, if that is what is wrong.
    pub fn lost_blob(&self) -> Option<BlobDigest> {
        match self {
            Self::Missing(digest) | Self::Corrupt { digest, .. } => Some(*digest),
            _ => None,
        }
    }

    /// Whether the disk or a quota is full.
    pub fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// The stable code of a diagnostic of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "S0001",
            Self::Corrupt { .. } => "S0002",
            Self::Io { .. } if self.is_disk_full() => "S0004",
            Self::Io { .. } => "S0003",
            Self::Index { .. } => "S0005",
            Self::NewerVersion { .. } => "S0006",
            Self::NotAStore { .. } => "S0007",
            Self::ReadOnly { .. } => "S0008",
            Self::InUse { .. } => "S0009",
            Self::Archive { .. } => "S0010",
            Self::Name(_) => "S0011",
        }
    }

    /// What to do about it, if there is something to do.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Missing(_) | Self::Corrupt { .. } => {
                Some("run the pipeline again: what is lost is made again".to_owned())
            }
            Self::Io { .. } if self.is_disk_full() => Some(
                "free some space, for example with `airtight cache sweep`, or name another folder with `--store`"
                    .to_owned(),
            ),
            Self::Io { .. } | Self::Name(_) => None,
            Self::Index { path, .. } => Some(format!(
                "remove {}: it costs cached results, nothing else",
                path.display()
            )),
            Self::NewerVersion { .. } => Some("update Airtight, or name another folder with `--store`".to_owned()),
            Self::NotAStore { .. } => Some("name an empty or a new folder with `--store`".to_owned()),
            Self::ReadOnly { .. } => Some("name a folder that can be written with `--store`".to_owned()),
            Self::InUse { .. } => Some("try again when the other runs are done".to_owned()),
            Self::Archive { .. } => Some("export the archive again with `airtight cache export`".to_owned()),
        }
    }
}

/// Makes an [`io::Error`] a [`StoreError::Io`] with what was tried and where.
pub(crate) trait At<T> {
    fn at(self, verb: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, verb: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io {
            verb,
            path: path.to_owned(),
            source: source.into(),
        })
    }
}
