//! `cargo xtask bench`: what the engine costs, beside a peer that does the same work in the same run. Both take turns; medians are
//! printed with the bar that the design sets. A time is never a failure here: only a case that does not work is.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xtask::guest;

use crate::Result;
use crate::project::{Project, succeed};

/// How often each side does its work; the first time warms up and does not count.
const TURNS: usize = 8;

/// One comparison.
pub(crate) struct Case {
    /// The word that selects it.
    pub(crate) name: &'static str,
    /// What is done, for people.
    work: &'static str,
    /// The program that does the same work, for people.
    peer: &'static str,
    /// What is good enough.
    bar: Bar,
    /// Does the work several times on both sides, taking turns.
    measure: fn(&Bench) -> Result<Measured>,
}

/// What is good enough.
enum Bar {
    /// At most this much of the peer's time.
    Ratio(f64),
    /// At most this long.
    Time(Duration),
}

/// How long each repetition took.
#[derive(Debug, Default)]
struct Measured {
    ours: Vec<Duration>,
    peer: Vec<Duration>,
}

/// Every comparison, in the order in which they run.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "cached-1",
        work: "one step, nothing changed, the whole process",
        peer: "ninja, one target, nothing to do",
        bar: Bar::Time(Duration::from_millis(20)),
        measure: |bench| bench.cached(1),
    },
    Case {
        name: "cached-1000",
        work: "1,000 steps, nothing changed, the whole process",
        peer: "ninja, 1,000 targets, nothing to do",
        bar: Bar::Time(Duration::from_millis(50)),
        measure: |bench| bench.cached(1000),
    },
    Case {
        name: "uncached-1000",
        work: "1,000 steps, each reads one small file and writes one",
        peer: "ninja -j2 running cp",
        bar: Bar::Ratio(0.5),
        measure: |bench| bench.uncached(1000),
    },
];

/// Runs the cases that `names` selects, or all, and prints a table of medians.
pub(crate) fn run(project: &Project, names: &[String]) -> Result<()> {
    let bench = Bench::prepare(project)?;
    println!("{:<14} {:>10} {:>10} {:>8}   bar", "case", "airtight", "peer", "ratio");
    for case in CASES
        .iter()
        .filter(|case| names.is_empty() || names.iter().any(|name| name == case.name))
    {
        let measured = (case.measure)(&bench)?;
        let (ours, peer) = (median(measured.ours)?, median(measured.peer)?);
        let ratio = ours.as_secs_f64() / peer.as_secs_f64();
        let (bar, met) = match case.bar {
            Bar::Ratio(bar) => (format!("{bar:.2} x"), ratio <= bar),
            Bar::Time(bar) => (format!("{bar:.0?}"), ours <= bar),
        };
        let verdict = if met { "met" } else { "MISSED" };
        println!(
            "{:<14} {ours:>10.1?} {peer:>10.1?} {ratio:>6.2} x   {bar}: {verdict}",
            case.name
        );
        println!("{:<14} {}; peer: {}", "", case.work, case.peer);
    }
    Ok(())
}

/// What every case needs: programs, a guest, folders.
struct Bench {
    airtight: PathBuf,
    guest: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn prepare(project: &Project) -> Result<Self> {
        project.plugins()?;
        succeed(
            project
                .cargo("")
                .args(["build", "--release", "--package", "airtight-cli", "--bin", "airtight"]),
        )?;
        let guests = guest::fixtures()?;
        let guest = guests
            .iter()
            .find(|guest| guest.name == "command")
            .ok_or("the guest `command` is not there")?;
        let found = Command::new("ninja").arg("--version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            return Err("`ninja` is not there: install it, on Debian with `apt-get install ninja-build`".into());
        }
        let airtight = project
            .target
            .join("release")
            .join(format!("airtight{}", std::env::consts::EXE_SUFFIX));
        Ok(Self {
            airtight,
            guest: guest.wasm.clone(),
            folder: project.scratch("bench")?,
        })
    }

    /// Makes a project with `count` steps that copy a file each, for both programs.
    fn project(&self, name: &str, count: usize) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir_all(folder.join("in"))?;
        fs::create_dir_all(folder.join("out"))?;
        fs::copy(&self.guest, folder.join("command.wasm"))?;
        let mut pipeline = String::from("airtight: 1\nname: bench\nsources:\n  files: { path: in }\nsteps:\n");
        let mut ninja = String::from("rule cp\n  command = cp $in $out\n");
        for i in 0..count {
            fs::write(folder.join(format!("in/{i}.txt")), format!("file {i}\n"))?;
            write!(
                pipeline,
                "  s{i}:\n    uses: ./command.wasm\n    mounts: {{ /src: files }}\n    args: [ \"copy /src/{i}.txt /out/{i}.txt\" ]\n    \
                 outputs: {{ file: /out/{i}.txt }}\n"
            )?;
            writeln!(ninja, "build out/{i}.txt: cp in/{i}.txt")?;
        }
        fs::write(folder.join("airtight.yaml"), pipeline)?;
        fs::write(folder.join("build.ninja"), ninja)?;
        Ok(folder)
    }

    fn airtight(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.airtight);
        command
            .current_dir(folder)
            .args(["run", "--progress", "none"])
            .args(arguments);
        command
            .env("HOME", self.folder.join("home"))
            .env("AIRTIGHT_STORE", self.folder.join("store"));
        command
    }

    fn cached(&self, count: usize) -> Result<Measured> {
        let folder = self.project(&format!("cached-{count}"), count)?;
        timed(&mut self.airtight(&folder, &[]))?;
        timed(&mut ninja(&folder))?;
        let mut measured = Measured::default();
        for _ in 0..TURNS {
            measured.ours.push(timed(&mut self.airtight(&folder, &[]))?);
            measured.peer.push(timed(&mut ninja(&folder))?);
        }
        Ok(measured.warm())
    }

    fn uncached(&self, count: usize) -> Result<Measured> {
        let folder = self.project(&format!("uncached-{count}"), count)?;
        let mut measured = Measured::default();
        for turn in 0..TURNS {
            // New contents for both: nothing can be a hit, and every target is out of date.
            for i in 0..count {
                fs::write(folder.join(format!("in/{i}.txt")), format!("turn {turn}, file {i}\n"))?;
            }
            measured
                .ours
                .push(timed(&mut self.airtight(&folder, &["--no-cache", "--jobs", "2"]))?);
            let _ = fs::remove_dir_all(folder.join("out"));
            let _ = fs::remove_file(folder.join(".ninja_log"));
            fs::create_dir_all(folder.join("out"))?;
            measured.peer.push(timed(&mut ninja(&folder))?);
        }
        Ok(measured.warm())
    }
}

impl Measured {
    /// Without the first turn.
    fn warm(mut self) -> Self {
        self.ours.remove(0);
        self.peer.remove(0);
        self
    }
}

fn ninja(folder: &Path) -> Command {
    let mut command = Command::new("ninja");
    command.current_dir(folder).args(["-j2", "--quiet"]);
    command
}

/// How long a command takes that has to succeed.
fn timed(command: &mut Command) -> Result<Duration> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    succeed(command)?;
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Result<Duration> {
    times.sort();
    times
        .get(times.len() / 2)
        .copied()
        .ok_or_else(|| "a case measured nothing".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The machine's hiccups are no result.
    #[test]
    fn one_slow_repetition_does_not_move_the_median() {
        let times = [3, 900, 2].map(Duration::from_millis).to_vec();
        assert_eq!(median(times).unwrap(), Duration::from_millis(3));
        assert!(median(Vec::new()).is_err());
    }
}
