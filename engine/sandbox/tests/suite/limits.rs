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
    ];
    for (body, cause) in cases {
        let guest = command(&[], "", body);
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

/// Runs a guest under `limits` and says how it ended; whatever it was, it must not be kept.
async fn struck(host: &Host, guest: &[u8], limits: Limits) -> (String, Option<String>) {
    let mut request = host.command(guest);
    request.limits = limits;
    let report = host.run(&request).await;
    assert_eq!(report.outcome, Outcome::Failed, "{:?}", report.cause);
    assert!(!report.cacheable);
    (report.cause.unwrap(), report.help)
}

fn raise(line: &str) -> Option<String> {
    Some(format!("raise it in the step: `limits: {{ {line} }}`"))
}

// The stack is the step's own, whatever another step of the run has.
#[tokio::test]
async fn a_stack_that_is_too_deep_names_the_limit_of_the_step() {
    let host = Host::new();
    let guest = command(&[], "(func $deep (call $deep) (call $deep))", "(call $deep)");
    for (stack, cause, line) in [
        (
            4 << 20,
            "it needs more stack than its limit of 4MiB allows",
            "stack: 8MiB",
        ),
        // Counted in steps of 64 KiB.
        (
            1000,
            "it needs more stack than its limit of 64KiB allows",
            "stack: 128KiB",
        ),
        (
            48 << 20,
            "it needs more stack than its limit of 48MiB allows",
            "stack: 64MiB",
        ),
    ] {
        let limits = Limits {
            stack,
            ..Limits::DEFAULT
        };
        let (text, help) = struck(&host, &guest, limits).await;
        assert!(text.starts_with(cause), "{text}");
        assert_eq!(help, raise(line));
    }
    let limits = Limits {
        stack: u64::MAX,
        ..Limits::DEFAULT
    };
    let (text, help) = struck(&host, &guest, limits).await;
    assert!(
        text.starts_with("it needs more stack than its limit of 64MiB allows"),
        "{text}"
    );
    assert_eq!(help, None, "there is no larger one");
}

// A recursion that a larger stack holds runs there: the limit is really the engine's.
#[tokio::test]
async fn a_larger_stack_holds_a_deeper_recursion() {
    let host = Host::new();
    let functions =
        "(func $down (param $n i32) (if (local.get $n) (then (call $down (i32.sub (local.get $n) (i32.const 1)))))
        (i32.store (i32.const 64) (local.get $n)))";
    let functions = functions.replace('\n', " ");
    let mut request = host.command(&command(&[], &functions, "(call $down (i32.const 400000))"));
    request.limits.stack = 64 << 10;
    assert_eq!(host.run(&request).await.outcome, Outcome::Failed);
    request.limits.stack = 60 << 20;
    let report = host.run(&request).await;
    assert_eq!(report.outcome, Outcome::Succeeded, "{:?}", report.cause);
}

// Tables are the host's memory: growing one, and declaring one, strike the same bound.
#[tokio::test]
async fn tables_beyond_their_limit_end_the_attempt() {
    let host = Host::new();
    let body = "(loop $more (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $more))";
    let growing = command(&[], "(table $t 0 funcref)", body);
    let declared = command(&[], "(table $t 20001 funcref)", "");
    for guest in [growing, declared] {
        let limits = Limits {
            tables: 20_000,
            ..Limits::DEFAULT
        };
        let (cause, help) = struck(&host, &guest, limits).await;
        assert_eq!(cause, "its tables need more than their limit of 20000 elements");
        assert_eq!(help, raise("tables: 40000"));
    }
    let huge = command(&[], "(table $t 4000000000 funcref)", "");
    let (cause, help) = struck(&host, &huge, Limits::DEFAULT).await;
    assert_eq!(cause, "its tables need more than their limit of 10000000 elements");
    assert_eq!(help, raise("tables: 20000000"));
}

