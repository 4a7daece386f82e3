//! Sources: which are read, when, and what is wrong with them.

use airtight_exec::{ProblemClass, ServiceError};
use airtight_model::Outcome;
use airtight_model::event::Event;

use crate::draft::{Draft, mount, source, span};
use crate::world::{World, outcomes};

fn gone(path: &str) -> ServiceError {
    let (message, help) = (format!("there is no `{path}`"), Some("make it".to_owned()));
    ServiceError::User {
        code: "S0020",
        message,
        help,
    }
}

// A source is read once however many steps mount it, and not at all if none does; steps get its snapshot.
#[tokio::test(start_paused = true)]
async fn each_source_that_is_needed_is_read_once() {
    let world = World::new();
    let tree = world.trees.put_folder(&[("x", "1")]);
    world.trees.set_source("src", tree.clone());
    let plan = Draft::new()
        .source("unused")
        .source("src")
        .source("off")
        .step("a", |step| mount(step, "/src", source(1)))
        .step("b", |step| mount(step, "/src", source(1)))
        .step("c", |step| {
            mount(step, "/src", source(2));
            step.condition = Some("false".to_owned());
        })
        .done();
    world.run(&plan).await;
    assert_eq!(*world.trees.ingests.lock().unwrap(), [("src".to_owned(), true)]);
    assert_eq!(world.runner.request("b").mounts[0].node, tree);
    let told = |event: &Event| match event {
        Event::SourceFinished {
            source, digest, files, ..
        } => Some((source.clone(), digest.clone(), *files)),
        _ => None,
    };
    assert_eq!(
        world.events().iter().find_map(told),
        Some(("src".to_owned(), tree.describe(), 1))
    );
}

// The stat cache can be turned off for a run.
#[tokio::test(start_paused = true)]
async fn the_stat_cache_can_be_turned_off() {
    let world = World::new().options(|options| options.stat_cache = false);
    world.trees.set_source("src", world.trees.put_file("x"));
    world
        .run(
            &Draft::new()
                .source("src")
                .step("a", |step| mount(step, "/src", source(0)))
                .done(),
        )
        .await;
    assert_eq!(*world.trees.ingests.lock().unwrap(), [("src".to_owned(), false)]);
}

// All sources that cannot be used are told at once, each with its place, and nothing runs.
#[tokio::test(start_paused = true)]
async fn sources_that_cannot_be_read_are_problems_before_anything_runs() {
    let world = World::new();
    world
        .trees
        .files
        .lock()
        .unwrap()
        .insert("one".to_owned(), Err(gone("one")));
    world
        .trees
        .files
        .lock()
        .unwrap()
        .insert("two".to_owned(), Err(gone("two")));
    let plan = Draft::new()
        .source("one")
        .source("two")
        .step("a", |step| mount(step, "/src", source(0)))
        .step("b", |step| mount(step, "/src", source(1)))
        .step("c", |_| {})
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Outcome::Cancelled; 3]);
    assert!(!report.summary.success && !report.cancelled);
    let shown: Vec<_> = report
        .problems
        .iter()
        .map(|problem| {
            (
                problem.diagnostic.message.as_str(),
                problem.diagnostic.labels[0].span,
                problem.class,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("source `one`: there is no `one`", span(100), ProblemClass::User),
            ("source `two`: there is no `two`", span(101), ProblemClass::User)
        ]
    );
    assert_eq!(report.problems[0].diagnostic.help.as_deref(), Some("make it"));
}

// `paths:` gives a step the part that matches; the rest is not in its key.
#[tokio::test(start_paused = true)]
async fn a_mount_with_paths_has_only_what_matches() {
    let world = World::new();
    let plan = Draft::new()
        .source("src")
        .step("a", |step| {
            mount(step, "/src", source(0));
            step.mounts[0].paths = vec!["a*".to_owned()];
        })
        .done();
    for other in ["1", "2"] {
        world
            .trees
            .set_source("src", world.trees.put_folder(&[("a.c", "x"), ("b.c", other)]));
        world.run(&plan).await;
    }
    assert_eq!(world.ran(), [] as [&str; 0]);
    assert_eq!(world.finished("a")[0].cache, airtight_model::CacheOutcome::Full);
}

// A glob that matches nothing is told before anything runs, with the place of the mount.
#[tokio::test(start_paused = true)]
async fn a_glob_that_matches_nothing_is_a_problem() {
    let world = World::new();
    world.trees.set_source("src", world.trees.put_folder(&[("a.c", "x")]));
    let plan = Draft::new()
        .source("src")
        .step("a", |step| {
            mount(step, "/src", source(0));
            step.mounts[0].paths = vec!["a*".to_owned(), "z*".to_owned()];
        })
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Outcome::Cancelled]);
    let diagnostic = &report.problems[0].diagnostic;
    assert_eq!(diagnostic.code, airtight_exec::codes::UNMATCHED_GLOB);
    assert_eq!(
        diagnostic.message,
        "step `a`: `z*` matches nothing in `src`, mounted at `/src`"
    );
    assert_eq!(diagnostic.labels[0].span, span(300));
}
