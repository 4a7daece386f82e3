//! Installs programs that come as Python packages. Not here: which, and of which version.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::project::succeed;

/// Installs packages, each as `NAME==VERSION`, into `folder` and nowhere else, with the machine's own Python.
pub(super) fn install(folder: &Path, packages: &[&str]) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--target"])
        .arg(folder)
        .args(packages)
        // As root, pip warns about an installation into the system, which this is not.
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::from(std::io::stderr()));
    succeed(&mut pip).map_err(|error| {
        let names: Vec<_> = packages.iter().map(OsStr::new).map(|name| name.display().to_string()).collect();
        format!(
            "{error}\nhelp: Python 3 with pip has to be there (on Debian `apt-get install python3-pip`) and reach its packages: {}",
            names.join(", ")
        )
        .into()
    })
}
