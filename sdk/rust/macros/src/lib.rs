//! The macros of `airtight-step`, which documents and re-exports them. Nothing here is meant to be used by itself.
//!
//! * [`macro@step`]: Rust → WIT → bindings, with the conversions between the two;
//! * [`generate!`]: WIT → bindings;
//! * [`document!`]: WIT → the section with its documentation, for those who make their bindings themselves.

mod bindings;
mod document;
mod generate;
mod section;
mod step;
mod world;

use proc_macro::TokenStream;

/// Makes the functions of a module, or one function, a step. See `airtight_step::step`.
#[proc_macro_attribute]
pub fn step(arguments: TokenStream, item: TokenStream) -> TokenStream {
    step::expand(arguments.into(), item.into()).into()
}

/// Makes bindings for a world in WIT. See `airtight_step::generate`.
#[proc_macro]
pub fn generate(input: TokenStream) -> TokenStream {
    generate::expand(input.into()).into()
}

/// Puts the documentation of a world in WIT into the component. See `airtight_step::document`.
#[proc_macro]
pub fn document(input: TokenStream) -> TokenStream {
    document::expand(input.into()).into()
}
