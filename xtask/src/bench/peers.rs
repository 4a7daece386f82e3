//! The programs that ours is measured beside: found on the machine, else installed where that is allowed. One that cannot be had is
//! absent, with the reason, and fails nothing. Not here: what they are asked to do.

use std::cell::RefCell;
use std::collections::BTreeMap;
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

/// The peers of npm's registry.
const NPM: [&str; 3] = ["turbo", "nx", "@moonrepo/cli"];

/// The peers that were asked for so far: looking for one may mean to build it, so that nobody looks before a case needs it.
#[derive(Debug)]
pub(crate) struct Peers<'a> {
    project: &'a Project,
    install: bool,
    asked: RefCell<BTreeMap<&'static str, Peer>>,
}

impl<'a> Peers<'a> {
    /// Begins without any; those that are missing will be installed if `install`.
    pub(crate) fn new(project: &'a Project, install: bool) -> Self {
        Self {
            project,
            install,
            asked: RefCell::default(),
        }
    }

    /// Finds a program, once.
    pub(crate) fn get(&self, name: &'static str) -> Peer {
        if let Some(known) = self.asked.borrow().get(name) {
            return known.clone();
        }
        let peer = match name {
            "wasmtime" => self.wasmtime(),
            "turbo" | "nx" | "moon" => self.npm(name),
            "bwrap" => self.debian(name, "bubblewrap").and_then(|program| bwrap(&program)),
            "ninja" => self.debian(name, "ninja-build"),
            "cp" | "true" => self.debian(name, "coreutils"),
            name => self.debian(name, name),
        };
        self.asked.borrow_mut().insert(name, peer.clone());
        peer
    }

    /// What each peer that was asked for says its version is, or why it is absent, by name.
    pub(crate) fn versions(&self) -> Vec<(&'static str, String)> {
        let asked = self.asked.borrow();
        let told = asked.iter().filter(|(name, _)| !["true", "time"].contains(name));
        told.map(|(name, peer)| (*name, version(peer))).collect()
    }

    /// Refuses to install anything where that is not wanted.
    fn wanted(&self) -> std::result::Result<(), String> {
        if self.install {
            Ok(())
        } else {
            Err("not on this machine".to_owned())
        }
    }

    /// Finds a program, or installs Debian's package of it.
    fn debian(&self, program: &str, package: &str) -> Peer {
        if let Some(found) = found(program) {
            return Ok(found);
        }
        self.wanted()?;
        servers::install(package).map_err(|error| error.to_string())?;
        found(program).ok_or_else(|| format!("`{package}` was installed, and `{program}` is not found"))
    }

    /// Finds a program of npm's in the target folder, or installs all of them there, by the user's settings for registries and with
    /// nothing of theirs else. Scripts of packages are run: it is the peers' own way of being installed.
    fn npm(&self, name: &str) -> Peer {
        let own = self.project.target.join("peers/npm");
        let program = own.join("node_modules/.bin").join(name);
        if program.is_file() {
            return Ok(program);
        }
        self.wanted()?;
        let npm = found("npm").ok_or("there is no npm to install it with")?;
        let home = own.join("home");
        std::fs::create_dir_all(&home).map_err(|error| error.to_string())?;
        let settings = std::env::home_dir().unwrap_or_default().join(".npmrc");
        let mut command = self.project.isolated(npm, &home);
        command
            .current_dir(&own)
            .env("npm_config_userconfig", settings)
            .args(["install", "--no-audit", "--no-fund", "--prefix", "."])
            .args(NPM)
            .stdout(Stdio::from(std::io::stderr()));
        succeed(&mut command).map_err(|error| error.to_string())?;
        program
            .is_file()
            .then_some(program)
            .ok_or_else(|| "npm has installed it without its program".to_owned())
    }

    /// Finds the very release that the engine is built on, or builds it, which takes minutes.
    fn wasmtime(&self) -> Peer {
        let own = self.project.target.join("peers");
        let built = own
            .join("bin")
            .join(format!("wasmtime{}", std::env::consts::EXE_SUFFIX));
        let right = |program: &PathBuf| program.is_file() && version(&Ok(program.clone())).contains(WASMTIME);
        let known = [Some(built.clone()), found("wasmtime")];
        if let Some(program) = known.into_iter().flatten().find(right) {
            return Ok(program);
        }
        self.wanted()?;
        self.build_wasmtime(&own).map_err(|error| error.to_string())?;
        Ok(built)
    }

    fn build_wasmtime(&self, own: &Path) -> Result<()> {
        std::fs::create_dir_all(own)?;
        let mut cargo = self.project.cargo("");
        // Outside of the workspace, whose settings are not for it.
        cargo.current_dir(own).env("CARGO_TARGET_DIR", own.join("build"));
        cargo.args(["install", "wasmtime-cli", "--locked", "--no-default-features"]);
        cargo.args(["--version", &format!("={WASMTIME}"), "--features", WASMTIME_FEATURES]);
        // Standard output is for results.
        cargo.arg("--root").arg(own).stdout(Stdio::from(std::io::stderr()));
        succeed(&mut cargo)?;
        Ok(std::fs::remove_dir_all(own.join("build"))?)
    }
}

/// What a program says of its version: the first line with a number, if there is one.
pub(crate) fn version(peer: &Peer) -> String {
    let program = match peer {
        Ok(program) => program,
        Err(absent) => return format!("absent: {absent}"),
    };
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    numbered(&text.unwrap_or_default()).to_owned()
}

/// The first line with a number, without what makes it an item of a list.
fn numbered(text: &str) -> &str {
    let line = text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit()));
    line.or_else(|| text.lines().next())
        .unwrap_or("unknown")
        .trim_start_matches("- ")
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

/// Tells whether bubblewrap may make a namespace.
fn bwrap(program: &Path) -> Peer {
    let tried = Command::new(program)
        .args(["--ro-bind", "/", "/", "true"])
        .stdin(Stdio::null())
        .output();
    works(program, &tried.map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    // A page of results without the peers' versions is worth little, and each says it its own way.
    #[test]
    fn a_version_is_the_first_line_with_a_number() {
        assert_eq!(numbered("1.11.1\n"), "1.11.1");
        assert_eq!(numbered("Versions:\n- Local: v2.0\n- Global: v1.0\n"), "Local: v2.0");
        assert_eq!((numbered("no number\n"), numbered("")), ("no number", "unknown"));
    }

    // A sandbox that may not make one is no peer, and no reason to fail.
    #[test]
    fn a_program_that_fails_its_trial_is_absent_with_its_reason() {
        let tried = |script: &str| Command::new("sh").args(["-c", script]).output().unwrap();
        let program = Path::new("crun");
        assert_eq!(works(program, &tried("exit 0")), Ok(program.to_owned()));
        let reason = "does not work here: no namespaces".to_owned();
        assert_eq!(works(program, &tried("echo no namespaces >&2; exit 1")), Err(reason));
    }
}
