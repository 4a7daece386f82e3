//! Projects of steps: what `new`, `build`, `test` and `inspect` do and refuse, with steps in WebAssembly's own text, which need no
//! compiler. Not here: the other languages (`languages`).

use std::fs;
use std::path::Path;

use airtight_testkit::{Run, TestEnv, assert_golden, preview1_module};

use crate::project;

/// A step that adds two numbers.
const WAT: &str = "(module (func (export \"run\") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))\n";
const WIT: &str = "package local:adder@0.1.0;\n\n/// Adds numbers.\nworld step {\n  /// Adds `a` and `b`.\n  export run: func(a: u32, b: u32) -> u32;\n}\n";
const STEP: &str = "step: 1\nname: adder\nversion: 0.1.0\nlanguage: wat\nlicense: Apache-2.0\n";

fn adder() -> TestEnv {
    let env = project(&[]);
    env.write("step.yaml", STEP)
        .write("wit/step.wit", WIT)
        .write("src/step.wat", WAT)
        .write("cases/small/with.json", "{ \"a\": 1, \"b\": 2 }\n")
        .write("cases/small/expected/result.json", "3\n");
    env
}

/// Runs a command and compares all that it says with the golden text of the case.
#[track_caller]
fn assert_says(case: &str, env: &TestEnv, arguments: &[&str], code: i32) -> Run {
    let run = env.run(arguments).expect(code);
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/end-to-end/golden/steps")
        .join(format!("{case}.txt"));
    assert_golden(&file, &TestEnv::steady(&run.text()));
    run
}

/// What is built says who it is, what it asks for and what its WIT says, and nobody needs another tool for it.
#[test]
fn a_component_carries_what_its_project_says() {
    let env = adder();
    let more = "description: Adds\nsource: https://example.com/adder\nrequests:\n- reason: Looks sums up\n  grants: { http: [ \"https://example.com/v1\" ], \
                clock: real, secrets: { token: { to: [ \"https://example.com\" ], in: [ bearer ] } } }\n";
    env.write("step.yaml", format!("{STEP}{more}"));
    assert_says("build", &env, &["build"], 0);
    assert_says("inspect", &env, &["inspect", "build/adder.wasm"], 0);
    let said = env.run(&["inspect", "--json", "build/adder.wasm"]).expect(0).stdout;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["about"]["name"], "adder");
    assert_eq!(said["functions"][0]["docs"], "Adds `a` and `b`.");
    assert_eq!(said["pure"], true);
    assert_eq!(said["requests"][0]["grants"]["http"][0], "https://example.com/v1");
    // What it asks for stands in the pipeline as a comment, and is not granted.
    env.write(
        "airtight.yaml",
        "airtight: 1\nname: p\nsteps:\n  first:\n    uses: ./build/adder.wasm\n    with: { a: 1, b: 2 }\n",
    );
    let _ = env.run(&["add", "build/adder.wasm", "--step", "second"]).expect(0);
    let text = env.read("airtight.yaml");
    assert!(text.contains("# it asks for this: Looks sums up"), "{text}");
    assert!(
        text.contains("#   grants: { http: [ \"https://example.com/v1\" ] }"),
        "{text}"
    );
}

/// The same sources give the same bytes, in whatever folder.
#[test]
fn two_folders_build_the_same_bytes() {
    let (one, two) = (adder(), adder());
    let _ = one.run(&["build"]).expect(0);
    fs::create_dir_all(two.project().join("deep/down")).unwrap();
    for name in ["step.yaml", "wit", "src", "cases"] {
        fs::rename(two.project().join(name), two.project().join("deep/down").join(name)).unwrap();
    }
    let _ = two.run(&["build", "deep/down", "--output", "other.wasm"]).expect(0);
    let read = |env: &TestEnv, path: &str| fs::read(env.project().join(path)).unwrap();
    assert_eq!(read(&one, "build/adder.wasm"), read(&two, "other.wasm"));
}

/// A case that does what is expected passes, one that does not says where, and blessing writes down what is done.
#[test]
fn cases_pass_fail_and_are_blessed() {
    let env = adder();
    assert_says("case-passes", &env, &["test"], 0);
    env.write("cases/small/expected/result.json", "4\n");
    assert_says("case-fails", &env, &["test"], 1);
    assert_says("case-blessed", &env, &["test", "--bless"], 0);
    assert_eq!(env.read("cases/small/expected/result.json"), "3\n");
    env.write("cases/large/with.json", "{ \"a\": 4294967295, \"b\": 1 }");
    assert_says("case-without-expectation", &env, &["test", "--case", "large"], 1);
    assert_says("case-unknown", &env, &["test", "--case", "lrage"], 3);
    env.write("cases/large/with.json", "{ \"a\": -1, \"b\": \"${1}\" }");
    assert_says("case-arguments", &env, &["test", "--case", "large"], 3);
    env.write("cases/large/with.json", "{ \"a\": 1,\n  b }");
    assert_says("case-not-json", &env, &["test"], 3);
}

