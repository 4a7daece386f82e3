//! Files of a project, read with bounds and written whole or not at all. Not here: what is in them.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use crate::error::Error;

/// The largest source file that is read as a text, in bytes.
const MAX_TEXT: u64 = 16 << 20;
/// The largest binary that a build may make, in bytes.
const MAX_BINARY: u64 = 512 << 20;

/// Reads a text file.
pub(crate) fn text(path: &Path) -> Result<String, Error> {
    let bytes = read(path, MAX_TEXT)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, format!("it is not UTF-8 at byte {at}"));
        Error::io("read", path)(error)
    })
}

/// Reads a binary.
pub(crate) fn binary(path: &Path) -> Result<Vec<u8>, Error> {
    read(path, MAX_BINARY)
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", path))?;
    if bytes.len() as u64 > most {
        let error = std::io::Error::other(format!("it is larger than {} MiB", most >> 20));
        return Err(Error::io("read", path)(error));
    }
    Ok(bytes)
}

/// Writes a file whole or not at all, with its folders.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    folder_at(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io("write", path))?;
    file.write_all(bytes).map_err(Error::io("write", path))?;
    readable(&file).map_err(Error::io("write", path))?;
    file.persist(path)
        .map_err(|error| Error::io("write", path)(error.error))?;
    Ok(())
}

/// A temporary file is for its owner alone; what is built is for whoever may read the folder.
#[cfg(unix)]
fn readable(file: &tempfile::NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable(_: &tempfile::NamedTempFile) -> std::io::Result<()> {
    Ok(())
}

/// Makes a folder.
pub(crate) fn folder_at(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::io("create", path))
}

/// Makes a folder, empty.
pub(crate) fn empty_folder(path: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("empty", path)(error)),
        _ => {}
    }
    folder_at(path)
}

/// What a folder holds, by name: sorted. A folder that is not there holds nothing.
pub(crate) fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, Error> {
    let listing = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(Error::io("list", folder))?,
    };
    let mut paths = Vec::new();
    for entry in listing {
        paths.push(entry.map_err(Error::io("list", folder))?.path());
    }
    paths.sort();
    Ok(paths)
}
