//! The guests of `tests/fixtures` as files, built when the first test asks. Not here: building them (`xtask::guest`).

use std::path::PathBuf;
use std::sync::OnceLock;

use xtask::guest::{Guest, fixtures};

fn find(name: &str, target: &str) -> PathBuf {
    static GUESTS: OnceLock<Vec<Guest>> = OnceLock::new();
    let guests =
        GUESTS.get_or_init(|| fixtures().unwrap_or_else(|error| panic!("the guests cannot be built: {error}")));
    let guest = guests.iter().find(|guest| guest.name == name && guest.target == target);
    guest
        .unwrap_or_else(|| panic!("there is no guest `{name}` for {target}"))
        .wasm
        .clone()
}

/// The component that the guest `name` was built as.
///
/// # Panics
/// The guests cannot be built, or there is none of that name.
pub fn component(name: &str) -> PathBuf {
    find(name, "wasm32-wasip2")
}

/// The core module for preview 1 that the guest `name` was built as.
///
/// # Panics
/// As [`component`].
pub fn preview1_module(name: &str) -> PathBuf {
    find(name, "wasm32-wasip1")
}
