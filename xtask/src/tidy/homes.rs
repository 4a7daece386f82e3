//! What a crate may touch of the world: where `std::fs`, `std::env` and their like are at home. One table, because the answer differs by
//! crate and Clippy knows one configuration for all. Which crate may import which is checked elsewhere, from cargo's own metadata.

use std::path::Path;

use super::Source;

/// Values and text: nothing of the world.
const PURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "tokio",
];
/// Asks others to touch the world.
const DRIVER: &[&str] = &["std::fs", "std::env", "std::net", "std::process"];
/// Touches files, but is told where they are: only the command line reads variables and knows `$HOME`.
const FILES: &[&str] = &[
    "std::env::var",
    "std::env::home_dir",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "tokio::net",
    "std::process::exit",
];

/// Opens connections; is told everything else.
const WAY_OUT: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
];

/// Opens connections and reads the one file of logins that it is told of.
const REGISTRY: &[&str] = &[
    "std::env",
    "std::process",
    "std::thread",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
];

/// What each crate's sources must not name.
const BANNED: [(&str, &[&str]); 8] = [
    ("engine/model/src", PURE),
    ("engine/pipeline/src", PURE),
    ("engine/egress/src", WAY_OUT),
    ("engine/registry/src", REGISTRY),
    ("engine/exec/src", DRIVER),
    ("engine/store/src", FILES),
    ("engine/sandbox/src", FILES),
    // Also starts the user's own compilers.
    ("engine/authoring/src", FILES),
];

pub(super) fn complaints(sources: &[Source]) -> Vec<String> {
    let mut complaints = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.has_extension("rs") && !is_test(&source.path))
    {
        let rows = BANNED.iter().filter(|(folder, _)| source.path.starts_with(folder));
        for (folder, banned) in rows {
            for (number, line) in code(&source.text) {
                if let Some(name) = banned.iter().find(|name| line.contains(*name)) {
                    complaints.push(source.at(number, &format!("`{name}` is not at home in `{folder}`")));
                }
            }
        }
    }
    complaints
}

/// Tests may touch what they like.
fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "tests") || path.components().any(|part| part.as_os_str() == "tests")
}

/// Returns the numbered lines that are neither comments nor in the module of tests at the end of a file.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    lines
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn reading_a_file_in_a_pure_crate_is_found_out() {
        let bad = source("engine/model/src/tree.rs", "//! x\nfn f() { std::fs::read(\"x\"); }\n");
        assert_eq!(
            complaints(&[bad]),
            ["engine/model/src/tree.rs:2: `std::fs` is not at home in `engine/model/src`"]
        );
    }

    #[test]
    fn comments_tests_and_crates_that_are_at_home_are_left_alone() {
        let sources = [
            source(
                "engine/model/src/a.rs",
                "//! not std::fs\n#[cfg(test)]\nmod tests { use std::fs; }\n",
            ),
            source("engine/model/src/a/tests.rs", "//! x\nuse std::fs;\n"),
            source("engine/store/src/blob.rs", "//! x\nuse std::fs;\n"),
            source("engine/cli/src/main.rs", "//! x\nuse std::env;\n"),
        ];
        assert!(complaints(&sources).is_empty(), "{:?}", complaints(&sources));
    }
}
