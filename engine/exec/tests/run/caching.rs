//! Hits, what is kept and what is not, early cut-off, replay.

use std::sync::atomic::Ordering;

use airtight_model::event::{CacheOutcome, Event};
use airtight_model::history::Origin;
use airtight_model::step::{LogLevel, LogLine, Metric, Report};
use airtight_model::{Class, Denial, Outcome, Use, Value};

use crate::draft::{Draft, args, ids, mount, output_of, source};
use crate::fakes::{Act, act, ends};
use crate::world::{World, outcomes};
use Outcome::Succeeded;

fn caches(world: &World, steps: &[&str]) -> Vec<CacheOutcome> {
    steps.iter().map(|step| world.finished(step)[0].cache).collect()
}

// The second run runs nothing, and nothing of the runner is made for it.
#[tokio::test(start_paused = true)]
async fn a_second_run_hits_everything_and_starts_nothing() {
    let world = World::new();
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |step| mount(step, "/in", output_of(0)))
        .done();
    let first = world.run(&plan).await;
    assert_eq!((first.summary.ran, first.summary.full), (2, 0));
    assert_eq!(world.made.swap(0, Ordering::SeqCst), 1);
    let second = world.run(&plan).await;
    assert_eq!(
        (second.summary.ran, second.summary.full, second.summary.success),
        (0, 2, true)
    );
    assert_eq!(world.made.load(Ordering::SeqCst), 0);
    assert_eq!(world.ran(), [] as [&str; 0]);
    assert_eq!(caches(&world, &["a", "b"]), [CacheOutcome::Full; 2]);
    let key = |report: &airtight_exec::RunReport| report.steps[1].key;
    assert_eq!(key(&first), key(&second));
    assert!(
        !world
            .events()
            .iter()
            .any(|event| matches!(event, Event::StepStarted { .. }))
    );
}

// A hit tells again what the step said, marked as cached, before its end.
#[tokio::test(start_paused = true)]
async fn a_hit_replays_what_the_step_said() {
    let log = LogLine {
        level: LogLevel::Info,
        message: "hi".to_owned(),
        fields: Vec::new(),
    };
    let report = Report::Metric(Metric {
        name: "n".to_owned(),
        value: 1.0,
        unit: None,
    });
    let denial = Denial {
        capability: "net".to_owned(),
        request: "resolve x".to_owned(),
        rule: "no grant names it".to_owned(),
        allow: None,
        count: 1,
    };
    let used = Use {
        capability: "http".to_owned(),
        request: "GET https://x/".to_owned(),
        grant: "\"https://x\"".to_owned(),
        count: 1,
        sent: 0,
        received: 5,
    };
    let says = Act {
        uses: vec![used],
        says: "one\ntwo\n",
        log: vec![log],
        reports: vec![report],
        denials: vec![denial],
        result: Some(Value::Bool(true)),
        ..act(0)
    };
    let world = World::new().acts("a", [says]);
    let plan = Draft::new().step("a", |_| {}).done();
    world.run(&plan).await;
    let told = |world: &World| -> Vec<String> {
        let events = world.events();
        let said = events.iter().filter(|event| {
            matches!(
                event,
                Event::StepOutput { .. }
                    | Event::StepLog { .. }
                    | Event::StepReport { .. }
                    | Event::StepUsed { .. }
                    | Event::StepDenied { .. }
            )
        });
        said.map(Event::to_json).collect()
    };
    let (first, result) = (told(&world), world.finished("a")[0].result.clone());
    assert_eq!(first.len(), 6);
    world.run(&plan).await;
    let expected: Vec<String> = first
        .iter()
        .map(|line| line.replace("\"cached\":false", "\"cached\":true"))
        .collect();
    assert_eq!(told(&world), expected);
    let end = &world.finished("a")[0];
    assert!(end.cached && end.result == result && end.attempts == 0);
    // Where nobody shows the streams, they are not even read.
    let world = world.options(|options| options.replay_streams = false);
    world.run(&plan).await;
    assert_eq!(told(&world).len(), 4);
}

// What a hit wrote may be lost while its outputs are there: then it runs, rather than to say less than it did.
#[tokio::test(start_paused = true)]
async fn a_hit_whose_streams_are_lost_runs() {
    let world = World::new().acts(
        "a",
        [Act {
            says: "one\n",
            ..act(0)
        }],
    );
    let plan = Draft::new().step("a", |_| {}).done();
    let first = world.run(&plan).await;
    world.trees.lose(&first.steps[0].stdout.blob.unwrap());
    let second = world.run(&plan).await;
    assert_eq!((outcomes(&second), second.summary.ran), (vec![Succeeded], 1));
    assert_eq!(world.finished("a").len(), 1);
}

// What did not succeed, or is doubtful, or touches the world is never kept.
#[tokio::test(start_paused = true)]
async fn only_what_can_be_believed_is_kept() {
    let doubtful = Act {
        cacheable: false,
        ..act(0)
    };
    for act in [
        ends(Outcome::Failed),
        ends(Outcome::Denied),
        ends(Outcome::TimedOut),
        ends(Outcome::Errored),
        doubtful,
    ] {
        let world = World::new().acts("a", [act]);
        world.run(&Draft::new().step("a", |_| {}).done()).await;
        assert!(world.cache.results.lock().unwrap().is_empty());
    }
    let world = World::new();
    let plan = Draft::new().step("a", |step| step.class = Class::Effectful).done();
    for _ in 0..2 {
        let report = world.run(&plan).await;
        assert_eq!((report.summary.ran, report.steps[0].cache), (1, CacheOutcome::Off));
    }
    assert!(world.cache.results.lock().unwrap().is_empty());
    assert!(world.cache.lookups.lock().unwrap().is_empty());
}

