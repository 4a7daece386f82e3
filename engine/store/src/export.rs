//! Export: a node of the store becomes a file or folder of the user's tree, all of it or none. The only code that writes
//! outside of the store. Not here: which outputs are exported.

mod beside;

use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use airtight_model::{Canonical, Node, TreeDigest};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use rustix::fs::{Mode, OFlags};

use crate::cache::MAX_TREE_DEPTH;
use crate::driver::Kind;
use crate::error::StoreError;
use crate::ingest::{Excludes, IngestRequest, Sink, escapes};
use crate::store::Store;
use beside::{Beside, NEW};

/// Up to so many files are synced one by one; more, by syncing the file system once.
const MAX_SYNCED: u64 = 64;

/// What an export did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// Whether anything was written: not when exactly that is there already.
    pub written: bool,
    /// How many files and links it has.
    pub files: u64,
}

/// Why an export was not done. What was there before is there still.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The path is no place below the pipeline file's folder.
    #[error("`{to}` is no path below the pipeline's folder")]
    Path {
        /// The path that was given.
        to: String,
    },
    /// The operating system refused an operation, or a link on the way leads out of the pipeline file's folder.
    #[error("cannot {verb} `{path}`: {source}")]
    Io {
        /// What was tried.
        verb: &'static str,
        /// Where, below the pipeline file's folder.
        path: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A symbolic link of the output leads out of it.
    #[error("the symbolic link `{path}` leads out of the output (its target is `{target}`)")]
    Link {
        /// Its path in the output.
        path: String,
        /// Its target.
        target: String,
    },
    /// An entry that git would take for a repository of its own, with configuration that names programs to run.
    #[error("the output holds `{path}`, which git would take for a repository")]
    Repository {
        /// Its path in the output.
        path: String,
    },
}

impl ExportError {
    /// The stable code of a diagnostic of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Path { .. } => "S0040",
            Self::Io { .. } => "S0041",
            Self::Link { .. } => "S0042",
            Self::Repository { .. } => "S0043",
        }
    }

    /// What mends it, if that can be said.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.help(),
            Self::Path { .. } => Some("write a relative path without `..`, for example `dist/app`".to_owned()),
            Self::Io { .. } => None,
            Self::Link { .. } => Some("let the step write the file itself in place of the link".to_owned()),
            Self::Repository { .. } => Some("let the step leave it out, or export what is beside it".to_owned()),
        }
    }
}

/// A place that is written to, below the pipeline file's folder.
#[derive(Debug)]
struct Target {
    /// The folder that it is in.
    parent: Dir,
    name: String,
    /// The whole path, for messages.
    shown: String,
}

impl Target {
    fn failed(&self, verb: &'static str) -> impl Fn(io::Error) -> ExportError {
        move |source| ExportError::Io {
            verb,
            path: self.shown.clone(),
            source,
        }
    }
}

impl Store {
    /// Makes `to`, a path below the folder `root`, exactly what `node` is: files 0644 or 0755, nothing else in a folder. It is
    /// replaced at once when all of it is written and synced; when exactly that is there already, nothing is written.
    ///
    /// # Errors
    /// A blob is lost, the disk is full, a link leads out, or something in the way cannot be replaced.
    pub fn export(&self, node: &Node, root: &Path, to: &str) -> Result<Exported, ExportError> {
        let names = names_of(to)?;
        let files = self.check_export(node, node, "", 0)?;
        if let Some(folder) = self.where_exported(node, root, to) {
            // A process that was killed once what it wrote was in place may have left what was there before.
            if beside::has_left_over(&folder, to) {
                beside::remove_left_over(&open_target(root, names, to)?);
            }
            self.record_export(node, root, to)?;
            return Ok(Exported { written: false, files });
        }
        let target = open_target(root, names, to)?;
        let beside = Beside::take(&target).map_err(target.failed("create"))?;
        self.write_node(node, &beside.folder, NEW, files <= MAX_SYNCED)
            .map_err(|error| error.shown(&target))?;
        if files > MAX_SYNCED {
            let synced = open_to_sync(&target.parent).and_then(|file| Ok(rustix::fs::syncfs(file)?));
            synced.map_err(target.failed("sync"))?;
        }
        beside.replace()?;
        drop(beside);
        beside::remove_left_over(&target);
        open_to_sync(&target.parent)
            .and_then(|file| file.sync_all())
            .map_err(target.failed("sync"))?;
        self.record_export(node, root, to)?;
        self.inner.driver.flush(true)?;
        Ok(Exported { written: true, files })
    }

