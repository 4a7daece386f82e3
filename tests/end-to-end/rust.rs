//! The SDK for Rust in the sandbox: types and interfaces, as far as the contract of the templates does not use them. Its tests without a
//! sandbox are in `sdk/rust`.

use serde_json::{Value as Json, json};

use crate::languages::{Bench, path};

/// A project with the step of these tests, built.
fn built() -> Option<Bench> {
    let bench = Bench::new(&path("rust")?);
    bench.run(&["new", "--lang", "rust", "looker"], 0);
    bench.env.write("looker/src/lib.rs", include_str!("rust/step.rs"));
    bench.run(&["build", "looker"], 0);
    Some(bench)
}

fn pipeline(function: &str, with: &Json) -> String {
    format!(
        "airtight: 1\nname: t\nsteps:\n  look:\n    uses: ./looker/build/looker.wasm\n    function: {function}\n    with: {with}\n"
    )
}

/// A value of every type that `#[step]` knows arrives as what it was, and returns.
#[test]
fn every_type_of_rust_comes_and_goes() {
    let Some(bench) = built() else { return };
    let guest = json!({
        "a": -1, "b": -300, "c": -70_000, "d": -9_000_000_000_i64, "e": 1.5, "f": 0.1, "g": true, "h": 65_535, "i": 9_000_000_000_u64
    });
    let inner = json!({ "type": 7, "kind": "type", "option": { "sha-256": "\u{e9}", "list": [1, 2] } });
    let shapes = json!([
        "empty", { "one": "guest" }, { "two": [5, inner] }, { "list": [guest] }, { "tuple": [1, guest] },
        { "outcome": { "ok": guest } }, { "outcome": { "err": "first-one" } }, { "both": { "err": "no" } }
    ]);
    let (pairs, nested, triple) = (json!([["a", inner]]), json!([guest]), json!([3, "first-one", "x"]));
    let with = json!({ "shapes": shapes, "pairs": pairs, "nested": nested, "triple": triple });
    bench.env.write("airtight.yaml", pipeline("run", &with));
    let run = bench.run(&["run", "--format", "json"], 0);
    assert_eq!(run.step("look")["result"], json!([shapes, pairs, nested, triple]));
}

/// What a step says by the SDK is what Airtight hears.
#[test]
fn everything_that_a_step_in_rust_says_is_heard() {
    let Some(bench) = built() else { return };
    bench
        .env
        .write("airtight.yaml", pipeline("say", &json!({ "async": true })));
    let run = bench.run(&["run", "--format", "json"], 0);
    assert_eq!(run.step("look")["result"], json!([1, 2, 3]));
    let events = run.events();
    let of = |kind: &'static str| events.iter().filter(move |event| event["event"] == kind);
    let lines: Vec<Json> = of("step-log")
        .map(|event| json!([event["level"], event["message"], event["fields"]]))
        .collect();
    let expected = [
        json!(["info", "says it", [["async", "true"]]]),
        json!(["warn", "warns", [["count", "2"]]]),
    ];
    assert_eq!(lines, expected);
    let kinds: Vec<&Json> = of("step-report").map(|event| &event["report"]["kind"]).collect();
    assert_eq!(
        kinds,
        ["finding", "test-case", "test-case", "metric", "annotation", "summary"]
    );
    let finding = of("step-report").next().expect("the finding is first");
    let location = json!({ "path": "/in/a", "line": 1, "column": 2 });
    assert_eq!(finding["report"]["location"], location);
    assert!(of("step-progress").any(|event| event["task"] == "talk" && event["done"] == 1 && event["total"] == 2));
}

/// The person who runs a pipeline reads an error with all its causes, whatever its type.
#[test]
fn an_error_of_rust_is_told_with_its_causes() {
    let Some(bench) = built() else { return };
    bench
        .env
        .write("airtight.yaml", pipeline("fails", &json!({ "secret": false })));
    let run = bench.run(&["run", "--format", "json"], 1);
    assert_eq!(run.step("look")["cause"], "no number: invalid digit found in string");
    bench
        .env
        .write("airtight.yaml", pipeline("fails", &json!({ "secret": true })));
    let run = bench.run(&["run", "--format", "json"], 5);
    let cause = run.step("look")["cause"].as_str().unwrap_or_default().to_owned();
    assert!(cause.starts_with("cannot sign: "), "{cause}");
}
