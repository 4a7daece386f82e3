//! Packs: files that many small blobs are appended to. Not here: the index that says where each is.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use airtight_model::{BlobDigest, Canonical, DecodeError, Decoder, Encoder};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::driver::SMALL;
use crate::error::{At, StoreError};

/// The first bytes of a pack.
const MAGIC: [u8; 8] = *b"ATpack01";
/// Bytes before each blob: its digest and its length.
const HEADER: u64 = 36;
/// A pack that has grown to this many bytes gets no more.
const FULL: u64 = 64 << 20;
/// How many bytes, and how many blobs, may wait in memory before they are written.
const MAX_WAITING: usize = 1 << 20;
const MAX_WAITING_BLOBS: usize = 2048;
/// How many packs are looked at for one with room that no one else writes to.
const MAX_TRIED: usize = 64;

/// Where a small blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The pack's number.
    pub(super) pack: u64,
    /// Where the blob's bytes begin in it.
    pub(super) offset: u64,
    /// How many they are.
    pub(super) len: u32,
}

impl Place {
    pub(super) fn to_record(self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.raw(&self.pack.to_le_bytes());
        out.uint(self.offset);
        out.uint(u64::from(self.len));
        out.finish()
    }

    pub(super) fn from_record(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut from = Decoder::new(bytes);
        let pack = u64::from_le_bytes(from.array()?);
        let (offset, len) = (from.uint()?, u32::decode(&mut from)?);
        if len as usize > SMALL {
            return Err(from.invalid("a small blob that is too large"));
        }
        from.finish()?;
        Ok(Self { pack, offset, len })
    }
}

/// The packs of a store.
///
/// ```text
/// packs/<16 hexadecimal digits>.pack:  "ATpack01"  { digest: 32 bytes, length: u32 LE, the blob's bytes }*
/// ```
///
/// A process appends to one pack, which it holds locked; what waits in memory is appended with one write. Nothing
/// refers to a blob in a pack but the index, so what a killed process leaves at the end of a pack is only lost room.
#[derive(Debug)]
pub(super) struct Packs {
    folder: PathBuf,
    writer: Mutex<Writer>,
    readers: Mutex<FxHashMap<u64, Arc<File>>>,
    /// Packs that are about to go.
    avoided: Mutex<FxHashSet<u64>>,
}

#[derive(Debug, Default)]
pub(super) struct Writer {
    open: Option<OpenPack>,
    waiting: FxHashMap<BlobDigest, Arc<Vec<u8>>>,
    order: Vec<BlobDigest>,
    bytes: usize,
}

/// Keeps blobs from coming while it lives.
#[derive(Debug)]
pub(super) struct NoMore<'a> {
    _writer: MutexGuard<'a, Writer>,
}

#[derive(Debug)]
struct OpenPack {
    number: u64,
    file: File,
    path: PathBuf,
    len: u64,
    /// Whether bytes were written since the last sync.
    dirty: bool,
}

