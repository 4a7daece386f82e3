//! `pack`: a folder or file becomes one archive file. It checks the parameters, puts the pieces together and digests
//! the result; the formats themselves are in [`crate::tar_write`] and [`crate::zip_write`].

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::compress::{self, CHUNK};
use crate::glob::Glob;
use crate::host::Level;
use crate::tar_write::{MTIME_END, TarStream};
use crate::tree::{self, Kind, Node};
use crate::{Error, Format, Host, name, zip_write};

/// The time of every entry unless the step says another: 1980-01-01T00:00:00Z, the first that a zip can say.
pub const DEFAULT_MTIME: u64 = 315_532_800;

/// The progress task of this function.
const TASK: &str = "pack";

/// The parameters of [`pack`]; `wit/world.wit` documents them.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    /// The absolute path of what to pack.
    pub from: String,
    /// The absolute path of the archive.
    pub to: String,
    /// The format, unless the extension of `to` says it.
    pub format: Option<Format>,
    /// The folder in the archive to put everything under.
    pub prefix: Option<String>,
    /// The time of every entry, in seconds since 1970.
    pub mtime: Option<u64>,
    /// How hard to compress.
    pub level: Option<u32>,
    /// Globs of the files that are packed as executable.
    pub executable: Vec<String>,
}

/// What was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Entries in the archive.
    pub entries: u64,
    /// The archive's size.
    pub bytes: u64,
    /// The archive's SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

/// Packs a folder or file. The same tree and parameters give the same bytes on every machine.
///
/// # Errors
///
/// An [`Error`] when a parameter is wrong, something cannot be read or written, or a node has no place in an archive.
pub fn pack(options: &PackOptions, host: &mut dyn Host) -> Result<Packed, Error> {
    let from = absolute("from", &options.from)?;
    let to = absolute("to", &options.to)?;
    let format = options
        .format
        .or_else(|| Format::of_extension(&to))
        .ok_or_else(|| Error::Parameter {
            name: "to",
            problem: format!("the extension of `{}` says no format; add `format:`", to.display()),
        })?;
    let level = checked_level(format, options.level)?;
    let mtime = options.mtime.unwrap_or(DEFAULT_MTIME);
    if mtime >= MTIME_END {
        let problem = format!("{mtime} is too late; a tar can say times below {MTIME_END}");
        return Err(Error::Parameter { name: "mtime", problem });
    }
    let mut nodes = tree::list(&from)?;
    if nodes.iter().any(|node| node.path == to) {
        let problem = format!("`{}` exists and is part of what is packed", to.display());
        return Err(Error::Parameter { name: "to", problem });
    }
    mark_executable(&mut nodes, &options.executable)?;
    if let Some(prefix) = &options.prefix {
        nodes = with_prefix(nodes, prefix)?;
    }
    warn_about_links(&nodes, host);
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io("make the folder", parent, error))?;
    }
    write_archive(format, &nodes, &to, mtime, level, host)?;
    let (bytes, sha256) = digest(&to)?;
    let packed = Packed {
        entries: nodes.len() as u64,
        bytes,
        sha256,
    };
    let fields = [("bytes", bytes.to_string()), ("sha256", packed.sha256.clone())];
    host.log(
        Level::Info,
        &format!("packed {} entries into `{}`", packed.entries, to.display()),
        &fields,
    );
    Ok(packed)
}

/// Checks that a parameter is an absolute path without `..`.
pub(crate) fn absolute(name: &'static str, path: &str) -> Result<PathBuf, Error> {
    let is_clean = path.starts_with('/') && !path.split('/').any(|part| part == "..");
    if is_clean {
        // Without `//`, `/./` and a trailing `/`, so that paths can be compared.
        Ok(Path::new(path).components().collect())
    } else {
        Err(Error::Parameter {
            name,
            problem: format!("`{path}` is not an absolute path without `..`, as `/out/x`"),
        })
    }
}

fn checked_level(format: Format, level: Option<u32>) -> Result<u32, Error> {
    let wrong = |problem| Err(Error::Parameter { name: "level", problem });
    match (compress::levels(format), level) {
        (None, None) => Ok(0),
        (None, Some(_)) => wrong(format!("the format `{format}` has no levels; leave it out")),
        (Some((default, _)), None) => Ok(default),
        (Some((_, highest)), Some(level)) if level <= highest => Ok(level),
        (Some((_, highest)), Some(level)) => {
            wrong(format!("{level} is not in 0 to {highest}, the levels of `{format}`"))
        }
    }
}

