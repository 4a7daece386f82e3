//! The compilers of the languages that steps are written in: found on the machine, or installed from the package registries into
//! the target folder. Not here: Rust's, which the standard components need before anything is built ([`xtask::guest`]).
//!
//! Each toolchain is one row of [`ALL`]. It has a folder of its own, `TARGET/toolchains/NAME`, and a version that tests are made
//! for: a compiler of another version that the machine happens to have is passed over.

mod debian;
mod go;
mod node;
mod pip;
mod python;
mod zig;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::project::Project;
use crate::tally::Tally;

/// The variable that has the folders of all toolchains, for tests: a test that is skipped for want of one is a test that failed.
pub(crate) const VARIABLE: &str = "AIRTIGHT_TEST_TOOLCHAINS";

/// What has to be there to build steps in some languages.
#[derive(Clone, Copy)]
struct Kind {
    /// The name of its folder.
    name: &'static str,
    /// What it is made from: another text makes it anew.
    recipe: fn() -> String,
    /// Tells whether the machine has it already.
    found: fn() -> bool,
    /// Installs it into an empty folder.
    install: fn(&Path) -> Result<()>,
    /// The folders below its own that belong into `PATH`.
    path: &'static [&'static str],
}

const ALL: [Kind; 4] = [zig::KIND, go::KIND, node::KIND, python::KIND];

/// `cargo xtask toolchains`: makes all that are missing, and prints the folders as one `PATH`.
pub(crate) fn run(project: &Project) -> Result<()> {
    let mut folders = Vec::new();
    for kind in ALL {
        folders.extend(kind.ensure(&project.target)?);
    }
    println!("{}", std::env::join_paths(folders)?.display());
    Ok(())
}

/// Makes all that are missing, a check each, and returns the folders that were found or made.
pub(crate) fn add_to(tally: &mut Tally, project: &Project) -> Toolchains {
    let mut folders = Vec::new();
    for kind in ALL {
        tally.check(&format!("toolchain {}", kind.name), || {
            folders.extend(kind.ensure(&project.target)?);
            Ok(())
        });
    }
    Toolchains { folders }
}

/// Makes those that can be made, and returns the folders that were found or made: for what does with less.
pub(crate) fn available(project: &Project) -> Toolchains {
    let mut folders = Vec::new();
    for kind in ALL {
        match kind.ensure(&project.target) {
            Ok(found) => folders.extend(found),
            Err(error) => eprintln!("toolchains: {error}"),
        }
    }
    Toolchains { folders }
}

/// Folders with compilers; none for those that the machine has itself.
#[derive(Debug, Default)]
pub(crate) struct Toolchains {
    folders: Vec<PathBuf>,
}

impl Toolchains {
    /// Returns the folders as the value of [`VARIABLE`].
    pub(crate) fn variable(&self) -> OsString {
        std::env::join_paths(&self.folders).unwrap_or_default()
    }

    /// Returns a `PATH` that begins with `first`, goes on with the toolchains and ends with this process' own.
    pub(crate) fn path_after(&self, first: &Path) -> OsString {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(first.to_owned())
            .chain(self.folders.iter().cloned())
            .chain(std::env::split_paths(&own));
        std::env::join_paths(folders).unwrap_or(own)
    }
}

impl Kind {
    /// Finds the toolchain, or installs it, and returns its folders for `PATH`.
    ///
    /// Processes that do this at the same time wait for each other; one that is killed leaves nothing that the next would take for
    /// complete.
    fn ensure(&self, target: &Path) -> Result<Vec<PathBuf>> {
        if (self.found)() {
            return Ok(Vec::new());
        }
        let all = target.join("toolchains");
        let folder = all.join(self.name);
        let stamp = folder.join("complete");
        let recipe = (self.recipe)();
        let complete = || std::fs::read_to_string(&stamp).is_ok_and(|text| text == recipe);
        if !complete() {
            std::fs::create_dir_all(&all)?;
            let lock = std::fs::File::create(all.join(format!("{}.lock", self.name)))?;
            lock.lock()?;
            if !complete() {
                eprintln!("toolchains: installing {} into `{}`", self.name, folder.display());
                if folder.exists() {
                    std::fs::remove_dir_all(&folder)?;
                }
                std::fs::create_dir_all(&folder)?;
                (self.install)(&folder).map_err(|error| format!("{} could not be installed: {error}", self.name))?;
                std::fs::write(&stamp, &recipe)?;
            }
        }
        Ok(self.path.iter().map(|path| folder.join(path)).collect())
    }
}

/// Returns what a program of the machine prints about itself; nothing if it is not there or fails.
fn says(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Writes a program that starts another one: `exec PROGRAM ARGUMENTS… "$@"`, with `variables` set.
fn wrapper(file: &Path, variables: &[(&str, &Path)], program: &Path, arguments: &[&OsStr]) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let quoted = |text: &OsStr| format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"));
    let mut script = "#!/bin/sh\n".to_owned();
    for (name, value) in variables {
        script.push_str(&format!("export {name}={}\n", quoted(value.as_os_str())));
    }
    script.push_str("exec ");
    for word in std::iter::once(program.as_os_str()).chain(arguments.iter().copied()) {
        script.push_str(&quoted(word));
        script.push(' ');
    }
    script.push_str("\"$@\"\n");
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, script)?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A toolchain that is installed by writing a file.
    fn kind(recipe: fn() -> String, install: fn(&Path) -> Result<()>) -> Kind {
        Kind {
            name: "probe",
            recipe,
            found: || false,
            install,
            path: &["bin"],
        }
    }

    fn by_hand(folder: &Path) -> Result<()> {
        wrapper(
            &folder.join("bin/it's"),
            &[("GREETING", Path::new("a b"))],
            Path::new("/bin/sh"),
            &["-c".as_ref(), "echo \"$GREETING\" \"$1\"".as_ref(), "sh".as_ref()],
        )
    }

    #[test]
    fn what_was_installed_is_found_again_and_starts() {
        // A second `cargo xtask` must not download again, and paths with blanks and quotes must survive the wrapper.
        let target = tempfile::tempdir().unwrap();
        let made = kind(|| "1".to_owned(), by_hand).ensure(target.path()).unwrap();
        let again = kind(|| "1".to_owned(), |_| Err("again".into())).ensure(target.path());
        assert_eq!(again.unwrap(), made);
        let program = made[0].join("it's");
        assert_eq!(says(program.to_str().unwrap(), &["c d"]).unwrap(), "a b c d\n");
    }

    #[test]
    fn an_installation_that_broke_off_or_is_of_another_version_is_made_anew() {
        // Half of a compiler in the folder must not be taken for one.
        let target = tempfile::tempdir().unwrap();
        let broken = kind(
            || "1".to_owned(),
            |folder| {
                std::fs::write(folder.join("half"), "")?;
                Err("killed".into())
            },
        );
        assert!(broken.ensure(target.path()).is_err());
        kind(|| "1".to_owned(), by_hand).ensure(target.path()).unwrap();
        assert!(!target.path().join("toolchains/probe/half").exists());
        let newer = kind(|| "2".to_owned(), |_| Err("asked for".into())).ensure(target.path());
        assert_eq!(
            newer.unwrap_err().to_string(),
            "probe could not be installed: asked for"
        );
    }
}
