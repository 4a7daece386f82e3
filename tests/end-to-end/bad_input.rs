//! What bad input gets: a clear error with a code, the place and the mend, and the exit code that belongs to it. Each case is a golden
//! text of all that the program says. Not here: every diagnostic of the pipeline file (`tests/ui/pipeline`), and bad stores (`damage`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use airtight_testkit::{TestEnv, assert_golden, component};

use crate::{pipeline, project};

/// Runs and compares exit code and messages with the golden text of the case.
#[track_caller]
fn assert_refused(case: &str, env: &TestEnv, code: i32) {
    let run = env.run(&["run", "--progress", "none"]).expect(code);
    assert!(
        !env.project().join("dist").exists(),
        "something was exported: {}",
        run.text()
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/end-to-end/golden/bad-input")
        .join(format!("{case}.txt"));
    assert_golden(&file, &TestEnv::steady(&run.text()));
}

fn file(text: &str) -> TestEnv {
    let env = project(&["script", "command"]);
    env.write("airtight.yaml", text).write("tree/a.txt", "alpha\n");
    env
}

/// A pipeline of one step that reads the source `tree`.
fn over_tree() -> TestEnv {
    let text = "sources: { tree: { path: tree } }\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [ \"walk /src\" ] }, mounts: { /src: tree } }\n";
    let env = pipeline(&["script"], text);
    env.write("tree/a.txt", "alpha\n");
    env
}

/// A pipeline of one step that uses these bytes as its component.
fn component_of(bytes: impl AsRef<[u8]>) -> TestEnv {
    let env = pipeline(&[], "steps:\n  s: { uses: ./odd.wasm }\n");
    env.write("odd.wasm", bytes);
    env
}

#[test]
fn a_file_that_is_not_yaml() {
    assert_refused("not-yaml", &file("airtight: 1\nsteps: [ oops\n"), 3);
    assert_refused("not-yaml-tab", &file("airtight: 1\nsteps:\n\ts: {}\n"), 3);
    let env = file("");
    env.write("airtight.yaml", b"airtight: 1\nname: \xff\n");
    assert_refused("not-utf-8", &env, 3);
}

#[test]
fn a_key_that_is_there_twice_or_unknown_or_of_another_type() {
    assert_refused(
        "duplicate-key",
        &file("airtight: 1\nname: a\nname: b\nsteps:\n  s: { uses: ./script.wasm }\n"),
        3,
    );
    assert_refused(
        "unknown-key",
        &file("airtight: 1\nsteps:\n  s: { uses: ./script.wasm, wiht: { ops: [] } }\n"),
        3,
    );
    assert_refused(
        "type-error",
        &file("airtight: 1\nsteps:\n  s: { uses: ./script.wasm, with: { ops: 5 } }\n"),
        3,
    );
}

#[test]
fn steps_that_wait_for_each_other() {
    let text = "airtight: 1\nsteps:\n  a: { uses: ./script.wasm, with: { ops: [] }, after: [ b ] }\n  b: { uses: ./script.wasm, with: { ops: [] }, after: [ a ] }\n";
    assert_refused("cycle", &file(text), 3);
}

#[test]
fn what_is_named_and_is_not_there() {
    assert_refused(
        "missing-step",
        &file(
            "airtight: 1\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [] }, after: [ scam ] }\n  scan: { uses: ./script.wasm, with: { ops: [] } }\n",
        ),
        3,
    );
    assert_refused(
        "missing-source",
        &file(
            "airtight: 1\nsources: { app: { path: gone } }\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [] }, mounts: { /src: app } }\n",
        ),
        3,
    );
    assert_refused(
        "missing-include",
        &file("airtight: 1\ninclude: [ ci/gone.yaml ]\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [] } }\n"),
        3,
    );
    assert_refused(
        "missing-component",
        &file("airtight: 1\nsteps:\n  s: { uses: ./scripd.wasm }\n  t: { uses: std/achive }\n"),
        3,
    );
    assert_refused("missing-pipeline", &project(&[]), 3);
}

#[test]
fn a_glob_that_matches_nothing() {
    let text = "airtight: 1\nsources: { tree: { path: tree } }\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [] }, mounts: { /src: { source: tree, paths: [ \"**/*.c\" ] } } }\n";
    assert_refused("unmatched-glob", &file(text), 3);
}

// All at once, so that one needs not run five times to mend five mistakes.
#[test]
fn several_mistakes_are_all_reported() {
    let text = "airtight: 1\nsources: { tree: { pth: tree } }\nsteps:\n  a: { uses: ./gone.wasm, after: [ nobody ] }\n  b: { uses: ./script.wasm, with: { opps: [] } }\n  c: { uses: ./script.wasm, with: { ops: [] }, limits: { memory: lots } }\nexport: { ../up: a.x }\n";
    assert_refused("several-mistakes", &file(text), 3);
}

#[test]
fn a_file_that_is_no_component() {
    let whole = std::fs::read(component("script")).unwrap();
    assert_refused("truncated-wasm", &component_of(&whole[..whole.len() / 2]), 3);
    assert_refused("truncated-header", &component_of(&whole[..6]), 3);
    assert_refused("empty-wasm", &component_of(""), 3);
    assert_refused("not-wasm", &component_of("#!/bin/sh\necho hello\n"), 3);
    let mut altered = whole;
    let middle = altered.len() / 2;
    altered[middle..middle + 64].fill(0xff);
    let env = component_of(altered);
    env.write(
        "airtight.yaml",
        env.read("airtight.yaml")
            .replace("./odd.wasm", "./odd.wasm, with: { ops: [] }"),
    );
    let run = env.run(&["run", "--progress", "none"]);
    assert!(matches!(run.code, Some(1 | 3 | 4)), "{}", run.text());
    assert!(
        run.stderr.contains("odd.wasm") || run.stderr.contains("failed: s"),
        "{}",
        run.text()
    );
}

const RUN: &str = r#"(core module $m (func (export "run"))) (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run")))"#;

#[test]
fn a_component_that_cannot_be_run_here() {
    let of = |text: &str| component_of(wat::parse_str(text).unwrap());
    assert_refused("no-way-to-run", &of("(component)"), 3);
    assert_refused("module-without-start", &of("(module (func (export \"main\")))"), 3);
    let import = |name: &str| format!("(component (import \"{name}\" (instance (export \"do\" (func)))) {RUN})");
    assert_refused("unknown-import", &of(&import("acme:odd/thing@1.0.0")), 3);
    assert_refused("another-version-of-step", &of(&import("airtight:step/log@0.9.0")), 3);
    assert_refused(
        "another-version-of-wasi",
        &of(&import("wasi:filesystem/types@0.3.0")),
        3,
    );
    let module =
        "(module (import \"env\" \"emscripten\" (func)) (memory (export \"memory\") 1) (func (export \"_start\")))";
    assert_refused("module-with-unknown-import", &of(module), 3);
}

#[test]
fn arguments_that_do_not_fit() {
    let text = "airtight: 1\nsteps:\n  a: { uses: ./script.wasm, function: add, with: { left: -1, rihgt: 2 } }\n  \
        b: { uses: ./script.wasm, function: mesure, with: { path: x } }\n  \
        c: { uses: ./script.wasm, args: [ x ] }\n  \
        d: { uses: ./command.wasm, with: { ops: [] } }\n  \
        e: { uses: ./script.wasm, function: add, with: { left: 4294967296, right: \"${inputs.nobody}\" } }\n";
    assert_refused("arguments", &file(text), 3);
}

#[test]
fn an_output_that_was_not_made() {
    let text = "airtight: 1\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [ \"write /out/other x\" ] }, outputs: { app: /out/app.wasm } }\nexport: { dist/app: s.app }\n";
    assert_refused("output-not-made", &file(text), 1);
}

#[test]
fn a_source_with_links_that_lead_nowhere_good() {
    for (case, target) in [
        ("broken-symlink", "gone"),
        ("circular-symlink", "odd"),
        ("symlink-out-of-the-source", "../airtight.yaml"),
        ("absolute-symlink", "/etc/hosts"),
    ] {
        let env = over_tree();
        symlink(target, env.project().join("tree/odd")).unwrap();
        assert_refused(case, &env, 3);
    }
}

#[test]
fn a_source_with_what_is_no_file() {
    let env = over_tree();
    let _listener = UnixListener::bind(env.project().join("tree/socket")).unwrap();
    assert_refused("socket", &env, 3);
}

#[test]
fn a_source_with_a_name_that_is_not_utf_8() {
    let env = over_tree();
    std::fs::write(env.project().join("tree").join(OsStr::from_bytes(b"odd-\xff.txt")), "x").unwrap();
    assert_refused("name-not-utf-8", &env, 3);
}

#[test]
fn a_source_with_a_file_that_may_not_be_read() {
    let env = over_tree();
    let path = env.project().join("tree/secret.txt");
    std::fs::write(&path, "x").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        // The superuser may read everything, and so may the program that it starts.
        crate::run(&env, 0);
        return;
    }
    assert_refused("unreadable-file", &env, 3);
}

// What is wrong with a source is mended by leaving it out, as the message says.
#[test]
fn what_is_left_out_of_a_source_is_not_looked_at() {
    let env = over_tree();
    symlink("gone", env.project().join("tree/odd")).unwrap();
    env.write(
        "airtight.yaml",
        env.read("airtight.yaml")
            .replace("{ path: tree }", "{ path: tree, exclude: [ odd ] }"),
    );
    crate::run(&env, 0);
}
