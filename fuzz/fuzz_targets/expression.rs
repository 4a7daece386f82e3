//! Any text as an expression: it has a value, or it is refused.

#![no_main]

use airtight_model::plan::{Evaluator, Scope};
use airtight_pipeline::CelEvaluator;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = CelEvaluator::default().evaluate(text, &Scope::default());
});
