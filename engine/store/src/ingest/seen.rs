//! What an ingest has seen of a folder, kept so that the next one need not read it again: the stat cache. It never leaves the
//! machine. Not here: comparing and walking.

use airtight_model::{BlobDigest, Canonical, DecodeError, Decoder, Encoder, TreeDigest};
use rustix::fs::Stat;

/// What tells that a file is the same as before: where it is, how long, and when it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    mode: u32,
    /// Nanoseconds since 1970.
    mtime: i128,
    ctime: i128,
}

/// A file system that tells whole seconds may have a granularity of two; others, that of the kernel's clock.
const COARSE: i128 = 2_000_000_000;
const FINE: i128 = 20_000_000;

impl Stamp {
    pub(crate) fn of(stat: &Stat) -> Self {
        let nanos = |seconds: i64, nanos: i128| i128::from(seconds) * 1_000_000_000 + nanos;
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
        let coarse = self.mtime % 1_000_000_000 == 0 && self.ctime % 1_000_000_000 == 0;
        self.mtime.max(self.ctime) + if coarse { COARSE } else { FINE } < began
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
        out.raw(&mtime.to_le_bytes()[..12]);
        out.raw(&ctime.to_le_bytes()[..12]);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let (dev, ino) = (Canonical::decode(from)?, Canonical::decode(from)?);
        let (size, mode) = (Canonical::decode(from)?, Canonical::decode(from)?);
        Ok(Self {
            dev,
            ino,
            size,
            mode,
            mtime: nanos(from.array()?),
            ctime: nanos(from.array()?),
        })
    }
}

/// The 12 low bytes of a count of nanoseconds, which are enough for ten thousand times the age of the universe.
fn nanos(bytes: [u8; 12]) -> i128 {
    let sign = if bytes[11] & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [sign; 16];
    whole[..12].copy_from_slice(&bytes);
    i128::from_le_bytes(whole)
}

/// What a name stood for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    File(Stamp, BlobDigest),
    Link(Stamp, String),
    Folder(TreeDigest),
}

impl Canonical for Seen {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::File(stamp, blob) => (out.uint(0), stamp.encode(out), blob.encode(out)).2,
            Self::Link(stamp, target) => (out.uint(1), stamp.encode(out), target.encode(out)).2,
            Self::Folder(tree) => (out.uint(2), tree.encode(out)).1,
        }
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match from.uint()? {
            0 => Self::File(Canonical::decode(from)?, Canonical::decode(from)?),
            1 => Self::Link(Canonical::decode(from)?, Canonical::decode(from)?),
            2 => Self::Folder(Canonical::decode(from)?),
            _ => return Err(from.invalid("an unknown ordinal of Seen")),
        })
    }
}

/// What was seen of a folder. Kept as a record under the source and the folder's path in it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// What is in it and was not left out, ascending by name.
    pub(crate) entries: Vec<(String, Seen)>,
}

impl Canonical for SeenFolder {
    fn encode(&self, out: &mut Encoder) {
        let Self {
            generation,
            began,
            rules,
            stamp,
            tree,
            entries,
        } = self;
        out.raw(&generation.to_le_bytes());
        out.raw(&began.to_le_bytes()[..12]);
        out.raw(rules);
        stamp.encode(out);
        tree.encode(out);
        entries.encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let generation = u64::from_le_bytes(from.array()?);
        let (began, rules) = (nanos(from.array()?), from.array()?);
        let (stamp, tree) = (Canonical::decode(from)?, Canonical::decode(from)?);
        Ok(Self {
            generation,
            began,
            rules,
            stamp,
            tree,
            entries: Canonical::decode(from)?,
        })
    }
}
