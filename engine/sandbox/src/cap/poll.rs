//! `wasi:io`: waiting in virtual time. What is ready wins; where nothing is and only timers remain, the time jumps to the
//! earliest deadline; for a step that reaches something outside, every wait is real and virtual time moves by it. Errors and
//! streams are wasmtime-wasi's own. Not here: the clocks (`clock`).

use std::time::Instant;

use futures::FutureExt as _;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};
use wasmtime_wasi_io::bindings::wasi::io::{error, poll, streams};
use wasmtime_wasi_io::poll::DynPollable;

use super::clock::ClockCtx;
use crate::state::State;

/// The most pollables of one call.
const MAX_POLLABLES: usize = 100_000;
/// A deadline that no guest means: a hundred years from the start, in nanoseconds.
const FOREVER: u64 = 100 * 366 * 24 * 3600 * 1_000_000_000;

/// A guest waits for what can never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it waits for something that can never happen")]
pub(crate) struct Stuck;

/// Marks this capability in a linker.
pub(crate) struct Poll;

/// The state of the capability.
#[derive(Debug, Default)]
pub(crate) struct PollCtx {
    /// Whether a grant lets something outside the sandbox make a pollable ready.
    pub(crate) outside: bool,
}

/// A borrow of the state with what goes with it.
pub(crate) struct PollView<'a> {
    pub(crate) ctx: &'a mut PollCtx,
    pub(crate) clock: &'a mut ClockCtx,
    pub(crate) table: &'a mut ResourceTable,
}

impl HasData for Poll {
    type Data<'a> = PollView<'a>;
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// Links all of `wasi:io`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    error::add_to_linker::<State, Table>(linker, |state| &mut state.table)?;
    streams::add_to_linker::<State, Table>(linker, |state| &mut state.table)?;
    poll::add_to_linker::<State, Poll>(linker, State::poll)
}

/// One waited-for list, sorted into timers and the rest; numbers are positions in the guest's list.
#[derive(Default)]
struct Waiting {
    timers: Vec<(u32, u64)>,
    others: Vec<(u32, u32)>,
}

impl Waiting {
    fn handles(&self) -> Vec<Resource<DynPollable>> {
        self.others.iter().map(|(_, rep)| Resource::new_borrow(*rep)).collect()
    }

    fn positions(&self, ready: Vec<u32>) -> Vec<u32> {
        ready
            .into_iter()
            .filter_map(|i| self.others.get(i as usize))
            .map(|(position, _)| *position)
            .collect()
    }

    fn earliest(&self) -> Option<u64> {
        self.timers.iter().map(|(_, deadline)| *deadline).min()
    }
}

impl PollView<'_> {
    async fn wait(&mut self, waiting: &Waiting) -> wasmtime::Result<Vec<u32>> {
        let mut ready = Vec::new();
        if !waiting.others.is_empty()
            && let Some(answer) = self.table.poll(waiting.handles()).now_or_never()
        {
            ready = waiting.positions(answer?);
        }
        if ready.is_empty() && !self.elapsed(waiting) {
            ready = self.pass_time(waiting).await?;
        }
        let now = self.clock.now();
        ready.extend(
            waiting
                .timers
                .iter()
                .filter(|(_, deadline)| *deadline <= now)
                .map(|(position, _)| *position),
        );
        ready.sort_unstable();
        Ok(ready)
    }

    fn elapsed(&self, waiting: &Waiting) -> bool {
        waiting.earliest().is_some_and(|deadline| deadline <= self.clock.now())
    }

    /// Nothing is ready: lets time pass until something is.
    async fn pass_time(&mut self, waiting: &Waiting) -> wasmtime::Result<Vec<u32>> {
        // A step that speaks to others pauses for their sake (a retry, a server that asks for time), so it really pauses.
        let real = self.ctx.outside || self.clock.is_real();
        let ends = waiting.earliest().is_some_and(|deadline| deadline < FOREVER);
        if real && (ends || (self.ctx.outside && !waiting.others.is_empty())) {
            return self.really_wait(waiting).await;
        }
        match waiting.earliest() {
            Some(deadline) if deadline < FOREVER => {
                self.clock.advance_to(deadline);
                Ok(Vec::new())
            }
            _ => Err(Stuck.into()),
        }
    }

    async fn really_wait(&mut self, waiting: &Waiting) -> wasmtime::Result<Vec<u32>> {
        let began = Instant::now();
        let start = self.clock.now();
        let left = waiting
            .earliest()
            .map(|deadline| std::time::Duration::from_nanos(deadline.saturating_sub(start)));
        let table = &mut *self.table;
        let answer = async {
            if waiting.others.is_empty() {
                std::future::pending().await
            }
            table.poll(waiting.handles()).await
        };
        let ready = match left {
            Some(left) => tokio::time::timeout(left, answer).await.ok().transpose()?,
            None => Some(answer.await?),
        };
        let waited = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.clock.advance_to(start.saturating_add(waited));
        match ready {
            Some(ready) => Ok(waiting.positions(ready)),
            None => {
                self.clock.advance_to(waiting.earliest().unwrap_or(start));
                Ok(Vec::new())
            }
        }
    }

    fn sort<'b>(&self, pollables: impl Iterator<Item = &'b Resource<DynPollable>>) -> wasmtime::Result<Waiting> {
        let mut waiting = Waiting::default();
        for (position, pollable) in pollables.enumerate() {
            self.table.get(pollable)?;
            let position = u32::try_from(position)?;
            match self.clock.deadline(pollable.rep()) {
                Some(deadline) => waiting.timers.push((position, deadline)),
                None => waiting.others.push((position, pollable.rep())),
            }
        }
        Ok(waiting)
    }
}

