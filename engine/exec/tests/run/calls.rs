//! From templates to typed calls, and components that steps make.

use airtight_model::component::WitType;
use airtight_model::plan::{OutputRef, PlannedCall, PlannedUses, Template, TextPart};
use airtight_model::step::Invocation;
use airtight_model::{BlobDigest, Node, Outcome, StepId, Value};
use serde_json::json;

use crate::draft::{Draft, args, call, command_summary, ids, out_ref, signature};
use crate::fakes::{Act, act};
use crate::world::{World, cause, outcomes};
use Outcome::{Failed, Succeeded};

fn texts() -> WitType {
    WitType::List(Box::new(WitType::String))
}

// Arguments are checked against the signature and given in its order; an option that is left out is none.
#[tokio::test(start_paused = true)]
async fn with_becomes_typed_arguments_in_declared_order() {
    let world = World::new();
    let optional = WitType::Option(Box::new(WitType::Bool));
    let plan = Draft::new().step("a", |step| {
        let signature = signature(
            "run",
            &[("n", WitType::Unsigned(8)), ("paths", texts()), ("deep", optional)],
        );
        call(
            step,
            signature,
            &[
                ("paths", Template::Literal(json!(["/src"]))),
                ("n", Template::Literal(json!(7))),
            ],
        );
    });
    world.run(&plan.done()).await;
    let Invocation::Function(function, arguments) = world.runner.request("a").invocation else {
        panic!("a function")
    };
    assert_eq!(function.name, "run");
    let paths = Value::List(vec![Value::String("/src".to_owned())]);
    assert_eq!(arguments, [Value::Unsigned(7), paths, Value::Option(None)]);
}

// What does not fit names the parameter, the place in it, what is there and what is needed; nothing runs.
#[tokio::test(start_paused = true)]
async fn what_does_not_fit_the_signature_fails_the_step_and_names_the_parameter() {
    let cases = [
        (
            vec![("paths", json!([1]))],
            "`with.paths`: at `0`: expected a text, found `1`",
            "`paths` of `run` is a `list<string>`",
        ),
        (
            vec![],
            "`run` needs the parameter `paths`",
            "add `paths:` under `with:`: it takes `paths: list<string>`",
        ),
        (
            vec![("paths", json!([])), ("x", json!(1))],
            "`run` has no parameter `x`",
            "remove `x` under `with:`",
        ),
    ];
    for (with, expected, help) in cases {
        let world = World::new();
        let with: Vec<_> = with
            .into_iter()
            .map(|(name, data)| (name, Template::Literal(data)))
            .collect();
        let plan = Draft::new().step("a", |step| call(step, signature("run", &[("paths", texts())]), &with));
        let report = world.run(&plan.done()).await;
        assert_eq!(outcomes(&report), [Failed]);
        assert_eq!(cause(&report, "a"), expected);
        let shown = report.steps[0].help.clone().unwrap();
        assert!(shown.contains(help), "{shown}");
        assert_eq!(world.ran(), [] as [&str; 0]);
    }
}

// A later step uses the typed result of an earlier one, with its type.
#[tokio::test(start_paused = true)]
async fn a_result_is_there_for_later_steps() {
    let world = World::new().acts(
        "a",
        [Act {
            result: Some(Value::Unsigned(7)),
            ..act(0)
        }],
    );
    let seven = || Template::Expression("steps.a.result".to_owned());
    let plan = Draft::new()
        .step("a", |_| {})
        .step("b", |step| {
            step.needs = ids(&[0]);
            call(
                step,
                signature("run", &[("n", WitType::Unsigned(8))]),
                &[("n", seven())],
            );
        })
        .step("c", |step| {
            step.needs = ids(&[0]);
            let text = [
                TextPart::Literal("n=".to_owned()),
                TextPart::Expression("steps.a.result".to_owned()),
            ];
            step.call = args(&["=steps.a.result"]);
            step.env = vec![("N".to_owned(), Template::Text(text.to_vec()))];
        })
        .done();
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded; 3]);
    let Invocation::Function(_, arguments) = world.runner.request("b").invocation else {
        panic!("a function")
    };
    assert_eq!(arguments, [Value::Unsigned(7)]);
    let request = world.runner.request("c");
    assert_eq!(request.invocation, Invocation::Command(vec!["7".to_owned()], None));
    assert_eq!(request.env, [("N".to_owned(), "n=7".to_owned())]);
    // And from a hit just the same.
    assert_eq!(world.run(&plan).await.summary.full, 3);
}

// An argument or a variable is a text; a list there is a mistake in the file.
#[tokio::test(start_paused = true)]
async fn a_list_is_no_argument_and_no_variable() {
    let world = World::new().options(|options| options.keep_going = true);
    let list = || Template::Literal(json!([1]));
    let plan = Draft::new()
        .step("a", |step| {
            step.call = PlannedCall::Command {
                args: vec![Template::Literal(json!("x")), list()],
                stdin: None,
            }
        })
        .step("b", |step| step.env = vec![("N".to_owned(), list())])
        .step("c", |step| step.call = args(&["=steps.nothing"]));
    let report = world.run(&plan.done()).await;
    assert_eq!(outcomes(&report), [Failed; 3]);
    assert_eq!(cause(&report, "a"), "item 2 of `args:` is a list, and a text is needed");
    assert_eq!(cause(&report, "b"), "`env.N` is a list, and a text is needed");
    assert_eq!(cause(&report, "c"), "`steps.nothing`: no such key");
}

