//! Confinement of the process that runs guests: what an escape from the sandbox could still reach. Files by Landlock,
//! system calls by seccomp, on every thread, once a process and for good. Not here: the sandbox itself, which does not rest
//! on any of this, and which folders a run needs (its caller knows).

pub(crate) mod landlock;
pub(crate) mod seccomp;
mod threads;

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What the process still needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfineRules {
    /// Files and folders that it reads. What is not there is left out.
    pub read: Vec<PathBuf>,
    /// Files and folders that it reads and changes.
    pub write: Vec<PathBuf>,
    /// Whether a step was granted the network.
    pub network: bool,
}

/// What was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    /// The version of Landlock, or why there is none.
    pub landlock: Result<u32, String>,
    /// Whether system calls are restricted, or why not.
    pub seccomp: Result<(), String>,
    /// Whether the network was left open.
    pub network: bool,
}

/// As `airtight run -v` says it.
impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let network = if self.network {
            "the granted network"
        } else {
            "no network"
        };
        match (&self.landlock, &self.seccomp) {
            (Ok(abi), Ok(())) => write!(f, "confined: Landlock ABI {abi}, seccomp; {network}"),
            (Ok(abi), Err(error)) => write!(f, "confined: Landlock ABI {abi}; no seccomp: {error}"),
            (Err(error), Ok(())) => write!(f, "confined: seccomp; {network}; no Landlock: {error}"),
            (Err(landlock), Err(seccomp)) => write!(f, "not confined: {landlock}; {seccomp}"),
        }
    }
}

/// Confines every thread of this process, and those that they start. What the kernel does not have is left out and said.
/// Cannot be undone; a second time only narrows further.
pub fn confine(rules: &ConfineRules) -> Confined {
    let _ = no_core_dumps();
    // Landlock first: seccomp then also covers the calls that could restrict it further.
    Confined {
        landlock: landlock::rules(rules).and_then(|made| threads::restrict_all(&made).map(|()| made.abi)),
        seccomp: seccomp::deny(rules.network).map_err(|error| error.to_string()),
        network: rules.network,
    }
}

/// No core dump of this process, and no other process of the user may look into it: for a process that holds secrets.
///
/// # Errors
/// The kernel refuses.
#[allow(unsafe_code)]
pub fn no_core_dumps() -> io::Result<()> {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: plain system calls on this process; the struct lives across the call.
    let failed = unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none) != 0 || libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) != 0
    };
    if failed {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