impl Host for PollView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.is_empty() {
            return Err(wasmtime::Error::msg("it polled an empty list"));
        }
        if pollables.len() > MAX_POLLABLES {
            return Err(wasmtime::Error::msg(format!(
                "it polled more than {MAX_POLLABLES} pollables at once"
            )));
        }
        let waiting = self.sort(pollables.iter())?;
        self.wait(&waiting).await
    }
}

impl HostPollable for PollView<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let waiting = self.sort(std::iter::once(&pollable))?;
        self.wait(&waiting).await?;
        Ok(())
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        match self.clock.deadline(pollable.rep()) {
            Some(deadline) => {
                self.table.get(&pollable)?;
                // Looking is a reading, so that a guest that asks until it is so comes to an end.
                self.clock.tick();
                Ok(deadline <= self.clock.now())
            }
            None => self.table.ready(pollable).await,
        }
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let rep = pollable.rep();
        HostPollable::drop(self.table, pollable)?;
        self.clock.forget(rep);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::bindings::wasi::clocks::monotonic_clock::Host as _;
    use crate::cap::clock::ClockView;
    use wasmtime_wasi_io::poll::{Pollable, subscribe};

    const DAY: u64 = 24 * 3600 * 1_000_000_000;

    struct Gate(Option<tokio::sync::oneshot::Receiver<()>>);

    #[wasmtime_wasi_io::async_trait]
    impl Pollable for Gate {
        async fn ready(&mut self) {
            if let Some(receiver) = &mut self.0 {
                let _ = receiver.await;
                self.0 = None;
            }
        }
    }

    struct World {
        ctx: PollCtx,
        clock: ClockCtx,
        table: ResourceTable,
    }

    impl World {
        fn new() -> Self {
            Self {
                ctx: PollCtx::default(),
                clock: ClockCtx::new(0, false),
                table: ResourceTable::new(),
            }
        }

        fn view(&mut self) -> PollView<'_> {
            PollView {
                ctx: &mut self.ctx,
                clock: &mut self.clock,
                table: &mut self.table,
            }
        }

        fn timer(&mut self, duration: u64) -> u32 {
            let mut view = ClockView {
                ctx: &mut self.clock,
                table: &mut self.table,
            };
            view.subscribe_duration(duration).unwrap().rep()
        }

        fn gate(&mut self, gate: Gate) -> u32 {
            let gate = self.table.push(gate).unwrap();
            subscribe(&mut self.table, gate).unwrap().rep()
        }

        fn poll(&mut self, reps: &[u32]) -> wasmtime::Result<Vec<u32>> {
            let list = reps.iter().map(|rep| Resource::new_borrow(*rep)).collect();
            self.view().poll(list).now_or_never().expect("nothing here waits")
        }
    }

    // Sleeping costs nothing, and the order is that of the deadlines.
    #[test]
    fn two_timers_end_in_the_order_of_their_deadlines_at_once() {
        let mut world = World::new();
        let start = world.clock.now();
        let timers = [world.timer(2 * DAY), world.timer(DAY)];
        assert_eq!(world.poll(&timers).unwrap(), [1]);
        assert_eq!(world.clock.now(), start + DAY);
        assert_eq!(
            world.poll(&timers).unwrap(),
            [1],
            "an elapsed timer stays ready and no time passes"
        );
        assert_eq!(world.poll(&timers[..1]).unwrap(), [0]);
        assert_eq!(world.clock.now(), start + 2 * DAY);
    }

    // A stream that is ready must not wait for, or be hidden by, a timer.
    #[test]
    fn what_is_ready_wins_over_a_timer_and_stops_the_clock() {
        let mut world = World::new();
        let start = world.clock.now();
        let list = [world.timer(DAY), world.gate(Gate(None))];
        assert_eq!(world.poll(&list).unwrap(), [1]);
        assert_eq!(world.clock.now(), start);
    }

    // Without grants nothing outside can wake a guest: a wait on what is not ready goes to the timer, or is an error.
    #[test]
    fn what_is_never_ready_does_not_hang() {
        let mut world = World::new();
        let (_sender, receiver) = tokio::sync::oneshot::channel();
        let never = world.gate(Gate(Some(receiver)));
        let timer = world.timer(DAY);
        assert_eq!(world.poll(&[never, timer]).unwrap(), [1]);
        assert!(world.poll(&[never]).unwrap_err().is::<Stuck>());
        let forever = world.timer(u64::MAX);
        assert!(world.poll(&[forever]).unwrap_err().is::<Stuck>());
    }

    // A guest that spins on `ready` sees the time pass.
    #[test]
    fn asking_until_a_timer_is_ready_comes_to_an_end() {
        let mut world = World::new();
        let timer = world.timer(10 * crate::cap::clock::TICK);
        let mut asked = 0;
        while !world
            .view()
            .ready(Resource::new_borrow(timer))
            .now_or_never()
            .unwrap()
            .unwrap()
        {
            asked += 1;
        }
        assert_eq!(asked, 9);
    }

    // With real I/O pending the wait is real, and virtual time moves by what was waited at least to the deadline.
    #[tokio::test]
    async fn a_real_wait_ends_at_the_timer_or_when_the_outside_answers() {
        let mut world = World::new();
        world.ctx.outside = true;
        let start = world.clock.now();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let outside = world.gate(Gate(Some(receiver)));
        let timer = world.timer(1_000_000);
        let list = || vec![Resource::new_borrow(outside), Resource::new_borrow(timer)];
        assert_eq!(world.view().poll(list()).await.unwrap(), [1]);
        assert!(world.clock.now() >= start + 1_000_000);
        sender.send(()).unwrap();
        let later = world.timer(DAY);
        let list = vec![Resource::new_borrow(outside), Resource::new_borrow(later)];
        assert_eq!(world.view().poll(list).await.unwrap(), [0]);
    }

    // A pause between two requests is for the server's sake, so it is one, though the clock is virtual.
    #[tokio::test]
    async fn a_step_that_reaches_out_really_pauses() {
        let mut world = World::new();
        world.ctx.outside = true;
        let (start, virtually) = (Instant::now(), world.clock.now());
        let timer = world.timer(20_000_000);
        let list = vec![Resource::new_borrow(timer)];
        assert_eq!(world.view().poll(list).await.unwrap(), [0]);
        assert!(start.elapsed() >= std::time::Duration::from_millis(20));
        assert!(world.clock.now() >= virtually + 20_000_000);
        let never = world.timer(u64::MAX);
        assert!(world.poll(&[never]).unwrap_err().is::<Stuck>());
    }

    // Where the time is real, a sleep is one.
    #[tokio::test]
    async fn a_sleep_in_real_time_takes_it() {
        let mut world = World::new();
        world.clock = ClockCtx::new(0, true);
        let start = Instant::now();
        let timer = world.timer(20_000_000);
        let list = vec![Resource::new_borrow(timer)];
        assert_eq!(world.view().poll(list).await.unwrap(), [0]);
        assert!(start.elapsed() >= std::time::Duration::from_millis(20));
    }

    // What was dropped leaves nothing behind, so a number that is used again is not taken for a timer.
    #[test]
    fn a_dropped_timer_is_forgotten() {
        let mut world = World::new();
        let timer = world.timer(DAY);
        HostPollable::drop(&mut world.view(), Resource::new_own(timer)).unwrap();
        assert_eq!(world.clock.deadline(timer), None);
        assert!(world.table.is_empty());
    }
}