    /// Sees that nothing in it leads out or commands git; counts its files.
    fn check_export(&self, root: &Node, node: &Node, path: &str, depth: usize) -> Result<u64, ExportError> {
        match node {
            Node::File { .. } => Ok(1),
            Node::Symlink(target) if path.is_empty() || escapes(self, root, path, target)? => Err(ExportError::Link {
                path: path.to_owned(),
                target: target.clone(),
            }),
            Node::Symlink(_) => Ok(1),
            Node::Directory(tree) if depth > MAX_TREE_DEPTH => Err(StoreError::Missing(tree.as_blob()).into()),
            Node::Directory(tree) => {
                let tree = self.tree(tree)?;
                tree.entries().iter().try_fold(0, |files, entry| {
                    let path = if path.is_empty() {
                        entry.name.clone()
                    } else {
                        format!("{path}/{}", entry.name)
                    };
                    if is_repository(&entry.name) {
                        return Err(ExportError::Repository { path });
                    }
                    Ok(files + self.check_export(root, &entry.node, &path, depth + 1)?)
                })
            }
        }
    }

    /// The folder `root`, if exactly `node` is at `to` in it: what cannot be looked at is something else.
    fn where_exported(&self, node: &Node, root: &Path, to: &str) -> Option<Dir> {
        let folder = Dir::open_ambient_dir(root, ambient_authority()).ok()?;
        if folder.symlink_metadata(to).ok()?.is_symlink() {
            return None;
        }
        let request = IngestRequest {
            root,
            path: to,
            exclude: &[],
            gitignore: false,
            stat_cache: true,
            list_left_out: false,
        };
        let found = self.ingest_once(&request, &Arc::new(Excludes::nothing()), Sink::Digests);
        found.is_ok_and(|found| found.node == *node).then_some(folder)
    }

    /// Remembers what was exported where: a sweep keeps it.
    fn record_export(&self, node: &Node, root: &Path, to: &str) -> Result<(), StoreError> {
        let key = [root.as_os_str().as_encoded_bytes(), b"\0", to.as_bytes()].concat();
        let record = node.to_bytes();
        if self.inner.record(Kind::Export, &key)?.as_deref() == Some(&record[..]) {
            return Ok(());
        }
        self.inner.put_record(Kind::Export, &key, &record)
    }

    fn write_node(&self, node: &Node, parent: &Dir, name: &str, sync: bool) -> Result<(), WriteError> {
        match node {
            Node::Symlink(target) => Ok(parent
                .symlink_contents(target, name)
                .map_err(|error| WriteError::at("create", name, error))?),
            Node::Directory(tree) => self.write_folder(tree, parent, name, sync),
            Node::File { blob, executable, .. } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                let blob = self.blob(blob)?;
                let failed = |verb| move |error| WriteError::at(verb, name, error);
                let file = parent
                    .open_with(
                        name,
                        OpenOptions::new().read(true).write(true).create_new(true).mode(mode),
                    )
                    .map_err(failed("create"))?
                    .into_std();
                blob.write_to(&file, Path::new(name)).map_err(|error| match error {
                    StoreError::Io { verb, path, source } if path == Path::new(name) => {
                        WriteError::Io(verb, path, source)
                    }
                    other => WriteError::Store(other),
                })?;
                // Not what the user's mask leaves of it: an export is the same for everyone.
                rustix::fs::fchmod(&file, Mode::from_raw_mode(mode)).map_err(|error| failed("write")(error.into()))?;
                if sync {
                    file.sync_all().map_err(failed("sync"))?;
                }
                Ok(())
            }
        }
    }

    fn write_folder(&self, tree: &TreeDigest, parent: &Dir, name: &str, sync: bool) -> Result<(), WriteError> {
        let failed = |verb| move |error| WriteError::at(verb, name, error);
        parent.create_dir(name).map_err(failed("create"))?;
        let folder = parent.open_dir(name).map_err(failed("open"))?;
        parent
            .set_permissions(name, Permissions::from_mode(0o755))
            .map_err(failed("write"))?;
        for entry in self.tree(tree)?.entries() {
            self.write_node(&entry.node, &folder, &entry.name, sync)
                .map_err(|error| error.below(name))?;
        }
        if sync {
            open_to_sync(&folder)
                .and_then(|file| file.sync_all())
                .map_err(failed("sync"))?;
        }
        Ok(())
    }
}

