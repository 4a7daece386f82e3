//! `wasi:clocks`: a virtual time that starts at the same instant on every run, moves a tick with every reading and jumps
//! when a guest sleeps (`poll`). A step that was granted the real time gets the host's. Not here: waiting.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_io::poll::{DynPollable, Pollable, subscribe};

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::control::Tracer;
use crate::state::State;

/// How far a reading moves the time, in nanoseconds.
pub(crate) const TICK: u64 = 1_000;
/// What the monotonic clock starts at, in nanoseconds. Not zero: programs take zero for "not set".
const MONOTONIC_START: u64 = 1_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Marks this capability in a linker.
pub(crate) struct Clock;

/// The state of the capability.
pub(crate) struct ClockCtx {
    /// What the wall clock starts at, in seconds since 1970-01-01T00:00:00Z.
    base: u64,
    /// The monotonic clock, in nanoseconds. The wall clock moves with it.
    now: u64,
    /// The deadlines of the timers among the pollables, by their place in the resource table.
    timers: HashMap<u32, u64>,
    /// Hears readings.
    pub(crate) trace: Tracer,
    /// Where the step was granted the real time.
    real: Option<Real>,
}

struct Real {
    began: Instant,
    readings: u64,
}

/// A borrow of the state with the resource table.
pub(crate) struct ClockView<'a> {
    pub(crate) ctx: &'a mut ClockCtx,
    pub(crate) table: &'a mut ResourceTable,
}

impl HasData for Clock {
    type Data<'a> = ClockView<'a>;
}

/// Links all of `wasi:clocks`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wall_clock::add_to_linker::<State, Clock>(linker, State::clock)?;
    monotonic_clock::add_to_linker::<State, Clock>(linker, State::clock)
}

impl ClockCtx {
    pub(crate) fn new(base: u64, real: bool) -> Self {
        let began = Instant::now();
        Self {
            base,
            now: MONOTONIC_START,
            timers: HashMap::new(),
            trace: Tracer::default(),
            real: real.then_some(Real { began, readings: 0 }),
        }
    }

    /// The time, without a reading's tick.
    pub(crate) fn now(&self) -> u64 {
        match &self.real {
            Some(real) => MONOTONIC_START.saturating_add(nanos(real.began.elapsed())),
            None => self.now,
        }
    }

    /// Whether the time is the host's.
    pub(crate) fn is_real(&self) -> bool {
        self.real.is_some()
    }

    /// How often the real time was read.
    pub(crate) fn real_readings(&self) -> u64 {
        self.real.as_ref().map_or(0, |real| real.readings)
    }

    /// Moves the time by a tick: it was looked at.
    pub(crate) fn tick(&mut self) {
        match &mut self.real {
            Some(real) => real.readings += 1,
            None => self.now = self.now.saturating_add(TICK),
        }
    }

    /// Moves the time to `instant`, never back.
    pub(crate) fn advance_to(&mut self, instant: u64) {
        self.now = self.now.max(instant);
    }

    /// The deadline of a pollable that is a timer.
    pub(crate) fn deadline(&self, pollable: u32) -> Option<u64> {
        self.timers.get(&pollable).copied()
    }

    /// Forgets a pollable that was dropped.
    pub(crate) fn forget(&mut self, pollable: u32) {
        self.timers.remove(&pollable);
    }
}

/// What a timer's pollable stands on. `poll` looks at its deadline and never waits for it.
struct Timer;

#[wasmtime_wasi_io::async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        std::future::pending().await
    }
}

impl ClockView<'_> {
    fn timer(&mut self, deadline: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = self.table.push(Timer)?;
        let pollable = subscribe(self.table, timer)?;
        self.ctx.timers.insert(pollable.rep(), deadline);
        Ok(pollable)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The host's wall clock. A machine that believes to be before 1970 is there at its beginning.
fn host_time() -> wall_clock::Datetime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or_default();
    wall_clock::Datetime {
        seconds: since.as_secs(),
        nanoseconds: since.subsec_nanos(),
    }
}

impl wall_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let elapsed = self.ctx.now() - MONOTONIC_START;
        self.ctx.tick();
        if self.ctx.is_real() {
            return Ok(host_time());
        }
        self.ctx
            .trace
            .call(|| format!("wall-clock now: {elapsed} ns after the start"));
        let seconds = self.ctx.base.saturating_add(elapsed / SECOND);
        Ok(wall_clock::Datetime {
            seconds,
            nanoseconds: u32::try_from(elapsed % SECOND)?,
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime {
            seconds: 0,
            nanoseconds: u32::try_from(TICK)?,
        })
    }
}

impl monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        let now = self.ctx.now();
        self.ctx.tick();
        self.ctx.trace.call(|| format!("monotonic-clock now: {now}"));
        Ok(now)
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(TICK)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(when)
    }

    fn subscribe_duration(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(self.ctx.now().saturating_add(when))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Both clocks show one time, so a program that compares them is not surprised.
    #[test]
    fn the_clocks_start_at_constants_and_move_together() {
        let (mut ctx, mut table) = (ClockCtx::new(946_684_800, false), ResourceTable::new());
        let mut view = ClockView {
            ctx: &mut ctx,
            table: &mut table,
        };
        let first = wall_clock::Host::now(&mut view).unwrap();
        assert_eq!((first.seconds, first.nanoseconds), (946_684_800, 0));
        assert_eq!(monotonic_clock::Host::now(&mut view).unwrap(), MONOTONIC_START + TICK);
        let later = wall_clock::Host::now(&mut view).unwrap();
        assert_eq!((later.seconds, u64::from(later.nanoseconds)), (946_684_800, 2 * TICK));
    }

    // A guest that asks for the far end of time gets it, not an overflow.
    #[test]
    fn a_duration_that_does_not_fit_ends_at_the_last_instant() {
        let (mut ctx, mut table) = (ClockCtx::new(u64::MAX, false), ResourceTable::new());
        let mut view = ClockView {
            ctx: &mut ctx,
            table: &mut table,
        };
        let pollable = monotonic_clock::Host::subscribe_duration(&mut view, u64::MAX).unwrap();
        assert_eq!(view.ctx.deadline(pollable.rep()), Some(u64::MAX));
        view.ctx.advance_to(u64::MAX);
        assert_eq!(wall_clock::Host::now(&mut view).unwrap().seconds, u64::MAX);
    }

    // The real time is the host's: the base of a pure step has no say, and readings are counted as uses.
    #[test]
    fn the_real_time_is_the_hosts() {
        let (mut ctx, mut table) = (ClockCtx::new(0, true), ResourceTable::new());
        let mut view = ClockView {
            ctx: &mut ctx,
            table: &mut table,
        };
        let before = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert!(wall_clock::Host::now(&mut view).unwrap().seconds >= before.as_secs());
        let first = monotonic_clock::Host::now(&mut view).unwrap();
        view.ctx.advance_to(u64::MAX);
        let second = monotonic_clock::Host::now(&mut view).unwrap();
        assert!(second >= first && second < u64::MAX / 2, "{first} {second}");
        assert_eq!(view.ctx.real_readings(), 3);
    }
}
