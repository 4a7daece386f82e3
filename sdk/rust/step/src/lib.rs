//! What makes a step plain Rust. Not here: what the macros derive (`airtight-step-macros`), and running a step.
//!
#![doc = include_str!("../README.md")]
//!
//! Nothing in this crate is needed to be a step: a component that exports a function is one. It is what makes one pleasant to write.

#[doc(hidden)]
#[rustfmt::skip]
#[allow(unreachable_pub, clippy::all, clippy::unwrap_used)]
pub mod bindings;
mod artifact;
mod error;
mod host;
mod log;
mod place;
pub mod progress;
pub mod report;
pub mod secret;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use artifact::{ArtifactError, set_executable};
pub use error::{Context, Error, Result};
pub use log::Level;
pub use place::path;
pub use progress::Progress;
pub use secret::Secret;

/// Makes the functions of a module, or one function, a step.
///
/// On an inline module every `pub fn` is exported, under its name in kebab-case. The WIT is derived from what the module
/// defines: `pub struct`s with named fields are records, `pub enum`s are enums or variants, documentation comments are
/// documentation, and a `type` stands for what it names. The types stay yours: derive what you like.
///
/// | Rust | WIT |
/// | --- | --- |
/// | `bool`, `char`, `String` | `bool`, `char`, `string` |
/// | `u8` … `u64`, `i8` … `i64`, `f32`, `f64` | `u8` … `u64`, `s8` … `s64`, `f32`, `f64` |
/// | `Option<T>`, `Vec<T>`, `(A, B)`, `Result<A, B>` | `option<t>`, `list<t>`, `tuple<a, b>`, `result<a, b>` |
/// | `Result<T, E>` as what a function returns | `result<t, string>`: the text of the error and of its causes |
///
/// ```
/// #[airtight_step::step]
/// mod count {
///     /// What was counted.
///     pub struct Summary {
///         /// How many words there are.
///         pub words: u64,
///     }
///
///     /// Counts the words of a file.
///     pub fn run(file: String) -> Result<Summary, airtight_step::Error> {
///         let text = std::fs::read_to_string(airtight_step::path(&file))?;
///         Ok(Summary { words: text.split_whitespace().count() as u64 })
///     }
/// }
/// ```
///
/// Where all types are built in, the function can stand alone:
///
/// ```
/// /// Greets.
/// #[airtight_step::step]
/// pub fn run(name: String) -> String {
///     format!("Hello, {name}")
/// }
/// ```
///
/// `E` is any error that can be shown: [`Error`], `anyhow::Error`, one of `thiserror`, `Box<dyn Error>`, `String`.
///
/// What has no WIT type is refused, with what to write instead:
///
/// ```compile_fail
/// #[airtight_step::step]
/// pub fn run(path: std::path::PathBuf) -> Result<(), String> {
///     Ok(())
/// }
/// ```
#[cfg(feature = "macros")]
pub use airtight_step_macros::step;

/// Makes bindings for a world in WIT that you write yourself.
///
/// `path` is a folder below the package's own, `wit` if it is left out; `world` the name of the world, which may be left out where
/// there is one. `additional_derives: [Clone]` adds derives to the types. The world may import `airtight:step` without a copy of
/// it in `wit/deps`: this crate has it, and its types are those of this crate.
///
/// It defines the types, a trait `Guest` for the functions, and a macro `export!`:
///
/// ```ignore
/// airtight_step::generate!({ world: "step", path: "wit" });
///
/// struct Step;
/// export!(Step);
///
/// impl Guest for Step {
///     fn run(path: String, marker: Option<String>) -> Result<Summary, String> { … }
/// }
/// ```
///
/// It is `wit_bindgen::generate!` with the documentation kept: the comments of the WIT get into the component, where
/// `airtight inspect` finds them. In a program for tests nothing is exported, and everything else is the same.
#[cfg(feature = "macros")]
pub use airtight_step_macros::generate;

/// Puts the documentation of a world into the component, for those who make their bindings by other means.
///
/// ```ignore
/// airtight_step::document!({ world: "step", path: "wit" });
/// ```
#[cfg(feature = "macros")]
pub use airtight_step_macros::document;

/// What the macros refer to; no part of what this crate promises.
#[doc(hidden)]
pub mod __private {
    pub use crate::error::text;
    pub use crate::log::{Debug, Value, log};
    pub use wit_bindgen;
}
