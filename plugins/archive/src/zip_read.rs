//! Reads an untrusted zip archive into a [`Target`]. The central directory is what counts, and an archive in which it
//! and the local headers disagree is refused: other readers would see another archive.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use zip::{CompressionMethod, ZipArchive};

use crate::Error;
use crate::compress::buffered;
use crate::name::MAX_PATH_BYTES;
use crate::target::Target;

/// The bits of a Unix mode that say what kind of file it is, and the kinds.
const KIND_MASK: u32 = 0o170_000;
const KIND_FILE: u32 = 0o100_000;
const KIND_DIRECTORY: u32 = 0o040_000;
const KIND_SYMLINK: u32 = 0o120_000;

/// Unpacks the archive at `path` into `target`.
pub(crate) fn read(path: &Path, strip: usize, target: &mut Target<'_>) -> Result<(), Error> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    let mut archive = ZipArchive::new(buffered(file)).map_err(refused)?;
    if archive.has_duplicate_names() {
        return Err(Error::Archive("it names an entry twice".to_owned()));
    }
    archive.validate_header_consistency().map_err(refused)?;
    let total = archive.len() as u64;
    for index in 0..archive.len() {
        entry(&mut archive, index, strip, target)?;
        target.progress(index as u64 + 1, total);
    }
    Ok(())
}

fn refused(error: zip::result::ZipError) -> Error {
    Error::Archive(error.to_string())
}

fn entry(
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
    strip: usize,
    target: &mut Target<'_>,
) -> Result<(), Error> {
    let about = archive.by_index_data(index).map_err(refused)?;
    let name = about.name_raw().to_vec();
    let refuse = |problem: String| Err(Error::entry(&name, problem));
    if about.encrypted() {
        return refuse("it is encrypted".to_owned());
    }
    if !matches!(
        about.compression(),
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        return refuse(format!(
            "its compression `{}` is unknown here; deflate it",
            about.compression()
        ));
    }
    if name.contains(&b'\\') {
        return refuse("its name holds a `\\`, which readers take differently".to_owned());
    }
    let mode = about.unix_mode().unwrap_or(0);
    let is_folder = name.ends_with(b"/");
    let is_link = match mode & KIND_MASK {
        0 | KIND_FILE if !is_folder => false,
        0 | KIND_DIRECTORY if is_folder => false,
        KIND_SYMLINK if !is_folder => true,
        other => {
            return refuse(format!(
                "its name and its kind ({other:o}) do not fit, or it is a device or pipe"
            ));
        }
    };
    let size = about.size();
    if is_folder {
        if size > 0 {
            return refuse("it is no file and yet has a size".to_owned());
        }
        return target.directory(&name, strip);
    }
    let mut content = archive
        .by_index(index)
        .map_err(|error| Error::entry(&name, error.to_string()))?;
    if is_link {
        let mut link = Vec::new();
        let limit = MAX_PATH_BYTES as u64 + 1;
        content
            .take(limit)
            .read_to_end(&mut link)
            .map_err(|error| Error::entry(&name, error.to_string()))?;
        return target.symlink(&name, strip, &link);
    }
    target.file(&name, strip, size, mode & 0o111 != 0, &mut content)
}
