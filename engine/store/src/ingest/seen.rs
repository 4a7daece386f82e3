//! What an ingest has seen of a folder, kept so that the next one need not read it again: the stat cache. It never leaves the
//! machine. Not here: comparing and walking.

use airtight_model::{BlobDigest, Canonical, DecodeError, Decoder, Encoder, Node, TreeDigest};
use rustix::fs::Stat;

/// What tells that a file is the same as before: where it is, how long, and when it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    mode: u32,
    mtime: Time,
    ctime: Time,
}

/// Nanoseconds since 1970, signed, little-endian: enough for ten thousand times the age of the universe. As they are
/// written, since a folder has many and nearly all are only compared.
type Time = [u8; 12];

fn time(nanos: i128) -> Time {
    let mut low = [0; 12];
    low.copy_from_slice(&nanos.to_le_bytes()[..12]);
    low
}

/// A file system that tells whole seconds may have a granularity of two; others, that of the kernel's clock.
const COARSE: i128 = 2_000_000_000;
const FINE: i128 = 20_000_000;

impl Stamp {
    pub(crate) fn of(stat: &Stat) -> Self {
        let nanos = |seconds: i64, nanos: i128| time(i128::from(seconds) * 1_000_000_000 + nanos);
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            size: stat.st_size as u64,
            mode: stat.st_mode,
            mtime: nanos(stat.st_mtime, stat.st_mtime_nsec as i128),
            ctime: nanos(stat.st_ctime, stat.st_ctime_nsec as i128),
        }
    }

    /// Whether an equal stamp means equal content: only if the file had not been touched lately when the ingest began that
    /// read it, at `began` nanoseconds since 1970. Otherwise it may have been written twice within one tick.
    pub(crate) fn is_trusted(&self, began: i128) -> bool {
        let (mtime, ctime) = (nanos(self.mtime), nanos(self.ctime));
        let coarse = mtime % 1_000_000_000 == 0 && ctime % 1_000_000_000 == 0;
        mtime.max(ctime) + if coarse { COARSE } else { FINE } < began
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }
}

impl Canonical for Stamp {
    fn encode(&self, out: &mut Encoder) {
        let Self {
            dev,
            ino,
            size,
            mode,
            mtime,
            ctime,
        } = self;
        dev.encode(out);
        ino.encode(out);
        size.encode(out);
        mode.encode(out);
        out.raw(mtime);
        out.raw(ctime);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let (dev, ino) = (Canonical::decode(from)?, Canonical::decode(from)?);
        let (size, mode) = (Canonical::decode(from)?, Canonical::decode(from)?);
        Ok(Self {
            dev,
            ino,
            size,
            mode,
            mtime: from.array()?,
            ctime: from.array()?,
        })
    }
}

fn nanos(time: Time) -> i128 {
    let sign = if time[11] & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [sign; 16];
    whole[..12].copy_from_slice(&time);
    i128::from_le_bytes(whole)
}

/// What a name stood for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    File(Stamp, BlobDigest),
    Link(Stamp, Box<str>),
    Folder(TreeDigest),
}

/// As [`Seen`], of a text that is somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeenRef<'a> {
    File(Stamp, BlobDigest),
    Link(Stamp, &'a str),
    Folder(TreeDigest),
}

impl Seen {
    pub(crate) fn by_ref(&self) -> SeenRef<'_> {
        match self {
            Self::File(stamp, blob) => SeenRef::File(*stamp, *blob),
            Self::Link(stamp, target) => SeenRef::Link(*stamp, target),
            Self::Folder(tree) => SeenRef::Folder(*tree),
        }
    }
}

impl<'a> SeenRef<'a> {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::File(stamp, blob) => (out.uint(0), stamp.encode(out), blob.encode(out)).2,
            Self::Link(stamp, target) => (out.uint(1), stamp.encode(out), out.bytes(target.as_bytes())).2,
            Self::Folder(tree) => (out.uint(2), tree.encode(out)).1,
        }
    }

    fn decode(from: &mut Decoder<'a>) -> Result<Self, DecodeError> {
        Ok(match from.uint()? {
            0 => Self::File(Canonical::decode(from)?, Canonical::decode(from)?),
            1 => Self::Link(Canonical::decode(from)?, from.text()?),
            2 => Self::Folder(Canonical::decode(from)?),
            _ => return Err(from.invalid("an unknown ordinal of Seen")),
        })
    }

    /// The node that a tree has for it.
    pub(crate) fn node(&self) -> Node {
        match self {
            Self::File(stamp, blob) => Node::File {
                blob: *blob,
                size: stamp.size(),
                executable: stamp.is_executable(),
            },
            Self::Link(_, target) => Node::Symlink((*target).to_owned()),
            Self::Folder(tree) => Node::Directory(*tree),
        }
    }
}

/// What was seen of a folder but for what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenFolder {
    /// The store's generation: all blobs were there.
    pub(crate) generation: u64,
    /// When the ingest began, in nanoseconds since 1970.
    pub(crate) began: i128,
    /// The rules that held in it.
    pub(crate) rules: [u8; 32],
    /// The folder itself: when it is the same, so are the names in it.
    pub(crate) stamp: Stamp,
    /// Its tree.
    pub(crate) tree: TreeDigest,
}

