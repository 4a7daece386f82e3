//! A run that changes nothing is recognised as a whole, and is never taken for one that would have come out otherwise: each thing
//! that a run depends on is changed here, one at a time. Not here: what a single step depends on (`caching`, `read_sets`).

use airtight_testkit::{Run, TestEnv};
use serde_json::Value as Json;

use crate::pipeline;

const TWO: &str = r#"
inputs: { word: { type: string, default: one } }
include: [ more.yaml ]
sources: { tree: { path: tree } }
steps:
  read:
    uses: ./script.wasm
    with: { ops: [ "read /src/read.txt", "print ${inputs.word}", "copy /src/read.txt /out/copy" ] }
    mounts: { /src: tree }
    outputs: { file: /out/copy }
  never:
    uses: ./script.wasm
    with: { ops: [ "print never" ] }
    if: "inputs.word == 'never'"
export: { dist/copy: read.file }
"#;
const MORE: &str = "steps:\n  more:\n    uses: ./command.wasm\n    args: [ \"print more\" ]\n";

/// A project whose last two runs ran nothing, so that the next can be recognised.
fn settled() -> TestEnv {
    let env = pipeline(&["script", "command"], TWO);
    env.write("tree/read.txt", "text\n").write("more.yaml", MORE);
    let _ = env.run(&["run"]).expect(0);
    assert!(!is_recognised(&env.run(&["run"]).expect(0)));
    env
}

/// Whether a run was told again: then its hits were not looked up, and have no time.
fn is_recognised(run: &Run) -> bool {
    crate::is_recognised_by(run, "read")
}

/// The events, without what is of one run alone.
fn events(run: &Run) -> Vec<Json> {
    let mut events = run.events();
    for event in &mut events {
        let fields = event.as_object_mut().unwrap();
        fields.retain(|name, _| !matches!(name.as_str(), "run" | "duration_us"));
    }
    events
}

/// A report in JUnit, without how long things took.
fn without_times(report: &str) -> String {
    let mut parts = report.split(" time=\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| {
        kept + part.split_once('"').map_or(part, |(_, rest)| rest)
    })
}

#[test]
fn the_third_run_is_recognised_and_says_what_the_second_said() {
    let env = settled();
    let third = env.run(&["run"]).expect(0);
    assert!(is_recognised(&third), "{}", third.text());
    assert!(
        third
            .stderr
            .contains("nothing ran, 2 hit fully, 0 hit narrowly, 1 skipped"),
        "{}",
        third.text()
    );
    // In full, with what the guests wrote; a report in JUnit is the same too.
    let junit = ["run", "--format", "json", "--report", "junit=report.xml"];
    let looked_up = env.run(&junit).expect(0);
    let report = without_times(&env.read("report.xml"));
    let told = env.run(&junit).expect(0);
    assert_eq!(events(&told), events(&looked_up));
    assert_eq!(told.step("read")["duration_us"], 0);
    assert_eq!(without_times(&env.read("report.xml")), report);
}

