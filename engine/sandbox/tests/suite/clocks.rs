//! Time and randomness as a guest sees them: the same on every run, and sleeping costs nothing.

use std::time::{Duration, Instant, SystemTime};

use airtight_model::Outcome;
use airtight_model::step::DEFAULT_CLOCK_BASE;

use crate::guests::{Host, command};

const CLOCKS: [&str; 3] = [
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:io/poll@0.2.12",
];

/// `$say` prints the monotonic clock; `$timer` subscribes; `$wait2` polls two and prints how many and which first.
const TIME: &str = r#"(import "wasi:clocks/wall-clock@0.2.12" "now" (func $wall (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $timer (param i64) (result i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.subscribe" (func $writable (param i32) (result i32)))
(func $number (param i64) (i64.store (i32.const 16) (local.get 0)) (call $print (i32.const 16) (i32.const 8)))
(func $say (call $number (call $now)))
(func $wait2 (param i32 i32)
  (i32.store (i32.const 32) (local.get 0))
  (i32.store (i32.const 36) (local.get 1))
  (call $poll (i32.const 32) (i32.const 2) (i32.const 40))
  (call $number (i64.extend_i32_u (i32.load (i32.const 44))))
  (call $number (i64.extend_i32_u (i32.load (i32.load (i32.const 40))))))"#;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;

// The clocks start at constants, move a tick a reading, and show nothing of the host.
#[tokio::test]
async fn clocks_read_the_same_on_every_run() {
    let host = Host::new();
    let body = "(call $wall (i32.const 48)) (call $print (i32.const 48) (i32.const 16)) (call $say) (call $say)";
    let mut request = host.command(&command(&CLOCKS, TIME, body));
    let first = host.numbers(&request).await;
    assert_eq!(first[0], DEFAULT_CLOCK_BASE);
    assert_eq!(first[1] & 0xffff_ffff, 0);
    assert_eq!(first[3] - first[2], 1_000);
    assert_eq!(host.numbers(&request).await, first);
    request.clock_base = 1_700_000_000;
    assert_eq!(host.numbers(&request).await[0], 1_700_000_000);
}

// A sleep of a day is done at once, and the guest sees that a day has gone by.
#[tokio::test]
async fn a_sleep_of_a_day_is_done_at_once() {
    let host = Host::new();
    let body = format!("(call $say) (call $block (call $timer (i64.const {DAY}))) (call $say)");
    let request = host.command(&command(&CLOCKS, TIME, &body));
    let began = Instant::now();
    let times = host.numbers(&request).await;
    assert!(times[1] - times[0] >= DAY && times[1] - times[0] < DAY + SECOND);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(host.numbers(&request).await, times);
}

// Two timers end in the order of their deadlines, whatever the order of the list.
#[tokio::test]
async fn two_timers_end_in_order() {
    let host = Host::new();
    let body = format!(
        "(local $long i32) (local $short i32)
         (local.set $long (call $timer (i64.const {DAY}))) (local.set $short (call $timer (i64.const {SECOND})))
         (call $say) (call $wait2 (local.get $long) (local.get $short)) (call $say)"
    );
    let seen = host.numbers(&host.command(&command(&CLOCKS, TIME, &body))).await;
    assert_eq!(seen[1..3], [1, 1], "one is ready: the second of the list");
    assert!((SECOND - 10_000..2 * SECOND).contains(&(seen[3] - seen[0])));
}

// A stream that is ready wins over a timer, and no time goes by.
#[tokio::test]
async fn a_ready_stream_wins_over_a_timer() {
    let host = Host::new();
    let body = format!(
        "(call $say) (call $wait2 (call $timer (i64.const {DAY})) (call $writable (call $get_stdout))) (call $say)"
    );
    let seen = host.numbers(&host.command(&command(&CLOCKS, TIME, &body))).await;
    assert_eq!(seen[1..3], [1, 1]);
    assert_eq!(seen[3] - seen[0], 1_000);
}

// A guest that sleeps for ever and waits for nothing else is told so instead of hanging.
#[tokio::test]
async fn a_sleep_without_end_fails() {
    let host = Host::new();
    let body = "(call $block (call $timer (i64.const -1)))";
    let report = host.run(&host.command(&command(&CLOCKS, TIME, body))).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(report.cause.unwrap(), "it waits for something that can never happen");
}

// Random numbers are the same for one step and differ between two, and the three sources differ.
#[tokio::test]
async fn randomness_is_a_function_of_the_step() {
    let host = Host::new();
    let guest = command(
        &[
            "wasi:random/random@0.2.12",
            "wasi:random/insecure@0.2.12",
            "wasi:random/insecure-seed@0.2.12",
        ],
        r#"(import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))
(import "wasi:random/insecure@0.2.12" "get-insecure-random-u64" (func $insecure (result i64)))
(import "wasi:random/insecure-seed@0.2.12" "insecure-seed" (func $seed (param i32)))
(func $number (param i64) (i64.store (i32.const 16) (local.get 0)) (call $print (i32.const 16) (i32.const 8)))"#,
        "(call $number (call $random)) (call $number (call $random)) (call $number (call $insecure))
         (call $seed (i32.const 32)) (call $print (i32.const 32) (i32.const 16))",
    );
    let mut request = host.command(&guest);
    let first = host.numbers(&request).await;
    let mut distinct = first.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 5);
    assert_eq!(host.numbers(&request).await, first);
    request.env = vec![("A".to_owned(), "b".to_owned())];
    assert_ne!(host.numbers(&request).await, first, "another step has other numbers");
}

// A step that was granted the real time sees the host's, and its sleep is one.
#[tokio::test]
async fn the_real_time_is_granted_and_recorded() {
    let host = Host::new();
    let body = "(call $wall (i32.const 48)) (call $print (i32.const 48) (i32.const 8))
      (call $say) (call $block (call $timer (i64.const 30000000))) (call $say)";
    let mut request = host.command(&command(&CLOCKS, TIME, body));
    request.grants.clock = true;
    let before = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let began = Instant::now();
    let times = host.numbers(&request).await;
    assert!(times[0] >= before && times[0] < before + 600, "{times:?}");
    assert!(times[2] - times[1] >= 30_000_000, "{times:?}");
    assert!(began.elapsed() >= Duration::from_millis(30));
    let report = host.run(&request).await;
    let [used] = &report.uses[..] else {
        panic!("one use: {:?}", report.uses)
    };
    assert_eq!(
        (used.capability.as_str(), used.grant.as_str(), used.count),
        ("clock", "clock: real", 3)
    );
}

// Granted randomness is another one each time, and said to be used where it was.
#[tokio::test]
async fn real_randomness_is_granted_and_recorded() {
    let host = Host::new();
    let functions = r#"(import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))"#;
    let body = "(i64.store (i32.const 16) (call $random)) (call $print (i32.const 16) (i32.const 8))";
    let mut request = host.command(&command(&["wasi:random/random@0.2.12"], functions, body));
    request.grants.random = true;
    assert_ne!(host.numbers(&request).await, host.numbers(&request).await);
    let report = host.run(&request).await;
    assert_eq!(report.uses.len(), 1, "{:?}", report.uses);
    assert_eq!(report.uses[0].grant, "random: real");
}
