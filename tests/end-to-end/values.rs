//! Arguments and results: values of every WIT type go in from the file and come out in the events. Not here: the mapping's rules
//! (`docs/formats`), and values that do not fit (`bad_input`).

use serde_json::json;

use crate::{cache, pipeline, run};

const EVERYTHING: &str = r#"
steps:
  s:
    uses: ./script.wasm
    function: echo
    with:
      value:
        truth: true
        small: 255
        large: -9007199254740993
        ratio: 0.1
        letter: é
        text: "line\nbreak"
        maybe: null
        colour: green
        rights: [ share, read ]
        shape: { polygon: [ [ 1, -2 ], [ 3, 4 ] ] }
        pair: [ 7, seven ]
        outcome: { err: broken }
        many: [ 0, 65535 ]
"#;

#[test]
fn a_value_of_every_type_goes_in_and_comes_out_as_it_was() {
    let env = pipeline(&["script"], EVERYTHING);
    let result = run(&env, 0).step("s")["result"].clone();
    let expected = json!({
        "truth": true,
        "small": 255,
        "large": -9_007_199_254_740_993_i64,
        "ratio": 0.1,
        "letter": "é",
        "text": "line\nbreak",
        "maybe": null,
        "colour": "green",
        "rights": ["read", "share"],
        "shape": { "polygon": [[1, -2], [3, 4]] },
        "pair": [7, "seven"],
        "outcome": { "err": "broken" },
        "many": [0, 65535],
    });
    assert_eq!(result[1], expected);
    let seen = result[0].as_str().unwrap();
    for part in [
        "truth: true",
        "large: -9007199254740993",
        "Colour::Green",
        "READ | ",
        "Polygon",
        "Err(\"broken\")",
    ] {
        assert!(seen.contains(part), "the guest did not see {part}: {seen}");
    }
    // From the cache it is the same value.
    let again = run(&env, 0);
    assert_eq!(
        (cache(&again, "s").as_str(), &again.step("s")["result"]),
        ("full", &result)
    );
}

#[test]
fn a_function_without_a_result_succeeds_with_nothing() {
    let env = pipeline(&["script"], "steps:\n  s: { uses: ./script.wasm, function: nothing }\n");
    assert_eq!(run(&env, 0).step("s")["result"], serde_json::Value::Null);
}

// Texts are values, never pieces of a program: what looks like syntax stays text.
#[test]
fn values_are_never_evaluated_again() {
    let text = "inputs: { word: {} }\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [ \"print ${inputs.word}\", \"print $${inputs.word}\" ] } }\n";
    let env = pipeline(&["script"], text);
    let input = "word=${inputs.word} $(reboot) '; \"`";
    let run = env.run(&["run", "--format", "json", "--input", input]).expect(0);
    let expected = "print ${inputs.word} $(reboot) '; \"`: done\nprint ${inputs.word}: done\n";
    assert_eq!(crate::transcript(&run, "s"), expected);
}

// A command sees its arguments, environment, input and folder, and nothing of the host's.
#[test]
fn a_command_sees_what_the_file_says_and_nothing_of_the_host() {
    let text = "sources: { tree: { path: tree } }\nsteps:\n  \
        s: { uses: ./command.wasm, args: [ \"env NAME\", \"env HOME\", \"env PATH\", stdin, \"list /\", \"read /src/a.txt\" ], env: { NAME: value }, stdin: \"some input\", mounts: { /src: tree } }\n";
    let env = pipeline(&["command"], text);
    env.write("tree/a.txt", "alpha\n");
    let run = run(&env, 0);
    let lines: Vec<String> = run
        .events()
        .iter()
        .filter(|event| event["event"] == "step-output")
        .map(|event| event["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(lines[0], "env NAME: value");
    assert!(
        lines[1].starts_with("env HOME: error") && lines[2].starts_with("env PATH: error"),
        "{lines:#?}"
    );
    assert_eq!(
        lines[3..],
        [
            "stdin: \"some input\"",
            "list /: out src tmp",
            "read /src/a.txt: \"alpha\\n\""
        ]
    );
}

// What WASI says of a program's surroundings is what the file says; C libraries make of the folder what they like.
#[test]
fn a_function_sees_the_surroundings_that_the_file_gives_it() {
    let text = "steps:\n  s: { uses: ./script.wasm, function: surroundings, env: { B: \"2\", A: \"1\" }, cwd: /tmp }\n  \
        bare: { uses: ./script.wasm, function: surroundings }\n";
    let env = pipeline(&["script"], text);
    let run = run(&env, 0);
    let folder = |step: &str| run.step(step)["result"]["folder"].clone();
    assert_eq!((folder("s"), folder("bare")), (json!("/tmp"), json!("/")));
    assert_eq!(run.step("s")["result"]["environment"], json!([["B", "2"], ["A", "1"]]));
    assert_eq!(run.step("bare")["result"]["environment"], json!([]));
}

// A preview-1 module and a component of the same program do the same.
#[test]
fn a_preview_1_module_does_what_the_component_does() {
    let step = |name: &str| {
        format!(
            "  {name}: {{ uses: ./{name}.wasm, args: [ \"walk /src\", \"read /src/a.txt\", \"write /out/x text\", \"rename /out/x /out/y\", \"stat /out/y\", \"read /none\", time, \"sleep 5\", stdin, \"env A\", cwd ], env: {{ A: b }}, stdin: in, cwd: /src, mounts: {{ /src: tree }}, outputs: {{ y: /out/y }} }}\n"
        )
    };
    let env = pipeline(
        &[],
        &format!(
            "sources: {{ tree: {{ path: tree }} }}\nsteps:\n{}{}",
            step("new"),
            step("old")
        ),
    );
    env.write("tree/a.txt", "alpha\n").write("tree/folder/b.txt", "beta\n");
    env.copy(&airtight_testkit::component("command"), "new.wasm");
    env.copy(&airtight_testkit::preview1_module("command"), "old.wasm");
    let run = run(&env, 0);
    let said = |step: &str| -> Vec<serde_json::Value> {
        let events = run.events();
        events
            .iter()
            .filter(|event| event["event"] == "step-output" && event["step"] == step)
            .map(|event| event["text"].clone())
            .collect()
    };
    assert_eq!(said("new"), said("old"));
    assert!(said("new").len() >= 11, "{:#?}", said("new"));
    assert_eq!(run.step("new")["outputs"], run.step("old")["outputs"]);
}
