//! `airtight:step/progress`: how far a step is, shown and forgotten. Not here: drawing it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use wasmtime::component::{HasData, Linker};

use super::cut;
use crate::bindings::airtight::step::progress;
use crate::output::Said;
use crate::state::State;

/// The longest name of a task, in bytes.
const MAX_TASK: usize = 256;
/// The most tasks at a time; updates of more are not shown.
const MAX_TASKS: usize = 256;
/// How much can be said at once before it is shown only as often as anybody can see.
const BURST: u32 = 1_000;
/// How often that is.
const PAUSE: Duration = Duration::from_millis(10);

/// Marks this capability in a linker.
pub(crate) struct Progress;

/// The state of the capability: the tasks that are going on, and what can still be shown. A guest that says a million
/// things a second would fill the disk of who keeps its events.
#[derive(Debug, Default)]
pub(crate) struct ProgressCtx {
    tasks: HashSet<String>,
    shown: u32,
    last: Option<Instant>,
}

impl ProgressCtx {
    /// Whether there is room for one more. What is not shown is made up for by what is said later.
    fn has_room(&mut self) -> bool {
        let now = Instant::now();
        let pause = self.last.map_or(PAUSE, |last| now.duration_since(last));
        if self.shown >= BURST && pause < PAUSE {
            return false;
        }
        self.shown = self.shown.saturating_add(1);
        self.last = Some(now);
        true
    }
}

/// A borrow of the state and of who hears it.
pub(crate) struct ProgressView<'a> {
    pub(crate) ctx: &'a mut ProgressCtx,
    pub(crate) said: &'a Said,
}

impl HasData for Progress {
    type Data<'a> = ProgressView<'a>;
}

/// Links the interface.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    progress::add_to_linker::<State, Progress>(linker, State::progress)
}

impl progress::Host for ProgressView<'_> {
    fn update(&mut self, task: String, done: u64, total: Option<u64>) -> wasmtime::Result<()> {
        if !self.ctx.has_room() {
            return Ok(());
        }
        let task = cut(self.said.redacted(task), MAX_TASK);
        if self.ctx.tasks.contains(&task) || self.ctx.tasks.len() < MAX_TASKS {
            self.said.sink().progress(&task, done, total);
            self.ctx.tasks.insert(task);
        }
        Ok(())
    }

    fn finish(&mut self, task: String) -> wasmtime::Result<()> {
        let task = cut(self.said.redacted(task), MAX_TASK);
        if self.ctx.tasks.remove(&task) && self.ctx.has_room() {
            self.said.sink().progress_finished(&task);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Ten million updates are a few thousand lines, not gigabytes of them.
    #[test]
    fn a_flood_is_shown_in_part() {
        let mut progress = ProgressCtx::default();
        let began = Instant::now();
        let shown = (0..1_000_000).filter(|_| progress.has_room()).count();
        let slots = began.elapsed().as_millis() / PAUSE.as_millis() + 1;
        assert!(shown >= BURST as usize);
        assert!(shown as u128 <= u128::from(BURST) + slots, "{shown} in {slots} slots");
    }
}
