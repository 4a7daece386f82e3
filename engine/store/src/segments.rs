//! Hashing a file by several threads, also while it is still being written: what is hashed is what the file holds, not what
//! was meant to be written. Not here: where the bytes come from, and the hash tree itself (`outboard`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread::Scope;

use airtight_model::BlobDigest;
use blake3::hazmat::ChainingValue;

use crate::error::{At, StoreError};
use crate::outboard::{self, GROUP, SEGMENT};

/// How many threads hash one file at most.
const MAX_THREADS: usize = 8;
/// Content of so many bytes is worth another thread.
const WORTH_A_THREAD: u64 = 8 << 20;

/// What a file of more than one group hashes to.
#[derive(Debug)]
pub(crate) struct Hashed {
    pub(crate) digest: BlobDigest,
    /// The chaining values of its segments.
    pub(crate) segments: Vec<ChainingValue>,
}

/// The segments of a file, each hashed by the thread that takes it. No thread holds more than one of them in memory.
#[derive(Debug)]
pub(crate) struct Segments<'a> {
    file: &'a File,
    path: &'a Path,
    len: u64,
    /// Whether the values of the groups are written behind the content, where a large blob has them.
    keep: bool,
    /// The first one that no thread has taken.
    next: AtomicU64,
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug)]
struct State {
    /// How many bytes of the content are there.
    ready: u64,
    /// Whether nothing more is wanted.
    stopped: bool,
    failed: Option<StoreError>,
    values: Vec<ChainingValue>,
    /// The digest, where the only segment is the whole.
    digest: Option<BlobDigest>,
}

/// How many threads are of use for `len` bytes, the one that asks among them.
pub(crate) fn threads_for(len: u64) -> usize {
    let available = std::thread::available_parallelism().map_or(1, usize::from);
    available.min(MAX_THREADS).min((len / WORTH_A_THREAD) as usize + 1)
}

/// Lets another thread help. Where the system gives none, who would be helped does all of it.
pub(crate) fn helper<'scope>(scope: &'scope Scope<'scope, '_>, work: impl FnOnce() + Send + 'scope) {
    if let Err(error) = std::thread::Builder::new().spawn_scoped(scope, work) {
        tracing::debug!(%error, "no other thread helps");
    }
}

/// Hashes `len` bytes of a file, more than a group, by several threads.
pub(crate) fn hash(file: &File, path: &Path, len: u64, keep: bool) -> Result<Hashed, StoreError> {
    let segments = Segments::new(file, path, len, keep);
    segments.ready(len);
    std::thread::scope(|scope| {
        for _ in 1..threads_for(len) {
            helper(scope, || segments.work());
        }
        segments.work();
    });
    segments.finish()
}

impl<'a> Segments<'a> {
    /// Begins with `len` bytes, more than a group, of which none is there yet.
    pub(crate) fn new(file: &'a File, path: &'a Path, len: u64, keep: bool) -> Self {
        let (_, count) = outboard::counts(len);
        let state = State {
            ready: 0,
            stopped: false,
            failed: None,
            values: vec![[0; 32]; count as usize],
            digest: None,
        };
        Self {
            file,
            path,
            len,
            keep,
            next: AtomicU64::new(0),
            state: Mutex::new(state),
            more: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding the lock")
    }

    /// Says that so many bytes from the beginning are there.
    pub(crate) fn ready(&self, bytes: u64) {
        self.state().ready = bytes;
        self.more.notify_all();
    }

    /// Lets all threads end: what they do is not wanted any more.
    pub(crate) fn stop(&self) {
        self.state().stopped = true;
        self.more.notify_all();
    }

    /// Hashes segments until all are taken, waiting for those that are not there yet.
    pub(crate) fn work(&self) {
        let mut buffer = Vec::new();
        loop {
            let segment = self.next.fetch_add(1, Ordering::SeqCst);
            let at = segment.saturating_mul(SEGMENT);
            if at >= self.len {
                return;
            }
            let len = (self.len - at).min(SEGMENT);
            {
                let mut state = self.state();
                while state.ready < at + len && !state.stopped {
                    state = self.more.wait(state).expect("no one panics while holding the lock");
                }
                if state.stopped {
                    return;
                }
            }
            buffer.resize(len as usize, 0);
            if let Err(error) = self.one(at, &mut buffer) {
                let mut state = self.state();
                state.failed.get_or_insert(error);
                state.stopped = true;
                self.more.notify_all();
                return;
            }
        }
    }

    fn one(&self, at: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        self.file.read_exact_at(buffer, at).at("read", self.path)?;
        let groups = outboard::group_values(at, buffer);
        if self.keep {
            let place = self.len + at / GROUP * 32;
            self.file
                .write_all_at(groups.as_flattened(), place)
                .at("write", self.path)?;
        }
        let value = outboard::merge(&groups, buffer.len() as u64, GROUP);
        let mut state = self.state();
        state.values[(at / SEGMENT) as usize] = value;
        if state.values.len() == 1 {
            state.digest = Some(outboard::digest_of_groups(&groups, self.len));
        }
        Ok(())
    }

    /// What came of it, once all threads have ended.
    pub(crate) fn finish(self) -> Result<Hashed, StoreError> {
        let state = self.state.into_inner().expect("no one panics while holding the lock");
        if let Some(error) = state.failed {
            return Err(error);
        }
        let digest = state
            .digest
            .unwrap_or_else(|| outboard::digest_of_segments(&state.values, self.len));
        Ok(Hashed {
            digest,
            segments: state.values,
        })
    }
}
