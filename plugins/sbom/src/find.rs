//! Finds lock files by listing folders. It opens no file, so that the step's read set stays as narrow as its result.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// The kinds of lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    CargoLock,
    PackageLock,
    Requirements,
    GoSum,
}

/// Folders that are not looked into: what is in them is not the tree's own.
const SKIPPED: [&str; 2] = [".git", "node_modules"];

/// The lock file kind that a file's name says.
pub(crate) fn kind_of(name: &str) -> Option<Kind> {
    match name {
        "Cargo.lock" => Some(Kind::CargoLock),
        "package-lock.json" => Some(Kind::PackageLock),
        "go.sum" => Some(Kind::GoSum),
        _ if name.starts_with("requirements") && name.ends_with(".txt") => Some(Kind::Requirements),
        _ => None,
    }
}

/// All lock files at or below `path`.
pub(crate) fn find(path: &Path, found: &mut BTreeSet<(PathBuf, Kind)>) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(|error| Error::io("read", path, error))?;
    if metadata.is_dir() {
        return find_below(path, found);
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let kind = kind_of(name).ok_or_else(|| Error::Parameter {
        name: "paths",
        problem: format!("`{}` is neither a folder nor named as a lock file", path.display()),
    })?;
    found.insert((path.to_owned(), kind));
    Ok(())
}

fn find_below(folder: &Path, found: &mut BTreeSet<(PathBuf, Kind)>) -> Result<(), Error> {
    let failed = |error| Error::io("list", folder, error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        // What is not UTF-8 is named as no lock file.
        let Some(name) = name.to_str() else { continue };
        let path = entry.path();
        let file_type = entry.file_type().map_err(|error| Error::io("read", &path, error))?;
        if file_type.is_dir() {
            if !SKIPPED.contains(&name) {
                find_below(&path, found)?;
            }
        } else if let Some(kind) = kind_of(name) {
            // A link to a folder that is named like a lock file is none.
            if !file_type.is_symlink() || !fs::metadata(&path).is_ok_and(|target| target.is_dir()) {
                found.insert((path, kind));
            }
        }
    }
    Ok(())
}
