//! What binaries say of themselves, and what is said of those that cannot be steps.

use airtight_model::component::ComponentKind;
use airtight_sandbox::{InspectError, preview1_adapter_digest, summarize};

use crate::guests::{command, component, function};

// A function step's schema is its signature.
#[test]
fn a_component_is_summarized_with_its_functions_types_and_imports() {
    let wit = r#"
        interface types { record options { level: u8, names: list<string> } }
        world w {
          use types.{options};
          import wasi:cli/environment@0.2.12;
          export run: func(paths: list<string>, options: option<options>) -> result<u32, string>;
        }
    "#;
    let guest = function(
        wit,
        r#"(func (export "run") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 16))"#,
    );
    let summary = summarize(&guest).unwrap();
    assert_eq!(
        (summary.kind, summary.command, summary.size),
        (ComponentKind::Component, false, guest.len() as u64)
    );
    let signature = &summary.functions[0];
    let parameters: Vec<String> = signature
        .parameters
        .iter()
        .map(|p| format!("{}: {}", p.name, p.ty))
        .collect();
    assert_eq!(
        parameters,
        [
            "paths: list<string>",
            "options: option<record { level: u8, names: list<string> }>"
        ]
    );
    assert_eq!(signature.result.as_ref().unwrap().to_string(), "result<u32, string>");
    assert_eq!(signature.success().unwrap().to_string(), "u32");
}

// Commands, by `wasi:cli/run` or as a preview-1 module.
#[test]
fn commands_are_recognised_in_both_forms() {
    let summary = summarize(&command(&[], "", "")).unwrap();
    assert!(summary.command && summary.functions.is_empty());
    assert_eq!((summary.kind, summary.adapter), (ComponentKind::Component, None));
    assert!(summary.unknown_imports.is_empty() && summary.imports.contains(&"wasi:io/streams@0.2.12".to_owned()));
    assert!(
        summary
            .producers
            .iter()
            .any(|text| text.starts_with("processed-by: wit-component"))
    );
    let module = wat::parse_str(r#"(module (func (export "_start")))"#).unwrap();
    let summary = summarize(&module).unwrap();
    assert_eq!((summary.kind, summary.command), (ComponentKind::Module, true));
    assert_eq!(summary.adapter, Some(preview1_adapter_digest()));
}

// Each kind of file that is no step's component is told apart.
#[test]
fn what_cannot_be_a_step_is_said_clearly() {
    let wat = |text: &str| wat::parse_str(text).unwrap();
    let whole = command(&[], "", "");
    let error = |bytes: &[u8]| summarize(bytes).unwrap_err();
    assert_eq!(error(b""), InspectError::NotWasm);
    assert_eq!(error(b"#!/bin/sh\n"), InspectError::NotWasm);
    assert!(matches!(error(b"\0asm"), InspectError::Truncated(_)));
    assert!(matches!(error(b"\0asm\x07\0\0\0"), InspectError::Invalid(_)));
    assert_eq!(error(&wat("(module)")), InspectError::NotACommand);
    assert_eq!(error(&wat("(component)")), InspectError::NothingToRun);
    let foreign = wat(r#"(module (import "env" "f" (func)) (func (export "_start")))"#);
    assert_eq!(error(&foreign), InspectError::ForeignModule("env".to_owned()));
    for len in (9..whole.len()).step_by(7) {
        assert!(matches!(
            error(&whole[..len]),
            InspectError::Truncated(_) | InspectError::Invalid(_) | InspectError::NothingToRun
        ));
    }
    assert!(matches!(error(&whole[..whole.len() - 1]), InspectError::Truncated(_)));
}

// A component for another version of what Airtight offers cannot work, and the message says which there is.
#[test]
fn other_versions_are_named() {
    let newer = wat::parse_str(
        r#"(component (import "wasi:cli/stdin@0.3.0" (instance)) (instance $i) (export "wasi:cli/run@0.3.0" (instance $i)))"#,
    );
    assert_eq!(
        summarize(&newer.unwrap()).unwrap_err(),
        InspectError::NewerWasi("0.3.0".to_owned())
    );
    let step = wat::parse_str(
        r#"(component (import "airtight:step/log@0.2.0" (instance)) (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#,
    );
    let error = summarize(&step.unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "it needs `airtight:step/log@0.2.0`, and this version of Airtight provides `airtight:step@0.1.0`"
    );
}

// A type that folds out without end is bounded, and functions of resources are not offered.
#[test]
fn types_are_bounded_and_methods_are_left_out() {
    let mut types = "type t0 = tuple<u8, u8>;\n".to_owned();
    for i in 1..14 {
        types += &format!("type t{i} = tuple<t{0}, t{0}>;\n", i - 1);
    }
    let wit = format!(
        "interface api {{ {types} resource thing {{ constructor(); go: func(); }} big: func(x: t13); }} world w {{ export api; }}"
    );
    let guest = component(
        &wit,
        r#"(module (memory (export "memory") 1)
             (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
             (func (export "test:guest/api#[constructor]thing") (result i32) (i32.const 0))
             (func (export "test:guest/api#[method]thing.go") (param i32))
             (func (export "test:guest/api#big") (param i32)))"#,
    );
    let summary = summarize(&guest).unwrap();
    assert_eq!(summary.functions.len(), 1);
    assert!(summary.functions[0].parameters[0].ty.to_string().contains("too large"));
}

/// `bytes` with a custom section at its end.
fn with_section(mut bytes: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    fn leb(mut x: usize, out: &mut Vec<u8>) {
        while x >= 0x80 {
            out.push(u8::try_from(x & 0x7f).unwrap() | 0x80);
            x >>= 7;
        }
        out.push(u8::try_from(x).unwrap());
    }
    let mut section = Vec::new();
    leb(name.len(), &mut section);
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    bytes.push(0);
    leb(section.len(), &mut bytes);
    bytes.extend_from_slice(&section);
    bytes
}

// Documentation travels in the section that WIT packages use for it.
#[test]
fn documentation_is_read_where_the_binary_carries_it() {
    let guest = function("world w { export run: func(); }", r#"(func (export "run"))"#);
    assert_eq!(summarize(&guest).unwrap().functions[0].docs, None);
    let docs = b"\x01{\"worlds\":{\"root\":{\"funcs\":{\"run\":\"Does it.\"}}}}";
    let summary = summarize(&with_section(guest, "package-docs", docs)).unwrap();
    assert_eq!(summary.functions[0].docs.as_deref(), Some("Does it."));
}
