//! Rules of Landlock: which paths, and whether TCP. Made once, applied to a thread at a time. Not here: reaching all
//! threads (`threads`).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    Scope, path_beneath_rules,
};

use super::ConfineRules;

/// The newest version whose rights are handled; an older kernel handles fewer.
const NEWEST: ABI = ABI::V6;
/// The oldest version that is used: before it nothing could be moved from one folder to another, which the store does.
const OLDEST: u32 = 2;

/// Rules, ready to be applied.
pub(crate) struct Rules {
    fd: OwnedFd,
    pub(crate) abi: u32,
}

impl Rules {
    pub(super) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// The kernel's version of Landlock.
fn version() -> u32 {
    // SAFETY: asks for a number; no pointer is read.
    let version = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, 1u32) };
    u32::try_from(version).unwrap_or(0)
}

fn reading() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// All but starting programs and making devices.
fn changing() -> BitFlags<AccessFs> {
    AccessFs::from_all(NEWEST) & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}

/// The rules that leave what `allowed` names.
pub(super) fn rules(allowed: &ConfineRules) -> Result<Rules, String> {
    let abi = version();
    if abi < OLDEST {
        return Err("the kernel has no Landlock".to_owned());
    }
    match make(allowed) {
        Ok(Some(fd)) => Ok(Rules { fd, abi }),
        Ok(None) => Err("the kernel has no Landlock".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The rules that leave nothing, where the kernel has Landlock.
pub(crate) fn nothing() -> Option<Rules> {
    rules(&ConfineRules::default()).ok()
}

fn make(allowed: &ConfineRules) -> Result<Option<OwnedFd>, RulesetError> {
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(NEWEST))?;
    if !allowed.network {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
    }
    let created = ruleset
        .scope(Scope::AbstractUnixSocket)?
        .create()?
        .add_rules(path_beneath_rules(&allowed.read, reading()))?
        .add_rules(path_beneath_rules(&allowed.write, changing()))?;
    Ok(created.into())
}

/// Applies rules to the calling thread.
pub(crate) fn restrict_this_thread(rules: &Rules) -> io::Result<()> {
    // SAFETY: see `restrict`; it is called in an ordinary context here.
    match unsafe { restrict(rules.raw()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Applies the rules of a descriptor to the calling thread; returns an error's number.
///
/// # Safety
/// None is needed of the caller. It makes two system calls and nothing else, so that a signal handler may call it.
pub(super) unsafe fn restrict(fd: RawFd) -> i32 {
    // SAFETY: plain system calls with numbers; the kernel checks the descriptor.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_landlock_restrict_self, fd, 0u32) == 0
        {
            0
        } else {
            *libc::__errno_location()
        }
    }
}
