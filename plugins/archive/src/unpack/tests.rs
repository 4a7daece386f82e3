//! Hostile and odd archives, made byte by byte: what [`unpack`] must refuse, and what it must understand.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use tar::{EntryType, Header};
use zip::write::SimpleFileOptions;

use super::*;
use crate::testing::{Scratch, contents};

/// A tar under construction, whose headers may say anything.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    /// Adds an entry whose header says `size`, and `content` with its padding.
    fn raw(mut self, kind: u8, name: &[u8], target: &[u8], size: u64, content: &[u8]) -> Self {
        let mut header = Header::new_gnu();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name);
        old.linkname[..target.len()].copy_from_slice(target);
        header.set_entry_type(EntryType::new(kind));
        header.set_mode(0o644);
        header.set_size(size);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.raw(b'0', name.as_bytes(), b"", content.len() as u64, content.as_bytes())
    }

    fn folder(self, name: &str) -> Self {
        self.raw(b'5', name.as_bytes(), b"", 0, b"")
    }

    fn link(self, name: &str, target: &str) -> Self {
        self.raw(b'2', name.as_bytes(), target.as_bytes(), 0, b"")
    }

    fn hard_link(self, name: &str, target: &str) -> Self {
        self.raw(b'1', name.as_bytes(), target.as_bytes(), 0, b"")
    }

    /// Adds a pax header with these records.
    fn pax(self, kind: u8, records: &[u8]) -> Self {
        self.raw(kind, b"pax", b"", records.len() as u64, records)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&[0; 1024]);
        self.0
    }
}

fn tar() -> Tar {
    Tar::default()
}

/// A zip of stored files.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Replaces every occurrence of `from` in `bytes`.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    for at in 0..=out.len() - from.len() {
        if out[at..].starts_with(from) {
            out[at..at + to.len()].copy_from_slice(to);
        }
    }
    assert_ne!(out, bytes);
    out
}

/// What of a refused archive is outside of the folder that it was unpacked into.
fn assert_refused(archive: &[u8], reason: &str) {
    let mut scratch = Scratch::new();
    let error = scratch.refusal(archive);
    assert!(error.contains(reason), "{error} instead of {reason}");
    let outside: Vec<_> = contents(scratch.dir.path())
        .into_keys()
        .filter(|path| !path.starts_with("to") && !path.starts_with("out"))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    // Each way to say it, in both families.
    for name in ["../evil", "/evil", "a/../../evil", "a/..", ".."] {
        assert_refused(&tar().file("ok", "").file(name, "x").end(), "refused");
        assert_refused(&zip(&[("ok", b""), (name, b"x")]), "refused");
    }
    assert_refused(&tar().folder("../evil").end(), "`..`");
    assert_refused(&tar().pax(b'x', b"16 path=../evil\n").file("ok", "").end(), "`..`");
    assert_refused(
        &tar().raw(b'L', b"x", b"", 8, b"../evil\0").file("ok", "").end(),
        "`..`",
    );
}

#[test]
fn names_that_readers_take_differently_are_refused() {
    // Not UTF-8, NUL, empty, backslashes in a zip.
    assert_refused(&tar().raw(b'0', b"a\xff", b"", 0, b"").end(), "UTF-8");
    assert_refused(&tar().pax(b'x', b"12 path=a\0b\n").file("ok", "").end(), "NUL");
    assert_refused(&tar().file("", "x").end(), "empty");
    assert_refused(&tar().file(".", "x").end(), "no name");
    assert_refused(&replaced(&zip(&[("aXb", b"x")]), b"aXb", b"a\xffb"), "UTF-8");
    assert_refused(&replaced(&zip(&[("aXb", b"x")]), b"aXb", b"a\\b"), "`\\`");
    let mut scratch = Scratch::new();
    assert!(
        scratch
            .refusal(&tar().file("../\u{1b}[31m", "x").end())
            .contains("\\u{1b}")
    );
}

