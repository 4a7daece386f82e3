//! The test kit: a hermetic surrounding for the real program, and snapshots of all that it prints. Not here: any test, and
//! anything that the product uses.

mod env;

pub use env::{Run, TestEnv};
