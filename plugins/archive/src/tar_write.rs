//! A tar as a stream that is read: headers, contents and padding one after the other, so that any encoder can pull it
//! and no file is ever held whole. Headers are POSIX ustar; a name, target or size that does not fit gets a pax record.
//! It writes no owners, no device numbers and one time for all.

use std::fs::File;
use std::io::{self, Read};

use tar::{EntryType, Header};

use crate::Error;
use crate::tree::{Kind, Node};

/// The size of a tar block.
const BLOCK: usize = 512;

/// The largest size that the eleven octal digits of a ustar header can say.
const MAX_USTAR_SIZE: u64 = 0o777_7777_7777;

/// The first time in seconds that the eleven octal digits of a ustar header cannot say.
pub(crate) const MTIME_END: u64 = 1 << 33;

/// The tar of some nodes.
pub(crate) struct TarStream<'a> {
    nodes: std::slice::Iter<'a, Node>,
    mtime: u64,
    /// Bytes that are ready to be read, and how many of them were.
    ready: Vec<u8>,
    taken: usize,
    /// The file whose content comes next, and how much of it is left.
    content: Option<(File, &'a Node, u64)>,
    /// Zeros that follow the content.
    padding: usize,
    ended: bool,
    /// Called with the number of content bytes whenever some were read.
    on_content: &'a mut dyn FnMut(u64),
}

impl<'a> TarStream<'a> {
    /// The tar of `nodes`, all of the time `mtime` (below [`MTIME_END`]).
    pub(crate) fn new(nodes: &'a [Node], mtime: u64, on_content: &'a mut dyn FnMut(u64)) -> Self {
        let nodes = nodes.iter();
        Self {
            nodes,
            mtime,
            ready: Vec::new(),
            taken: 0,
            content: None,
            padding: 0,
            ended: false,
            on_content,
        }
    }

    /// Gets the next bytes ready. False at the end of the archive.
    fn advance(&mut self) -> Result<bool, Error> {
        self.ready.clear();
        self.taken = 0;
        if self.padding > 0 {
            self.ready.resize(self.padding, 0);
            self.padding = 0;
        } else if let Some(node) = self.nodes.next() {
            append_headers(&mut self.ready, node, self.mtime);
            if let Kind::File { size: size @ 1.., .. } = node.kind {
                let file = File::open(&node.path).map_err(|error| Error::io("open", &node.path, error))?;
                self.content = Some((file, node, size));
                // The remainder of a block's size fits any integer.
                self.padding = (BLOCK - (size % BLOCK as u64) as usize) % BLOCK;
            }
        } else if !self.ended {
            self.ended = true;
            self.ready.resize(2 * BLOCK, 0);
        }
        Ok(!self.ready.is_empty())
    }
}

impl Read for TarStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.taken < self.ready.len() {
                let count = buffer.len().min(self.ready.len() - self.taken);
                buffer[..count].copy_from_slice(&self.ready[self.taken..self.taken + count]);
                self.taken += count;
                return Ok(count);
            }
            if let Some((file, node, left)) = &mut self.content {
                let wanted = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let count = file
                    .read(&mut buffer[..wanted])
                    .map_err(|e| Error::io("read", &node.path, e).into_io())?;
                if count == 0 {
                    let path = node.path.display().to_string();
                    let problem = format!("it is {left} bytes shorter than when it was listed");
                    return Err(Error::Unpackable { path, problem }.into_io());
                }
                *left -= count as u64;
                if *left == 0 {
                    self.content = None;
                }
                (self.on_content)(count as u64);
                return Ok(count);
            }
            if !self.advance().map_err(Error::into_io)? {
                return Ok(0);
            }
        }
    }
}

/// Appends the header blocks of one node: its ustar header, before it pax records when they are needed.
fn append_headers(out: &mut Vec<u8>, node: &Node, mtime: u64) {
    let mut name = node.name.clone();
    let (kind, mode, size, target) = match &node.kind {
        Kind::Directory => {
            name.push('/');
            (EntryType::Directory, 0o755, 0, "")
        }
        Kind::File { size, executable } => (EntryType::Regular, if *executable { 0o755 } else { 0o644 }, *size, ""),
        Kind::Symlink { target } => (EntryType::Symlink, 0o777, 0, target.as_str()),
    };
    let mut header = blank_header(kind, mode, mtime);
    let mut records = Vec::new();
    if !set_name(&mut header, &name) {
        append_record(&mut records, "path", &name);
    }
    if let Some(ustar) = header.as_ustar_mut() {
        let fits = target.len().min(ustar.linkname.len());
        ustar.linkname[..fits].copy_from_slice(&target.as_bytes()[..fits]);
        if fits < target.len() {
            append_record(&mut records, "linkpath", target);
        }
    }
    if size > MAX_USTAR_SIZE {
        append_record(&mut records, "size", &size.to_string());
        header.set_size(MAX_USTAR_SIZE);
    } else {
        header.set_size(size);
    }
    if !records.is_empty() {
        let mut extension = blank_header(EntryType::XHeader, 0o644, mtime);
        set_name(&mut extension, "pax");
        extension.set_size(records.len() as u64);
        append_block(out, &mut extension);
        records.resize(records.len().next_multiple_of(BLOCK), 0);
        out.append(&mut records);
    }
    append_block(out, &mut header);
}

