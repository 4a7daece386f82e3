//! How a step can end, what a person is told of it and what the process says to the shell. Not here: being stopped (`cancel`).

use airtight_testkit::TestEnv;
use serde_json::json;

use crate::{outcome, pipeline, run};

fn one(guest: &str, step: &str) -> TestEnv {
    pipeline(&[guest], &format!("steps:\n  s: {{ uses: ./{guest}.wasm, {step} }}\n"))
}

/// Runs a pipeline of one step for people and with events, and expects the code, the outcome and the cause.
#[track_caller]
fn assert_ends(env: &TestEnv, code: i32, expected: &str, cause: &str) {
    let run = run(env, code);
    assert_eq!(outcome(&run, "s"), expected, "{}", run.text());
    let end = run.step("s");
    assert!(end["cause"].as_str().unwrap_or_default().contains(cause), "{end:#}");
    let told = env.run(&["run"]).expect(code);
    assert!(told.stderr.contains(cause), "{}", told.text());
    assert!(told.stderr.contains("failed: s"), "{}", told.text());
    // Nothing but a success is ever kept.
    assert_eq!(crate::cache(&crate::run(env, code), "s"), "miss");
}

// The last lines, the cause and the exit code: what one looks for first.
#[test]
fn a_command_that_fails_shows_its_last_lines_and_its_exit_code() {
    let args = (1..=30)
        .map(|line| format!("\"print line {line}.\""))
        .collect::<Vec<_>>()
        .join(", ");
    let env = one(
        "command",
        &format!("args: [ {args}, \"eprint the reason\", \"exit 1\" ]"),
    );
    assert_ends(&env, 1, "failed", "exit code 1");
    assert_eq!(run(&env, 1).step("s")["exit_code"], 1);
    let told = env.run(&["run", "--progress", "none"]).expect(1).stderr;
    assert!(told.contains("line 30.") && told.contains("the reason"), "{told}");
    assert!(!told.contains("line 5."), "more than the last lines: {told}");
}

// A module for preview 1 keeps its code; WASI 0.2 knows only success and failure.
#[test]
fn a_preview_1_module_ends_with_its_own_exit_code() {
    let env = pipeline(&[], "steps:\n  s: { uses: ./old.wasm, args: [ \"exit 42\" ] }\n");
    env.copy(&airtight_testkit::preview1_module("command"), "old.wasm");
    let end = run(&env, 1).step("s");
    assert_eq!(end["outcome"], "failed");
    assert!([json!(42), json!(1)].contains(&end["exit_code"]), "{end:#}");
}

#[test]
fn the_err_of_a_function_is_the_cause() {
    assert_ends(
        &one("script", "with: { ops: [ \"fail the disc is missing\" ] }"),
        1,
        "failed",
        "the disc is missing",
    );
}

#[test]
fn a_trap_is_a_failure_with_its_cause() {
    assert_ends(
        &one("script", "with: { ops: [ \"panic over\" ] }"),
        1,
        "failed",
        "it trapped",
    );
    assert_ends(&one("command", "args: [ \"panic over\" ]"), 1, "failed", "it trapped");
}

#[test]
fn a_guest_that_takes_more_memory_than_its_limit_is_ended() {
    let env = one("script", "with: { ops: [ bomb ] }, limits: { memory: 32MiB }");
    assert_ends(&env, 1, "failed", "32");
    let help = run(&env, 1).step("s")["help"].as_str().unwrap_or_default().to_owned();
    assert!(help.contains("memory:"), "no line that raises the limit: {help:?}");
}

#[test]
fn a_guest_that_writes_more_than_its_limit_is_ended() {
    let env = one(
        "script",
        "with: { ops: [ \"big /out/file 3000000\" ] }, limits: { output: 1MiB }",
    );
    assert_ends(&env, 1, "failed", "1");
    let help = run(&env, 1).step("s")["help"].as_str().unwrap_or_default().to_owned();
    assert!(help.contains("output:"), "no line that raises the limit: {help:?}");
}

