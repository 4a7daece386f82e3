//! Which archive format is meant: by the extension of a name or by the first bytes of a file. It reads no file itself.

use std::fmt;
use std::path::Path;

/// An archive format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A plain tar.
    Tar,
    /// A tar, compressed with gzip.
    TarGz,
    /// A tar, compressed with Zstandard.
    TarZst,
    /// A zip archive.
    Zip,
}

/// The extensions and what they mean; the longest match is not needed, as none is another's end.
const EXTENSIONS: [(&str, Format); 6] = [
    (".tar", Format::Tar),
    (".tar.gz", Format::TarGz),
    (".tgz", Format::TarGz),
    (".tar.zst", Format::TarZst),
    (".tzst", Format::TarZst),
    (".zip", Format::Zip),
];

/// How many first bytes [`Format::of_magic`] wants to see: one tar header.
pub(crate) const MAGIC_BYTES: usize = 512;

impl Format {
    /// The format that the extension of `path` says.
    pub(crate) fn of_extension(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        EXTENSIONS
            .iter()
            .find(|(extension, _)| name.ends_with(extension))
            .map(|(_, format)| *format)
    }

    /// The format that the first bytes of a file say. A tar has no magic number of its own in its oldest form: a first
    /// header with the right checksum, or a block of zeros, is one.
    pub(crate) fn of_magic(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::TarGz),
            // A frame, or a skippable frame.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::TarZst),
            // A local header, or the end record of an archive without entries.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            _ => {
                let block = head.first_chunk::<MAGIC_BYTES>()?;
                (crate::tar_read::is_zero(block) || crate::tar_read::checksum_holds(block)).then_some(Self::Tar)
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tar => "tar",
            Self::TarGz => "tar-gz",
            Self::TarZst => "tar-zst",
            Self::Zip => "zip",
        })
    }
}
