//! `wasi:filesystem`: the guest's handles onto the virtual file system. Not here: what a file or folder is and what was
//! observed of it (`vfs`), and any path of the host.

mod descriptor;
mod streams;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use airtight_model::{Node, NodeKind, OutputSpec, ReadSet};
use airtight_store::StoreError;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use crate::bindings::wasi::filesystem::preopens;
use crate::bindings::wasi::filesystem::types::{self, DescriptorType, ErrorCode};
use crate::cap::printable;
use crate::control::Tracer;
use crate::vfs::{Code, CollectError, FileUsage, Listing, NodeId, StruckLimit, Vfs};

/// Marks this capability in a linker.
pub(crate) struct Fs;

/// An error of `wasi:filesystem`, or a trap.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub type FsError = wasmtime_wasi::TrappableError<ErrorCode>;
/// How much of a guest's path is in a traced call, in bytes.
const MAX_TRACED: usize = 512;
/// What an operation of `wasi:filesystem` gives.
type FsResult<T> = Result<T, FsError>;

/// The state of the capability.
#[derive(Debug)]
pub(crate) struct FsCtx {
    /// The file system of the attempt.
    pub(crate) vfs: SharedVfs,
}

impl FsCtx {
    /// Gives the guest a file system whose operations are told.
    pub(crate) fn traced(vfs: Vfs, trace: Tracer) -> Self {
        let vfs = Arc::new(Mutex::new(vfs));
        Self {
            vfs: SharedVfs { vfs, trace },
        }
    }
}

/// A borrow of the state with what goes with it.
pub(crate) struct FsView<'a> {
    pub(crate) ctx: &'a mut FsCtx,
    pub(crate) table: &'a mut ResourceTable,
}

impl HasData for Fs {
    type Data<'a> = FsView<'a>;
}

/// Links `wasi:filesystem` to the file system that `get` finds.
pub(crate) fn link<T: Send + 'static>(linker: &mut Linker<T>, get: fn(&mut T) -> FsView<'_>) -> wasmtime::Result<()> {
    types::add_to_linker::<T, Fs>(linker, get)?;
    preopens::add_to_linker::<T, Fs>(linker, get)
}

/// The file system, shared with the guest's streams: those live in the resource table, beside it.
#[derive(Debug, Clone)]
pub(crate) struct SharedVfs {
    vfs: Arc<Mutex<Vfs>>,
    trace: Tracer,
}

