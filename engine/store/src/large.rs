//! Large blobs: files with content and outboard, read range by range, each checked. Not here: where the files are.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use airtight_model::BlobDigest;
use blake3::hazmat::ChainingValue;

use crate::copy::{self, CopyError};
use crate::driver::TempFile;
use crate::error::{At, StoreError};
use crate::outboard::{self, GROUP, GROUPS_IN_SEGMENT, Outboard, SEGMENT};

/// The last bytes of the file of a large blob.
const MAGIC: [u8; 8] = *b"ATblob01";
/// Bytes of the trailer: the content's length and [`MAGIC`].
const TRAILER: u64 = 16;
/// The largest blob, in bytes.
pub(crate) const MAX_BLOB: u64 = 1 << 42;

/// Writes outboard and trailer behind the content of a file, which so becomes that of a large blob.
pub(crate) fn seal(file: &TempFile, outboard: &Outboard) -> Result<(), StoreError> {
    let groups = outboard.groups.as_flattened();
    file.file.write_all_at(groups, outboard.len).at("write", &file.path)?;
    seal_groups(file, outboard.len, &outboard.segments)
}

/// As [`seal`], of a file that has the values of the groups already.
pub(crate) fn seal_groups(file: &TempFile, len: u64, segments: &[ChainingValue]) -> Result<(), StoreError> {
    let (group_count, _) = outboard::counts(len);
    let mut end = segments.as_flattened().to_vec();
    end.extend_from_slice(&len.to_le_bytes());
    end.extend_from_slice(&MAGIC);
    let at = len + group_count * 32;
    file.file.write_all_at(&end, at).at("write", &file.path)
}

/// An open large blob.
///
/// ```text
/// content  { chaining value of a group: 32 bytes }*  { of a segment: 32 bytes }*  content's length: u64 LE  "ATblob01"
/// ```
#[derive(Debug)]
pub(crate) struct LargeFile {
    file: File,
    path: PathBuf,
    len: u64,
    segments: Vec<ChainingValue>,
    recent: Mutex<Recent>,
}

/// What was read and checked last: guests read small ranges in order.
#[derive(Debug, Default)]
struct Recent {
    segment: Option<(u64, Arc<Vec<ChainingValue>>)>,
    group: Option<(u64, Arc<Vec<u8>>)>,
}

/// Why a range is not served.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The bytes are not those of the blob.
    Altered(String),
    /// They cannot be read.
    Read(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Read(error)
    }
}

