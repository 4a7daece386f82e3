//! The two directions of a connection as streams of a guest. What is read waits for the guest to ask; what is written goes
//! out by a task of its own, so that it goes on while the guest waits for something else. Not here: opening a connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker, ready};

use airtight_egress::Connection;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::Notify;
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, OutputStream, StreamError, StreamResult};

/// How much is read at a time, in bytes.
const READ_BYTES: usize = 64 << 10;
/// How much that a guest has written waits to be sent, in bytes.
const WRITE_BYTES: usize = 64 << 10;

type Opened = Box<dyn Connection>;

/// The streams of a connection.
pub(super) fn of(connection: Opened, sending: &mut Sending) -> (Incoming, Outgoing) {
    let (reading, writing) = tokio::io::split(connection);
    (Incoming::new(reading), sending.begin(writing))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What comes in. Clones are the same.
#[derive(Clone)]
pub(super) struct Incoming(Arc<Mutex<Reading>>);

struct Reading {
    /// None: there is no more.
    half: Option<ReadHalf<Opened>>,
    buffer: Bytes,
    error: Option<std::io::Error>,
}

impl Reading {
    /// Ready when there is something to tell: bytes, an error or the end.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(half) = self.half.as_mut().filter(|_| self.buffer.is_empty()) else {
            return Poll::Ready(());
        };
        let mut space = vec![0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut space);
        let read = ready!(Pin::new(half).poll_read(context, &mut buffer));
        let count = buffer.filled().len();
        match read {
            Ok(()) if count > 0 => {
                space.truncate(count);
                self.buffer = space.into();
            }
            Ok(()) => self.half = None,
            Err(error) => {
                self.half = None;
                self.error = Some(error);
            }
        }
        Poll::Ready(())
    }
}

impl Incoming {
    fn new(half: ReadHalf<Opened>) -> Self {
        Self(Arc::new(Mutex::new(Reading {
            half: Some(half),
            buffer: Bytes::new(),
            error: None,
        })))
    }

    /// The guest wants no more of it.
    pub(super) fn close(&self) {
        let mut reading = lock(&self.0);
        reading.half = None;
        reading.buffer = Bytes::new();
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| lock(&self.0).fill(context)).await;
    }
}

#[wasmtime_wasi_io::async_trait]
impl InputStream for Incoming {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut reading = lock(&self.0);
        let _ = reading.fill(&mut Context::from_waker(Waker::noop()));
        if !reading.buffer.is_empty() {
            let count = size.min(reading.buffer.len());
            return Ok(reading.buffer.split_to(count));
        }
        if let Some(error) = reading.error.take() {
            return Err(StreamError::LastOperationFailed(error.into()));
        }
        match reading.half {
            Some(_) => Ok(Bytes::new()),
            None => Err(StreamError::Closed),
        }
    }
}

/// What goes out. Clones are the same; dropping the last one is the end of the writing.
#[derive(Clone)]
pub(super) struct Outgoing(Arc<End>);

/// The guest's end.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What an end of a connection and the task that sends share.
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to do.
    work: Notify,
    /// Something was done.
    done: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: BytesMut,
    /// How much is being sent.
    sending: usize,
    flushing: bool,
    /// The guest will write no more.
    closing: bool,
    /// Nothing goes out any more: why, until it is told.
    ended: Option<Option<std::io::Error>>,
}

enum Job {
    Write(Bytes),
    Close,
    Wait,
}

impl Queue {
    fn next(&mut self) -> Job {
        if !self.waiting.is_empty() {
            self.sending = self.waiting.len();
            Job::Write(self.waiting.split().freeze())
        } else if self.closing {
            Job::Close
        } else {
            self.flushing = false;
            Job::Wait
        }
    }

    fn pending(&self) -> usize {
        self.waiting.len() + self.sending
    }

