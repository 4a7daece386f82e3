//! Looking at the names of one folder: what each stands for, read where nothing is known of it or it has changed. Several
//! threads share the names of a large folder. Not here: which folders there are, and what becomes of what was found.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use airtight_model::{BlobDigest, tree::is_valid_target};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};

use super::seen::{Seen, SeenFolder, SeenRef, Stamp};
use super::walk::{Listing, Walk, join};
use super::{IngestError, LinkProblem, Sink};
use crate::copy::{CopyError, retry};
use crate::driver::SMALL;

/// How many names a thread takes at a time.
const PART: usize = 256;

/// The names of a folder, to be looked at by several threads.
pub(super) struct Parts {
    fd: Arc<OwnedFd>,
    /// The folder's path in the source.
    path: String,
    pub(super) listing: Arc<Listing>,
    /// The first name that no thread has taken.
    next: AtomicUsize,
    looked: Mutex<Looked>,
    all: Condvar,
}

/// What was found.
#[derive(Default)]
pub(super) struct Looked {
    /// Files and links that are not as they are known, by position.
    pub(super) found: Vec<(u32, Seen)>,
    /// The positions of folders.
    pub(super) below: Vec<u32>,
    pub(super) problems: Vec<IngestError>,
    /// The paths of links, and their targets.
    pub(super) links: Vec<(String, String)>,
    /// How many files and links there are, and how many were read.
    pub(super) files: u64,
    pub(super) read: u64,
    /// How many names were looked at.
    names: usize,
}

impl Looked {
    fn append(&mut self, mut other: Self) {
        self.found.append(&mut other.found);
        self.below.append(&mut other.below);
        self.problems.append(&mut other.problems);
        self.links.append(&mut other.links);
        self.files += other.files;
        self.read += other.read;
        self.names += other.names;
    }
}

impl Parts {
    pub(super) fn new(fd: &Arc<OwnedFd>, path: &str, listing: Listing) -> Self {
        Self {
            fd: Arc::clone(fd),
            path: path.to_owned(),
            listing: Arc::new(listing),
            next: AtomicUsize::new(0),
            looked: Mutex::default(),
            all: Condvar::new(),
        }
    }

    /// How many threads beside the first are of use.
    pub(super) fn helpers(&self) -> usize {
        (self.listing.len() / PART).saturating_sub(1)
    }

    /// Waits until every name was looked at, and takes what was found, ascending by position.
    pub(super) fn wait(&self) -> Looked {
        let mut looked = self.looked.lock().expect("no one panics while holding the lock");
        while looked.names < self.listing.len() {
            looked = self.all.wait(looked).expect("no one panics while holding the lock");
        }
        let mut looked = std::mem::take(&mut *looked);
        looked.found.sort_unstable_by_key(|(at, _)| *at);
        looked.below.sort_unstable();
        looked
    }
}

/// What a look at a name found.
enum What<'a> {
    Folder,
    Same(SeenRef<'a>),
    New(Seen),
}

