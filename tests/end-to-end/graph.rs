//! The graph of steps at work: order, conditions, retries, matrices, what is selected, what goes on after a failure, components that
//! are made on the way. Not here: the rules themselves, which the scheduler's own tests try by the thousand.

use airtight_testkit::Run;

use crate::{cache, outcome, pipeline, run};

/// A step that does operations.
fn step(name: &str, operations: &str, more: &str) -> String {
    format!("  {name}: {{ uses: ./script.wasm, with: {{ ops: [ {operations} ] }}{more} }}\n")
}

#[track_caller]
fn outcomes(run: &Run, steps: &[(&str, &str)]) {
    for (step, expected) in steps {
        assert_eq!(outcome(run, step), *expected, "{step}\n{}", run.text());
    }
}

fn position(run: &Run, event: &str, step: &str) -> usize {
    let fits = |one: &serde_json::Value| one["event"] == event && one["step"] == step;
    run.events()
        .iter()
        .position(fits)
        .unwrap_or_else(|| panic!("no {event} of {step}\n{}", run.text()))
}

#[test]
fn typed_results_flow_to_later_steps() {
    let text = "sources: { tree: { path: tree } }\nsteps:\n  \
        measure: { uses: ./script.wasm, function: measure, with: { path: /src/a.txt }, mounts: { /src: tree } }\n  \
        sum: { uses: ./script.wasm, function: add, with: { left: \"${steps.measure.result.lines}\", right: 40 } }\n  \
        tell: { uses: ./command.wasm, args: [ \"print ${steps.measure.result.path} has ${steps.measure.result.bytes} bytes, ${steps.sum.result}\" ] }\n";
    let env = pipeline(&["script", "command"], text);
    env.write("tree/a.txt", "one\ntwo\n");
    let first = run(&env, 0);
    assert_eq!(
        first.step("measure")["result"],
        serde_json::json!({ "path": "/src/a.txt", "bytes": 8, "lines": 2 })
    );
    assert_eq!(first.step("sum")["result"], 42);
    assert!(first.stdout.contains("/src/a.txt has 8 bytes, 42"), "{}", first.text());
    // A result that comes out the same keeps later steps from running.
    env.write("tree/a.txt", "ONE\nTWO\n");
    let second = run(&env, 0);
    assert_eq!(
        ["measure", "sum", "tell"].map(|step| cache(&second, step)),
        ["miss", "full", "full"]
    );
}

#[test]
fn a_result_of_another_shape_than_the_expression_needs_is_found_when_the_step_is_ready() {
    let text = format!(
        "steps:\n{}{}",
        step("one", "\"print x\"", ""),
        "  two: { uses: ./script.wasm, function: add, with: { left: \"${steps.one.result[5]}\", right: 1 } }\n"
    );
    let env = pipeline(&["script"], &text);
    let run = env.run(&["run", "--format", "json"]);
    assert!(matches!(run.code, Some(1 | 3)), "{}", run.text());
    assert!(!run.text().contains("panicked"), "{}", run.text());
}

#[test]
fn after_orders_steps_and_is_no_part_of_the_key() {
    let text = format!(
        "steps:\n{}{}",
        step("second", "\"time\"", ", after: [ first ]"),
        step("first", "\"cwd\"", "")
    );
    let env = pipeline(&["script"], &text);
    let first = run(&env, 0);
    assert!(position(&first, "step-finished", "first") < position(&first, "step-started", "second"));
    env.write(
        "airtight.yaml",
        env.read("airtight.yaml").replace(", after: [ first ]", ""),
    );
    assert_eq!(cache(&run(&env, 0), "second"), "full");
}

#[test]
fn a_failure_skips_what_needs_it_and_when_says_what_runs_nonetheless() {
    let text = format!(
        "steps:\n{}{}{}{}{}{}",
        step("bad", "\"fail no\"", ", outputs: { x: /out/x }"),
        step("needs", "\"cwd\"", ", mounts: { /x: bad.x }"),
        step("follows", "\"cwd\"", ", after: [ bad ]"),
        step("mourns", "\"cwd\"", ", after: [ bad ], when: on-failure"),
        step("anyway", "\"cwd\"", ", after: [ bad ], when: always"),
        step("apart", "\"cwd\"", ""),
    );
    let env = pipeline(&["script"], &text);
    let run = env.run(&["run", "--format", "json", "--keep-going"]).expect(1);
    let expected = [
        ("bad", "failed"),
        ("needs", "skipped"),
        ("follows", "skipped"),
        ("mourns", "succeeded"),
        ("anyway", "succeeded"),
        ("apart", "succeeded"),
    ];
    outcomes(&run, &expected);
}

