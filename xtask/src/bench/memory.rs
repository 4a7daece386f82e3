//! What the engine takes of memory: with nothing to do, and for each step that is running. Bytes, not seconds.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

use super::Bench;
use super::contest::{Contest, Row, Sample, Unit};
use super::program::finish;

/// How many steps run at the same time, beside one alone.
const CROWD: usize = 33;

/// A mebibyte.
const MIB: f64 = 1_048_576.0;

/// The peak of a run that has nothing to do.
pub(super) fn unchanged(bench: &Bench, count: usize) -> Result<Row> {
    let folder = bench.copies("memory", count)?;
    let airtight = &bench.airtight;
    airtight.run(&folder, &[], count, false)?;
    let row = contest(bench, |_| peak_of(airtight.run(&folder, &[], 0, true)?.peak))
        .limit(150.0 * MIB)
        .peer("ninja", None, bench.peers.get("ninja"), |ninja, turn| {
            let mut command = airtight.isolated(ninja, &folder);
            command.arg("--quiet");
            if turn == 0 {
                finish(&mut command, None)?;
            }
            Ok(peak_of(finish(&mut command, airtight.watch(true))?.peak)?.value)
        })
        .run()?;
    Ok(row)
}

/// What one more step takes while it runs: the difference of the peaks with many at a time and with one, a step each. All of it
/// counts, what the step has touched of its own linear memory and stack too.
pub(super) fn step(bench: &Bench, rounds: usize) -> Result<Row> {
    let alone = project(bench, "alone", rounds, 2)?;
    let crowd = project(bench, "crowd", rounds, CROWD)?;
    let airtight = &bench.airtight;
    let peak = |folder: &Path, jobs: usize, steps: usize| -> Result<f64> {
        let sample = airtight.run(folder, &["--no-cache", "--jobs", &jobs.to_string()], steps, true)?;
        Ok(peak_of(sample.peak)?.value)
    };
    let mut row = contest(bench, |_| {
        let more = peak(&crowd, CROWD, CROWD)? - peak(&alone, 1, 2)?;
        Ok(Sample {
            value: more / (CROWD - 1) as f64,
            peak: None,
        })
    })
    .limit(MIB)
    .run()?;
    row.notes.push(format!(
        "the difference of the peaks with {CROWD} steps at a time and with one, a step; the step's linear memory, as far as it was touched, \
         is in it"
    ));
    Ok(row)
}

/// Makes a project with steps that compute for a while, each for itself.
fn project(bench: &Bench, name: &str, rounds: usize, steps: usize) -> Result<PathBuf> {
    let folder = bench.folder(name)?;
    let mut pipeline = String::from("airtight: 1\nname: bench\nsteps:\n");
    for i in 0..steps {
        // The operation takes no second word: it only makes the steps different ones.
        writeln!(
            pipeline,
            "  s{i}: {{ uses: ./command.wasm, args: [ \"cpu {rounds} {i}\" ] }}"
        )?;
    }
    fs::write(folder.join("airtight.yaml"), pipeline)?;
    Ok(folder)
}

fn contest<'a>(bench: &Bench, ours: impl FnMut(usize) -> Result<Sample> + 'a) -> Contest<'a> {
    bench.contest(ours).unit(Unit::Bytes)
}

/// A sample whose value is a peak. The case does not run where nothing can tell it.
fn peak_of(peak: Option<u64>) -> Result<Sample> {
    let bytes = peak.ok_or("GNU time said nothing of a process's memory")?;
    Ok(Sample {
        value: bytes as f64,
        peak: None,
    })
}
