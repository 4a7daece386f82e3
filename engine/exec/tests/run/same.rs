//! Steps that do the same in one run: one of them runs, the others hit what it made. Not here: two processes.

use airtight_model::event::CacheOutcome;
use airtight_model::plan::{Plan, PlannedStep, PlannedUses, Retry, When};
use airtight_model::{Class, Outcome};

use std::sync::Arc;

use crate::draft::{Draft, ids};
use crate::fakes::{Act, act, ends};
use crate::world::{World, outcomes};
use Outcome::{Cancelled, Failed, Skipped, Succeeded};

/// Lets a step run the program that all of them run.
fn same(step: &mut PlannedStep) {
    if let PlannedUses::Component { program, .. } = &mut step.uses {
        "same".clone_into(program);
    }
}

fn alike(count: usize) -> Arc<Plan> {
    let add = |plan: Draft, i: usize| plan.step(&format!("s{i}"), same);
    (0..count).fold(Draft::new(), add).done()
}

fn world(acts: impl IntoIterator<Item = Act>) -> World {
    World::new().acts("same", acts)
}

// Of steps whose actions are the same, one runs; the others are full hits of what it made, with the same outputs.
#[tokio::test(start_paused = true)]
async fn the_same_action_runs_once_in_a_run() {
    let world = world([act(10)]);
    let report = world.run(&alike(4)).await;
    assert_eq!(world.ran(), ["same"]);
    assert_eq!(outcomes(&report), [Succeeded; 4]);
    let caches: Vec<CacheOutcome> = report.steps.iter().map(|end| end.cache).collect();
    use CacheOutcome::{Full, Miss};
    assert_eq!(caches, [Miss, Full, Full, Full]);
    let first = report.steps[0].result.as_ref().unwrap();
    assert!(
        report
            .steps
            .iter()
            .all(|end| end.result.as_ref().unwrap().outputs == first.outputs)
    );
    assert_eq!((report.summary.ran, report.summary.full), (1, 3));
}

// What differs in anything that a guest can see is not the same.
#[tokio::test(start_paused = true)]
async fn steps_that_differ_all_run() {
    let world = world([act(10)]);
    let plan = Draft::new()
        .step("a", same)
        .step("b", |step| {
            same(step);
            "/tmp".clone_into(&mut step.cwd);
        })
        .done();
    world.run(&plan).await;
    assert_eq!(world.ran(), ["same", "same"]);
}

// Where the first fails there is nothing to hit: the others run themselves, side by side and not one after the other.
#[tokio::test(start_paused = true)]
async fn after_a_failure_the_others_run_themselves() {
    let world = world([ends(Failed), act(10)]).options(|options| options.keep_going = true);
    let report = world.run(&alike(4)).await;
    assert_eq!(outcomes(&report), [Failed, Succeeded, Succeeded, Succeeded]);
    assert_eq!(world.ran().len(), 4);
    assert_eq!(world.runner.running.lock().unwrap().1, 3);
}

// A result that may not be kept is nobody else's.
#[tokio::test(start_paused = true)]
async fn a_result_that_is_not_kept_is_made_by_each() {
    let act = Act {
        cacheable: false,
        ..act(10)
    };
    let world = world([act]);
    let report = world.run(&alike(3)).await;
    assert_eq!(world.ran().len(), 3);
    assert_eq!(report.summary.full, 0);
}

// An effectful step does what it does as often as the pipeline says, and so does every step without a cache.
#[tokio::test(start_paused = true)]
async fn what_is_not_looked_up_waits_for_nobody() {
    let effectful = |step: &mut PlannedStep| {
        same(step);
        step.class = Class::Effectful;
    };
    let it = world([act(10)]);
    it.run(&Draft::new().step("a", effectful).step("b", effectful).done())
        .await;
    assert_eq!(it.ran().len(), 2);
    let it = world([act(10)]).options(|options| options.use_cache = false);
    it.run(&alike(2)).await;
    assert_eq!(it.ran().len(), 2);
}

// Who waits does not wait through the pauses of a retry.
#[tokio::test(start_paused = true)]
async fn a_retry_of_the_first_lets_the_others_run() {
    let world = world([ends(Outcome::Errored), act(10)]);
    let plan = Draft::new()
        .step("a", |step| {
            same(step);
            step.retry = Some(Retry {
                times: 1,
                on: vec![Outcome::Errored],
                backoff_ms: 60_000,
            });
        })
        .step("b", same)
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded, Succeeded]);
    assert_eq!(report.steps[0].cache, CacheOutcome::Miss);
    assert!(report.steps[1].duration_us < 1_000_000, "{:?}", report.steps[1]);
}

// A run that stops at the first failure starts none of those that waited for it.
#[tokio::test(start_paused = true)]
async fn a_run_that_stops_starts_none_of_those_that_wait() {
    let world = world([ends(Failed), act(10)]);
    let report = world.run(&alike(3)).await;
    assert_eq!(outcomes(&report), [Failed, Cancelled, Cancelled]);
    assert_eq!(world.ran().len(), 1);
}

// A failed cell of a fail-fast matrix ends the cells that wait for it.
#[tokio::test(start_paused = true)]
async fn fail_fast_ends_those_that_wait() {
    let cell = |step: &mut PlannedStep| {
        same(step);
        (step.group, step.fail_fast) = (Some(0), true);
    };
    let world = world([ends(Failed)]).options(|options| options.keep_going = true);
    let plan = Draft::new()
        .step("m[i=1]", cell)
        .step("m[i=2]", cell)
        .step("after", |step| {
            (step.after, step.when) = (ids(&[0, 1]), When::OnSuccess);
        });
    let report = world.run(&plan.done()).await;
    assert_eq!(outcomes(&report), [Failed, Cancelled, Skipped]);
}

// A cancel ends the one that runs and those that wait.
#[tokio::test(start_paused = true)]
async fn a_cancel_ends_those_that_wait() {
    let world = world([act(60_000)]);
    let (plan, cancel) = (alike(3), world.cancel.clone());
    let both = async {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(world.run(&plan), both);
    assert_eq!(outcomes(&report), [Cancelled; 3]);
    assert_eq!(world.ran().len(), 1);
}
