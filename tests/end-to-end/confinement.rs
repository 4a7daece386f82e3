//! What a run says of how it confined itself, and that only a run that runs something does. Not here: what is refused then
//! (the sandbox's tests); that everything else works confined is what all other tests here show.

use airtight_testkit::{Process, Run, TestEnv};

use crate::pipeline;

const TEXT: &str = "sources: { tree: { path: tree } }\nsteps:\n  \
    a: { uses: ./script.wasm, with: { ops: [ \"read /src/a.txt\" ] }, mounts: { /src: tree } }\n";

/// The line about confinement, if there is one.
fn said(run: &Run) -> Option<&str> {
    run.stderr.lines().find(|line| line.contains("confined: "))
}

fn project() -> TestEnv {
    let env = pipeline(&["script"], TEXT);
    env.write("tree/a.txt", "one\n");
    env
}

// Whether the kernel has what it takes or not, `-v` says it; a run in which everything hits has nothing to confine.
#[test]
fn a_run_says_to_what_it_confined_itself() {
    let env = project();
    let first = env.run(&["run", "-v"]).expect(0);
    let line = said(&first).unwrap_or_else(|| panic!("nothing is said: {}", first.text()));
    assert!(
        line.starts_with("confined: ") && line.ends_with("no network") || line.starts_with("not confined: "),
        "{line}"
    );
    let cached = env.run(&["run", "-v"]).expect(0);
    assert_eq!(said(&cached), None, "{}", cached.text());
    let quiet = env.run(&["run", "--no-cache"]).expect(0);
    assert_eq!(said(&quiet), None, "{}", quiet.text());
    let mut command = env.command(&["run", "-v", "--no-cache"]);
    let off = env.finish(command.env("AIRTIGHT_CONFINE", "off")).expect(0);
    assert_eq!(said(&off), Some("not confined: AIRTIGHT_CONFINE is off"));
}

// What is given up is given up for good: a watch whose pipeline asks for it later is told, not left to fail.
#[test]
fn a_watch_that_needs_more_than_it_kept_says_so() {
    let env = project();
    let mut process = Process::start(&mut env.command(&["run", "--watch"]));
    process.wait_for(|line| line.contains("watching"));
    let granted = "mounts: { /src: tree }, grants: { http: [ \"https://example.com\" ] } }";
    env.write(
        "airtight.yaml",
        env.read("airtight.yaml").replace("mounts: { /src: tree } }", granted),
    );
    let line = process.wait_for(|line| line.contains("has given it up"));
    assert!(line.contains("a step may use the network now"), "{line}");
    process.wait_for(|line| line.contains("watching"));
    process.interrupt();
}
