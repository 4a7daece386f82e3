//! Memory that nobody can change any more: a file without a name whose writing, growing and shrinking is sealed. Where the
//! kernel refuses that, private memory of this process. Not here: what the bytes are and whether they may be run.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd as _, FromRawFd as _};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use wasmtime::Engine;
use wasmtime::component::Component;

/// How much one processor takes at a time, in bytes. The MAC is one of parts of this size.
const PART: u64 = 2 << 20;
/// How much is copied or looked at a time, in bytes.
const PIECE: usize = 256 << 10;
/// The most processors that work on one file.
const MAX_THREADS: usize = 8;
const SEALS: libc::c_int = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;

/// Sealed bytes.
pub(super) enum Sealed {
    File(File, u64),
    Private(Vec<u8>),
}

impl Sealed {
    /// Reads exactly `len` bytes from `offset` on, once.
    pub(super) fn read(from: &File, offset: u64, len: u64) -> io::Result<Self> {
        let Ok(file) = nameless() else {
            let mut bytes = vec![0; usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?];
            from.read_exact_at(&mut bytes, offset)?;
            return Ok(Self::Private(bytes));
        };
        file.set_len(len)?;
        for_parts(len, |_, part| {
            pieces(&part, |piece, at| {
                from.read_exact_at(piece, offset + at)?;
                file.write_all_at(piece, at)
            })
        })?;
        // SAFETY: a system call on a descriptor that is ours.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, SEALS) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self::File(file, len))
    }

    /// What every part gives that is put, as it is now, into a hasher of its own; `begin` makes that.
    pub(super) fn hash_parts(&self, begin: impl Fn(u64) -> blake3::Hasher + Sync) -> io::Result<Vec<blake3::Hash>> {
        match self {
            Self::Private(bytes) => Ok(hash_parts(bytes, begin)),
            Self::File(file, len) => for_parts(*len, |index, part| {
                let mut hasher = begin(index);
                pieces(&part, |piece, at| {
                    file.read_exact_at(piece, at)?;
                    hasher.update(piece);
                    Ok(())
                })?;
                Ok(hasher.finalize())
            }),
        }
    }

    /// The component whose native code these bytes are.
    ///
    /// # Safety
    /// The bytes have to be what wasmtime serialised.
    pub(super) unsafe fn component(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the caller's promise. The file has no name, its seals forbid every change, and the path is that of
        // our own descriptor. wasmtime itself still checks version, target and settings.
        unsafe {
            match self {
                Self::Private(bytes) => Component::deserialize(engine, bytes),
                Self::File(file, _) => {
                    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
                    Component::deserialize_file(engine, path)
                }
            }
        }
    }
}

/// The same as [`Sealed::hash_parts`] of bytes that are in memory.
pub(super) fn hash_parts(bytes: &[u8], begin: impl Fn(u64) -> blake3::Hasher) -> Vec<blake3::Hash> {
    let part = usize::try_from(PART).unwrap_or(usize::MAX);
    let parts = (0..).zip(bytes.chunks(part));
    parts
        .map(|(index, part)| begin(index).update(part).finalize())
        .collect()
}

/// Acts on every part of `len` bytes, with the processors that there are, and returns what came of each in their order.
fn for_parts<T: Send>(len: u64, act: impl Fn(u64, Range<u64>) -> io::Result<T> + Sync) -> io::Result<Vec<T>> {
    let parts = len.div_ceil(PART);
    let next = AtomicU64::new(0);
    let work = || -> io::Result<Vec<(u64, T)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= parts {
                return Ok(done);
            }
            let begin = index * PART;
            done.push((index, act(index, begin..len.min(begin + PART))?));
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let more = processors
        .min(MAX_THREADS)
        .min(usize::try_from(parts).unwrap_or(MAX_THREADS));
    let mut all = thread::scope(|scope| {
        // A thread that cannot be had leaves its work to the others.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<_> = (1..more).filter_map(spawn).collect();
        let mut all = work()?;
        for other in others {
            let done = other.join().map_err(|_| io::Error::other("a thread failed"))?;
            all.extend(done?);
        }
        Ok::<_, io::Error>(all)
    })?;
    all.sort_unstable_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, done)| done).collect())
}

/// Acts on pieces of a range, each with the place that it has.
fn pieces(range: &Range<u64>, mut act: impl FnMut(&mut [u8], u64) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    let mut at = range.start;
    while at < range.end {
        let want = usize::try_from(range.end - at).map_or(PIECE, |left| left.min(PIECE));
        act(&mut buffer[..want], at)?;
        at += want as u64;
    }
    Ok(())
}

/// A file without a name that can be sealed and whose pages may be run.
fn nameless() -> io::Result<File> {
    /// `MFD_EXEC`: since Linux 6.3; an older one runs any such file.
    const RUN: libc::c_uint = 0x10;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a string with an end; a descriptor that comes back is ours alone.
    unsafe {
        let mut fd = libc::memfd_create(c"airtight-code".as_ptr(), flags | RUN);
        if fd < 0 && *libc::__errno_location() == libc::EINVAL {
            fd = libc::memfd_create(c"airtight-code".as_ptr(), flags);
        }
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(File::from_raw_fd(fd))
    }
}
