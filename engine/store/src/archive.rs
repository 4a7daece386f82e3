//! Cached results as one file that another machine reads: results, read sets, last actions and all blobs that they name. Not here:
//! native code and the stat cache, which never travel.
//!
//! ```text
//! "ATarchv1", then, compressed with zstd:
//!   { tag: 1 byte, the rest by tag }*
//!   1 blob:    digest: 32 bytes, length: u64 LE, the bytes
//!   2 record:  kind: 1 byte, key: length and bytes, value: length and bytes (lengths u32 LE)
//!   0 end:     how many blobs: u64 LE, records: u64 LE, BLAKE3 of all before the tag: 32 bytes
//! ```
//!
//! Records are believed on the exporter's word, but only after the end was read and is right: nothing of an archive that
//! is cut off or altered is a hit. Blobs are checked one by one.

use std::io::{self, Read, Write};

use airtight_model::{ActionKey, ActionResult, BlobDigest, Canonical, Node};
use rustc_hash::FxHashSet;

use crate::cache::{Candidate, MAX_TREE_DEPTH, document_blob, whole};
use crate::driver::{Kind, SMALL};
use crate::error::StoreError;
use crate::large::MAX_BLOB;
use crate::store::Store;

const MAGIC: [u8; 8] = *b"ATarchv1";
/// The longest record, in bytes.
const MAX_RECORD: u32 = 64 << 20;
/// The most bytes of records, which are kept in memory until the end is right.
const MAX_RECORDS: usize = 1 << 30;
const LEVEL: i32 = 3;

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Archived {
    /// Results.
    pub results: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of blobs.
    pub bytes: u64,
}

/// Hashes what goes through.
struct Hashing<T> {
    inner: T,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn writing(source: io::Error) -> StoreError {
    StoreError::Io {
        verb: "write",
        path: "the archive".into(),
        source,
    }
}

fn damaged(detail: impl Into<String>) -> StoreError {
    StoreError::Archive { detail: detail.into() }
}

fn reading(error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
        _ => damaged(error.to_string()),
    }
}

struct Exporter<'a, W: Write> {
    store: &'a Store,
    out: Hashing<W>,
    written: FxHashSet<BlobDigest>,
    done: Archived,
    records: u64,
}

impl Store {
    /// Writes all results of which nothing is lost, with what they need, to one file.
    ///
    /// # Errors
    /// The store cannot be read or the writer fails.
    pub fn export_archive(&self, mut writer: impl Write) -> Result<Archived, StoreError> {
        writer.write_all(&MAGIC).map_err(writing)?;
        let encoder = zstd::stream::write::Encoder::new(writer, LEVEL).map_err(writing)?;
        let out = Hashing {
            inner: encoder,
            hasher: blake3::Hasher::new(),
        };
        let mut exporter = Exporter {
            store: self,
            out,
            written: FxHashSet::default(),
            done: Archived::default(),
            records: 0,
        };
        exporter.results()?;
        exporter.end()
    }

    /// Reads what [`Store::export_archive`] wrote. Results that are known already stay as they are.
    ///
    /// # Errors
    /// [`StoreError::Archive`] when it is not an archive, ends too early or was altered: nothing of it is believed then. Or
    /// the store cannot be written.
    pub fn import_archive(&self, mut reader: impl Read) -> Result<Archived, StoreError> {
        let mut magic = [0; MAGIC.len()];
        reader.read_exact(&mut magic).map_err(reading)?;
        if magic != MAGIC {
            return Err(damaged("it is not an archive of cached results, or of another version"));
        }
        let decoder = zstd::stream::read::Decoder::new(reader).map_err(reading)?;
        let mut from = Hashing {
            inner: decoder,
            hasher: blake3::Hasher::new(),
        };
        let mut done = Archived::default();
        let mut records = Vec::new();
        let mut record_bytes = 0;
        loop {
            let so_far = *from.hasher.finalize().as_bytes();
            match read_array::<1>(&mut from)? {
                [1] => {
                    done.blobs += 1;
                    done.bytes += self.import_blob(&mut from)?;
                }
                [2] => {
                    let record = read_record(&mut from)?;
                    record_bytes += record.1.len() + record.2.len();
                    if record_bytes > MAX_RECORDS {
                        return Err(damaged("it has too many records"));
                    }
                    records.push(record);
                }
                [0] => {
                    let blobs = u64::from_le_bytes(read_array(&mut from)?);
                    let count = u64::from_le_bytes(read_array(&mut from)?);
                    let hash: [u8; 32] = read_array(&mut from)?;
                    if (blobs, count, hash) != (done.blobs, records.len() as u64, so_far) {
                        return Err(damaged("its end says that it held other things"));
                    }
                    break;
                }
                [tag] => return Err(damaged(format!("it has a part of the unknown kind {tag}"))),
            }
        }
        if from.read(&mut [0]).map_err(reading)? != 0 {
            return Err(damaged("it goes on after its end"));
        }
        for (kind, key, value) in records {
            done.results += u64::from(self.import_record(kind, &key, &value)?);
        }
        self.flush()?;
        Ok(done)
    }

