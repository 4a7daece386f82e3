//! The contract of the templates: in every language, a new project builds, passes its own cases, and does the same job with the same
//! answer as the reference here, as a function and as a command. Not here: what does not depend on a language (`steps`).

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use airtight_testkit::TestEnv;
use serde_json::{Value as Json, json};
use xtask::guest::{Toolchain, repository, target_folder};

use crate::project;

/// Says that compilers have to be there, and where they are beside the path.
const TOOLCHAINS: &str = "AIRTIGHT_TEST_TOOLCHAINS";

/// Where compilers are looked for; none where this machine was not set up for them.
pub(crate) fn path(language: &str) -> Option<OsString> {
    let Some(toolchains) = std::env::var_os(TOOLCHAINS) else {
        eprintln!(
            "left out: {TOOLCHAINS} is not set (`cargo xtask toolchains` prints what it can be), so no step in {language} is built"
        );
        return None;
    };
    let own = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&toolchains).chain(std::env::split_paths(&own));
    Some(std::env::join_paths(folders).unwrap())
}

/// A project's surrounding in which compilers are found.
pub(crate) struct Bench {
    pub(crate) env: TestEnv,
    path: OsString,
}

impl Bench {
    pub(crate) fn new(path: &OsString) -> Self {
        Self {
            env: project(&[]),
            path: path.clone(),
        }
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str], code: i32) -> airtight_testkit::Run {
        let mut command = self.env.command(arguments);
        command
            .env("PATH", &self.path)
            .env("AIRTIGHT_SDK_RUST", repository().join("sdk/rust"));
        for name in ["CARGO_HOME", "RUSTUP_HOME"] {
            let folder = if name == "CARGO_HOME" { ".cargo" } else { ".rustup" };
            let home = || std::env::home_dir().unwrap_or_default().join(folder).into();
            command.env(name, std::env::var_os(name).unwrap_or_else(home));
        }
        let target = target_folder(&std::env::current_exe().unwrap());
        // Crates that steps share are compiled once for all of them.
        command.env("CARGO_TARGET_DIR", target.join("contract"));
        if let Ok(toolchain) = Toolchain::ensure(&target) {
            command
                .env("AIRTIGHT_GUEST_RUSTC", toolchain.rustc)
                .env("CARGO", toolchain.cargo);
        }
        self.env.finish(&mut command).expect(code)
    }
}

/// The tree that every step is given: order, depth, ends of lines, bytes that are no text, and a link.
fn write_tree(env: &TestEnv) {
    let mut long = "x".repeat(100_000);
    long.push_str("TODO in a long line\n");
    for (path, content) in [
        (
            "tree/a.txt",
            b"TODO first\nnothing\n  TODO again\r\nlast TODO".as_slice(),
        ),
        ("tree/a/deep/er/x.md", b"\n\nTODO\n"),
        ("tree/a.b", b"no marker here\n"),
        ("tree/binary", b"\x00\xff\xfeTODO\n\x00\n\nTOD\xff"),
        ("tree/empty", b""),
        ("tree/newlines", b"\n\n\n"),
        ("tree/\u{e9}t\u{e9}.txt", "TODO \u{fc}ber\n".as_bytes()),
        ("tree/z/TODO", b"the name does not count\n"),
        ("tree/long", long.as_bytes()),
    ] {
        env.write(path, content);
    }
    std::os::unix::fs::symlink("a.txt", env.project().join("tree/link")).unwrap();
    std::os::unix::fs::symlink(".", env.project().join("tree/loop")).unwrap();
    fs::create_dir(env.project().join("tree/nothing")).unwrap();
}

/// What the job comes to.
#[derive(Debug, Default)]
struct Answer {
    files: u32,
    bytes: u64,
    findings: Vec<(String, u32)>,
}

/// The job itself, done by the test.
fn reference(folder: &Path, shown: &str, marker: &str, answer: &mut Answer) {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in names {
        let (path, shown) = (folder.join(&name), format!("{shown}/{name}"));
        let kind = path.symlink_metadata().unwrap();
        if kind.is_dir() {
            reference(&path, &shown, marker, answer);
        } else if kind.is_file() {
            let content = fs::read(&path).unwrap();
            answer.files += 1;
            answer.bytes += content.len() as u64;
            for (i, line) in content.split(|byte| *byte == b'\n').enumerate() {
                if line.windows(marker.len()).any(|window| window == marker.as_bytes()) {
                    answer.findings.push((shown.clone(), u32::try_from(i).unwrap() + 1));
                }
            }
        }
    }
}

