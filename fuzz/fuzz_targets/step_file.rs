//! Any text as a `step.yaml`: it is read or refused with places inside it. Never a panic.

#![no_main]

use airtight_pipeline::parse_step_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(found) = parse_step_file(text) {
        assert!(!found.is_empty());
        for label in found.iter().flat_map(|one| &one.labels) {
            assert!(label.span.start <= label.span.end && label.span.end as usize <= text.len());
        }
    }
});
