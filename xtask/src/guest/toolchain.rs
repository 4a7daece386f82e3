//! A Rust toolchain that compiles for [`TARGETS`], found or made. The routes, in order:
//!
//! 1. `AIRTIGHT_GUEST_RUSTC` names a compiler;
//! 2. the toolchain that runs this build has the targets already;
//! 3. one that an earlier build made is under `target/guest-toolchain/`;
//! 4. `rustup target add`, which a machine without rustup's server fails quickly;
//! 5. Debian's packages, by `debian-toolchain.sh`: the sources of `std` first, then a ready-made toolchain.
//!
//! `AIRTIGHT_GUEST_TOOLCHAIN=rustup|sources|prebuilt` allows one route only. Nothing is ever installed into the system; route
//! 4 adds to rustup's own folder. A toolchain of another route yields other bytes for the same guest, as one of another release does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::environment::{say, scrubbed};
use super::process::{run, run_within, text_of};
use super::{Error, TARGETS, lock};

/// The script behind the two Debian routes, run by bash from its text, so that it need not be found.
const SCRIPT: &str = include_str!("../../debian-toolchain.sh");

/// How long rustup may take to fetch both targets (50 MB) before the next route is tried.
const RUSTUP_LIMIT: Duration = Duration::from_secs(90);

/// How a toolchain came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `AIRTIGHT_GUEST_RUSTC` named it.
    Given,
    /// The toolchain of this build has the targets, by rustup or by the system's packages.
    Native,
    /// This build's own compiler with a `std` that was built from Debian's sources of the same release.
    Sources,
    /// A newer Debian's compiler and ready-made `std`.
    Prebuilt,
}

impl Mode {
    /// Returns the word for the mode, as `AIRTIGHT_GUEST_TOOLCHAIN` and the script spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Native => "rustup",
            Self::Sources => "sources",
            Self::Prebuilt => "prebuilt",
        }
    }
}

/// A compiler that has the targets, and the cargo to drive it.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The cargo that this build is run by.
    pub cargo: PathBuf,
    /// The compiler; a wrapper that knows its system root in the Debian modes.
    pub rustc: PathBuf,
    /// The compiler's own folder.
    pub sysroot: PathBuf,
    /// Where it is from.
    pub mode: Mode,
    /// What the compiler says of itself (`rustc -vV`); guests' bytes depend on it.
    pub version: String,
}

impl Toolchain {
    /// Finds a toolchain for [`TARGETS`], or makes one under `target` (cargo's target folder) and says what it does.
    ///
    /// Takes milliseconds when there is one, up to two minutes and a 46 MB download when one is made. Processes that do this at the
    /// same time wait for each other; one that is killed leaves nothing that the next would take for complete.
    ///
    /// # Errors
    ///
    /// [`Error::NoToolchain`] when every route failed, with the reasons and what to install by hand.
    pub fn ensure(target: &Path) -> Result<Self, Error> {
        let host = Host::find()?;
        if let Some(rustc) = std::env::var_os("AIRTIGHT_GUEST_RUSTC") {
            return host.with(PathBuf::from(rustc), Mode::Given);
        }
        let only = std::env::var("AIRTIGHT_GUEST_TOOLCHAIN")
            .ok()
            .filter(|name| !name.is_empty());
        let routes = Routes {
            host,
            folder: target.join("guest-toolchain"),
            only,
        };
        if let Some(found) = routes.existing()? {
            return Ok(found);
        }
        std::fs::create_dir_all(&routes.folder).map_err(Error::io("create", &routes.folder))?;
        let _lock = lock::exclusive(&routes.folder.join("lock"))?;
        match routes.existing()? {
            Some(found) => Ok(found),
            None => routes.make(),
        }
    }
}

/// The compiler that this build is run by.
#[derive(Debug)]
struct Host {
    cargo: PathBuf,
    rustc: PathBuf,
    sysroot: PathBuf,
    version: String,
    release: String,
}

impl Host {
    /// Asks the compiler beside cargo, else the one in PATH, where it lives: rustup's proxies in PATH read variables that a nested
    /// build must not depend on, the programs in the system root do not.
    fn find() -> Result<Self, Error> {
        let executable = |name: &str| format!("{name}{}", std::env::consts::EXE_SUFFIX);
        let cargo = std::env::var_os("CARGO").map(PathBuf::from);
        let beside = cargo
            .as_ref()
            .map(|cargo| cargo.with_file_name(executable("rustc")))
            .filter(|path| path.is_file());
        let rustc = beside.unwrap_or_else(|| PathBuf::from("rustc"));
        let sysroot = sysroot_of(&rustc)?;
        let own = |name: &str| Some(sysroot.join("bin").join(executable(name))).filter(|path| path.is_file());
        let rustc = own("rustc").unwrap_or(rustc);
        let cargo = own("cargo").or(cargo).unwrap_or_else(|| PathBuf::from("cargo"));
        let version = text_of(scrubbed(&rustc).arg("-vV"))?;
        let release = version
            .lines()
            .find_map(|line| line.strip_prefix("release: "))
            .unwrap_or("unknown")
            .to_owned();
        Ok(Self {
            cargo,
            rustc,
            sysroot,
            version,
            release,
        })
    }

