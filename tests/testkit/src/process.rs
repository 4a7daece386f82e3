//! A program that goes on while the test does something: what it prints is waited for, never slept for. Not here: runs that end by
//! themselves (`TestEnv::run`).

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How long a test waits for anything before it gives up. Far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    /// What it printed so far, both streams, in the order in which the lines came.
    pub seen: Vec<String>,
}

/// How a program ended.
#[derive(Debug)]
pub struct End {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// All that it printed.
    pub seen: Vec<String>,
    /// How long it took to end, from when that was asked or waited for.
    pub took: Duration,
}

fn read_lines(stream: impl Read + Send + 'static, to: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            if to.send(line).is_err() {
                break;
            }
        }
    });
}

impl Process {
    /// Starts a command.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let (sender, lines) = channel();
        read_lines(child.stdout.take().expect("it is piped"), sender.clone());
        read_lines(child.stderr.take().expect("it is piped"), sender);
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    /// Waits for a line that fits, from now on.
    ///
    /// # Panics
    /// The program ends without it, or it takes too long.
    #[track_caller]
    pub fn wait_for(&mut self, fits: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if fits(&line) {
                        return line;
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("the line never came\n{}", self.seen.join("\n")),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before\n{}", self.seen.join("\n")),
            }
        }
    }

    /// Sends an interrupt, as Ctrl-C does, and waits for the end.
    ///
    /// # Panics
    /// The signal cannot be sent, or the program does not end.
    #[track_caller]
    pub fn interrupt(self) -> End {
        let raw = i32::try_from(self.child.id()).expect("a process id is small");
        let pid = rustix::process::Pid::from_raw(raw).expect("a process id is not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("the program is there");
        self.finish()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// The program does not end.
    #[track_caller]
    pub fn finish(mut self) -> End {
        let began = Instant::now();
        let deadline = began + PATIENCE;
        // The streams close when the program ends; only then is there something to wait for.
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("it does not end\n{}", self.seen.join("\n")),
            }
        }
        let status: ExitStatus = self.child.wait().expect("the program was started");
        End {
            code: status.code(),
            seen: std::mem::take(&mut self.seen),
            took: began.elapsed(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
