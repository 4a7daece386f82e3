//! The commands that run nothing: what they print is data on standard output and can be used by a program. Not here: `run`.

use airtight_testkit::TestEnv;

use crate::{pipeline, project};

const TWO: &str = "sources: { tree: { path: tree } }\nsteps:\n  \
    make: { uses: ./script.wasm, with: { ops: [ \"read /src/a.txt\", \"write /out/x text\" ] }, mounts: { /src: tree }, outputs: { x: /out/x } }\n  \
    use: { uses: ./command.wasm, args: [ \"read /x\" ], mounts: { /x: make.x } }\n";

fn two() -> TestEnv {
    let env = pipeline(&["script", "command"], TWO);
    env.write("tree/a.txt", "alpha\n")
        .write("tree/b.log", "left out\n")
        .write("tree/.gitignore", "*.log\n");
    env
}

// What it writes is what a person starts with: it must run as it stands, and never replace a file.
#[test]
fn init_writes_a_pipeline_that_runs_as_it_stands() {
    let env = project(&[]);
    env.write("README.md", "# A project\n");
    env.run(&["init"]).expect(0);
    env.run(&["validate"]).expect(0);
    env.run(&["run"]).expect(0);
    assert!(env.project().join("dist/source.tar.gz").is_file());
    assert!(env.run(&["run"]).expect(0).stderr.contains("nothing ran"));
    let before = env.read("airtight.yaml");
    let refused = env.run(&["init"]).expect(2);
    assert!(refused.stderr.contains("there already"), "{}", refused.text());
    assert_eq!(env.read("airtight.yaml"), before);
}

#[test]
fn plan_shows_each_step_and_runs_nothing() {
    let env = two();
    let plan = env.run(&["plan"]).expect(0);
    for part in ["make", "use", "make.x", "pure", "/src", "2 steps"] {
        assert!(plan.stdout.contains(part), "no {part}\n{}", plan.text());
    }
    let json: serde_json::Value =
        serde_json::from_str(&env.run(&["plan", "--format", "json"]).expect(0).stdout).unwrap();
    assert_eq!(json["v"], 1, "{json:#}");
    assert_eq!(json["steps"].as_array().unwrap().len(), 2);
    let first = env.run(&["run"]).expect(0);
    assert!(
        first.stderr.contains("2 ran"),
        "planning has run something: {}",
        first.text()
    );
}

// The example of the design: the network, but a pinned result, so it is cached.
#[test]
fn plan_says_what_a_step_may_do_and_why_it_is_cached() {
    let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let text = format!(
        "steps:\n  rules:\n    uses: std/fetch\n    with: {{ url: \"https://example.com/rules.tar.gz\" }}\n    \
         grants: {{ http: [ \"https://example.com\" ] }}\n    outputs: {{ file: {{ path: /out/rules.tar.gz, sha256: \"{digest}\" }} }}\n"
    );
    let plan = pipeline(&[], &text).run(&["plan"]).expect(0).stdout;
    for part in [
        "fixed-output: it only reads from the network, and every output is pinned",
        "http: \"https://example.com\"",
        digest,
    ] {
        assert!(plan.contains(part), "no {part}\n{plan}");
    }
}

// What was left out is found where one looks for it, with the reason.
#[test]
fn a_verbose_plan_says_what_sources_leave_out_and_why() {
    let env = two();
    let plan = env.run(&["plan", "-v"]).expect(0).stdout;
    let line = plan
        .lines()
        .find(|line| line.contains("b.log"))
        .unwrap_or_else(|| panic!("{plan}"));
    assert!(line.contains(".gitignore"), "{line}");
    assert!(!plan.contains("without a.txt"), "{plan}");
}

#[test]
fn graph_prints_its_three_forms() {
    let env = two();
    let of = |format: &str| env.run(&["graph", "--format", format]).expect(0).stdout;
    assert!(of("text").contains("make") && of("text").contains("use"));
    let dot = of("dot");
    assert!(
        dot.starts_with("digraph") && dot.contains("->") && dot.trim_end().ends_with('}'),
        "{dot}"
    );
    let mermaid = of("mermaid");
    assert!(
        (mermaid.starts_with("flowchart") || mermaid.starts_with("graph")) && mermaid.contains("-->"),
        "{mermaid}"
    );
}

