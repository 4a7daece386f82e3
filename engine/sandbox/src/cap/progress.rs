//! `airtight:step/progress`: how far a step is, shown and forgotten. Not here: drawing it.

use std::collections::HashSet;

use wasmtime::component::{HasData, Linker};

use super::cut;
use crate::bindings::airtight::step::progress;
use crate::output::Said;
use crate::state::State;

/// The longest name of a task, in bytes.
const MAX_TASK: usize = 256;
/// The most tasks at a time; updates of more are not shown.
const MAX_TASKS: usize = 256;

/// Marks this capability in a linker.
pub(crate) struct Progress;

/// The state of the capability: the tasks that are going on.
#[derive(Debug, Default)]
pub(crate) struct ProgressCtx {
    tasks: HashSet<String>,
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
        let task = cut(self.said.redacted(task), MAX_TASK);
        if self.ctx.tasks.contains(&task) || self.ctx.tasks.len() < MAX_TASKS {
            self.said.sink().progress(&task, done, total);
            self.ctx.tasks.insert(task);
        }
        Ok(())
    }

    fn finish(&mut self, task: String) -> wasmtime::Result<()> {
        let task = cut(self.said.redacted(task), MAX_TASK);
        if self.ctx.tasks.remove(&task) {
            self.said.sink().progress_finished(&task);
        }
        Ok(())
    }
}
