//! Any text as a lock: it is refused, or it is read, written and read again as the same. Never a panic.

#![no_main]

use airtight_pipeline::lock::{Lock, changes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(lock) = Lock::parse(text, 0) {
        assert_eq!(Lock::parse(&lock.to_text(), 0).as_ref(), Ok(&lock));
        assert!(changes(&lock, &lock).is_empty());
    }
});
