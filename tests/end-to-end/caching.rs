//! What runs again and what does not, from run to run, from place to place and from machine to machine. Not here: what within a mount
//! counts as read (`read_sets`), and a store that is damaged (`damage`).

use airtight_testkit::TestEnv;

use crate::{cache, pipeline, run};

/// Two steps that read a file each and one that joins what they make.
const JOIN: &str = r#"
sources: { tree: { path: tree } }
steps:
  left:
    uses: ./script.wasm
    with: { ops: [ "read /src/left.txt", "copy /src/left.txt /out/left" ] }
    mounts: { /src: tree }
    outputs: { file: /out/left }
  right:
    uses: ./command.wasm
    args: [ "read /src/right.txt", "copy /src/right.txt /out/right" ]
    mounts: { /src: tree }
    outputs: { file: /out/right }
  join:
    uses: ./script.wasm
    with: { ops: [ "read /left", "read /right", "write /out/both done" ] }
    mounts: { /left: left.file, /right: right.file }
    outputs: { both: /out/both }
export: { dist/both: join.both }
"#;

fn join() -> TestEnv {
    let env = pipeline(&["script", "command"], JOIN);
    env.write("tree/left.txt", "left\n").write("tree/right.txt", "right\n");
    env
}

fn all(run: &airtight_testkit::Run) -> [String; 3] {
    ["left", "right", "join"].map(|step| cache(run, step))
}

// The promise of the first page.
#[test]
fn the_second_run_runs_nothing_and_says_so() {
    let env = join();
    let first = env.run(&["run"]).expect(0);
    assert!(
        first.stderr.contains("3 ran, 0 hit fully, 0 hit narrowly"),
        "{}",
        first.text()
    );
    let second = env.run(&["run"]).expect(0);
    assert!(
        second.stderr.contains("nothing ran, 3 hit fully, 0 hit narrowly"),
        "{}",
        second.text()
    );
    assert!(!second.stderr.contains("start "), "{}", second.text());
    assert_eq!(second.stdout, "");
}

#[test]
fn after_an_edit_only_what_read_the_file_runs() {
    let env = join();
    run(&env, 0);
    env.write("tree/right.txt", "other\n");
    assert_eq!(all(&run(&env, 0)), ["narrow", "miss", "miss"]);
    env.write("tree/neither.txt", "new\n");
    assert_eq!(all(&run(&env, 0)), ["narrow", "narrow", "full"]);
}

// A step whose output comes out the same stops the change from going on.
#[test]
fn a_step_that_makes_the_same_again_lets_later_steps_hit() {
    let env = join();
    run(&env, 0);
    let changed = env
        .read("airtight.yaml")
        .replace("\"read /src/left.txt\", \"copy", "\"copy");
    env.write("airtight.yaml", changed);
    assert_eq!(all(&run(&env, 0)), ["miss", "full", "full"]);
}

// The same bytes for two people on two machines: nothing of folder, user, time zone or language gets in.
#[test]
fn two_users_in_two_folders_get_the_same_outputs_and_keys() {
    let first = join();
    let one = run(&first, 0);
    let second = join();
    let folder = second.root().join("elsewhere/ünusual folder");
    std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
    std::fs::rename(second.project(), &folder).unwrap();
    let home = second.root().join("other home");
    std::fs::create_dir(&home).unwrap();
    let mut command = second.command(&["run", "--format", "json", "--jobs", "1"]);
    command
        .current_dir(&folder)
        .env("HOME", home)
        .env("TZ", "Asia/Kolkata")
        .env("LANG", "tr_TR.UTF-8");
    let two = second
        .finish(command.env("USER", "other").env("SOURCE_DATE_EPOCH", "1"))
        .expect(0);
    for step in ["left", "right", "join"] {
        let (one, two) = (one.step(step), two.step(step));
        assert_eq!(one["outputs"], two["outputs"], "{step}");
        assert_eq!(one["key"], two["key"], "{step}");
        assert_eq!(one["result"], two["result"], "{step}");
    }
}

// A checkout that is moved or cloned again hits what the store has.
#[test]
fn another_folder_with_the_same_content_hits_in_the_same_store() {
    let env = join();
    run(&env, 0);
    let clone = env.root().join("clone");
    std::fs::rename(env.project(), &clone).unwrap();
    let mut command = env.command(&["run", "--format", "json"]);
    let run = env.finish(command.current_dir(&clone)).expect(0);
    assert_eq!(all(&run), ["full", "full", "full"]);
    assert_eq!(std::fs::read_to_string(clone.join("dist/both")).unwrap(), "done");
}

// Everything that a step is given is in its key, and a miss says what of it has changed.
#[test]
fn a_change_of_what_a_step_is_given_is_a_miss_with_its_reason() {
    let text = "steps:\n  s: { uses: ./command.wasm, args: [ \"print one\" ], env: { A: \"1\" } }\n";
    let env = pipeline(&["command", "script"], text);
    run(&env, 0);
    for (from, to, reason) in [
        ("print one", "print two", "argument"),
        ("A: \"1\"", "A: \"2\"", "variable"),
        ("A: \"2\" }", "A: \"2\" }, stdin: text", "input"),
        ("stdin: text", "stdin: text, cwd: /tmp", "cwd"),
    ] {
        env.write("airtight.yaml", env.read("airtight.yaml").replace(from, to));
        let explanation = env.run(&["explain", "s"]).expect(0).stdout;
        let first = explanation.lines().next().unwrap();
        assert!(
            first.contains("would run") && first.contains(reason),
            "{from} → {to}: {first}"
        );
        let again = run(&env, 0);
        assert_eq!(cache(&again, "s"), "miss", "{from} → {to}");
        assert_eq!(cache(&run(&env, 0), "s"), "full");
    }
    env.copy(&airtight_testkit::preview1_module("command"), "command.wasm");
    let explanation = env.run(&["explain", "s"]).expect(0).stdout;
    assert!(
        explanation.lines().next().unwrap().contains("component"),
        "{explanation}"
    );
}

