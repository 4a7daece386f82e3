//! Builds the guests: the standard components and the tests' fixtures, with a toolchain that it installs if need be.
//! The command line's build script, the test kit and `cargo xtask` share it. Not here: anything that runs a guest, and any
//! dependency beyond the standard library and BLAKE3, because every build of the engine waits for this crate.

pub mod guest;
