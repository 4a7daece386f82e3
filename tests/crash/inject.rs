//! Makes a system call of the real program fail: follows all its threads and children with ptrace, counts the calls that concern
//! files below given folders, and lets one of them, or all from one on, fail. Not here: which call fails, and what has to
//! come of it. Linux on x86-64 only: elsewhere nothing is injected, and the test says so.
#![allow(
    unsafe_code,
    reason = "ptrace has no safe face; each call is on a process that is stopped and ours"
)]

use std::collections::HashMap;
use std::ffi::c_void;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;

use airtight_testkit::Run;

use crate::lab::{PATIENCE, Said};

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done and gives this error.
    Once(i32),
    /// So is every call from it on that writes, as on a full disk.
    Lasting(i32),
    /// It reads or writes only half of what it was asked to.
    Short,
    /// It writes half, and the next call that writes finds the disk full.
    Torn,
    /// The process is killed before it.
    Kill,
}

/// What became of a program under faults.
pub(crate) struct Traced {
    pub(crate) run: Run,
    /// How many calls concerned the folders.
    pub(crate) calls: u64,
    /// The call that failed.
    pub(crate) failed: Option<String>,
    /// Whether it had to be ended.
    pub(crate) hung: bool,
}

/// What a call is about, where it can concern a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// The descriptor in this argument.
    Fd(usize),
    /// The path in this argument.
    Path(usize),
    /// The path in the second of these arguments, below the descriptor in the first.
    At(usize, usize),
}

/// The calls that count: number, name, what they are about, whether they change something.
const CALLS: &[(i64, &str, About, bool)] = &[
    (libc::SYS_read, "read", About::Fd(0), false),
    (libc::SYS_pread64, "pread64", About::Fd(0), false),
    (libc::SYS_readv, "readv", About::Fd(0), false),
    (libc::SYS_write, "write", About::Fd(0), true),
    (libc::SYS_pwrite64, "pwrite64", About::Fd(0), true),
    (libc::SYS_writev, "writev", About::Fd(0), true),
    (libc::SYS_ftruncate, "ftruncate", About::Fd(0), true),
    (libc::SYS_fallocate, "fallocate", About::Fd(0), true),
    (libc::SYS_fsync, "fsync", About::Fd(0), true),
    (libc::SYS_fdatasync, "fdatasync", About::Fd(0), true),
    (libc::SYS_syncfs, "syncfs", About::Fd(0), true),
    (libc::SYS_getdents64, "getdents64", About::Fd(0), false),
    (libc::SYS_mmap, "mmap", About::Fd(4), false),
    (libc::SYS_fchmod, "fchmod", About::Fd(0), true),
    (libc::SYS_copy_file_range, "copy_file_range", About::Fd(2), true),
    (libc::SYS_sendfile, "sendfile", About::Fd(0), true),
    (libc::SYS_flock, "flock", About::Fd(0), false),
    (libc::SYS_fcntl, "fcntl", About::Fd(0), false),
    (libc::SYS_fstat, "fstat", About::Fd(0), false),
    (libc::SYS_open, "open", About::Path(0), false),
    (libc::SYS_openat, "openat", About::At(0, 1), false),
    (libc::SYS_openat2, "openat2", About::At(0, 1), false),
    (libc::SYS_stat, "stat", About::Path(0), false),
    (libc::SYS_lstat, "lstat", About::Path(0), false),
    (libc::SYS_newfstatat, "newfstatat", About::At(0, 1), false),
    (libc::SYS_statx, "statx", About::At(0, 1), false),
    (libc::SYS_access, "access", About::Path(0), false),
    (libc::SYS_faccessat2, "faccessat2", About::At(0, 1), false),
    (libc::SYS_mkdir, "mkdir", About::Path(0), true),
    (libc::SYS_mkdirat, "mkdirat", About::At(0, 1), true),
    (libc::SYS_rename, "rename", About::Path(1), true),
    (libc::SYS_renameat, "renameat", About::At(2, 3), true),
    (libc::SYS_renameat2, "renameat2", About::At(2, 3), true),
    (libc::SYS_link, "link", About::Path(1), true),
    (libc::SYS_linkat, "linkat", About::At(2, 3), true),
    (libc::SYS_symlinkat, "symlinkat", About::At(1, 2), true),
    (libc::SYS_fchmodat, "fchmodat", About::At(0, 1), true),
    (libc::SYS_unlink, "unlink", About::Path(0), false),
    (libc::SYS_unlinkat, "unlinkat", About::At(0, 1), false),
    (libc::SYS_rmdir, "rmdir", About::Path(0), false),
];

/// A call that is about to be made.
struct Call {
    name: &'static str,
    writes: bool,
    args: [u64; 6],
    path: PathBuf,
}

impl Call {
    /// Whether it can do half of its work.
    fn can_be_short(&self) -> bool {
        matches!(self.name, "read" | "pread64" | "write" | "pwrite64") && self.args[2] > 1
    }
}

