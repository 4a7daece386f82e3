//! Clocks, waiting and chance: nothing takes real time, and every run is the same. Not here: limits on real time (`cancel`).

use airtight_testkit::TestEnv;

use crate::{cache, outcome, pipeline, run, transcript};

/// Runs one function of the guest on a project of its own.
fn once(function: &str, more: &str) -> (TestEnv, String) {
    let text = format!(
        "sources: {{ tree: {{ path: tree }} }}\nsteps:\n  s: {{ uses: ./clocks.wasm, function: {function}, mounts: {{ /in: tree }}{more} }}\n"
    );
    let env = pipeline(&["clocks"], &text);
    env.write("tree/a.txt", "alpha\n");
    let lines = transcript(&run(&env, 0), "s");
    (env, lines)
}

#[track_caller]
fn assert_twice(function: &str, expected: &str) {
    for _ in 0..2 {
        let (_, lines) = once(function, "");
        assert_eq!(lines, expected, "{function}");
    }
}

// The earliest deadline comes first, whatever the order of the list, and two days pass at once.
#[test]
fn two_timers_end_in_the_order_of_their_deadlines() {
    let expected = "early is ready before: false\n[1] after 86400 s\nlate is ready: false\n[0] after 172800 s\n[0, 1] after 172800 s\n";
    assert_twice("two-timers", expected);
}

// Equal deadlines are ready together, in the order of the list.
#[test]
fn timers_of_one_deadline_end_together() {
    assert_twice("same-deadline", "[0, 1, 2] after 10 s\n");
}

// A deadline that has passed moves no clock.
#[test]
fn timers_of_the_past_are_ready_at_once() {
    assert_twice("timer-in-the-past", "[0, 2] after 0 s\n");
}

// What is ready wins: the stream is not made to wait for a timer, and the time does not jump.
#[test]
fn a_ready_stream_wins_over_a_timer() {
    let expected = "[1] after 0 s\nstream is ready: true\ntimer is ready: false\ntimer after 86400 s\nalpha\n\n";
    assert_twice("timer-beside-ready-stream", expected);
    assert_twice("timer-beside-output", "[1] after 0 s\nroom: true\nsize: Ok(4)\n");
}

// A sleep of a day is over at once, by WASI's own interface and by the standard library, on both clocks.
#[test]
fn a_sleep_of_a_day_is_over_at_once() {
    let began = std::time::Instant::now();
    assert_twice("sleep-a-day", "86400 s on one clock, 86400 s on the other\n");
    assert_twice("sleep-by-std", "3600 s\n");
    assert!(
        began.elapsed() < std::time::Duration::from_secs(600),
        "someone slept for real"
    );
}

// A guest that asks again and again sees the time pass, and always at the same reading.
#[test]
fn asking_for_a_timer_again_and_again_comes_to_an_end() {
    assert_twice("spin-until-ready", "asked 99 times\n");
}

// The clocks start at constants and rise with each reading.
#[test]
fn the_clocks_start_at_the_same_instant_and_rise() {
    assert_twice(
        "wall-clock",
        "946684800.000000000\n946684800.000001000\nresolution: 0.000001000\n",
    );
    let (_, first) = once("instants", "");
    let (_, second) = once("instants", "");
    assert_eq!(first, second);
    assert!(first.contains("rising: true"), "{first}");
}

// The pipeline may say what time it is; that is part of the key.
#[test]
fn the_pipeline_sets_the_wall_clock() {
    let (env, lines) = once("wall-clock", ", clock: \"2026-01-01T00:00:00Z\"");
    assert!(lines.starts_with("1767225600.000000000\n"), "{lines}");
    let changed = env.read("airtight.yaml").replace("2026-01-01", "2027-01-01");
    env.write("airtight.yaml", changed);
    let again = run(&env, 0);
    assert_eq!(cache(&again, "s"), "miss");
    assert!(transcript(&again, "s").starts_with("1798761600.000000000\n"));
}

// Chance is a stream that follows from the step alone: the same in two projects, another for another step.
#[test]
fn random_bytes_are_the_same_on_every_run_and_differ_between_steps() {
    let (_, first) = once("chance", "");
    let (_, second) = once("chance", "");
    assert_eq!(first, second);
    let (_, other) = once("chance", ", env: { SALT: other }");
    let random = |text: &str| text.lines().next().unwrap().to_owned();
    assert_ne!(random(&first), random(&other), "a step of another key draws other lots");
    let drawn: std::collections::BTreeSet<&str> = first.lines().collect();
    assert_eq!(drawn.len(), first.lines().count(), "two draws are equal: {first}");
}

// A wait for what can never happen is a failure with its cause, not a hang.
#[test]
fn a_wait_for_what_never_comes_fails_at_once() {
    let text = "steps:\n  for-ever: { uses: ./clocks.wasm, function: wait-for-ever }\n  nothing: { uses: ./clocks.wasm, function: poll-nothing }\n";
    let env = pipeline(&["clocks"], text);
    let run = env.run(&["run", "--format", "json", "--keep-going"]).expect(1);
    for step in ["for-ever", "nothing"] {
        assert_eq!(outcome(&run, step), "failed", "{}", run.text());
    }
    let cause = run.step("for-ever")["cause"].as_str().unwrap().to_owned();
    assert_eq!(cause, "it waits for something that can never happen");
}