#[test]
fn links_that_leave_the_folder_are_refused() {
    // Absolute, upwards, and through another link; also when the link comes before what it leads through.
    assert_refused(&tar().link("evil", "/etc/passwd").end(), "absolute");
    assert_refused(&tar().link("a/evil", "../../x").end(), "leaves the folder");
    let through = tar().folder("d1/d2").link("d1/d2/s", "../..").link("t", "d1/d2/s/..");
    assert_refused(&through.end(), "leaves the folder");
    let through = tar().link("t", "d1/d2/s/..").link("d1/d2/s", "../..");
    assert_refused(&through.end(), "leaves the folder");
    assert_refused(&tar().link("a", "b").link("b", "a").end(), "circle");
    assert_refused(&tar().link("a", "").end(), "empty");
}

#[test]
fn nothing_is_written_through_a_link_of_the_archive() {
    // The classic: a link, then a file below it or in its place.
    assert_refused(&tar().link("d", "..").file("d/evil", "x").end(), "symbolic link");
    assert_refused(
        &tar().folder("in").link("d", "in").file("d/x", "x").end(),
        "symbolic link",
    );
    assert_refused(&tar().link("f", "other").file("f", "x").end(), "before it");
    assert_refused(&tar().link("d", "in").folder("d").end(), "symbolic link");
    assert_refused(&tar().link("d", "in").hard_link("d/x", "y").end(), "symbolic link");
}

#[test]
fn nothing_is_written_through_or_over_what_was_in_the_folder_before() {
    // A folder that an earlier step filled: its links are not followed, its files not replaced.
    let mut scratch = Scratch::new();
    scratch.write("to/kept", b"old");
    scratch.write("outside/x", b"");
    std::os::unix::fs::symlink("../outside", scratch.path("to/link")).unwrap();
    for (archive, reason) in [
        (tar().file("kept", "new").end(), "already"),
        (tar().link("kept", "new").end(), "already"),
        (tar().file("kept/below", "new").end(), "there before"),
        (tar().file("link/evil", "x").end(), "there before"),
        (tar().file("link", "x").end(), "already"),
        (tar().link("new", "link/x").end(), "there before"),
    ] {
        let error = scratch.refusal(&archive);
        assert!(error.contains(reason), "{error} instead of {reason}");
    }
    assert_eq!(std::fs::read(scratch.path("to/kept")).unwrap(), b"old");
    assert_eq!(contents(&scratch.path("outside")).len(), 1);
    scratch.write("out/archive", &tar().file("more", "x").end());
    scratch.unpack();
}

#[test]
fn entries_that_collide_are_refused() {
    // A file twice, a file as a folder, a folder as a file, in tar and zip.
    assert_refused(&tar().file("a", "1").file("./a", "2").end(), "before it");
    assert_refused(&tar().file("a", "1").file("a/b", "2").end(), "is a file");
    assert_refused(&tar().file("a/b", "1").file("a", "2").end(), "a folder is there");
    assert_refused(&tar().file("a/b", "1").link("a", "x").end(), "a folder is there");
    assert_refused(&replaced(&zip(&[("aa", b"1"), ("bb", b"2")]), b"bb", b"aa"), "twice");
    assert_refused(&zip(&[("a", b"1"), ("a/b", b"2")]), "is a file");
}

#[test]
fn hard_links_are_copies_of_files_before_them_and_nothing_else() {
    // Inside: a copy. Outside, to a folder, a link or something later: refused.
    let mut scratch = Scratch::new();
    scratch.write(
        "out/archive",
        &tar().file("d/a", "content").hard_link("b", "./d/a").end(),
    );
    let unpacked = scratch.unpack();
    assert_eq!((unpacked.files, unpacked.bytes), (2, 14));
    assert_eq!(std::fs::read(scratch.path("to/b")).unwrap(), b"content");
    for target in ["/etc/passwd", "../x", "later", "folder", "link", ""] {
        let archive = tar()
            .folder("folder")
            .link("link", "folder")
            .hard_link("b", target)
            .file("later", "");
        assert_refused(&archive.end(), "entry `b`");
    }
}