struct Tracer<'a> {
    folders: &'a [PathBuf],
    /// The names of the calls that count; none: all.
    names: &'a [&'a str],
    /// The number of the call and what happens at it.
    fault: Option<(u64, Fault)>,
    main: libc::pid_t,
    calls: u64,
    failed: Option<String>,
    /// Whether the next call that writes finds the disk full.
    full_next: bool,
    /// What the call that a thread is in has to return.
    results: HashMap<libc::pid_t, i64>,
}

/// Runs a command to its end, with a fault at call number `n` (from 0) of those that concern files below the folders and have one of
/// the names (of all, where there are none).
#[expect(
    clippy::zombie_processes,
    reason = "`follow` waits for it, and for all that it starts"
)]
pub(crate) fn run(command: &mut Command, folders: &[PathBuf], names: &[&str], fault: Option<(u64, Fault)>) -> Traced {
    let said = Said::of(command);
    command.process_group(0);
    // SAFETY: between fork and exec only this one system call is made.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
    let child = command.spawn().expect("the program can be started and traced");
    let group = rustix::process::Pid::from_child(&child);
    let (ended, wait) = channel::<()>();
    // The one who traces waits in the kernel, so another thread has the patience.
    let watchdog = std::thread::spawn(move || {
        let hangs = wait.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout);
        if hangs {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        hangs
    });
    let mut tracer = Tracer {
        folders,
        names,
        fault,
        main: group.as_raw_pid(),
        calls: 0,
        failed: None,
        full_next: false,
        results: HashMap::new(),
    };
    let code = tracer.follow();
    drop(ended);
    Traced {
        hung: watchdog.join().unwrap(),
        run: said.run(code),
        calls: tracer.calls,
        failed: tracer.failed,
    }
}

fn request(request: libc::c_uint, thread: libc::pid_t, address: usize, data: usize) -> i64 {
    // SAFETY: the thread is stopped and traced by this one; what addresses there are lead to values that outlive the call.
    unsafe { libc::ptrace(request, thread, address as *mut c_void, data as *mut c_void) }
}

fn registers(thread: libc::pid_t) -> Option<libc::user_regs_struct> {
    // SAFETY: a structure of integers, all of which may be zero.
    let mut found: libc::user_regs_struct = unsafe { zeroed() };
    (request(libc::PTRACE_GETREGS, thread, 0, &raw mut found as usize) == 0).then_some(found)
}

fn set_registers(thread: libc::pid_t, registers: &libc::user_regs_struct) {
    request(libc::PTRACE_SETREGS, thread, 0, std::ptr::from_ref(registers) as usize);
}

/// Eight bytes of the traced process.
fn word_at(thread: libc::pid_t, address: u64) -> Option<i64> {
    // SAFETY: errno is this thread's own.
    unsafe { *libc::__errno_location() = 0 };
    let word = request(libc::PTRACE_PEEKDATA, thread, address as usize, 0);
    // SAFETY: as above.
    let failed = word == -1 && unsafe { *libc::__errno_location() } != 0;
    (!failed).then_some(word)
}

/// A text of the traced process.
fn text_at(thread: libc::pid_t, mut address: u64) -> Option<String> {
    let mut bytes = Vec::new();
    while bytes.len() < 4096 {
        let word = word_at(thread, address)?.to_le_bytes();
        let end = word.iter().position(|byte| *byte == 0);
        bytes.extend_from_slice(&word[..end.unwrap_or(word.len())]);
        if end.is_some() {
            break;
        }
        address += word.len() as u64;
    }
    String::from_utf8(bytes).ok()
}

