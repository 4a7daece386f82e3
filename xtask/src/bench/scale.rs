//! How cost grows: a large plan, a large matrix, a large tree, a large file, each beside a tenth of itself. What these take of a disk
//! and of time is why they run only when they are asked for.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;

use super::contest::{Contest, Row, Sample, Unit};
use super::peers::Peer;
use super::program::forget;
use super::projects::blob;
use super::table::amount;
use super::{Bench, files};

/// Ten times the work may take this many times as long: more than a tenth above linear is too much, and caches of the processor are
/// allowed for.
const GROWTH: f64 = 12.0;

/// How often at most: a turn takes minutes.
const TURNS: usize = 3;

/// Measures `work` in the folder that `prepare` makes for a size, and in one for a tenth of it.
fn growing(
    bench: &Bench,
    size: usize,
    prepare: impl Fn(&str, usize) -> Result<PathBuf>,
    work: impl Fn(&Path, usize) -> Result<Sample>,
) -> Result<Row> {
    let whole = prepare("whole", size)?;
    let tenth: Peer = Ok(prepare("tenth", size / 10)?);
    let peak = Cell::new(None);
    let mut row = Contest::new(bench.turns.min(TURNS), false, |_| work(&whole, size))
        .peer("airtight, a tenth of it", Some(GROWTH), tenth, |folder, _| {
            let sample = work(folder, size / 10)?;
            peak.set(peak.get().max(sample.peak));
            Ok(sample.value)
        })
        .run()?;
    if let Some(peak) = peak.get() {
        let peak = amount(Unit::Bytes, peak as f64);
        row.notes.push(format!("peak memory for a tenth of it: {peak}"));
    }
    Ok(row)
}

/// A plan of many steps, made and printed.
pub(super) fn plan(bench: &Bench, count: usize) -> Result<Row> {
    let airtight = &bench.airtight;
    growing(
        bench,
        count,
        |name, count| bench.copies(name, count),
        |folder, count| {
            let sample = airtight.timed(folder, &["plan"], true)?;
            let last = airtight.output(folder, &["plan", "--only", &format!("s{}", count - 1)])?;
            if String::from_utf8_lossy(&last).contains(&format!("/out/{}.txt", count - 1)) {
                Ok(sample)
            } else {
                Err("the plan lacks its last step".into())
            }
        },
    )
}

/// A run of many steps, of which nothing has changed.
pub(super) fn unchanged(bench: &Bench, count: usize) -> Result<Row> {
    let airtight = &bench.airtight;
    growing(
        bench,
        count,
        |name, count| {
            let folder = bench.copies(name, count)?;
            airtight.run(&folder, &[], count, false)?;
            Ok(folder)
        },
        |folder, _| airtight.run(folder, &[], 0, true),
    )
}

/// A run of many cells of a matrix, all new.
pub(super) fn matrix(bench: &Bench, cells: usize) -> Result<Row> {
    /// As many as one step has at most.
    const MOST: usize = 10_000;
    let airtight = &bench.airtight;
    let axis = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    growing(
        bench,
        cells,
        |name, cells| {
            let folder = bench.folder(name)?;
            let mut pipeline = String::from("airtight: 1\nname: bench\nsteps:\n");
            for (step, first) in (0..cells).step_by(MOST).enumerate() {
                let of_step = (cells - first).min(MOST);
                // A square as nearly as it can be, so that both axes count.
                let rows = (1..=of_step)
                    .rev()
                    .find(|rows| of_step % rows == 0 && rows * rows <= of_step);
                let rows = rows.unwrap_or(1);
                write!(
                    pipeline,
                    "  s{step}:\n    uses: ./command.wasm\n    matrix: {{ row: [ {} ], column: [ {} ] }}\n    \
                     args: [ \"print {step}-${{matrix.row}}-${{matrix.column}}\" ]\n",
                    axis(rows),
                    axis(of_step / rows)
                )?;
            }
            fs::write(folder.join("airtight.yaml"), pipeline)?;
            Ok(folder)
        },
        |folder, cells| {
            forget(folder)?;
            airtight.run(folder, &[], cells, true)
        },
    )
}

/// A tree of many files that the store has never seen.
pub(super) fn tree(bench: &Bench, count: usize) -> Result<Row> {
    growing(
        bench,
        count,
        |name, count| files::project(bench, name, count),
        |folder, _| {
            forget(folder)?;
            bench.airtight.run(folder, &[], 1, true)
        },
    )
}

/// The same tree, known.
pub(super) fn known_tree(bench: &Bench, count: usize) -> Result<Row> {
    let airtight = &bench.airtight;
    growing(
        bench,
        count,
        |name, count| {
            let folder = files::project(bench, name, count)?;
            airtight.run(&folder, &[], 1, false)?;
            Ok(folder)
        },
        |folder, _| airtight.run(folder, &[], 0, true),
    )
}

/// A large file that the store has never seen.
pub(super) fn put(bench: &Bench, size: usize) -> Result<Row> {
    growing(
        bench,
        size,
        |name, size| {
            let folder = bench.folder(name)?;
            blob(&folder.join("in/blob"), size as u64)?;
            bench.one_step(&folder, "stat /src/blob")?;
            Ok(folder)
        },
        |folder, _| {
            forget(folder)?;
            let sample = bench.airtight.run(folder, &[], 1, true);
            // Twice the file is on the disk only while it has to be.
            forget(folder)?;
            sample
        },
    )
}
