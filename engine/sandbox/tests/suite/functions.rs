//! Function steps: every WIT type across the border, errors, and results that are too large.

use airtight_model::{Outcome, Value};
use airtight_sandbox::summarize;
use serde_json::json;

use crate::guests::{Host, function};

const EVERYTHING: &str = r#"
    interface types {
      variant shape { point, circle(f64), text(string) }
      enum color { red, green, blue }
      flags rights { read, write, run }
      record everything {
        yes: bool, a: s8, b: s16, c: s32, d: s64, e: u8, f: u16, g: u32, h: u64,
        x: f32, y: f64, letter: char, text: string, bytes: list<u8>, names: list<string>,
        maybe: option<string>, number: option<u32>, pair: tuple<u8, string>,
        shape: shape, point: shape, color: color, rights: rights,
        good: result<string, u8>, bad: result<string, u8>, empty: result,
      }
    }
    world w { use types.{everything}; export run: func(all: everything) -> everything; }
"#;

// Arguments and results pass through unchanged, whatever their type: the guest hands back the memory that it was given.
#[tokio::test]
async fn every_wit_type_goes_in_and_comes_out_unchanged() {
    let host = Host::new();
    let guest = function(
        EVERYTHING,
        r#"(func (export "run") (param i32) (result i32) (local.get 0))"#,
    );
    let data = json!({
        "yes": true, "a": -128, "b": -32768, "c": -2147483648i64, "d": i64::MIN, "e": 255, "f": 65535,
        "g": 4294967295u64, "h": u64::MAX, "x": 1.5, "y": -2.25, "letter": "é", "text": "grüße\n",
        "bytes": [0, 255], "names": ["a", ""], "maybe": null, "number": 7, "pair": [1, "two"],
        "shape": { "circle": 0.5 }, "point": "point", "color": "blue", "rights": ["read", "run"],
        "good": { "ok": "fine" }, "bad": { "err": 3 }, "empty": { "ok": null }
    });
    let summary = summarize(&guest).unwrap();
    let signature = summary.functions_named("run").next().unwrap();
    let argument = Value::from_data(&data, &signature.parameters[0].ty).unwrap();
    let report = host.run(&host.function(&guest, vec![argument.clone()])).await;
    assert_eq!(report.cause, None);
    assert_eq!(report.result, Some(argument));
    assert_eq!(report.result.unwrap().to_data(), data);
    assert!(report.cacheable);
}

const OUTCOME: &str = "world w { export run: func(fail: bool) -> result<u32, string>; }";

/// Returns `ok(7)` or `err("went wrong")`.
const OUTCOME_MODULE: &str = r#"
  (data (i32.const 32) "went wrong")
  (func (export "run") (param i32) (result i32)
    (i32.store8 (i32.const 16) (local.get 0))
    (i32.store (i32.const 20) (if (result i32) (local.get 0) (then (i32.const 32)) (else (i32.const 7))))
    (i32.store (i32.const 24) (i32.const 10))
    (i32.const 16))
"#;

// `ok` is the typed result itself; `err` fails the step in the function's own words.
#[tokio::test]
async fn ok_is_the_result_and_err_fails_the_step_with_its_message() {
    let host = Host::new();
    let guest = function(OUTCOME, OUTCOME_MODULE);
    let report = host.run(&host.function(&guest, vec![Value::Bool(false)])).await;
    assert_eq!(
        (report.outcome, report.result),
        (Outcome::Succeeded, Some(Value::Unsigned(7)))
    );
    let report = host.run(&host.function(&guest, vec![Value::Bool(true)])).await;
    assert_eq!(
        (report.outcome, report.cause.as_deref()),
        (Outcome::Failed, Some("went wrong"))
    );
    assert_eq!((report.result, report.exit_code, report.cacheable), (None, None, false));
}

// A function in an exported interface is called by the interface's name.
#[tokio::test]
async fn a_function_of_an_exported_interface_is_called_by_both_names() {
    let host = Host::new();
    let wit = "interface tools { double: func(x: u32) -> u32; } world w { export tools; }";
    let guest = function(
        wit,
        r#"(func (export "test:guest/tools#double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))"#,
    );
    let summary = summarize(&guest).unwrap();
    let signature = summary.functions_named("double").next().unwrap();
    assert_eq!(signature.function.to_string(), "test:guest/tools#double");
    let invocation = airtight_model::step::Invocation::Function(signature.function.clone(), vec![Value::Unsigned(21)]);
    let report = host.run(&host.request(&guest, invocation)).await;
    assert_eq!(report.result, Some(Value::Unsigned(42)));
}

// A request that does not fit the function is a fault of the host that made it, never a panic or a wrong call.
#[tokio::test]
async fn a_call_that_does_not_fit_is_an_error() {
    let host = Host::new();
    let guest = function(OUTCOME, OUTCOME_MODULE);
    for arguments in [
        vec![],
        vec![Value::Unsigned(1)],
        vec![Value::Bool(true), Value::Bool(true)],
    ] {
        assert_eq!(
            host.run(&host.function(&guest, arguments)).await.outcome,
            Outcome::Errored
        );
    }
    let mut request = host.function(&guest, vec![Value::Bool(true)]);
    if let airtight_model::step::Invocation::Function(function, _) = &mut request.invocation {
        function.name = "walk".to_owned();
    }
    let report = host.run(&request).await;
    assert_eq!(
        report.cause.unwrap(),
        "the component does not export the function `walk`"
    );
    assert_eq!(host.run(&host.command(&guest)).await.outcome, Outcome::Errored);
}

// A list that claims to be huge must cost the host nothing: neither lies about its length nor real megabytes of items.
#[tokio::test]
async fn a_huge_list_from_the_guest_is_refused() {
    let host = Host::new();
    let wit = "world w { export run: func(count: u32) -> list<u8>; }";
    let module = r#"
      (func (export "run") (param i32) (result i32)
        (drop (memory.grow (i32.const 640)))
        (i32.store (i32.const 16) (i32.const 0))
        (i32.store (i32.const 20) (local.get 0))
        (i32.const 16))
    "#;
    let guest = function(wit, module);
    let lie = host
        .run(&host.function(&guest, vec![Value::Unsigned(u32::MAX.into())]))
        .await;
    assert_eq!(lie.outcome, Outcome::Failed, "{lie:?}");
    let large = host.run(&host.function(&guest, vec![Value::Unsigned(40 << 20)])).await;
    assert_eq!(large.outcome, Outcome::Failed);
    assert!(
        large
            .cause
            .unwrap()
            .contains("handed over more than its limit of 64MiB")
    );
    let many = host.run(&host.function(&guest, vec![Value::Unsigned(1_500_000)])).await;
    assert!(many.cause.unwrap().contains("larger than 1000000 values"));
    let fits = host.run(&host.function(&guest, vec![Value::Unsigned(1000)])).await;
    assert_eq!(fits.outcome, Outcome::Succeeded);
}