/// Whether git reads the configuration of what has that name, on any file system: some fold case, some have short names.
fn is_repository(name: &str) -> bool {
    [".git", "git~1"].iter().any(|git| name.eq_ignore_ascii_case(git))
}

/// Opens a folder anew: what cap-std holds may be a path only, which cannot be synced.
fn open_to_sync(folder: &Dir) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, ".", flags, Mode::empty())?.into())
}

/// What went wrong while a node was written, with the path as far as it is known.
enum WriteError {
    Store(StoreError),
    Io(&'static str, PathBuf, io::Error),
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl WriteError {
    fn at(verb: &'static str, name: &str, error: io::Error) -> Self {
        Self::Io(verb, PathBuf::from(name), error)
    }

    fn below(self, folder: &str) -> Self {
        match self {
            Self::Io(verb, path, error) => Self::Io(verb, Path::new(folder).join(path), error),
            other => other,
        }
    }

    /// With the name that it was to get in place of the temporary one.
    fn shown(self, target: &Target) -> ExportError {
        match self {
            Self::Store(error) => ExportError::Store(error),
            Self::Io(verb, path, source) => {
                let below: PathBuf = path.components().skip(1).collect();
                let path = Path::new(&target.shown).join(below).display().to_string();
                ExportError::Io {
                    verb,
                    path: path.trim_end_matches('/').to_owned(),
                    source,
                }
            }
        }
    }
}

/// The names of a path that leads down.
fn names_of(to: &str) -> Result<Vec<String>, ExportError> {
    let fail = || ExportError::Path { to: to.to_owned() };
    let mut names = Vec::new();
    for part in Path::new(to).components() {
        match part {
            Component::Normal(name) => names.push(name.to_str().ok_or_else(fail)?.to_owned()),
            Component::CurDir => {}
            _ => return Err(fail()),
        }
    }
    if names.is_empty() || to.contains('\0') {
        Err(fail())
    } else {
        Ok(names)
    }
}

/// Opens the folder that the target is in, making what is not there. Links on the way are followed as long as they stay
/// below the root: cap-std refuses others.
fn open_target(root: &Path, mut names: Vec<String>, to: &str) -> Result<Target, ExportError> {
    let name = names.pop().ok_or_else(|| ExportError::Path { to: to.to_owned() })?;
    let io = |verb, path: &str| {
        let path = path.to_owned();
        move |source| ExportError::Io { verb, path, source }
    };
    let mut parent =
        Dir::open_ambient_dir(root, ambient_authority()).map_err(io("open", &root.display().to_string()))?;
    let mut shown = String::new();
    for part in names {
        shown.push_str(&part);
        match parent.create_dir(&part) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io("create", &shown)(error)),
            _ => parent = parent.open_dir(&part).map_err(io("open", &shown))?,
        }
        shown.push('/');
    }
    shown.push_str(&name);
    Ok(Target { parent, name, shown })
}