#[test]
fn without_the_cache_everything_runs_and_is_still_recorded() {
    let env = join();
    let first = env.run(&["run", "--format", "json", "--no-cache"]).expect(0);
    assert_eq!(all(&first), ["off", "off", "off"]);
    let second = env.run(&["run", "--format", "json", "--no-cache"]).expect(0);
    assert_eq!(all(&second), ["off", "off", "off"]);
    assert_eq!(first.step("join")["outputs"], second.step("join")["outputs"]);
}

// What a first run printed and reported, a hit prints and reports again.
#[test]
fn a_hit_replays_what_the_guest_said() {
    let env = pipeline(
        &["script"],
        "steps:\n  s: { uses: ./script.wasm, function: speak, with: { failing: false } }\n",
    );
    let said = |run: &airtight_testkit::Run| -> Vec<serde_json::Value> {
        let told = |event: &serde_json::Value| {
            matches!(
                event["event"].as_str(),
                Some("step-log" | "step-report" | "step-output")
            )
        };
        let mut events: Vec<_> = run.events().into_iter().filter(told).collect();
        // A later summary replaces an earlier one: only the last is kept.
        events.retain(|event| !event.to_string().contains("# First"));
        events
    };
    let (first, second) = (said(&run(&env, 0)), said(&run(&env, 0)));
    assert!(first.len() >= 6, "{first:#?}");
    assert_eq!(first.len(), second.len());
    for (mut one, mut two) in first.into_iter().zip(second) {
        assert_eq!((&one["cached"], &two["cached"]), (&false.into(), &true.into()));
        one["cached"].take();
        two["cached"].take();
        assert_eq!(one, two);
    }
}

// A runner that starts empty: one file carries what another has made.
#[test]
fn results_that_are_imported_into_an_empty_store_are_hits() {
    let env = join();
    run(&env, 0);
    let archive = env.root().join("cache.airtight");
    let archive = archive.to_str().unwrap();
    env.run(&["cache", "export", archive]).expect(0);
    let runner = join();
    runner.run(&["cache", "import", archive]).expect(0);
    let hit = run(&runner, 0);
    assert_eq!(all(&hit), ["full", "full", "full"], "{}", hit.text());
    assert_eq!(runner.read("dist/both"), "done");
    // Not a byte of it is believed unchecked.
    let mut bytes = std::fs::read(archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(archive, bytes).unwrap();
    let third = join();
    let refused = third.run(&["cache", "import", archive]);
    assert_ne!(refused.code, Some(0), "{}", refused.text());
    assert_eq!(all(&run(&third, 0))[2], "miss");
}

#[test]
fn statistics_sweep_and_verify_leave_a_store_that_still_answers() {
    let env = join();
    run(&env, 0);
    let stats = env.run(&["cache", "stats"]).expect(0);
    assert!(!stats.stdout.is_empty(), "{}", stats.text());
    env.run(&["cache", "verify"]).expect(0);
    env.run(&["cache", "sweep", "--keep", "0"]).expect(0);
    // What the last runs made is a root of the sweep.
    let made = env.run(&["artifact", "cat", "join.both"]).expect(0);
    assert_eq!(made.stdout, "done");
    assert_eq!(run(&env, 0).step("join")["outcome"], "succeeded");
    env.run(&["cache", "verify"]).expect(0);
}

// Several runs at once on one store, in one folder: the same answers, and no harm to anyone.
#[test]
fn processes_that_share_a_store_do_no_harm_to_each_other() {
    let env = join();
    let start = || airtight_testkit::Process::start(&mut env.command(&["run", "--format", "json"]));
    let processes: Vec<_> = (0..4).map(|_| start()).collect();
    for process in processes {
        let end = process.finish();
        assert_eq!(end.code, Some(0), "{}", end.seen.join("\n"));
    }
    assert_eq!(all(&run(&env, 0)), ["full", "full", "full"]);
    env.run(&["cache", "verify"]).expect(0);
}

// An interpreter is a step like any other: what it did not open does not matter. Here, a folder of many files.
#[test]
fn a_large_mount_costs_a_step_nothing_that_it_does_not_read() {
    let env = pipeline(
        &["script"],
        "sources: { tree: { path: tree } }\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [ \"read /src/0/0.txt\" ] }, mounts: { /src: tree } }\n",
    );
    for folder in 0..20 {
        for file in 0..50 {
            env.write(&format!("tree/{folder}/{file}.txt"), format!("{folder} {file}\n"));
        }
    }
    assert_eq!(run(&env, 0).step("s")["usage"]["read"], 4);
    env.write("tree/19/49.txt", "other\n");
    assert_eq!(cache(&run(&env, 0), "s"), "narrow");
}
