//! Unpacks Debian's packages into a folder, of another Debian than the machine's too. Nothing is installed into the system: packages
//! come from the archive that apt uses already, through a copy of apt's state.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::project::succeed;

/// Unpacks `packages` of `suite` into `folder`, as they would lie below `/`. What they depend on is not looked at.
pub(super) fn unpack(folder: &Path, suite: &str, packages: &[&str]) -> Result<()> {
    let apt = folder.join("apt");
    std::fs::create_dir_all(&apt)?;
    fetch(&apt, suite, packages).map_err(|error| {
        format!("{error}\nhelp: on a machine that is not Debian, install it so that it is in the path")
    })?;
    let mut files: Vec<_> = std::fs::read_dir(&apt)?.collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.path().extension().is_some_and(|extension| extension == "deb"));
    for file in files {
        succeed(Command::new("dpkg").arg("-x").arg(file.path()).arg(folder))?;
    }
    std::fs::remove_dir_all(&apt)?;
    Ok(())
}

/// Downloads packages into `state`, which is also where apt keeps what it knows of the suite.
fn fetch(state: &Path, suite: &str, packages: &[&str]) -> Result<()> {
    for folder in ["apt.conf.d", "preferences.d", "lists/partial", "cache/archives/partial"] {
        std::fs::create_dir_all(state.join(folder))?;
    }
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let site = archive()?;
    std::fs::write(
        state.join("sources.list"),
        format!("deb [signed-by={keys}] {site} {suite} main\n"),
    )?;
    std::fs::write(state.join("status"), "")?;
    let at = state.display();
    let settings = state.join("apt.conf");
    std::fs::write(
        &settings,
        format!(
            "Dir::Etc \"{at}\";\nDir::Etc::sourcelist \"{at}/sources.list\";\nDir::Etc::sourceparts \"{at}/none\";\n\
             Dir::State \"{at}\";\nDir::State::lists \"{at}/lists\";\nDir::State::status \"{at}/status\";\n\
             Dir::Cache \"{at}/cache\";\nAPT::Sandbox::User \"\";\nAcquire::Languages \"none\";\nAcquire::Retries \"3\";\n"
        ),
    )?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.arg("-c").arg(&settings).arg("-qq").args(arguments);
        command
            .current_dir(state)
            .stdin(Stdio::null())
            .stdout(Stdio::from(std::io::stderr()));
        succeed(&mut command)
    };
    apt(&["update"])?;
    apt(&[&["download"], packages].concat())
}

/// Returns the address of the archive that this machine's apt uses.
fn archive() -> Result<String> {
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let codename = system.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.ok_or("this machine does not say which Debian it is")?;
    let format = "$(RELEASE) $(COMPONENT) $(REPO_URI)";
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", format, "Created-By: Packages"])
        .stdin(Stdio::null())
        .output()
        .map_err(|cause| format!("there is no apt: {cause}"))?;
    let text = String::from_utf8(output.stdout)?;
    let mut lines = text
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{codename} main ")));
    let site = lines
        .next()
        .ok_or("apt names no Debian archive to fetch packages from")?;
    Ok(site.to_owned())
}
