//! What is written to the user's tree, and when.

use airtight_exec::{Exported, ProblemClass};
use airtight_model::event::Event;
use airtight_model::plan::TreeRef;
use airtight_model::{Node, Outcome};

use crate::draft::{Draft, out_ref, output_of, source, span};
use crate::fakes::ends;
use crate::world::{World, outcomes};

// A run that succeeded writes its exports, tells them, and says which were there already.
#[tokio::test(start_paused = true)]
async fn exports_are_written_when_the_run_has_succeeded() {
    let world = World::new();
    let plan = Draft::new().step("a", |_| {}).export("dist/a", output_of(0)).done();
    for unchanged in [false, true] {
        let report = world.run(&plan).await;
        let digest = report.steps[0].result.as_ref().unwrap().outputs[0].1.describe();
        let expected = Exported {
            to: "dist/a".to_owned(),
            digest: digest.clone(),
            node: report.steps[0].result.as_ref().unwrap().outputs[0].1.clone(),
            unchanged,
        };
        assert_eq!(report.exports, [expected]);
        assert!(world.events().contains(&Event::Exported {
            to: "dist/a".to_owned(),
            digest,
            unchanged
        }));
    }
}

// A run that failed writes nothing, not even what succeeded: the user's tree never mixes two runs.
#[tokio::test(start_paused = true)]
async fn a_run_that_failed_exports_nothing() {
    let world = World::new().acts("b", [ends(Outcome::Failed)]);
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |_| {})
        .export("dist", output_of(0))
        .done();
    let report = world.options(|options| options.keep_going = true).run(&plan).await;
    assert_eq!(report.exports, []);
}

// A skipped output leaves the old one where it is, with a warning, and the others are written.
#[tokio::test(start_paused = true)]
async fn a_skipped_output_leaves_the_old_one() {
    let world = World::new().acts("c", [ends(Outcome::Failed)]);
    let plan = Draft::new()
        .step("a", |step| step.condition = Some("false".to_owned()))
        .step("b", |_| {})
        .step("c", |step| step.allow_failure = true)
        .export("dist/a", output_of(0))
        .export("dist/b", output_of(1))
        .export("dist/c", output_of(2))
        .done();
    let report = world.run(&plan).await;
    assert!(report.summary.success);
    assert_eq!(
        world.trees.exports.lock().unwrap().keys().collect::<Vec<_>>(),
        ["dist/b"]
    );
    assert_eq!(
        world.warnings(),
        [
            "`dist/a` is left as it was, because the outcome of `a` is skipped",
            "`dist/c` is left as it was, because the outcome of `c` is failed"
        ]
    );
}

// A matrix as a whole is a folder with an entry for each cell; a source can be exported as it is.
#[tokio::test(start_paused = true)]
async fn cells_and_sources_can_be_exported() {
    let world = World::new();
    world.trees.set_source("src", world.trees.put_file("text"));
    let cells = vec![("n=1".to_owned(), out_ref(0)), ("n=2".to_owned(), out_ref(1))];
    let plan = Draft::new()
        .source("src")
        .step("m[n=1]", |_| {})
        .step("m[n=2]", |_| {})
        .export("cells", TreeRef::Cells(cells))
        .export("copy", source(0))
        .done();
    world.run(&plan).await;
    let exports = world.trees.exports.lock().unwrap();
    assert!(matches!(exports["cells"], Node::Directory(_)));
    assert_eq!(exports["copy"], world.trees.put_file("text"));
}

// A place that cannot be written is a problem with the place in the file, and the run has not succeeded.
#[tokio::test(start_paused = true)]
async fn an_export_that_cannot_be_written_is_a_problem() {
    let world = World::new();
    let plan = Draft::new()
        .step("a", |_| {})
        .export("read-only/x", output_of(0))
        .export("dist", output_of(0))
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Outcome::Succeeded]);
    assert!(!report.summary.success);
    let problem = &report.problems[0];
    assert_eq!(
        (problem.diagnostic.code, problem.class),
        ("S0003", ProblemClass::Infrastructure)
    );
    assert_eq!(problem.diagnostic.labels[0].span, span(200));
    assert_eq!(
        problem.diagnostic.message,
        "cannot export `a.out` to `read-only/x`: permission denied"
    );
    assert_eq!(report.exports.len(), 1);
}

// A run that is asked not to export does not.
#[tokio::test(start_paused = true)]
async fn exports_can_be_left_out() {
    let world = World::new().options(|options| options.export = false);
    let report = world
        .run(&Draft::new().step("a", |_| {}).export("dist", output_of(0)).done())
        .await;
    assert_eq!((report.exports.len(), report.summary.success), (0, true));
}