// Each of these is one of the things that the recognition lists. None may be told as what was.
#[test]
fn whatever_a_run_depends_on_makes_it_one_that_is_looked_up() {
    type Change = (&'static str, fn(&TestEnv), &'static [&'static str]);
    let changes: &[Change] = &[
        (
            "a file of a source",
            |env| {
                let _ = env.write("tree/read.txt", "other\n");
            },
            &[],
        ),
        (
            "a new file of a source",
            |env| {
                let _ = env.write("tree/new.txt", "");
            },
            &[],
        ),
        (
            "a file of a source that is gone",
            |env| {
                let _ = env.write("tree/.gitignore", "read.txt\n");
            },
            &[],
        ),
        (
            "the pipeline",
            |env| {
                let _ = env.write("airtight.yaml", env.read("airtight.yaml") + "# more\n");
            },
            &[],
        ),
        (
            "what it includes",
            |env| {
                let _ = env.write("more.yaml", MORE.replace("print more", "print less"));
            },
            &[],
        ),
        (
            "a component",
            |env| {
                let _ = env.write(
                    "command.wasm",
                    std::fs::read(env.project().join("script.wasm")).unwrap(),
                );
            },
            &[],
        ),
        (
            "a lock",
            |env| {
                let _ = env.run(&["lock"]).expect(0);
            },
            &[],
        ),
        ("an input", |_| {}, &["--input", "word=two"]),
        ("an input that brings a step back", |_| {}, &["--input", "word=never"]),
        ("a selection", |_| {}, &["--only", "read"]),
        ("no cache", |_| {}, &["--no-cache"]),
        ("no stat cache", |_| {}, &["--no-stat-cache"]),
        ("verbose", |_| {}, &["--verbose"]),
        (
            "a sweep",
            |env| {
                let _ = env.run(&["cache", "sweep", "--keep", "0"]).expect(0);
            },
            &[],
        ),
    ];
    for (what, change, arguments) in changes {
        let env = settled();
        assert!(is_recognised(&env.run(&["run"]).expect(0)), "{what}");
        change(&env);
        let run = env.run(&[&["run"], *arguments].concat());
        assert!(!is_recognised(&run), "{what}: {}", run.text());
    }
}

// What is listed is read as it is now, and refused as it would be: a lock that wants less, an include that leads out.
#[test]
fn what_would_be_refused_is_refused() {
    let env = settled();
    let _ = env.run(&["run"]).expect(0);
    env.write("airtight.lock", "no lock at all");
    let refused = env.run(&["run"]).expect(3);
    assert!(refused.stderr.contains("airtight.lock"), "{}", refused.text());
    std::fs::remove_file(env.project().join("airtight.lock")).unwrap();
    assert!(is_recognised(&env.run(&["run"]).expect(0)));
    // The same text, but from outside of the project.
    let (inside, outside) = (env.project().join("more.yaml"), env.root().join("more.yaml"));
    std::fs::rename(&inside, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &inside).unwrap();
    let refused = env.run(&["run"]).expect(3);
    assert!(refused.stderr.contains("leads it out"), "{}", refused.text());
}

// Inputs and events from files count by what is in them.
#[test]
fn files_of_arguments_are_compared() {
    let env = settled();
    env.write("inputs.yaml", "word: two\n");
    let run = || env.run(&["run", "--inputs", "inputs.yaml"]).expect(0);
    let _ = (run(), run());
    assert!(is_recognised(&run()));
    env.write("inputs.yaml", "word: three\n");
    let other = run();
    assert!(
        !is_recognised(&other) && other.stderr.contains("1 ran"),
        "{}",
        other.text()
    );
}

// An export is the only thing that a run leaves in the user's tree: it is there after every run.
#[test]
fn exports_are_written_again() {
    let env = settled();
    std::fs::remove_file(env.project().join("dist/copy")).unwrap();
    let again = env.run(&["run"]).expect(0);
    assert!(
        is_recognised(&again) && again.stderr.contains("wrote     dist/copy"),
        "{}",
        again.text()
    );
    assert_eq!(env.read("dist/copy"), "text\n");
    env.write("dist/copy", "altered\n");
    assert!(is_recognised(&env.run(&["run"]).expect(0)));
    assert_eq!(env.read("dist/copy"), "text\n");
}

// The outputs of a recognised run are those of the last run: they can be had, and a sweep spares them.
#[test]
fn a_recognised_run_is_the_last_run() {
    let env = settled();
    assert!(is_recognised(&env.run(&["run"]).expect(0)));
    let _ = env.run(&["cache", "sweep", "--keep", "0"]).expect(0);
    assert_eq!(env.run(&["artifact", "cat", "read.file"]).expect(0).stdout, "text\n");
}

// What was refused to a step is told with its place in the file each time.
#[test]
fn a_step_that_lives_with_a_denial_is_looked_up_each_time() {
    let steps =
        "steps:\n  read:\n    uses: ./network.wasm\n    function: tolerant\n    with: { address: \"192.0.2.1:443\" }\n";
    let env = pipeline(&["network"], steps);
    for _ in 0..4 {
        let run = env.run(&["run"]).expect(0);
        assert!(run.stderr.contains("(airtight.yaml:4)"), "{}", run.text());
        assert!(!is_recognised(&run), "{}", run.text());
    }
}

// A warning about the pipeline file is given by every run, as long as it is not heeded.
#[test]
fn a_pipeline_with_a_warning_warns_each_time() {
    let env = pipeline(
        &["command"],
        "secrets: { token: { env: TOKEN } }\nsteps:\n  read: { uses: ./command.wasm, args: [ \"print x\" ] }\n",
    );
    for _ in 0..4 {
        let run = env.run(&["run"]).expect(0);
        assert!(
            run.stderr.contains("warning[") && !is_recognised(&run),
            "{}",
            run.text()
        );
    }
}
