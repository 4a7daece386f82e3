//! Blobs that are lost in the middle of a run are made again by what made them, once.

use airtight_model::event::{CacheOutcome, Event};
use airtight_model::{BlobDigest, Node, Outcome};

use crate::draft::{Draft, mount, output_of, source};
use crate::fakes::{Act, act, ends};
use crate::world::{World, cause, outcomes};
use Outcome::{Errored, Failed, Skipped, Succeeded};

fn makes(text: &str) -> Act {
    Act {
        output: Some(text.to_owned()),
        ..act(0)
    }
}

/// A world in which `a` is a hit whose output is lost and the cache does not know, and `b`, which mounts it, runs.
async fn lossy(world: World) -> (World, std::sync::Arc<airtight_model::Plan>) {
    let world = world.acts("a", [makes("precious")]);
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |step| mount(step, "/in", output_of(0)))
        .step("c", |step| mount(step, "/in", output_of(0)))
        .done();
    world.run(&plan).await;
    world
        .cache
        .results
        .lock()
        .unwrap()
        .retain(|_, result| result.outputs[0].1 == file("precious"));
    world.cache.blind.store(true, std::sync::atomic::Ordering::SeqCst);
    world.trees.lose(&BlobDigest::of(b"precious"));
    (world, plan)
}

fn file(text: &str) -> Node {
    Node::File {
        blob: BlobDigest::of(text.as_bytes()),
        size: text.len() as u64,
        executable: false,
    }
}

// The maker of a lost blob, itself a hit, runs again, and those that met the loss run after it.
#[tokio::test(start_paused = true)]
async fn a_lost_output_is_made_again_by_its_step() {
    let (world, plan) = lossy(World::new()).await;
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded; 3]);
    assert_eq!(world.ran().iter().filter(|name| *name == "a").count(), 1);
    assert!(world.warnings()[0].contains("`a` runs again"));
    // It ended twice: as a hit, and as the attempt that counts.
    let ends: Vec<CacheOutcome> = world.finished("a").iter().map(|end| end.cache).collect();
    assert_eq!(ends, [CacheOutcome::Full, CacheOutcome::Off]);
    assert_eq!((report.summary.ran, report.summary.full), (3, 0));
    let reason = |event| match event {
        Event::StepStarted { step, reason, .. } if step == "a" => Some(reason),
        _ => None,
    };
    let reason = world.events().into_iter().find_map(reason).unwrap();
    assert!(
        reason.starts_with("its output") && reason.ends_with("was lost"),
        "{reason}"
    );
}

// A blob that is lost again after it was made is not made a third time.
#[tokio::test(start_paused = true)]
async fn a_blob_is_made_again_once_in_a_run() {
    let (world, plan) = lossy(World::new().options(|options| options.keep_going = true)).await;
    world.trees.cursed.lock().unwrap().insert(BlobDigest::of(b"precious"));
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded, Errored, Errored]);
    assert!(
        cause(&report, "b").contains("was lost again after it was made"),
        "{}",
        cause(&report, "b")
    );
    assert_eq!(world.ran().iter().filter(|name| *name == "a").count(), 1);
}

// A maker that fails when it runs again takes with it what needs it.
#[tokio::test(start_paused = true)]
async fn a_maker_that_fails_again_skips_what_needs_it() {
    let (world, plan) = lossy(World::new().options(|options| options.keep_going = true)).await;
    world.set_acts("a", [ends(Failed)]);
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Failed, Skipped, Skipped]);
    assert_eq!(report.summary.failed, ["a"]);
}

// A maker whose own input is lost has that made again first.
#[tokio::test(start_paused = true)]
async fn a_rewind_goes_as_far_back_as_it_must() {
    let world = World::new().acts("a", [makes("one")]).acts("b", [makes("two")]);
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |step| mount(step, "/in", output_of(0)))
        .step("c", |step| mount(step, "/in", output_of(1)))
        .done();
    world.run(&plan).await;
    world
        .cache
        .results
        .lock()
        .unwrap()
        .retain(|_, result| [file("one"), file("two")].contains(&result.outputs[0].1));
    world.cache.blind.store(true, std::sync::atomic::Ordering::SeqCst);
    world.trees.lose(&BlobDigest::of(b"one"));
    world.trees.lose(&BlobDigest::of(b"two"));
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded; 3]);
    assert_eq!(world.ran(), ["c", "b", "a", "b", "c"]);
}

