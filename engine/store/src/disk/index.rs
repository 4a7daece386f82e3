//! The index: records by key in one SQLite table, written in batches and shared by several processes. Not here: what
//! records mean, and any check of them. An index that SQLite cannot read is set aside and an empty one takes its place.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use rustc_hash::FxHashMap;

use crate::driver::Kind;
use crate::error::{At, StoreError};

/// How long a snapshot is read from before a newer one is taken.
const SNAPSHOT_AGE: Duration = Duration::from_millis(50);
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(20);
/// How long to wait before an index that was busy is opened again.
const OPEN_PAUSE: Duration = Duration::from_millis(5);
/// How many records, and how many bytes of them, may wait before they are written. Keys are digests: in a large index, nearly
/// every record is on a page of its own, and a batch writes most of the pages whatever its size.
const MAX_WAITING: usize = 100_000;
const MAX_WAITING_BYTES: usize = 16 << 20;
/// How long a record may wait while others come, and how many times as long as the last batch took to write.
const MAX_WAIT: Duration = Duration::from_secs(2);
const WAIT_PER_WRITE: u32 = 8;
/// How many pages are written to the log before it is brought into the index. In a longer one every read has more to look through.
const MAX_LOG: usize = 8000;
const PAGE_SIZE: usize = 4096;
/// How much of the index who writes keeps in memory, at most.
const WRITER_CACHE: &str = "PRAGMA cache_size = -64000";

type Batch = FxHashMap<Vec<u8>, Option<Vec<u8>>>;

/// Records, some of which wait to be written.
///
/// `index.db` has one table, `records (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID`: the first byte of a key is
/// the ordinal of its kind. WAL mode; `synchronous` is off but for [`Index::sync`]: after a loss of power SQLite's own checks,
/// the checksums of records and the digests of blobs tell what can be believed.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    read_only: bool,
    /// Lock order: `writer`, then `reader`, then `waiting`.
    writer: Mutex<Option<Connection>>,
    reader: Mutex<Reader>,
    waiting: Mutex<Waiting>,
    /// How many pages the log has, at most, that are not in the index.
    log: AtomicUsize,
    /// Whether the reader's connection is to an index that was set aside.
    stale: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    /// What comes next.
    next: Batch,
    bytes: usize,
    /// What is being written: visible to readers until it is.
    writing: Arc<Batch>,
    since: Option<Instant>,
    /// How long the last batch took to write.
    took: Duration,
}

#[derive(Debug, Default)]
struct Reader {
    connection: Option<Connection>,
    /// Whether it was tried to open one: a read-only store may have no index.
    tried: bool,
    snapshot: Option<Instant>,
}

/// The file beside the index that SQLite writes its log to.
fn log_of(index: &Path) -> PathBuf {
    let mut name = index.to_owned().into_os_string();
    name.push("-wal");
    name.into()
}

fn full_key(kind: Kind, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(1 + key.len());
    full.push(kind as u8);
    full.extend_from_slice(key);
    full
}

