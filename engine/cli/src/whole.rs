//! Files that are written as a whole: who reads one sees the old content or the new one, and a process that is killed leaves nothing that
//! the next one does not use up. Not here: outputs of steps (the store exports them).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How many processes may write the same file at once.
const PLACES: usize = 16;

/// Writes `file`: `write` fills a file beside it, which then takes its place.
///
/// The one beside has a fixed name, `.NAME.airtight-0` and so on, and who writes to it holds a lock on it, which goes with the process: what
/// a killed one left is found and written over.
///
/// # Errors
/// Those of `write`, or the file cannot be made or put in place.
pub(crate) fn write<E: From<io::Error>>(file: &Path, write: impl FnOnce(&File) -> Result<(), E>) -> Result<(), E> {
    let (place, beside) = take(file)?;
    let written = beside
        .set_len(0)
        .map_err(E::from)
        .and_then(|()| write(&beside))
        .and_then(|()| Ok(std::fs::rename(&place, file)?));
    if written.is_err() {
        // What is half written is nothing; the error that is told is the first one.
        let _ = std::fs::remove_file(&place);
    }
    written
}

/// Opens and locks a file beside another.
fn take(file: &Path) -> io::Result<(PathBuf, File)> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for number in 0..PLACES {
        let place = file.with_file_name(format!(".{name}.airtight-{number}"));
        if place.is_symlink() {
            // None of ours: a project may hold one that leads anywhere.
            continue;
        }
        let beside = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&place)?;
        match beside.try_lock() {
            // Who held it before may have put it in its place since it was opened.
            Ok(()) if is_at(&place, &beside) => return Ok((place, beside)),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            // A file system without locks: then this process's number has to do.
            Err(TryLockError::Error(_)) => {
                let _ = std::fs::remove_file(&place);
                let place = file.with_file_name(format!(".{name}.airtight-{}", std::process::id()));
                return Ok((place.clone(), File::create(&place)?));
            }
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "too many processes write it at once",
    ))
}

fn is_at(place: &Path, open: &File) -> bool {
    let (Ok(there), Ok(open)) = (place.symlink_metadata(), open.metadata()) else {
        return false;
    };
    (there.dev(), there.ino()) == (open.dev(), open.ino())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;

    fn put(file: &Path, text: &str) -> io::Result<()> {
        write(file, |mut to| to.write_all(text.as_bytes()))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    // What a killed process left is longer than what is written now.
    #[test]
    fn what_a_killed_process_left_is_used_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.xml");
        std::fs::write(folder.path().join(".report.xml.airtight-0"), "half of something long").unwrap();
        put(&file, "whole").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "whole");
        assert_eq!(names(folder.path()), ["report.xml"]);
    }

    // The old content stays, and nothing is left beside it.
    #[test]
    fn what_cannot_be_written_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.xml");
        put(&file, "old").unwrap();
        let full = |mut to: &File| {
            to.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        };
        write(&file, full).unwrap_err();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(names(folder.path()), ["report.xml"]);
    }

    // A project may come with anything in it.
    #[test]
    fn a_link_that_is_in_the_way_is_not_followed() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let precious = outside.path().join("precious");
        std::fs::write(&precious, "mine").unwrap();
        for (number, to) in [precious.clone(), outside.path().join("new")].iter().enumerate() {
            let link = folder.path().join(format!(".report.xml.airtight-{number}"));
            std::os::unix::fs::symlink(to, link).unwrap();
        }
        put(&folder.path().join("report.xml"), "whole").unwrap();
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "mine");
        assert_eq!(names(outside.path()), ["precious"]);
    }

    #[test]
    fn several_that_write_at_once_each_write_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.xml");
        let texts: Vec<String> = (0..8).map(|i| i.to_string().repeat(1000 * (i + 1))).collect();
        std::thread::scope(|scope| {
            for text in &texts {
                scope.spawn(|| (0..50).for_each(|_| put(&file, text).unwrap()));
            }
        });
        assert!(texts.contains(&std::fs::read_to_string(&file).unwrap()));
        assert_eq!(names(folder.path()), ["report.xml"]);
    }
}
