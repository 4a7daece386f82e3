//! Verifying: what is the same elsewhere is pure; what is not is found, with the first thing that was different.

use std::sync::{Arc, Mutex};

use airtight_exec::{Difference, RunnerControl, SameOrNot, StepRunner, Verified, VerifyOptions, VerifyReport, verify};
use airtight_model::plan::Plan;
use airtight_model::{Class, Outcome, StepReport, StepRequest};
use async_trait::async_trait;

use crate::draft::{Draft, ids, mount, output_of};
use crate::fakes::{Act, FakeRunner, act, ends};
use crate::world::World;

fn makes(text: &str) -> Act {
    Act {
        output: Some(text.to_owned()),
        ..act(0)
    }
}

/// Tells two host calls, the second of which is its own.
struct Traced(Arc<dyn StepRunner>, &'static str);

#[async_trait]
impl StepRunner for Traced {
    async fn run(&self, request: StepRequest, control: RunnerControl) -> StepReport {
        if let Some(trace) = &control.trace {
            trace.call("open /src/a");
            trace.call(self.1);
        }
        self.0.run(request, control).await
    }
}

/// Verifies a plan against a second runner that makes this for each program that is named, and else what the first makes.
async fn verified(
    world: &World,
    plan: &Arc<Plan>,
    second: &[(&str, Act)],
    change: impl FnOnce(&mut VerifyOptions),
) -> (VerifyReport, Arc<FakeRunner>, Vec<Verified>) {
    let other = Arc::new(FakeRunner::new(world.trees.clone()));
    for (program, act) in second {
        let acts = [act.clone()].into_iter().collect();
        other.acts.lock().unwrap().insert((*program).to_owned(), acts);
    }
    let mut options = VerifyOptions {
        steps: Vec::new(),
        fetch: false,
        jobs: 1,
        second: Arc::new(Traced(other.clone(), "read 5 bytes bbbb")),
    };
    change(&mut options);
    let mut services = world.services();
    let first: Arc<dyn StepRunner> = Arc::new(Traced(world.runner.clone(), "read 5 bytes aaaa"));
    services.runner = Arc::new(airtight_exec::LazyRunner::ready(first));
    let told = Mutex::new(Vec::new());
    let tell = |one: &Verified| told.lock().unwrap().push(one.clone());
    let run_options = world.options.clone();
    let report = verify(
        plan.clone(),
        services,
        run_options,
        options,
        world.cancel.clone(),
        &tell,
    )
    .await;
    (report, other, told.into_inner().unwrap())
}

fn chain() -> Arc<Plan> {
    Draft::new()
        .step("a", |_| {})
        .step("b", |step| mount(step, "/in", output_of(0)))
        .done()
}

// Steps that make the same are verified, the last first; hits are compared with what the cache had.
#[tokio::test(start_paused = true)]
async fn pure_steps_run_again_in_the_other_order_and_are_the_same() {
    let world = World::new();
    for _ in 0..2 {
        let (report, second, told) = verified(&world, &chain(), &[], |_| {}).await;
        assert!(
            report.steps.iter().all(|step| step.verdict == SameOrNot::Same),
            "{report:?}"
        );
        assert_eq!(second.names(), ["b", "a"]);
        assert_eq!(told.len(), 2);
    }
}

// Other bytes are found, with the digests and the first host call that was different.
#[tokio::test(start_paused = true)]
async fn an_output_that_is_another_is_found_with_the_first_call_that_differs() {
    let world = World::new().acts("a", [makes("one")]);
    let (report, _, _) = verified(&world, &chain(), &[("a", makes("two"))], |_| {}).await;
    let SameOrNot::Different(differences, call) = &report.steps[0].verdict else {
        panic!("{report:?}")
    };
    let (one, two) = (world.trees.put_file("one"), world.trees.put_file("two"));
    assert_eq!(
        differences[..],
        [Difference::Output("out".to_owned(), Some(one), Some(two))]
    );
    let call = call.as_ref().unwrap();
    assert_eq!((call.number, call.before.as_deref()), (2, Some("open /src/a")));
    assert_eq!(call.first.as_deref(), Some("read 5 bytes aaaa"));
    assert_eq!(call.second.as_deref(), Some("read 5 bytes bbbb"));
}

// Everything that is kept and replayed counts: streams, log, result, the outcome itself.
#[tokio::test(start_paused = true)]
async fn all_that_is_replayed_is_compared() {
    let says = Act {
        says: "hello\n",
        ..makes("one")
    };
    let typed = Act {
        result: Some(airtight_model::Value::Bool(true)),
        ..makes("one")
    };
    type Is = fn(&Difference) -> bool;
    let expected: [(Act, Is); 3] = [
        (says, |one| matches!(one, Difference::Stream(..))),
        (typed, |one| matches!(one, Difference::Result(..))),
        (ends(Outcome::Failed), |one| {
            matches!(one, Difference::Outcome(Outcome::Failed, _))
        }),
    ];
    for (second, is) in expected {
        let world = World::new().acts("a", [makes("one")]);
        let plan = Draft::new().step("a", |_| {}).done();
        let (report, _, _) = verified(&world, &plan, &[("a", second)], |_| {}).await;
        let SameOrNot::Different(differences, _) = &report.steps[0].verdict else {
            panic!("{report:?}")
        };
        assert!(matches!(&differences[..], [one] if is(one)), "{differences:?}");
    }
}

// What touches the world is not done twice, and says so; what is pinned only on demand.
#[tokio::test(start_paused = true)]
async fn only_what_may_run_twice_runs_twice() {
    let plan = Draft::new()
        .step("pure", |_| {})
        .step("fixed", |step| step.class = Class::FixedOutput)
        .step("world", |step| step.class = Class::Effectful)
        .done();
    let skipped = |report: &VerifyReport| -> Vec<bool> {
        let skipped = |step: &Verified| matches!(step.verdict, SameOrNot::Skipped(_));
        report.steps.iter().map(skipped).collect()
    };
    let (report, second, _) = verified(&World::new(), &plan, &[], |_| {}).await;
    assert_eq!(
        (skipped(&report), second.names()),
        (vec![false, true, true], vec!["pure".to_owned()])
    );
    let (report, _, _) = verified(&World::new(), &plan, &[], |options| options.fetch = true).await;
    assert_eq!(skipped(&report), [false, false, true]);
    let (report, second, _) = verified(&World::new(), &chain(), &[], |options| options.steps = ids(&[1])).await;
    assert_eq!((report.steps.len(), second.names()), (1, vec!["b".to_owned()]));
}

// A run that did not succeed has nothing to verify.
#[tokio::test(start_paused = true)]
async fn a_run_that_failed_verifies_nothing() {
    let world = World::new().acts("a", [ends(Outcome::Failed)]);
    let (report, second, _) = verified(&world, &chain(), &[], |_| {}).await;
    assert!(!report.run.summary.success && report.steps.is_empty());
    assert!(second.names().is_empty());
}
