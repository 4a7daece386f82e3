//! The bytes of files: read in place from the store, or in an overlay once they are changed. Not here: names.

use airtight_model::BlobDigest;
use airtight_store::{Blob, Scratch, StoreError};

use super::node::{Body, NodeId};
use super::{Code, StruckLimit, Vfs};

/// What one read gives at most, in bytes.
pub const MAX_READ: usize = 1 << 20;
/// The largest file that an overlay keeps in memory, in bytes. A larger one is a private file of the store.
const MAX_SMALL: u64 = 256 << 10;
/// How many bytes of closed files all overlays together keep in memory. Beyond it, a file goes to the store as a blob
/// when its last handle is closed.
const MAX_IN_MEMORY: u64 = 64 << 20;
/// The largest offset that a file can have: that of POSIX's `off_t`.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// What of a file still comes from the input that it was mounted from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Derived {
    /// Some of its bytes.
    pub(super) content: bool,
    /// Its size.
    pub(super) size: bool,
    /// Its executable bit.
    pub(super) executable: bool,
}

/// A regular file.
#[derive(Debug)]
pub(super) struct File {
    content: Content,
    pub(super) executable: bool,
    pub(super) derived: Derived,
    /// Whether it is no longer what was mounted.
    pub(super) touched: bool,
}

#[derive(Debug)]
enum Content {
    /// In the store: what was mounted (`owned` is false), or what an overlay had no room for.
    Stored {
        digest: BlobDigest,
        size: u64,
        owned: bool,
        open: Option<Blob>,
    },
    /// In memory.
    Memory(Vec<u8>),
    /// In a private file of the store.
    Scratch(Scratch),
}

/// What a file takes of the attempt's limits.
#[derive(Debug, Clone, Copy)]
struct Footprint {
    bytes: u64,
    memory: u64,
}

impl File {
    /// As it was mounted.
    pub(super) fn mounted(digest: BlobDigest, size: u64, executable: bool) -> Self {
        let content = Content::Stored {
            digest,
            size,
            owned: false,
            open: None,
        };
        let derived = Derived {
            content: true,
            size: true,
            executable: true,
        };
        Self {
            content,
            executable,
            derived,
            touched: false,
        }
    }

    /// Newly made, empty.
    pub(super) fn made() -> Self {
        let derived = Derived {
            content: false,
            size: false,
            executable: false,
        };
        Self {
            content: Content::Memory(Vec::new()),
            executable: false,
            derived,
            touched: true,
        }
    }

    pub(super) fn size(&self) -> u64 {
        match &self.content {
            Content::Stored { size, .. } => *size,
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Scratch(scratch) => scratch.len(),
        }
    }

    fn footprint(&self) -> Footprint {
        match &self.content {
            Content::Stored { owned: false, .. } => Footprint { bytes: 0, memory: 0 },
            Content::Stored { size, .. } => Footprint {
                bytes: *size,
                memory: 0,
            },
            Content::Memory(bytes) => Footprint {
                bytes: bytes.len() as u64,
                memory: bytes.len() as u64,
            },
            Content::Scratch(scratch) => Footprint {
                bytes: scratch.len(),
                memory: 0,
            },
        }
    }

    /// Writes at an offset, in memory as long as the file is small.
    fn put(
        &mut self,
        scratch: impl FnOnce() -> Result<Scratch, StoreError>,
        at: u64,
        new: &[u8],
    ) -> Result<(), StoreError> {
        let end = at + new.len() as u64;
        self.spill(scratch, end)?;
        match &mut self.content {
            Content::Memory(bytes) => {
                let (start, end) = (small(at), small(end));
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[start..end].copy_from_slice(new);
                Ok(())
            }
            Content::Scratch(file) => file.write_at(at, new),
            Content::Stored { .. } => Ok(()),
        }
    }

    /// Cuts or extends it.
    fn resize(&mut self, scratch: impl FnOnce() -> Result<Scratch, StoreError>, size: u64) -> Result<(), StoreError> {
        self.spill(scratch, size)?;
        match &mut self.content {
            Content::Memory(bytes) => {
                bytes.resize(small(size), 0);
                Ok(())
            }
            Content::Scratch(file) => file.set_len(size),
            Content::Stored { .. } => Ok(()),
        }
    }

    /// Moves it out of memory when it is to reach to `end`.
    fn spill(&mut self, scratch: impl FnOnce() -> Result<Scratch, StoreError>, end: u64) -> Result<(), StoreError> {
        if let Content::Memory(bytes) = &self.content
            && end > MAX_SMALL
        {
            let mut file = scratch()?;
            if !bytes.is_empty() {
                file.write_at(0, bytes)?;
            }
            self.content = Content::Scratch(file);
        }
        Ok(())
    }
}

