//! Runs a program for a secret: no shell, no input, bounded in time and size. Not here: what becomes of the value.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use airtight_exec::Cancel;
use zeroize::Zeroizing;

use super::{NoValue, too_large};
use crate::escape;

/// How long a program may take.
const TIME: Duration = Duration::from_secs(60);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(5);
/// How much of its standard error is shown when it fails, in bytes.
const SHOWN: usize = 2 << 10;

/// What the program writes on standard output. It is run in `folder`, with the environment of this process.
pub(super) fn output(
    argv: &[String],
    folder: &Path,
    most: usize,
    cancel: &Cancel,
) -> Result<Zeroizing<Vec<u8>>, NoValue> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(NoValue::new(
            "its command is empty",
            "name a program: `command: [ PROGRAM, … ]`",
        ));
    };
    let shown = escape::line(program).into_owned();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| {
        let help = match error.kind() {
            ErrorKind::NotFound => format!("install `{shown}`, or write its whole path"),
            _ => format!("let the user that runs airtight run `{shown}`"),
        };
        NoValue::new(format!("`{shown}` cannot be started: {error}"), help)
    })?;
    let stdout = read(child.stdout.take(), most + 1);
    let stderr = read(child.stderr.take(), SHOWN);
    let deadline = Instant::now() + TIME;
    let ended = wait(&mut child, deadline, cancel);
    if ended.is_none() {
        // It may have ended by itself meanwhile.
        let _ = child.kill();
        let _ = child.wait();
    }
    let Some(status) = ended else {
        let message = if cancel.is_cancelled() {
            format!("`{shown}` was ended with the run")
        } else {
            format!("`{shown}` took longer than {} s", TIME.as_secs())
        };
        return Err(NoValue::new(message, "let it end by itself: it gets no input"));
    };
    if !status.success() {
        let said = stderr.recv_timeout(left(deadline)).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let said: Vec<_> = said.lines().map(|line| format!("\n  {}", escape::line(line))).collect();
        let message = format!("`{shown}` failed: {status}{}", said.concat());
        return Err(NoValue::new(message, "run it by itself to see why"));
    }
    let value = stdout.recv_timeout(left(deadline)).map_err(|_| {
        let message = format!("`{shown}` has ended, and something that it started keeps its output open");
        NoValue::new(message, "let it start nothing that goes on")
    })?;
    if value.len() > most {
        Err(too_large())
    } else {
        Ok(value)
    }
}

/// Waits for the end; none: it took too long, or nobody wants it any more.
fn wait(child: &mut Child, deadline: Instant, cancel: &Cancel) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline && !cancel.is_cancelled() => std::thread::sleep(LOOK),
            Ok(None) | Err(_) => return None,
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline
        .saturating_duration_since(Instant::now())
        .min(Duration::from_secs(1))
}

/// Reads the first bytes of a stream on a thread of its own, and lets the rest go, so that the writer does not wait.
fn read(stream: Option<impl Read + Send + 'static>, most: usize) -> mpsc::Receiver<Zeroizing<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(most + 64));
        if let Some(mut stream) = stream {
            let _ = stream.by_ref().take(most as u64).read_to_end(&mut bytes);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
        // Nobody waits for it where the program was ended.
        let _ = sender.send(bytes);
    });
    receiver
}
