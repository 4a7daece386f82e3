//! Connections that wait for the next request of the same grant to the same host. Not here: opening them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::{Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;

use super::Outgoing;
use crate::bounds::Permit;
use crate::wire::Stream;

/// Connections that wait at most.
const MOST_IDLE: usize = 16;
/// How long a connection may take to finish its last request.
const SETTLING: Duration = Duration::from_millis(50);

/// What a connection can be used for again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The place of the grant in the list: it has the scheme, the port, the roots and the certificate.
    pub(super) grant: usize,
    /// The host.
    pub(super) host: String,
}

/// A connection that speaks HTTP. Closed when it is dropped.
pub(super) struct Conn {
    pub(super) sender: SendRequest<Outgoing>,
    driver: JoinHandle<()>,
    _permit: Permit,
}

impl Conn {
    pub(super) fn new<S: Stream + 'static>(
        sender: SendRequest<Outgoing>,
        driver: Connection<TokioIo<S>, Outgoing>,
        permit: Permit,
    ) -> Self {
        // Its end is told to who waits for a response.
        let driver = tokio::spawn(async move {
            let _ = driver.await;
        });
        Self {
            sender,
            driver,
            _permit: permit,
        }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

type Idle = HashMap<Key, Vec<Conn>>;

/// The connections of a session that wait. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Idle>>);

impl Pool {
    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Whatever a panic left, connections are dropped or used whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that still answers.
    pub(super) async fn take(&self, key: &Key) -> Option<Conn> {
        loop {
            let mut conn = self.idle().get_mut(key)?.pop()?;
            // Lets the connection notice that the server has closed it.
            yield_now().await;
            if !conn.sender.is_closed() && matches!(timeout(SETTLING, conn.sender.ready()).await, Ok(Ok(()))) {
                return Some(conn);
            }
        }
    }

    /// Closes the connections of a key.
    pub(super) fn forget(&self, key: &Key) {
        let closed = self.idle().remove(key);
        drop(closed);
    }

    /// Closes one that waits, if any does.
    pub(crate) fn evict(&self) {
        let mut idle = self.idle();
        let closed = idle.values_mut().find_map(Vec::pop);
        idle.retain(|_, conns| !conns.is_empty());
        drop(idle);
        drop(closed);
    }

    /// A connection in use, which comes back here.
    pub(super) fn guard(&self, key: Key, conn: Conn) -> Guard {
        Guard {
            pool: self.clone(),
            key,
            conn,
        }
    }
}

/// A connection in use. Closed when it is dropped.
pub(super) struct Guard {
    pool: Pool,
    key: Key,
    conn: Conn,
}

impl Guard {
    /// Lets it wait for the next request.
    pub(super) fn give_back(self) {
        let Self { pool, key, conn } = self;
        let mut idle = pool.idle();
        let waiting: usize = idle.values().map(Vec::len).sum();
        if waiting < MOST_IDLE && !conn.sender.is_closed() {
            idle.entry(key).or_default().push(conn);
        }
    }
}