/// An offset in a file that is in memory.
fn small(offset: u64) -> usize {
    usize::try_from(offset).expect("a file in memory is at most MAX_SMALL")
}

impl Vfs {
    fn file(&self, id: NodeId) -> Result<&File, Code> {
        match &self.nodes[id].body {
            Body::File(file) => Ok(file),
            Body::Directory(_) => Err(Code::IsDirectory),
            Body::Symlink(_) => Err(Code::BadDescriptor),
        }
    }

    fn file_mut(&mut self, id: NodeId) -> Result<&mut File, Code> {
        match &mut self.nodes[id].body {
            Body::File(file) => Ok(file),
            Body::Directory(_) => Err(Code::IsDirectory),
            Body::Symlink(_) => Err(Code::BadDescriptor),
        }
    }

    /// Reads the least of `len`, what remains and [`MAX_READ`]. Empty at the end, and for a `len` of 0.
    ///
    /// # Errors
    /// The node is not a file; [`Code::Io`] when the host failed.
    pub fn read(&mut self, id: NodeId, offset: u64, len: u64) -> Result<Vec<u8>, Code> {
        self.file(id)?;
        if len == 0 {
            return Ok(Vec::new());
        }
        self.observe_content(id);
        let result = self.read_stored(id, offset, len);
        let bytes = self.trust(result)?;
        if self.file(id)?.derived.content {
            self.used.read += bytes.len() as u64;
        }
        Ok(bytes)
    }

    /// Reads without observing.
    fn read_stored(&mut self, id: NodeId, offset: u64, len: u64) -> Result<Vec<u8>, StoreError> {
        let store = self.store.clone();
        let Body::File(file) = &mut self.nodes[id].body else {
            return Ok(Vec::new());
        };
        let left = file.size().saturating_sub(offset);
        let count = usize::try_from(len.min(left)).unwrap_or(MAX_READ).min(MAX_READ);
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut buffer = vec![0; count];
        match &mut file.content {
            Content::Memory(bytes) => {
                let start = small(offset);
                buffer.copy_from_slice(&bytes[start..start + count]);
            }
            Content::Scratch(scratch) => {
                let read = scratch.read_at(offset, &mut buffer)?;
                buffer.truncate(read);
            }
            Content::Stored { digest, open, size, .. } => {
                let blob = match open {
                    Some(blob) => blob,
                    None => open.insert(store.blob(digest)?),
                };
                let read = blob.read_at(offset, &mut buffer)?;
                if read < count {
                    let detail = format!("it has {} bytes, and the tree that names it says {size}", blob.size());
                    return Err(StoreError::Corrupt {
                        digest: *digest,
                        detail,
                    });
                }
            }
        }
        Ok(buffer)
    }

    /// Writes all of `bytes` at `offset`. A gap before it reads as zeros.
    ///
    /// # Errors
    /// The node is not a file; the file would be too large; a limit was struck; [`Code::Io`] when the host failed.
    pub fn write(&mut self, id: NodeId, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        let size = self.file(id)?.size();
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset
            .checked_add(bytes.len() as u64)
            .filter(|end| *end <= MAX_OFFSET)
            .ok_or(Code::FileTooLarge)?;
        self.reserve_bytes(id, size.max(end))?;
        self.used.written += bytes.len() as u64;
        self.edit(id, size, |file, store| file.put(|| store.scratch(), offset, bytes))
    }

    /// Writes all of `bytes` at the end.
    ///
    /// # Errors
    /// As [`Vfs::write`].
    pub fn append(&mut self, id: NodeId, bytes: &[u8]) -> Result<(), Code> {
        let size = self.file(id)?.size();
        if !bytes.is_empty() {
            self.observe_size(id);
        }
        self.write(id, size, bytes)
    }

    /// Cuts a file or extends it with zeros.
    ///
    /// # Errors
    /// As [`Vfs::write`].
    pub fn set_size(&mut self, id: NodeId, size: u64) -> Result<(), Code> {
        self.file(id)?;
        if size > MAX_OFFSET {
            return Err(Code::FileTooLarge);
        }
        if size > 0 {
            self.reserve_bytes(id, size)?;
            self.edit(id, size, |file, store| file.resize(|| store.scratch(), size))?;
        } else {
            let before = self.file(id)?.footprint();
            let file = self.file_mut(id)?;
            file.content = Content::Memory(Vec::new());
            file.derived.content = false;
            file.touched = true;
            self.settle(id, before)?;
        }
        self.file_mut(id)?.derived.size = false;
        Ok(())
    }

