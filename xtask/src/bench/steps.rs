//! What many small steps cost, and what it costs to know that there is nothing to do.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;

use super::Bench;
use super::contest::Row;
use super::peers::{Peer, works};
use super::program::{forget, timed};
use super::projects::fill;
use super::runners::Runners;

/// How many sandboxes are started for one number.
const STARTS: usize = 100;

/// Nothing has changed since the last run.
pub(crate) fn unchanged(bench: &Bench, count: usize, bars: &Unchanged) -> Result<Row> {
    let folder = bench.copies("unchanged", count)?;
    let airtight = &bench.airtight;
    airtight.run(&folder, &[], count, false)?;
    let quiet = |program: &Path, arguments: &[&str]| {
        let mut command = airtight.isolated(program, &folder);
        command.args(arguments);
        command
    };
    let build = |program: &Path, arguments: &[&str], turn: usize| {
        if turn == 0 {
            timed(&mut quiet(program, arguments))?;
        }
        let before = made(&folder)?;
        let time = timed(&mut quiet(program, arguments))?;
        if made(&folder)? == before {
            Ok(time)
        } else {
            Err("it did again what it had done".into())
        }
    };
    let runners = (count == 1 && !bench.small)
        .then(|| Runners::prepare(bench))
        .transpose()?;
    let mut contest = bench.contest(|turn| airtight.run(&folder, &[], 0, turn == 0));
    if let Some(limit) = bars.limit {
        contest = contest.limit(limit);
    }
    contest = contest
        .peer("ninja", bars.ninja, bench.peers.get("ninja"), |ninja, turn| {
            build(ninja, &["--quiet"], turn)
        })
        .peer("make", None, bench.peers.get("make"), |make, turn| {
            build(make, &["--silent", "-j2"], turn)
        });
    for (runners, name) in runners
        .iter()
        .flat_map(|runners| Runners::names().map(move |name| (runners, name)))
    {
        let runner = runners.find(bench, name)?;
        contest = contest.peer(name, None, runner, move |runner, _| runners.time(bench, runner, name));
    }
    let row = contest.run()?;
    // What knows so quickly that nothing has changed must know as well that something has.
    let file = folder.join("in/0.txt");
    fs::write(&file, "other text\n")?;
    airtight.run(&folder, &[], 1, false)?;
    airtight.same(&folder, "s0.file", &file)?;
    Ok(row)
}

/// What is good enough where nothing has changed.
pub(crate) struct Unchanged {
    /// Seconds.
    pub(crate) limit: Option<f64>,
    /// As a part of ninja's time.
    pub(crate) ninja: Option<f64>,
}

/// When the first file was last made by a peer.
fn made(folder: &Path) -> Result<std::time::SystemTime> {
    Ok(fs::metadata(folder.join("out/0.txt"))?.modified()?)
}

/// Every step is new to the store.
pub(crate) fn uncached(bench: &Bench, count: usize) -> Result<Row> {
    let folder = bench.copies("uncached", count)?;
    let airtight = &bench.airtight;
    let row = bench
        .contest(|turn| {
            fill(&folder, count, turn)?;
            forget(&folder)?;
            airtight.run(&folder, &["--jobs", "2"], count, turn == 0)
        })
        .peer("ninja -j2, cp", Some(0.5), bench.peers.get("ninja"), |ninja, _| {
            fs::remove_dir_all(folder.join("out"))?;
            let _ = fs::remove_file(folder.join(".ninja_log"));
            fs::create_dir_all(folder.join("out"))?;
            timed(airtight.isolated(ninja, &folder).args(["-j2", "--quiet"]))
        })
        .run()?;
    for i in [0, count / 2, count - 1] {
        let file = if bench.peers.get("ninja").is_ok() { "out" } else { "in" };
        airtight.same(
            &folder,
            &format!("s{i}.file"),
            &folder.join(file).join(format!("{i}.txt")),
        )?;
    }
    Ok(row)
}

/// Every input of every step has changed since the last run.
pub(crate) fn changed(bench: &Bench, count: usize) -> Result<Row> {
    let folder = bench.copies("changed", count)?;
    let airtight = &bench.airtight;
    let row = bench
        .contest(|turn| {
            fill(&folder, count, turn)?;
            airtight.run(&folder, &["--jobs", "2"], count, turn == 0)
        })
        .peer("ninja -j2, cp", None, bench.peers.get("ninja"), |ninja, _| {
            timed(airtight.isolated(ninja, &folder).args(["-j2", "--quiet"]))
        })
        .run()?;
    let last = count - 1;
    airtight.same(
        &folder,
        &format!("s{last}.file"),
        &folder.join(format!("in/{last}.txt")),
    )?;
    Ok(row)
}

/// One step after the other, each in a sandbox of its own: how much of the time is one step's. Ours copies a file, with its key, its
/// lookup and its result in the store; the peers start a program that does nothing.
pub(crate) fn sandbox(bench: &Bench, count: usize) -> Result<Row> {
    let folder = bench.copies("sandbox", count)?;
    let airtight = &bench.airtight;
    let starts = if bench.small { 1 } else { STARTS };
    let repeat = |command: &mut dyn FnMut(usize) -> Command| -> Result<f64> {
        let mut sum = 0.0;
        for i in 0..starts {
            sum += timed(&mut command(i))?;
        }
        Ok(sum / starts as f64)
    };
    let crun = crun(bench, &folder)?;
    let row = bench
        .contest(|turn| {
            forget(&folder)?;
            let mut sample = airtight.run(&folder, &["--jobs", "1"], count, turn == 0)?;
            sample.value /= count as f64;
            Ok(sample)
        })
        .peer(
            "fork and exec of true",
            Some(1.0),
            bench.peers.get("true"),
            |program, _| repeat(&mut |_| airtight.isolated(program, &folder)),
        )
        .peer("bwrap, true", None, bench.peers.get("bwrap"), |bwrap, _| {
            repeat(&mut |_| {
                let mut command = airtight.isolated(bwrap, &folder);
                command.args(["--ro-bind", "/", "/", "true"]);
                command
            })
        })
        .peer("crun, true", None, crun, |crun, turn| {
            repeat(&mut |i| contained(bench, crun, &folder, turn * STARTS + i))
        })
        .run()?;
    Ok(row)
}

/// Makes what crun needs to run `true` in the machine's own files, and tries whether it may: a container needs more of a machine than
/// being installed.
fn crun(bench: &Bench, folder: &Path) -> Result<Peer> {
    let bundle = folder.join("bundle");
    fs::create_dir_all(&bundle)?;
    let crun = match bench.peers.get("crun") {
        Ok(crun) => crun,
        absent => return Ok(absent),
    };
    timed(bench.airtight.isolated(&crun, &bundle).arg("spec"))?;
    let file = bundle.join("config.json");
    let mut spec = fs::read_to_string(&file)?;
    for (from, to) in [
        (r#""terminal": true"#, r#""terminal": false"#),
        (r#""sh""#, r#""true""#),
        (r#""path": "rootfs""#, r#""path": "/""#),
    ] {
        spec = spec.replace(from, to);
    }
    fs::write(file, spec)?;
    let tried = contained(bench, &crun, folder, usize::MAX).output()?;
    Ok(works(&crun, &tried))
}

/// Returns `true` in a container of its own.
fn contained(bench: &Bench, crun: &Path, folder: &Path, number: usize) -> Command {
    let mut command = bench.airtight.isolated(crun, &folder.join("bundle"));
    command.args(["run", &format!("airtight-bench-{}-{number}", std::process::id())]);
    command
}