/// Marks the files that a glob matches; each glob must match one.
fn mark_executable(nodes: &mut [Node], globs: &[String]) -> Result<(), Error> {
    for pattern in globs {
        let wrong = |problem| Error::Parameter {
            name: "executable",
            problem,
        };
        let glob = Glob::parse(pattern).map_err(wrong)?;
        let mut matched = false;
        for node in nodes.iter_mut() {
            if let Kind::File { executable, .. } = &mut node.kind
                && glob.matches(&node.name)
            {
                *executable = true;
                matched = true;
            }
        }
        if !matched {
            return Err(wrong(format!(
                "`{pattern}` matches no file; a glob means the whole path below `from`"
            )));
        }
    }
    Ok(())
}

/// Puts everything under the folder `prefix`, which becomes an entry itself, with those above it.
fn with_prefix(nodes: Vec<Node>, prefix: &str) -> Result<Vec<Node>, Error> {
    let wrong = |problem: String| Error::Parameter {
        name: "prefix",
        problem,
    };
    let parts = name::entry_parts(prefix.as_bytes()).map_err(|problem| wrong(format!("`{prefix}`: {problem}")))?;
    if parts.is_empty() {
        return Err(wrong(format!("`{prefix}` names no folder; leave it out")));
    }
    let folders = (1..=parts.len()).map(|count| parts[..count].join("/"));
    let folders = folders.map(|name| Node {
        path: PathBuf::new(),
        name,
        kind: Kind::Directory,
    });
    let prefix = parts.join("/");
    let below = nodes.into_iter().map(|node| Node {
        name: format!("{prefix}/{}", node.name),
        ..node
    });
    Ok(folders.chain(below).collect())
}

/// Warns about links that nobody can unpack safely; they are packed as they are.
fn warn_about_links(nodes: &[Node], host: &mut dyn Host) {
    let links: std::collections::BTreeMap<String, String> = nodes
        .iter()
        .filter_map(|node| match &node.kind {
            Kind::Symlink { target } => Some((node.name.clone(), target.clone())),
            _ => None,
        })
        .collect();
    for path in links.keys() {
        if let Err(problem) = name::check_link(path, &links, &mut |_| true) {
            let message = format!("the symbolic link `{path}` is packed, but `unpack` will refuse it: {problem}");
            host.log(Level::Warn, &message, &[]);
        }
    }
}

fn write_archive(
    format: Format,
    nodes: &[Node],
    to: &Path,
    mtime: u64,
    level: u32,
    host: &mut dyn Host,
) -> Result<(), Error> {
    let total = nodes
        .iter()
        .map(|node| {
            if let Kind::File { size, .. } = node.kind {
                size
            } else {
                0
            }
        })
        .sum();
    let mut done = 0;
    let mut shown = 0;
    let mut on_content = |count: u64| {
        done += count;
        // One line of progress for a few chunks is enough for any display.
        if done == total || done - shown >= 4 * CHUNK as u64 {
            shown = done;
            host.progress(TASK, done, total);
        }
    };
    if format == Format::Zip {
        zip_write::write(nodes, to, mtime, level, &mut on_content)?;
    } else {
        let failed = |error| Error::io("write", to, error);
        let file = File::create(to).map_err(|error| Error::io("create", to, error))?;
        let mut drain = BufWriter::with_capacity(CHUNK, file);
        let mut tar = TarStream::new(nodes, mtime, &mut on_content);
        compress::encode(format, level, &mut tar, &mut drain).map_err(failed)?;
        drain.flush().map_err(failed)?;
    }
    host.finish(TASK);
    Ok(())
}

/// The size and SHA-256 of the file at `path`. It is read again, because a zip is not written from start to end.
fn digest(path: &Path) -> Result<(u64, String), Error> {
    let failed = |error| Error::io("read back", path, error);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0;
    loop {
        match file.read(&mut chunk).map_err(failed)? {
            0 => break,
            count => {
                hasher.update(&chunk[..count]);
                bytes += count as u64;
            }
        }
    }
    Ok((
        bytes,
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
    ))
}

#[cfg(test)]
mod tests;