impl Packs {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            writer: Mutex::default(),
            readers: Mutex::default(),
            avoided: Mutex::default(),
        }
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().expect("no one panics while holding the lock")
    }

    pub(super) fn path(&self, pack: u64) -> PathBuf {
        self.folder.join(format!("{pack:016x}.pack"))
    }

    /// A blob that waits to be written.
    pub(super) fn waiting(&self, digest: &BlobDigest) -> Option<Arc<Vec<u8>>> {
        self.writer().waiting.get(digest).cloned()
    }

    /// Takes a blob; true when it is time to write what waits.
    pub(super) fn push(&self, digest: &BlobDigest, bytes: &[u8]) -> bool {
        let mut writer = self.writer();
        if !writer.waiting.contains_key(digest) {
            writer.waiting.insert(*digest, Arc::new(bytes.to_vec()));
            writer.order.push(*digest);
            writer.bytes += bytes.len();
        }
        writer.bytes >= MAX_WAITING || writer.order.len() >= MAX_WAITING_BLOBS
    }

    /// Drops a blob that waits: it was set aside.
    pub(super) fn forget(&self, digest: &BlobDigest) {
        let mut writer = self.writer();
        if writer.waiting.remove(digest).is_some() {
            writer.order.retain(|waiting| waiting != digest);
        }
    }

    /// Writes what waits. `place` is told of each before any other thread can see that it waits no more. No blob can come
    /// while what is returned lives.
    pub(super) fn write(
        &self,
        mut place: impl FnMut(&BlobDigest, Place) -> Result<(), StoreError>,
    ) -> Result<NoMore<'_>, StoreError> {
        let mut writer = self.writer();
        if writer.order.is_empty() {
            return Ok(NoMore { _writer: writer });
        }
        if writer.open.as_ref().is_none_or(|pack| pack.len >= FULL) {
            writer.open = None;
            writer.open = Some(self.open_pack()?);
        }
        let Writer {
            open, waiting, order, ..
        } = &mut *writer;
        let pack = open.as_mut().expect("it was just opened");
        let mut buffer = Vec::with_capacity(waiting.values().map(|bytes| bytes.len() + HEADER as usize).sum());
        let mut places = Vec::with_capacity(order.len());
        for digest in order.iter() {
            let bytes = &waiting[digest];
            buffer.extend_from_slice(digest.as_bytes());
            buffer.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            places.push(Place {
                pack: pack.number,
                offset: pack.len + buffer.len() as u64,
                len: bytes.len() as u32,
            });
            buffer.extend_from_slice(bytes);
        }
        // On failure nothing refers to what was written of it, and the next try writes over it.
        pack.file.write_all_at(&buffer, pack.len).at("write", &pack.path)?;
        pack.len += buffer.len() as u64;
        pack.dirty = true;
        for (digest, at) in order.iter().zip(places) {
            place(digest, at)?;
        }
        writer.waiting.clear();
        writer.order.clear();
        writer.bytes = 0;
        Ok(NoMore { _writer: writer })
    }

    /// Sees that what was written survives a loss of power.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        if let Some(pack) = self.writer().open.as_mut().filter(|pack| pack.dirty) {
            pack.file.sync_data().at("sync", &pack.path)?;
            let folder = File::open(&self.folder).at("open", &self.folder)?;
            folder.sync_all().at("sync", &self.folder)?;
            pack.dirty = false;
        }
        Ok(())
    }

    /// Lets go of the pack that is written to, so that a sweep may remove it.
    pub(super) fn close(&self) {
        self.writer().open = None;
        self.readers
            .lock()
            .expect("no one panics while holding the lock")
            .clear();
    }

    /// Sees that nothing is appended to packs that are about to go.
    pub(super) fn avoid(&self, packs: impl Iterator<Item = u64>) {
        self.avoided
            .lock()
            .expect("no one panics while holding the lock")
            .extend(packs);
    }

    /// Opens a pack with room that no one else writes to, or makes one.
    fn open_pack(&self) -> Result<OpenPack, StoreError> {
        super::make_folder(&self.folder)?;
        for (number, path) in self.list()?.into_iter().take(MAX_TRIED) {
            if self
                .avoided
                .lock()
                .expect("no one panics while holding the lock")
                .contains(&number)
            {
                continue;
            }
            let Ok(file) = OpenOptions::new().read(true).write(true).open(&path) else {
                continue;
            };
            let len = file.metadata().map_or(FULL, |metadata| metadata.len());
            let mut magic = [0; MAGIC.len()];
            let usable = len < FULL / 2 && file.try_lock().is_ok();
            if usable && file.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC && path.exists() {
                return Ok(OpenPack {
                    number,
                    file,
                    path,
                    len,
                    dirty: false,
                });
            }
        }
        let number = super::random();
        let path = self.path(number);
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .at("create", &path)?;
        file.try_lock().map_err(std::io::Error::from).at("lock", &path)?;
        file.write_all_at(&MAGIC, 0).at("write", &path)?;
        Ok(OpenPack {
            number,
            file,
            path,
            len: MAGIC.len() as u64,
            dirty: true,
        })
    }

    /// The packs that there are.
    pub(super) fn list(&self) -> Result<Vec<(u64, PathBuf)>, StoreError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.at("list", &self.folder)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.at("list", &self.folder)?.path();
            if let Some(number) = pack_number(&path) {
                found.push((number, path));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Reads a blob's bytes as they are; none where the pack is gone or too short.
    pub(super) fn read(&self, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(place.pack);
        let file = {
            let mut readers = self.readers.lock().expect("no one panics while holding the lock");
            match readers.get(&place.pack) {
                Some(file) => Arc::clone(file),
                None => match File::open(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                    file => {
                        let file = Arc::new(file.at("open", &path)?);
                        readers.insert(place.pack, Arc::clone(&file));
                        file
                    }
                },
            }
        };
        let mut bytes = vec![0; place.len as usize];
        match file.read_exact_at(&mut bytes, place.offset) {
            Ok(()) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error).at("read", &path),
        }
    }
}

fn pack_number(path: &Path) -> Option<u64> {
    if path.extension()? != "pack" {
        return None;
    }
    let stem = path.file_stem()?.to_str()?;
    (stem.len() == 16).then(|| u64::from_str_radix(stem, 16).ok()).flatten()
}
