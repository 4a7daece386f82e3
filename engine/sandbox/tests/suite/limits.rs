//! Guests that trap, loop, grow and wait: each ends, in time, with a cause that a person can use.

use std::time::{Duration, Instant};

use airtight_model::{Limits, Outcome};
use airtight_sandbox::Cancel;

use crate::guests::{Host, command, function};

const FOREVER: &str = "(loop $again (br $again))";

// Each way to trap, told without addresses and with the guest's own function names.
#[tokio::test]
async fn a_trap_is_a_failure_with_a_readable_cause() {
    let host = Host::new();
    let cases = [
        (
            "unreachable",
            "it trapped: unreachable code was reached (a panic or an abort)",
        ),
        (
            "(drop (i32.load (i32.const -1)))",
            "it trapped: it accessed memory out of bounds",
        ),
        (
            "(drop (i32.div_s (i32.const 1) (i32.load (i32.const 0))))",
            "it trapped: integer divide by zero",
        ),
        ("(call $deep)", "it trapped: the call stack is exhausted"),
    ];
    for (body, cause) in cases {
        let guest = command(&[], "(func $deep (call $deep) (call $deep))", body);
        let report = host.run(&host.command(&guest)).await;
        assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, None), "{body}");
        let text = report.cause.unwrap();
        assert!(text.starts_with(cause), "{text}");
        assert!(!text.contains("0x") && text.len() < 2000, "{text}");
    }
}

// Ctrl-C and timeouts work whatever the guest does: in a loop, in a start function, and while it waits.
#[tokio::test]
async fn an_endless_loop_is_cancelled_and_timed_out() {
    let host = Host::new();
    let looping = command(&[], "", FOREVER);
    let starting = function(
        "world w { export run: func(); }",
        &format!(r#"(func $begin {FOREVER}) (start $begin) (func (export "run"))"#),
    );
    for request in [host.command(&looping), host.function(&starting, vec![])] {
        let mut limited = request.clone();
        limited.limits.time_ms = Some(30);
        let report = host.run(&limited).await;
        assert_eq!(report.outcome, Outcome::TimedOut);
        assert_eq!(report.cause.unwrap(), "it ran longer than its limit of 30ms");
        assert_eq!(report.help.unwrap(), "raise it in the step: `limits: { time: 60ms }`");

        let mut control = host.control.clone();
        control.cancel = Cancel::new();
        let began = Instant::now();
        let (ran, ()) = tokio::join!(host.sandbox.run(&request, &control), async {
            tokio::task::yield_now().await;
            control.cancel.cancel();
        });
        assert_eq!(ran.report.outcome, Outcome::Cancelled);
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
}

// What is cancelled before it begins never begins.
#[tokio::test]
async fn a_cancelled_attempt_does_not_start() {
    let host = Host::new();
    host.control.cancel.cancel();
    let report = host.run(&host.command(&command(&[], "", FOREVER))).await;
    assert_eq!(report.outcome, Outcome::Cancelled);
}

// Memory that does not come ends the attempt: a guest must not see how much this machine has.
#[tokio::test]
async fn a_memory_bomb_is_ended_at_its_limit() {
    let host = Host::new();
    let body = "(loop $more (drop (memory.grow (i32.const 16))) (br $more))";
    let mut request = host.command(&command(&[], "", body));
    request.limits = Limits {
        memory: 64 << 20,
        ..Limits::DEFAULT
    };
    let report = host.run(&request).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(
        report.cause.unwrap(),
        "it needs more memory than its limit of 64MiB allows"
    );
    assert_eq!(
        report.help.unwrap(),
        "raise it in the step: `limits: { memory: 128MiB }`"
    );
    assert!(report.usage.memory > 60 << 20 && report.usage.memory <= 64 << 20);
}

// A module that starts with more than it may have is told so too.
#[tokio::test]
async fn memory_that_is_too_large_from_the_start_names_the_limit() {
    let host = Host::new();
    let mut request = host.command(&command(&[], "", ""));
    request.limits.memory = 1 << 16;
    let report = host.run(&request).await;
    assert_eq!(
        report.cause.unwrap(),
        "it needs more memory than its limit of 64KiB allows"
    );
}

// Fuel is counted by instructions, so it runs out at the same place on every machine.
#[tokio::test]
async fn fuel_runs_out_at_the_same_instruction() {
    let host = Host::new();
    let body = "(local $i i32) (loop $again (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (i32.store (i32.const 16) (local.get $i)) (call $print (i32.const 16) (i32.const 8)) (br $again))";
    let mut request = host.command(&command(&[], "", body));
    request.limits.fuel = Some(10_000);
    let (first, second) = (host.run(&request).await, host.run(&request).await);
    assert_eq!(first.cause.unwrap(), "it ran out of its fuel of 10000");
    assert_eq!(first.help.unwrap(), "raise it in the step: `limits: { fuel: 20000 }`");
    assert!(first.stdout.size > 0);
    assert_eq!(first.stdout, second.stdout);
}

// Output is bounded, and what was said before the bound is kept.
#[tokio::test]
async fn too_much_output_ends_the_attempt() {
    let host = Host::new();
    let body = "(loop $again (call $print (i32.const 1024) (i32.const 4096)) (br $again))";
    let mut request = host.command(&command(&[], "", body));
    request.limits.log = 1 << 20;
    let report = host.run(&request).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.cause.unwrap().contains("more than its limit of 1MiB"));
    assert_eq!(report.help.unwrap(), "raise it in the step: `limits: { log: 2MiB }`");
    assert_eq!(
        (report.stdout.size, host.bytes(&report.stdout).len()),
        (1 << 20, 1 << 20)
    );
}

// Handles are the host's memory.
#[tokio::test]
async fn too_many_handles_end_the_attempt() {
    let host = Host::new();
    let mut request = host.command(&command(&[], "", "(loop $again (drop (call $get_stdout)) (br $again))"));
    request.limits.handles = 100;
    let report = host.run(&request).await;
    assert_eq!(
        report.cause.unwrap(),
        "it holds more handles than its limit of 100 allows"
    );
    assert_eq!(report.help.unwrap(), "raise it in the step: `limits: { handles: 200 }`");
}
