//! Any text as a grant and a request: it is decided over in one form, and what is allowed is within the grant.

#![no_main]

#[path = "../../engine/model/tests/law/policy.rs"]
mod policy;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| policy::check(text));
