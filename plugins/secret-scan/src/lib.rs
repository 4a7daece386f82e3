//! The standard component `std/secret-scan`: finds credentials that were written into files.
//!
//! This file is only the glue between the WIT world (`wit/world.wit`) and [`run::run`]; the logic is plain Rust and is
//! tested on the host. It is deliberately not a verifier: it never asks a service whether a secret is alive.

pub mod baseline;
pub mod fingerprint;
pub mod judge;
pub mod rules;
pub mod run;
pub mod sarif;
pub mod text;
pub mod walk;

#[cfg(target_arch = "wasm32")]
mod component;