impl Index {
    pub(super) fn new(path: PathBuf, read_only: bool) -> Self {
        let (writer, reader, waiting) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self {
            path,
            read_only,
            writer,
            reader,
            waiting,
            log: AtomicUsize::new(0),
            stale: AtomicBool::new(false),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("no one panics while holding the lock")
    }

    /// Reads a record: one that waits, or what the snapshot has.
    pub(super) fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = full_key(kind, key);
        {
            let waiting = self.waiting();
            if let Some(found) = waiting.next.get(&key).or_else(|| waiting.writing.get(&key)) {
                return Ok(found.clone());
            }
        }
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT value FROM records WHERE key = ?1")?;
            statement.query_row(params![key], |row| row.get(0)).optional()
        })
        .map(Option::flatten)
    }

    /// Reads the records of a kind whose keys begin with `prefix`, of one snapshot. What waits must be written first.
    pub(super) fn scan(&self, kind: Kind, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        let from = full_key(kind, prefix);
        let end = after_all(&from);
        // Read in pages, so that `each` may use the index: so many records, or so many bytes of them.
        const PAGE: usize = 4096;
        const PAGE_BYTES: usize = 4 << 20;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page: Vec<(Vec<u8>, Vec<u8>)> = self
                .read(|connection| {
                    let (query, start) = match &after {
                        None => (
                            "SELECT key, value FROM records WHERE key >= ?1 AND key < ?2 ORDER BY key",
                            &from,
                        ),
                        Some(after) => (
                            "SELECT key, value FROM records WHERE key > ?1 AND key < ?2 ORDER BY key",
                            after,
                        ),
                    };
                    let mut statement = connection.prepare_cached(query)?;
                    let mut found = statement.query(params![start, end])?;
                    let mut rows: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
                    let mut bytes = 0;
                    while rows.len() < PAGE
                        && bytes < PAGE_BYTES
                        && let Some(row) = found.next()?
                    {
                        let (key, value): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
                        bytes += key.len() + value.len();
                        rows.push((key, value));
                    }
                    // SQLite believes that a table is in order. One whose keys were altered would be read round and round.
                    let ordered = rows.iter().map(|(key, _)| key).is_sorted_by(|one, next| one < next);
                    let goes_on = match (&after, rows.first()) {
                        (Some(after), Some((first, _))) => first > after,
                        _ => true,
                    };
                    if ordered && goes_on {
                        Ok(rows)
                    } else {
                        Err(out_of_order())
                    }
                })?
                .unwrap_or_default();
            for (key, value) in &page {
                if !key.starts_with(&from) {
                    return Ok(());
                }
                each(&key[1..], value);
            }
            match page.into_iter().next_back() {
                Some((key, _)) => after = Some(key),
                None => return Ok(()),
            }
        }
    }

    /// Lets a record wait to be written (none: to be removed); true when it is time to write what waits.
    pub(super) fn put(&self, kind: Kind, key: &[u8], value: Option<Vec<u8>>) -> Result<bool, StoreError> {
        if self.read_only {
            return Err(self.refuse_writing());
        }
        let mut waiting = self.waiting();
        waiting.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        waiting.next.insert(full_key(kind, key), value);
        let since = *waiting.since.get_or_insert_with(Instant::now);
        let wait = MAX_WAIT.max(waiting.took * WAIT_PER_WRITE);
        Ok(waiting.next.len() >= MAX_WAITING || waiting.bytes >= MAX_WAITING_BYTES || since.elapsed() >= wait)
    }

    fn refuse_writing(&self) -> StoreError {
        StoreError::ReadOnly {
            path: self.path.parent().unwrap_or(&self.path).to_owned(),
        }
    }

    /// Writes what waits. `before` runs first; what it returns is held until it is settled what is written.
    pub(super) fn write<G>(&self, before: impl FnOnce() -> Result<G, StoreError>) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().expect("no one panics while holding the lock");
        let guard = before()?;
        let batch = {
            let mut waiting = self.waiting();
            waiting.writing = Arc::new(std::mem::take(&mut waiting.next));
            waiting.bytes = 0;
            waiting.since = None;
            Arc::clone(&waiting.writing)
        };
        drop(guard);
        let began = Instant::now();
        let result = if batch.is_empty() {
            Ok(())
        } else {
            self.commit(&mut writer, &batch)
        };
        self.end_snapshot_and(|| self.shorten_log(writer.as_ref()));
        if result.is_err() {
            // A connection that met an error may hold a lock that it could not release, on which the next try, and every other
            // process, would wait: without any connection SQLite closes its files, and no lock outlives that.
            *self.reader.lock().expect("no one panics while holding the lock") = Reader::default();
        }
        let mut waiting = self.waiting();
        if !batch.is_empty() {
            waiting.took = began.elapsed();
        }
        if result.is_err() {
            // Nothing is lost: it waits again, behind what came since.
            for (key, value) in batch.iter() {
                waiting.next.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        waiting.writing = Arc::default();
        result
    }

    fn commit(&self, writer: &mut Option<Connection>, batch: &Batch) -> Result<(), StoreError> {
        for again in Again::ALL {
            if writer.is_none() {
                let connection = self.open_to_write()?;
                // What is written stays in its memory, unlike what is read: a large index is written all over in each batch.
                let _ = connection.execute_batch(WRITER_CACHE);
                *writer = Some(connection);
                // What processes left that were killed.
                let left = log_of(&self.path).metadata().map_or(0, |metadata| metadata.len());
                self.log.store(left as usize / PAGE_SIZE, Ordering::SeqCst);
            }
            let connection = writer.as_mut().expect("it was just opened");
            match write_batch(connection, batch) {
                Ok(()) => {
                    let bytes: usize = batch.values().flatten().map(Vec::len).sum();
                    self.log.fetch_add(batch.len() + bytes / PAGE_SIZE, Ordering::SeqCst);
                    return Ok(());
                }
                Err(error) if is_damage(&error) && again != Again::Never => {
                    *writer = None;
                    self.set_aside_if(again)?;
                }
                Err(error) => {
                    *writer = None;
                    return Err(self.error("write", error));
                }
            }
        }
        Ok(())
    }

    /// Sees that what was written survives a loss of power.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let _writer = self.writer.lock().expect("no one panics while holding the lock");
        // The files as they are, log and all: a checkpoint would wait for the snapshots of every other process.
        for path in [log_of(&self.path), self.path.clone()] {
            match File::open(&path).and_then(|file| file.sync_data()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).at("sync", &path),
                _ => {}
            }
        }
        Ok(())
    }

    fn open_to_write(&self) -> Result<Connection, StoreError> {
        for again in Again::ALL {
            match self.open_when_free() {
                Err(error) if is_damage(&error) && again != Again::Never => self.set_aside_if(again)?,
                Err(error) => return Err(self.error("open", error)),
                Ok(connection) => return Ok(connection),
            }
        }
        Err(StoreError::Index {
            path: self.path.clone(),
            detail: "it is damaged again".to_owned(),
        })
    }

    /// Opens the index, also while others do: of processes that make a new index at once SQLite tells all but one that it is
    /// busy, at once and without asking how long to wait.
    fn open_when_free(&self) -> rusqlite::Result<Connection> {
        let begun = Instant::now();
        loop {
            match self.try_to_open() {
                Err(error) if is_busy(&error) && begun.elapsed() < BUSY => std::thread::sleep(OPEN_PAUSE),
                opened => return opened,
            }
        }
    }

    fn try_to_open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            tracing::debug!(mode, "the index is not in WAL mode");
        }
        connection.execute_batch(
            "PRAGMA synchronous = OFF; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY; \
             PRAGMA wal_autocheckpoint = 0; \
             CREATE TABLE IF NOT EXISTS records (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;",
        )?;
        Ok(connection)
    }

    fn set_aside_if(&self, again: Again) -> Result<(), StoreError> {
        if again == Again::WithoutIt {
            self.set_aside()?;
        }
        Ok(())
    }

    /// Puts an index that cannot be read out of the way: it costs cached results, nothing else.
    fn set_aside(&self) -> Result<(), StoreError> {
        tracing::warn!(path = %self.path.display(), "the index is damaged: an empty one takes its place");
        self.stale.store(true, Ordering::SeqCst);
        let aside = self.path.with_extension("damaged");
        std::fs::rename(&self.path, &aside).at("set aside", &self.path)?;
        for end in ["-wal", "-shm"] {
            let mut name = self.path.clone().into_os_string();
            name.push(end);
            let _ = std::fs::remove_file(&name);
        }
        Ok(())
    }

    fn read<T>(&self, query: impl Fn(&Connection) -> rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
        for again in Again::ALL {
            let mut reader = self.reader.lock().expect("no one panics while holding the lock");
            let connection = match self.reading(&mut reader) {
                Ok(Some(connection)) => connection,
                Ok(None) => return Ok(None),
                Err(error) => {
                    // What it holds, and what it takes itself to be in, is not known: the next read has a new one.
                    *reader = Reader::default();
                    return Err(error);
                }
            };
            match query(connection) {
                Ok(found) => return Ok(Some(found)),
                Err(error) if is_damage(&error) && again != Again::Never && !self.read_only => {
                    *reader = Reader::default();
                    drop(reader);
                    let mut writer = self.writer.lock().expect("no one panics while holding the lock");
                    *writer = None;
                    self.set_aside_if(again)?;
                }
                // Nothing can be set aside in a store that is only read: it has no records, then.
                Err(error) if is_damage(&error) && self.read_only => return Ok(None),
                Err(error) => {
                    *reader = Reader::default();
                    return Err(self.error("read", error));
                }
            }
        }
        Ok(None)
    }

    /// The connection to read from, in a snapshot that is young enough.
    fn reading<'a>(&self, reader: &'a mut Reader) -> Result<Option<&'a Connection>, StoreError> {
        if self.stale.swap(false, Ordering::SeqCst) {
            *reader = Reader::default();
        }
        if !reader.tried {
            reader.connection = self.open_to_read()?;
            reader.tried = true;
            self.stale.store(false, Ordering::SeqCst);
        }
        let Some(connection) = &reader.connection else {
            return Ok(None);
        };
        match reader.snapshot {
            Some(since) if since.elapsed() < SNAPSHOT_AGE => {}
            old => {
                if old.is_some() {
                    connection
                        .execute_batch("COMMIT")
                        .map_err(|error| self.error("read", error))?;
                    reader.snapshot = None;
                }
                connection
                    .execute_batch("BEGIN")
                    .map_err(|error| self.error("read", error))?;
                reader.snapshot = Some(Instant::now());
            }
        }
        Ok(Some(connection))
    }

    fn open_to_read(&self) -> Result<Option<Connection>, StoreError> {
        if !self.read_only {
            return self.open_to_write().map(Some);
        }
        if !self.path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let probe = |connection: Connection| {
            connection.busy_timeout(BUSY)?;
            connection.query_row("SELECT count(*) FROM (SELECT 1 FROM records LIMIT 1)", [], |_| Ok(()))?;
            Ok(connection)
        };
        if let Ok(connection) = Connection::open_with_flags(&self.path, flags).and_then(probe) {
            return Ok(Some(connection));
        }
        // A folder that cannot be written has no place for the shared memory of the WAL: read the file as it is.
        let mut uri = String::from("file:");
        for byte in self.path.as_os_str().as_encoded_bytes() {
            match byte {
                b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
                other => uri.push_str(&format!("%{other:02x}")),
            }
        }
        uri.push_str("?immutable=1");
        Ok(Connection::open_with_flags(Path::new(&uri), flags).and_then(probe).ok())
    }

    /// Sees that the next read is of a newer snapshot.
    pub(super) fn end_snapshot(&self) {
        self.end_snapshot_and(|| {});
    }

    /// As [`Index::end_snapshot`], and does something while nothing is read.
    fn end_snapshot_and(&self, then: impl FnOnce()) {
        let mut reader = self.reader.lock().expect("no one panics while holding the lock");
        if reader.snapshot.take().is_some()
            && let Some(connection) = &reader.connection
            && connection.execute_batch("COMMIT").is_err()
        {
            *reader = Reader::default();
        }
        then();
    }

    /// Brings a long log into the index. Only while this process reads nothing: SQLite begins a log anew when no one reads from it, and its
    /// own checkpoints come when a batch is written, while a snapshot is read. The log would grow for as long as the process works.
    fn shorten_log(&self, writer: Option<&Connection>) {
        let Some(connection) = writer.filter(|_| self.log.load(Ordering::SeqCst) >= MAX_LOG) else {
            return;
        };
        let columns = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        match connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], columns) {
            Ok((pages, done)) if pages == done => self.log.store(0, Ordering::SeqCst),
            // Another process reads: the next batch tries again.
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "the log of the index is not brought into it"),
        }
    }

    fn error(&self, verb: &'static str, error: rusqlite::Error) -> StoreError {
        use std::io;
        let code = error.sqlite_error_code();
        let io = |source: io::Error| StoreError::Io {
            verb,
            path: self.path.clone(),
            source,
        };
        match code {
            Some(ErrorCode::DiskFull) => io(io::Error::from(io::ErrorKind::StorageFull)),
            Some(ErrorCode::ReadOnly) => self.refuse_writing(),
            Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen | ErrorCode::SystemIoFailure) => {
                io(io::Error::other(error))
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse {
                path: self.path.parent().unwrap_or(&self.path).to_owned(),
            },
            _ => StoreError::Index {
                path: self.path.clone(),
                detail: error.to_string(),
            },
        }
    }
}

