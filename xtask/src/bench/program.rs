//! Airtight as a contestant: starts it, times it, reads its closing line so that a run that did not do the work is never taken for a
//! fast one, and watches its memory. Not here: what it is given to do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::project::{Project, shown};

use super::contest::Sample;
use super::peers::Peer;

/// The program under test in a home of its own. Native code is in that home and stays; the store is a folder that a case may remove.
#[derive(Debug)]
pub(crate) struct Airtight<'a> {
    /// How commands are kept from the user's settings.
    pub(crate) project: &'a Project,
    /// The program.
    pub(crate) binary: PathBuf,
    /// HOME of everything that is started.
    pub(crate) home: PathBuf,
    /// GNU time, which watches memory.
    pub(crate) time: Peer,
}

/// What a run did, by its closing line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closing {
    /// How many steps the pipeline has.
    pub(crate) steps: usize,
    /// How many of them ran.
    pub(crate) ran: usize,
}

/// A process that ended well.
#[derive(Debug)]
pub(crate) struct Ended {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// The most memory it had at a time, if it was watched.
    pub(crate) peak: Option<u64>,
    stderr: String,
}

impl Airtight<'_> {
    /// Returns a program that sees nothing of the user's settings.
    pub(crate) fn isolated(&self, program: &Path, folder: &Path) -> Command {
        let mut command = self.project.isolated(program, &self.home);
        command.current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// Returns `airtight ARGUMENTS` in a folder, whose store is the folder `.store` beside it.
    pub(crate) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = self.isolated(&self.binary, folder);
        command.args(arguments).env("AIRTIGHT_STORE", store_of(folder));
        command
    }

    /// Returns what watches memory, if that is wanted and there.
    pub(crate) fn watch(&self, watched: bool) -> Option<&Path> {
        self.time.as_deref().ok().filter(|_| watched)
    }

    /// Runs the pipeline of a folder and holds its closing line against what has to have run.
    pub(crate) fn run(&self, folder: &Path, arguments: &[&str], ran: usize, watched: bool) -> Result<Sample> {
        let mut command = self.command(folder, &["run", "--progress", "none"]);
        let ended = finish(command.args(arguments), self.watch(watched))?;
        let closing = closing(&ended.stderr)?;
        if closing.ran == ran {
            Ok(Sample {
                value: ended.wall.as_secs_f64(),
                peak: ended.peak,
            })
        } else {
            Err(format!(
                "`{}` should have run {ran} of {} steps, and ran {}: {}",
                shown(&command),
                closing.steps,
                closing.ran,
                ended.stderr.trim()
            )
            .into())
        }
    }

    /// Runs a command of which only time and memory are wanted.
    pub(crate) fn timed(&self, folder: &Path, arguments: &[&str], watched: bool) -> Result<Sample> {
        let ended = finish(&mut self.command(folder, arguments), self.watch(watched))?;
        Ok(Sample {
            value: ended.wall.as_secs_f64(),
            peak: ended.peak,
        })
    }

    /// Returns what a command prints on standard output.
    pub(crate) fn output(&self, folder: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command = self.command(folder, arguments);
        let output = command.output()?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("`{}` failed ({})\n{said}", shown(&command), output.status).into())
        }
    }

    /// Checks that an output of the last run is the same as the peer's file.
    pub(crate) fn same(&self, folder: &Path, output: &str, file: &Path) -> Result<()> {
        if self.output(folder, &["artifact", "cat", output])? == std::fs::read(file)? {
            Ok(())
        } else {
            Err(format!("the output `{output}` is not what `{}` holds", file.display()).into())
        }
    }
}

/// Where the store of a project's folder is: beside it, so that it is no part of any source.
pub(crate) fn store_of(folder: &Path) -> PathBuf {
    folder.with_extension("store")
}

/// Removes the store of a folder, so that the next run begins with nothing.
pub(crate) fn forget(folder: &Path) -> Result<()> {
    let store = store_of(folder);
    if store.exists() {
        std::fs::remove_dir_all(store)?;
    }
    Ok(())
}

/// Runs a peer's command, which has to succeed, and returns how long it took in seconds.
pub(crate) fn timed(command: &mut Command) -> Result<f64> {
    Ok(finish(command, None)?.wall.as_secs_f64())
}

