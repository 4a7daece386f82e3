//! The servers that tests talk to, found on the machine or installed from Debian's packages. Not here: starting one, which
//! each test does for itself and as an unprivileged user.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::project::succeed;

/// The variable that says that PostgreSQL has to be there.
pub(crate) const POSTGRES: &str = "AIRTIGHT_TEST_POSTGRES";

/// The variable that says that `docker-registry` has to be there.
pub(crate) const REGISTRY: &str = "AIRTIGHT_TEST_REGISTRY";

/// What a test needs of PostgreSQL.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "psql"];
/// Where Debian keeps them, a folder for each version.
const DEBIAN: &str = "/usr/lib/postgresql";

/// Finds PostgreSQL, or installs it.
pub(crate) fn postgres() -> Result<()> {
    if found() {
        return Ok(());
    }
    let help = "help: install PostgreSQL so that `initdb` is in the path, on Debian with `apt-get install postgresql`";
    install("postgresql").map_err(|error| format!("there is no PostgreSQL, and {error}\n{help}"))?;
    if found() {
        Ok(())
    } else {
        Err(format!("PostgreSQL was installed and is not found\n{help}").into())
    }
}

/// Finds Debian's registry of OCI artifacts, or installs it.
pub(crate) fn registry() -> Result<()> {
    let help =
        "help: install it so that `docker-registry` is in the path, on Debian with `apt-get install docker-registry`";
    let found = || {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join("docker-registry").is_file())
    };
    if found() {
        return Ok(());
    }
    install("docker-registry").map_err(|error| format!("there is no docker-registry, and {error}\n{help}"))?;
    if found() {
        Ok(())
    } else {
        Err(format!("docker-registry was installed and is not found\n{help}").into())
    }
}

/// Installs one of Debian's packages, as root or by a `sudo` that asks for nothing. What apt says goes to standard error.
pub(crate) fn install(package: &str) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").is_file() {
        return Err("there is no apt to install it with".into());
    }
    let prefix = as_root().ok_or("only root can install it")?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(prefix.first().copied().unwrap_or("apt-get"));
        command.args(prefix.iter().skip(1)).args(arguments);
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .stdout(Stdio::from(std::io::stderr()));
        succeed(&mut command)
    };
    let install = ["install", "--yes", "--no-install-recommends", package];
    // A machine's lists of packages may be old, or not there.
    let installed = apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)));
    installed.map_err(|error| format!("it cannot be installed: {error}").into())
}

fn found() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir(DEBIAN) {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    // A link to one program leads to the folder with all of them.
    let mut real = folders
        .iter()
        .filter_map(|folder| folder.join("initdb").canonicalize().ok());
    real.any(|initdb| PROGRAMS.iter().all(|name| initdb.with_file_name(name).is_file()))
}

/// How apt is started as root; none where that needs a password.
fn as_root() -> Option<Vec<&'static str>> {
    let quiet = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        command.output().ok().filter(|output| output.status.success())
    };
    let user = quiet("id", &["-u"])?;
    if user.stdout.trim_ascii() == b"0" {
        return Some(vec!["apt-get"]);
    }
    quiet("sudo", &["-n", "true"]).map(|_| vec!["sudo", "-n", "apt-get"])
}
