//! A strict reader of untrusted tars: ustar, GNU long names and pax records. Where readers disagree about what bytes
//! mean (a link with a size, a sparse file, a missing end) it refuses. It decides nothing about names: see
//! [`crate::name`] and [`crate::target`].

use std::io::{self, Read};

use tar::Header;

use crate::Error;

/// The size of a tar block.
const BLOCK: usize = 512;

/// The most bytes that pax records or a GNU long name may have: far above what [`crate::name`] accepts afterwards, and
/// small enough to be held.
const MAX_EXTENSION_BYTES: u64 = 1 << 20;

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A regular file, and whether anyone may execute it.
    File { executable: bool },
    /// A folder.
    Directory,
    /// A symbolic link with the raw target.
    Symlink(Vec<u8>),
    /// A hard link to the entry with the raw name.
    HardLink(Vec<u8>),
}

/// One entry; its content is read from the [`TarReader`] before the next entry is asked for.
#[derive(Debug)]
pub(crate) struct TarEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) kind: EntryKind,
    /// The bytes of content; only a file has some.
    pub(crate) size: u64,
}

/// What extension headers say about the entry that follows them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Reads the entries of a tar.
pub(crate) struct TarReader<R> {
    source: R,
    /// Content of the current entry that was not read yet, and the zeros behind it.
    content: u64,
    padding: u64,
}

/// Whether a block is all zeros.
pub(crate) fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

/// Whether the checksum of a header block is right, summed as unsigned bytes or, as some old writers did, as signed.
pub(crate) fn checksum_holds(block: &[u8; BLOCK]) -> bool {
    let Ok(said) = Header::from_byte_slice(block).cksum() else {
        return false;
    };
    let counted = |at: usize| if (148..156).contains(&at) { b' ' } else { block[at] };
    let unsigned: u32 = (0..BLOCK).map(|at| u32::from(counted(at))).sum();
    let signed: i64 = (0..BLOCK).map(|at| i64::from(counted(at).cast_signed())).sum();
    said == unsigned || i64::from(said) == signed
}

impl<R: Read> TarReader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            content: 0,
            padding: 0,
        }
    }

    /// The next entry, or none after the end marker, behind which nothing but zeros may be.
    pub(crate) fn next_entry(&mut self) -> Result<Option<TarEntry>, Error> {
        self.skip_to_header()?;
        let mut extension = Extension::default();
        let mut extended = false;
        loop {
            let block = self.read_header()?;
            if is_zero(&block) {
                if extended {
                    return Err(damaged("it ends where an entry was announced"));
                }
                self.check_end()?;
                return Ok(None);
            }
            if !checksum_holds(&block) {
                return Err(damaged("a header's checksum is wrong"));
            }
            let header = Header::from_byte_slice(&block);
            if !self.extend(header, &mut extension)? {
                return self.entry(header, extension).map(Some);
            }
            extended = true;
        }
    }

    /// Reads an extension header's records into `extension`; false when `header` is that of an entry.
    fn extend(&mut self, header: &Header, extension: &mut Extension) -> Result<bool, Error> {
        match header.entry_type().as_byte() {
            b'x' => parse_pax(&self.read_extension(header)?, extension)?,
            b'g' => {
                // What holds for all entries can only be what is not kept anyway, as the comment that git writes.
                let mut global = Extension::default();
                parse_pax(&self.read_extension(header)?, &mut global)?;
                if global.name.is_some() || global.target.is_some() || global.size.is_some() {
                    return Err(damaged("a global pax record names a path or a size"));
                }
            }
            b'L' => extension.name = Some(without_nul(self.read_extension(header)?)),
            b'K' => extension.target = Some(without_nul(self.read_extension(header)?)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Makes the entry of `header` and gets its content ready to be read.
    fn entry(&mut self, header: &Header, extension: Extension) -> Result<TarEntry, Error> {
        let name = extension.name.unwrap_or_else(|| header.path_bytes().into_owned());
        let size = match extension.size {
            Some(size) => size,
            None => header_size(header).map_err(|problem| Error::entry(&name, problem))?,
        };
        let refuse = |problem: &str| Err(Error::entry(&name, problem));
        let target = || {
            let own = header.link_name_bytes().map(std::borrow::Cow::into_owned);
            extension.target.clone().or(own).unwrap_or_default()
        };
        let kind = match header.entry_type().as_byte() {
            // Before POSIX a folder was a file whose name ends with a slash.
            b'0' | 0 | b'7' if name.ends_with(b"/") => EntryKind::Directory,
            b'0' | 0 | b'7' => match header.mode() {
                Ok(mode) => EntryKind::File {
                    executable: mode & 0o111 != 0,
                },
                Err(_) => return refuse("its mode is not a number"),
            },
            b'1' => EntryKind::HardLink(target()),
            b'2' => EntryKind::Symlink(target()),
            b'5' => EntryKind::Directory,
            b'3' | b'4' => return refuse("it is a device"),
            b'6' => return refuse("it is a named pipe"),
            b'S' => return refuse("it is a sparse file; pack it again without sparse files"),
            other => return refuse(&format!("it is of the unknown kind `{}`", other.escape_ascii())),
        };
        if size > 0 && !matches!(kind, EntryKind::File { .. }) {
            return refuse("it is no file and yet has a size");
        }
        self.content = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        Ok(TarEntry { name, kind, size })
    }

    /// Reads the whole content of an extension header.
    fn read_extension(&mut self, header: &Header) -> Result<Vec<u8>, Error> {
        let size = header_size(header).map_err(|problem| damaged(&problem))?;
        if size > MAX_EXTENSION_BYTES {
            return Err(damaged(&format!("it has {size} bytes of names for one entry")));
        }
        let mut content = Vec::new();
        self.content = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        self.read_to_end(&mut content).map_err(failed)?;
        self.skip_to_header()?;
        Ok(content)
    }

    /// Reads what is left of the current entry.
    fn skip_to_header(&mut self) -> Result<(), Error> {
        io::copy(self, &mut io::sink()).map_err(failed)?;
        let mut padding = [0; BLOCK];
        // At most one block less a byte.
        let padding = &mut padding[..self.padding as usize];
        self.padding = 0;
        self.source.read_exact(padding).map_err(failed)
    }

    fn read_header(&mut self) -> Result<[u8; BLOCK], Error> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.source.read(&mut block[filled..]).map_err(failed)? {
                0 if filled == 0 => return Err(damaged("it ends without its end marker; it may be cut short")),
                0 => return Err(damaged("it is cut short")),
                count => filled += count,
            }
        }
        Ok(block)
    }

    /// Reads to the end of the stream, which also makes a decoder check its own checksum.
    fn check_end(&mut self) -> Result<(), Error> {
        let mut rest = [0; 16 * BLOCK];
        loop {
            match self.source.read(&mut rest).map_err(failed)? {
                0 => return Ok(()),
                count if is_zero(&rest[..count]) => {}
                _ => return Err(damaged("there is something behind its end marker")),
            }
        }
    }
}