    fn has_targets(&self) -> bool {
        TARGETS.iter().all(|target| {
            let library = self.sysroot.join("lib/rustlib").join(target).join("lib");
            let entries = std::fs::read_dir(library).into_iter().flatten().flatten();
            entries.into_iter().any(|entry| {
                let name = entry.file_name();
                name.to_str()
                    .is_some_and(|name| name.starts_with("libstd-") && name.ends_with(".rlib"))
            })
        })
    }

    fn with(&self, rustc: PathBuf, mode: Mode) -> Result<Toolchain, Error> {
        let (version, sysroot) = if rustc == self.rustc {
            (self.version.clone(), self.sysroot.clone())
        } else {
            (text_of(scrubbed(&rustc).arg("-vV"))?, sysroot_of(&rustc)?)
        };
        Ok(Toolchain {
            cargo: self.cargo.clone(),
            rustc,
            sysroot,
            mode,
            version,
        })
    }

    /// Returns rustup's name for this toolchain, if it is rustup's.
    fn rustup_name(&self) -> Option<&str> {
        let toolchains = self.sysroot.parent()?;
        (toolchains.file_name()? == "toolchains").then_some(())?;
        self.sysroot.file_name()?.to_str()
    }
}

fn sysroot_of(rustc: &Path) -> Result<PathBuf, Error> {
    Ok(PathBuf::from(
        text_of(scrubbed(rustc).args(["--print", "sysroot"]))?.trim(),
    ))
}

/// The ways to a toolchain on this machine.
struct Routes {
    host: Host,
    folder: PathBuf,
    only: Option<String>,
}

impl Routes {
    fn allowed(&self, mode: Mode) -> bool {
        self.only.as_deref().is_none_or(|only| only == mode.name())
    }

    /// Returns a toolchain that needs no work.
    fn existing(&self) -> Result<Option<Toolchain>, Error> {
        if self.allowed(Mode::Native) && self.host.has_targets() {
            return self.host.with(self.host.rustc.clone(), Mode::Native).map(Some);
        }
        for mode in [Mode::Sources, Mode::Prebuilt] {
            let complete = std::fs::read_to_string(self.stamp(mode)).is_ok_and(|stamp| stamp == self.stamp_text(mode));
            if self.allowed(mode) && complete {
                return self.host.with(self.made(mode).join("bin/rustc"), mode).map(Some);
            }
        }
        Ok(None)
    }

    fn made(&self, mode: Mode) -> PathBuf {
        self.folder.join(mode.name())
    }

    /// The file that is written last: a folder without it is not a toolchain.
    fn stamp(&self, mode: Mode) -> PathBuf {
        self.made(mode).join("complete")
    }

    /// What a toolchain was made from: another compiler or another recipe makes it anew.
    fn stamp_text(&self, mode: Mode) -> String {
        let recipe = blake3::hash(SCRIPT.as_bytes());
        format!(
            "mode: {}\nsysroot: {}\nrecipe: {recipe}\n{}",
            mode.name(),
            self.host.sysroot.display(),
            self.host.version
        )
    }

    fn make(&self) -> Result<Toolchain, Error> {
        say(&format!(
            "rustc {} has no {}; making a toolchain that has",
            self.host.release,
            TARGETS.join(", ")
        ));
        let mut tried = Vec::new();
        for mode in [Mode::Native, Mode::Sources, Mode::Prebuilt] {
            if !self.allowed(mode) {
                continue;
            }
            let made = match mode {
                Mode::Native => self.add_by_rustup(),
                mode => self.unpack_from_debian(mode),
            };
            match made {
                Ok(toolchain) => return Ok(toolchain),
                Err(why) => {
                    say(&format!("{}: {why}", mode.name()));
                    tried.push(format!("{}: {why}", mode.name()));
                }
            }
        }
        Err(Error::NoToolchain {
            tried,
            release: self.host.release.clone(),
        })
    }

    fn add_by_rustup(&self) -> Result<Toolchain, Error> {
        let refused = |how: &str| Error::Program {
            program: "rustup target add".to_owned(),
            how: how.to_owned(),
        };
        let name = self
            .host
            .rustup_name()
            .ok_or_else(|| refused("cannot help: this compiler is not rustup's"))?;
        say(&format!(
            "running `rustup target add --toolchain {name} {}`",
            TARGETS.join(" ")
        ));
        let mut command = scrubbed("rustup");
        command
            .args(["target", "add", "--toolchain", name])
            .args(TARGETS)
            .envs([("RUSTUP_MAX_RETRIES", "1"), ("RUST_BACKTRACE", "0")]);
        run_within(&mut command, RUSTUP_LIMIT)?;
        if !self.host.has_targets() {
            return Err(refused("ended well, but the targets are not there"));
        }
        let toolchain = self.host.with(self.host.rustc.clone(), Mode::Native)?;
        probe(&toolchain, &self.folder)?;
        Ok(toolchain)
    }

