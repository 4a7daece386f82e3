//! Streams onto files. They are always ready: the bytes are in the store or in an overlay, and no chunk depends on
//! when it is asked for. Not here: standard input and output.

use bytes::Bytes;
use wasmtime_wasi_io::async_trait;
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

use super::{FsError, Held};

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
        let node = self.held.node;
        let bytes = self
            .held
            .vfs
            .with(|vfs| vfs.read(node, self.offset, size as u64))
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
        let write = self.held.vfs.with(|vfs| match position {
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