impl Tracer<'_> {
    /// Follows the program to its end and that of all it started; returns its exit code.
    fn follow(&mut self) -> Option<i32> {
        let mut code = None;
        let mut first = true;
        loop {
            let mut status = 0;
            // Of this thread's children only: other tests have theirs.
            // SAFETY: the status is ours.
            let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
            if thread == -1 {
                return code;
            }
            if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
                self.results.remove(&thread);
                if thread == self.main && libc::WIFEXITED(status) {
                    code = Some(libc::WEXITSTATUS(status));
                }
                continue;
            }
            if first {
                first = false;
                let options = libc::PTRACE_O_TRACESYSGOOD
                    | libc::PTRACE_O_TRACECLONE
                    | libc::PTRACE_O_TRACEFORK
                    | libc::PTRACE_O_TRACEVFORK
                    | libc::PTRACE_O_TRACEEXEC
                    | libc::PTRACE_O_EXITKILL;
                request(libc::PTRACE_SETOPTIONS, thread, 0, options as usize);
            }
            let signal = match libc::WSTOPSIG(status) {
                at_call if at_call == libc::SIGTRAP | 0x80 => {
                    self.at_call(thread);
                    0
                }
                // Events, and what a new thread begins with. Nobody else sends these.
                libc::SIGTRAP | libc::SIGSTOP => 0,
                other => other,
            };
            request(libc::PTRACE_SYSCALL, thread, 0, signal as usize);
        }
    }

    fn at_call(&mut self, thread: libc::pid_t) {
        // SAFETY: a structure of integers, all of which may be zero.
        let mut state: libc::ptrace_syscall_info = unsafe { zeroed() };
        let size = size_of::<libc::ptrace_syscall_info>();
        if request(libc::PTRACE_GET_SYSCALL_INFO, thread, size, &raw mut state as usize) <= 0 {
            return;
        }
        match state.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: the kernel says that this variant is filled.
                let entry = unsafe { state.u.entry };
                self.enters(thread, entry.nr as i64, entry.args);
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => {
                if let (Some(result), Some(mut registers)) = (self.results.remove(&thread), registers(thread)) {
                    registers.rax = result as u64;
                    set_registers(thread, &registers);
                }
            }
            _ => {}
        }
    }

    /// The call as far as it counts.
    fn call(&self, thread: libc::pid_t, number: i64, args: [u64; 6]) -> Option<Call> {
        let (_, name, about, writes) = *CALLS.iter().find(|(known, ..)| *known == number)?;
        if !self.names.is_empty() && !self.names.contains(&name) {
            return None;
        }
        // Locks only: other uses do not touch the file.
        let is_lock = |command: u64| [libc::F_SETLK, libc::F_SETLKW].contains(&(command as i32));
        // And taking them only, unless it is locks that are asked for: no kernel refuses to release one.
        let takes = || word_at(thread, args[2]).is_some_and(|lock| lock as i16 != libc::F_UNLCK as i16);
        if name == "fcntl" && !(is_lock(args[1]) && (!self.names.is_empty() || takes())) {
            return None;
        }
        let of = |fd: u64| {
            let link = match fd as i32 {
                libc::AT_FDCWD => format!("/proc/{thread}/cwd"),
                fd if fd < 0 => return None,
                fd => format!("/proc/{thread}/fd/{fd}"),
            };
            std::fs::read_link(link).ok()
        };
        let at = |fd: u64, path: u64| {
            let path = text_at(thread, path)?;
            if path.starts_with('/') {
                return Some(PathBuf::from(path));
            }
            of(fd).map(|folder| folder.join(path))
        };
        let path = match about {
            About::Fd(fd) => of(args[fd]),
            About::Path(path) => at(libc::AT_FDCWD as u64, args[path]),
            About::At(fd, path) => at(args[fd], args[path]),
        }?;
        let creates = matches!(name, "open" | "openat") && {
            let flags = args[if name == "open" { 1 } else { 2 }];
            flags & libc::O_CREAT as u64 != 0
        };
        let concerns = |folder: &PathBuf| path.starts_with(folder);
        self.folders.iter().any(concerns).then(|| Call {
            name,
            writes: writes || creates,
            args,
            path: path.clone(),
        })
    }

    fn enters(&mut self, thread: libc::pid_t, number: i64, args: [u64; 6]) {
        let Some(call) = self.call(thread, number, args) else {
            return;
        };
        let at = self.calls;
        self.calls += 1;
        if self.full_next && call.writes {
            self.full_next = false;
            return self.fail(thread, &call, libc::ENOSPC);
        }
        let Some((n, fault)) = self.fault else { return };
        match fault {
            Fault::Lasting(error) if at >= n && call.writes => self.fail(thread, &call, error),
            _ if at != n => {}
            Fault::Once(error) => self.fail(thread, &call, error),
            Fault::Short | Fault::Torn if call.can_be_short() => {
                self.say(&call, "does half of it");
                self.full_next = fault == Fault::Torn && call.writes;
                if let Some(mut registers) = registers(thread) {
                    registers.rdx /= 2;
                    set_registers(thread, &registers);
                }
            }
            Fault::Kill => {
                self.say(&call, "is killed at");
                // SAFETY: the process is there: it is stopped.
                unsafe { libc::kill(self.main, libc::SIGKILL) };
            }
            // What cannot do half of its work does none of it.
            Fault::Short | Fault::Torn => self.fail(thread, &call, libc::EIO),
            Fault::Lasting(_) => {}
        }
    }

    fn say(&mut self, call: &Call, what: &str) {
        let shown = |path: &Path| path.display().to_string();
        let text = format!("{} of {} {what}", call.name, shown(&call.path));
        self.failed.get_or_insert(text);
    }

    /// Has the kernel do something harmless in place of the call, whose result is then replaced.
    fn fail(&mut self, thread: libc::pid_t, call: &Call, error: i32) {
        let Some(mut registers) = registers(thread) else { return };
        self.say(call, &format!("fails: {}", io::Error::from_raw_os_error(error)));
        registers.orig_rax = libc::SYS_getpid as u64;
        set_registers(thread, &registers);
        self.results.insert(thread, -i64::from(error));
    }
}