impl Answer {
    fn file(&self) -> String {
        let mut text = String::new();
        for (path, line) in &self.findings {
            writeln!(text, "{path}:{line}").unwrap();
        }
        text
    }

    fn record(&self) -> Json {
        json!({ "files": self.files, "bytes": self.bytes, "findings": self.findings.len() })
    }
}

/// Everything, for one language. `reproducible`: whether two builds give the same bytes.
fn contract(language: &str, reproducible: bool) {
    let Some(path) = path(language) else { return };
    for kind in ["function", "command"] {
        let bench = Bench::new(&path);
        let env = &bench.env;
        bench.run(&["new", "--lang", language, "--kind", kind, "looker"], 0);
        let run = bench.run(&["test", "looker"], 0);
        assert!(
            run.stdout.ends_with("2 passed, 0 failed\n"),
            "{language} {kind}: {}",
            run.text()
        );
        let said: Json =
            serde_json::from_str(&bench.run(&["inspect", "--json", "looker/build/looker.wasm"], 0).stdout).unwrap();
        assert_eq!(said["about"]["name"], "looker", "{language} {kind}");
        assert_eq!(said["unknown_imports"], json!([]), "{language} {kind}");
        let producers = said["producers"].to_string();
        assert!(producers.contains("language: "), "{language} {kind}: {producers}");
        write_tree(env);
        let marker = "TODO";
        let mut answer = Answer::default();
        reference(&env.project().join("tree"), "/src", marker, &mut answer);
        assert_eq!(
            (answer.files, answer.findings.len()),
            (9, 7),
            "the tree has something of everything"
        );
        match kind {
            "function" => function(&bench, language, &answer, &said),
            _ => command(&bench, language, &answer),
        }
        if reproducible {
            same_bytes(&bench, &path, (language, kind));
        }
    }
}

fn function(bench: &Bench, language: &str, answer: &Answer, said: &Json) {
    // Some toolchains export more than they were asked for.
    let functions = said["functions"].as_array().unwrap();
    let run = functions.iter().find(|function| function["name"] == "run").unwrap();
    assert!(
        run["docs"].as_str().is_some_and(|docs| docs.starts_with("Looks for")),
        "{language}: {run}"
    );
    assert_eq!(
        run["result"], "result<record { files: u32, bytes: u64, findings: u32 }, string>",
        "{language}"
    );
    let step = |with: &str| {
        format!(
            "airtight: 1\nname: t\nsources: {{ tree: {{ path: tree, gitignore: false }} }}\nsteps:\n  look:\n    uses: ./looker/build/looker.wasm\n    \
             mounts: {{ /src: tree }}\n    with: {with}\n    outputs: {{ list: /out/findings.txt }}\nexport: {{ list.txt: look.list }}\n"
        )
    };
    bench.env.write("airtight.yaml", step("{ path: /src }"));
    let run = bench.run(&["run", "--format", "json"], 0);
    assert_eq!(run.step("look")["result"], answer.record(), "{language}");
    assert_eq!(bench.env.read("list.txt"), answer.file(), "{language}");
    let events = run.events();
    let findings: Vec<&Json> = events
        .iter()
        .filter(|event| event["event"] == "step-report")
        .map(|event| &event["report"])
        .collect();
    let expected: Vec<Json> = answer
        .findings
        .iter()
        .map(|(path, line)| {
            json!({
                "kind": "finding", "rule": "marker", "severity": "warning", "message": "found TODO",
                "location": { "path": path, "line": line, "column": null }, "fingerprint": null
            })
        })
        .collect();
    assert_eq!(findings, expected.iter().collect::<Vec<_>>(), "{language}");
    let logs: Vec<&Json> = events
        .iter()
        .filter(|event| event["event"] == "step-log")
        .map(|event| &event["message"])
        .collect();
    assert_eq!(
        logs,
        [&json!(format!(
            "{} findings in {} files",
            answer.findings.len(),
            answer.files
        ))],
        "{language}"
    );
    for (with, error) in [
        ("{ path: /nowhere }", "cannot read /nowhere"),
        ("{ path: /src, marker: \"\" }", "the marker is empty"),
    ] {
        bench.env.write("airtight.yaml", step(with));
        let run = bench.run(&["run", "--format", "json"], 1);
        assert_eq!(run.step("look")["cause"], error, "{language}");
    }
    // A marker that is not there: nothing found, and the file is there all the same.
    bench
        .env
        .write("airtight.yaml", step("{ path: /src, marker: \"T\u{d6}D\u{d6}\" }"));
    let run = bench.run(&["run", "--format", "json"], 0);
    assert_eq!(run.step("look")["result"]["findings"], 0, "{language}");
    assert_eq!(bench.env.read("list.txt"), "", "{language}");
}