    fn import_blob(&self, from: &mut impl Read) -> Result<u64, StoreError> {
        let digest = BlobDigest::from_bytes(read_array(from)?);
        let len = u64::from_le_bytes(read_array(from)?);
        if len > MAX_BLOB {
            return Err(damaged(format!("blob {digest} is too large")));
        }
        let found = if len <= SMALL as u64 {
            let mut bytes = vec![0; len as usize];
            from.read_exact(&mut bytes).map_err(reading)?;
            // Checked before it is put: a store takes nothing for a name that it does not have.
            if BlobDigest::of(&bytes) == digest {
                self.put_blob(&bytes)?
            } else {
                BlobDigest::of(&bytes)
            }
        } else {
            let mut scratch = self.scratch()?;
            let mut buffer = vec![0; 1 << 20];
            let mut offset = 0;
            while offset < len {
                let wanted = (len - offset).min(buffer.len() as u64) as usize;
                from.read_exact(&mut buffer[..wanted]).map_err(reading)?;
                scratch.write_at(offset, &buffer[..wanted])?;
                offset += wanted as u64;
            }
            let found = scratch.digest()?.0;
            if found == digest {
                self.put_scratch(scratch)?.0
            } else {
                found
            }
        };
        if found == digest {
            Ok(len)
        } else {
            Err(damaged(format!("blob {digest} has other bytes")))
        }
    }

    /// Keeps a record of an archive; true for a result.
    fn import_record(&self, kind: Kind, key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        let wrong = || damaged("a result in it cannot be read");
        match kind {
            Kind::Entry => {
                let key = ActionKey::from_bytes(key.try_into().map_err(|_| wrong())?);
                let result = ActionResult::from_document(value).map_err(|_| wrong())?;
                let known = self.inner.record(Kind::Entry, key.as_bytes())?.is_some();
                if known || self.first_lost(&result, self.inner.generation()?)?.is_some() {
                    return Ok(false);
                }
                self.put_entry(&key, value)?;
                Ok(true)
            }
            Kind::Reads => {
                let static_key: [u8; 32] = key.try_into().map_err(|_| wrong())?;
                let theirs: Vec<Candidate> = whole(value).ok_or_else(wrong)?;
                self.add_candidates(&airtight_model::StaticKey::from_bytes(static_key), theirs)?;
                Ok(false)
            }
            _ => {
                if self.inner.record(kind, key)?.is_none() {
                    self.inner.put_record(kind, key, value)?;
                }
                Ok(false)
            }
        }
    }
}

fn read_array<const N: usize>(from: &mut impl Read) -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(reading)?;
    Ok(bytes)
}

fn read_record(from: &mut impl Read) -> Result<(Kind, Vec<u8>, Vec<u8>), StoreError> {
    let [kind] = read_array(from)?;
    let kind = [Kind::Entry, Kind::Reads, Kind::Last]
        .into_iter()
        .find(|known| *known as u8 == kind);
    let kind = kind.ok_or_else(|| damaged("it has a record of an unknown kind"))?;
    let mut part = || {
        let len = u32::from_le_bytes(read_array(from)?);
        if len > MAX_RECORD {
            return Err(damaged("it has a record that is too long"));
        }
        // Grown as it is read: a length alone takes no memory.
        let mut bytes = Vec::new();
        from.by_ref()
            .take(u64::from(len))
            .read_to_end(&mut bytes)
            .map_err(reading)?;
        if bytes.len() == len as usize {
            Ok(bytes)
        } else {
            Err(damaged("it ends too early"))
        }
    };
    Ok((kind, part()?, part()?))
}

