//! Ending a run from outside.

use std::time::Duration;

use airtight_model::{Outcome, StepId};

use crate::draft::{Draft, ids, source};
use crate::fakes::{Act, act};
use crate::world::{World, cause, outcomes};
use Outcome::{Cancelled, Succeeded};

/// Raises the flag after a while.
fn cancel_after(world: &World, ms: u64) {
    let cancel = world.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        cancel.cancel();
    });
}

// What runs is told and ends; what has not begun is cancelled; what is done stays done.
#[tokio::test(start_paused = true)]
async fn a_cancelled_run_ends_at_once() {
    let world = World::new().acts("b", [act(60_000)]);
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |_| {})
        .step("c", |step| step.after = ids(&[1]))
        .export("dist", crate::draft::output_of(0))
        .done();
    cancel_after(&world, 100);
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded, Cancelled, Cancelled]);
    assert_eq!(report.summary.duration_us, 100_000);
    assert_eq!(
        (report.summary.cancelled, report.summary.success, report.cancelled),
        (2, false, true)
    );
    assert_eq!(cause(&report, "c"), "the run was cancelled");
    assert!(world.trees.exports.lock().unwrap().is_empty());
    assert_eq!(world.finished("b").len(), 1);
}

// A runner that does not obey is abandoned: the run ends within a second all the same.
#[tokio::test(start_paused = true)]
async fn a_run_ends_within_a_second_whatever_the_runner_does() {
    let world = World::new().acts(
        "a",
        [Act {
            obeys: false,
            ..act(60_000)
        }],
    );
    cancel_after(&world, 100);
    let report = world.run(&Draft::new().step("a", |_| {}).done()).await;
    assert_eq!(outcomes(&report), [Cancelled]);
    assert!(
        report.summary.duration_us <= 1_100_000,
        "{}",
        report.summary.duration_us
    );
    assert!(cause(&report, "a").contains("abandoned"));
}

// A run that is cancelled before it begins starts nothing.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_before_it_begins_starts_nothing() {
    let world = World::new();
    world.trees.set_source("src", world.trees.put_file("x"));
    world.cancel.cancel();
    let plan = Draft::new()
        .source("src")
        .step("a", |step| crate::draft::mount(step, "/src", source(0)))
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Cancelled]);
    assert_eq!((report.step(StepId(0)).attempts, report.problems.len()), (0, 0));
}

// A step that waits for its next attempt is not tried again.
#[tokio::test(start_paused = true)]
async fn a_cancelled_run_makes_no_further_attempts() {
    let world = World::new().acts("a", [crate::fakes::ends(Outcome::TimedOut)]);
    let retry = airtight_model::plan::Retry {
        times: 5,
        on: vec![Outcome::TimedOut],
        backoff_ms: 60_000,
    };
    cancel_after(&world, 100);
    let report = world
        .run(&Draft::new().step("a", |step| step.retry = Some(retry)).done())
        .await;
    assert_eq!(outcomes(&report), [Cancelled]);
    assert_eq!((report.steps[0].attempts, report.summary.duration_us), (1, 100_000));
}
