//! The driver on disk: a folder with packs, large files and an index. Not here: what blobs and records mean.

mod index;
mod packs;

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use airtight_model::BlobDigest;

use crate::driver::{Driver, Hold, Kind, Source, Stored, TempFile};
use crate::error::{At, StoreError};
use index::Index;
use packs::{NoMore, Packs, Place};

/// The version of the layout that this program writes.
pub(crate) const VERSION: u32 = 1;
/// How long to wait before the lease is tried again.
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// A store's folder, mode 0700.
///
/// ```text
/// version                 "airtight-store 1\n": written first, never changed
/// CACHEDIR.TAG            so that backups leave the folder out
/// index.db, -wal, -shm    records and the places of small blobs: see `index`
/// index.damaged           the last index that could not be read
/// packs/                  small blobs (at most 64 KiB): see `packs`
/// objects/ab/cdef…        large blobs by their digest, content and outboard in one file: see `large`
/// tmp/                    private files of processes that are running
/// aside/<digest>          large blobs that were altered
/// lease                   locked: shared by who uses the store, exclusively by a sweep
/// ```
///
/// Only files that are complete get their name under `objects/`, and only what a pack has gets a record, but none of it
/// is synced: after a loss of power a file may be there and hold anything. That is why nothing is served unchecked.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    read_only: bool,
    index: Index,
    packs: Packs,
    /// Held from the first write on, so that no sweep removes what is not yet referred to.
    hold: Mutex<Option<Hold>>,
}

/// A number that no one else has.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_le_bytes(bytes),
        // A kernel without it: names are made with `create_new`, so that equal numbers would only fail.
        _ => std::process::id().into(),
    }
}

/// Makes a private folder and its parents, if it is not there.
pub(crate) fn make_folder(path: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .at("create", path)
}

impl Disk {
    /// Opens the store at `path`, making one where nothing is.
    pub(crate) fn open(path: &Path, read_only: bool) -> Result<Self, StoreError> {
        let version = path.join("version");
        let read_only = match std::fs::read_to_string(&version) {
            Ok(text) => {
                check_version(path, &text)?;
                read_only || !is_writable(path)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !read_only => {
                create(path, &version)?;
                false
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(not_a_store(path, "its `version` is not a text"));
            }
            Err(error) => return Err(error).at("read", &version),
        };
        Ok(Self {
            path: path.to_owned(),
            read_only,
            index: Index::new(path.join("index.db"), read_only),
            packs: Packs::new(path.join("packs")),
            hold: Mutex::default(),
        })
    }

    fn object(&self, digest: &BlobDigest) -> PathBuf {
        let name = digest.to_string();
        self.path.join("objects").join(&name[..2]).join(&name[2..])
    }

    fn place(&self, digest: &BlobDigest) -> Result<Option<Place>, StoreError> {
        let record = self.index.get(Kind::Place, digest.as_bytes())?;
        Ok(record.and_then(|record| Place::from_record(&record).ok()))
    }

    /// Refuses to write to a store that is read-only; otherwise sees that no sweep comes between.
    fn writing(&self) -> Result<(), StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                path: self.path.clone(),
            });
        }
        let mut hold = self.own_hold();
        if hold.is_none() {
            *hold = Some(self.hold()?);
        }
        Ok(())
    }

    fn write_packs(&self) -> Result<NoMore<'_>, StoreError> {
        self.packs.write(|digest, place| {
            self.index
                .put(Kind::Place, digest.as_bytes(), Some(place.to_record()))?;
            Ok(())
        })
    }

    fn lock_file(&self) -> Result<(File, PathBuf), StoreError> {
        let path = self.path.join("lease");
        let mut options = OpenOptions::new();
        let options = if self.read_only {
            options.read(true)
        } else {
            options.write(true).create(true)
        };
        let file = options.mode(0o600).open(&path).at("open", &path)?;
        Ok((file, path))
    }

    fn each_object(
        &self,
        each: &mut dyn FnMut(BlobDigest, &Path, u64) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for folder in list(&self.path.join("objects"))? {
            let prefix = name_of(&folder);
            for path in list(&folder)? {
                let Ok(digest) = format!("{prefix}{}", name_of(&path)).parse() else {
                    continue;
                };
                let size = path.metadata().map_or(0, |metadata| metadata.len());
                each(digest, &path, size)?;
            }
        }
        Ok(())
    }
}