#[test]
fn a_guest_that_burns_its_fuel_is_ended_at_the_same_place() {
    assert_ends(
        &one("script", "with: { ops: [ spin ] }, limits: { fuel: 1000000 }"),
        1,
        "failed",
        "fuel",
    );
}

#[test]
fn a_guest_that_runs_longer_than_its_limit_has_timed_out() {
    let env = one("script", "with: { ops: [ spin ] }, limits: { time: 200ms }");
    assert_ends(&env, 1, "timed-out", "200ms");
    let help = run(&env, 1).step("s")["help"].as_str().unwrap_or_default().to_owned();
    assert!(help.contains("time:"), "no line that raises the limit: {help:?}");
}

// The network is refused, the refusal is recorded, and the exit code says that it was no fault of the program.
#[test]
fn a_step_that_fails_after_a_refusal_is_denied() {
    for (function, argument, capability, request) in [
        (
            "open-connection",
            "address: \"192.0.2.1:443\"",
            "net",
            "tcp://192.0.2.1:443",
        ),
        ("listen-at", "address: \"127.0.0.1:8080\"", "net", "TCP"),
        ("datagram", "address: \"127.0.0.1:8080\"", "net", "UDP"),
        ("look-up", "name: example.com", "net", "example.com"),
        ("http-get", "authority: example.com", "http", "example.com"),
    ] {
        let env = one("network", &format!("function: {function}, with: {{ {argument} }}"));
        let run = run(&env, 5);
        assert_eq!(outcome(&run, "s"), "denied", "{function}\n{}", run.text());
        let denials: Vec<_> = run
            .events()
            .into_iter()
            .filter(|event| event["event"] == "step-denied")
            .collect();
        let fits = |event: &serde_json::Value| {
            event["capability"] == capability && event["request"].as_str().unwrap_or_default().contains(request)
        };
        assert!(denials.iter().any(fits), "{function}: {denials:#?}");
        let told = env.run(&["run"]).expect(5).stderr;
        assert!(told.contains("denied") && told.contains(request), "{function}: {told}");
        assert!(!told.contains("token=1"), "a refusal shows what a URL may hold: {told}");
    }
}

#[test]
fn a_step_that_puts_up_with_a_refusal_succeeds_and_shows_it() {
    let env = one("network", "function: tolerant, with: { address: \"192.0.2.1:443\" }");
    let first = run(&env, 0);
    assert_eq!(outcome(&first, "s"), "succeeded");
    assert!(
        first.step("s")["result"]
            .as_str()
            .unwrap()
            .starts_with("went on without"),
        "{}",
        first.text()
    );
    for told in [env.run(&["run", "--no-cache"]).expect(0), env.run(&["run"]).expect(0)] {
        assert!(told.stderr.contains("denied"), "{}", told.text());
    }
}

// A guest can say what it likes: the terminal of the person who reads it is not its to command.
#[test]
fn what_a_guest_says_is_escaped() {
    let env = one("script", "function: speak, with: { failing: true }");
    let told = env.run(&["run"]).expect(1).stderr;
    assert!(told.contains("red"), "{told}");
    assert!(!told.contains('\u{1b}') && !told.contains('\u{202e}'), "{told:?}");
}

#[test]
fn an_output_that_the_step_did_not_make_fails_it() {
    let env = one(
        "script",
        "with: { ops: [ \"write /out/other text\" ] }, outputs: { file: /out/file }",
    );
    let run = run(&env, 1);
    assert_eq!(outcome(&run, "s"), "failed");
    assert!(
        run.step("s")["cause"].as_str().unwrap().contains("/out/file"),
        "{}",
        run.text()
    );
}

// A trap in the start function is a failure like any other.
#[test]
fn a_trap_in_a_start_function_is_a_failure() {
    let env = pipeline(&[], "steps:\n  s: { uses: ./start.wasm }\n");
    let module =
        r#"(module (func $start unreachable) (start $start) (memory (export "memory") 1) (func (export "_start")))"#;
    env.write("start.wasm", wat::parse_str(module).unwrap());
    assert_ends(&env, 1, "failed", "it trapped");
}
