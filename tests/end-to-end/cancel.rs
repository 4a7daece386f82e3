//! Being stopped: a limit on time and Ctrl-C end a run soon, whatever the guest does. Not here: virtual time (`time`).

use std::time::Duration;

use airtight_testkit::{Process, TestEnv};

use crate::{outcome, pipeline};

/// What a person waits at most after Ctrl-C, with room for a machine that does something else too.
const SOON: Duration = Duration::from_secs(3);

/// A module for preview 1 that never comes to its end, nor even to its beginning.
const ENDLESS_START: &str = r#"
(module
  (memory (export "memory") 1)
  (func $start (loop $again (br $again)))
  (start $start)
  (func (export "_start")))
"#;

/// A module that calls the host for ever.
const ENDLESS_CALLS: &str = r#"
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (loop $again (drop (call $yield)) (br $again))))
"#;

fn endless(limit: &str) -> [(&'static str, TestEnv); 4] {
    let script = |guest: &str, call: &str| {
        pipeline(
            &[guest],
            &format!("steps:\n  s: {{ uses: ./{guest}.wasm, {call}{limit} }}\n"),
        )
    };
    let module = |text: &str| {
        let env = pipeline(&[], &format!("steps:\n  s: {{ uses: ./module.wasm{limit} }}\n"));
        env.write("module.wasm", wat::parse_str(text).unwrap());
        env
    };
    [
        ("a function", script("script", "with: { ops: [ spin ] }")),
        ("a command", script("command", "args: [ spin ]")),
        ("a start function", module(ENDLESS_START)),
        ("a caller of the host", module(ENDLESS_CALLS)),
    ]
}

#[test]
fn an_endless_guest_ends_at_its_limit() {
    for (what, env) in endless(", limits: { time: 300ms }") {
        let run = env.run(&["run", "--format", "json"]).expect(1);
        assert_eq!(outcome(&run, "s"), "timed-out", "{what}\n{}", run.text());
        let took = run.step("s")["usage"]["duration_us"].as_u64().unwrap();
        assert!(took >= 250_000, "{what} ended before its time: {took} µs");
    }
}

#[test]
fn an_interrupt_ends_an_endless_guest_within_a_second() {
    for (what, env) in endless("") {
        let mut process = Process::start(&mut env.command(&["run", "--format", "json"]));
        process.wait_for(|line| line.contains("\"step-started\""));
        let end = process.interrupt();
        assert_eq!(end.code, Some(130), "{what}\n{}", end.seen.join("\n"));
        assert!(end.took < SOON, "{what} took {:?}", end.took);
        let finished = end.seen.iter().find(|line| line.contains("\"step-finished\"")).unwrap();
        assert!(finished.contains("\"outcome\":\"cancelled\""), "{what}: {finished}");
    }
}

// What was complete before the interrupt is not lost, what was not leaves nothing behind.
#[test]
fn what_was_done_before_an_interrupt_is_a_hit_afterwards() {
    let text = "steps:\n  quick: { uses: ./script.wasm, with: { ops: [ \"write /out/x text\" ] }, outputs: { x: /out/x } }\n  \
        slow: { uses: ./script.wasm, with: { ops: [ spin ] }, mounts: { /x: quick.x } }\n";
    let env = pipeline(&["script"], text);
    let mut process = Process::start(&mut env.command(&["run", "--format", "json"]));
    process.wait_for(|line| line.contains("\"step-started\"") && line.contains("\"slow\""));
    assert_eq!(process.interrupt().code, Some(130));
    let again = env.run(&["run", "--format", "json", "--only", "quick"]).expect(0);
    assert_eq!(crate::cache(&again, "quick"), "full");
    env.run(&["cache", "verify"]).expect(0);
}

// For people: the steps that were stopped are named and nothing is called a failure of theirs.
#[test]
fn an_interrupted_run_says_what_was_cancelled() {
    let env = pipeline(
        &["script"],
        "steps:\n  s: { uses: ./script.wasm, with: { ops: [ spin ] } }\n",
    );
    let mut process = Process::start(&mut env.command(&["run"]));
    process.wait_for(|line| line.starts_with("start"));
    let end = process.interrupt();
    assert_eq!(end.code, Some(130));
    assert!(
        end.seen.iter().any(|line| line.contains("1 cancelled")),
        "{}",
        end.seen.join("\n")
    );
}
