//! `airtight.lock`: what the author has not accepted does not run, here and from a stranger's change. Each refusal is a golden text.
//! Not here: every way to want more (`pipeline::lock`).

use std::path::Path;

use airtight_testkit::{Run, TestEnv, assert_golden};

use crate::{pipeline, project};

const GRANTED: &str = "secrets: { token: { env: TOKEN } }\nsteps:\n  deploy:\n    uses: ./command.wasm\n    args: [ \"print hello\" ]\n    grants:\n      \
    http: [ \"https://api.example.com/v1\" ]\n      secrets: { token: { in: bearer, to: \"https://api.example.com\" } }\n";
const WIDER: &str = "secrets: { token: { command: [ sh, -c, \"touch STOLEN\" ] } }\nsteps:\n  deploy:\n    uses: ./command.wasm\n    args: [ \"print hello\" ]\n    grants:\n      \
    http: [ \"https://api.example.com/v1\", { url: \"https://evil.example\", methods: [ POST ] } ]\n      secrets: { token: { in: bearer, to: \"https://api.example.com\" } }\n";

#[track_caller]
fn assert_case(case: &str, run: &Run) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/end-to-end/golden/lock")
        .join(format!("{case}.txt"));
    // What is offered is a digest of the lines above it, which may hold digests of guests.
    let text = match run.stderr.contains("--accept=") {
        true => run.text().replace(&offered(run), "[DIGEST]"),
        false => run.text(),
    };
    assert_golden(&file, &TestEnv::steady(&text));
}