    fn unpack_from_debian(&self, mode: Mode) -> Result<Toolchain, Error> {
        if !cfg!(target_os = "linux") || !Path::new("/usr/bin/apt-get").is_file() {
            return Err(Error::Program {
                program: "apt-get".to_owned(),
                how: "is not on this machine".to_owned(),
            });
        }
        let folder = self.made(mode);
        let stamp = self.stamp(mode);
        if stamp.exists() {
            std::fs::remove_file(&stamp).map_err(Error::io("remove", &stamp))?;
        }
        let mut command = scrubbed("bash");
        command.args(["-c", SCRIPT, "debian-toolchain.sh", mode.name()]);
        command.args([&folder, &self.host.rustc, &self.host.cargo]);
        run(&mut command, "debian-toolchain.sh")?;
        let toolchain = self.host.with(folder.join("bin/rustc"), mode)?;
        probe(&toolchain, &self.folder)?;
        std::fs::write(&stamp, self.stamp_text(mode)).map_err(Error::io("write", &stamp))?;
        say(&format!("the toolchain is in `{}`", folder.display()));
        Ok(toolchain)
    }
}

/// Compiles a program for each target, so that a broken toolchain is found out here and not as a puzzling error later.
fn probe(toolchain: &Toolchain, folder: &Path) -> Result<(), Error> {
    let source = folder.join("probe.rs");
    std::fs::write(
        &source,
        "fn main() { println!(\"{:?}\", std::fs::metadata(\"/\").is_ok()); }\n",
    )
    .map_err(Error::io("write", &source))?;
    for target in TARGETS {
        let wasm = folder.join(format!("probe-{target}.wasm"));
        let mut command = scrubbed(&toolchain.rustc);
        command
            .args(["--edition=2024", "-Copt-level=s", "--target", target, "-o"])
            .arg(&wasm)
            .arg(&source);
        run(&mut command, "rustc")?;
        let bytes = std::fs::read(&wasm).map_err(Error::io("read", &wasm))?;
        if !bytes.starts_with(b"\0asm") {
            return Err(Error::Missing {
                name: "probe".to_owned(),
                place: wasm,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(sysroot: &Path) -> Host {
        Host {
            cargo: "cargo".into(),
            rustc: "rustc".into(),
            sysroot: sysroot.to_owned(),
            version: "rustc 1.95.0\nrelease: 1.95.0\n".to_owned(),
            release: "1.95.0".to_owned(),
        }
    }

    #[test]
    fn a_toolchain_counts_only_with_std_for_every_target() {
        // A target whose folder is there but whose std is not (an interrupted rustup) must not be taken for complete.
        let sysroot = tempfile::tempdir().unwrap();
        let library = |target: &str| sysroot.path().join("lib/rustlib").join(target).join("lib");
        for target in TARGETS {
            std::fs::create_dir_all(library(target)).unwrap();
            assert!(!host(sysroot.path()).has_targets());
        }
        for target in TARGETS {
            assert!(!host(sysroot.path()).has_targets());
            std::fs::write(library(target).join("libstd-0123.rlib"), "").unwrap();
        }
        assert!(host(sysroot.path()).has_targets());
    }

    #[test]
    fn a_toolchain_made_for_another_compiler_is_made_again() {
        // After `rustup update` the old std no longer fits; the stamp must differ.
        let folder = tempfile::tempdir().unwrap();
        let routes = |version: &str| Routes {
            host: Host {
                version: version.to_owned(),
                ..host(Path::new("/nowhere"))
            },
            folder: folder.path().to_owned(),
            only: None,
        };
        let old = routes("rustc 1.95.0");
        std::fs::create_dir_all(old.made(Mode::Sources)).unwrap();
        std::fs::write(old.stamp(Mode::Sources), old.stamp_text(Mode::Sources)).unwrap();
        assert_ne!(
            old.stamp_text(Mode::Sources),
            routes("rustc 1.96.0").stamp_text(Mode::Sources)
        );
        assert!(routes("rustc 1.96.0").existing().unwrap().is_none());
    }

    #[test]
    fn rustup_is_asked_only_about_its_own_toolchains() {
        // A distribution's compiler lives in /usr: `rustup target add` would add to another one.
        assert_eq!(host(Path::new("/usr")).rustup_name(), None);
        assert_eq!(
            host(Path::new("/h/.rustup/toolchains/stable-x86_64")).rustup_name(),
            Some("stable-x86_64")
        );
    }
}