/// The first key after all that begin with `prefix`, which does not consist of 0xff bytes alone: it begins with a kind.
fn after_all(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.last() == Some(&0xff) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

fn write_batch(connection: &mut Connection, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    {
        let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO records (key, value) VALUES (?1, ?2)")?;
        let mut remove = transaction.prepare_cached("DELETE FROM records WHERE key = ?1")?;
        // In the order of the keys, the pages of the tree are touched once each.
        let mut sorted: Vec<_> = batch.iter().collect();
        sorted.sort_unstable_by_key(|(key, _)| *key);
        for (key, value) in sorted {
            match value {
                Some(value) => put.execute(params![key, value])?,
                None => remove.execute(params![key])?,
            };
        }
    }
    transaction.commit()
}

/// What to do about an index that is found to be damaged. SQLite says so of a read that the system refused, too, so it is
/// asked once more, with a new connection, before all that is known is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    AsItIs,
    WithoutIt,
    Never,
}

impl Again {
    const ALL: [Self; 3] = [Self::AsItIs, Self::WithoutIt, Self::Never];
}

/// What SQLite does not notice by itself.
fn out_of_order() -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    rusqlite::Error::SqliteFailure(code, Some("its keys are not in order".to_owned()))
}

/// Whether SQLite found the file not to be what it wrote (or a table of another shape in it).
fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn is_damage(error: &rusqlite::Error) -> bool {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => true,
        Some(ErrorCode::Unknown) => error.to_string().contains("no such") || error.to_string().contains("malformed"),
        _ => matches!(
            error,
            rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Records whose keys end in the greatest bytes, more than a page of them and more bytes than one takes: all that begin with the
    // prefix are read, once each, and no others.
    #[test]
    fn a_scan_reads_what_begins_with_the_prefix_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::new(folder.path().join("index.db"), false);
        let put = |kind, key: &[u8], value: Vec<u8>| index.put(kind, key, Some(value)).map(drop).unwrap();
        for (kind, key) in [
            (Kind::Source, vec![0xff; 9]),
            (Kind::Filter, vec![]),
            (Kind::Export, vec![]),
        ] {
            put(kind, &key, vec![1]);
        }
        for i in 0..5000u32 {
            put(
                Kind::Filter,
                &[&[0xff, 0xff][..], &i.to_be_bytes()].concat(),
                i.to_be_bytes().to_vec(),
            );
        }
        put(Kind::Filter, &[0xff, 0xfe, 0xff, 0xff], vec![7; 3 << 20]);
        put(Kind::Filter, &[0xff, 0xfe, 0xff], vec![7; 3 << 20]);
        index.write(|| Ok(())).unwrap();
        let count = |kind, prefix: &[u8]| {
            let mut keys = Vec::new();
            index.scan(kind, prefix, &mut |key, _| keys.push(key.to_vec())).unwrap();
            assert!(keys.is_sorted_by(|one, next| one < next) && keys.iter().all(|key| key.starts_with(prefix)));
            keys.len()
        };
        assert_eq!(count(Kind::Filter, &[0xff, 0xff]), 5000);
        assert_eq!(count(Kind::Filter, &[0xff, 0xff, 0, 0, 0x10]), 256);
        assert_eq!(count(Kind::Filter, &[0xff, 0xfe]), 2);
        assert_eq!(count(Kind::Filter, &[]), 5003);
        assert_eq!((count(Kind::Source, &[0xff]), count(Kind::Source, &[0xfe])), (1, 0));
        assert_eq!(after_all(&[1, 0xff, 0xff]), [2]);
    }

    // A process that writes and reads in turn, as every long one does: the log is begun anew, and all records are there.
    #[test]
    fn the_log_stays_short_while_one_process_writes_and_reads() {
        let folder = tempfile::tempdir().unwrap();
        let index = Index::new(folder.path().join("index.db"), false);
        let key = |i: u32| *blake3::hash(&i.to_le_bytes()).as_bytes();
        let mut longest = 0;
        for batch in 0..60u32 {
            for i in batch * 1000..(batch + 1) * 1000 {
                index.put(Kind::Place, &key(i), Some(vec![5; 20])).unwrap();
            }
            // A snapshot that is still read when the batch is written.
            assert_eq!(index.get(Kind::Place, &key(u32::MAX)).unwrap(), None);
            index.write(|| Ok(())).unwrap();
            longest = longest.max(log_of(&index.path).metadata().unwrap().len());
        }
        let most = (MAX_LOG * 2 * PAGE_SIZE) as u64;
        assert!(longest < most, "the log has {longest} bytes");
        for i in [0, 777, 59_999] {
            assert_eq!(index.get(Kind::Place, &key(i)).unwrap(), Some(vec![5; 20]));
        }
    }

    // Many that make a new index at the same moment: each has it, and none is told that it is in use.
    #[test]
    fn an_index_that_is_new_can_be_opened_by_all_at_once() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                for i in 0..8u8 {
                    let (start, path) = (&start, folder.path().join("index.db"));
                    scope.spawn(move || {
                        let index = Index::new(path, false);
                        start.wait();
                        assert_eq!(index.get(Kind::Named, &[i]).unwrap(), None);
                        index.put(Kind::Named, &[i], Some(vec![i])).map(drop).unwrap();
                        index.write(|| Ok(())).unwrap();
                    });
                }
            });
        }
    }
}
