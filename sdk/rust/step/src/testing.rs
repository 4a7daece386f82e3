//! A host for tests of a step: plain `cargo test`, without WebAssembly and without Airtight.
//!
//! [`Host::new`] is the host of its thread until it is dropped. It collects what the step says, has the secrets that the test gives
//! it, and a temporary folder that [`path`](crate::path) maps the step's paths to.
//!
//! ```
//! use airtight_step::testing::Host;
//!
//! #[airtight_step::step]
//! mod count {
//!     /// Counts the lines of a file.
//!     pub fn run(file: String) -> Result<u64, airtight_step::Error> {
//!         let text = std::fs::read_to_string(airtight_step::path(&file))?;
//!         airtight_step::info!("counted {file}");
//!         Ok(text.lines().count() as u64)
//!     }
//! }
//!
//! let host = Host::new();
//! host.write("/in/a.txt", "one\ntwo\n");
//! assert_eq!(count::run("/in/a.txt".to_owned()).unwrap(), 2);
//! assert_eq!(host.messages(), ["counted /in/a.txt"]);
//! ```
//!
//! It is no sandbox: a step that does not go through [`path`](crate::path) reads the machine's own files, the clock and the
//! environment are the machine's, and a grant is not asked for. `airtight test` runs the built step in the real one.

mod secret;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Level;
use crate::report::{Annotation, Finding, Metric, TestCase};
pub(crate) use secret::Handle;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Its text.
    pub message: String,
    /// Names and values, in the order in which they were given.
    pub fields: Vec<(String, String)>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        write!(f, "{level}: {}", self.message)?;
        self.fields
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// How far a task came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub name: String,
    /// How many units were done.
    pub done: u64,
    /// How many there were, if that was known.
    pub total: Option<u64>,
    /// Whether it was finished.
    pub finished: bool,
}

/// What a host has collected and what it gives.
#[derive(Debug, Default)]
pub(crate) struct State {
    root: PathBuf,
    pub(crate) lines: Vec<Line>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) test_cases: Vec<TestCase>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) annotations: Vec<Annotation>,
    pub(crate) summary: Option<String>,
    pub(crate) executables: BTreeSet<String>,
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
}

type Shared = Rc<RefCell<State>>;

thread_local! {
    static HOSTS: RefCell<Vec<Shared>> = const { RefCell::new(Vec::new()) };
}

/// Returns the host of this thread: the last one that was made and is still there.
pub(crate) fn current() -> Option<Shared> {
    HOSTS.with(|hosts| hosts.borrow().last().cloned())
}

/// Returns where a step's path is with the host of this thread.
pub(crate) fn place(path: &str) -> Option<PathBuf> {
    let root = current()?.borrow().root.clone();
    Some(root.join(path.trim_start_matches('/')))
}

/// A host for tests. See the [module](self).
#[derive(Debug)]
pub struct Host {
    state: Shared,
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Host {
    /// Makes a host with an empty folder, in which there are `/out` and `/tmp`, and gives it to this thread until it is dropped.
    ///
    /// # Panics
    ///
    /// Panics when the folder cannot be made, as everything here does that a test cannot go on without.
    #[must_use = "the host is gone when this is dropped"]
    pub fn new() -> Self {
        let root = new_folder();
        for name in ["out", "tmp"] {
            let folder = root.join(name);
            std::fs::create_dir(&folder).unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        }
        let state = State {
            root,
            ..State::default()
        };
        let state = Rc::new(RefCell::new(state));
        HOSTS.with(|hosts| hosts.borrow_mut().push(state.clone()));
        Self { state }
    }

    /// Returns the folder that stands for the step's `/`.
    pub fn root(&self) -> PathBuf {
        self.state.borrow().root.clone()
    }

    /// Returns where the step's path `path` is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Writes the file at the step's path `path`, with the folders that it needs.
    ///
    /// # Panics
    ///
    /// Panics when the file cannot be written.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let place = self.path(path);
        let parent = place.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&place, contents))
            .unwrap_or_else(|error| panic!("cannot write {path} ({}): {error}", place.display()));
    }

    /// Returns the bytes of the file at the step's path `path`.
    ///
    /// # Panics
    ///
    /// Panics when there is none.
    #[track_caller]
    pub fn read(&self, path: &str) -> Vec<u8> {
        let place = self.path(path);
        std::fs::read(&place).unwrap_or_else(|error| panic!("cannot read {path} ({}): {error}", place.display()))
    }

    /// Returns the text of the file at the step's path `path`.
    ///
    /// # Panics
    ///
    /// Panics when there is none, or it is not UTF-8.
    #[track_caller]
    pub fn read_to_string(&self, path: &str) -> String {
        String::from_utf8(self.read(path)).unwrap_or_else(|error| panic!("{path} is not UTF-8: {error}"))
    }

    /// Grants the step a secret with a value.
    pub fn secret(&self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref().to_vec();
        self.state.borrow_mut().secrets.insert(name.to_owned(), value);
    }

    /// Returns the lines of the log.
    pub fn lines(&self) -> Vec<Line> {
        self.state.borrow().lines.clone()
    }

    /// Returns the messages of the log.
    pub fn messages(&self) -> Vec<String> {
        self.lines().into_iter().map(|line| line.message).collect()
    }

    /// Returns the tasks whose progress was told.
    pub fn tasks(&self) -> Vec<Task> {
        self.state.borrow().tasks.clone()
    }

    /// Returns the findings.
    pub fn findings(&self) -> Vec<Finding> {
        self.state.borrow().findings.clone()
    }

    /// Returns the test cases.
    pub fn test_cases(&self) -> Vec<TestCase> {
        self.state.borrow().test_cases.clone()
    }

    /// Returns the metrics.
    pub fn metrics(&self) -> Vec<Metric> {
        self.state.borrow().metrics.clone()
    }

    /// Returns the annotations.
    pub fn annotations(&self) -> Vec<Annotation> {
        self.state.borrow().annotations.clone()
    }

    /// Returns the summary.
    pub fn summary(&self) -> Option<String> {
        self.state.borrow().summary.clone()
    }

    /// Returns the paths of the files that were marked as executable, sorted.
    pub fn executables(&self) -> Vec<String> {
        self.state.borrow().executables.iter().cloned().collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        HOSTS.with(|hosts| hosts.borrow_mut().retain(|state| !Rc::ptr_eq(state, &self.state)));
        // What is left of a temporary folder is the system's to clear.
        drop(std::fs::remove_dir_all(self.root()));
    }
}

/// Makes a folder that nobody else has.
fn new_folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let parent = std::env::temp_dir();
    loop {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = parent.join(format!("airtight-step-{}-{number}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => return folder,
            // One that a process with this number left.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => panic!("cannot make {}: {error}", folder.display()),
        }
    }
}

#[cfg(test)]
mod tests;
