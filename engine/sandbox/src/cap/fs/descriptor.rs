//! The methods of a descriptor: each checks what the handle was opened for and hands over to the virtual file system.
//! Not here: what the operations do.

use airtight_model::NodeKind;
use airtight_model::step::DEFAULT_CLOCK_BASE;
use wasmtime::component::Resource;
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::streams::{Position, Reader, Writer};
use super::{
    Descriptor, DirectoryEntryStream, FsError, FsResult, FsView, Held, MAX_TRACED, SharedVfs, at, descriptor_type, ok,
};
use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::bindings::wasi::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, Filesize, HostDescriptor, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use crate::cap::printable;
use crate::control::traced;
use crate::vfs::{NodeId, Open, Stat};

/// When every file was made, read and changed last.
const TIMES: Datetime = Datetime {
    seconds: DEFAULT_CLOCK_BASE,
    nanoseconds: 0,
};
/// How many names every file has.
const LINK_COUNT: u64 = 1;
impl FsView<'_> {
    fn descriptor(&self, descriptor: &Resource<Descriptor>) -> FsResult<&Descriptor> {
        self.table.get(descriptor).map_err(FsError::trap)
    }

    fn node(&self, descriptor: &Resource<Descriptor>) -> FsResult<NodeId> {
        Ok(self.descriptor(descriptor)?.held.node)
    }

    fn vfs(&self) -> &SharedVfs {
        &self.ctx.vfs
    }

    /// A node that is a file, opened with a flag.
    fn file(&self, descriptor: &Resource<Descriptor>, flag: DescriptorFlags, other: ErrorCode) -> FsResult<NodeId> {
        let descriptor = self.descriptor(descriptor)?;
        let node = descriptor.held.node;
        if self.vfs().lock().kind_of(node) != NodeKind::File {
            return Err(other.into());
        } else if !descriptor.flags.contains(flag) {
            return Err(ErrorCode::BadDescriptor.into());
        }
        Ok(node)
    }

    fn push_writer(
        &mut self,
        descriptor: &Resource<Descriptor>,
        position: Position,
    ) -> FsResult<Resource<DynOutputStream>> {
        let node = self.file(descriptor, DescriptorFlags::WRITE, ErrorCode::BadDescriptor)?;
        let writer: DynOutputStream = Box::new(Writer {
            held: self.hold(node)?,
            position,
        });
        self.table.push(writer).map_err(FsError::trap)
    }

    fn hold(&self, node: NodeId) -> FsResult<Held> {
        self.vfs().hold(node)
    }
}

/// What `get-flags` says of a handle that was opened with `asked`.
fn shown_flags(asked: DescriptorFlags, mutable_directory: bool) -> DescriptorFlags {
    // A handle that is for nothing else is for reading. What is written is never buffered, so the flags that ask for
    // that are granted.
    let mut shown = if asked.contains(DescriptorFlags::WRITE) {
        asked
    } else {
        asked | DescriptorFlags::READ
    };
    shown &= !DescriptorFlags::MUTATE_DIRECTORY;
    if mutable_directory {
        shown | DescriptorFlags::MUTATE_DIRECTORY
    } else {
        shown
    }
}

fn follows(flags: PathFlags) -> bool {
    flags.contains(PathFlags::SYMLINK_FOLLOW)
}

fn attributes(stat: Stat) -> DescriptorStat {
    DescriptorStat {
        type_: descriptor_type(stat.kind),
        link_count: LINK_COUNT,
        size: stat.size,
        data_access_timestamp: Some(TIMES),
        data_modification_timestamp: Some(TIMES),
        status_change_timestamp: Some(TIMES),
    }
}

fn hash_value(identity: u128) -> MetadataHashValue {
    MetadataHashValue {
        lower: identity as u64,
        upper: (identity >> 64) as u64,
    }
}

