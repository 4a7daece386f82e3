//! Explaining a step: the same key as a run, and nothing runs.

use airtight_exec::{Cancel, ExplainReport, Verdict, explain_step};
use airtight_model::{Class, Plan, StepId};
use std::sync::Arc;

use crate::draft::{Draft, args, mount, output_of, source};
use crate::world::World;

async fn explain(world: &World, plan: &Arc<Plan>, step: u32) -> ExplainReport {
    explain_step(
        plan.clone(),
        StepId(step),
        &world.services(),
        &world.options,
        &Cancel::new(),
    )
    .await
}

// After a run the key is that of the run, with its pre-image, and the verdict is that it hits.
#[tokio::test(start_paused = true)]
async fn an_explanation_has_the_key_of_the_run() {
    let world = World::new();
    let plan = Draft::new()
        .source("src")
        .step("a", |step| mount(step, "/src", source(0)))
        .step("b", |step| mount(step, "/in", output_of(0)))
        .done();
    world.trees.set_source("src", world.trees.put_folder(&[("x", "1")]));
    let report = world.run(&plan).await;
    let explained = explain(&world, &plan, 1).await;
    assert_eq!(explained.verdict, Verdict::Full);
    let inner = explained.explained.unwrap();
    assert_eq!(Some(inner.key), report.steps[1].key);
    assert!(inner.inputs.0.iter().any(|(path, _)| path == "mounts./in"));
    assert_eq!(
        explained.upstream.iter().map(|up| up.name.as_str()).collect::<Vec<_>>(),
        ["a"]
    );
}

// A step that would run says why; one that comes after says which it depends on; nothing runs for that.
#[tokio::test(start_paused = true)]
async fn a_miss_is_told_and_what_depends_on_it_is_unknown() {
    let world = World::new();
    let plan = |arg: &str| {
        let call = args(&[arg]);
        Draft::new()
            .step("a", |step| step.call = call)
            .step("b", |step| mount(step, "/in", output_of(0)))
            .done()
    };
    world.run(&plan("1")).await;
    let made = world.made.load(std::sync::atomic::Ordering::SeqCst);
    let changed = plan("2");
    assert_eq!(
        explain(&world, &changed, 0).await.verdict,
        Verdict::Runs("it never ran here".to_owned())
    );
    let after = explain(&world, &changed, 1).await;
    assert_eq!(after.verdict, Verdict::Unknown(vec![StepId(0)]));
    assert!(after.explained.is_none());
    assert_eq!(after.upstream[0].verdict, Verdict::Runs("it never ran here".to_owned()));
    assert_eq!(world.made.load(std::sync::atomic::Ordering::SeqCst), made);
}

// Conditions, effectful steps and mistakes have verdicts of their own.
#[tokio::test(start_paused = true)]
async fn what_would_not_be_looked_up_says_so() {
    let world = World::new();
    let plan = Draft::new()
        .step("a", |step| step.condition = Some("false".to_owned()))
        .step("b", |step| mount(step, "/in", output_of(0)))
        .step("c", |step| {
            (step.class, step.class_reason) = (Class::Effectful, "it has a clock".to_owned())
        })
        .step("d", |step| step.call = args(&["=steps.nothing"]))
        .done();
    let mut verdicts = Vec::new();
    for step in 0..4 {
        verdicts.push(explain(&world, &plan, step).await.verdict);
    }
    assert_eq!(verdicts[..2], [Verdict::Skipped, Verdict::Skipped]);
    assert_eq!(verdicts[2], Verdict::Runs("it is effectful: it has a clock".to_owned()));
    assert!(matches!(&verdicts[3], Verdict::Refused(cause, Some(_)) if cause.contains("no such key")));
}

// A source that cannot be used is a problem of the explanation too.
#[tokio::test(start_paused = true)]
async fn an_explanation_needs_its_sources() {
    let world = World::new();
    let gone = airtight_exec::ServiceError::User {
        code: "S0020",
        message: "gone".to_owned(),
        help: None,
    };
    world.trees.files.lock().unwrap().insert("src".to_owned(), Err(gone));
    let plan = Draft::new()
        .source("src")
        .step("a", |step| mount(step, "/src", source(0)))
        .done();
    let explained = explain(&world, &plan, 0).await;
    assert_eq!(explained.problems.len(), 1);
    assert!(matches!(explained.verdict, Verdict::Refused(..)));
}
