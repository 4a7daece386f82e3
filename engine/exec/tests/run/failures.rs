//! Every outcome, retries, and what goes wrong around an attempt.

use std::sync::Arc;
use std::time::Duration;

use airtight_exec::{LazyRunner, RunnerError, Services};
use airtight_model::event::{CacheOutcome, Event, Stream};
use airtight_model::plan::{PlannedCall, Retry, Template};
use airtight_model::{BlobDigest, Denial, Outcome};
use serde_json::json;

use crate::draft::{Draft, ids};
use crate::fakes::{Act, act, ends};
use crate::world::{World, cause, outcomes};
use Outcome::{Denied, Errored, Failed, Succeeded, TimedOut};

// Whatever an attempt ends with is what its step ends with, in the report, the events and the numbers.
#[tokio::test(start_paused = true)]
async fn an_attempts_outcome_is_its_steps_outcome() {
    for outcome in [Succeeded, Failed, Denied, TimedOut, Errored] {
        let world = World::new().acts("a", [ends(outcome)]);
        let report = world.run(&Draft::new().step("a", |_| {}).done()).await;
        assert_eq!(outcomes(&report), [outcome]);
        let ends = world.finished("a");
        assert_eq!(
            (ends.len(), ends[0].outcome, ends[0].cache),
            (1, outcome, CacheOutcome::Miss)
        );
        assert_eq!(report.summary.success, outcome == Succeeded);
        assert_eq!(report.summary.failed.is_empty(), outcome == Succeeded);
        assert_eq!(ends[0].exit_code, (outcome == Failed).then_some(1));
        assert!(ends[0].key.is_some());
    }
}

// An allowed failure is told and fails nothing.
#[tokio::test(start_paused = true)]
async fn an_allowed_failure_does_not_fail_the_run() {
    let world = World::new().acts("a", [ends(TimedOut)]);
    let plan = Draft::new()
        .step("a", |step| step.allow_failure = true)
        .step("b", |step| step.after = ids(&[0]))
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [TimedOut, Succeeded]);
    assert_eq!((report.summary.success, report.summary.failed.len()), (true, 0));
    assert!(world.finished("a")[0].allow_failure);
}

fn retry(times: u32, on: &[Outcome]) -> Option<Retry> {
    Some(Retry {
        times,
        on: on.to_vec(),
        backoff_ms: 100,
    })
}

// An attempt is made again after a wait that doubles, with the reason, and the last one counts.
#[tokio::test(start_paused = true)]
async fn a_step_is_tried_again_for_the_outcomes_that_it_names() {
    let world = World::new().acts("a", [ends(TimedOut), ends(Errored), act(0)]);
    let plan = Draft::new()
        .step("a", |step| step.retry = retry(2, &[TimedOut, Errored]))
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded]);
    assert_eq!(report.steps[0].attempts, 3);
    let retried = |event| match event {
        Event::StepRetried {
            attempt,
            outcome,
            reason,
            wait_ms,
            ..
        } => Some((attempt, outcome, reason, wait_ms)),
        _ => None,
    };
    let retried: Vec<_> = world.events().into_iter().filter_map(retried).collect();
    assert_eq!(
        retried,
        [
            (1, TimedOut, "it timed-out".to_owned(), 100),
            (2, Errored, "it errored".to_owned(), 200)
        ]
    );
    let began = world
        .runner
        .runs
        .lock()
        .unwrap()
        .iter()
        .map(|(_, at, _)| *at)
        .collect::<Vec<_>>();
    assert_eq!(
        (began[1] - began[0], began[2] - began[1]),
        (Duration::from_millis(100), Duration::from_millis(200))
    );
    assert_eq!(report.summary.ran, 1);
}

// Other outcomes and more attempts than allowed end the step.
#[tokio::test(start_paused = true)]
async fn a_step_is_not_tried_again_for_other_outcomes_or_too_often() {
    for (acts, attempts, outcome) in [
        (vec![ends(Failed), act(0)], 1, Failed),
        (vec![ends(TimedOut), ends(TimedOut), act(0)], 2, TimedOut),
    ] {
        let world = World::new().acts("a", acts);
        let report = world
            .run(&Draft::new().step("a", |step| step.retry = retry(1, &[TimedOut])).done())
            .await;
        assert_eq!((report.steps[0].attempts, report.steps[0].outcome), (attempts, outcome));
    }
}

