//! TCP connections: opened to addresses that were checked, every byte counted. Not here: which addresses those are, and
//! what is spoken.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::bounds::Bounds;
use crate::error::EgressError;
use crate::record::Counter;

/// How long one address is tried while there are others.
const EACH: Duration = Duration::from_secs(10);

/// What a connection to a server is, before and after TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A stream whose bytes count.
pub(crate) struct Metered<S> {
    inner: S,
    bounds: Arc<Bounds>,
    counter: Option<Arc<Counter>>,
}

impl<S> Metered<S> {
    /// Counts against the session's total; for a socket also as the bytes of its use.
    pub(crate) fn new(inner: S, bounds: Arc<Bounds>, counter: Option<Arc<Counter>>) -> Self {
        Self { inner, bounds, counter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let count = (buf.filled().len() - before) as u64;
        if let Some(counter) = &self.counter {
            counter.received(count);
        }
        Poll::Ready(self.bounds.bytes(count).map_err(io::Error::other))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.bounds.check().map_err(io::Error::other)?;
        let count = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        if let Some(counter) = &self.counter {
            counter.sent(count as u64);
        }
        self.bounds.bytes(count as u64).map_err(io::Error::other)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Opens a connection to the first of `addresses` that answers. `to` names it in messages.
///
/// # Errors
/// None answers in time.
pub(crate) async fn open(
    addresses: &[IpAddr],
    port: u16,
    deadline: Instant,
    to: &str,
) -> Result<TcpStream, EgressError> {
    let mut last = None;
    for (i, address) in addresses.iter().enumerate() {
        let until = if i + 1 == addresses.len() {
            deadline
        } else {
            deadline.min(Instant::now() + EACH)
        };
        match timeout_at(until, TcpStream::connect(SocketAddr::new(*address, port))).await {
            Ok(Ok(stream)) => {
                // Whether small parts wait for each other is the guest's buffering, not ours.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => {
                last = Some(EgressError::Connect {
                    to: to.to_owned(),
                    cause: plain(&error),
                    kind: error.kind(),
                });
            }
            Err(_) => last = Some(EgressError::TimedOut(format!("a connection to {to}"))),
        }
    }
    Err(last.unwrap_or_else(|| EgressError::NoAddress(to.to_owned())))
}

/// What the system says, in words and without numbers of its own.
pub(crate) fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "it was refused".to_owned(),
        io::ErrorKind::ConnectionReset => "it was reset".to_owned(),
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => "it cannot be reached".to_owned(),
        _ => crate::record::shown(&error.to_string()),
    }
}
