//! The one way out: to Airtight in a component, to the host for tests elsewhere. The two modules have the same functions.

#[cfg(target_arch = "wasm32")]
#[path = "host/component.rs"]
mod real;

#[cfg(not(target_arch = "wasm32"))]
#[path = "host/native.rs"]
mod real;

pub(crate) use real::*;
