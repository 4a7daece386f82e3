//! What comes out of a run besides its exit code: exports, artifacts, events, JUnit. Not here: how lines look on a terminal.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value as Json;

use crate::{pipeline, run};

const MAKE: &str = r#"
sources: { tree: { path: tree } }
steps:
  make:
    uses: ./script.wasm
    with:
      ops: [ "mkdir /out/folder/inner", "write /out/folder/a.txt alpha", "write /out/folder/inner/b.txt beta", "write /out/file.txt one file" ]
    outputs: { folder: /out/folder, file: { path: /out/file.txt } }
  install:
    uses: ./script.wasm
    function: install
    with: { from: /src/tool, to: /out/tool }
    mounts: { /src: tree }
    outputs: { tool: /out/tool }
export:
  dist/folder: make.folder
  dist/file.txt: make.file
  bin/tool: install.tool
"#;

fn make() -> airtight_testkit::TestEnv {
    let env = pipeline(&["script"], MAKE);
    env.write("tree/tool", "#!/bin/sh\n");
    env
}

#[test]
fn exports_are_the_only_writes_to_the_users_tree() {
    let env = make();
    let files = || -> Vec<String> {
        let mut all = Vec::new();
        let mut folders = vec![env.project()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    all.push(path.strip_prefix(env.project()).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        all.sort();
        all
    };
    let mut expected = files();
    run(&env, 0);
    expected.extend(
        [
            "bin/tool",
            "dist/file.txt",
            "dist/folder/a.txt",
            "dist/folder/inner/b.txt",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(files(), expected);
    assert_eq!(env.read("dist/folder/inner/b.txt"), "beta");
    let mode = |path: &str| {
        std::fs::metadata(env.project().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o111
    };
    assert_ne!(mode("bin/tool"), 0, "a marked file is executable");
    assert_eq!(mode("dist/file.txt"), 0);
}

// An export replaces what was there as a whole: what is not in the output any more is gone.
#[test]
fn an_export_is_exactly_the_output() {
    let env = make();
    run(&env, 0);
    env.write("dist/folder/stale.txt", "left over")
        .write("dist/file.txt", "edited by hand");
    let again = run(&env, 0);
    assert!(!env.project().join("dist/folder/stale.txt").exists());
    assert_eq!(env.read("dist/file.txt"), "one file");
    let exported: Vec<Json> = again
        .events()
        .into_iter()
        .filter(|event| event["event"] == "exported")
        .collect();
    assert_eq!(exported.len(), 3, "{exported:#?}");
    let tool = exported.iter().find(|event| event["to"] == "bin/tool").unwrap();
    assert_eq!(tool["unchanged"], true);
}

#[test]
fn artifacts_can_be_listed_fetched_and_printed() {
    let env = make();
    run(&env, 0);
    let all = env.run(&["artifact", "ls"]).expect(0).stdout;
    for name in ["make.folder", "make.file", "install.tool"] {
        assert!(all.contains(name), "{all}");
    }
    let folder = env.run(&["artifact", "ls", "make.folder"]).expect(0).stdout;
    assert!(folder.contains("a.txt") && folder.contains("inner"), "{folder}");
    assert_eq!(
        env.run(&["artifact", "cat", "make.folder/inner/b.txt"])
            .expect(0)
            .stdout,
        "beta"
    );
    env.run(&["artifact", "get", "make.folder", "copy"]).expect(0);
    assert_eq!(env.read("copy/inner/b.txt"), "beta");
    env.run(&["artifact", "get", "make.folder/a.txt", "a.txt"]).expect(0);
    assert_eq!(env.read("a.txt"), "alpha");
    // Nothing is overwritten, and what is not there is said to be.
    for arguments in [
        ["artifact", "get", "make.file", "a.txt"].as_slice(),
        &["artifact", "cat", "make.nothing"],
        &["artifact", "cat", "make.folder"],
        &["artifact", "cat", "make.folder/../file.txt"],
        &["artifact", "ls", "nobody"],
    ] {
        let refused = env.run(arguments);
        assert!(matches!(refused.code, Some(1..=4)), "{arguments:?}\n{}", refused.text());
        assert!(refused.stderr.contains("error["), "{arguments:?}\n{}", refused.text());
    }
    assert_eq!(env.read("a.txt"), "alpha");
}

// The form of the events is a promise to programs.
#[test]
fn events_have_their_documented_form() {
    let env = make();
    let run = run(&env, 0);
    let events = run.events();
    assert!(
        events.iter().all(|event| event["v"] == 1 && event["event"].is_string()),
        "{events:#?}"
    );
    assert_eq!(events[0]["event"], "run-started");
    assert_eq!(events.last().unwrap()["event"], "run-finished");
    let end = run.step("make");
    for (key, is) in [
        ("step", Json::is_string as fn(&Json) -> bool),
        ("outcome", Json::is_string),
        ("cache", Json::is_string),
        ("cached", Json::is_boolean),
        ("class", Json::is_string),
        ("duration_us", Json::is_u64),
        ("outputs", Json::is_object),
    ] {
        assert!(is(&end[key]), "{key}: {end:#}");
    }
    let digests = end["outputs"].as_object().unwrap();
    assert_eq!(digests.keys().collect::<Vec<_>>(), ["file", "folder"]);
    assert!(
        digests.values().all(|digest| digest.as_str().unwrap().len() >= 64),
        "{digests:?}"
    );
    let last = events.last().unwrap();
    assert_eq!(
        (&last["steps"], &last["ran"], &last["success"]),
        (&2.into(), &2.into(), &true.into())
    );
    assert_eq!(run.stderr, "", "with events there is nothing else to say");
}

/// Elements of an XML document by name, with their attributes; a reader of its own, so that the writer is not its own judge.
fn elements(xml: &str) -> Vec<(String, String)> {
    let mut open = Vec::new();
    let mut all = Vec::new();
    let mut rest = xml.split_once("?>").expect("there is a declaration").1;
    while let Some((text, after)) = rest.split_once('<') {
        assert!(
            !text.contains('>') && !text.contains('\u{0}') && !text.contains('\u{1b}'),
            "{text:?}"
        );
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "tags are nested");
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        all.push((name.to_owned(), attributes.to_owned()));
        if !closed {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} is not closed");
    all
}

#[test]
fn a_junit_report_has_the_steps_and_their_test_cases_and_a_second_run_has_the_same() {
    let text = "steps:\n  good: { uses: ./script.wasm, function: speak, with: { failing: false } }\n  \
        bad: { uses: ./script.wasm, function: speak, with: { failing: true } }\n  \
        skipped: { uses: ./script.wasm, function: nothing, after: [ bad ] }\n";
    let env = pipeline(&["script"], text);
    let report = || {
        env.run(&["run", "--keep-going", "--report", "junit=reports/junit.xml"])
            .expect(1);
        elements(&env.read("reports/junit.xml"))
    };
    let first = report();
    let named = |name: &str| {
        first
            .iter()
            .filter(|(tag, _)| tag == name)
            .map(|(_, rest)| rest.as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(first[0].0, "testsuites");
    let suites = named("testsuite");
    assert_eq!(suites.len(), 3, "{suites:?}");
    assert!(
        suites[0].contains(r#"tests="3" failures="1" errors="0" skipped="1""#),
        "{suites:?}"
    );
    assert!(
        suites.iter().any(|suite| suite.contains("bad: suite &lt;&amp;&gt;")),
        "{suites:?}"
    );
    assert_eq!(named("testcase").len(), 3 + 2 + 3);
    assert_eq!((named("failure").len(), named("skipped").len()), (2, 3));
    assert!(
        named("testcase")
            .iter()
            .any(|case| case.contains("file=\"/src/a.txt\"")),
        "{:?}",
        named("testcase")
    );
    let without_times = |all: &[(String, String)]| -> Vec<String> {
        let cut = |(tag, rest): &(String, String)| format!("{tag} {}", rest.split(" time=").next().unwrap());
        all.iter().map(cut).collect()
    };
    assert_eq!(without_times(&report()), without_times(&first));
}

// A report that cannot be written is no success.
#[test]
fn a_report_that_cannot_be_written_fails_the_run() {
    let env = pipeline(&["script"], "steps:\n  s: { uses: ./script.wasm, function: nothing }\n");
    env.write("file", "in the way");
    let run = env.run(&["run", "--report", "junit=file/report.xml"]).expect(4);
    assert!(run.stderr.contains("report"), "{}", run.text());
}
