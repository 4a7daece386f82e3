//! What a caller holds while a step runs: a way to cancel it, and a sink for what it says meanwhile. Not here: the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use airtight_model::step::{LogLine, Report};
use tokio::sync::Notify;

/// A way to cancel an attempt. Clones cancel the same one.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    cancelled: AtomicBool,
    notify: Notify,
}

impl Cancel {
    /// One that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels. What runs ends well within a second, whatever the guest does.
    pub fn cancel(&self) {
        self.shared.cancelled.store(true, Ordering::SeqCst);
        self.shared.notify.notify_waiters();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    /// Waits until it is cancelled.
    pub async fn cancelled(&self) {
        let notified = self.shared.notify.notified();
        tokio::pin!(notified);
        // Registered before the flag is looked at, so that a cancel between the two is not missed.
        notified.as_mut().enable();
        if !self.is_cancelled() {
            notified.await;
        }
    }
}

/// Hears what a step says while it runs. Everything is text of a guest: bounded, but not escaped. Called on the thread
/// that runs the guest, so it should return at once.
pub trait StepSink: Send + Sync {
    /// A piece of standard output.
    fn stdout(&self, _chunk: &[u8]) {}
    /// A piece of standard error.
    fn stderr(&self, _chunk: &[u8]) {}
    /// A log line.
    fn log(&self, _line: &LogLine) {}
    /// A task has come to `done` of `total`.
    fn progress(&self, _task: &str, _done: u64, _total: Option<u64>) {}
    /// A task has ended.
    fn progress_finished(&self, _task: &str) {}
    /// A report.
    fn report(&self, _report: &Report) {}
}

/// A sink that hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl StepSink for Silent {}

/// Hears the host calls of an attempt in their order, each as one line: what was called, with what, and what came of it.
/// Bytes stand there as their length and digest, never themselves. Called on the thread that runs the guest.
pub trait TraceSink: Send + Sync {
    /// A call.
    fn call(&self, line: &str);
}

/// Where host calls are told. Costs one branch where nobody listens.
#[derive(Clone, Default)]
pub(crate) struct Tracer(Option<Arc<dyn TraceSink>>);

impl Tracer {
    pub(crate) fn new(sink: Option<Arc<dyn TraceSink>>) -> Self {
        Self(sink)
    }

    /// Tells a call, whose line is made only if someone listens.
    #[inline]
    pub(crate) fn call(&self, line: impl FnOnce() -> String) {
        if let Some(sink) = &self.0 {
            sink.call(&line());
        }
    }
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Tracer(on)" } else { "Tracer(off)" })
    }
}

/// Bytes in a traced call: how many, and the beginning of their digest.
pub(crate) fn traced(bytes: &[u8]) -> String {
    let digest = blake3::hash(bytes).to_hex();
    format!("{} bytes {}", bytes.len(), &digest[..12])
}

/// What goes with a run and is no part of its request.
#[derive(Clone)]
pub struct RunControl {
    /// Cancels the attempt.
    pub cancel: Cancel,
    /// Hears it.
    pub sink: Arc<dyn StepSink>,
    /// Hears its host calls, where someone asks for them.
    pub trace: Option<Arc<dyn TraceSink>>,
}

impl Default for RunControl {
    fn default() -> Self {
        Self {
            cancel: Cancel::new(),
            sink: Arc::new(Silent),
            trace: None,
        }
    }
}