impl SharedVfs {
    /// The file system itself. The lock is held for one operation at a time and never across an await.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Vfs> {
        self.vfs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Vfs::collect`].
    pub(crate) fn collect(&self, outputs: &[OutputSpec]) -> Result<Vec<(String, Node)>, CollectError> {
        self.lock().collect(outputs)
    }

    /// As [`Vfs::read_set`].
    pub(crate) fn read_set(&self) -> ReadSet {
        self.lock().read_set()
    }

    /// As [`Vfs::usage`].
    pub(crate) fn usage(&self) -> FileUsage {
        self.lock().usage()
    }

    /// As [`Vfs::struck`].
    pub(crate) fn struck(&self) -> Option<StruckLimit> {
        self.lock().struck()
    }

    /// As [`Vfs::take_host_error`].
    pub(crate) fn take_host_error(&self) -> Option<StoreError> {
        self.lock().take_host_error()
    }

    /// As [`Vfs::set_executable`].
    pub(crate) fn set_executable(&self, path: &str, executable: bool) -> Result<(), Code> {
        self.lock().set_executable(path, executable)
    }

    /// Does one operation. A struck limit ends the attempt here and now.
    fn with<T>(&self, operation: impl FnOnce(&mut Vfs) -> Result<T, Code>) -> FsResult<T> {
        let mut vfs = self.lock();
        operation(&mut vfs).map_err(|code| match vfs.struck() {
            Some(limit) => FsError::trap(limit),
            None => error_code(code).into(),
        })
    }

    /// Does one operation that is told as `what` and what came of it.
    fn told<T>(
        &self,
        what: impl FnOnce() -> String,
        shown: impl FnOnce(&T) -> String,
        operation: impl FnOnce(&mut Vfs) -> Result<T, Code>,
    ) -> FsResult<T> {
        let mut code = None;
        let done = self.with(|vfs| operation(vfs).inspect_err(|failed| code = Some(*failed)));
        self.trace.call(|| match (&done, code) {
            (Ok(value), _) => format!("fs {}: {}", what(), shown(value)),
            (Err(_), Some(code)) => format!("fs {}: {code:?}", what()),
            (Err(_), None) => format!("fs {}: refused", what()),
        });
        done
    }

    /// A hold on a node that was taken already.
    fn held(&self, node: NodeId) -> Held {
        Held {
            vfs: self.clone(),
            node,
        }
    }

    /// Holds a node once more.
    fn hold(&self, node: NodeId) -> FsResult<Held> {
        self.with(|vfs| vfs.hold(node))?;
        Ok(self.held(node))
    }
}

/// A node that is held, and let go when this is dropped.
#[derive(Debug)]
struct Held {
    vfs: SharedVfs,
    node: NodeId,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.vfs.lock().release(self.node);
    }
}

/// An open file or directory.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct Descriptor {
    held: Held,
    flags: types::DescriptorFlags,
}

/// An open listing.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct DirectoryEntryStream {
    vfs: SharedVfs,
    listing: Listing,
}

impl Drop for DirectoryEntryStream {
    fn drop(&mut self) {
        self.vfs.lock().close_listing(&self.listing);
    }
}

/// An operation on a path below a folder, as a traced call says it.
fn at(verb: &str, folder: NodeId, path: &str) -> String {
    format!("{verb} {folder:?} `{}`", printable(path, MAX_TRACED))
}

/// What a traced call says of an operation that gives nothing.
fn ok<T>(_: &T) -> String {
    "ok".to_owned()
}

impl preopens::Host for FsView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let root = {
            let mut vfs = self.ctx.vfs.lock();
            vfs.open_root().map_err(|code| match vfs.struck() {
                Some(limit) => limit.into(),
                None => wasmtime::Error::from(error_code(code)),
            })?
        };
        let flags = types::DescriptorFlags::READ | types::DescriptorFlags::MUTATE_DIRECTORY;
        let descriptor = self.table.push(Descriptor {
            held: self.ctx.vfs.held(root),
            flags,
        })?;
        Ok(vec![(descriptor, "/".to_owned())])
    }
}

impl types::Host for FsView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<ErrorCode>().copied())
    }
}

impl types::HostDirectoryEntryStream for FsView<'_> {
    fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        let stream = self.table.get_mut(&stream).map_err(FsError::trap)?;
        Ok(stream.listing.next().map(|(name, kind)| types::DirectoryEntry {
            type_: descriptor_type(kind),
            name,
        }))
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

fn descriptor_type(kind: NodeKind) -> DescriptorType {
    match kind {
        NodeKind::File => DescriptorType::RegularFile,
        NodeKind::Directory => DescriptorType::Directory,
        NodeKind::Symlink => DescriptorType::SymbolicLink,
    }
}

fn error_code(code: Code) -> ErrorCode {
    match code {
        Code::BadDescriptor => ErrorCode::BadDescriptor,
        Code::Busy => ErrorCode::Busy,
        Code::CrossDevice => ErrorCode::CrossDevice,
        Code::Exist => ErrorCode::Exist,
        Code::FileTooLarge => ErrorCode::FileTooLarge,
        Code::InsufficientMemory => ErrorCode::InsufficientMemory,
        Code::InsufficientSpace => ErrorCode::InsufficientSpace,
        Code::Invalid => ErrorCode::Invalid,
        Code::Io => ErrorCode::Io,
        Code::IsDirectory => ErrorCode::IsDirectory,
        Code::Loop => ErrorCode::Loop,
        Code::NameTooLong => ErrorCode::NameTooLong,
        Code::NoEntry => ErrorCode::NoEntry,
        Code::NotDirectory => ErrorCode::NotDirectory,
        Code::NotEmpty => ErrorCode::NotEmpty,
        Code::NotPermitted => ErrorCode::NotPermitted,
        Code::Quota => ErrorCode::Quota,
        Code::ReadOnly => ErrorCode::ReadOnly,
    }
}