impl Driver for Disk {
    fn open(&self, digest: &BlobDigest) -> Result<Option<Source>, StoreError> {
        if let Some(bytes) = self.packs.waiting(digest) {
            return Ok(Some(Source::Checked(bytes)));
        }
        if let Some(place) = self.place(digest)? {
            // Without its pack it has no bytes, which are not those of its digest either.
            return Ok(Some(Source::Unchecked(self.packs.read(place)?.unwrap_or_default())));
        }
        let path = self.object(digest);
        match File::open(&path) {
            Ok(file) => Ok(Some(Source::File(file, path))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at("open", &path),
        }
    }

    fn has(&self, digest: &BlobDigest) -> Result<bool, StoreError> {
        Ok(self.packs.waiting(digest).is_some() || self.place(digest)?.is_some() || self.object(digest).exists())
    }

    fn insert(&self, digest: &BlobDigest, bytes: &[u8]) -> Result<(), StoreError> {
        self.writing()?;
        if self.packs.push(digest, bytes) {
            drop(self.write_packs()?);
        }
        Ok(())
    }

    fn temp(&self) -> Result<Option<TempFile>, StoreError> {
        self.writing()?;
        let folder = self.path.join("tmp");
        let path = folder.join(format!("{:016x}", random()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(&folder)?;
                options.open(&path)
            }
            file => file,
        };
        Ok(Some(TempFile {
            file: file.at("create", &path)?,
            path,
            adopted: false,
        }))
    }

    fn adopt(&self, digest: &BlobDigest, mut file: TempFile) -> Result<(), StoreError> {
        self.writing()?;
        let path = self.object(digest);
        let renamed = match std::fs::rename(&file.path, &path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(path.parent().unwrap_or(&path))?;
                std::fs::rename(&file.path, &path)
            }
            renamed => renamed,
        };
        renamed.at("create", &path)?;
        file.adopted = true;
        Ok(())
    }

    fn set_aside(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        self.writing()?;
        self.packs.forget(digest);
        self.index.put(Kind::Place, digest.as_bytes(), None)?;
        self.flush(false)?;
        let path = self.object(digest);
        if path.exists() {
            // A loss of power must not bring back the generation in which it was there.
            self.index.sync()?;
            let aside = self.path.join("aside");
            make_folder(&aside)?;
            match std::fs::rename(&path, aside.join(digest.to_string())) {
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => renamed.at("set aside", &path)?,
            }
        }
        Ok(())
    }

    fn get(&self, kind: Kind, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.index.get(kind, key)
    }

    fn put(&self, kind: Kind, key: &[u8], value: Option<Vec<u8>>) -> Result<(), StoreError> {
        self.writing()?;
        if self.index.put(kind, key, value)? {
            self.flush(false)
        } else {
            Ok(())
        }
    }

    fn scan(&self, kind: Kind, prefix: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        if !self.read_only {
            self.flush(false)?;
        }
        self.index.scan(kind, prefix, each)
    }

    fn renew(&self) {
        self.index.end_snapshot();
    }

    fn flush(&self, durable: bool) -> Result<(), StoreError> {
        if self.read_only {
            return Ok(());
        }
        self.index.write(|| self.write_packs())?;
        if durable {
            self.packs.sync()?;
            self.index.sync()?;
        }
        Ok(())
    }

