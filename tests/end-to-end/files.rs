//! The file system that a guest sees: a golden transcript for each method of `wasi:filesystem` and each edge, the same in two projects
//! of two users. Not here: what is cached of it (`read_sets`).

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use airtight_testkit::{TestEnv, assert_golden};

use crate::{outcome, pipeline, transcript};

/// The functions of the guest, one a case.
fn cases() -> Vec<String> {
    let env = crate::project(&["fs"]);
    let run = env.run(&["inspect", "--format", "json", "fs.wasm"]).expect(0);
    let summary: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let functions = summary["functions"].as_array().unwrap().iter();
    functions
        .map(|function| function["name"].as_str().unwrap().to_owned())
        .collect()
}

/// A project with a step for each case, over a tree with everything in it that a source may hold.
fn every_case(cases: &[String]) -> TestEnv {
    let mut text =
        "sources:\n  tree: { path: tree }\n  nested: { path: tree/folder }\n  one: { path: one.txt }\nsteps:\n"
            .to_owned();
    let mounts = "{ /in: tree, /work: { source: tree, writable: true }, /mnt/deep/nested: nested, /one.txt: one }";
    for case in cases {
        text += &format!("  {case}: {{ uses: ./fs.wasm, function: {case}, mounts: {mounts} }}\n");
    }
    let env = pipeline(&["fs"], &text);
    env.write("one.txt", "one\n");
    for (path, content) in [
        ("a.txt", "alpha\n"),
        ("empty-1", ""),
        ("empty-2", ""),
        ("same-1", "same"),
        ("same-2", "same"),
        ("folder/b.txt", "beta\n"),
        ("folder/c.txt", "gamma\n"),
        ("folder/deep/d.txt", "delta\n"),
        ("other/e.txt", "epsilon\n"),
    ] {
        env.write(&format!("tree/{path}"), content);
    }
    for (target, path) in [("a.txt", "to-a"), ("folder", "to-folder"), ("folder/../a.txt", "up")] {
        symlink(target, env.project().join("tree").join(path)).unwrap();
    }
    env
}

fn golden(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/end-to-end/golden/files")
        .join(format!("{case}.txt"))
}

// What a guest sees is the same on every run, whoever runs it and wherever: and it is what is written down here.
#[test]
fn every_case_gives_its_golden_transcript_in_two_places_for_two_users() {
    let cases = cases();
    let first = every_case(&cases);
    let run = first.run(&["run", "--format", "json", "--no-cache", "--keep-going"]);
    let second = every_case(&cases);
    let mut command = second.command(&["run", "--format", "json", "--no-cache", "--keep-going", "--jobs", "1"]);
    let home = second.root().join("another user");
    std::fs::create_dir(&home).unwrap();
    command
        .env("HOME", home)
        .env("TZ", "Pacific/Auckland")
        .env("LANG", "tr_TR.UTF-8")
        .env("USER", "other");
    let again = second.finish(&mut command);
    for case in &cases {
        assert_eq!(outcome(&run, case), "succeeded", "{case}\n{}", run.text());
        let lines = transcript(&run, case);
        assert_eq!(lines, transcript(&again, case), "{case} differs between two runs");
        assert_golden(&golden(case), &lines);
    }
}

// A method that WASI adds, or one that is forgotten, is noticed: no method without its case.
#[test]
fn every_method_of_the_interface_has_a_case_of_its_name() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/deps/filesystem.wit");
    let wit = std::fs::read_to_string(wit).unwrap();
    let functions = wit
        .lines()
        .filter_map(|line| line.trim().split_once(": func(").map(|(name, _)| name.to_owned()));
    let methods: BTreeSet<String> = functions.collect();
    let cases: BTreeSet<String> = cases().into_iter().collect();
    assert!(methods.len() >= 30, "the interface was not read: {methods:?}");
    let missing: Vec<&String> = methods.difference(&cases).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

// A golden file that no case writes would hide that its case is gone.
#[test]
fn every_golden_transcript_belongs_to_a_case() {
    let cases: BTreeSet<PathBuf> = cases().iter().map(|case| golden(case)).collect();
    let folder = golden("x").parent().unwrap().to_owned();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(cases.contains(&path), "{} belongs to no case", path.display());
    }
}