/// What a step writes is compared file by file, and a blessed case holds exactly that.
#[test]
fn files_of_a_case_are_compared_and_blessed() {
    let env = project(&[]);
    let module = fs::read(preview1_module("command")).unwrap();
    env.write("step.wasm", module)
        .write("step.yaml", "step: 1\nname: copier\nlanguage: wasm\nkind: command\n")
        .write("cases/one/in/a.txt", "alpha\n")
        .write("cases/one/in/.gitignore", "*\n")
        .write("cases/one/with.json", "{ \"args\": [ \"copy /in/a.txt /out/b.txt\" ] }");
    let _ = env.run(&["test", "--bless"]).expect(0);
    assert_eq!(env.read("cases/one/expected/out/b.txt"), "alpha\n");
    assert_says("files-pass", &env, &["test"], 0);
    env.write("cases/one/expected/out/b.txt", "alpha\nbeta\n")
        .write("cases/one/expected/out/sub/c.txt", "");
    fs::write(env.project().join("cases/one/in/a.txt"), "gamma\n").unwrap();
    assert_says("files-differ", &env, &["test"], 1);
    // A link in the place of an expectation is replaced, and what it leads to is left alone.
    env.write("elsewhere.txt", "mine\n");
    let link = env.project().join("cases/one/expected/stdout");
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(env.project().join("elsewhere.txt"), &link).unwrap();
    let _ = env.run(&["test", "--bless"]).expect(0);
    assert_eq!(env.read("elsewhere.txt"), "mine\n");
    assert!(!link.is_symlink());
    assert_eq!(env.read("cases/one/expected/out/b.txt"), "gamma\n");
    assert!(!env.project().join("cases/one/expected/out/sub").exists());
}

/// A preview-1 module becomes a component that every host can run, and keeps its exit codes here.
#[test]
fn a_core_module_is_adapted() {
    let env = project(&[]);
    let module = fs::read(preview1_module("command")).unwrap();
    env.write("step.wasm", &module)
        .write(
            "step.yaml",
            "step: 1\nname: tool\nlanguage: wasm\nkind: command\nversion: 1.0.0\n",
        )
        .write("cases/fails/with.json", "{ \"args\": [ \"exit 3\" ] }")
        .write("cases/fails/expected/error", "it ended with exit code 3\n");
    let _ = env.run(&["build"]).expect(0);
    let built = fs::read(env.project().join("build/tool.wasm")).unwrap();
    assert!(built.starts_with(b"\0asm\x0d\0\x01\0"), "it is a component");
    let said = env.run(&["inspect", "--json", "build/tool.wasm"]).expect(0).stdout;
    assert!(
        said.contains("\"command\":true") && said.contains("\"version\":\"1.0.0\""),
        "{said}"
    );
    let _ = env.run(&["test"]).expect(0);
}

/// A new project of each kind is whole: it says what comes next, builds, and passes its own cases.
#[test]
fn a_new_project_passes_its_own_cases() {
    for kind in ["function", "command"] {
        let env = project(&[]);
        let _ = env
            .run(&["new", "--lang", "wat", "--kind", kind, "steps/looker"])
            .expect(0);
        let run = env.run(&["test", "steps/looker"]).expect(0);
        assert!(run.stdout.ends_with("2 passed, 0 failed\n"), "{}", run.text());
    }
}

/// Names, folders and languages that cannot be are refused with what can.
#[test]
fn what_cannot_be_a_new_project() {
    let env = project(&[]);
    assert_says("new-name", &env, &["new", "--lang", "wat", "My_Step"], 2);
    assert_says("new-language", &env, &["new", "--lang", "cobol", "looker"], 2);
    env.write("looker/x", "");
    assert_says("new-taken", &env, &["new", "--lang", "wat", "looker"], 2);
    assert_eq!(fs::read_dir(env.project().join("looker")).unwrap().count(), 1);
}

