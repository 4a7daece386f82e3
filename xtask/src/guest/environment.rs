//! The environment of a nested cargo. An outer cargo tells its build scripts and programs about itself in variables that the
//! inner one would obey (its compiler, flags and wrappers, its target folder, its job server); none of that may reach it.
//! Where crates are kept and fetched from (`CARGO_HOME`, `CARGO_NET_*`, registries, proxies) is the user's and stays.

use std::ffi::OsStr;
use std::process::Command;

/// Variables with these names are taken away.
const NAMES: [&str; 16] = [
    "CARGO",
    "DEBUG",
    "HOST",
    "LD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "MAKEFLAGS",
    "NUM_JOBS",
    "OPT_LEVEL",
    "OUT_DIR",
    "PROFILE",
    "RUSTDOC",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "RUST_RECURSION_COUNT",
    "TARGET",
];

/// Variables that begin so are taken away, unless they begin with one of [`KEPT`].
const PREFIXES: [&str; 4] = ["CARGO_", "CLIPPY_", "DEP_", "RUSTC"];

/// What of cargo's own variables stays: where it keeps and fetches crates, and how it prints.
const KEPT: [&str; 8] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_INCREMENTAL",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
    "CARGO_TERM_",
];

/// Tells whether a nested cargo must not see the variable `name`.
fn belongs_to_outer_build(name: &str) -> bool {
    NAMES.contains(&name)
        || (PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !KEPT.iter().any(|kept| name.starts_with(kept)))
}

/// Returns `program` as a command that sees nothing of the build that it is started from.
pub(super) fn scrubbed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(belongs_to_outer_build) {
            command.env_remove(name);
        }
    }
    command
}

/// Prints a line about what is being done, where it never mixes with what a program is asked for.
#[allow(
    clippy::print_stderr,
    reason = "this crate is a build tool: telling is its interface"
)]
pub(super) fn say(line: &str) {
    eprintln!("guests: {line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_builds_compiler_flags_and_folders_are_taken_away() {
        // Each of these has changed or deadlocked a nested build somewhere.
        for name in [
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_MAKEFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_PKG_NAME",
            "CARGO_CFG_UNIX",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "TARGET",
        ] {
            assert!(belongs_to_outer_build(name), "{name} would reach the nested cargo");
        }
    }

    #[test]
    fn where_crates_are_kept_and_fetched_from_stays() {
        // Without these a nested build would download again, or not at all behind a mirror.
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_CRATES_IO_PROTOCOL",
            "HTTPS_PROXY",
            "PATH",
            "HOME",
        ] {
            assert!(!belongs_to_outer_build(name), "{name} would be lost");
        }
    }
}
