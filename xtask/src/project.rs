//! Where things are in this repository, and how its programs are started. No command of `cargo xtask` is decided here.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::guest::{self, Guest, Toolchain};

use crate::Result;

/// The repository and its target folder.
#[derive(Debug)]
pub(crate) struct Project {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever it was put.
    pub(crate) target: PathBuf,
}

impl Project {
    pub(crate) fn find() -> Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self {
            root: guest::repository(),
            target: guest::target_folder(&program),
        })
    }

    /// Returns cargo as a command in `folder` of the repository, as the person at the terminal would start it there: with their
    /// settings, without what the cargo that started this program says of itself.
    pub(crate) fn cargo(&self, folder: &str) -> Command {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in std::env::vars_os() {
            let own = [
                "CARGO_MANIFEST_",
                "CARGO_PKG_",
                "CARGO_BIN_",
                "CARGO_CRATE_",
                "RUST_RECURSION_COUNT",
                "LD_LIBRARY_PATH",
            ];
            if name
                .to_str()
                .is_some_and(|name| own.iter().any(|prefix| name.starts_with(prefix)))
            {
                command.env_remove(name);
            }
        }
        command
            .current_dir(self.root.join(folder))
            .env("CARGO_TARGET_DIR", &self.target)
            .stdin(std::process::Stdio::null());
        command
    }

    /// Returns the path of the built `airtight`, which need not be there yet.
    pub(crate) fn airtight(&self) -> PathBuf {
        self.target
            .join("debug")
            .join(format!("airtight{}", std::env::consts::EXE_SUFFIX))
    }

    /// Builds `airtight` with the development profile, whose dependencies are optimised.
    pub(crate) fn build_airtight(&self) -> Result<()> {
        // Cargo hides what a build script prints until it fails, so what takes a minute is done here, in the open.
        self.plugins()?;
        succeed(
            self.cargo("")
                .args(["build", "--package", "airtight-cli", "--bin", "airtight"]),
        )
    }

    /// Builds the standard components.
    pub(crate) fn plugins(&self) -> Result<Vec<Guest>> {
        let toolchain = Toolchain::ensure(&self.target)?;
        Ok(guest::build(&toolchain, &self.root.join("plugins"), &self.target, &[])?.guests)
    }

    /// Builds the standard components and the tests' guests.
    pub(crate) fn guests(&self) -> Result<Vec<Guest>> {
        let mut guests = self.plugins()?;
        guests.extend(guest::fixtures()?);
        Ok(guests)
    }

    /// Tells whether the workspace of the tests' guests has any members.
    pub(crate) fn has_fixtures(&self) -> bool {
        std::fs::read_to_string(self.root.join("tests/fixtures/Cargo.toml"))
            .is_ok_and(|text| !text.contains("members = []"))
    }

    /// Returns the repository's files as paths from its root, sorted: what git tracks, and what it would if it were added.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut git = Command::new("git");
        git.current_dir(&self.root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.output()?;
        if !output.status.success() {
            return Err("`git ls-files` failed: this command needs the repository, not only its sources".into());
        }
        let text = String::from_utf8(output.stdout)?;
        let mut files: Vec<PathBuf> = text
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .collect();
        files.retain(|file| self.root.join(file).is_file());
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Returns an empty folder inside the target folder.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join("xtask").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Returns a program as a command that finds nothing of the user's in its environment but the compilers: home and every folder
    /// for settings, caches and state are under `home`.
    pub(crate) fn isolated(&self, program: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
        let mut command = Command::new(program);
        let old_home = std::env::home_dir().unwrap_or_default();
        for (name, _) in std::env::vars_os() {
            let theirs = ["XDG_", "AIRTIGHT_", "CARGO", "LC_", "GIT_"];
            if name
                .to_str()
                .is_some_and(|name| theirs.iter().any(|prefix| name.starts_with(prefix)))
            {
                command.env_remove(name);
            }
        }
        for (variable, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            command.env(
                variable,
                std::env::var_os(variable).unwrap_or_else(|| old_home.join(folder).into()),
            );
        }
        command
            .env("HOME", home)
            .env("TZ", "UTC")
            .env("LANG", "C.UTF-8")
            .env("NO_COLOR", "1");
        command.stdin(std::process::Stdio::null());
        command
    }
}

/// Runs a command to its end; anything but success is an error that names it.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .map_err(|cause| format!("`{}` could not be started: {cause}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", shown(command)).into())
    }
}

/// Returns a command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
