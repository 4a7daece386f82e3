//! Streams onto files. They are always ready: the bytes are in the store or in an overlay, and no chunk depends on
//! when it is asked for. Not here: standard input and output.

use bytes::Bytes;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

use super::{FsError, Held, ok};
use crate::control::traced;

/// What a stream takes in one write, in bytes: a constant, so that chunks are the same on every run.
const MAX_WRITE: usize = 1 << 20;

/// Reads a file from an offset on.
pub(super) struct Reader {
    pub(super) held: Held,
    pub(super) offset: u64,
}

/// Where a stream writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Position {
    /// At this offset, which moves on.
    At(u64),
    /// At the end that the file has then.
    End,
}

/// Writes a file.
pub(super) struct Writer {
    pub(super) held: Held,
    pub(super) position: Position,
}

/// An error as a stream tells it: a struck limit is a trap, the rest can be asked for by `filesystem-error-code`.
fn failed(error: FsError) -> StreamError {
    match error.downcast() {
        Ok(code) => StreamError::LastOperationFailed(code.into()),
        Err(trap) => StreamError::Trap(trap),
    }
}

#[async_trait]
impl Pollable for Reader {
    async fn ready(&mut self) {}
}

#[async_trait]
impl InputStream for Reader {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let (node, offset) = (self.held.node, self.offset);
        let what = || format!("read {node:?} at {offset} {size}");
        let bytes = self
            .held
            .vfs
            .told(
                what,
                |bytes: &Vec<u8>| traced(bytes),
                |vfs| vfs.read(node, offset, size as u64),
            )
            .map_err(failed)?;
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset += bytes.len() as u64;
        Ok(Bytes::from(bytes))
    }
}

#[async_trait]
impl Pollable for Writer {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Writer {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > MAX_WRITE {
            return Err(StreamError::trap("wrote more than `check-write` allowed"));
        }
        let node = self.held.node;
        let position = self.position;
        let what = || format!("write {node:?} {position:?} {}", traced(&bytes));
        let write = self.held.vfs.told(what, ok, |vfs| match position {
            Position::At(offset) => vfs.write(node, offset, &bytes),
            Position::End => vfs.append(node, &bytes),
        });
        write.map_err(failed)?;
        if let Position::At(offset) = &mut self.position {
            *offset += bytes.len() as u64;
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use airtight_model::Limits;
    use airtight_store::Store;

    use super::super::{FsCtx, types::ErrorCode};
    use super::*;
    use crate::control::Tracer;
    use crate::vfs::{Open, Vfs};

    /// An empty file of a file system, as a writer and a reader of it.
    fn streams(limits: Limits) -> (Writer, Reader) {
        let vfs = FsCtx::traced(Vfs::new(Store::memory(), &[], limits).unwrap(), Tracer::default()).vfs;
        let open = Open {
            create: true,
            write: true,
            ..Open::default()
        };
        let root = vfs.lock().open_root().unwrap();
        let node = vfs.lock().open(root, "out/f", open).unwrap();
        let writer = Writer {
            held: vfs.held(node),
            position: Position::At(0),
        };
        (
            writer,
            Reader {
                held: vfs.hold(node).unwrap(),
                offset: 0,
            },
        )
    }

    // What a stream gives at a time is a function of what is asked and what is there.
    #[test]
    fn a_reader_gives_what_is_there_and_then_is_closed() {
        let (mut writer, mut reader) = streams(Limits::DEFAULT);
        assert_eq!(writer.check_write().unwrap(), MAX_WRITE);
        writer.write(Bytes::from_static(b"01234")).unwrap();
        writer.write(Bytes::from_static(b"56789")).unwrap();
        assert_eq!(reader.read(0).unwrap(), Bytes::new());
        assert_eq!(reader.read(4).unwrap(), Bytes::from_static(b"0123"));
        assert_eq!(reader.read(usize::MAX).unwrap(), Bytes::from_static(b"456789"));
        assert!(matches!(reader.read(1), Err(StreamError::Closed)));
        writer.position = Position::End;
        writer.write(Bytes::from_static(b"!")).unwrap();
        assert_eq!(reader.read(1).unwrap(), Bytes::from_static(b"!"));
    }

    // An error can be asked for by name; a struck limit is none that the guest can live with.
    #[test]
    fn a_writer_fails_with_an_error_code_and_a_struck_limit_traps() {
        let (mut writer, _reader) = streams(Limits {
            output: 100,
            ..Limits::DEFAULT
        });
        writer.position = Position::At(u64::MAX);
        let Err(StreamError::LastOperationFailed(error)) = writer.write(Bytes::from_static(b"x")) else {
            panic!("an offset that no file has");
        };
        assert_eq!(error.downcast_ref::<ErrorCode>(), Some(&ErrorCode::FileTooLarge));
        writer.position = Position::At(0);
        assert!(matches!(
            writer.write(Bytes::from(vec![0; 101])),
            Err(StreamError::Trap(_))
        ));
        assert!(matches!(
            writer.write(Bytes::from(vec![0; MAX_WRITE + 1])),
            Err(StreamError::Trap(_))
        ));
    }

    // Handles that are dropped are given back.
    #[test]
    fn a_dropped_stream_lets_go_of_its_file() {
        let (writer, reader) = streams(Limits {
            handles: 3,
            ..Limits::DEFAULT
        });
        let vfs = writer.held.vfs.clone();
        assert!(vfs.hold(writer.held.node).is_err());
        drop(reader);
        let (vfs, node) = (writer.held.vfs.clone(), writer.held.node);
        assert!(vfs.lock().hold(node).is_ok());
    }
}
