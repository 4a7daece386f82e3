//! Lists what is to be packed, in the order of the archive. It reads folders, kinds, sizes and link targets, but no
//! file's content, and follows no symbolic link but the one that `from` itself may be.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;

/// One thing to pack.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its path below `from`, with `/` between names.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A folder; what it holds are nodes of their own.
    Directory,
    /// A regular file of that many bytes, and whether it is packed as executable.
    File { size: u64, executable: bool },
    /// A symbolic link with this target.
    Symlink { target: String },
}

/// Lists the folder or file `from`: every folder before what it holds, names in byte order.
pub(crate) fn list(from: &Path) -> Result<Vec<Node>, Error> {
    let metadata = fs::metadata(from).map_err(|error| Error::io("read", from, error))?;
    let mut nodes = Vec::new();
    if metadata.is_dir() {
        list_folder(from, "", &mut nodes)?;
    } else {
        let name = from.file_name().ok_or_else(|| refuse(from, "it has no name"))?;
        let name = name
            .to_str()
            .ok_or_else(|| refuse(from, "its name is not UTF-8"))?
            .to_owned();
        let kind = Kind::File {
            size: regular(from, &metadata)?,
            executable: false,
        };
        nodes.push(Node {
            name,
            path: from.to_owned(),
            kind,
        });
    }
    Ok(nodes)
}

fn refuse(path: &Path, problem: &str) -> Error {
    Error::Unpackable {
        path: path.display().to_string(),
        problem: problem.to_owned(),
    }
}

/// The size of a regular file; anything else has no place in an archive.
fn regular(path: &Path, metadata: &fs::Metadata) -> Result<u64, Error> {
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(refuse(path, "it is neither a file, a folder nor a symbolic link"))
    }
}

fn list_folder(folder: &Path, prefix: &str, nodes: &mut Vec<Node>) -> Result<(), Error> {
    let failed = |error| Error::io("list", folder, error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name
            .to_str()
            .ok_or_else(|| refuse(&entry.path(), "its name is not UTF-8"))?;
        names.push((
            name.to_owned(),
            entry
                .file_type()
                .map_err(|error| Error::io("read", &entry.path(), error))?,
        ));
    }
    names.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    for (own, file_type) in names {
        let path = folder.join(&own);
        let name = format!("{prefix}{own}");
        if file_type.is_dir() {
            let below = format!("{name}/");
            nodes.push(Node {
                name,
                path: path.clone(),
                kind: Kind::Directory,
            });
            list_folder(&path, &below, nodes)?;
        } else if file_type.is_symlink() {
            let target = fs::read_link(&path).map_err(|error| Error::io("read the link", &path, error))?;
            let target = target
                .to_str()
                .ok_or_else(|| refuse(&path, "its target is not UTF-8"))?
                .to_owned();
            nodes.push(Node {
                name,
                path,
                kind: Kind::Symlink { target },
            });
        } else {
            let metadata = fs::symlink_metadata(&path).map_err(|error| Error::io("read", &path, error))?;
            let kind = Kind::File {
                size: regular(&path, &metadata)?,
                executable: false,
            };
            nodes.push(Node { name, path, kind });
        }
    }
    Ok(())
}