#[test]
fn devices_pipes_sparse_files_and_unknown_kinds_are_refused() {
    // Nothing is left out silently.
    for (kind, reason) in [
        (b'3', "device"),
        (b'4', "device"),
        (b'6', "pipe"),
        (b'S', "sparse"),
        (b'V', "unknown kind"),
    ] {
        assert_refused(&tar().raw(kind, b"x", b"", 0, b"").end(), reason);
    }
    let sparse = tar().pax(b'x', b"22 GNU.sparse.major=1\n").file("x", "");
    assert_refused(&sparse.end(), "sparse");
}

#[test]
fn sizes_on_which_readers_disagree_are_refused() {
    // A link or folder with a size shifts everything after it for some readers.
    for kind in [b'1', b'2', b'5'] {
        assert_refused(&tar().raw(kind, b"x", b"y", 512, &[b'a'; 512]).end(), "has a size");
    }
    let mut negative = tar().file("x", "").end();
    negative[124..136].fill(0xff);
    let sum: u32 = (0..512)
        .map(|at| {
            if (148..156).contains(&at) {
                32
            } else {
                u32::from(negative[at])
            }
        })
        .sum();
    negative[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_refused(&negative, "negative");
}

#[test]
fn damaged_and_cut_archives_are_refused() {
    // A cut at every block border and beside it; a flipped bit in a header; something behind the end; no end.
    let whole = tar().folder("d").file("d/x", &"y".repeat(700)).end();
    for cut in (1..whole.len() - 1024).filter(|cut| cut % 256 < 2) {
        assert_refused(&whole[..cut], "refused");
    }
    assert_refused(&whole[..whole.len() - 1024], "end marker");
    assert_refused(&[&whole[..], b"rest"].concat(), "behind its end");
    let mut flipped = whole.clone();
    flipped[600] ^= 1;
    assert_refused(&flipped, "checksum");
    assert_refused(b"", "is no tar");
    assert_refused(b"hello", "is no tar");
    let mut scratch = Scratch::new();
    scratch.write("out/archive", &whole[..whole.len() - 512]);
    assert_eq!(scratch.unpack().files, 1);
}

#[test]
fn damaged_zips_are_refused() {
    // Cuts, a wrong checksum, and local headers that contradict the directory.
    let whole = zip(&[("one", b"content"), ("two", b"more")]);
    for cut in 1..whole.len() {
        let mut scratch = Scratch::new();
        scratch.refusal(&whole[..cut]);
    }
    assert_refused(&replaced(&whole, b"content", b"CONTENT"), "damaged");
    let mut contradicting = whole.clone();
    contradicting[30..33].copy_from_slice(b"evi");
    assert_refused(&contradicting, "inconsisten");
}

#[test]
fn zip_entries_of_other_kinds_are_refused() {
    // A link that leaves, and a device by its Unix mode.
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    writer
        .add_symlink("evil", "../../x", SimpleFileOptions::default())
        .unwrap();
    let link = writer.finish().unwrap().into_inner();
    assert_refused(&link, "leaves the folder");
    // S_IFLNK (0o120) becomes S_IFBLK (0o060) in the external attributes.
    assert_refused(&replaced(&link, &[0xff, 0xa1], &[0xff, 0x61]), "device");
}

#[test]
fn bombs_end_at_the_limits() {
    // Declared and real sizes, entries and names, each against a small limit.
    let small = Limits {
        bytes: 1000,
        entries: 10,
        name_bytes: 200,
    };
    let large = "z".repeat(600);
    let many: Vec<(String, &[u8])> = (0..11).map(|n| (n.to_string(), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(name, content)| (name.as_str(), *content)).collect();
    let tar_many = (0..11).fold(tar(), |tar, n| tar.file(&n.to_string(), ""));
    for (archive, reason) in [
        (tar().file("a", &large).file("b", &large).end(), "more than 1000 bytes"),
        (
            tar().file("a", &large).hard_link("b", "a").end(),
            "more than 1000 bytes",
        ),
        (
            tar().raw(b'0', b"huge", b"", 1 << 40, b"x").end(),
            "more than 1000 bytes",
        ),
        (
            zip(&[("a", large.as_bytes()), ("b", large.as_bytes())]),
            "more than 1000 bytes",
        ),
        (tar_many.end(), "more than 10 entries"),
        (zip(&many), "more than 10 entries"),
        (
            tar()
                .file(&"n/".repeat(40), "")
                .file(&format!("{}x", "m/".repeat(40)), "")
                .end(),
            "bytes of names",
        ),
        (
            tar().end().into_iter().chain([0; 100_000]).collect(),
            "longer than the bound",
        ),
    ] {
        let mut scratch = Scratch::new();
        scratch.write("out/archive", &archive);
        let error = scratch.try_unpack(0, small).unwrap_err();
        assert!(error.contains(reason), "{error} instead of {reason}");
    }
    let names = tar().raw(b'L', b"x", b"", 1 << 30, b"x").end();
    assert_refused(&names, "bytes of names for one entry");
}

#[test]
fn strip_takes_leading_folders_off_and_never_drops_a_file() {
    // What has no name left is an error unless it is a folder.
    let archive = tar()
        .folder("top")
        .file("top/a", "1")
        .hard_link("top/b", "top/a")
        .file("other/c", "2")
        .end();
    let mut scratch = Scratch::new();
    scratch.write("out/archive", &archive);
    scratch.try_unpack(1, Limits::default()).unwrap();
    assert_eq!(
        contents(&scratch.path("to")).into_keys().collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    let mut scratch = Scratch::new();
    scratch.write("out/archive", &archive);
    assert!(
        scratch
            .try_unpack(2, Limits::default())
            .unwrap_err()
            .contains("`strip`")
    );
}

#[test]
fn dialects_of_tar_are_understood() {
    // A git archive's global header, GNU long names and targets, pax names, v7 folders, `./` names, a self entry.
    let long = "l".repeat(200);
    let record = format!("path=x/{long}\n");
    let record = format!("{} {record}", record.len() + 4);
    let archive = tar()
        .pax(b'g', b"52 comment=0123456789012345678901234567890123456789\n")
        .folder("./")
        .raw(b'L', b"././@LongLink", b"", 201, format!("{long}\0").as_bytes())
        .file("cut", "gnu")
        .raw(b'K', b"././@LongLink", b"", 201, format!("{long}\0").as_bytes())
        .link("gnu-link", "cut")
        .pax(b'x', record.as_bytes())
        .raw(0, b"cut", b"", 3, b"pax")
        .raw(0, b"v7/", b"", 0, b"")
        .file("./plain", "")
        .end();
    let mut scratch = Scratch::new();
    scratch.write("out/archive", &archive);
    scratch.unpack();
    let found = contents(&scratch.path("to"));
    assert_eq!(found[&long], ("file", b"gnu".to_vec()));
    assert_eq!(found["gnu-link"], ("link", long.clone().into_bytes()));
    assert_eq!(found[&format!("x/{long}")], ("file", b"pax".to_vec()));
    assert_eq!(found["v7"].0, "folder");
    assert_eq!(found.len(), 6);
}

#[test]
fn malformed_pax_records_are_refused() {
    // Lengths that lie, and records of the whole archive that name one path.
    for records in [
        &b"99 path=a\n"[..],
        b"0 path=a\n",
        b"8 path=a\n",
        b"x path=a\n",
        b"7 path\n",
        b"14 size=notnum\n",
    ] {
        assert_refused(&tar().pax(b'x', records).file("ok", "").end(), "pax record");
    }
    assert_refused(&tar().pax(b'g', b"9 path=a\n").file("ok", "").end(), "global pax");
    assert_refused(&tar().pax(b'x', b"9 path=a\n").end(), "announced");
}