fn command(bench: &Bench, language: &str, answer: &Answer) {
    let step = |args: &str| {
        format!(
            "airtight: 1\nname: t\nsources: {{ tree: {{ path: tree, gitignore: false }} }}\nsteps:\n  look:\n    uses: ./looker/build/looker.wasm\n    \
             mounts: {{ /src: tree }}\n    args: {args}\n    outputs: {{ list: /out/findings.txt }}\nexport: {{ list.txt: look.list }}\n"
        )
    };
    bench.env.write("airtight.yaml", step("[ /src ]"));
    let run = bench.run(&["run", "--format", "json"], 0);
    assert_eq!(bench.env.read("list.txt"), answer.file(), "{language}");
    let stdout: Vec<String> = run
        .events()
        .iter()
        .filter(|event| event["event"] == "step-output" && event["stream"] == "stdout")
        .map(|event| event["text"].as_str().unwrap().to_owned())
        .collect();
    let mut expected: Vec<String> = answer
        .findings
        .iter()
        .map(|(path, line)| format!("{path}:{line}: found TODO"))
        .collect();
    expected.push(format!(
        "{{\"files\":{},\"bytes\":{},\"findings\":{}}}",
        answer.files,
        answer.bytes,
        answer.findings.len()
    ));
    assert_eq!(stdout, expected, "{language}");
    for (args, error) in [
        ("[ /nowhere ]", "error: cannot read /nowhere"),
        ("[ /src, \"\" ]", "error: the marker is empty"),
        ("[ ]", "usage: looker PATH [MARKER]"),
    ] {
        bench.env.write("airtight.yaml", step(args));
        let run = bench.run(&["run", "--format", "json"], 1);
        let said = run
            .events()
            .iter()
            .any(|event| event["stream"] == "stderr" && event["text"] == error);
        assert!(said, "{language} {args}: {}", run.text());
    }
}

/// Builds the same project in another folder, as if on another day, and compares the bytes.
fn same_bytes(first: &Bench, path: &OsString, (language, kind): (&str, &str)) {
    let second = Bench::new(path);
    second.run(
        &["new", "--lang", language, "--kind", kind, "some/where/else/looker"],
        0,
    );
    second.run(&["build", "some/where/else/looker", "--output", "second.wasm"], 0);
    let read = |path: PathBuf| fs::read(path).unwrap();
    let (one, two) = (
        read(first.env.project().join("looker/build/looker.wasm")),
        read(second.env.project().join("second.wasm")),
    );
    assert!(
        one == two,
        "{language} {kind}: {} bytes and {} bytes differ",
        one.len(),
        two.len()
    );
}

macro_rules! languages {
    ($($name:ident: $language:literal, $reproducible:literal;)*) => {
        $(
            /// The language's templates do the job.
            #[test]
            fn $name() {
                contract($language, $reproducible);
            }
        )*

        /// No language has a template and no contract.
        #[test]
        fn every_template_is_held_to_the_contract() {
            let held = [$($language),*];
            for folder in fs::read_dir(repository().join("sdk")).unwrap() {
                let folder = folder.unwrap();
                let name = folder.file_name().into_string().unwrap();
                if folder.path().join("function").is_dir() || folder.path().join("command").is_dir() {
                    assert!(held.contains(&name.as_str()), "{name}");
                }
            }
        }
    };
}

languages! {
    rust: "rust", true;
    javascript: "javascript", true;
    typescript: "typescript", true;
    python: "python", false;
    c: "c", true;
    cpp: "cpp", true;
    go: "go", true;
    zig: "zig", true;
    wat: "wat", true;
}
