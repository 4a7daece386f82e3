//! The test kit: a hermetic surrounding for the real program, guests to run in it, and golden files of what comes of it. Not here: any
//! test, and anything that the product uses.

mod env;
mod fixture;
mod golden;
mod process;
mod registry;

pub use env::{Run, TestEnv};
pub use fixture::{component, preview1_module};
pub use golden::assert_golden;
pub use process::{End, Process};
pub use registry::{Asked, Fake, LOGIN, Registry, Reply};
