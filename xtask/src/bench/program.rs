//! Airtight as a contestant: starts it, times it, reads its closing line so that a run that did not do the work is never taken for a
//! fast one, and watches its memory. Not here: what it is given to do.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Result;
use crate::project::{Project, shown};

use super::contest::Sample;

/// The program under test in a home of its own. Native code is in that home and stays; the store is a folder that a case may remove.
#[derive(Debug)]
pub(crate) struct Airtight<'a> {
    /// How commands are kept from the user's settings.
    pub(crate) project: &'a Project,
    /// The program.
    pub(crate) binary: PathBuf,
    /// HOME of everything that is started.
    pub(crate) home: PathBuf,
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

    /// Runs the pipeline of a folder and holds its closing line against what has to have run.
    pub(crate) fn run(&self, folder: &Path, arguments: &[&str], ran: usize, watched: bool) -> Result<Sample> {
        let mut command = self.command(folder, &["run", "--progress", "none"]);
        let ended = finish(command.args(arguments), watched)?;
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
    Ok(finish(command, false)?.wall.as_secs_f64())
}

/// Runs a command to its end; anything but success is an error with what it said.
pub(crate) fn finish(command: &mut Command, watched: bool) -> Result<Ended> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|cause| format!("`{}` could not be started: {cause}", shown(command)))?;
    let watch = watched.then(|| Watch::begin(&child));
    let mut said = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_end(&mut said)?;
    }
    let status = child.wait()?;
    let wall = start.elapsed();
    let peak = watch.and_then(Watch::end);
    let stderr = String::from_utf8_lossy(&said).into_owned();
    if status.success() {
        Ok(Ended { wall, peak, stderr })
    } else {
        Err(format!("`{}` failed ({status})\n{stderr}", shown(command)).into())
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

/// Looks at a process's high-water mark until it ends. The kernel keeps the mark, so that only growth in the process's last moment
/// could be missed; without `/proc` there is nothing to see.
struct Watch {
    thread: std::thread::JoinHandle<Option<u64>>,
}

impl Watch {
    /// How long it looks away at the least, and as a part of the time so far.
    const PAUSE: Duration = Duration::from_micros(500);

    fn begin(child: &Child) -> Self {
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let begun = Instant::now();
        let thread = std::thread::spawn(move || {
            let mut peak = None;
            // A process that has ended and was not waited for has a status without the mark.
            while let Some(mark) = std::fs::read_to_string(&status).ok().as_deref().and_then(high_water) {
                peak = peak.max(Some(mark));
                std::thread::sleep((begun.elapsed() / 500).clamp(Self::PAUSE, 40 * Self::PAUSE));
            }
            peak
        });
        Self { thread }
    }

    fn end(self) -> Option<u64> {
        self.thread.join().ok().flatten()
    }
}

/// Reads `VmHWM:     1234 kB`.
fn high_water(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
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

    #[test]
    fn the_high_water_mark_is_read_and_its_want_is_none() {
        assert_eq!(high_water("Name:\tx\nVmHWM:\t    1234 kB\n"), Some(1_263_616));
        assert_eq!(high_water("Name:\tx\nState:\tZ (zombie)\n"), None);
    }

    // The mark must stay when the memory has long been given back.
    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_was_given_back_is_still_seen() {
        drop(std::hint::black_box(vec![1u8; 40_000_000]));
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        assert!(high_water(&status) > Some(40_000_000), "{status}");
    }
}