#[test]
fn without_keep_going_nothing_new_starts_after_a_failure() {
    let text = format!(
        "steps:\n{}{}{}",
        step("bad", "\"fail no\"", ""),
        step("other", "\"cwd\"", ", after: [ long ]"),
        step("long", "\"sleep 1\"", "")
    );
    let env = pipeline(&["script"], &text);
    let run = env.run(&["run", "--format", "json", "--jobs", "1"]).expect(1);
    let ended = ["other", "long"].map(|step| outcome(&run, step));
    assert!(
        ended
            .iter()
            .any(|outcome| matches!(outcome.as_str(), "skipped" | "cancelled")),
        "{}",
        run.text()
    );
}

#[test]
fn a_failure_that_is_allowed_fails_nothing() {
    let text = format!(
        "steps:\n{}{}",
        step("bad", "\"fail no\"", ", allow-failure: true"),
        step("next", "\"cwd\"", ", after: [ bad ], when: always")
    );
    let env = pipeline(&["script"], &text);
    outcomes(&run(&env, 0), &[("bad", "failed"), ("next", "succeeded")]);
}

#[test]
fn a_false_condition_skips_a_step_and_what_needs_its_output() {
    let text = format!(
        "inputs: {{ go: {{ type: boolean, default: false }} }}\nsteps:\n{}{}{}{}",
        step(
            "maybe",
            "\"write /out/x made\"",
            ", if: \"inputs.go\", outputs: { x: /out/x }"
        ),
        step("needs", "\"read /x\"", ", mounts: { /x: maybe.x }"),
        step("follows", "\"cwd\"", ", after: [ maybe ]"),
        "export: { made: maybe.x }\n"
    );
    let env = pipeline(&["script"], &text);
    env.write("made", "from before");
    let skipped = run(&env, 0);
    outcomes(
        &skipped,
        &[("maybe", "skipped"), ("needs", "skipped"), ("follows", "succeeded")],
    );
    assert_eq!(env.read("made"), "from before", "a skipped output leaves the old one");
    assert!(
        skipped.events().iter().any(|event| event["event"] == "warning"),
        "{}",
        skipped.text()
    );
    let done = env.run(&["run", "--format", "json", "--input", "go=true"]).expect(0);
    outcomes(&done, &[("maybe", "succeeded"), ("needs", "succeeded")]);
    assert_eq!(env.read("made"), "made");
}

#[test]
fn a_condition_may_ask_how_another_step_ended() {
    let text = format!(
        "steps:\n{}{}{}",
        step("bad", "\"fail no\"", ", allow-failure: true"),
        step(
            "clean",
            "\"cwd\"",
            ", after: [ bad ], when: always, if: \"steps.bad.outcome == 'failed'\""
        ),
        step(
            "cheer",
            "\"cwd\"",
            ", after: [ bad ], when: always, if: \"steps.bad.outcome == 'succeeded'\""
        ),
    );
    let env = pipeline(&["script"], &text);
    outcomes(&run(&env, 0), &[("clean", "succeeded"), ("cheer", "skipped")]);
}

#[test]
fn an_attempt_that_timed_out_is_made_again_as_often_as_it_says() {
    let more = ", limits: { time: 100ms }, retry: { times: 2, on: [ timed-out ] }";
    let env = pipeline(&["script"], &format!("steps:\n{}", step("s", "spin", more)));
    let run = run(&env, 1);
    outcomes(&run, &[("s", "timed-out")]);
    let retried: Vec<_> = run
        .events()
        .into_iter()
        .filter(|event| event["event"] == "step-retried")
        .collect();
    let numbers: Vec<_> = retried.iter().map(|event| event["attempt"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2], "{}", run.text());
    assert!(
        retried
            .iter()
            .all(|event| event["outcome"] == "timed-out" && !event["reason"].as_str().unwrap().is_empty())
    );
    assert_eq!(run.step("s")["attempts"], 3);
}

