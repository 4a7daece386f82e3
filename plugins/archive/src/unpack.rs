//! `unpack`: an archive that nobody trusts becomes a folder. It finds out the format, bounds what is read and feeds the
//! entries to [`crate::target`], where the rules are.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use crate::compress::{self, CHUNK};
use crate::format::MAGIC_BYTES;
use crate::host::Level;
use crate::pack::absolute;
use crate::tar_read::{EntryKind, TarReader};
use crate::target::Target;
use crate::{Error, Format, Host, zip_read};

/// The most bytes that the files of an archive may have together: 32 GiB. Far above honest archives of sources and
/// artifacts, far below what a few kilobytes can be made to unpack to.
pub const MAX_UNPACKED_BYTES: u64 = 32 << 30;

/// The most entries that an archive may have.
pub const MAX_ENTRIES: u64 = 1_000_000;

/// The most bytes that all names of an archive may have together, implied folders among them: they are held.
pub const MAX_NAME_BYTES_TOTAL: u64 = 256 << 20;

/// The bytes of headers and padding that a tar may have for each entry that is allowed: more than its own header, a
/// pax header and a name of every length take.
const MAX_ENTRY_OVERHEAD: u64 = 8 << 10;

/// The progress task of this function.
pub(crate) const TASK: &str = "unpack";

/// The bounds on what an archive may unpack to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// Bytes of all names together.
    pub name_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: MAX_UNPACKED_BYTES,
            entries: MAX_ENTRIES,
            name_bytes: MAX_NAME_BYTES_TOTAL,
        }
    }
}

/// The parameters of [`unpack`]; `wit/world.wit` documents them.
#[derive(Clone, Debug, Default)]
pub struct UnpackOptions {
    /// The absolute path of the archive.
    pub archive: String,
    /// The absolute path of the folder to unpack into.
    pub to: String,
    /// The format, unless the archive's first bytes say it.
    pub format: Option<Format>,
    /// How many leading folders to take off each name.
    pub strip: u32,
    /// The bounds.
    pub limits: Limits,
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Regular files, hard links among them.
    pub files: u64,
    /// Folders made below `to`.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes of all files together.
    pub bytes: u64,
}

/// Unpacks an archive. What was written before an error stays.
///
/// # Errors
///
/// An [`Error`] when a parameter is wrong, something cannot be read or written, or the archive or an entry of it is
/// refused.
pub fn unpack(options: &UnpackOptions, host: &mut dyn Host) -> Result<Unpacked, Error> {
    let archive = absolute("archive", &options.archive)?;
    let to = absolute("to", &options.to)?;
    let format = match options.format {
        Some(format) => format,
        None => recognise(&archive)?,
    };
    let strip = usize::try_from(options.strip).unwrap_or(usize::MAX);
    let mut target = Target::new(&to, options.limits, host)?;
    if format == Format::Zip {
        zip_read::read(&archive, strip, &mut target)?;
    } else {
        read_tar(format, &archive, strip, options.limits, &mut target)?;
    }
    let unpacked = target.finish()?;
    host.finish(TASK);
    let fields = [
        ("directories", unpacked.directories.to_string()),
        ("symlinks", unpacked.symlinks.to_string()),
        ("bytes", unpacked.bytes.to_string()),
    ];
    host.log(
        Level::Info,
        &format!("unpacked {} files into `{}`", unpacked.files, to.display()),
        &fields,
    );
    Ok(unpacked)
}

/// The format that the first bytes of the archive say.
fn recognise(archive: &Path) -> Result<Format, Error> {
    let mut file = File::open(archive).map_err(|error| Error::io("open", archive, error))?;
    let mut head = [0; MAGIC_BYTES];
    let filled = compress::fill(&mut file, &mut head).map_err(|error| Error::io("read", archive, error))?;
    Format::of_magic(&head[..filled]).ok_or_else(|| {
        Error::Archive(format!(
            "`{}` is no tar, tar-gz, tar-zst or zip; if it is, add `format:`",
            archive.display()
        ))
    })
}

fn read_tar(
    format: Format,
    archive: &Path,
    strip: usize,
    limits: Limits,
    target: &mut Target<'_>,
) -> Result<(), Error> {
    let mut file = File::open(archive).map_err(|error| Error::io("open", archive, error))?;
    let total = file
        .seek(io::SeekFrom::End(0))
        .map_err(|error| Error::io("read", archive, error))?;
    file.rewind().map_err(|error| Error::io("read", archive, error))?;
    let read = Cell::new(0);
    let counted = Counted {
        inner: file,
        read: &read,
    };
    let tar = compress::decode(format, io::BufReader::with_capacity(CHUNK, counted));
    // Headers and padding are not content, but a stream without end of them must end too.
    let overhead = limits.entries.saturating_mul(MAX_ENTRY_OVERHEAD);
    let mut tar = TarReader::new(Bounded {
        inner: tar,
        left: limits.bytes.saturating_add(overhead),
    });
    let mut shown = 0;
    while let Some(entry) = tar.next_entry()? {
        match entry.kind {
            EntryKind::Directory => target.directory(&entry.name, strip)?,
            EntryKind::File { executable } => {
                target.file(&entry.name, strip, entry.size, executable, &mut tar)?;
            }
            EntryKind::Symlink(link) => target.symlink(&entry.name, strip, &link)?,
            EntryKind::HardLink(link) => target.hard_link(&entry.name, strip, &link)?,
        }
        if read.get() > shown {
            shown = read.get();
            target.progress(shown, total);
        }
    }
    Ok(())
}

/// Counts what is read of the archive file.
struct Counted<'a> {
    inner: File,
    read: &'a Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

/// Refuses a stream that is longer than `left`.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(
                    Error::Archive("its tar is longer than the bound on what it may unpack to".to_owned()).into_io(),
                );
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
