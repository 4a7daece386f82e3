//! `run`: finds the lock files, reads each once, and writes the document.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cyclonedx::{self, Subject};
use crate::error::LockFile;
use crate::find::{self, Kind};
use crate::inventory::{Inventory, Warning};
use crate::{Error, cargo_lock, go_sum, package_lock, requirements};

/// The largest lock file that is read: 256 MiB, an order of magnitude above the largest known. It is held as a whole.
const MAX_LOCK_FILE_BYTES: u64 = 256 << 20;

/// The host of the step.
pub trait Host {
    /// Says that `done` of `total` lock files are read.
    fn progress(&mut self, done: u64, total: u64);

    /// Shows a warning.
    fn warn(&mut self, warning: &Warning);

    /// Writes a log line.
    fn log(&mut self, message: &str);
}

/// The parameters of [`run`]; `wit/world.wit` documents them.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folders to look through.
    pub paths: Vec<String>,
    /// The document to write.
    pub to: String,
    /// The name of what the document is about.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Components in the document.
    pub components: u64,
    /// The lock files that were read, sorted.
    pub files: Vec<String>,
}

/// Writes the bill of materials of the lock files below some folders.
///
/// # Errors
///
/// An [`Error`] when a parameter is wrong, no lock file is found, one is malformed, or something cannot be read or
/// written.
pub fn run(options: &Options, host: &mut dyn Host) -> Result<Summary, Error> {
    let wrong = |name, problem: &str| Error::Parameter {
        name,
        problem: problem.to_owned(),
    };
    if options.version.is_some() && options.name.is_none() {
        return Err(wrong("version", "it needs `name:` too"));
    }
    if options.name.as_deref() == Some("") {
        return Err(wrong("name", "it is empty; leave it out"));
    }
    let to = absolute("to", &options.to)?;
    let mut found = BTreeSet::new();
    for path in &options.paths {
        find::find(&absolute("paths", path)?, &mut found)?;
    }
    if found.is_empty() {
        let problem = format!(
            "no Cargo.lock, package-lock.json, requirements.txt or go.sum is at or below `{}`",
            options.paths.join("`, `")
        );
        return Err(Error::Parameter { name: "paths", problem });
    }
    let mut texts = Texts::default();
    let mut inventory = Inventory::default();
    for (done, (path, kind)) in found.iter().enumerate() {
        host.progress(done as u64, found.len() as u64);
        parse(path, *kind, &mut texts, &mut inventory)?;
    }
    host.progress(found.len() as u64, found.len() as u64);
    for warning in &inventory.warnings {
        host.warn(warning);
    }
    let subject = options.name.as_deref().map(|name| Subject {
        name,
        version: options.version.as_deref(),
    });
    write(&to, &cyclonedx::document(&inventory, subject))?;
    let files: Vec<String> = texts.read.keys().map(|path| path.display().to_string()).collect();
    let components = inventory.components.len() as u64;
    host.log(&format!(
        "{components} components from {} lock files in `{}`",
        files.len(),
        to.display()
    ));
    Ok(Summary { components, files })
}

fn parse(path: &Path, kind: Kind, texts: &mut Texts, inventory: &mut Inventory) -> Result<(), Error> {
    let text = texts.load(path)?;
    let shown = path.display().to_string();
    let file = LockFile {
        path: &shown,
        text: &text,
    };
    match kind {
        Kind::CargoLock => cargo_lock::parse(file, inventory),
        Kind::PackageLock => package_lock::parse(file, inventory),
        Kind::GoSum => go_sum::parse(file, inventory),
        Kind::Requirements => requirements::parse(path, &text, &mut |path| texts.load(path), inventory),
    }
}

/// Lock files that were read: included ones may be named often.
#[derive(Default)]
struct Texts {
    read: BTreeMap<PathBuf, String>,
}

impl Texts {
    fn load(&mut self, path: &Path) -> Result<String, Error> {
        if let Some(text) = self.read.get(path) {
            return Ok(text.clone());
        }
        let failed = |error| Error::io("read", path, error);
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(failed)?;
        file.take(MAX_LOCK_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let malformed = |line, problem: String| Error::Malformed {
            file: path.display().to_string(),
            line,
            problem,
        };
        if bytes.len() as u64 > MAX_LOCK_FILE_BYTES {
            return Err(malformed(1, format!("it has more than {MAX_LOCK_FILE_BYTES} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            malformed(line, "it is not UTF-8".to_owned())
        })?;
        self.read.insert(path.to_owned(), text.clone());
        Ok(text)
    }
}

/// Checks that a parameter is an absolute path without `..`.
fn absolute(name: &'static str, path: &str) -> Result<PathBuf, Error> {
    let is_clean = path.starts_with('/') && !path.split('/').any(|part| part == "..");
    if is_clean {
        // Without `//`, `/./` and a trailing `/`, so that a file has one name.
        Ok(Path::new(path).components().collect())
    } else {
        Err(Error::Parameter {
            name,
            problem: format!("`{path}` is not an absolute path without `..`, as `/src`"),
        })
    }
}

fn write(to: &Path, text: &str) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(|error| Error::io("make the folder", parent, error))?;
    }
    fs::write(to, text).map_err(|error| Error::io("write", to, error))
}

#[cfg(test)]
mod tests;