/// Bad projects are refused with the place and the mend, and the component of an earlier build stays as it was.
#[test]
fn what_cannot_be_built() {
    let env = adder();
    let _ = env.run(&["build"]).expect(0);
    let before = fs::read(env.project().join("build/adder.wasm")).unwrap();
    let bad = |case: &str, file: &str, text: &str, code: i32| {
        let path = env.project().join(file);
        let good = fs::read(&path).ok();
        env.write(file, text);
        assert_says(case, &env, &["build"], code);
        assert_eq!(
            fs::read(env.project().join("build/adder.wasm")).unwrap(),
            before,
            "{case}"
        );
        match good {
            Some(good) => fs::write(&path, good).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
    };
    bad("wit-syntax", "wit/step.wit", &WIT.replace("func(", "fun("), 3);
    bad(
        "wit-unknown-type",
        "wit/step.wit",
        &WIT.replace("-> u32", "-> total"),
        3,
    );
    bad(
        "wit-unknown-package",
        "wit/step.wit",
        &WIT.replace("  /// Adds `a`", "  import acme:tools/x@1.0.0;\n  /// Adds `a`"),
        3,
    );
    bad(
        "wit-other-version",
        "wit/step.wit",
        &WIT.replace(
            "  /// Adds `a`",
            "  import wasi:clocks/wall-clock@0.2.0;\n  /// Adds `a`",
        ),
        3,
    );
    bad("wit-two-worlds", "wit/second.wit", "world other { }\n", 3);
    bad("wit-no-world", "step.yaml", &format!("{STEP}world: stp\n"), 3);
    bad("other-world", "wit/step.wit", &WIT.replace("run:", "walk:"), 3);
    bad(
        "other-type",
        "src/step.wat",
        &WAT.replace("(param i32 i32)", "(param i64 i32)")
            .replace("i32.add", "drop"),
        3,
    );
    bad(
        "wat-syntax",
        "src/step.wat",
        "(module\n  (func (export \"run\") (parm i32)))\n",
        3,
    );
    bad("not-semver", "step.yaml", &STEP.replace("0.1.0", "\"1.0\""), 3);
    bad("not-spdx", "step.yaml", &STEP.replace("Apache-2.0", "Apache 2"), 3);
    bad("step-key", "step.yaml", &format!("{STEP}lang: wat\n"), 3);
    bad(
        "not-a-binary",
        "step.yaml",
        "step: 1\nname: adder\nlanguage: wasm\nentry: src/step.wat\n",
        3,
    );
    bad("no-entry", "step.yaml", &format!("{STEP}entry: src/stp.wat\n"), 3);
    bad("no-engine", "step.yaml", &format!("{STEP}engine: quickjs\n"), 3);
    fs::remove_dir_all(env.project().join("wit")).unwrap();
    assert_says("no-wit", &env, &["build"], 3);
    assert_says("no-project", &env, &["build", "src"], 3);
}

/// A component of another world than the project says is refused with both signatures.
#[test]
fn a_component_of_another_world() {
    let env = adder();
    let _ = env.run(&["build", "--output", "finished.wasm"]).expect(0);
    env.write(
        "step.yaml",
        "step: 1\nname: other\nlanguage: wasm\nentry: finished.wasm\n",
    );
    env.write("wit/step.wit", WIT.replace("-> u32", "-> result<string, string>"));
    assert_says("another-signature", &env, &["build"], 3);
    env.write("wit/step.wit", WIT.replace("run:", "walk:"));
    assert_says("another-export", &env, &["build"], 3);
    env.write(
        "step.yaml",
        "step: 1\nname: other\nlanguage: wasm\nkind: command\nentry: finished.wasm\n",
    );
    assert_says("not-a-command", &env, &["build"], 3);
}

/// A compiler that is not there is named with what to install.
#[test]
fn a_missing_toolchain() {
    for language in ["rust", "javascript", "typescript", "python", "c", "cpp", "go", "zig"] {
        let env = project(&[]);
        let _ = env.run(&["new", "--lang", language, "looker"]).expect(0);
        let mut build = env.command(&["build", "looker"]);
        build.env("PATH", env.root().join("nowhere"));
        let run = env.finish(&mut build).expect(3);
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("../../tests/end-to-end/golden/steps/missing-{language}.txt"));
        assert_golden(&file, &TestEnv::steady(&run.text()));
        assert!(
            run.stderr.contains("error[A0003]") && run.stderr.contains("help: "),
            "{}",
            run.text()
        );
    }
}

/// The documentation of Airtight's own components is in them.
#[test]
fn standard_components_are_documented() {
    for name in ["archive", "fetch", "sbom", "secret-scan", "site"] {
        let said = project(&[])
            .run(&["inspect", "--json", &format!("std/{name}")])
            .expect(0)
            .stdout;
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        for function in said["functions"].as_array().unwrap() {
            let docs = function["docs"].as_str().unwrap_or_default();
            assert!(!docs.is_empty(), "std/{name}: {function}");
        }
    }
}
