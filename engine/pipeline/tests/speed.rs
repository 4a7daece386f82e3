//! How long a large pipeline takes: `cargo test --release -p airtight-pipeline --test speed -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/catalog.rs"]
mod catalog;

use std::fmt::Write;
use std::time::Instant;

use airtight_pipeline::{PlanRequest, check, parse, plan};

/// A pipeline of `count` steps, each with a mount of the one before and arguments.
fn pipeline(count: usize, expressions: bool) -> String {
    let mut text =
        "airtight: 1\ninputs: { level: { type: integer, default: 2 } }\nsources: { app: { path: . } }\nsteps:\n"
            .to_owned();
    for i in 0..count {
        let value = if expressions { "${inputs.level + 1}" } else { "3" };
        write!(text, "  s{i}:\n    uses: ./tools/clang.wasm\n    mounts:\n      /src: {{ source: app, paths: [ \"src/{i}/**\" ] }}\n").unwrap();
        if i > 0 {
            writeln!(text, "      /before: s{}.out", i - 1).unwrap();
        }
        write!(
            text,
            "    args: [ -O2, \"--level={value}\", -o, /out/x ]\n    outputs: {{ out: /out/x }}\n"
        )
        .unwrap();
    }
    text
}

// A thousand cached steps must be done in 50 ms as a whole, so a plan of them must be a small part of that.
#[test]
#[ignore = "figures are of interest in release only"]
fn a_thousand_steps_are_planned_in_time() {
    for expressions in [false, true] {
        let text = pipeline(1000, expressions);
        for _ in 0..5 {
            let start = Instant::now();
            let parsed = parse("airtight.yaml", text.clone(), &|_| Err(String::new()));
            let after_parse = start.elapsed();
            let (checked, found) = check(&parsed, &catalog::Invented);
            assert!(found.is_empty(), "{found:?}");
            let after_check = start.elapsed();
            let planned = plan(&checked.unwrap(), &PlanRequest::default()).unwrap();
            assert_eq!(planned.steps.len(), 1000);
            println!(
                "expressions {expressions}: parse {after_parse:?}, checked {after_check:?}, planned {:?}",
                start.elapsed()
            );
        }
    }
}
