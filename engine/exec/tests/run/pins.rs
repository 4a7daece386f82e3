//! Pinned outputs: what is not what the pipeline file says fails its step and is not kept.

use airtight_model::event::CacheOutcome;
use airtight_model::plan::PlannedStep;
use airtight_model::step::Pin;
use airtight_model::{BlobDigest, Class, Node, Outcome, Value};
use sha2::Digest as _;

use crate::draft::Draft;
use crate::fakes::{Act, act};
use crate::world::{World, cause, outcomes};
use Outcome::{Failed, Succeeded};

fn makes(text: &str) -> Act {
    Act {
        output: Some(text.to_owned()),
        ..act(0)
    }
}

fn sha256(text: &str) -> Pin {
    Pin::Sha256(sha2::Sha256::digest(text).into())
}

fn blake3(text: &str) -> Pin {
    Pin::Blake3(BlobDigest::of(text.as_bytes()))
}

fn pinned(step: &mut PlannedStep, pin: Pin) {
    step.class = Class::FixedOutput;
    step.outputs[0].pin = Some(pin);
}

// The network may be used, and what is pinned is the same tomorrow: it is looked up and kept.
#[tokio::test(start_paused = true)]
async fn a_step_with_the_pinned_output_is_kept_and_hits() {
    for pin in [sha256("rules"), blake3("rules")] {
        let world = World::new().acts("a", [makes("rules")]);
        let plan = Draft::new().step("a", |step| pinned(step, pin)).done();
        assert_eq!(outcomes(&world.run(&plan).await), [Succeeded]);
        let second = world.run(&plan).await;
        assert_eq!((second.summary.ran, second.steps[0].cache), (0, CacheOutcome::Full));
    }
}

// A server that gives other bytes makes the step fail, with both digests and the line to change; nothing goes on.
#[tokio::test(start_paused = true)]
async fn other_bytes_than_pinned_fail_the_step_and_are_not_kept() {
    for class in [Class::FixedOutput, Class::Pure, Class::Effectful] {
        let world = World::new().acts("a", [makes("evil")]);
        let plan = Draft::new()
            .step("a", |step| {
                pinned(step, sha256("rules"));
                step.class = class;
            })
            .done();
        let report = world.run(&plan).await;
        assert_eq!(outcomes(&report), [Failed]);
        let (right, wrong) = (sha256("rules").to_string(), sha256("evil").to_string());
        let cause = cause(&report, "a");
        assert_eq!(
            cause,
            format!("the output `out` is not what is pinned\npinned {right}\nmade   {wrong}")
        );
        let help = report.steps[0].help.as_deref().unwrap();
        assert!(help.contains(&format!("let it say `{wrong}`")), "{help}");
        assert!(report.steps[0].result.is_none() && world.finished("a")[0].outputs.is_empty());
        assert!(world.cache.results.lock().unwrap().is_empty());
    }
}

// A folder where a file is pinned, and the other way round, is a mismatch that says which pin would be right.
#[tokio::test(start_paused = true)]
async fn a_pin_of_the_wrong_kind_says_which_would_be_right() {
    let world = World::new().acts("a", [makes("rules")]);
    let Node::Directory(tree) = world.trees.put_folder(&[]) else {
        panic!("a folder")
    };
    let plan = Draft::new().step("a", |step| pinned(step, Pin::Tree(tree))).done();
    let report = world.run(&plan).await;
    assert!(cause(&report, "a").ends_with("made   a file"));
    let help = report.steps[0].help.as_deref().unwrap();
    assert!(help.contains(&blake3("rules").to_string()), "{help}");
}

// A cache that was tampered with cannot serve what is not pinned, nor keep it for ever.
#[tokio::test(start_paused = true)]
async fn a_hit_that_is_not_what_is_pinned_runs() {
    let world = World::new().acts("a", [makes("rules")]);
    let plan = Draft::new().step("a", |step| pinned(step, blake3("rules"))).done();
    world.run(&plan).await;
    let evil = world.trees.put_file("evil");
    for result in world.cache.results.lock().unwrap().values_mut() {
        result.outputs[0].1 = evil.clone();
    }
    let report = world.run(&plan).await;
    assert_eq!((outcomes(&report), report.summary.ran), (vec![Succeeded], 1));
    let made = report.steps[0].result.as_ref().unwrap().outputs[0].1.clone();
    assert_eq!(made, world.trees.put_file("rules"));
    assert_eq!(world.run(&plan).await.summary.ran, 0);
}

// A typed result and an output without a pin are what the network said today, so they are not kept, whatever the class.
#[tokio::test(start_paused = true)]
async fn what_nothing_pins_is_not_kept() {
    let typed = Act {
        result: Some(Value::Bool(true)),
        ..makes("rules")
    };
    let world = World::new().acts("a", [typed]);
    world
        .run(&Draft::new().step("a", |step| pinned(step, blake3("rules"))).done())
        .await;
    assert!(world.cache.results.lock().unwrap().is_empty());
    let world = World::new();
    world
        .run(&Draft::new().step("a", |step| step.class = Class::FixedOutput).done())
        .await;
    assert!(world.cache.results.lock().unwrap().is_empty());
}
