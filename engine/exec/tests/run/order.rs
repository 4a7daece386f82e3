//! What runs when: parallel, longest path first, conditions, skips, matrices.

use std::time::Duration;

use airtight_model::plan::{TreeRef, When};
use airtight_model::{Outcome, StepId};
use serde_json::json;

use crate::draft::{Draft, args, ids, mount, out_ref, output_of};
use crate::fakes::{act, ends};
use crate::world::{World, cause, outcomes};
use Outcome::{Cancelled, Failed, Skipped, Succeeded};

// Four steps that wait on nothing take two workers twice as long as one of them takes, and never run three at a time.
#[tokio::test(start_paused = true)]
async fn steps_run_in_parallel_up_to_the_number_of_jobs() {
    let world = World::new().options(|options| options.jobs = 2);
    let mut plan = Draft::new();
    for name in ["a", "b", "c", "d"] {
        world.set_acts(name, [act(100)]);
        plan = plan.step(name, |_| {});
    }
    let report = world.run(&plan.done()).await;
    assert_eq!(outcomes(&report), [Succeeded; 4]);
    assert_eq!(world.runner.running.lock().unwrap().1, 2);
    assert_eq!(report.summary.duration_us, 200_000);
}

// The head of the long chain starts before steps that stand above it in the file.
#[tokio::test(start_paused = true)]
async fn the_longest_path_starts_first() {
    let world = World::new().options(|options| options.jobs = 1);
    let plan = Draft::new()
        .step("short", |_| {})
        .step("head", |_| {})
        .step("tail", |step| mount(step, "/in", output_of(1)));
    world.run(&plan.done()).await;
    // `head` is looked up and started first; `short` and `tail` are then equally long.
    assert_eq!(world.ran(), ["head", "short", "tail"]);
}

// A step that took long in an earlier run starts first in the next.
#[tokio::test(start_paused = true)]
async fn a_step_that_took_long_last_time_starts_first() {
    let world = World::new()
        .acts("slow", [act(500)])
        .options(|options| (options.jobs, options.use_cache) = (1, false));
    let plan = Draft::new()
        .step("fast", |_| {})
        .step("gate", |_| {})
        .step("slow", |step| step.after = ids(&[1]))
        .done();
    world.run(&plan).await;
    assert_eq!(world.ran(), ["gate", "fast", "slow"]);
    let plan = Draft::new()
        .step("fast", |_| {})
        .step("other", |_| {})
        .step("slow", |_| {})
        .done();
    world.run(&plan).await;
    // The first look-up is in the order of the file, and is what asks for the durations.
    assert_eq!(world.ran(), ["fast", "slow", "other"]);
}

// Order without data: a step after another starts when that has ended, and does not get its outputs in its key.
#[tokio::test(start_paused = true)]
async fn after_orders_without_data() {
    let world = World::new().acts("a", [act(50)]);
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |step| step.after = ids(&[0]))
        .done();
    world.run(&plan).await;
    let began = world
        .runner
        .runs
        .lock()
        .unwrap()
        .iter()
        .map(|(_, at, _)| *at)
        .collect::<Vec<_>>();
    assert_eq!(began[1] - began[0], Duration::from_millis(50));
    assert_eq!(world.runner.request("b").mounts, []);
}

// A false condition skips, says so, and runs nothing; one that is known to be false needs no evaluator.
#[tokio::test(start_paused = true)]
async fn a_false_condition_skips_a_step() {
    let world = World::new();
    let plan = Draft::new()
        .input("channel", json!("staging"))
        .step("a", |step| {
            step.condition = Some("inputs.channel == 'production'".to_owned())
        })
        .step("b", |step| step.condition = Some("false".to_owned()))
        .step("c", |step| {
            step.condition = Some("inputs.channel == 'staging'".to_owned())
        });
    let report = world.run(&plan.done()).await;
    assert_eq!(outcomes(&report), [Skipped, Skipped, Succeeded]);
    assert_eq!(
        cause(&report, "a"),
        "its condition `inputs.channel == 'production'` is false"
    );
    assert_eq!((report.summary.skipped, report.summary.success), (2, true));
}

// A condition sees how earlier steps ended.
#[tokio::test(start_paused = true)]
async fn a_condition_can_ask_for_an_outcome() {
    let world = World::new().acts("a", [ends(Failed)]);
    let condition = |outcome: &str| Some(format!("steps.a.outcome == '{outcome}'"));
    let plan = Draft::new()
        .step("a", |step| step.allow_failure = true)
        .step("b", |step| {
            (step.after, step.condition) = (ids(&[0]), condition("failed"))
        })
        .step("c", |step| {
            (step.after, step.condition) = (ids(&[0]), condition("succeeded"))
        });
    let report = world.run(&plan.done()).await;
    assert_eq!(outcomes(&report), [Failed, Succeeded, Skipped]);
    assert!(report.summary.success);
}

