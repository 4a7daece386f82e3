//! End to end: the real program on real guests, each test with a project, a home and a store of its own. Only what no lower level can
//! show is here: that the parts together keep the promises of the product. One program, so that the guests are found once.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod bad_input;
mod caching;
mod cancel;
mod commands;
mod confinement;
mod damage;
mod files;
mod foreign;
mod grants;
mod graph;
mod languages;
mod lock;
mod outcomes;
mod policy;
mod questions;
mod read_sets;
mod registry;
mod reports;
mod rust;
mod starts;
mod steps;
mod time;
mod unchanged;
mod values;
mod verify;
mod watch;

use airtight_testkit::{Run, TestEnv, component};

/// A project with guests in it, as `NAME.wasm`.
fn project(guests: &[&str]) -> TestEnv {
    let state = concat!(env!("CARGO_TARGET_TMPDIR"), "/native-code");
    let env = TestEnv::new(env!("CARGO_BIN_EXE_airtight")).sharing_native_code(state);
    for guest in guests {
        env.copy(&component(guest), &format!("{guest}.wasm"));
    }
    env
}

/// A project with a pipeline: the text is what follows the name in `airtight.yaml`.
fn pipeline(guests: &[&str], text: &str) -> TestEnv {
    let env = project(guests);
    env.write("airtight.yaml", format!("airtight: 1\nname: test\n{text}"));
    env
}

/// Runs the pipeline with events and expects an exit code.
#[track_caller]
fn run(env: &TestEnv, code: i32) -> Run {
    env.run(&["run", "--format", "json"]).expect(code)
}

/// How the cache answered for a step.
#[track_caller]
fn cache(run: &Run, step: &str) -> String {
    run.step(step)["cache"].as_str().expect("it is a word").to_owned()
}

/// How a step ended.
#[track_caller]
fn outcome(run: &Run, step: &str) -> String {
    run.step(step)["outcome"].as_str().expect("it is a word").to_owned()
}

/// The step's result as lines of a text.
#[track_caller]
fn transcript(run: &Run, step: &str) -> String {
    let end = run.step(step);
    let lines = end["result"]
        .as_array()
        .unwrap_or_else(|| panic!("`{step}` has no transcript: {end:#}"));
    lines
        .iter()
        .map(|line| format!("{}\n", line.as_str().expect("a line is a text")))
        .collect()
}

/// Whether a run was told again as a whole: then its hits were not looked up, and have no time.
fn is_recognised_by(run: &Run, step: &str) -> bool {
    run.stderr
        .lines()
        .any(|line| line.trim_end() == format!("hit       {step}"))
}
