//! The drift test of `wit/deps`: our copies of WASI's WIT are those of the wasmtime that the workspace is pinned to. Whether the engine
//! implements them is not asked here.
#![allow(clippy::unwrap_used)]

#[path = "support/metadata.rs"]
mod metadata;

use std::path::{Path, PathBuf};

/// Our copies, each with the crate that it is from and its path there.
const COPIES: [(&str, &str, &str); 7] = [
    ("cli.wit", "wasmtime-wasi", "src/p2/wit/deps/cli.wit"),
    ("clocks.wit", "wasmtime-wasi", "src/p2/wit/deps/clocks.wit"),
    ("filesystem.wit", "wasmtime-wasi", "src/p2/wit/deps/filesystem.wit"),
    ("http.wit", "wasmtime-wasi-http", "wit/deps/http.wit"),
    ("io.wit", "wasmtime-wasi", "src/p2/wit/deps/io.wit"),
    ("random.wit", "wasmtime-wasi", "src/p2/wit/deps/random.wit"),
    ("sockets.wit", "wasmtime-wasi", "src/p2/wit/deps/sockets.wit"),
];

#[test]
fn wasi_wit_is_the_pinned_one() {
    // An edit to our copy, or an update of wasmtime without one of `wit/deps`, would give guests a contract that nobody tests.
    let metadata = metadata::read();
    let ours = xtask::guest::repository().join("wit/deps");
    for (name, package, path) in COPIES {
        let theirs = folder_of(&metadata, package).join(path);
        let text =
            |path: &Path| std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            text(&ours.join(name)) == text(&theirs),
            "wit/deps/{name} is not {package}'s {path}"
        );
    }
}

#[test]
fn every_file_of_wit_deps_is_compared() {
    let mut found: Vec<String> = std::fs::read_dir(xtask::guest::repository().join("wit/deps"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".wit"))
        .collect();
    found.sort();
    assert_eq!(found, COPIES.map(|(name, _, _)| name));
}

fn folder_of(metadata: &serde_json::Value, package: &str) -> PathBuf {
    let packages = metadata["packages"].as_array().unwrap();
    let found = packages.iter().find(|candidate| candidate["name"] == package).unwrap();
    Path::new(found["manifest_path"].as_str().unwrap())
        .parent()
        .unwrap()
        .to_owned()
}