// Without the cache every step runs, and what came of it serves the next run.
#[tokio::test(start_paused = true)]
async fn a_run_without_the_cache_still_fills_it() {
    let world = World::new().options(|options| options.use_cache = false);
    let plan = Draft::new().step("a", |_| {}).done();
    world.run(&plan).await;
    let report = world.run(&plan).await;
    assert_eq!((report.summary.ran, report.steps[0].cache), (1, CacheOutcome::Off));
    let world = world.options(|options| options.use_cache = true);
    assert_eq!(world.run(&plan).await.summary.full, 1);
}

// A narrow hit is told as such, and its outputs go on to later steps.
#[tokio::test(start_paused = true)]
async fn a_narrow_hit_is_a_hit() {
    let world = World::new();
    let plan = Draft::new()
        .source("src")
        .step("a", |step| mount(step, "/src", source(0)))
        .step("b", |step| mount(step, "/in", output_of(0)))
        .done();
    world.trees.set_source("src", world.trees.put_folder(&[("x", "1")]));
    world.run(&plan).await;
    world
        .trees
        .set_source("src", world.trees.put_folder(&[("x", "1"), ("unread", "2")]));
    world.cache.narrow.store(true, Ordering::SeqCst);
    let report = world.run(&plan).await;
    assert_eq!(caches(&world, &["a", "b"]), [CacheOutcome::Narrow, CacheOutcome::Full]);
    assert_eq!(
        (report.summary.narrow, report.summary.full, report.summary.ran),
        (1, 1, 0)
    );
}

// A step that ran again and made the same as before does not make its followers run.
#[tokio::test(start_paused = true)]
async fn the_same_outputs_cut_off_what_follows() {
    let world = World::new().acts(
        "a",
        [Act {
            output: Some("same".to_owned()),
            ..act(0)
        }],
    );
    let plan = |arg: &str| {
        let call = args(&[arg]);
        Draft::new()
            .step("a", |step| step.call = call)
            .step("b", |step| mount(step, "/in", output_of(0)))
            .done()
    };
    world.run(&plan("1")).await;
    world.run(&plan("2")).await;
    assert_eq!(world.ran(), ["a"]);
    assert_eq!(caches(&world, &["a", "b"]), [CacheOutcome::Miss, CacheOutcome::Full]);
}

// What steps did is recorded, all attempts of a step together, and of those that ran alone: a hit does nothing.
#[tokio::test(start_paused = true)]
async fn what_steps_did_is_recorded_where_they_ran() {
    let used = |count| Use {
        capability: "http".to_owned(),
        request: "GET https://x/".to_owned(),
        grant: "\"https://x\"".to_owned(),
        count,
        sent: 1,
        received: 5,
    };
    let does = |outcome, count| Act {
        uses: vec![used(count)],
        ..ends(outcome)
    };
    let world = World::new().acts("a", [does(Outcome::Errored, 1), does(Succeeded, 2)]);
    let retry = airtight_model::plan::Retry {
        times: 1,
        on: vec![Outcome::Errored],
        backoff_ms: 1,
    };
    let plan = Draft::new()
        .source("src")
        .step("a", |step| {
            mount(step, "/src", source(0));
            step.class = Class::Effectful;
            step.retry = Some(retry);
        })
        .step("b", |step| mount(step, "/in", output_of(0)))
        .done();
    world.trees.set_source("src", world.trees.put_folder(&[]));
    world.run(&plan).await;
    let history = world.cache.records.lock().unwrap().remove(0).history;
    let [a, b] = &history.steps[..] else {
        panic!("both ran: {history:?}")
    };
    assert_eq!((a.attempts, a.outcome, a.complete), (2, Succeeded, true));
    let sum = Use {
        sent: 2,
        received: 10,
        ..used(3)
    };
    assert_eq!(a.uses, [sum]);
    assert_eq!(a.mounts[0].from, Origin::Source("src".to_owned()));
    assert_eq!(b.mounts[0].from, Origin::Output("a.out".to_owned()));
    assert!(b.reads.is_some());
    world.run(&plan).await;
    let history = world.cache.records.lock().unwrap().remove(0).history;
    assert_eq!(
        history.steps.iter().map(|step| step.step.as_str()).collect::<Vec<_>>(),
        ["a"]
    );
}

// What an attempt did that never told is not known, and the record does not claim to be whole.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_did_not_tell_leaves_the_record_incomplete() {
    let panics = Act { panics: true, ..act(0) };
    let world = World::new().acts("a", [panics]);
    world.run(&Draft::new().step("a", |_| {}).done()).await;
    let history = world.cache.records.lock().unwrap().remove(0).history;
    assert!(!history.steps[0].complete);
}

// Order is never part of a key.
#[tokio::test(start_paused = true)]
async fn after_is_not_part_of_a_key() {
    let world = World::new();
    world
        .run(&Draft::new().step("a", |_| {}).step("b", |_| {}).done())
        .await;
    let report = world
        .run(
            &Draft::new()
                .step("a", |_| {})
                .step("b", |step| step.after = ids(&[0]))
                .done(),
        )
        .await;
    assert_eq!(report.summary.full, 2);
}

// A run is recorded with what it made, so that its outputs are kept.
#[tokio::test(start_paused = true)]
async fn a_run_is_recorded_with_its_outputs() {
    let world = World::new().acts("b", [ends(Outcome::Failed)]);
    world
        .run(&Draft::new().step("a", |_| {}).step("b", |_| {}).done())
        .await;
    let records = world.cache.records.lock().unwrap();
    assert_eq!((records.len(), records[0].success), (1, false));
    assert_eq!(records[0].steps[0].outputs[0].0, "out");
    assert_eq!(
        (records[0].steps[1].outcome, records[0].steps[1].outputs.len()),
        (Outcome::Failed, 0)
    );
}