#[test]
fn only_runs_the_named_step_and_what_it_needs() {
    let text = format!(
        "steps:\n{}{}{}{}",
        step("make", "\"write /out/x x\"", ", outputs: { x: /out/x }"),
        step("use", "\"read /x\"", ", mounts: { /x: make.x }"),
        step("other", "\"fail no\"", ""),
        step("later", "\"cwd\"", ", after: [ use ]"),
    );
    let env = pipeline(&["script"], &text);
    let run = env.run(&["run", "--format", "json", "--only", "use"]).expect(0);
    let mut ended: Vec<String> = run
        .events()
        .iter()
        .filter(|event| event["event"] == "step-finished")
        .map(|event| event["step"].as_str().unwrap().to_owned())
        .collect();
    ended.sort();
    assert_eq!(ended, ["make", "use"]);
}

#[test]
fn a_matrix_runs_a_step_for_each_cell_and_its_outputs_are_a_folder_a_cell() {
    let text = "inputs: { systems: { type: list, default: [ linux, macos ] } }\nsteps:\n  \
        make: { uses: ./script.wasm, matrix: { os: \"${inputs.systems}\", bits: [ 32, 64 ], exclude: [ { os: macos, bits: 32 } ], max-parallel: 1 }, \
        with: { ops: [ \"write /out/name ${matrix.os} ${matrix.bits}\" ] }, outputs: { name: /out/name } }\n  \
        use: { uses: ./script.wasm, with: { ops: [ \"list /all\", \"read /one\" ] }, mounts: { /all: \"make[*].name\", /one: \"make[os=macos].name\" } }\n\
        export: { dist/all: \"make[*].name\" }\n";
    let env = pipeline(&["script"], text);
    let first = run(&env, 0);
    let lines = crate::transcript(&first, "use");
    assert_eq!(
        lines,
        "list /all: os=linux,bits=32 os=linux,bits=64 os=macos,bits=64\nread /one: \"macos 64\"\n"
    );
    assert_eq!(env.read("dist/all/os=linux,bits=32"), "linux 32");
    // One more value: the other cells are hits.
    let more = env
        .run(&["run", "--format", "json", "--input", "systems=[linux, macos, wasi]"])
        .expect(0);
    assert_eq!(cache(&more, "make[os=linux,bits=64]"), "full");
    assert_eq!(cache(&more, "make[os=wasi,bits=64]"), "miss");
}

#[test]
fn a_failed_cell_cancels_the_rest_of_its_group_unless_told_otherwise() {
    let text = |more: &str| {
        format!(
            "steps:\n  s: {{ uses: ./script.wasm, matrix: {{ n: [ 1, 2, 3 ]{more} }}, with: {{ ops: [ \"${{matrix.n == 1 ? 'fail no' : 'cwd'}}\" ] }} }}\n"
        )
    };
    let cells = ["s[n=1]", "s[n=2]", "s[n=3]"];
    let env = pipeline(&["script"], &text(", max-parallel: 1"));
    let fast = env
        .run(&["run", "--format", "json", "--jobs", "1", "--keep-going"])
        .expect(1);
    assert_eq!(outcome(&fast, cells[0]), "failed");
    for cell in &cells[1..] {
        assert!(
            matches!(outcome(&fast, cell).as_str(), "cancelled" | "skipped"),
            "{}",
            fast.text()
        );
    }
    let env = pipeline(&["script"], &text(", max-parallel: 1, fail-fast: false"));
    let slow = env
        .run(&["run", "--format", "json", "--jobs", "1", "--keep-going"])
        .expect(1);
    assert_eq!(
        cells.map(|cell| outcome(&slow, cell)),
        ["failed", "succeeded", "succeeded"]
    );
}