// A step that touches the world is not run a second time behind the user's back.
#[tokio::test(start_paused = true)]
async fn an_effectful_maker_is_not_run_again() {
    let world = World::new().acts("a", [makes("precious")]).acts("b", [act(0)]);
    let plan = Draft::new()
        .step("a", |step| step.class = airtight_model::Class::Effectful)
        .step("b", |step| mount(step, "/in", output_of(0)))
        .done();
    world.trees.cursed.lock().unwrap().insert(BlobDigest::of(b"precious"));
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded, Errored]);
    assert!(cause(&report, "b").contains("is effectful"), "{}", cause(&report, "b"));
    assert_eq!(world.ran(), ["a", "b"]);
}

// A source is read again without the stat cache, which is what could have hidden the loss.
#[tokio::test(start_paused = true)]
async fn a_lost_blob_of_a_source_is_read_again() {
    let world = World::new();
    world.trees.set_source("src", file("text"));
    let plan = Draft::new()
        .source("src")
        .step("a", |step| mount(step, "/src", source(0)))
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded]);
    let ingests = world.trees.ingests.lock().unwrap().clone();
    assert_eq!(ingests, [("src".to_owned(), true), ("src".to_owned(), false)]);
    assert!(world.warnings()[0].contains("it is read again"));
}

// A source that is another by then cannot give back what was lost.
#[tokio::test(start_paused = true)]
async fn a_source_that_changed_cannot_be_read_again() {
    let world = World::new().acts("a", [act(0)]);
    world.trees.set_source("src", file("old"));
    let plan = Draft::new()
        .source("src")
        .step("a", |step| mount(step, "/src", source(0)))
        .done();
    let trees = world.trees.clone();
    // The look-up is the last that happens before the attempt meets the loss.
    *world.cache.on_lookup.lock().unwrap() = Some(Box::new(move || trees.set_source("src", file("new"))));
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Errored]);
    assert!(
        cause(&report, "a").contains("source `src` has changed since the run began"),
        "{}",
        cause(&report, "a")
    );
}

// An export that meets a loss has the step run again, and is written then.
#[tokio::test(start_paused = true)]
async fn a_lost_export_is_made_again() {
    let world = World::new().acts("a", [makes("precious")]);
    let plan = Draft::new().step("a", |_| {}).export("dist", output_of(0)).done();
    world.run(&plan).await;
    world.cache.blind.store(true, std::sync::atomic::Ordering::SeqCst);
    world.trees.lose(&BlobDigest::of(b"precious"));
    let report = world.run(&plan).await;
    assert_eq!((outcomes(&report), report.exports.len()), (vec![Succeeded], 1));
    assert_eq!(world.ran(), ["a"]);
    // And only once.
    world.trees.lose(&BlobDigest::of(b"precious"));
    world.trees.cursed.lock().unwrap().insert(BlobDigest::of(b"precious"));
    let report = world.run(&plan).await;
    assert_eq!((report.summary.success, report.problems.len()), (false, 1));
    assert_eq!(report.problems[0].diagnostic.code, airtight_exec::codes::LOST);
}

// A component that was lost is no step's to make: its file is read again, and the step that met the loss runs once more.
#[tokio::test(start_paused = true)]
async fn a_lost_component_is_read_again_from_its_file() {
    let component = BlobDigest::of(b"component");
    let plan = Draft::new().step("a", |_| {}).done();
    for there in [true, false] {
        let world = World::new();
        world.runner.loses.lock().unwrap().push(component);
        if there {
            world.components.files.lock().unwrap().insert(component, 0);
        }
        let report = world.run(&plan).await;
        assert!(world.warnings()[0].contains("its file is read again"));
        if there {
            assert_eq!(
                (outcomes(&report), world.ran()),
                (vec![Succeeded], vec!["a".to_owned(); 2])
            );
            assert_eq!(world.components.files.lock().unwrap()[&component], 1);
        } else {
            assert_eq!(outcomes(&report), [Errored]);
            assert!(
                cause(&report, "a").contains("is gone or has changed"),
                "{}",
                cause(&report, "a")
            );
        }
    }
}
