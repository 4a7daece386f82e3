//! What the tests of this crate share: a host that remembers, and a tree with one of everything. Tests only.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::{Format, Host, Level, Limits, PackOptions, Packed, UnpackOptions, Unpacked};

/// The formats, all of them.
pub(crate) const FORMATS: [Format; 4] = [Format::Tar, Format::TarGz, Format::TarZst, Format::Zip];

/// A host that remembers what it was told.
#[derive(Default)]
pub(crate) struct Remembering {
    pub(crate) lines: Vec<(Level, String)>,
    pub(crate) executable: Vec<PathBuf>,
    pub(crate) progress: Vec<(u64, u64)>,
    pub(crate) finished: bool,
}

impl Host for Remembering {
    fn log(&mut self, level: Level, message: &str, _: &[(&str, String)]) {
        self.lines.push((level, message.to_owned()));
    }
    fn progress(&mut self, _: &str, done: u64, total: u64) {
        self.progress.push((done, total));
    }
    fn finish(&mut self, _: &str) {
        self.finished = true;
    }
    fn set_executable(&mut self, path: &Path) -> Result<(), String> {
        self.executable.push(path.to_owned());
        Ok(())
    }
}

/// A folder for one test.
pub(crate) struct Scratch {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) host: Remembering,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            host: Remembering::default(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, and the folders that it needs.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Makes the folder `src` with one of everything that an archive must keep.
    pub(crate) fn sample_tree(&self) {
        self.write("src/README.md", b"hello\n");
        self.write("src/empty", b"");
        self.write("src/bin/tool.sh", b"#!/bin/sh\n");
        self.write("src/b-before-slash", b"b");
        self.write("src/b/inner", b"i");
        self.write("src/large", &b"0123456789abcdef".repeat(40_000));
        self.write("src/block", &[7; 512]);
        self.write("src/n\u{e4}me with space", b"x");
        self.write(&format!("src/{}/{}", "d".repeat(120), "f".repeat(130)), b"long");
        self.write(&format!("src/{}/{}", "e".repeat(200), "f".repeat(200)), b"longer");
        fs::create_dir_all(self.path("src/hollow/inside")).unwrap();
        symlink("README.md", self.path("src/link")).unwrap();
        symlink("../bin/tool.sh", self.path("src/b/up")).unwrap();
        symlink(format!("{}/none", "t".repeat(150)), self.path("src/dangling")).unwrap();
    }

    pub(crate) fn try_pack(&mut self, options: PackOptions) -> Result<Packed, String> {
        crate::pack(&options, &mut self.host).map_err(|error| error.to_string())
    }

    /// Packs `src` into `out/archive` in this format.
    pub(crate) fn pack(&mut self, format: Format) -> Packed {
        let (from, to) = (self.text("src"), self.text("out/archive"));
        self.try_pack(PackOptions {
            from,
            to,
            format: Some(format),
            ..PackOptions::default()
        })
        .unwrap()
    }

    pub(crate) fn try_unpack(&mut self, strip: u32, limits: Limits) -> Result<Unpacked, String> {
        let (archive, to) = (self.text("out/archive"), self.text("to"));
        let options = UnpackOptions {
            archive,
            to,
            strip,
            limits,
            format: None,
        };
        crate::unpack(&options, &mut self.host).map_err(|error| error.to_string())
    }

    /// Unpacks `out/archive` into `to`.
    pub(crate) fn unpack(&mut self) -> Unpacked {
        self.try_unpack(0, Limits::default()).unwrap()
    }

    /// Unpacks these bytes into `to`; returns the error.
    pub(crate) fn refusal(&mut self, archive: &[u8]) -> String {
        self.write("out/archive", archive);
        self.try_unpack(0, Limits::default()).unwrap_err()
    }
}

/// Everything below a folder: path to what is there, as text and bytes.
pub(crate) fn contents(root: &Path) -> BTreeMap<String, (&'static str, Vec<u8>)> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, (&'static str, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_symlink() {
                let target = fs::read_link(&path).unwrap().to_str().unwrap().as_bytes().to_vec();
                found.insert(name, ("link", target));
            } else if metadata.is_dir() {
                found.insert(name, ("folder", Vec::new()));
                walk(&path, root, found);
            } else {
                found.insert(name, ("file", fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}
