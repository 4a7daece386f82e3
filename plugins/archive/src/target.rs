//! The folder that an archive is unpacked into. All rules about what an untrusted archive may make are here, for every
//! format: nothing is written through a link or over something, links stay inside and come last, and everything is
//! counted. It knows no format.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::compress::{CHUNK, fill};
use crate::unpack::{Limits, Unpacked};
use crate::{Error, Host, name};

/// What was made, or found, at a path below the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Directory,
    File { executable: bool },
    Symlink,
}

/// The folder to unpack into, and what was put there so far.
pub(crate) struct Target<'a> {
    root: PathBuf,
    host: &'a mut dyn Host,
    limits: Limits,
    /// By path below the root.
    made: BTreeMap<String, Made>,
    /// The links to make at the end, with their targets: until then no path can lead through one.
    links: BTreeMap<String, String>,
    entries: u64,
    name_bytes: u64,
    counts: Unpacked,
    chunk: Vec<u8>,
}

impl<'a> Target<'a> {
    /// Starts to unpack into the folder `root`, which is made when it is missing.
    pub(crate) fn new(root: &Path, limits: Limits, host: &'a mut dyn Host) -> Result<Self, Error> {
        fs::create_dir_all(root).map_err(|error| Error::io("make the folder", root, error))?;
        Ok(Self {
            root: root.to_owned(),
            host,
            limits,
            made: BTreeMap::new(),
            links: BTreeMap::new(),
            entries: 0,
            name_bytes: 0,
            counts: Unpacked::default(),
            chunk: vec![0; CHUNK],
        })
    }

    /// Shows how far the archive is read.
    pub(crate) fn progress(&mut self, done: u64, total: u64) {
        self.host.progress(crate::unpack::TASK, done, total);
    }

    /// Makes a folder; one that is there already is fine.
    pub(crate) fn directory(&mut self, raw: &[u8], strip: usize) -> Result<(), Error> {
        let parts = self.admit(raw)?;
        let path = parts.get(strip..).unwrap_or_default().join("/");
        if path.is_empty() {
            return Ok(());
        }
        self.make_folders(raw, &path)
    }

    /// Writes a file of `size` bytes from `content`.
    pub(crate) fn file(
        &mut self,
        raw: &[u8],
        strip: usize,
        size: u64,
        executable: bool,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        let path = self.place(raw, strip)?;
        if size > self.limits.bytes - self.counts.bytes {
            return Err(self.too_large(raw));
        }
        let full = self.root.join(&path);
        let mut file = self.create(raw, &full)?;
        let mut written = 0;
        loop {
            let count = fill(content, &mut self.chunk).map_err(|error| content_failed(raw, error))?;
            written += count as u64;
            if written > size {
                return Err(Error::entry(
                    raw,
                    format!("it unpacks to more than the {size} bytes that it says"),
                ));
            }
            file.write_all(&self.chunk[..count])
                .map_err(|error| Error::io("write", &full, error))?;
            if count < self.chunk.len() {
                break;
            }
        }
        if written < size {
            return Err(Error::entry(
                raw,
                format!("it unpacks to {written} of the {size} bytes that it says"),
            ));
        }
        self.file_made(raw, path, written, executable)
    }

    /// Copies the file that the archive calls `target`: the hard link of a tar.
    pub(crate) fn hard_link(&mut self, raw: &[u8], strip: usize, target: &[u8]) -> Result<(), Error> {
        let path = self.place(raw, strip)?;
        let parts = name::entry_parts(target).map_err(|problem| Error::entry(raw, format!("its target: {problem}")))?;
        let from = parts.get(strip..).unwrap_or_default().join("/");
        let Some(Made::File { executable }) = self.made.get(&from).copied() else {
            return Err(Error::entry(
                raw,
                "it is a hard link to what is no file before it in the archive",
            ));
        };
        let source = self.root.join(&from);
        let mut content = File::open(&source).map_err(|error| Error::io("open", &source, error))?;
        let size = content
            .metadata()
            .map_err(|error| Error::io("read", &source, error))?
            .len();
        if size > self.limits.bytes - self.counts.bytes {
            return Err(self.too_large(raw));
        }
        let full = self.root.join(&path);
        let mut copy = self.create(raw, &full)?;
        crate::compress::copy(&mut content, &mut copy).map_err(|error| Error::io("write", &full, error))?;
        self.file_made(raw, path, size, executable)
    }

    /// Notes a symbolic link, to be made at the end.
    pub(crate) fn symlink(&mut self, raw: &[u8], strip: usize, target: &[u8]) -> Result<(), Error> {
        let path = self.place(raw, strip)?;
        let target = name::link_target(target)
            .map_err(|problem| Error::entry(raw, problem))?
            .to_owned();
        if fs::symlink_metadata(self.root.join(&path)).is_ok() {
            return Err(Error::entry(raw, "something is there already"));
        }
        self.made.insert(path.clone(), Made::Symlink);
        self.links.insert(path, target);
        Ok(())
    }

