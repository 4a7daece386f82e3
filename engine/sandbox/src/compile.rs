//! Compiling a stranger's component outside of this process: in a child that has nothing but its connection, limits of its
//! own and a time to be done in. Not here: keeping what it made (`native`), and what is linked to it (`load`).
//!
//! ```text
//! this process ── control ──→ nursery        started before anything is restricted; one thread, no files
//!        │                       │ fork, for each component
//!        │                    keeper         ends the worker when the connection is closed, says how it ended
//!        │                       │ fork
//!        └─── connection ─────→ worker       memory limit, system calls of a computation only, then reads the bytes
//! ```
//!
//! Closing the connection is what ends a compilation: so it ends with this process too, however that ends.

mod fds;
mod serve;
mod wire;

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::{EngineKind, Flavour};
use wire::{Answer, Head, MAX_CODE};

pub use serve::serve_compiler;

/// How often a wait for the child looks at its deadline.
const LOOK: Duration = Duration::from_millis(50);

/// Where components are compiled.
#[derive(Clone, Default)]
pub enum Compiler {
    /// In this process. For the sandbox's own tests, and where no child can be started.
    #[default]
    InProcess,
    /// In a child.
    Child(Arc<CompileChild>),
}

/// What is to be compiled.
pub(crate) struct Job<'a> {
    pub(crate) kind: EngineKind,
    pub(crate) flavour: Flavour,
    /// Whether it is a core module that has to be adapted first.
    pub(crate) adapt: bool,
    pub(crate) bytes: &'a [u8],
}

/// Why there is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CompileError {
    #[error("the module cannot be adapted: {0}")]
    Adapt(String),
    #[error("the component does not compile: {0}")]
    Compile(String),
    #[error("the component takes too long to compile")]
    Late,
    #[error("the compiler ended before it was done: {0}")]
    Ended(String),
    #[error("the process that compiles cannot be reached: {0}")]
    Unreachable(String),
}

/// When a compilation has to be done. Steps that wait for the same one may move it on.
#[derive(Debug)]
pub(crate) struct Deadline {
    start: Instant,
    /// Milliseconds after the start.
    ms: AtomicU64,
}

impl Deadline {
    pub(crate) fn new(ms: u64) -> Self {
        Self {
            start: Instant::now(),
            ms: AtomicU64::new(ms),
        }
    }

    /// Someone who has `ms` from now on waits too.
    pub(crate) fn extend(&self, ms: u64) {
        let elapsed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.ms.fetch_max(elapsed.saturating_add(ms), Ordering::SeqCst);
    }

    fn is_over(&self) -> bool {
        self.start.elapsed() >= Duration::from_millis(self.ms.load(Ordering::SeqCst))
    }
}

/// The child that compiles. Ends when this is dropped.
pub struct CompileChild {
    control: Mutex<UnixStream>,
}

impl CompileChild {
    /// Starts `program` with `arguments`; it has to call [`serve_compiler`] before it starts a thread. It gets no
    /// environment, and no file but its connection.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // It ends by itself when the connection is closed; until this process ends there is nothing to collect.
        let _ = child.try_wait();
        Ok(Self {
            control: Mutex::new(ours),
        })
    }

    /// Compiles. Gives up at the deadline, and ends the worker.
    pub(crate) fn compile(&self, job: &Job<'_>, deadline: &Deadline) -> Result<Vec<u8>, CompileError> {
        let unreachable = |error: io::Error| CompileError::Unreachable(error.to_string());
        let (ours, theirs) = UnixStream::pair().map_err(unreachable)?;
        {
            let control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
            fds::send(&control, &theirs).map_err(unreachable)?;
        }
        drop(theirs);
        ours.set_read_timeout(Some(LOOK)).map_err(unreachable)?;
        ours.set_write_timeout(Some(LOOK)).map_err(unreachable)?;
        let mut connection = Connection { stream: ours, deadline };
        let head = Head {
            kind: job.kind,
            flavour: job.flavour,
            adapt: job.adapt,
            len: job.bytes.len() as u64,
        };
        let sent = connection
            .write_all(&head.encode())
            .and_then(|()| connection.write_all(job.bytes));
        // A worker that could not even read says why, if it can.
        match (sent, connection.answer()) {
            (_, Err(error)) if error.kind() == io::ErrorKind::TimedOut => Err(CompileError::Late),
            (_, Err(_)) => Err(CompileError::Ended("it closed the connection".to_owned())),
            (_, Ok((Answer::Adapt, text))) => Err(CompileError::Adapt(lossy(&text))),
            (_, Ok((Answer::Compile, text))) => Err(CompileError::Compile(lossy(&text))),
            (_, Ok((Answer::Ended, text))) => Err(CompileError::Ended(lossy(&text))),
            (Err(_), Ok((Answer::Code, _))) => Err(CompileError::Ended("it answered too early".to_owned())),
            (Ok(()), Ok((Answer::Code, code))) => Ok(code),
        }
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// The connection to a worker, whose waits end at the deadline.
struct Connection<'a> {
    stream: UnixStream,
    deadline: &'a Deadline,
}

impl Connection<'_> {
    /// Tries again what only waited too long for one look at the deadline.
    fn patiently<T>(&mut self, mut act: impl FnMut(&mut UnixStream) -> io::Result<T>) -> io::Result<T> {
        loop {
            match act(&mut self.stream) {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    if self.deadline.is_over() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.patiently(|stream| stream.write(bytes))? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                count => bytes = &bytes[count..],
            }
        }
        Ok(())
    }

    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.patiently(|stream| stream.read(&mut buffer[filled..]))? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => filled += count,
            }
        }
        Ok(())
    }

    fn answer(&mut self) -> io::Result<(Answer, Vec<u8>)> {
        let mut head = [0; wire::ANSWER_LEN];
        self.read_exact(&mut head)?;
        let (answer, len) = wire::decode_answer(&head).ok_or(io::ErrorKind::InvalidData)?;
        let len = usize::try_from(len.min(MAX_CODE)).map_err(|_| io::ErrorKind::InvalidData)?;
        // Grows with what really comes: a length is only a claim.
        let mut body = Vec::new();
        while body.len() < len {
            let from = body.len();
            body.resize(len.min(from + (1 << 20)), 0);
            self.read_exact(&mut body[from..])?;
        }
        Ok((answer, body))
    }
}
