//! The programs that ours is measured beside: found on the machine, else installed where that is allowed. One that cannot be had is
//! absent, with the reason, and fails nothing. Not here: what they are asked to do.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::Result;
use crate::project::{Project, succeed};
use crate::servers;

/// A program, or why there is none.
pub(crate) type Peer = std::result::Result<PathBuf, String>;

/// The release of wasmtime that the engine is built on.
const WASMTIME: &str = "48.0.8";
/// What of it is needed: running and compiling components, with a cache.
const WASMTIME_FEATURES: &str = "run,compile,cache,parallel-compilation,component-model,pooling-allocator";

/// Every peer.
#[derive(Debug)]
pub(crate) struct Peers {
    /// Builds what is out of date.
    pub(crate) ninja: Peer,
    /// Likewise, and older.
    pub(crate) make: Peer,
    /// Knows whether files have changed.
    pub(crate) git: Peer,
    /// Copies files.
    pub(crate) cp: Peer,
    /// Hashes files with the store's own function.
    pub(crate) b3sum: Peer,
    /// Does nothing, as a program.
    pub(crate) true_: Peer,
    /// Starts a program in namespaces.
    pub(crate) bwrap: Peer,
    /// Starts a container.
    pub(crate) crun: Peer,
    /// Says how much memory a program had.
    pub(crate) time: Peer,
    /// Runs WebAssembly.
    pub(crate) wasmtime: Peer,
}

impl Peers {
    /// Finds the peers, and installs those that are missing if `install`.
    pub(crate) fn find(project: &Project, install: bool) -> Self {
        let own = project.target.join("peers");
        let debian = |program: &str, package: &str| {
            found(program).map_or_else(
                || {
                    wanted(install)?;
                    servers::install(package).map_err(|error| error.to_string())?;
                    found(program).ok_or_else(|| format!("`{package}` was installed, and `{program}` is not found"))
                },
                Ok,
            )
        };
        Self {
            ninja: debian("ninja", "ninja-build"),
            make: debian("make", "make"),
            git: debian("git", "git"),
            cp: debian("cp", "coreutils"),
            b3sum: debian("b3sum", "b3sum"),
            true_: debian("true", "coreutils"),
            bwrap: bwrap(debian("bwrap", "bubblewrap")),
            crun: debian("crun", "crun"),
            time: debian("time", "time"),
            wasmtime: wasmtime(project, &own, install),
        }
    }

    /// What each peer says its version is, or why it is absent, by name.
    pub(crate) fn versions(&self) -> Vec<(&'static str, String)> {
        let rows = [
            ("ninja", &self.ninja),
            ("make", &self.make),
            ("git", &self.git),
            ("cp", &self.cp),
            ("b3sum", &self.b3sum),
            ("bwrap", &self.bwrap),
            ("crun", &self.crun),
            ("wasmtime", &self.wasmtime),
        ];
        rows.map(|(name, peer)| (name, version(peer))).to_vec()
    }
}

/// The first line of what a program says of itself.
pub(crate) fn version(peer: &Peer) -> String {
    let program = match peer {
        Ok(program) => program,
        Err(absent) => return format!("absent: {absent}"),
    };
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}

fn wanted(install: bool) -> std::result::Result<(), String> {
    if install {
        Ok(())
    } else {
        Err("not on this machine".to_owned())
    }
}

/// Looks for a program in PATH.
fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// What a first try says of a program: it may be installed and still not be allowed to do its work here.
pub(crate) fn works(program: &Path, tried: &Output) -> Peer {
    if tried.status.success() {
        return Ok(program.to_owned());
    }
    let said = String::from_utf8_lossy(&tried.stderr);
    Err(format!(
        "does not work here: {}",
        said.lines().next().unwrap_or("it gives no reason")
    ))
}

/// Finds bubblewrap, and whether it may make a namespace.
fn bwrap(found: Peer) -> Peer {
    let program = found?;
    let tried = Command::new(&program)
        .args(["--ro-bind", "/", "/", "true"])
        .stdin(Stdio::null())
        .output();
    works(&program, &tried.map_err(|error| error.to_string())?)
}

/// Finds the very release that the engine is built on, or builds it, which takes minutes.
fn wasmtime(project: &Project, own: &Path, install: bool) -> Peer {
    let program = own
        .join("bin")
        .join(format!("wasmtime{}", std::env::consts::EXE_SUFFIX));
    let right = |program: &PathBuf| version(&Ok(program.clone())).contains(WASMTIME);
    if let Some(program) = [Some(program.clone()), found("wasmtime")]
        .into_iter()
        .flatten()
        .find(|program| program.is_file() && right(program))
    {
        return Ok(program);
    }
    wanted(install)?;
    let build = |own: &Path| -> Result<()> {
        std::fs::create_dir_all(own)?;
        let mut cargo = project.cargo("");
        // Outside of the workspace, whose settings are not for it.
        cargo.current_dir(own).env("CARGO_TARGET_DIR", own.join("build"));
        cargo.args(["install", "wasmtime-cli", "--locked", "--no-default-features"]);
        cargo.args(["--version", &format!("={WASMTIME}"), "--features", WASMTIME_FEATURES]);
        // Standard output is for results.
        cargo.arg("--root").arg(own).stdout(Stdio::from(std::io::stderr()));
        succeed(&mut cargo)?;
        Ok(std::fs::remove_dir_all(own.join("build"))?)
    };
    build(own).map_err(|error| error.to_string())?;
    Ok(program)
}
