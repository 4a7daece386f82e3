//! Any bytes as a document of `ActionResult`: what decodes encodes to the same bytes, everything else is refused.

#![no_main]

use airtight_model::ActionResult;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = ActionResult::from_document(bytes) {
        assert_eq!(value.to_document(), bytes);
    }
});
