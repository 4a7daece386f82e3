//! How far a step is, for the person who watches. Nothing of it is kept.

use crate::host;

/// A task with a name. It is over when this is dropped, however the step gets there.
///
/// ```
/// use airtight_step::Progress;
///
/// let files = ["a", "b"];
/// let mut progress = Progress::of("scan", files.len() as u64);
/// for file in files {
///     // …
///     progress.add(1);
/// }
/// ```
#[derive(Debug)]
pub struct Progress {
    task: String,
    done: u64,
    total: Option<u64>,
}

impl Progress {
    /// Starts a task whose size is not known.
    #[must_use = "the task is over when this is dropped"]
    pub fn new(task: impl Into<String>) -> Self {
        Self::start(task.into(), None)
    }

    /// Starts a task of `total` units.
    #[must_use = "the task is over when this is dropped"]
    pub fn of(task: impl Into<String>, total: u64) -> Self {
        Self::start(task.into(), Some(total))
    }

    fn start(task: String, total: Option<u64>) -> Self {
        let this = Self { task, done: 0, total };
        this.tell();
        this
    }

    /// Says that so many more units are done.
    pub fn add(&mut self, units: u64) {
        self.set(self.done.saturating_add(units));
    }

    /// Says how many units are done.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        self.tell();
    }

    /// Says how many units there are, once that is known.
    pub fn set_total(&mut self, total: u64) {
        self.total = Some(total);
        self.tell();
    }

    fn tell(&self) {
        host::progress(&self.task, self.done, self.total);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        host::finish(&self.task);
    }
}