// One call cannot make the host hold more than this, however long the list is that the guest hands over.
#[tokio::test]
async fn a_call_that_hands_over_too_much_ends_the_attempt() {
    let host = Host::new();
    let guest = command(&[], "", "(call $print (i32.const 0) (i32.const 200000))");
    let limits = Limits {
        call: 100_000,
        ..Limits::DEFAULT
    };
    let (cause, help) = struck(&host, &guest, limits).await;
    assert_eq!(cause, "it handed over more than its limit of 100000 bytes in one call");
    assert_eq!(help, raise("call: 200000"));
}

// Randomness is made in the host's memory.
#[tokio::test]
async fn too_much_randomness_in_one_call_ends_the_attempt() {
    let host = Host::new();
    let import = r#"(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))"#;
    for (limit, asked) in [(1000, "1001"), (64 << 20, "-1")] {
        let body = format!("(call $random (i64.const {asked}) (i32.const 8))");
        let guest = command(&["wasi:random/random@0.2.12"], import, &body);
        let limits = Limits {
            random: limit,
            ..Limits::DEFAULT
        };
        let (cause, help) = struck(&host, &guest, limits).await;
        assert!(cause.ends_with("of random bytes in one call"), "{cause}");
        assert_eq!(
            help,
            raise(if limit == 1000 {
                "random: 2000"
            } else {
                "random: 128MiB"
            })
        );
    }
}

// The bytes of a component are bounded before anything looks at them.
#[tokio::test]
async fn a_component_that_is_too_large_is_not_compiled() {
    let host = Host::new();
    let guest = command(&[], "", "");
    let limits = Limits {
        component: 100,
        ..Limits::DEFAULT
    };
    let (cause, help) = struck(&host, &guest, limits).await;
    assert_eq!(cause, "the component has more bytes than its limit of 100 bytes allows");
    assert_eq!(help, raise("component: 200"));
    assert_eq!(host.run(&host.command(&guest)).await.outcome, Outcome::Succeeded);
}

/// A component whose functions take long to compile.
fn slow_to_compile(functions: usize) -> Vec<u8> {
    let body = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.rotl (local.get 1) (local.get 0))))"
        .repeat(2000);
    let functions: String = (0..functions)
        .map(|i| format!("(func $f{i} (param i32 i32) (result i32) {body} (local.get 0)) "))
        .collect();
    command(&[], &functions, "")
}

// A step that gives little time to compile fails by itself; one that gives enough has the code meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_compiles_slowly_fails_only_the_step_without_patience() {
    let host = Host::new();
    let guest = slow_to_compile(20);
    let (mut hasty, patient) = (host.command(&guest), host.command(&guest));
    hasty.limits.compile_ms = 1;
    let (hasty, patient) = tokio::join!(host.run(&hasty), host.run(&patient));
    assert_eq!(hasty.outcome, Outcome::Failed);
    assert!(!hasty.cacheable);
    assert_eq!(
        hasty.cause.unwrap(),
        "the component takes longer than its limit of 1ms to compile"
    );
    assert_eq!(hasty.help, raise("compile: 2ms"));
    assert_eq!(patient.outcome, Outcome::Succeeded, "{:?}", patient.cause);
}

// What a component is made of is the host's memory too.
#[tokio::test]
async fn instances_beyond_their_bound_are_named() {
    let host = Host::new();
    // Validation allows a hundred tables a module and a thousand instances, but not what they come to together.
    let tables = "(table 0 funcref)".repeat(100);
    let instances: String = (0..11)
        .map(|i| format!("(core instance $i{i} (instantiate $m))"))
        .collect();
    let text = format!(
        r#"(component
            (core module $m {tables} (func (export "run") (result i32) (i32.const 0)))
            {instances}
            (func $run (result (result)) (canon lift (core func $i0 "run")))
            (instance (export "wasi:cli/run@0.2.12") (export "run" (func $run))))"#
    );
    let (cause, help) = struck(&host, &wat::parse_str(text).unwrap(), Limits::DEFAULT).await;
    assert_eq!(cause, "it has more than 1000 instances, memories or tables");
    assert_eq!(help, None);
}
