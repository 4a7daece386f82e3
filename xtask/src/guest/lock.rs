//! One process at a time: an advisory lock on a file, let go when the value is dropped or the process dies. Not a lock
//! against threads of the same process.

use std::fs::File;
use std::path::Path;

use super::Error;

/// Waits until no other process holds the lock at `path`, says so if that takes a while, and takes it.
pub(super) fn exclusive(path: &Path) -> Result<File, Error> {
    let file = File::create(path).map_err(Error::io("create", path))?;
    if file.try_lock().is_err() {
        super::environment::say(&format!("waiting for another build that holds `{}`", path.display()));
        file.lock().map_err(Error::io("lock", path))?;
    }
    Ok(file)
}