fn blank_header(kind: EntryType, mode: u32, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(0);
    header
}

fn append_block(out: &mut Vec<u8>, header: &mut Header) {
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
}

/// Puts `name` into the header's name field, or into its prefix and name fields. False when it fits neither way: the
/// field then holds what fits of its start, for readers that know no pax records.
fn set_name(header: &mut Header, name: &str) -> bool {
    let Some(ustar) = header.as_ustar_mut() else {
        return false;
    };
    let bytes = name.as_bytes();
    if bytes.len() <= ustar.name.len() {
        ustar.name[..bytes.len()].copy_from_slice(bytes);
        return true;
    }
    // The first `/` that leaves a name short enough; what is before it must fit the prefix.
    let earliest = bytes.len() - ustar.name.len() - 1;
    let split = (earliest..bytes.len().saturating_sub(1)).find(|at| bytes[*at] == b'/');
    if let Some(at) = split.filter(|at| (1..=ustar.prefix.len()).contains(at)) {
        ustar.prefix[..at].copy_from_slice(&bytes[..at]);
        ustar.name[..bytes.len() - at - 1].copy_from_slice(&bytes[at + 1..]);
        return true;
    }
    let mut fits = ustar.name.len();
    while !name.is_char_boundary(fits) {
        fits -= 1;
    }
    ustar.name[..fits].copy_from_slice(&bytes[..fits]);
    false
}

/// Appends one pax record, `LENGTH KEY=VALUE\n`, whose length counts its own digits.
fn append_record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::tar_read::{EntryKind, TarReader};

    /// The header blocks of a node with these properties, read back.
    fn read_back(name: &str, kind: Kind) -> (String, u64, EntryKind, usize) {
        let node = Node {
            name: name.to_owned(),
            path: name.into(),
            kind,
        };
        let mut blocks = Vec::new();
        append_headers(&mut blocks, &node, 0);
        let count = blocks.len() / BLOCK;
        let entry = TarReader::new(&blocks[..]).next_entry().unwrap().unwrap();
        (String::from_utf8(entry.name).unwrap(), entry.size, entry.kind, count)
    }

    #[test]
    fn names_of_every_length_are_read_back_as_they_were() {
        // Around each border: the name field (100), prefix and name (256), and beyond, with and without a `/` in reach.
        for length in [1, 99, 100, 101, 154, 155, 156, 157, 254, 255, 256, 257, 300, 4000] {
            for piece in [
                "a",
                "ä",
                "aaaaaaaaa/",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/",
            ] {
                let mut name: String = piece.repeat(length).chars().take(length).collect();
                name = name.trim_end_matches('/').to_owned();
                let (read, ..) = read_back(
                    &name,
                    Kind::File {
                        size: 0,
                        executable: false,
                    },
                );
                assert_eq!(read, name);
                let (read, _, kind, _) = read_back(&name, Kind::Directory);
                assert_eq!((read, kind), (format!("{name}/"), EntryKind::Directory));
            }
        }
    }

    #[test]
    fn a_name_that_fits_the_ustar_fields_costs_no_pax_record() {
        // 155 + `/` + 100 is the most that ustar can say.
        let longest = format!("{}/{}", "p".repeat(155), "n".repeat(100));
        assert_eq!(
            read_back(
                &longest,
                Kind::File {
                    size: 0,
                    executable: false
                }
            )
            .3,
            1
        );
        let longer = format!("{}/{}", "p".repeat(156), "n".repeat(100));
        assert_eq!(
            read_back(
                &longer,
                Kind::File {
                    size: 0,
                    executable: false
                }
            )
            .3,
            3
        );
    }

    #[test]
    fn sizes_beyond_eight_gibibytes_are_read_back_as_they_were() {
        // The last size of ustar, the first beyond it, and the largest there is.
        for (size, blocks) in [(MAX_USTAR_SIZE, 1), (MAX_USTAR_SIZE + 1, 3), (u64::MAX, 3)] {
            let (_, read, _, count) = read_back(
                "big",
                Kind::File {
                    size,
                    executable: false,
                },
            );
            assert_eq!((read, count), (size, blocks));
        }
    }

    #[test]
    fn long_link_targets_are_read_back_as_they_were() {
        // Around the border of the link name field.
        for length in [1, 100, 101, 1000] {
            let target = "t".repeat(length);
            let (_, _, kind, _) = read_back("link", Kind::Symlink { target: target.clone() });
            assert_eq!(kind, EntryKind::Symlink(target.into_bytes()));
        }
    }
}
