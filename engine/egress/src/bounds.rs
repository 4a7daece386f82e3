//! What an attempt may do over the network at most, counted. A struck bound stays struck. Not here: what the bounds are
//! (`model::NetLimits`), and ending the attempt.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use airtight_model::NetLimits;
use tokio::time::Instant;

use crate::error::Struck;

/// The counts of a session.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) limits: NetLimits,
    requests: AtomicU64,
    open: AtomicU32,
    lookups: AtomicU32,
    total: AtomicU64,
    struck: OnceLock<Struck>,
}

/// One open connection; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Bounds>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Bounds {
    pub(crate) fn new(limits: NetLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            requests: AtomicU64::new(0),
            open: AtomicU32::new(0),
            lookups: AtomicU32::new(0),
            total: AtomicU64::new(0),
            struck: OnceLock::new(),
        })
    }

    pub(crate) fn struck(&self) -> Option<Struck> {
        self.struck.get().copied()
    }

    /// Nothing goes on after a bound was struck.
    pub(crate) fn check(&self) -> Result<(), Struck> {
        self.struck().map_or(Ok(()), Err)
    }

    /// Strikes a bound: the first one counts.
    pub(crate) fn strike(&self, struck: Struck) -> Struck {
        *self.struck.get_or_init(|| struck)
    }

    /// A request or connection begins.
    pub(crate) fn request(&self) -> Result<(), Struck> {
        self.check()?;
        if self.requests.fetch_add(1, Ordering::Relaxed) >= self.limits.requests {
            return Err(self.strike(Struck::Requests(self.limits.requests)));
        }
        Ok(())
    }

    /// A name is looked up.
    pub(crate) fn lookup(&self) -> Result<(), Struck> {
        self.check()?;
        if self.lookups.fetch_add(1, Ordering::Relaxed) >= self.limits.lookups {
            return Err(self.strike(Struck::Lookups(self.limits.lookups)));
        }
        Ok(())
    }

    /// A connection is opened, if the limit has room for it.
    pub(crate) fn try_open(self: &Arc<Self>) -> Option<Permit> {
        let room = |open| (open < self.limits.connections).then_some(open + 1);
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .ok()
            .map(|_| Permit(self.clone()))
    }

    /// A connection is opened.
    pub(crate) fn open(self: &Arc<Self>) -> Result<Permit, Struck> {
        self.check()?;
        self.try_open()
            .ok_or_else(|| self.strike(Struck::Connections(self.limits.connections)))
    }

    /// Bytes went out or came in.
    pub(crate) fn bytes(&self, count: u64) -> Result<(), Struck> {
        self.check()?;
        let before = self.total.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > self.limits.total {
            return Err(self.strike(Struck::Total(self.limits.total)));
        }
        Ok(())
    }

    /// When what begins now has to have ended.
    pub(crate) fn deadline(&self) -> Instant {
        // A limit beyond what a clock can say is none.
        let now = Instant::now();
        let most = Duration::from_secs(10 * 365 * 86_400);
        now + Duration::from_millis(self.limits.time_ms).min(most)
    }
}
