//! What a guest's own work costs: the same component, run by ours and by wasmtime.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Result;

use super::Bench;
use super::contest::Row;
use super::program::timed;

/// What makes wasmtime compile code that computes the same on every machine and can be ended, as ours always does.
const STRICT: [&str; 4] = ["-W", "timeout=3600s", "-W", "nan-canonicalization=y"];

/// A guest that computes.
pub(crate) fn cpu(bench: &Bench, rounds: usize) -> Result<Row> {
    let folder = bench.folder("cpu")?;
    let operation = format!("cpu {rounds}");
    bench.one_step(&folder, &operation)?;
    let airtight = &bench.airtight;
    let wasmtime = || bench.peers.get("wasmtime");
    let row = bench
        .contest(|turn| airtight.run(&folder, &["--no-cache"], 1, turn == 0))
        .peer(
            "wasmtime, timeout and canonical NaN",
            Some(1.05),
            wasmtime(),
            |wasmtime, _| timed(run_in(bench, wasmtime, &folder, &STRICT).arg(&operation)),
        )
        .peer("wasmtime", Some(1.25), wasmtime(), |wasmtime, _| {
            timed(run_in(bench, wasmtime, &folder, &[]).arg(&operation))
        })
        .run()?;
    same_text(bench, &folder, &operation, &[])?;
    Ok(row)
}

/// A guest that reads many small files.
pub(crate) fn read(bench: &Bench, count: usize) -> Result<Row> {
    let folder = bench.folder("read")?;
    for i in 0..count {
        fs::write(
            folder.join(format!("in/{i}.txt")),
            format!("file {i}\n").repeat(1 + i % 100),
        )?;
    }
    let operation = "sum /src";
    bench.one_step(&folder, operation)?;
    let airtight = &bench.airtight;
    let mount = ["--dir", "in::/src"];
    let row = bench
        .contest(|turn| airtight.run(&folder, &["--no-cache"], 1, turn == 0))
        .peer(
            "wasmtime --dir",
            Some(0.5),
            bench.peers.get("wasmtime"),
            |wasmtime, _| timed(run_in(bench, wasmtime, &folder, &mount).arg(operation)),
        )
        .run()?;
    same_text(bench, &folder, operation, &mount)?;
    Ok(row)
}

/// Returns the guest under wasmtime, which keeps its native code in a cache of its own: the turn that does not count fills it.
fn run_in(bench: &Bench, wasmtime: &Path, folder: &Path, options: &[&str]) -> Command {
    let mut command = bench.airtight.isolated(wasmtime, folder);
    command.arg("run").args(options).arg("command.wasm");
    command
}

/// Checks that the guest printed the same in both.
fn same_text(bench: &Bench, folder: &Path, operation: &str, options: &[&str]) -> Result<()> {
    let Ok(wasmtime) = &bench.peers.get("wasmtime") else {
        return Ok(());
    };
    let output = run_in(bench, wasmtime, folder, options).arg(operation).output()?;
    let theirs = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let events = bench.airtight.output(folder, &["run", "--format", "json"])?;
    if !theirs.is_empty() && String::from_utf8_lossy(&events).contains(&theirs) {
        Ok(())
    } else {
        Err(format!("wasmtime's guest printed `{theirs}`, and ours did not").into())
    }
}
