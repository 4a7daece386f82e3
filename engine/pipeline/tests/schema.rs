//! The schema that is narrowed by the components in use: what the engine refuses, an editor underlines.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/catalog.rs"]
mod catalog;

use airtight_model::component::Catalog;
use airtight_pipeline::narrowed_schema;

fn valid(step: &str) -> bool {
    let uses = [
        "std/secret-scan",
        "std/archive",
        "std/types",
        "./tools/clang.wasm",
        "./tools/both.wasm",
    ];
    let components = uses.map(|uses| (uses, catalog::Invented.resolve(uses, ".").unwrap().summary));
    let components: Vec<_> = components.iter().map(|(uses, summary)| (*uses, &**summary)).collect();
    let validator = jsonschema::validator_for(&narrowed_schema(&components)).unwrap();
    let text = format!("airtight: 1\nsteps:\n  a: {step}\n");
    validator.is_valid(&serde_saphyr::from_str::<serde_json::Value>(&text).unwrap())
}

// `with:` takes the parameters of the function that the step calls, with their types; expressions go everywhere.
#[test]
fn arguments_are_narrowed_by_component_and_function() {
    for step in [
        "{ uses: std/secret-scan, with: { paths: [ /src ], severity: low } }",
        "{ uses: std/secret-scan, with: { paths: '${inputs.paths}' } }",
        "{ uses: std/archive, function: pack, with: { format: tar, level: 9 } }",
        "{ uses: std/types, with: { pair: [ a, 1 ], shape: { circle: 1.5 }, outcome: { ok: 3 }, flags: [ read ], options: { name: x } } }",
        "{ uses: ./tools/clang.wasm, args: [ x ] }",
        "{ uses: ./tools/both.wasm, args: [ x ] }",
        "{ uses: ./tools/other.wasm, with: { anything: 1 } }",
    ] {
        assert!(valid(step), "{step}");
    }
    for step in [
        "{ uses: std/secret-scan, with: { path: [ /src ] } }",
        "{ uses: std/secret-scan, with: {} }",
        "{ uses: std/secret-scan, with: { paths: [ /src ], severity: middle } }",
        "{ uses: std/secret-scan, function: scan, with: { paths: [] } }",
        "{ uses: std/archive, function: pack, with: { format: tar, level: 256 } }",
        "{ uses: std/types, with: { pair: [ a ] } }",
        "{ uses: std/types, with: { shape: { square: 1 } } }",
        "{ uses: ./tools/clang.wasm, with: { x: 1 } }",
    ] {
        assert!(!valid(step), "{step}");
    }
}
