//! Any bytes as the custom section of a component: read again, what was read is the same. Never a panic.

#![no_main]

use airtight_model::StepSection;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(section) = StepSection::parse(bytes) {
        assert_eq!(StepSection::parse(&section.to_bytes()), Some(section));
    }
});
