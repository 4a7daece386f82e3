//! What the logic needs from the outside besides files. The component's glue implements it over `airtight:step`,
//! tests over vectors. It holds no state and decides nothing.

use std::path::Path;

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something to know.
    Info,
    /// Something that is likely not meant.
    Warn,
}

/// The host of the step.
pub trait Host {
    /// Writes a log line with named values.
    fn log(&mut self, level: Level, message: &str, fields: &[(&str, String)]);

    /// Says that `done` of `total` units of `task` are done.
    fn progress(&mut self, task: &str, done: u64, total: u64);

    /// Says that `task` has ended.
    fn finish(&mut self, task: &str);

    /// Marks the file at the absolute `path` as executable; the error is a text.
    fn set_executable(&mut self, path: &Path) -> Result<(), String>;
}