// While a step waits for its next attempt, another uses its worker.
#[tokio::test(start_paused = true)]
async fn a_wait_between_attempts_holds_no_worker() {
    let world = World::new().acts("a", [ends(TimedOut), act(0)]).acts("b", [act(10)]);
    let plan = Draft::new()
        .step("a", |step| step.retry = retry(1, &[TimedOut]))
        .step("b", |_| {})
        .done();
    world.options(|options| options.jobs = 1).run(&plan).await;
}

// The wait between attempts has a bound, however often it doubles.
#[tokio::test(start_paused = true)]
async fn the_wait_between_attempts_is_bounded() {
    let world = World::new().acts("a", [ends(TimedOut)]);
    let forever = Retry {
        times: 70,
        on: vec![TimedOut],
        backoff_ms: u64::MAX / 2,
    };
    let report = world
        .run(&Draft::new().step("a", |step| step.retry = Some(forever)).done())
        .await;
    assert_eq!(report.steps[0].attempts, 71);
    assert_eq!(report.summary.duration_us, 70 * 60_000_000);
}

// What an attempt says is told while it runs, line by line; denials are told at its end.
#[tokio::test(start_paused = true)]
async fn what_a_step_says_is_told() {
    let denial = Denial {
        capability: "net".to_owned(),
        request: "resolve example.com".to_owned(),
        rule: "no grant names it".to_owned(),
        allow: None,
        count: 2,
    };
    let says = Act {
        says: "one\ntwo",
        denials: vec![denial.clone()],
        ..act(0)
    };
    let world = World::new().acts("a", [says]);
    let report = world.run(&Draft::new().step("a", |_| {}).done()).await;
    let line = |text: &str| Event::StepOutput {
        step: "a".to_owned(),
        stream: Stream::Stdout,
        text: text.to_owned(),
        cached: false,
    };
    let events = world.events();
    let at = |event: &Event| events.iter().position(|known| known == event).expect("it was told");
    let denied = Event::StepDenied {
        step: "a".to_owned(),
        denial,
        cached: false,
    };
    assert!(at(&line("one")) < at(&line("two")) && at(&line("two")) < at(&denied));
    assert_eq!(report.steps[0].stdout.blob, Some(BlobDigest::of(b"one\ntwo")));
}

// Standard input is in the store before the attempt begins, and its digest is in the request.
#[tokio::test(start_paused = true)]
async fn standard_input_is_put_into_the_store() {
    let world = World::new();
    let stdin = Some(Template::Literal(json!("hello")));
    let plan = Draft::new()
        .step("a", |step| {
            step.call = PlannedCall::Command {
                args: Vec::new(),
                stdin,
            }
        })
        .done();
    world.run(&plan).await;
    let asked = format!("{:?}", world.runner.request("a").invocation);
    assert!(asked.contains(&BlobDigest::of(b"hello").short()), "{asked}");
    assert!(
        world
            .trees
            .blobs
            .lock()
            .unwrap()
            .contains_key(&BlobDigest::of(b"hello"))
    );
}

// Where no runner can be made, steps end as errored with the reason.
#[tokio::test(start_paused = true)]
async fn a_runner_that_cannot_be_made_is_an_error_of_the_host() {
    let world = World::new();
    let make = || {
        Err(RunnerError {
            message: "no engine".to_owned(),
            help: Some("get one".to_owned()),
        })
    };
    let services = Services {
        runner: Arc::new(LazyRunner::new(make)),
        ..world.services()
    };
    let report = world.run_with(&Draft::new().step("a", |_| {}).done(), services).await;
    assert_eq!(outcomes(&report), [Errored]);
    assert_eq!(
        (cause(&report, "a"), report.steps[0].help.as_deref()),
        ("no engine", Some("get one"))
    );
}

// A panic in the runner ends its step, not the run.
#[tokio::test(start_paused = true)]
async fn a_panic_of_the_runner_ends_only_its_step() {
    let world = World::new()
        .acts("a", [Act { panics: true, ..act(0) }])
        .acts("b", [act(10)]);
    let plan = Draft::new().step("a", |_| {}).step("b", |_| {}).done();
    let report = world.options(|options| options.keep_going = true).run(&plan).await;
    assert_eq!(outcomes(&report), [Errored, Succeeded]);
    assert!(cause(&report, "a").contains("panic"));
}