    /// Marks a file as executable, or not.
    pub(super) fn mark(&mut self, id: NodeId, executable: bool) -> Result<(), Code> {
        let file = self.file_mut(id)?;
        file.executable = executable;
        file.derived.executable = false;
        file.touched = true;
        Ok(())
    }

    /// Whether a file that is to become `size` long is within the limit.
    fn reserve_bytes(&mut self, id: NodeId, size: u64) -> Result<(), Code> {
        let now = self.file(id)?.footprint().bytes;
        self.reserve(size.saturating_sub(now))
    }

    /// Whether the guest may have `more` bytes.
    pub(super) fn reserve(&mut self, more: u64) -> Result<(), Code> {
        let limit = self.limits.output;
        if self.used.bytes.checked_add(more).is_none_or(|all| all > limit) {
            return Err(self.strike(StruckLimit::Output(limit), Code::InsufficientSpace));
        }
        Ok(())
    }

    /// Changes a file in its overlay, which first gets what is in the store, up to `keep` bytes.
    fn edit(
        &mut self,
        id: NodeId,
        keep: u64,
        change: impl FnOnce(&mut File, &airtight_store::Store) -> Result<(), StoreError>,
    ) -> Result<(), Code> {
        let before = self.file(id)?.footprint();
        let mut result = self.lift(id, keep);
        if result.is_ok() {
            let store = self.store.clone();
            let file = self.file_mut(id)?;
            file.touched = true;
            result = change(file, &store);
        }
        self.settle(id, before)?;
        self.trust(result)
    }

    /// Copies what is in the store to the overlay, up to `keep` bytes. That is no observation: the guest sees nothing.
    fn lift(&mut self, id: NodeId, keep: u64) -> Result<(), StoreError> {
        let Body::File(file) = &self.nodes[id].body else {
            return Ok(());
        };
        if !matches!(file.content, Content::Stored { .. }) {
            return Ok(());
        }
        let keep = keep.min(file.size());
        let store = self.store.clone();
        let mut copy = File::made();
        let mut at = 0;
        while at < keep {
            let bytes = self.read_stored(id, at, keep - at)?;
            copy.spill(|| store.scratch(), keep)?;
            copy.put(|| store.scratch(), at, &bytes)?;
            at += bytes.len() as u64;
        }
        if let Body::File(file) = &mut self.nodes[id].body {
            file.content = copy.content;
        }
        Ok(())
    }

    /// Books what a file takes now in place of what it took before.
    fn settle(&mut self, id: NodeId, before: Footprint) -> Result<(), Code> {
        let now = self.file(id)?.footprint();
        self.used.bytes = self.used.bytes - before.bytes + now.bytes;
        self.used.memory = self.used.memory - before.memory + now.memory;
        Ok(())
    }

    /// The last handle of a file that has names was closed.
    pub(super) fn file_closed(&mut self, id: NodeId) {
        let in_memory = self.used.memory;
        let Ok(file) = self.file_mut(id) else { return };
        match &mut file.content {
            Content::Stored { open, .. } => *open = None,
            Content::Memory(bytes) if in_memory > MAX_IN_MEMORY && !bytes.is_empty() => {
                if let Err(error) = self.store_content(id) {
                    self.host_failed(error);
                }
            }
            Content::Memory(_) | Content::Scratch(_) => {}
        }
    }

    /// A file is gone.
    pub(super) fn file_freed(&mut self, file: &File) {
        let footprint = file.footprint();
        self.used.bytes -= footprint.bytes;
        self.used.memory -= footprint.memory;
    }

    /// Puts a file's bytes to the store. Returns their digest and size.
    pub(super) fn store_content(&mut self, id: NodeId) -> Result<(BlobDigest, u64), StoreError> {
        let store = self.store.clone();
        let Body::File(file) = &mut self.nodes[id].body else {
            panic!("the caller checked that node {id:?} is a file");
        };
        let memory = file.footprint().memory;
        if let Content::Stored { digest, size, .. } = &file.content {
            return Ok((*digest, *size));
        }
        let (digest, size) = match std::mem::replace(&mut file.content, Content::Memory(Vec::new())) {
            Content::Stored { digest, size, .. } => (digest, size),
            Content::Scratch(scratch) => store.put_scratch(scratch)?,
            Content::Memory(bytes) => match store.put_blob(&bytes) {
                Ok(digest) => (digest, bytes.len() as u64),
                Err(error) => {
                    file.content = Content::Memory(bytes);
                    return Err(error);
                }
            },
        };
        file.content = Content::Stored {
            digest,
            size,
            owned: true,
            open: None,
        };
        self.used.memory -= memory;
        Ok((digest, size))
    }
}