impl LargeFile {
    /// Opens a blob's file and checks the segments' values against the digest.
    pub(crate) fn open(digest: &BlobDigest, file: File, path: PathBuf) -> Result<Self, Fault> {
        let altered = |what: &str| Fault::Altered(what.to_owned());
        let file_len = file.metadata().at("inspect", &path)?.len();
        let mut trailer = [0; TRAILER as usize];
        let at = file_len
            .checked_sub(TRAILER)
            .ok_or_else(|| altered("its file is cut off"))?;
        read_exact(&file, &path, &mut trailer, at)?;
        let (len, magic) = trailer.split_at(8);
        let len = u64::from_le_bytes(len.try_into().expect("eight bytes of sixteen"));
        if magic != MAGIC || len > MAX_BLOB || len <= GROUP {
            return Err(altered("its file is cut off"));
        }
        let (group_count, segment_count) = outboard::counts(len);
        if len + (group_count + segment_count) * 32 + TRAILER != file_len {
            return Err(altered("its file has another length"));
        }
        let segments = read_values(&file, &path, len + group_count * 32, segment_count)?;
        let large = Self {
            file,
            path,
            len,
            segments,
            recent: Mutex::default(),
        };
        let found = match segment_count {
            1 => outboard::digest_of_groups(&large.values_of_segment(0)?, len),
            _ => outboard::digest_of_segments(&large.segments, len),
        };
        if found == *digest {
            Ok(large)
        } else {
            Err(altered("its check values are of another blob"))
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Writes the content to an empty file, which `shown` names, and sees that what arrived there is the blob. False when it is not: this
    /// blob was altered, or that file is being written by someone else.
    pub(crate) fn write_to(&self, digest: &BlobDigest, target: &File, shown: &Path) -> Result<bool, StoreError> {
        match copy::copy_and_hash(self.file.as_fd(), target, shown, self.len, false) {
            Ok(hashed) => Ok(hashed.is_some_and(|hashed| hashed.digest == *digest)),
            Err(CopyError::Store(error)) => Err(error),
            Err(CopyError::Source(error)) => Ok(Err(std::io::Error::from(error)).at("read", &self.path)?),
        }
    }

    fn values_of_segment(&self, segment: u64) -> Result<Arc<Vec<ChainingValue>>, Fault> {
        if let Some((known, values)) = &self.recent().segment
            && *known == segment
        {
            return Ok(Arc::clone(values));
        }
        let len = (self.len - segment * SEGMENT).min(SEGMENT);
        let at = self.len + segment * GROUPS_IN_SEGMENT * 32;
        let values = read_values(&self.file, &self.path, at, len.div_ceil(GROUP))?;
        if outboard::merge(&values, len, GROUP) != self.segments[segment as usize] {
            return Err(Fault::Altered(format!(
                "the check values of its bytes from {} are others",
                segment * SEGMENT
            )));
        }
        let values = Arc::new(values);
        self.recent().segment = Some((segment, Arc::clone(&values)));
        Ok(values)
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().expect("no one panics while holding the lock")
    }

    /// Reads the group into `buffer`, which is as long as the group, and checks it.
    fn read_group(&self, group: u64, buffer: &mut [u8]) -> Result<(), Fault> {
        let offset = group * GROUP;
        let expected = self.values_of_segment(offset / SEGMENT)?[(group % GROUPS_IN_SEGMENT) as usize];
        read_exact(&self.file, &self.path, buffer, offset)?;
        if outboard::group_value(offset, buffer) == expected {
            Ok(())
        } else {
            Err(Fault::Altered(format!(
                "its bytes from {offset} to {} are others",
                offset + buffer.len() as u64
            )))
        }
    }

    /// Reads at `offset` as much as is there and `buffer` holds.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize, Fault> {
        let count = (self.len.saturating_sub(offset)).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < count {
            let at = offset + done as u64;
            let (group, skip) = (at / GROUP, (at % GROUP) as usize);
            let group_len = (self.len - group * GROUP).min(GROUP) as usize;
            let wanted = (count - done).min(group_len - skip);
            let target = &mut buffer[done..done + wanted];
            if wanted == group_len {
                self.read_group(group, target)?;
            } else {
                let known = self.recent().group.clone().filter(|(known, _)| *known == group);
                let bytes = match known {
                    Some((_, bytes)) => bytes,
                    None => {
                        let mut bytes = vec![0; group_len];
                        self.read_group(group, &mut bytes)?;
                        let bytes = Arc::new(bytes);
                        self.recent().group = Some((group, Arc::clone(&bytes)));
                        bytes
                    }
                };
                target.copy_from_slice(&bytes[skip..skip + wanted]);
            }
            done += wanted;
        }
        Ok(count)
    }
}

fn read_values(file: &File, path: &Path, at: u64, count: u64) -> Result<Vec<ChainingValue>, Fault> {
    let mut bytes = vec![0; usize::try_from(count * 32).map_err(|_| Fault::Altered("it is too large".to_owned()))?];
    read_exact(file, path, &mut bytes, at)?;
    Ok(bytes
        .chunks_exact(32)
        .map(|value| value.try_into().expect("chunks of 32 bytes"))
        .collect())
}

fn read_exact(file: &File, path: &Path, buffer: &mut [u8], at: u64) -> Result<(), Fault> {
    match file.read_exact_at(buffer, at) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(Fault::Altered("its file is cut off".to_owned()))
        }
        other => Ok(other.at("read", path)?),
    }
}