#[test]
fn stages_order_steps_and_included_files_add_theirs() {
    let text = "stages: [ early, late ]\ninclude: [ { file: ci/more.yaml, inputs: { word: hello } } ]\nsteps:\n  \
        last: { uses: ./script.wasm, stage: late, with: { ops: [ \"cwd\" ] } }\n";
    let env = pipeline(&["script"], text);
    let fragment = "airtight: 1\ninputs: { word: {} }\nsteps:\n  \
        first: { uses: ./script.wasm, stage: early, with: { ops: [ \"print ${inputs.word}\" ] } }\n";
    env.write("ci/more.yaml", fragment);
    env.copy(&airtight_testkit::component("script"), "ci/script.wasm");
    let run = run(&env, 0);
    assert!(
        position(&run, "step-finished", "first") < position(&run, "step-started", "last"),
        "{}",
        run.text()
    );
    assert_eq!(crate::transcript(&run, "first"), "print hello: done\n");
}

#[test]
fn inputs_come_from_arguments_from_a_file_and_from_an_event() {
    let text = "inputs:\n  who: { default: nobody }\n  count: { type: integer, default: 1 }\n  kind: { one-of: [ small, large ], default: small }\n\
        steps:\n  s: { uses: ./script.wasm, with: { ops: [ \"print ${inputs.who} ${inputs.count + 1} ${inputs.kind} ${event.tag}\" ] } }\n";
    let env = pipeline(&["script"], text);
    env.write("inputs.yaml", "who: file\ncount: 5\n")
        .write("event.json", r#"{ "tag": "v1" }"#);
    let run = env.run(&[
        "run",
        "--format",
        "json",
        "--inputs",
        "inputs.yaml",
        "--input",
        "who=argument",
        "--event",
        "event.json",
    ]);
    assert_eq!(
        crate::transcript(&run.expect(0), "s"),
        "print argument 6 small v1: done\n"
    );
    for (input, code) in [("kind=other", 3), ("count=many", 3), ("unknown=1", 3), ("kind", 2)] {
        let refused = env.run(&["run", "--event", "event.json", "--input", input]);
        assert_eq!(refused.code, Some(code), "{input}\n{}", refused.text());
    }
}

// What one step builds, another runs: checked when it exists.
#[test]
fn a_component_that_a_step_made_is_run() {
    let text = "sources: { tools: { path: tools } }\nsteps:\n  \
        build: { uses: ./script.wasm, with: { ops: [ \"copy /src/command.wasm /out/tool.wasm\" ] }, mounts: { /src: tools }, outputs: { tool: /out/tool.wasm } }\n  \
        use: { uses: build.tool, args: [ \"print built\" ] }\n";
    let env = pipeline(&["script"], text);
    env.copy(&airtight_testkit::component("command"), "tools/command.wasm");
    let first = run(&env, 0);
    assert!(first.stdout.contains("built"), "{}", first.text());
    assert_eq!(cache(&run(&env, 0), "use"), "full");
    env.copy(&airtight_testkit::component("script"), "tools/command.wasm");
    let refused = run(&env, 1);
    assert!(
        refused.step("use")["cause"].as_str().unwrap().contains("is no command"),
        "{}",
        refused.text()
    );
    env.write("tools/command.wasm", "not a component");
    let refused = env.run(&["run"]);
    assert!(matches!(refused.code, Some(1 | 3)), "{}", refused.text());
    assert!(refused.stderr.contains("use"), "{}", refused.text());
}

// An archive is a component's way too: what std/archive unpacks is run by the next step.
#[test]
fn a_component_from_an_archive_is_run() {
    let text = "sources: { tools: { path: tools } }\nsteps:\n  \
        pack: { uses: std/archive, function: pack, mounts: { /src: tools }, with: { from: /src, to: /out/tools.tar.zst }, outputs: { archive: /out/tools.tar.zst } }\n  \
        unpack: { uses: std/archive, function: unpack, mounts: { /tools.tar.zst: pack.archive }, with: { archive: /tools.tar.zst, to: /out/all }, outputs: { tool: /out/all/command.wasm } }\n  \
        use: { uses: unpack.tool, args: [ \"print unpacked\" ] }\n";
    let env = pipeline(&[], text);
    env.copy(&airtight_testkit::component("command"), "tools/command.wasm");
    assert!(run(&env, 0).stdout.contains("unpacked"));
}