#[test]
fn inspect_shows_what_a_component_takes_gives_and_asks_for() {
    let env = project(&["script", "network", "command"]);
    let script = env.run(&["inspect", "script.wasm"]).expect(0).stdout;
    for part in ["measure", "path: string", "airtight:step/log@0.1.0"] {
        assert!(script.contains(part), "no {part}\n{script}");
    }
    let network = env.run(&["inspect", "network.wasm"]).expect(0).stdout;
    assert!(network.contains("http") && network.contains("net"), "{network}");
    let command: serde_json::Value = serde_json::from_str(
        &env.run(&["inspect", "--format", "json", "command.wasm"])
            .expect(0)
            .stdout,
    )
    .unwrap();
    assert_eq!(
        (&command["v"], &command["command"], &command["kind"]),
        (&1.into(), &true.into(), &"component".into())
    );
    env.copy(&airtight_testkit::preview1_module("command"), "old.wasm");
    let old = env.run(&["inspect", "--format", "json", "old.wasm"]).expect(0).stdout;
    assert!(old.contains("\"kind\":\"module\""), "{old}");
    let archive = env.run(&["inspect", "std/archive"]).expect(0).stdout;
    assert!(archive.contains("pack") && archive.contains("unpack"), "{archive}");
}

#[test]
fn explain_shows_what_the_key_is_made_of() {
    let env = two();
    let before = env.run(&["explain", "make"]).expect(0).stdout;
    assert!(before.contains("would run"), "{before}");
    env.run(&["run"]).expect(0);
    let after = env.run(&["explain", "make"]).expect(0).stdout;
    for part in ["would hit fully", "key", "component", "/src"] {
        assert!(after.contains(part), "no {part}\n{after}");
    }
    let unknown = env.run(&["explain", "nobody"]).expect(2).stderr;
    assert!(unknown.contains("nobody") && unknown.contains("`make`"), "{unknown}");
}

#[test]
fn schema_is_json_schema_and_is_narrowed_by_the_components_in_use() {
    let env = two();
    let of = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&env.run(arguments).expect(0).stdout).expect("a schema is JSON")
    };
    let (general, narrow) = (of(&["schema", "--general"]), of(&["schema"]));
    assert!(general["$schema"].is_string(), "{general:#}");
    assert_ne!(general, narrow);
    assert!(
        narrow.to_string().contains("\"ops\""),
        "the parameters of the component in use are there"
    );
    assert!(!general.to_string().contains("\"ops\""));
}

#[test]
fn completions_are_printed_for_each_shell() {
    let env = project(&[]);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = env.run(&["completions", shell]).expect(0);
        assert!(
            script.stdout.contains("airtight") && script.stderr.is_empty(),
            "{shell}"
        );
    }
}

// What is data goes to standard output, what is said to a person does not; a reader that goes away is no error of ours.
#[test]
fn help_and_version_are_data_and_a_wrong_command_is_usage() {
    let env = project(&[]);
    assert!(env.run(&["--version"]).expect(0).stdout.starts_with("airtight "));
    assert!(env.run(&["--help"]).expect(0).stdout.contains("Run the pipeline"));
    for arguments in [
        ["frobnicate"].as_slice(),
        &["run", "--jobs", "0"],
        &["run", "--report", "x=y"],
        &[],
    ] {
        let refused = env.run(arguments).expect(2);
        assert!(
            refused.stdout.is_empty() && !refused.stderr.is_empty(),
            "{}",
            refused.text()
        );
    }
}

// The pipeline file is the nearest one above, as for other tools of its kind.
#[test]
fn the_nearest_pipeline_file_above_is_used_and_another_can_be_named() {
    let env = two();
    std::fs::create_dir_all(env.project().join("deep/er")).unwrap();
    let mut command = env.command(&["run"]);
    let run = env.finish(command.current_dir(env.project().join("deep/er"))).expect(0);
    assert!(run.stderr.contains("2 ran"), "{}", run.text());
    env.write(
        "other.yaml",
        "airtight: 1\nname: other\nsteps:\n  s: { uses: ./script.wasm, function: nothing }\n",
    );
    let other = env.run(&["run", "--file", "other.yaml"]).expect(0);
    assert!(other.stderr.contains("1 ran"), "{}", other.text());
}

// `--store`, else the variable, else the user's cache folder; and nothing anywhere else.
#[test]
fn the_store_is_where_it_is_said_to_be() {
    let env = two();
    env.run(&["run"]).expect(0);
    let home = env.root().join("home");
    assert!(home.join(".cache/airtight").is_dir());
    let (by_variable, by_argument) = (env.root().join("by variable"), env.root().join("by argument"));
    let mut command = env.command(&["run"]);
    env.finish(command.env("AIRTIGHT_STORE", &by_variable)).expect(0);
    assert!(by_variable.is_dir());
    let mut command = env.command(&["run", "--store", by_argument.to_str().unwrap()]);
    env.finish(command.env("AIRTIGHT_STORE", env.root().join("unused")))
        .expect(0);
    assert!(by_argument.is_dir() && !env.root().join("unused").exists());
    let mut command = env.command(&["run"]);
    let nowhere = env.finish(command.env_remove("HOME").env_remove("XDG_STATE_HOME"));
    assert_ne!(nowhere.code, Some(0), "{}", nowhere.text());
    assert!(nowhere.stderr.contains("--store"), "{}", nowhere.text());
}