impl<R: Read> Read for TarReader<R> {
    /// Reads content of the current entry.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.content).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.source.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.content -= count as u64;
        Ok(count)
    }
}

fn damaged(problem: &str) -> Error {
    Error::Archive(format!("{problem} (is it a tar, and whole?)"))
}

/// A failure to read the stream: the decoder's, a limit's or the system's.
fn failed(error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => damaged("it is cut short"),
        Err(error) => Error::Archive(format!("it cannot be read: {error}")),
    }
}

/// The size field: octal, or GNU's binary form, which may be neither negative nor beyond 64 bits.
fn header_size(header: &Header) -> Result<u64, String> {
    let field = header.as_old().size;
    if field[0] & 0x80 != 0 && (field[0] != 0x80 || !is_zero(&field[1..4])) {
        return Err("its size is negative or too large".to_owned());
    }
    header.entry_size().map_err(|_| "its size is not a number".to_owned())
}

fn without_nul(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

/// Parses pax records (`LENGTH KEY=VALUE\n`). Keys that say nothing about what is unpacked are passed over: times,
/// owners, comments and attributes.
fn parse_pax(mut records: &[u8], extension: &mut Extension) -> Result<(), Error> {
    let bad = || damaged("a pax record is malformed");
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ').ok_or_else(bad)?;
        let digits = std::str::from_utf8(&records[..space]).map_err(|_| bad())?;
        let length: usize = digits.parse().map_err(|_| bad())?;
        let record = records.get(space + 1..length).ok_or_else(bad)?;
        let record = record.strip_suffix(b"\n").ok_or_else(bad)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            b"path" => extension.name = Some(value.to_vec()),
            b"linkpath" => extension.target = Some(value.to_vec()),
            b"size" => {
                let digits = std::str::from_utf8(value).map_err(|_| bad())?;
                extension.size = Some(digits.parse().map_err(|_| bad())?);
            }
            _ if key.starts_with(b"GNU.sparse.") => {
                return Err(damaged("it holds a sparse file; pack it again without sparse files"));
            }
            _ => {}
        }
        records = &records[length..];
    }
    Ok(())
}
