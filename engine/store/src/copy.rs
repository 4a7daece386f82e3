//! Copying a file of the host into the store, and a blob out of it: by the kernel where it can, while another thread hashes what
//! arrived. Not here: whether the file was the same before and after, which its reader looks at.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use airtight_model::BlobDigest;
use rustix::io::Errno;

use crate::driver::TempFile;
use crate::error::{At, StoreError};
use crate::segments::{self, Hashed, Segments};
use crate::store::Inner;

/// How many bytes are copied at a time.
const CHUNK: u64 = 4 << 20;
/// How many where they go through memory.
const BUFFER: usize = 1 << 20;

/// Why a file is not copied.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// It cannot be read.
    Source(Errno),
    Store(StoreError),
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Errno> for CopyError {
    fn from(error: Errno) -> Self {
        Self::Source(error)
    }
}

impl Inner {
    /// Keeps the content of an open file of `len` bytes, more than a group, as a blob: the digest is that of the bytes that are
    /// kept. None when it has not that many bytes.
    pub(crate) fn put_file(
        &self,
        source: BorrowedFd<'_>,
        len: u64,
        temp: TempFile,
    ) -> Result<Option<BlobDigest>, CopyError> {
        let Some(hashed) = copy_and_hash(source, &temp.file, &temp.path, len, true)? else {
            return Ok(None);
        };
        // One byte more, to see a file that has grown.
        if retry(|| rustix::io::pread(source, &mut [0; 1], len))? != 0 {
            return Ok(None);
        }
        self.adopt_hashed(&hashed, temp, len)?;
        Ok(Some(hashed.digest))
    }
}

/// Copies the first `len` bytes, more than a group, of a file into an empty one, and hashes what arrived there; `keep`: see [`Segments`].
/// None when there are less.
pub(crate) fn copy_and_hash(
    source: BorrowedFd<'_>,
    target: &File,
    path: &Path,
    len: u64,
    keep: bool,
) -> Result<Option<Hashed>, CopyError> {
    let segments = Segments::new(target, path, len, keep);
    let copied = std::thread::scope(|scope| {
        if segments::threads_for(len) > 1 {
            segments::helper(scope, || segments.work());
        }
        let copied = copy(source, target, path, len, |ready| segments.ready(ready));
        match &copied {
            Ok(true) => segments.work(),
            _ => segments.stop(),
        }
        copied
    });
    Ok(if copied? { Some(segments.finish()?) } else { None })
}

/// Copies `len` bytes, telling `ready` how many are there. False when there are less.
fn copy(source: BorrowedFd<'_>, target: &File, path: &Path, len: u64, ready: impl Fn(u64)) -> Result<bool, CopyError> {
    let mut by_kernel = true;
    let mut buffer = Vec::new();
    let mut at = 0;
    while at < len {
        let count = if by_kernel {
            match copy_by_kernel(source, target, at, (len - at).min(CHUNK)) {
                // Some file systems have nothing to give to the kernel, or say so by an error.
                Ok(0) => {
                    by_kernel = false;
                    continue;
                }
                Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
                    return Ok(Err(std::io::Error::from(error)).at("write", path)?);
                }
                Err(_) => {
                    by_kernel = false;
                    continue;
                }
                Ok(count) => count,
            }
        } else {
            buffer.resize(BUFFER, 0);
            let wanted = (len - at).min(BUFFER as u64) as usize;
            let count = retry(|| rustix::io::pread(source, &mut buffer[..wanted], at))?;
            target.write_all_at(&buffer[..count], at).at("write", path)?;
            count
        };
        if count == 0 {
            return Ok(false);
        }
        at += count as u64;
        ready(at);
    }
    Ok(true)
}

fn copy_by_kernel(source: BorrowedFd<'_>, target: &File, at: u64, count: u64) -> rustix::io::Result<usize> {
    let (mut from, mut to) = (at, at);
    retry(|| rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), count as usize))
}

pub(crate) fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::fd::AsFd;

    use super::*;
    use crate::store::{OpenOptions, Store};

    fn content(len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        blake3::Hasher::new().finalize_xof().fill(&mut out);
        out
    }

    /// A file that the kernel does not copy into a store: it is on another file system.
    fn elsewhere(bytes: &[u8]) -> File {
        let file: File = rustix::fs::memfd_create("content", rustix::fs::MemfdFlags::CLOEXEC)
            .unwrap()
            .into();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn beside(folder: &std::path::Path, bytes: &[u8]) -> File {
        std::fs::write(folder.join("source"), bytes).unwrap();
        File::open(folder.join("source")).unwrap()
    }

    // By the kernel and through memory, at the edges of groups, segments, chunks and of what is worth a thread: the plain digest, and all
    // of it can be read back by a process that has only the file.
    #[test]
    fn a_copied_file_is_the_blob_of_its_bytes() {
        let segment = 1 << 20;
        for len in [
            65_537,
            segment,
            segment + 1,
            3 * segment - 16_384,
            4 * segment,
            9 * segment + 5,
            20 * segment,
        ] {
            let bytes = content(len);
            let folder = tempfile::tempdir().unwrap();
            for (name, source) in [("a", elsewhere(&bytes)), ("b", beside(folder.path(), &bytes))] {
                let path = folder.path().join(name);
                let store = Store::open(&path, OpenOptions::default()).unwrap();
                let temp = store.inner.driver.temp().unwrap().unwrap();
                let digest = store.inner.put_file(source.as_fd(), len as u64, temp).unwrap();
                assert_eq!(digest, Some(BlobDigest::of(&bytes)), "{len}");
                drop(store);
                let store = Store::open(&path, OpenOptions::default()).unwrap();
                assert!(
                    store.blob(&digest.unwrap()).unwrap().read_all().unwrap() == bytes,
                    "{len}"
                );
            }
        }
    }

    // A file that is shorter or longer than was said is none, whichever way it is copied, and leaves nothing.
    #[test]
    fn a_file_of_another_length_is_not_kept() {
        let bytes = content(10 << 20);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("s"), OpenOptions::default()).unwrap();
        for source in [elsewhere(&bytes), beside(folder.path(), &bytes)] {
            for len in [100_000, bytes.len() - 1, bytes.len() + 1, bytes.len() * 2] {
                let temp = store.inner.driver.temp().unwrap().unwrap();
                let kept = store.inner.put_file(source.as_fd(), len as u64, temp).unwrap();
                assert_eq!(kept, None, "{len}");
            }
        }
        assert_eq!(store.stats().unwrap().large_blobs, 0);
        assert_eq!(std::fs::read_dir(folder.path().join("s/tmp")).unwrap().count(), 0);
    }
}
