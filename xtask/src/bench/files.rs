//! What it costs to take files into the store: many that are known, many that are new, a large one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

use super::Bench;
use super::contest::Row;
use super::program::{forget, timed};
use super::projects::{blob, tree};

/// How large the files of a tree are on average.
pub(crate) const SIZE: usize = 1000;

/// The step that is given the tree reads this file and no other.
const READ: &str = "d0/f0.txt";

/// Makes a project whose one step is given a whole tree and copies one of its files.
pub(crate) fn project(bench: &Bench, name: &str, count: usize) -> Result<PathBuf> {
    let folder = bench.folder(name)?;
    tree(&folder.join("in"), count, SIZE)?;
    bench.one_step(&folder, &format!("copy /src/{READ} /out/it"))?;
    let file = folder.join("airtight.yaml");
    let pipeline = fs::read_to_string(&file)? + "    outputs: { file: /out/it }\n";
    fs::write(file, pipeline)?;
    Ok(folder)
}

/// A large tree that has not changed.
pub(crate) fn unchanged(bench: &Bench, count: usize) -> Result<Row> {
    let folder = project(bench, "ingest-unchanged", count)?;
    let airtight = &bench.airtight;
    airtight.run(&folder, &[], 1, false)?;
    let row = bench
        .contest(|turn| airtight.run(&folder, &[], 0, turn == 0))
        .peer("git status", Some(1.0), bench.peers.get("git"), |git, turn| {
            if turn == 0 {
                timed(git_in(bench, git, &folder).args(["init", "--quiet"]))?;
                timed(git_in(bench, git, &folder).args(["add", "."]))?;
                timed(git_in(bench, git, &folder).args(["commit", "--quiet", "--message", "all"]))?;
            }
            timed(git_in(bench, git, &folder).args(["status", "--porcelain"]))
        })
        .run()?;
    // One byte of 100,000 files, in a file of the same length.
    let file = folder.join("in").join(READ);
    let mut content = fs::read(&file)?;
    if let Some(first) = content.first_mut() {
        *first ^= 1;
    }
    fs::write(&file, content)?;
    airtight.run(&folder, &[], 1, false)?;
    airtight.same(&folder, "one.file", &file)?;
    Ok(row)
}

/// A large tree that the store has never seen.
pub(crate) fn cold(bench: &Bench, count: usize) -> Result<Row> {
    let folder = project(bench, "ingest-cold", count)?;
    let airtight = &bench.airtight;
    let row = bench
        .contest(|turn| {
            forget(&folder)?;
            airtight.run(&folder, &[], 1, turn == 0)
        })
        .peer("git add", Some(0.5), bench.peers.get("git"), |git, _| {
            let _ = fs::remove_dir_all(folder.join("git"));
            timed(git_in(bench, git, &folder).args(["init", "--quiet"]))?;
            timed(git_in(bench, git, &folder).args(["add", "."]))
        })
        .run()?;
    airtight.same(&folder, "one.file", &folder.join("in").join(READ))?;
    Ok(row)
}

/// A large file that the store has never seen.
pub(crate) fn put(bench: &Bench, size: u64) -> Result<Row> {
    let folder = bench.folder("put")?;
    let (file, copy) = (folder.join("in/blob"), folder.join("copy"));
    blob(&file, size)?;
    bench.one_step(&folder, "stat /src/blob")?;
    let airtight = &bench.airtight;
    // Memory that was just given back is quicker to get than any other, for the kernel and for a host below it: who writes begins
    // right after what the other one wrote was removed.
    let clean = || -> Result<()> {
        forget(&folder)?;
        let _ = fs::remove_file(&copy);
        Ok(())
    };
    let row = bench
        .contest(|turn| {
            clean()?;
            airtight.run(&folder, &[], 1, turn == 0)
        })
        .peer("cp", Some(1.3), bench.peers.get("cp"), |cp, _| {
            clean()?;
            timed(airtight.isolated(cp, &folder).arg(&file).arg(&copy))
        })
        .peer(
            "b3sum (reads, writes nothing)",
            None,
            bench.peers.get("b3sum"),
            |b3sum, _| timed(airtight.isolated(b3sum, &folder).arg(&file)),
        )
        .run()?;
    // Reads every blob again and compares.
    clean()?;
    airtight.run(&folder, &[], 1, false)?;
    airtight.output(&folder, &["cache", "verify"])?;
    Ok(row)
}

/// Returns git for the tree `in`, with its own files beside it and nothing that would run in the background.
fn git_in(bench: &Bench, git: &Path, folder: &Path) -> Command {
    let mut command = bench.airtight.isolated(git, &folder.join("in"));
    for setting in [
        "gc.auto=0",
        "maintenance.auto=false",
        "user.name=bench",
        "user.email=bench@localhost",
    ] {
        command.args(["-c", setting]);
    }
    command
        .env("GIT_DIR", folder.join("git"))
        .env("GIT_WORK_TREE", folder.join("in"));
    command
}
