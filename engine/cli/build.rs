//! Embeds the standard components: see `xtask::guest::embed_standard_components`, which does all of it. Nothing else is built here.

use std::path::PathBuf;
use std::process::ExitCode;

#[allow(clippy::print_stdout, reason = "a build script talks to cargo on stdout")]
fn main() -> ExitCode {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    match xtask::guest::embed_standard_components(&out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}
