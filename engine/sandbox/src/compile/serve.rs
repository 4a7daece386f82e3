//! The child's side: the nursery, the keeper of each compilation, and the worker that compiles. Nothing here runs in the
//! process that runs guests. Not here: the other side of the connection.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use wasmtime::Engine;

use super::fds;
use super::wire::{Answer, HEAD_LEN, Head, MAX_ERROR, encode_answer};
use crate::adapt;
use crate::confine::{landlock, seccomp};
use crate::engine::config;

/// The memory that a worker may have, in bytes.
const MEMORY: u64 = 4 << 30;
/// The address space of a worker, in bytes: what its threads reserve and never use counts too.
const ADDRESSES: u64 = 64 << 30;
/// The processor time of a worker, in seconds. Its real limit is the step's, which the other side keeps.
const PROCESSOR: u64 = 4 * 3600;
/// The files that a process here may have open.
const FILES: u64 = 32;

/// Serves compilations over standard input until it is closed. Has to be called by a process that has one thread, and
/// does not return to anything that could use what the process was started with.
pub fn serve_compiler() -> io::Result<()> {
    // SAFETY: standard input is the connection, which the parent made for this; nothing else here uses it.
    let control = UnixStream::from(unsafe { OwnedFd::from_raw_fd(0) });
    alone()?;
    while let Some(connection) = fds::receive(&control)? {
        // SAFETY: this process has one thread, so the child may do whatever it could do itself.
        match unsafe { libc::fork() } {
            0 => {
                drop(control);
                keep(connection);
                exit()
            }
            // It could not: closing the connection tells.
            _ => drop(connection),
        }
    }
    Ok(())
}

fn exit() -> ! {
    // SAFETY: ends the process at once. What the parent registered to run at its end must not run here.
    unsafe { libc::_exit(0) }
}

/// Away from the terminal's signals, without files, without a core.
fn alone() -> io::Result<()> {
    // SAFETY: plain system calls on this process. A child that ends is not waited for.
    unsafe {
        libc::setsid();
        libc::signal(libc::SIGCHLD, libc::SIG_IGN);
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_NOFILE, FILES)?;
    // Where the kernel has no Landlock the worker's system calls are restricted all the same.
    if let Some(rules) = landlock::nothing() {
        let _ = landlock::restrict_this_thread(&rules);
    }
    Ok(())
}

fn limit(what: libc::__rlimit_resource_t, most: u64) -> io::Result<()> {
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: reads one struct that lives across the call.
    match unsafe { libc::setrlimit(what, &raw const limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Watches over one worker: ends it when the connection is closed, and says how it ended.
fn keep(connection: OwnedFd) {
    // SAFETY: this process has one thread; the worker is its only child and is waited for below.
    let worker = unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::fork()
    };
    match worker {
        -1 => {}
        0 => {
            work(File::from(connection));
            exit()
        }
        worker => {
            let status = watch(&connection, worker);
            if let Some(text) = ending(status) {
                let mut connection = File::from(connection);
                let _ = answer(&mut connection, Answer::Ended, text.as_bytes());
            }
        }
    }
}

/// Waits until the worker has ended; ends it when the other side of the connection is closed.
fn watch(connection: &OwnedFd, worker: libc::pid_t) -> libc::c_int {
    let mut status = 0;
    // SAFETY: system calls on descriptors and on a child of this process that nobody else waits for, so its number
    // cannot name another process.
    unsafe {
        let ended = libc::syscall(libc::SYS_pidfd_open, worker, 0) as libc::c_int;
        let mut watched = [
            libc::pollfd {
                fd: connection.as_raw_fd(),
                events: libc::POLLRDHUP,
                revents: 0,
            },
            libc::pollfd {
                fd: ended,
                events: libc::POLLIN,
                revents: 0,
            },
        ];
        // Without a descriptor of the worker: look now and then.
        let wait = if ended < 0 { 20 } else { -1 };
        loop {
            libc::poll(watched.as_mut_ptr(), 2, wait);
            if watched[0].revents != 0 {
                libc::kill(worker, libc::SIGKILL);
                libc::waitpid(worker, &raw mut status, 0);
                return status;
            }
            if libc::waitpid(worker, &raw mut status, libc::WNOHANG) == worker {
                return status;
            }
        }
    }
}

/// How a worker ended that did not answer.
fn ending(status: libc::c_int) -> Option<String> {
    if libc::WIFSIGNALED(status) {
        return Some(match libc::WTERMSIG(status) {
            libc::SIGABRT | libc::SIGKILL => {
                "it needs more memory than compiling may take, or it was killed".to_owned()
            }
            libc::SIGXCPU => "it took all the processor time that compiling may take".to_owned(),
            signal => format!("signal {signal}"),
        });
    }
    (libc::WIFEXITED(status) && libc::WEXITSTATUS(status) != 0).then(|| "it panicked".to_owned())
}

fn answer(connection: &mut File, answer: Answer, bytes: &[u8]) -> io::Result<()> {
    connection.write_all(&encode_answer(answer, bytes.len() as u64))?;
    connection.write_all(bytes)
}

/// Compiles one component. Restricts itself before it looks at a byte of it.
fn work(mut connection: File) {
    let restricted = limit(libc::RLIMIT_DATA, MEMORY)
        .and_then(|()| limit(libc::RLIMIT_AS, ADDRESSES))
        .and_then(|()| limit(libc::RLIMIT_CPU, PROCESSOR))
        .and_then(|()| seccomp::only_compute());
    let told = match restricted {
        Ok(()) => compile(&mut connection),
        Err(error) => Err((Answer::Ended, format!("it cannot be restricted: {error}"))),
    };
    let _ = match told {
        Ok(code) => answer(&mut connection, Answer::Code, &code),
        Err((kind, mut text)) => {
            text.truncate(
                (0..=MAX_ERROR.min(text.len()))
                    .rev()
                    .find(|&at| text.is_char_boundary(at))
                    .unwrap_or(0),
            );
            answer(&mut connection, kind, text.as_bytes())
        }
    };
}

fn compile(connection: &mut File) -> Result<Vec<u8>, (Answer, String)> {
    let failed = |error: io::Error| (Answer::Ended, error.to_string());
    let mut head = [0; HEAD_LEN];
    connection.read_exact(&mut head).map_err(failed)?;
    let head =
        Head::decode(&head).ok_or_else(|| (Answer::Ended, "it was asked for nothing that it knows".to_owned()))?;
    let mut bytes = Vec::new();
    connection.take(head.len).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 != head.len {
        return Err((Answer::Ended, "it got half a component".to_owned()));
    }
    if head.adapt {
        bytes = adapt::adapt_preview1(&bytes).map_err(|text| (Answer::Adapt, text))?;
    }
    let engine = config(head.kind, head.flavour).and_then(|config| Engine::new(&config));
    let engine = engine.map_err(|error| (Answer::Ended, format!("{error:#}")))?;
    let code = engine.precompile_component(&bytes);
    code.map_err(|error| (Answer::Compile, format!("{error:#}")))
}