/// A plan whose second step runs what the first makes.
fn made(
    world: World,
    change: impl FnOnce(&mut airtight_model::plan::PlannedStep),
) -> (World, std::sync::Arc<airtight_model::Plan>) {
    let world = world.acts(
        "tool",
        [Act {
            output: Some("wasm".to_owned()),
            ..act(0)
        }],
    );
    let plan = Draft::new().step("tool", |_| {}).step("use", |step| {
        step.uses = PlannedUses::Output(out_ref(0));
        step.needs = ids(&[0]);
        change(step);
    });
    (world, plan.done())
}

fn late(name: &str) -> PlannedCall {
    PlannedCall::Function {
        signature: None,
        name: name.to_owned(),
        with: vec![("x".to_owned(), Template::Literal(json!("1")))],
    }
}

// A component that a step has made is called by what it turns out to be.
#[tokio::test(start_paused = true)]
async fn a_component_made_by_a_step_runs() {
    let (world, plan) = made(World::new(), |step| step.call = late("go"));
    let mut summary = command_summary();
    summary.functions = vec![signature("go", &[("x", WitType::String)])];
    summary.adapter = Some(BlobDigest::of(b"adapter"));
    world
        .components
        .summaries
        .lock()
        .unwrap()
        .insert(BlobDigest::of(b"wasm"), summary);
    let report = world.run(&plan).await;
    assert_eq!(outcomes(&report), [Succeeded; 2]);
    let request = world.runner.request("out");
    assert_eq!(
        (request.component, request.adapter),
        (BlobDigest::of(b"wasm"), Some(BlobDigest::of(b"adapter")))
    );
    // A pipeline that says nothing of how to call it: it is a command.
    let (world, plan) = made(world, |step| step.call = PlannedCall::Either);
    world.run(&plan).await;
    assert_eq!(
        world.runner.request("out").invocation,
        Invocation::Command(Vec::new(), None)
    );
}

// What cannot be called, or is no component, fails the step that uses it and says what there is.
#[tokio::test(start_paused = true)]
async fn a_component_made_by_a_step_is_checked_when_it_exists() {
    let mut functions = command_summary();
    (functions.command, functions.functions) = (false, vec![signature("go", &[])]);
    let mut foreign = command_summary();
    foreign.unknown_imports = vec!["evil:corp/api@1.0.0".to_owned()];
    let cases = [
        (
            None,
            PlannedCall::Either,
            "`tool.out` cannot be a step: it is not WebAssembly",
            "compile it",
        ),
        (
            Some(functions.clone()),
            late("run"),
            "`tool.out` has no function `run`",
            "name one with `function:`: `go`",
        ),
        (
            Some(functions),
            args(&["x"]),
            "`tool.out` is no command",
            "call one of its functions: `go`",
        ),
        (
            Some(command_summary()),
            late("run"),
            "`tool.out` has no function `run`",
            "call it as a command",
        ),
        (
            Some(foreign),
            PlannedCall::Either,
            "`tool.out` imports `evil:corp/api@1.0.0`",
            "build `tool.out` without",
        ),
    ];
    for (summary, how, expected, help) in cases {
        let (world, plan) = made(World::new(), |step| step.call = how);
        if let Some(summary) = summary {
            world
                .components
                .summaries
                .lock()
                .unwrap()
                .insert(BlobDigest::of(b"wasm"), summary);
        }
        let report = world.run(&plan).await;
        assert_eq!(outcomes(&report), [Succeeded, Failed]);
        assert!(cause(&report, "use").starts_with(expected), "{}", cause(&report, "use"));
        let shown = report.steps[1].help.clone().unwrap();
        assert!(shown.contains(help), "{shown}");
    }
}

// A folder is no component, and an output that is a link cannot be mounted.
#[tokio::test(start_paused = true)]
async fn a_component_is_a_file() {
    let (world, plan) = made(World::new(), |_| {});
    world.run(&plan).await;
    // The first step's result is there: let its output be a folder.
    let folder = world.trees.put_folder(&[]);
    world
        .cache
        .results
        .lock()
        .unwrap()
        .values_mut()
        .for_each(|result| result.outputs[0].1 = folder.clone());
    let report = world.run(&plan).await;
    assert!(cause(&report, "use").starts_with("`tool.out` is a folder or a link"));
    let link = Node::Symlink("x".to_owned());
    world
        .cache
        .results
        .lock()
        .unwrap()
        .values_mut()
        .for_each(|result| result.outputs[0].1 = link.clone());
    let from = airtight_model::plan::TreeRef::Output(OutputRef {
        step: StepId(0),
        output: "out".to_owned(),
    });
    let plan = Draft::new()
        .step("tool", |_| {})
        .step("b", |step| crate::draft::mount(step, "/in", from))
        .done();
    let report = world.run(&plan).await;
    assert_eq!(
        cause(&report, "b"),
        "`tool.out` is a symbolic link, which cannot be mounted"
    );
}
