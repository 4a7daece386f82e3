//! Any text as a policy: it is read or refused. Never a panic.

#![no_main]

use airtight_pipeline::policy::Policy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Policy::parse(text, 0);
});
