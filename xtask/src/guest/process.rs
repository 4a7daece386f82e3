//! Runs the programs that make a toolchain: to their end, within a time, or for what they print. Which programs, and with what
//! environment, is for the callers to say.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Error;

/// Runs a command to its end with its output going where ours goes.
pub(super) fn run(command: &mut Command, name: &str) -> Result<(), Error> {
    let failed = |how: String| Error::Program {
        program: name.to_owned(),
        how,
    };
    // What a nested program prints to stdout would be read as instructions by the cargo that runs a build script.
    command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let status = command
        .status()
        .map_err(|cause| failed(format!("could not be started: {cause}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("failed ({status})")))
    }
}

/// Runs a command, and ends it when it takes longer than `limit`.
pub(super) fn run_within(command: &mut Command, limit: Duration) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |how: String| Error::Program {
        program: program.clone(),
        how,
    };
    command.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let mut child = command
        .spawn()
        .map_err(|cause| failed(format!("could not be started: {cause}")))?;
    let deadline = Instant::now() + limit;
    loop {
        match child
            .try_wait()
            .map_err(|cause| failed(format!("could not be waited for: {cause}")))?
        {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(failed(format!("failed ({status})"))),
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(50)),
            None => {
                // It may have ended by itself in between: then there is nothing left to end.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("was ended after {} seconds", limit.as_secs())));
            }
        }
    }
}

/// Runs a command and returns what it printed.
pub(super) fn text_of(command: &mut Command) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |how: String| Error::Program {
        program: program.clone(),
        how,
    };
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| failed(format!("could not be started: {cause}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({})", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("printed something that is not UTF-8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_never_ends_is_ended() {
        // A proxy that swallows packets must not hang the build.
        let started = Instant::now();
        let error = run_within(Command::new("sleep").arg("60"), Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("was ended after"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
