//! `cargo xtask crash [ROUNDS]`: the long form of the crash tests, whose short form is part of `test`: the real program is killed, its
//! system calls fail, its store is altered, and several of it race. Ends with what each test counted. Not here: any of that
//! (`tests/crash`).

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::Result;
use crate::project::Project;

/// How often the run is killed where nothing else is said.
const ROUNDS: &str = "1000";

pub(crate) fn run(project: &Project, rest: &[String]) -> Result<()> {
    let rounds = rest.first().map_or(ROUNDS, String::as_str);
    rounds
        .parse::<u64>()
        .map_err(|_| format!("`{rounds}` is no number of rounds"))?;
    let mut tests = project.cargo("");
    tests
        .args(["test", "--workspace", "--locked", "--test", "crash", "--"])
        .args(["--nocapture", "--test-threads=1"])
        .env("AIRTIGHT_CRASH_ROUNDS", rounds)
        .stderr(Stdio::piped());
    let mut running = tests.spawn()?;
    let stderr = running.stderr.take().ok_or("the tests have no standard error")?;
    let mut counted = Vec::new();
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        eprintln!("{line}");
        if line.contains(" rounds") || line.contains("AIRTIGHT_CRASH_SEED=") || line.contains("skipped") {
            counted.push(line);
        }
    }
    let ended = running.wait()?;
    println!("\n{}", counted.join("\n"));
    if ended.success() {
        Ok(())
    } else {
        Err("a crash test failed: its seed is above".into())
    }
}
