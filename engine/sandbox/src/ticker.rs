//! The thread that moves the epochs on, so that a guest that loops for ever is looked at. One a sandbox, started by the
//! first run and asleep while nothing runs. Not here: what is done at a tick (`run`).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Once, Weak};
use std::time::Duration;

use crate::engine::Runtimes;

/// How long an epoch is.
const EPOCH: Duration = Duration::from_millis(10);
/// How many epochs the thread stays awake without anything to do, so that many short steps do not wake it each.
const LINGER: u32 = 20;

/// The thread's switch.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    start: Once,
}

struct Shared {
    running: AtomicUsize,
    asleep: Mutex<Asleep>,
    wake: Condvar,
}

#[derive(Default)]
struct Asleep {
    parked: bool,
    stop: bool,
}

/// Keeps the thread awake while a step runs.
pub(crate) struct Running<'a>(&'a Ticker);

impl Ticker {
    pub(crate) fn new() -> Self {
        let shared = Shared {
            running: AtomicUsize::new(0),
            asleep: Mutex::default(),
            wake: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
            start: Once::new(),
        }
    }

    /// Says that a step runs until what is returned is dropped.
    pub(crate) fn run(&self, runtimes: &Arc<Runtimes>) -> Running<'_> {
        self.start.call_once(|| {
            let (shared, runtimes) = (Arc::clone(&self.shared), Arc::downgrade(runtimes));
            // Without the thread a guest is still stopped wherever it calls the host; the machine that has no thread
            // left for us has other troubles.
            let _ = std::thread::Builder::new()
                .name("epochs".to_owned())
                .spawn(move || tick(&shared, &runtimes));
        });
        if self.shared.running.fetch_add(1, Ordering::SeqCst) == 0 {
            let asleep = self
                .shared
                .asleep
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if asleep.parked {
                self.shared.wake.notify_one();
            }
        }
        Running(self)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.shared.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared
            .asleep
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .stop = true;
        self.shared.wake.notify_one();
    }
}

fn tick(shared: &Shared, runtimes: &Weak<Runtimes>) {
    let mut idle = 0;
    loop {
        let mut asleep = shared.asleep.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while !asleep.stop && idle >= LINGER && shared.running.load(Ordering::SeqCst) == 0 {
            asleep.parked = true;
            asleep = shared
                .wake
                .wait(asleep)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        asleep.parked = false;
        if asleep.stop {
            return;
        }
        drop(asleep);
        std::thread::sleep(EPOCH);
        let Some(runtimes) = runtimes.upgrade() else { return };
        runtimes.each(wasmtime::Engine::increment_epoch);
        idle = if shared.running.load(Ordering::SeqCst) == 0 {
            idle + 1
        } else {
            0
        };
    }
}