/// Runs a command to its end, under GNU time if its memory is wanted; anything but success is an error with what it said.
pub(crate) fn finish(command: &mut Command, time: Option<&Path>) -> Result<Ended> {
    let (watch, mut watched) = time.map(|time| Watch::over(command, time)).unzip();
    let command = watched.as_mut().unwrap_or(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let output = command
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|cause| format!("`{}` could not be started: {cause}", shown(command)))?;
    let wall = start.elapsed();
    let peak = watch.and_then(Watch::peak);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(Ended { wall, peak, stderr })
    } else {
        Err(format!("`{}` failed ({})\n{stderr}", shown(command), output.status).into())
    }
}

/// Reads `done: 3 steps: 2 ran, 1 hit fully, 0 hit narrowly in 4 ms`.
fn closing(stderr: &str) -> Result<Closing> {
    let unread = || format!("there is no closing line that says what ran in: {}", stderr.trim());
    let line = stderr.lines().rev().find_map(|line| line.strip_prefix("done: "));
    let (steps, rest) = line.and_then(|line| line.split_once(": ")).ok_or_else(unread)?;
    let number = |text: &str| text.split(' ').next().and_then(|number| number.parse().ok());
    let ran = match rest.split(", ").next() {
        Some("nothing ran") => Some(0),
        Some(part) if part.ends_with(" ran") => number(part),
        _ => None,
    };
    Ok(Closing {
        steps: number(steps).ok_or_else(unread)?,
        ran: ran.ok_or_else(unread)?,
    })
}

/// Puts a command under GNU time, which is small and asks the kernel for the most memory that the process had at a time. A process that
/// is started by a larger one would be charged for the memory of that: a thread that only looks now and then would miss peaks.
struct Watch {
    file: PathBuf,
}

impl Watch {
    fn over(command: &Command, time: &Path) -> (Self, Command) {
        // One command is watched at a time.
        let file = std::env::temp_dir().join(format!("airtight-bench-{}.peak", std::process::id()));
        let mut watched = Command::new(time);
        watched.args(["--quiet", "--format", "%M", "--output"]).arg(&file);
        watched.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => watched.env(name, value),
                None => watched.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            watched.current_dir(folder);
        }
        (Self { file }, watched)
    }

    /// In bytes.
    fn peak(self) -> Option<u64> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        let _ = std::fs::remove_file(&self.file);
        let kibibytes: u64 = text.lines().last()?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_is_read_from_the_closing_line() {
        let read = |text: &str| closing(text).map(|closing| (closing.steps, closing.ran)).ok();
        let some = "note\ndone: 3 steps: 2 ran, 1 hit fully, 0 hit narrowly in 4 ms\n";
        assert_eq!(read(some), Some((3, 2)));
        let none = "done: 1 step: nothing ran, 1 hit fully, 0 hit narrowly in 415 µs\n";
        assert_eq!(read(none), Some((1, 0)));
    }

    // A run that says nothing, or something new, must not pass for one that ran nothing.
    #[test]
    fn a_closing_line_that_says_nothing_of_the_kind_is_an_error() {
        for text in [
            "",
            "failed: 1 step: 1 ran, 0 hit fully in 4 ms",
            "done: 1 step: all well in 4 ms",
        ] {
            assert!(closing(text).is_err(), "{text}");
        }
    }

    // What is put under another program must still find its folder and its variables, and end as it ends.
    #[test]
    fn a_watched_command_is_the_same_command() {
        let folder = tempfile::tempdir().unwrap();
        // As GNU time is called: five arguments of its own, then the command.
        let time = folder.path().join("time");
        std::fs::write(&time, "#!/bin/sh\nshift 3\necho 40 > \"$2\"\nshift 2\nexec \"$@\"\n").unwrap();
        let made = Command::new("chmod").arg("+x").arg(&time).status().unwrap();
        assert!(made.success());
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo \"$KEPT $GONE $(pwd)\" >&2; exit $CODE"])
            .env("KEPT", "kept")
            .env_remove("GONE")
            .current_dir("/");
        let ended = finish(command.env("CODE", "0"), Some(&time)).unwrap();
        assert_eq!((ended.stderr.trim(), ended.peak), ("kept  /", Some(40 * 1024)));
        assert!(finish(command.env("CODE", "3"), Some(&time)).is_err());
    }
}