// A condition that is neither true nor false is a mistake in the file, not a skip.
#[tokio::test(start_paused = true)]
async fn a_condition_without_a_truth_value_fails_the_step() {
    let world = World::new();
    let plan = Draft::new()
        .input("n", json!(3))
        .step("a", |step| step.condition = Some("inputs.n".to_owned()))
        .step("b", |step| step.condition = Some("inputs.nothing".to_owned()));
    let report = world
        .options(|options| options.keep_going = true)
        .run(&plan.done())
        .await;
    assert_eq!(outcomes(&report), [Failed, Failed]);
    assert_eq!(
        cause(&report, "a"),
        "its condition has no value: `inputs.n` is `3`, and a condition is `true` or `false`"
    );
    assert!(cause(&report, "b").contains("no such key"));
}

// A data edge to a skipped step skips with the reason; `after:` it is satisfied.
#[tokio::test(start_paused = true)]
async fn a_skip_goes_along_data_and_not_along_order() {
    let world = World::new();
    let plan = Draft::new()
        .step("a", |step| step.condition = Some("false".to_owned()))
        .step("b", |step| mount(step, "/in", output_of(0)))
        .step("c", |step| step.after = ids(&[0]));
    let report = world.run(&plan.done()).await;
    assert_eq!(outcomes(&report), [Skipped, Skipped, Succeeded]);
    assert_eq!(cause(&report, "b"), "it needs `a`, which was skipped");
}

// Steps for failures and steps that always run do, when the run has stopped for a failure.
#[tokio::test(start_paused = true)]
async fn when_lets_steps_run_after_a_failure() {
    let world = World::new().acts("a", [ends(Failed)]);
    let plan = Draft::new()
        .step("a", |_| {})
        .step("notify", |step| (step.after, step.when) = (ids(&[0]), When::OnFailure))
        .step("clean", |step| (step.after, step.when) = (ids(&[0]), When::Always))
        .step("next", |step| step.after = ids(&[0]));
    let report = world.run(&plan.done()).await;
    assert_eq!(outcomes(&report), [Failed, Succeeded, Succeeded, Skipped]);
    assert_eq!(report.summary.failed, ["a"]);
}

// Without keep-going what has not begun is cancelled, and says by what; with it only what depends does not run.
#[tokio::test(start_paused = true)]
async fn keep_going_decides_what_a_failure_leaves() {
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |_| {})
        .step("c", |step| step.after = ids(&[1]))
        .step("d", |step| mount(step, "/in", output_of(0)))
        .done();
    for (keep_going, expected) in [
        (false, [Failed, Succeeded, Cancelled, Skipped]),
        (true, [Failed, Succeeded, Succeeded, Skipped]),
    ] {
        let world = World::new().acts("a", [ends(Failed)]).acts("b", [act(10)]);
        let report = world
            .options(|options| options.keep_going = keep_going)
            .run(&plan)
            .await;
        assert_eq!(outcomes(&report), expected);
        assert!(!report.summary.success);
        if !keep_going {
            assert_eq!(cause(&report, "c"), "`a` failed, and the run does not keep going");
        }
    }
}

// The cells of a matrix are steps with a bound of their own, named by cell and mounted as a folder of cells.
#[tokio::test(start_paused = true)]
async fn a_matrix_is_bounded_and_its_outputs_make_a_folder() {
    let world = World::new();
    let mut plan = Draft::new();
    for os in ["linux", "macos", "windows"] {
        let name = format!("build[os={os}]");
        world.set_acts(&name, [act(100)]);
        plan = plan.step(&name, |step| {
            (step.group, step.max_parallel) = (Some(0), Some(2));
            step.matrix.insert("os".to_owned(), json!(os));
            step.call = args(&["=matrix.os"]);
        });
    }
    let cells = ["linux", "macos", "windows"].iter().enumerate();
    let cells = cells.map(|(i, os)| (format!("os={os}"), out_ref(i as u32))).collect();
    let plan = plan
        .step("all", |step| mount(step, "/in", TreeRef::Cells(cells)))
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded; 4]);
    assert_eq!(world.runner.running.lock().unwrap().1, 2);
    let built = world.runner.request("build[os=macos]");
    assert!(format!("{:?}", built.invocation).contains("macos"));
    let airtight_model::Node::Directory(_) = world.runner.request("all").mounts[0].node else {
        panic!("a folder")
    };
}

// A failed cell of a fail-fast matrix stops those that run and cancels those that have not begun.
#[tokio::test(start_paused = true)]
async fn fail_fast_stops_running_cells() {
    let world = World::new().acts("m[1]", [act(60_000)]).acts("m[2]", [ends(Failed)]);
    let cell = |step: &mut airtight_model::plan::PlannedStep| {
        (step.group, step.fail_fast, step.max_parallel) = (Some(0), true, Some(2));
    };
    let plan = Draft::new()
        .step("m[1]", cell)
        .step("m[2]", cell)
        .step("m[3]", cell)
        .done();
    let report = world.options(|options| options.keep_going = true).run(&plan).await;
    assert_eq!(outcomes(&report), [Cancelled, Failed, Cancelled]);
    assert_eq!(cause(&report, "m[3]"), "`m[2]` failed, and the matrix is `fail-fast`");
    assert!(report.summary.duration_us < 1_000_000);
    assert_eq!(report.step(StepId(2)).attempts, 0);
}