    fn room(&self) -> usize {
        if self.flushing {
            0
        } else {
            WRITE_BYTES.saturating_sub(self.pending())
        }
    }

    fn check(&mut self) -> StreamResult<()> {
        match self.ended.as_mut().map(Option::take) {
            Some(Some(error)) => Err(StreamError::LastOperationFailed(error.into())),
            Some(None) => Err(StreamError::Closed),
            None if self.closing => Err(StreamError::Closed),
            None => Ok(()),
        }
    }
}

impl Shared {
    async fn send(&self, mut half: WriteHalf<Opened>) {
        loop {
            let job = lock(&self.queue).next();
            let done = match job {
                Job::Write(bytes) => match half.write_all(&bytes).await {
                    Ok(()) => half.flush().await,
                    failed => failed,
                },
                Job::Close => {
                    let ended = half.shutdown().await;
                    return self.end(ended.err());
                }
                Job::Wait => {
                    self.done.notify_waiters();
                    self.work.notified().await;
                    Ok(())
                }
            };
            if let Err(error) = done {
                return self.end(Some(error));
            }
            lock(&self.queue).sending = 0;
            self.done.notify_waiters();
        }
    }

    fn end(&self, error: Option<std::io::Error>) {
        let mut queue = lock(&self.queue);
        queue.ended = Some(error);
        queue.sending = 0;
        queue.waiting.clear();
        drop(queue);
        self.done.notify_waiters();
    }

    fn close(&self) {
        lock(&self.queue).closing = true;
        self.work.notify_one();
    }

    async fn sent(&self) {
        self.until(|queue| queue.ended.is_some() || queue.pending() == 0).await;
    }

    async fn until(&self, reached: impl Fn(&Queue) -> bool + Send) {
        loop {
            let done = self.done.notified();
            tokio::pin!(done);
            // Registered before the queue is looked at, so that nothing that is done between the two is missed.
            done.as_mut().enable();
            if reached(&lock(&self.queue)) {
                return;
            }
            done.await;
        }
    }
}

/// The sending of an attempt's connections. It goes on when the guest has dropped them, and ends with the attempt.
#[derive(Default)]
pub(crate) struct Sending(Vec<(Weak<Shared>, AbortOnDropJoinHandle<()>)>);

impl Sending {
    /// Begins to send what is written to the connection's one half.
    fn begin(&mut self, half: WriteHalf<Opened>) -> Outgoing {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            work: Notify::new(),
            done: Notify::new(),
        });
        let own = Arc::clone(&shared);
        let task = spawn(async move { own.send(half).await });
        self.0.retain(|(shared, _)| shared.strong_count() > 0);
        self.0.push((Arc::downgrade(&shared), task));
        Outgoing(Arc::new(End(shared)))
    }

    /// Until all is sent that was written.
    pub(crate) async fn done(&self) {
        for shared in self.0.iter().filter_map(|(shared, _)| shared.upgrade()) {
            shared.sent().await;
        }
    }
}

impl Outgoing {
    fn shared(&self) -> &Shared {
        &self.0.0
    }

    /// The guest writes no more: what it wrote is sent, then the other end is told.
    pub(super) fn close(&self) {
        self.shared().close();
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        self.shared()
            .until(|queue| queue.ended.is_some() || queue.closing || queue.room() > 0)
            .await;
    }
}

#[wasmtime_wasi_io::async_trait]
impl OutputStream for Outgoing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut queue = lock(&self.shared().queue);
        queue.check()?;
        if bytes.len() > queue.room() {
            return Err(StreamError::trap("wrote more than `check-write` permitted"));
        }
        queue.waiting.extend_from_slice(&bytes);
        drop(queue);
        self.shared().work.notify_one();
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        let mut queue = lock(&self.shared().queue);
        queue.check()?;
        queue.flushing = queue.pending() > 0;
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let mut queue = lock(&self.shared().queue);
        queue.check()?;
        Ok(queue.room())
    }
}