    fn hold(&self) -> Result<Hold, StoreError> {
        if self.read_only && !self.path.join("lease").exists() {
            // No sweep can come where nothing can be written.
            return Ok(Hold::none());
        }
        let (file, path) = self.lock_file()?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Hold::locked(file)),
            // A sweep goes on: it ends by itself.
            Err(std::fs::TryLockError::WouldBlock) => {
                file.lock_shared().at("lock", &path)?;
                Ok(Hold::locked(file))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(error).at("lock", &path),
        }
    }

    fn blobs(&self, each: &mut dyn FnMut(Stored)) -> Result<(), StoreError> {
        if !self.read_only {
            self.flush(false)?;
        }
        self.each_place(&mut |digest, place| {
            each(Stored {
                digest,
                size: place.len.into(),
                packed: true,
            });
        })?;
        self.each_object(&mut |digest, _, size| {
            each(Stored {
                digest,
                size,
                packed: false,
            });
            Ok(())
        })
    }

    fn exclusively(&self, body: &mut dyn FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
        if self.read_only {
            return Err(StoreError::ReadOnly {
                path: self.path.clone(),
            });
        }
        self.flush(false)?;
        self.packs.close();
        // Locks of one process do not know each other: its own goes, and while this one is held it takes no other.
        *self.own_hold() = None;
        let _lock = self.lock_exclusively()?;
        *self.own_hold() = Some(Hold::none());
        let result = body().and_then(|()| self.flush(false));
        self.packs.close();
        *self.own_hold() = None;
        result
    }

    fn retain(&self, keep: &dyn Fn(&BlobDigest) -> bool) -> Result<u64, StoreError> {
        self.retain_exclusively(keep)
    }

    fn index_size(&self) -> u64 {
        let size = |name: &str| self.path.join(name).metadata().map_or(0, |metadata| metadata.len());
        size("index.db") + size("index.db-wal")
    }
}

impl Disk {
    /// Locks the lease, which no one else may hold.
    fn lock_exclusively(&self) -> Result<File, StoreError> {
        let (file, path) = self.lock_file()?;
        for last_try in [false, false, false, true] {
            match file.try_lock() {
                Ok(()) => break,
                // A process that another thread is just starting has all files of this one until it is another program.
                Err(std::fs::TryLockError::WouldBlock) if !last_try => std::thread::sleep(LOCK_PAUSE),
                Err(std::fs::TryLockError::WouldBlock) => {
                    return Err(StoreError::InUse {
                        path: self.path.clone(),
                    });
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(error).at("lock", &path),
            }
        }
        Ok(file)
    }

    fn own_hold(&self) -> std::sync::MutexGuard<'_, Option<Hold>> {
        self.hold.lock().expect("no one panics while holding the lock")
    }

    /// Removes what is not kept; the lease is held exclusively, so no one writes.
    fn retain_exclusively(&self, keep: &dyn Fn(&BlobDigest) -> bool) -> Result<u64, StoreError> {
        let mut freed = 0;
        self.each_object(&mut |digest, path, size| {
            if !keep(&digest) {
                std::fs::remove_file(path).at("remove", path)?;
                freed += size;
            }
            Ok(())
        })?;
        for folder in ["tmp", "aside"] {
            for path in list(&self.path.join(folder))? {
                freed += path.metadata().map_or(0, |metadata| metadata.len());
                std::fs::remove_file(&path).at("remove", &path)?;
            }
        }
        // Of a process that was killed while it made the store.
        let unfinished = |path: &PathBuf| {
            name_of(path)
                .strip_prefix("version.")
                .is_some_and(|rest| rest.len() == 16)
        };
        for path in list(&self.path)?.into_iter().filter(unfinished) {
            std::fs::remove_file(&path).at("remove", &path)?;
        }
        Ok(freed + self.retain_packed(keep)?)
    }

    /// Removes the places of what is not kept; returns how many bytes each pack has of what is.
    fn remove_dead_places(
        &self,
        keep: &dyn Fn(&BlobDigest) -> bool,
    ) -> Result<rustc_hash::FxHashMap<u64, u64>, StoreError> {
        let mut used: rustc_hash::FxHashMap<u64, u64> = Default::default();
        let mut done = Ok(());
        self.index.scan(Kind::Place, &[], &mut |key, value| {
            let digest = <[u8; 32]>::try_from(key).map(BlobDigest::from_bytes);
            match (digest, Place::from_record(value)) {
                (Ok(digest), Ok(place)) if keep(&digest) => {
                    *used.entry(place.pack).or_default() += u64::from(place.len)
                }
                // Written as it goes: a million of them would not be held in memory.
                _ if done.is_ok() => done = self.put(Kind::Place, key, None),
                _ => {}
            }
        })?;
        done?;
        self.flush(false)?;
        Ok(used)
    }

