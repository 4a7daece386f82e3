//! Filters of system calls: a list that the process that runs guests never needs, and a short list that is all that a
//! worker which compiles needs. Not here: files (`landlock`).
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, apply_filter_all_threads,
};

/// Calls of another calling convention of the same architecture carry this bit.
#[cfg(target_arch = "x86_64")]
const OTHER_CONVENTION: Option<i64> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const OTHER_CONVENTION: Option<i64> = None;

/// What neither a guest's host nor anything beside it ever does: start programs, look into other processes, change what
/// the machine is.
const NEVER: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    // Signals that say nothing of the process, or more than a signal.
    libc::SYS_pidfd_send_signal,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_kcmp,
    libc::SYS_bpf,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_personality,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_capset,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_mknodat,
    libc::SYS_fanotify_init,
];

/// Those of one architecture only.
#[cfg(target_arch = "x86_64")]
const NEVER_HERE: &[i64] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_mknod,
    libc::SYS_uselib,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_HERE: &[i64] = &[];

/// All that a computation needs that reads and writes what is open.
const COMPUTE: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeccompError {
    #[error("there are no filters of system calls for this processor")]
    Processor,
    #[error("the filter of system calls cannot be made: {0}")]
    Make(#[from] BackendError),
    #[error("the kernel takes no filter of system calls: {0}")]
    Apply(#[from] seccompiler::Error),
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn arch() -> Result<TargetArch, SeccompError> {
    std::env::consts::ARCH.try_into().map_err(|_| SeccompError::Processor)
}

fn condition(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn program(rules: Rules, otherwise: SeccompAction, then: SeccompAction) -> Result<BpfProgram, SeccompError> {
    Ok(SeccompFilter::new(rules, otherwise, then, arch()?)?.try_into()?)
}

/// A process of its own is what a thread without this flag would be; each of the others is a namespace of its own.
fn only_threads() -> Result<Vec<SeccompRule>, BackendError> {
    let thread = libc::CLONE_THREAD as u64;
    Ok(vec![SeccompRule::new(vec![condition(
        0,
        SeccompCmpOp::MaskedEq(thread),
        0,
    )?])?])
}

/// Adds `rules` for a call in both conventions.
fn add(all: &mut Rules, call: i64, rules: &[SeccompRule]) {
    all.insert(call, rules.to_vec());
    if let Some(bit) = OTHER_CONVENTION {
        all.insert(call | bit, rules.to_vec());
    }
}

/// Refuses what the process that runs guests never needs, on all its threads.
pub(super) fn deny(network: bool) -> Result<(), SeccompError> {
    let mut rules = Rules::new();
    for call in NEVER.iter().chain(NEVER_HERE) {
        add(&mut rules, *call, &[]);
    }
    // Nobody speaks to other processes of this machine by name, or has raw sockets. Pairs of sockets are another call.
    let others = if network {
        let families = [libc::AF_INET, libc::AF_INET6].iter();
        let others = families.map(|family| condition(0, SeccompCmpOp::Ne, *family as u64));
        vec![SeccompRule::new(others.collect::<Result<_, _>>()?)?]
    } else {
        Vec::new()
    };
    add(&mut rules, libc::SYS_socket, &others);
    add(&mut rules, libc::SYS_clone, &only_threads()?);
    // What would type into the terminal that airtight was started from.
    let typing = [libc::TIOCSTI, libc::TIOCLINUX].map(|request| u64::from(request as u32));
    let typing = typing.map(|request| SeccompRule::new(vec![condition(1, SeccompCmpOp::Eq, request)?]));
    let typing = typing.into_iter().collect::<Result<Vec<_>, _>>()?;
    add(&mut rules, libc::SYS_ioctl, &typing);
    // Signals to other processes.
    let me = u64::from(std::process::id());
    let elsewhere = SeccompRule::new(vec![condition(0, SeccompCmpOp::Ne, me)?])?;
    add(&mut rules, libc::SYS_kill, std::slice::from_ref(&elsewhere));
    add(&mut rules, libc::SYS_tgkill, std::slice::from_ref(&elsewhere));
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let refused = program(rules, SeccompAction::Allow, refuse)?;
    // Its arguments are in memory, where a filter cannot look: who is told that it does not exist uses `clone`.
    let mut unknown = Rules::new();
    add(&mut unknown, libc::SYS_clone3, &[]);
    let unknown = program(unknown, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
    apply_filter_all_threads(&unknown)?;
    apply_filter_all_threads(&refused)?;
    Ok(())
}

/// Leaves the calling thread, and those that it starts, what a computation needs. Anything else fails with `EPERM`.
pub(crate) fn only_compute() -> io::Result<()> {
    let apply = || -> Result<(), SeccompError> {
        let mut rules: Rules = COMPUTE.iter().map(|call| (*call, Vec::new())).collect();
        let thread = libc::CLONE_THREAD as u64;
        let threads = SeccompRule::new(vec![condition(0, SeccompCmpOp::MaskedEq(thread), thread)?])?;
        rules.insert(libc::SYS_clone, vec![threads]);
        // To abort.
        let me = condition(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?;
        rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![me])?]);
        // Nothing that could be run: code is made here and never used.
        let never_run = SeccompRule::new(vec![condition(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0)?])?;
        rules.insert(libc::SYS_mprotect, vec![never_run.clone()]);
        rules.insert(libc::SYS_mmap, vec![never_run]);
        // The other filter answers it, and what refuses wins over what allows.
        rules.insert(libc::SYS_clone3, Vec::new());
        let refuse = SeccompAction::Errno(libc::EPERM as u32);
        let allowed = program(rules, refuse, SeccompAction::Allow)?;
        let unknown = Rules::from([(libc::SYS_clone3, Vec::new())]);
        let unknown = program(unknown, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))?;
        apply_filter(&unknown)?;
        apply_filter(&allowed)?;
        Ok(())
    };
    apply().map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // A worker that was taken over ends nobody but itself. Signal 0 only asks whether a signal could be sent.
    #[test]
    fn a_worker_signals_no_other_process() {
        let tried = std::thread::spawn(|| {
            only_compute().map_err(|error| error.to_string())?;
            // SAFETY: calls with numbers, of which none does anything.
            let signal =
                |process: i32, thread: i32| match unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) } {
                    0 => None,
                    _ => io::Error::last_os_error().raw_os_error(),
                };
            // SAFETY: asks for numbers.
            let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
            Ok::<_, String>((signal(process, thread), signal(1, 1)))
        });
        assert_eq!(tried.join().unwrap(), Ok((None, Some(libc::EPERM))));
    }
}