/// The digest that a refusal says to accept with.
#[track_caller]
fn offered(run: &Run) -> String {
    let at = run.stderr.find("--accept=").unwrap_or_else(|| panic!("{}", run.text()));
    let rest = &run.stderr[at + "--accept=".len()..];
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

/// Writes the lock of what is there, accepting all of it.
#[track_caller]
fn accept(env: &TestEnv) {
    let refused = env.run(&["lock"]);
    if refused.code != Some(0) {
        let digest = offered(&refused);
        let _ = env.run(&["lock", &format!("--accept={digest}")]).expect(0);
    }
}

fn replace(env: &TestEnv, text: &str) {
    env.write("airtight.yaml", format!("airtight: 1\nname: test\n{text}"));
}

// The first lock is accepted too: it says what the author has read.
#[test]
fn a_lock_is_written_when_its_author_accepts_it() {
    let env = pipeline(&["command"], GRANTED);
    let refused = env.run(&["lock"]).expect(3);
    assert_case("first", &refused);
    assert!(!env.project().join("airtight.lock").exists());
    // Nobody is asked where nobody is.
    assert_case("no-terminal", &env.run(&["lock", "--accept"]).expect(3));
    assert_case("wrong-digest", &env.run(&["lock", "--accept=0000"]).expect(3));
    assert_case(
        "accepted",
        &env.run(&["lock", &format!("--accept={}", offered(&refused))]).expect(0),
    );
    assert_case("up-to-date", &env.run(&["lock"]).expect(0));
    let text = env.read("airtight.lock");
    assert!(text.contains("https://api.example.com/v1"), "{text}");
    let _ = env.run(&["plan", "--locked"]).expect(0);
}

// What a change wants beyond the lock is refused before anything runs, each difference with its place, and taken back or accepted.
#[test]
fn what_is_wider_than_the_lock_does_not_run() {
    let env = pipeline(&["command"], GRANTED);
    accept(&env);
    replace(&env, WIDER);
    let refused = env.run(&["run"]).expect(3);
    assert_case("wider", &refused);
    assert!(!env.project().join("STOLEN").exists());
    for command in [["plan"].as_slice(), &["validate"], &["explain", "deploy"], &["graph"]] {
        let _ = env.run(command).expect(3);
    }
    let _ = env.run(&["lock", &format!("--accept={}", offered(&refused))]).expect(0);
    let _ = env.run(&["plan"]).expect(0);
}

// Less is no question, and a component of the project may be built anew.
#[test]
fn what_is_narrower_needs_no_word() {
    let env = pipeline(&["command", "script"], GRANTED);
    accept(&env);
    replace(
        &env,
        "secrets: { token: { env: TOKEN } }\nsteps:\n  deploy: { uses: ./command.wasm, grants: { http: \"https://api.example.com/v1/a\" } }\n",
    );
    let _ = env.run(&["plan"]).expect(0);
    assert_case("narrower", &env.run(&["lock"]).expect(0));
}

// A stranger's change comes with a lock of its own: only the trusted one counts.
#[test]
fn a_trusted_lock_is_all_that_counts() {
    let env = pipeline(&["command", "script"], GRANTED);
    accept(&env);
    env.write("trusted.lock", env.read("airtight.lock"));
    replace(&env, WIDER);
    accept(&env);
    let _ = env.run(&["plan"]).expect(0);
    assert_case("trusted", &env.run(&["run", "--lock-from", "trusted.lock"]).expect(3));
    assert!(!env.project().join("STOLEN").exists());
    // A component that it does not list is not run either, even with nothing granted.
    replace(&env, "steps:\n  a: { uses: ./script.wasm, with: { ops: [] } }\n");
    assert_case(
        "trusted-new",
        &env.run(&["plan", "--lock-from", "trusted.lock"]).expect(3),
    );
    let missing = env.run(&["plan", "--lock-from", "none.lock"]).expect(3);
    assert!(missing.stderr.contains("none.lock"), "{}", missing.text());
}

// What a trusted lock names and a change of the project fills is not run: it has the name, not what is behind it.
#[test]
fn a_trusted_lock_does_not_vouch_for_what_the_project_makes() {
    let text = "secrets: { token: { command: [ sh, ci/token.sh ] } }\nsteps:\n  build: { uses: ./command.wasm, args: [ \"print x\" ], \
        outputs: { tool: { path: /out/tool } } }\n  deploy: { uses: build.tool, grants: { clock: real } }\n";
    let env = pipeline(&["command"], text);
    env.write("ci/token.sh", "touch STOLEN; echo value");
    accept(&env);
    let _ = env.run(&["plan", "--locked"]).expect(0);
    env.write("trusted.lock", env.read("airtight.lock"));
    assert_case(
        "trusted-made-here",
        &env.run(&["run", "--lock-from", "trusted.lock"]).expect(3),
    );
    assert!(!env.project().join("STOLEN").exists());
    replace(
        &env,
        &text
            .replace("ci/token.sh", "/opt/token.sh")
            .replace("uses: build.tool", "uses: ./command.wasm"),
    );
    accept(&env);
    env.write("trusted.lock", env.read("airtight.lock"));
    let _ = env.run(&["plan", "--lock-from", "trusted.lock"]).expect(0);
}

#[test]
fn a_lock_that_is_asked_for_is_there_and_reads() {
    let env = pipeline(&["command"], "steps:\n  a: { uses: ./command.wasm }\n");
    let _ = env.run(&["plan"]).expect(0);
    assert_case("locked-without", &env.run(&["plan", "--locked"]).expect(3));
    env.write("airtight.lock", "version = 1\n");
    let _ = env.run(&["plan"]).expect(0);
    assert_case("locked-unlisted", &env.run(&["plan", "--locked"]).expect(3));
    env.write("airtight.lock", "version = 1\nsteps = 3\n");
    assert_case("broken", &env.run(&["plan"]).expect(3));
    // A lock that cannot be read is not the same as none.
    std::fs::remove_file(env.project().join("airtight.lock")).unwrap();
    std::os::unix::fs::symlink("nowhere", env.project().join("airtight.lock")).unwrap();
    let _ = env.run(&["plan"]).expect(3);
}

// A pinned component is that binary and no other, until `update` takes over the new one; what it imports more is accepted still.
#[test]
fn a_pinned_component_is_that_binary() {
    let env = project(&["command", "network"]);
    env.write(
        "airtight.yaml",
        "airtight: 1\nname: test\n# mine\nsteps:\n  first: { uses: std/site }  # stays\nexport: {}\n".replace(
            "first: { uses: std/site }  # stays",
            "first: { uses: ./command.wasm }  # stays",
        ),
    );
    env.write(
        "tools/x.wasm",
        std::fs::read(env.project().join("command.wasm")).unwrap(),
    );
    assert_case("add", &env.run(&["add", "tools/x.wasm", "--pin"]).expect(0));
    let text = env.read("airtight.yaml");
    assert!(text.starts_with("airtight: 1\nname: test\n# mine\nsteps:\n  first: { uses: ./command.wasm }  # stays\n  x:\n    uses: ./tools/x.wasm\n"), "{text}");
    assert!(text.ends_with("\nexport: {}\n"), "{text}");
    let _ = env.run(&["plan"]).expect(0);
    assert_case("add-taken", &env.run(&["add", "tools/x.wasm"]).expect(2));

    let mut other = std::fs::read(env.project().join("command.wasm")).unwrap();
    // A custom section: the same component in other bytes.
    other.extend_from_slice(&[0, 3, 1, b'x', 0]);
    env.write("tools/x.wasm", &other);
    assert_case("pinned", &env.run(&["plan"]).expect(3));
    assert_case("update", &env.run(&["update", "x"]).expect(0));
    let _ = env.run(&["plan"]).expect(0);
    assert_case("update-unknown", &env.run(&["update", "y"]).expect(2));

    let network = std::fs::read(env.project().join("network.wasm")).unwrap();
    env.write("tools/x.wasm", network);
    let called = "    uses: ./tools/x.wasm\n    function: open-connection\n    with: { address: a }\n";
    let text = env.read("airtight.yaml").replace("    uses: ./tools/x.wasm\n", called);
    env.write("airtight.yaml", text);
    let refused = env.run(&["update"]).expect(3);
    for part in [
        "+ component ./tools/x.wasm imports wasi:sockets/",
        "`airtight update --accept=",
    ] {
        assert!(refused.stderr.contains(part), "no {part}\n{}", refused.text());
    }
    let accept = format!("--accept={}", offered(&refused));
    let _ = env.run(&["update", &accept]).expect(0);
    let _ = env.run(&["plan"]).expect(0);
}

// What asks for the network is accepted when it is added, and the file stays as it is until then.
#[test]
fn a_component_that_asks_for_the_network_is_accepted_when_it_is_added() {
    let env = project(&["network"]);
    let before = "airtight: 1\nsteps:\n";
    env.write("airtight.yaml", before);
    let refused = env.run(&["add", "network.wasm", "--step", "net"]).expect(3);
    let command = "`airtight add network.wasm --step net --accept=";
    assert!(refused.stderr.contains(command), "{}", refused.text());
    assert_eq!(env.read("airtight.yaml"), before);
    let accept = format!("--accept={}", offered(&refused));
    let _ = env.run(&["add", "network.wasm", "--step", "net", &accept]).expect(0);
    let text = env.read("airtight.yaml");
    assert!(text.contains("# grants: { net: [ \"tcp://HOST:PORT\" ] }"), "{text}");
}
