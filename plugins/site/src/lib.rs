//! The standard component `std/site`: makes a linked HTML site of a tree of Markdown files.
//!
//! This file is only the module list; the glue to the WIT world (`wit/world.wit`) is in `component`, the logic is plain
//! Rust and is tested on the host. It is deliberately no site generator with themes, templates and plugins.

pub mod anchors;
pub mod build;
pub mod layout;
pub mod links;
pub mod nav;
pub mod page;
pub mod sources;

#[cfg(target_arch = "wasm32")]
mod component;