impl Walk<'_> {
    /// Looks at names of a folder until all are taken.
    pub(super) fn look(&self, parts: &Parts) {
        let len = parts.listing.len();
        loop {
            let start = parts.next.fetch_add(PART, Ordering::SeqCst);
            if start >= len {
                return;
            }
            let end = len.min(start + PART);
            let mut looked = Looked {
                names: end - start,
                ..Default::default()
            };
            for i in start..end {
                self.look_at(parts, i, &mut looked);
            }
            let mut all = parts.looked.lock().expect("no one panics while holding the lock");
            all.append(looked);
            if all.names == len {
                parts.all.notify_all();
            }
        }
    }

    fn look_at(&self, parts: &Parts, i: usize, out: &mut Looked) {
        let (name, before) = parts.listing.get(i);
        let known = parts.listing.known.as_ref().map(|known| &known.folder);
        let what = self.entry(parts.fd.as_fd(), &parts.path, name, before.zip(known));
        let seen = match &what {
            Ok(What::Folder) => return out.below.push(i as u32),
            Ok(What::Same(seen)) => *seen,
            Ok(What::New(seen)) => seen.by_ref(),
            Err(_) => return out.problems.extend(what.err()),
        };
        out.files += 1;
        if let SeenRef::Link(_, target) = seen {
            out.links.push((join(&parts.path, name), target.to_owned()));
        }
        if let Ok(What::New(seen)) = what {
            out.read += 1;
            out.found.push((i as u32, seen));
        }
    }

    /// Looks at a name in a folder. What was seen of it before counts when its stamp is the same.
    fn entry<'s>(
        &self,
        fd: BorrowedFd<'_>,
        folder: &str,
        name: &str,
        before: Option<(SeenRef<'s>, &SeenFolder)>,
    ) -> Result<What<'s>, IngestError> {
        let failed = |error: rustix::io::Errno| IngestError::unreadable(&join(folder, name), error);
        let stat = statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        let stamp = Stamp::of(&stat);
        let special = |what| {
            Err(IngestError::Special {
                path: join(folder, name),
                what,
            })
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(What::Folder),
            FileType::RegularFile => {
                if let Some((seen @ SeenRef::File(known, blob), of)) = before
                    && known == stamp
                    && stamp.is_trusted(of.began)
                    && (of.generation == self.generation || self.store.has_blob(&blob)?)
                {
                    return Ok(What::Same(seen));
                }
                let (stamp, blob) = self.read(fd, folder, name)?;
                Ok(What::New(Seen::File(stamp, blob)))
            }
            FileType::Symlink => {
                if let Some((seen @ SeenRef::Link(known, _), of)) = before
                    && known == stamp
                    && stamp.is_trusted(of.began)
                {
                    return Ok(What::Same(seen));
                }
                let target = readlinkat(fd, name, Vec::new()).map_err(failed)?;
                match target.into_string() {
                    Ok(target) if is_valid_target(&target) => Ok(What::New(Seen::Link(stamp, target.into()))),
                    Ok(target) => Err(IngestError::Link {
                        path: join(folder, name),
                        target,
                        problem: LinkProblem::Target,
                    }),
                    Err(error) => {
                        let target = error.into_cstring().to_string_lossy().into_owned();
                        Err(IngestError::Link {
                            path: join(folder, name),
                            target,
                            problem: LinkProblem::Target,
                        })
                    }
                }
            }
            FileType::Socket => special("a socket"),
            FileType::Fifo => special("a pipe"),
            FileType::CharacterDevice | FileType::BlockDevice => special("a device"),
            _ => special("of a kind"),
        }
    }
    /// Reads a file, and sees that it was the same before and after.
    fn read(&self, fd: BorrowedFd<'_>, folder: &str, name: &str) -> Result<(Stamp, BlobDigest), IngestError> {
        let path = || join(folder, name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(fd, name, flags, Mode::empty()).map_err(|error| IngestError::unreadable(&path(), error))?;
        let stat = |file: &OwnedFd| fstat(file).map_err(|error| IngestError::unreadable(&path(), error));
        let first = stat(&file)?;
        let before = Stamp::of(&first);
        if FileType::from_raw_mode(first.st_mode) != FileType::RegularFile {
            return Err(IngestError::Changed { path: path() });
        }
        let (digest, size) = self.read_content(&file, before.size()).map_err(|error| match error {
            CopyError::Source(error) => IngestError::unreadable(&path(), error),
            CopyError::Store(error) => error.into(),
        })?;
        let after = Stamp::of(&stat(&file)?);
        if before != after || size != before.size() {
            return Err(IngestError::Changed { path: path() });
        }
        Ok((before, digest))
    }

    fn read_content(&self, file: &OwnedFd, size: u64) -> Result<(BlobDigest, u64), CopyError> {
        if size <= SMALL as u64 {
            // One byte more, to see a file that has grown.
            let mut bytes = vec![0; size as usize + 1];
            let mut len = 0;
            while len < bytes.len() {
                match retry(|| rustix::io::read(file, &mut bytes[len..]))? {
                    0 => break,
                    count => len += count,
                }
            }
            let digest = match self.sink {
                Sink::Store => self.store.put_blob(&bytes[..len])?,
                Sink::Digests => BlobDigest::of(&bytes[..len]),
            };
            return Ok((digest, len as u64));
        }
        let changed = Ok((BlobDigest::of(b""), size.wrapping_add(1)));
        if self.sink == Sink::Store
            && let Some(temp) = self.store.inner.driver.temp()?
        {
            let kept = self.store.inner.put_file(file.as_fd(), size, temp)?;
            return kept.map_or(changed, |digest| Ok((digest, size)));
        }
        let mut buffer = vec![0; 1 << 20];
        let mut hasher = blake3::Hasher::new();
        let mut scratch = match self.sink {
            Sink::Store => Some(self.store.scratch()?),
            Sink::Digests => None,
        };
        let mut len = 0u64;
        loop {
            let count = retry(|| rustix::io::read(file, &mut buffer[..]))?;
            if count == 0 {
                break;
            }
            match &mut scratch {
                Some(scratch) => scratch.write_at(len, &buffer[..count])?,
                None => drop(hasher.update(&buffer[..count])),
            }
            len += count as u64;
            if len > size {
                return changed;
            }
        }
        match scratch {
            Some(scratch) => Ok(self.store.put_scratch(scratch)?),
            None => Ok((BlobDigest::from_bytes(*hasher.finalize().as_bytes()), len)),
        }
    }
}
