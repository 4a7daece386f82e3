//! Where a path of the step is: where it says in the component, below the root of the host for tests elsewhere. Nothing is opened.

use std::path::PathBuf;

/// Returns where the step's path `path` is.
///
/// In the component that is `path` itself. In a test it is the same path below the root of the [`testing::Host`] of this thread,
/// so that a step that reads `/in` and writes `/out` can be tested with plain `cargo test`. Without such a host it is `path` itself
/// there too. Use it where a file is opened, and the step's own path everywhere else:
///
/// ```
/// # fn read(file: &str) -> Result<String, airtight_step::Error> {
/// use airtight_step::Context;
///
/// let text = std::fs::read_to_string(airtight_step::path(file)).with_context(|| format!("cannot read {file}"))?;
/// # Ok(text)
/// # }
/// ```
///
/// [`testing::Host`]: https://docs.rs/airtight-step
pub fn path(path: &str) -> PathBuf {
    #[cfg(not(target_arch = "wasm32"))]
    if let Some(place) = crate::testing::place(path) {
        return place;
    }
    PathBuf::from(path)
}