impl HostDescriptor for FsView<'_> {
    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let node = self.file(&fd, DescriptorFlags::READ, ErrorCode::IsDirectory)?;
        let reader: DynInputStream = Box::new(Reader {
            held: self.hold(node)?,
            offset,
        });
        self.table.push(reader).map_err(FsError::trap)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.push_writer(&fd, Position::At(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        self.push_writer(&fd, Position::End)
    }

    fn advise(&mut self, fd: Resource<Descriptor>, _offset: Filesize, _length: Filesize, _: Advice) -> FsResult<()> {
        self.file(&fd, DescriptorFlags::empty(), ErrorCode::BadDescriptor)?;
        Ok(())
    }

    fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.descriptor(&fd)?;
        Ok(())
    }

    fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        Ok(self.descriptor(&fd)?.flags)
    }

    fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        let node = self.node(&fd)?;
        Ok(descriptor_type(self.vfs().lock().kind_of(node)))
    }

    fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        let node = self.file(&fd, DescriptorFlags::WRITE, ErrorCode::BadDescriptor)?;
        self.vfs().told(
            || format!("set-size {node:?} {size}"),
            ok,
            |vfs| vfs.set_size(node, size),
        )
    }

    fn set_times(&mut self, fd: Resource<Descriptor>, _access: NewTimestamp, _change: NewTimestamp) -> FsResult<()> {
        let node = self.node(&fd)?;
        self.vfs().with(|vfs| vfs.set_times(node))
    }

    fn read(&mut self, fd: Resource<Descriptor>, length: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        let node = self.file(&fd, DescriptorFlags::READ, ErrorCode::IsDirectory)?;
        let what = || format!("read {node:?} at {offset} {length}");
        let bytes = self.vfs().told(
            what,
            |bytes: &Vec<u8>| traced(bytes),
            |vfs| vfs.read(node, offset, length),
        )?;
        let end = bytes.is_empty() && length > 0;
        Ok((bytes, end))
    }

    fn write(&mut self, fd: Resource<Descriptor>, buffer: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let node = self.file(&fd, DescriptorFlags::WRITE, ErrorCode::BadDescriptor)?;
        let what = || format!("write {node:?} at {offset} {}", traced(&buffer));
        self.vfs().told(what, ok, |vfs| vfs.write(node, offset, &buffer))?;
        Ok(buffer.len() as u64)
    }

    fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        let node = self.node(&fd)?;
        let vfs = self.vfs().clone();
        let listing = vfs.told(|| format!("list {node:?}"), ok, |vfs| vfs.list(node))?;
        self.table
            .push(DirectoryEntryStream { vfs, listing })
            .map_err(FsError::trap)
    }

    fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.sync_data(fd)
    }

    fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let node = self.node(&fd)?;
        self.vfs().told(
            || at("create-directory", node, &path),
            ok,
            |vfs| vfs.create_directory(node, &path),
        )
    }

    fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        let node = self.node(&fd)?;
        Ok(attributes(self.vfs().lock().stat(node)))
    }

    fn stat_at(&mut self, fd: Resource<Descriptor>, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let node = self.node(&fd)?;
        let shown = |stat: &Stat| format!("{:?} {}", stat.kind, stat.size);
        self.vfs()
            .told(
                || at("stat", node, &path),
                shown,
                |vfs| vfs.stat_at(node, &path, follows(flags)),
            )
            .map(attributes)
    }

    fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        _access: NewTimestamp,
        _change: NewTimestamp,
    ) -> FsResult<()> {
        let node = self.node(&fd)?;
        self.vfs().told(
            || at("set-times", node, &path),
            ok,
            |vfs| vfs.set_times_at(node, &path, follows(flags)),
        )
    }

    fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        old_flags: PathFlags,
        old_path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.node(&fd)?, self.node(&new_fd)?);
        let what = || {
            format!(
                "{} to {to:?} `{}`",
                at("link", from, &old_path),
                printable(&new_path, MAX_TRACED)
            )
        };
        self.vfs().told(what, ok, |vfs| {
            vfs.link(from, &old_path, follows(old_flags), to, &new_path)
        })
    }

    fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let from = self.node(&fd)?;
        let how = Open {
            follow: follows(path_flags),
            create: open_flags.contains(OpenFlags::CREATE),
            exclusive: open_flags.contains(OpenFlags::EXCLUSIVE),
            directory: open_flags.contains(OpenFlags::DIRECTORY),
            truncate: open_flags.contains(OpenFlags::TRUNCATE),
            write: flags.contains(DescriptorFlags::WRITE),
            mutate: flags.contains(DescriptorFlags::MUTATE_DIRECTORY),
        };
        let what = || format!("{} {open_flags:?} {flags:?}", at("open", from, &path));
        let shown = |opened: &(NodeId, bool, bool)| format!("{:?}", opened.0);
        let (node, is_directory, writable) = self.vfs().told(what, shown, |vfs| {
            let node = vfs.open(from, &path, how)?;
            Ok((node, vfs.kind_of(node) == NodeKind::Directory, vfs.is_writable(node)))
        })?;
        let flags = shown_flags(flags, is_directory && writable);
        self.table
            .push(Descriptor {
                held: self.vfs().held(node),
                flags,
            })
            .map_err(FsError::trap)
    }

    fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let node = self.node(&fd)?;
        self.vfs().told(
            || at("readlink", node, &path),
            |target: &String| printable(target, MAX_TRACED),
            |vfs| vfs.readlink(node, &path),
        )
    }

    fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let node = self.node(&fd)?;
        self.vfs().told(
            || at("remove-directory", node, &path),
            ok,
            |vfs| vfs.remove_directory(node, &path),
        )
    }

    fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old_path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        let (from, to) = (self.node(&fd)?, self.node(&new_fd)?);
        let what = || {
            format!(
                "{} to {to:?} `{}`",
                at("rename", from, &old_path),
                printable(&new_path, MAX_TRACED)
            )
        };
        self.vfs()
            .told(what, ok, |vfs| vfs.rename(from, &old_path, to, &new_path))
    }

    fn symlink_at(&mut self, fd: Resource<Descriptor>, old_path: String, new_path: String) -> FsResult<()> {
        let node = self.node(&fd)?;
        let what = || {
            format!(
                "{} to `{}`",
                at("symlink", node, &new_path),
                printable(&old_path, MAX_TRACED)
            )
        };
        self.vfs().told(what, ok, |vfs| vfs.symlink(&old_path, node, &new_path))
    }

    fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let node = self.node(&fd)?;
        self.vfs()
            .told(|| at("unlink", node, &path), ok, |vfs| vfs.unlink(node, &path))
    }

    fn is_same_object(&mut self, fd: Resource<Descriptor>, other: Resource<Descriptor>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&fd)?.held.node == self.table.get(&other)?.held.node)
    }

    fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        let node = self.node(&fd)?;
        Ok(hash_value(self.vfs().lock().identity(node)))
    }

    fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let node = self.node(&fd)?;
        self.vfs()
            .with(|vfs| vfs.identity_at(node, &path, follows(flags)))
            .map(hash_value)
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.table.delete(fd)?;
        Ok(())
    }
}
