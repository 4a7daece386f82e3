//! Reaches every thread of the process: Landlock restricts the thread that asks, and most kernels have no other way. Each
//! thread is sent a signal whose handler restricts it. Not here: the rules.
//!
//! New threads inherit the restriction of the one that starts them, so the list is read until nobody on it is new.
#![allow(unsafe_code)]

use std::collections::HashSet;
use std::io;
use std::os::fd::RawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use super::landlock::{Rules, restrict};

/// How long a thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the list of threads is read before it is given up.
const ROUNDS: usize = 100;

/// The descriptor of the rules while threads are being restricted.
static RULES: AtomicI32 = AtomicI32::new(-1);
/// The thread that was restricted last.
static ANSWERED: AtomicI32 = AtomicI32::new(0);
/// The number of the error of the last thread, or zero.
static ERROR: AtomicI32 = AtomicI32::new(0);

/// Restricts all threads.
pub(super) fn restrict_all(rules: &Rules) -> Result<(), String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    with_handler(rules.raw(), |signal| restrict_each(signal, rules.raw()))
}

/// Has the handler in place, with its rules, for as long as `reach` needs it.
fn with_handler(rules: RawFd, reach: impl FnOnce(libc::c_int) -> Result<(), String>) -> Result<(), String> {
    let signal = libc::SIGRTMAX() - 3;
    let before = install(signal).map_err(|error| format!("threads cannot be reached: {error}"))?;
    RULES.store(rules, Ordering::SeqCst);
    let done = reach(signal);
    RULES.store(-1, Ordering::SeqCst);
    if done.is_ok() {
        // A thread that did not answer may do so yet, and what was there before, as a rule, ends the process: the handler
        // stays then, and has no rules.
        // SAFETY: puts back what `sigaction` itself gave.
        unsafe { libc::sigaction(signal, &raw const before, std::ptr::null_mut()) };
    }
    done
}

fn restrict_each(signal: libc::c_int, rules: RawFd) -> Result<(), String> {
    // SAFETY: asks for a number.
    let me = unsafe { libc::gettid() };
    let mut done = HashSet::from([me]);
    for _ in 0..ROUNDS {
        let threads = threads().map_err(|error| format!("threads cannot be listed: {error}"))?;
        let new: Vec<libc::pid_t> = threads.into_iter().filter(|id| !done.contains(id)).collect();
        if new.is_empty() {
            // The caller last: it reads the list, which its own rules may not allow.
            // SAFETY: `restrict` asks for nothing.
            return match unsafe { restrict(rules) } {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(error).to_string()),
            };
        }
        for id in new {
            reach(id, signal, PATIENCE)?;
            done.insert(id);
        }
    }
    Err("threads are started faster than they can be restricted".to_owned())
}

/// The threads of this process.
fn threads() -> io::Result<Vec<libc::pid_t>> {
    let entries = std::fs::read_dir("/proc/self/task")?;
    entries
        .map(|entry| {
            let name = entry?.file_name();
            let id = name.to_str().and_then(|name| name.parse().ok());
            id.ok_or_else(|| io::ErrorKind::InvalidData.into())
        })
        .collect()
}

/// Restricts one other thread, if it is still there.
fn reach(id: libc::pid_t, signal: libc::c_int, patience: Duration) -> Result<(), String> {
    ANSWERED.store(0, Ordering::SeqCst);
    ERROR.store(0, Ordering::SeqCst);
    // SAFETY: a system call with numbers. The thread belongs to this process, or the call fails.
    let sent = || unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, signal) == 0 };
    if !sent() {
        return gone(id);
    }
    let began = Instant::now();
    while ANSWERED.load(Ordering::SeqCst) != id {
        if began.elapsed() > patience {
            return Err("a thread does not answer".to_owned());
        }
        // It may have ended before it saw the signal.
        // SAFETY: as above, with the signal that is none.
        if unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, 0) } != 0 {
            return gone(id);
        }
        std::thread::yield_now();
    }
    match ERROR.load(Ordering::SeqCst) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error).to_string()),
    }
}

/// A thread that could not be signalled: it has ended, or the reason is an error.
fn gone(_id: libc::pid_t) -> Result<(), String> {
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ESRCH) => Ok(()),
        _ => Err(format!("a thread cannot be reached: {error}")),
    }
}

fn install(signal: libc::c_int) -> io::Result<libc::sigaction> {
    // SAFETY: `sigaction` is plain data for which all zeroes is a value; both structs live across the call. The handler
    // makes system calls and touches atomics only, which a handler may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut before: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as extern "C" fn(libc::c_int) as usize;
        // What the signal interrupts goes on; the alternative stack is there where a guest's stack is nearly full.
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        libc::sigfillset(&raw mut action.sa_mask);
        if libc::sigaction(signal, &raw const action, &raw mut before) == 0 {
            Ok(before)
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

extern "C" fn handler(_signal: libc::c_int) {
    let rules = RULES.load(Ordering::SeqCst);
    // SAFETY: `restrict` may be called in a handler; the error number of what was interrupted is put back.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let error = if rules < 0 { libc::EBADF } else { restrict(rules) };
        ERROR.store(error, Ordering::SeqCst);
        ANSWERED.store(libc::gettid(), Ordering::SeqCst);
        *errno = before;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn mask(how: libc::c_int, signal: libc::c_int) {
        // SAFETY: a set on the stack that lives across the calls; the mask is the calling thread's own.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, signal);
            assert_eq!(libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut()), 0);
        }
    }

    // Who answers after it was given up must not be ended by the signal, for it would end the whole process.
    #[test]
    fn a_thread_that_answers_too_late_ends_nothing() {
        let (says, id) = mpsc::channel();
        let (go, told) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let signal = libc::SIGRTMAX() - 3;
            mask(libc::SIG_BLOCK, signal);
            // SAFETY: asks for a number.
            says.send(unsafe { libc::gettid() }).unwrap();
            told.recv().unwrap();
            mask(libc::SIG_UNBLOCK, signal);
        });
        let id = id.recv().unwrap();
        let done = with_handler(-1, |signal| reach(id, signal, Duration::from_millis(20)));
        assert_eq!(done, Err("a thread does not answer".to_owned()));
        go.send(()).unwrap();
        thread.join().unwrap();
        assert_eq!(ANSWERED.load(Ordering::SeqCst), id);
    }
}