impl SeenFolder {
    /// The record of a folder: itself, then what is in it and was not left out, ascending by name. Kept under the source and
    /// the folder's path in it.
    pub(crate) fn record<'a>(&self, entries: impl ExactSizeIterator<Item = (&'a str, SeenRef<'a>)>) -> Vec<u8> {
        let Self {
            generation,
            began,
            rules,
            stamp,
            tree,
        } = self;
        let mut out = Encoder::new();
        out.raw(&generation.to_le_bytes());
        out.raw(&time(*began));
        out.raw(rules);
        stamp.encode(&mut out);
        tree.encode(&mut out);
        out.uint(entries.len() as u64);
        for (name, seen) in entries {
            out.bytes(name.as_bytes());
            seen.encode(&mut out);
        }
        out.finish()
    }
}

/// A folder's record. What is in the folder is decoded as it is looked at: one of a million files costs its record and four
/// bytes a file.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) folder: SeenFolder,
    bytes: Vec<u8>,
    /// Where each entry begins.
    at: Vec<u32>,
}

impl Known {
    /// Reads a record; what is not one is none: it costs work, nothing else.
    pub(crate) fn new(bytes: Vec<u8>) -> Option<Self> {
        u32::try_from(bytes.len()).ok()?;
        let (folder, at) = Self::read(&bytes).ok()?;
        Some(Self { folder, bytes, at })
    }

    fn read(bytes: &[u8]) -> Result<(SeenFolder, Vec<u32>), DecodeError> {
        let mut from = Decoder::new(bytes);
        let folder = SeenFolder {
            generation: u64::from_le_bytes(from.array()?),
            began: nanos(from.array()?),
            rules: from.array()?,
            stamp: Canonical::decode(&mut from)?,
            tree: Canonical::decode(&mut from)?,
        };
        let count = from.count()?;
        let mut at = Vec::with_capacity(count);
        for _ in 0..count {
            at.push(from.offset() as u32);
            from.text()?;
            SeenRef::decode(&mut from)?;
        }
        from.finish()?;
        Ok((folder, at))
    }

    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// The name at a position, and what it stood for.
    pub(crate) fn get(&self, i: usize) -> (&str, SeenRef<'_>) {
        let mut from = Decoder::new(&self.bytes[self.at[i] as usize..]);
        let name = from.text().expect("it was decoded before");
        (name, SeenRef::decode(&mut from).expect("it was decoded before"))
    }

    pub(crate) fn name(&self, i: usize) -> &str {
        let mut from = Decoder::new(&self.bytes[self.at[i] as usize..]);
        from.text().expect("it was decoded before")
    }

    /// What a name stood for.
    pub(crate) fn find(&self, name: &str) -> Option<SeenRef<'_>> {
        let at = self.at.partition_point(|at| {
            let mut from = Decoder::new(&self.bytes[*at as usize..]);
            from.text().expect("it was decoded before") < name
        });
        let (found, seen) = (at < self.len()).then(|| self.get(at))?;
        (found == name).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stamp(n: u64) -> Stamp {
        Stamp {
            dev: n,
            ino: n << 20,
            size: n * 3,
            mode: 0o100_644,
            mtime: time(i128::from(n) * 1_000_000_007),
            ctime: time(-5),
        }
    }

    // Every entry is found by its position and by its name, and nothing else is; a record that is cut off or longer is none.
    #[test]
    fn a_record_is_read_as_it_was_written() {
        let entries: Vec<(String, Seen)> = (0..300u64)
            .map(|n| {
                let seen = match n % 3 {
                    0 => Seen::File(stamp(n), BlobDigest::of(&n.to_le_bytes())),
                    1 => Seen::Link(stamp(n), format!("target {n}").into()),
                    _ => Seen::Folder(TreeDigest::from_bytes([n as u8; 32])),
                };
                (format!("name {n:03}"), seen)
            })
            .collect();
        let folder = SeenFolder {
            generation: 77,
            began: -1_234_567_890_123,
            rules: [3; 32],
            stamp: stamp(9),
            tree: TreeDigest::from_bytes([8; 32]),
        };
        let bytes = folder.record(entries.iter().map(|(name, seen)| (&name[..], seen.by_ref())));
        let known = Known::new(bytes.clone()).unwrap();
        assert_eq!((known.folder, known.len()), (folder, entries.len()));
        for (i, (name, seen)) in entries.iter().enumerate() {
            assert_eq!(known.get(i), (&name[..], seen.by_ref()));
            assert_eq!(known.find(name), Some(seen.by_ref()));
            assert_eq!(known.find(&format!("{name} ")), None);
        }
        assert_eq!((known.find(""), known.find("zzz")), (None, None));
        assert!((0..bytes.len()).all(|len| Known::new(bytes[..len].to_vec()).is_none()));
        assert!(Known::new([&bytes[..], &[0]].concat()).is_none());
    }
}