impl<W: Write> Exporter<'_, zstd::stream::write::Encoder<'static, W>> {
    fn end(mut self) -> Result<Archived, StoreError> {
        let hash = *self.out.hasher.finalize().as_bytes();
        let mut end = vec![0];
        end.extend_from_slice(&self.done.blobs.to_le_bytes());
        end.extend_from_slice(&self.records.to_le_bytes());
        end.extend_from_slice(&hash);
        self.out.write_all(&end).map_err(writing)?;
        self.out
            .inner
            .finish()
            .and_then(|mut writer| writer.flush())
            .map_err(writing)?;
        Ok(self.done)
    }
}

impl<W: Write> Exporter<'_, W> {
    fn results(&mut self) -> Result<(), StoreError> {
        let generation = self.store.inner.generation()?;
        let mut kept = FxHashSet::default();
        for (key, _, result, _) in self.store.entries()? {
            if self.store.first_lost(&result, generation)?.is_some() {
                continue;
            }
            for (_, node) in &result.outputs {
                self.node(node, 0)?;
            }
            for blob in [result.stdout.blob, result.stderr.blob].into_iter().flatten() {
                self.blob(&blob)?;
            }
            self.record(Kind::Entry, key.as_bytes(), &result.to_document())?;
            self.done.results += 1;
            kept.insert(key);
        }
        let mut read_sets: Vec<(Vec<u8>, Vec<Candidate>)> = Vec::new();
        self.store.inner.scan(Kind::Reads, &[], |key, value| {
            read_sets.extend(value.and_then(whole).map(|candidates| (key.to_vec(), candidates)));
        })?;
        for (key, mut candidates) in read_sets {
            candidates.retain(|candidate| kept.contains(&candidate.key));
            let mut whole = Vec::new();
            for candidate in candidates {
                if self.store.has_blob(&candidate.reads)? {
                    self.blob(&candidate.reads)?;
                    whole.push(candidate);
                }
            }
            self.record(Kind::Reads, &key, &whole.to_bytes())?;
        }
        let mut last: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        self.store.inner.scan(Kind::Last, &[], |key, value| {
            last.extend(value.map(|value| (key.to_vec(), value.to_vec())))
        })?;
        for (key, value) in last {
            match document_blob(&value) {
                Some(blob) if !self.store.has_blob(&blob)? => continue,
                Some(blob) => self.blob(&blob)?,
                None => {}
            }
            self.record(Kind::Last, &key, &value)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &Node, depth: usize) -> Result<(), StoreError> {
        match node {
            Node::Symlink(_) => Ok(()),
            Node::File { blob, .. } => self.blob(blob),
            Node::Directory(tree) if depth > MAX_TREE_DEPTH => Err(StoreError::Missing(tree.as_blob())),
            Node::Directory(tree) if self.written.contains(&tree.as_blob()) => Ok(()),
            Node::Directory(tree) => {
                self.blob(&tree.as_blob())?;
                let tree = self.store.tree(tree)?;
                tree.entries()
                    .iter()
                    .try_for_each(|entry| self.node(&entry.node, depth + 1))
            }
        }
    }

    fn blob(&mut self, digest: &BlobDigest) -> Result<(), StoreError> {
        if !self.written.insert(*digest) {
            return Ok(());
        }
        let blob = self.store.blob(digest)?;
        let mut head = vec![1];
        head.extend_from_slice(digest.as_bytes());
        head.extend_from_slice(&blob.size().to_le_bytes());
        self.out.write_all(&head).map_err(writing)?;
        blob.for_each_part(|part| self.out.write_all(part).map_err(writing))?;
        self.done.blobs += 1;
        self.done.bytes += blob.size();
        Ok(())
    }

    fn record(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if key.len().max(value.len()) > MAX_RECORD as usize {
            return Ok(());
        }
        let mut bytes = vec![2, kind as u8];
        for part in [key, value] {
            bytes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        self.records += 1;
        self.out.write_all(&bytes).map_err(writing)
    }
}