    fn each_place(&self, each: &mut dyn FnMut(BlobDigest, Place)) -> Result<(), StoreError> {
        self.index.scan(Kind::Place, &[], &mut |key, value| {
            if let (Ok(digest), Ok(place)) = (<[u8; 32]>::try_from(key), Place::from_record(value)) {
                each(BlobDigest::from_bytes(digest), place);
            }
        })
    }

    fn retain_packed(&self, keep: &dyn Fn(&BlobDigest) -> bool) -> Result<u64, StoreError> {
        let used = self.remove_dead_places(keep)?;
        let mut freed = 0;
        let mut old = Vec::new();
        for (number, path) in self.packs.list()? {
            let size = path.metadata().map_or(0, |metadata| metadata.len());
            let used = used.get(&number).copied().unwrap_or_default();
            // Half of it and more is dead: what lives moves to another pack.
            if used * 2 < size {
                freed += size.saturating_sub(used);
                old.push((number, path));
            }
        }
        let mut live: rustc_hash::FxHashMap<u64, Vec<(BlobDigest, Place)>> = Default::default();
        if old.iter().any(|(number, _)| used.contains_key(number)) {
            live.extend(old.iter().map(|(number, _)| (*number, Vec::new())));
            self.each_place(&mut |digest, place| {
                if let Some(live) = live.get_mut(&place.pack) {
                    live.push((digest, place));
                }
            })?;
        }
        self.packs.avoid(old.iter().map(|(number, _)| *number));
        for (digest, place) in old
            .iter()
            .flat_map(|(number, _)| live.remove(number).unwrap_or_default())
        {
            match self.packs.read(place)? {
                Some(bytes) if BlobDigest::of(&bytes) == digest => {
                    if self.packs.push(&digest, &bytes) {
                        drop(self.write_packs()?);
                    }
                }
                _ => drop(self.index.put(Kind::Place, digest.as_bytes(), None)?),
            }
        }
        // The new places are safe before the old ones go.
        self.flush(!old.is_empty())?;
        for (_, path) in &old {
            std::fs::remove_file(path).at("remove", path)?;
        }
        Ok(freed)
    }
}

fn check_version(path: &Path, text: &str) -> Result<(), StoreError> {
    let number = text
        .strip_prefix("airtight-store ")
        .and_then(|rest| rest.trim_end().parse::<u32>().ok());
    match number {
        None => Err(not_a_store(path, "its `version` is not that of a store")),
        Some(found) if found > VERSION => Err(StoreError::NewerVersion {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        Some(_) => Ok(()),
    }
}

fn not_a_store(path: &Path, detail: &str) -> StoreError {
    StoreError::NotAStore {
        path: path.to_owned(),
        detail: detail.to_owned(),
    }
}

fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok()
}

/// Makes a store in a folder that is not there or empty.
fn create(path: &Path, version: &Path) -> Result<(), StoreError> {
    make_folder(path)?;
    let is_ours = |name: &str| name.starts_with("version") || name == "CACHEDIR.TAG";
    if let Some(foreign) = list(path)?.iter().map(|path| name_of(path)).find(|name| !is_ours(name)) {
        return Err(not_a_store(
            path,
            &format!("it has no `version` and has `{foreign}` in it"),
        ));
    }
    let tag = path.join("CACHEDIR.TAG");
    let text = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder holds what Airtight can make again.\n";
    std::fs::write(&tag, text).at("create", &tag)?;
    let temp = path.join(format!("version.{:016x}", random()));
    std::fs::write(&temp, format!("airtight-store {VERSION}\n")).at("create", &temp)?;
    // The one file that has to survive a loss of power: an empty one would make the store no store.
    File::open(&temp).and_then(|file| file.sync_all()).at("sync", &temp)?;
    std::fs::rename(&temp, version).at("create", version)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The paths in a folder; none where there is no folder.
fn list(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    match std::fs::read_dir(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        entries => entries
            .at("list", path)?
            .map(|entry| Ok(entry.at("list", path)?.path()))
            .collect(),
    }
}
