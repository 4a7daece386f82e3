//! Where an export is written before it takes its target's place: a folder beside the target that no other process writes to, and
//! that is found again when the process that made it was killed. Not here: what is written.

use std::fs::File;
use std::io;

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, fstat, openat, statat};

use super::{ExportError, Target};
use crate::disk::random;

/// How many folders a target has: one for each process that exports to it at the same time.
const PLACES: usize = 4;
/// How often a target that others replace meanwhile is looked at.
const MAX_TRIES: usize = 64;

/// What is written has this name in the folder, and then what was at the target before.
pub(super) const NEW: &str = "new";
/// What was at the target, where two names cannot be exchanged.
const OLD: &str = "old";

/// A folder beside a target, empty at first and this process's alone.
///
/// ```text
/// .NAME.airtight-0/new     what takes the place of NAME when it is complete; then what was there before
/// .NAME.airtight-0/old     what was there before, on a file system that cannot exchange two names
/// ```
///
/// The folders have fixed names, so that nothing has to be listed to find one that a killed process left. Whoever writes to
/// one holds a lock on the folder itself until it is gone, and the lock goes with the process: whoever gets it on a folder
/// that he did not make may remove that. One who has just made a folder and finds it locked, or gone once he has the
/// lock, was taken for dead before he was born: he takes another.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    target: &'a Target,
    name: String,
    pub(super) folder: Dir,
    /// Locked, where the file system can.
    _lock: File,
}

fn place(name: &str, number: usize) -> String {
    format!(".{name}.airtight-{number}")
}

impl<'a> Beside<'a> {
    /// Takes a folder.
    pub(super) fn take(target: &'a Target) -> io::Result<Self> {
        for number in 0..PLACES {
            let name = place(&target.name, number);
            let made = make(target, &name)? || (remove_abandoned(target, &name) && make(target, &name)?);
            if !made {
                continue;
            }
            // What cannot be opened was removed at once by one who found it unlocked.
            let Ok(lock) = open(&target.parent, &name) else {
                continue;
            };
            match lock.try_lock() {
                Ok(()) if is_at(&target.parent, &name, &lock) => return Self::of(target, name, lock),
                Ok(()) | Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => {
                    // Its name would say that nobody holds it.
                    tracing::debug!(%error, "there are no locks beside an export's target");
                    target.parent.remove_dir(&name)?;
                    break;
                }
            }
        }
        let name = format!(".{}.airtight-{:016x}", target.name, random());
        if !make(target, &name)? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let lock = open(&target.parent, &name)?;
        Self::of(target, name, lock)
    }

    fn of(target: &'a Target, name: String, lock: File) -> io::Result<Self> {
        Ok(Self {
            folder: target.parent.open_dir(&name)?,
            target,
            name,
            _lock: lock,
        })
    }

    /// Puts what is in the folder in the target's place.
    pub(super) fn replace(&self) -> Result<(), ExportError> {
        let mut done = self.try_to_replace();
        for _ in 0..MAX_TRIES {
            // Another process put something of another kind there, or took it away, since it was looked at.
            if !done.as_ref().is_err_and(is_of_a_race) {
                break;
            }
            done = self.try_to_replace();
        }
        done.map_err(self.target.failed("replace"))
    }

    fn try_to_replace(&self) -> io::Result<()> {
        let Target { parent, name, .. } = self.target;
        let is_folder = |folder: &Dir, name: &str| folder.symlink_metadata(name).is_ok_and(|found| found.is_dir());
        if parent.symlink_metadata(name).is_err() || !(is_folder(parent, name) || is_folder(&self.folder, NEW)) {
            return self.folder.rename(NEW, parent, name);
        }
        match rustix::fs::renameat_with(&self.folder, NEW, parent, name.as_str(), RenameFlags::EXCHANGE) {
            // A file system that cannot exchange: for a moment nothing is there.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
                parent.rename(name, &self.folder, OLD)?;
                self.folder.rename(NEW, parent, name).inspect_err(|_| {
                    let _ = self.folder.rename(OLD, parent, name);
                })
            }
            done => Ok(done?),
        }
    }
}

impl Drop for Beside<'_> {
    /// The folder goes with what is in it, and only then its lock.
    fn drop(&mut self) {
        remove(&self.target.parent, &self.name);
    }
}

fn is_of_a_race(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory, NotFound};
    matches!(
        error.kind(),
        AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory | NotFound
    )
}

/// Removes what killed processes left beside a target.
pub(super) fn remove_left_over(target: &Target) {
    for number in 0..PLACES {
        let name = place(&target.name, number);
        if target.parent.symlink_metadata(&name).is_ok() {
            remove_abandoned(target, &name);
        }
    }
}

/// Whether something may have been left beside `to`, a path below `root`.
pub(super) fn has_left_over(root: &Dir, to: &str) -> bool {
    let (folder, name) = to.rsplit_once('/').unwrap_or((".", to));
    (0..PLACES).any(|number| {
        root.symlink_metadata(format!("{folder}/{}", place(name, number)))
            .is_ok()
    })
}

/// Makes a folder that only this user can look into; false when something is there.
fn make(target: &Target, name: &str) -> io::Result<bool> {
    match rustix::fs::mkdirat(&target.parent, name, Mode::RWXU) {
        Err(rustix::io::Errno::EXIST) => Ok(false),
        made => Ok(made.map(|()| true)?),
    }
}

fn open(parent: &Dir, name: &str) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(parent, name, flags, Mode::empty())?.into())
}

/// Whether the name leads to this very folder.
fn is_at(parent: &Dir, name: &str, file: &File) -> bool {
    let (Ok(named), Ok(open)) = (statat(parent, name, AtFlags::SYMLINK_NOFOLLOW), fstat(file)) else {
        return false;
    };
    (named.st_dev, named.st_ino) == (open.st_dev, open.st_ino)
}

/// Removes a folder whose process is gone; false when it is someone's, or cannot be told or removed.
fn remove_abandoned(target: &Target, name: &str) -> bool {
    let parent = &target.parent;
    let Ok(lock) = open(parent, name) else {
        return parent.symlink_metadata(name).is_err();
    };
    if lock.try_lock().is_err() || !is_at(parent, name, &lock) {
        return false;
    }
    if parent.symlink_metadata(&target.name).is_err() {
        // Killed between two renames: what was there before is not this one's to lose.
        let _ = parent.rename(format!("{name}/{OLD}"), parent, &target.name);
    }
    remove(parent, name);
    parent.symlink_metadata(name).is_err()
}

/// Removes a folder; links in it are removed, never followed.
fn remove(parent: &Dir, name: &str) {
    match parent.remove_dir_all(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, name, "a temporary folder of an export is left");
        }
        _ => {}
    }
}