    /// Checks all links against each other, makes them and returns the counts.
    pub(crate) fn finish(self) -> Result<Unpacked, Error> {
        let Self {
            root,
            made,
            links,
            mut counts,
            ..
        } = self;
        // A path that the archive made is passable; so is what does not exist. A link that was in the folder before is
        // not: nobody knows where it leads.
        let mut passable = |path: &str| {
            made.contains_key(path)
                || fs::symlink_metadata(root.join(path)).is_ok_and(|metadata| !metadata.is_symlink())
                || fs::symlink_metadata(root.join(path)).is_err()
        };
        for path in links.keys() {
            name::check_link(path, &links, &mut passable).map_err(|problem| Error::entry(path.as_bytes(), problem))?;
        }
        for (path, target) in &links {
            let full = root.join(path);
            make_link(target, &full).map_err(|error| Error::io("make the link", &full, error))?;
            counts.symlinks += 1;
        }
        Ok(counts)
    }

    /// Counts an entry and checks its name.
    fn admit<'n>(&mut self, raw: &'n [u8]) -> Result<Vec<&'n str>, Error> {
        let parts = name::entry_parts(raw).map_err(|problem| Error::entry(raw, problem))?;
        self.entries += 1;
        self.name_bytes += raw.len() as u64;
        if self.entries > self.limits.entries || self.name_bytes > self.limits.name_bytes {
            return Err(Error::Archive(format!(
                "it has more than {} entries, or more than {} bytes of names",
                self.limits.entries, self.limits.name_bytes
            )));
        }
        Ok(parts)
    }

    /// The path for an entry that is no folder, whose folders are made and at which nothing is yet.
    fn place(&mut self, raw: &[u8], strip: usize) -> Result<String, Error> {
        let parts = self.admit(raw)?;
        let path = parts.get(strip..).unwrap_or_default().join("/");
        if path.is_empty() {
            let problem = if strip == 0 {
                "it has no name"
            } else {
                "`strip` takes its whole name; lower it"
            };
            return Err(Error::entry(raw, problem));
        }
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.make_folders(raw, folder)?;
        }
        match self.made.get(&path) {
            None => Ok(path),
            Some(Made::Directory) => Err(Error::entry(raw, "a folder is there already")),
            Some(_) => Err(Error::entry(raw, "the archive has something of that name before it")),
        }
    }

    /// Makes the folder `path` and those above it, unless they are there.
    fn make_folders(&mut self, raw: &[u8], path: &str) -> Result<(), Error> {
        if self.made.get(path) == Some(&Made::Directory) {
            return Ok(());
        }
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let folder = &path[..end];
            match self.made.get(folder) {
                Some(Made::Directory) => continue,
                Some(Made::File { .. }) => return Err(Error::entry(raw, format!("`{folder}` is a file"))),
                Some(Made::Symlink) => return Err(Error::entry(raw, format!("`{folder}` is a symbolic link"))),
                None => {}
            }
            let full = self.root.join(folder);
            match fs::symlink_metadata(&full) {
                Ok(found) if found.is_dir() => {}
                Ok(found) => {
                    let kind = if found.is_symlink() { "symbolic link" } else { "file" };
                    return Err(Error::entry(
                        raw,
                        format!("`{folder}` is a {kind} that was there before"),
                    ));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir(&full).map_err(|error| Error::io("make the folder", &full, error))?;
                    self.counts.directories += 1;
                }
                Err(error) => return Err(Error::io("read", &full, error)),
            }
            self.name_bytes += folder.len() as u64;
            self.made.insert(folder.to_owned(), Made::Directory);
        }
        Ok(())
    }

    /// Creates a file where nothing is, not even a link.
    fn create(&self, raw: &[u8], full: &Path) -> Result<File, Error> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(full)
            .map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => Error::entry(raw, "something is there already"),
                _ => Error::io("create", full, error),
            })
    }

    fn file_made(&mut self, raw: &[u8], path: String, bytes: u64, executable: bool) -> Result<(), Error> {
        if executable {
            let full = self.root.join(&path);
            self.host
                .set_executable(&full)
                .map_err(|problem| Error::entry(raw, format!("it cannot be marked executable: {problem}")))?;
        }
        self.made.insert(path, Made::File { executable });
        self.counts.files += 1;
        self.counts.bytes += bytes;
        Ok(())
    }

    fn too_large(&self, raw: &[u8]) -> Error {
        Error::entry(
            raw,
            format!("with it, the archive unpacks to more than {} bytes", self.limits.bytes),
        )
    }
}

/// A failure to read an entry's content: its decoder's, a limit's or the system's.
fn content_failed(raw: &[u8], error: io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(own) => own,
        Err(error) => Error::entry(raw, format!("its content is damaged or cut short: {error}")),
    }
}

/// `soft_link` is deprecated for Windows' sake; it is the one function that makes a link on every target.
#[expect(deprecated)]
fn make_link(target: &str, full: &Path) -> io::Result<()> {
    fs::soft_link(target, full)
}
