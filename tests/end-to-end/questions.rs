//! What a stranger's step could have taken is a query: grants, refusals and reads, before and after a run. Not here: the grants
//! themselves.

use std::net::TcpListener;

use airtight_testkit::TestEnv;
use serde_json::Value as Json;

use crate::pipeline;

#[track_caller]
fn answer(env: &TestEnv, arguments: &[&str]) -> Json {
    let arguments: Vec<&str> = ["query"]
        .into_iter()
        .chain(arguments.iter().copied())
        .chain(["--format", "json"])
        .collect();
    serde_json::from_str(&env.run(&arguments).expect(0).stdout).unwrap()
}

fn steps(part: &Json) -> Vec<&str> {
    part.as_array()
        .unwrap()
        .iter()
        .map(|one| one["step"].as_str().unwrap())
        .collect()
}

// Which steps may reach a host, which did and which were refused; the suggestion keeps what was used and adds what was refused.
#[test]
fn who_may_reach_a_host_and_who_did_is_told() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let env = pipeline(
        &["network"],
        &format!(
            "steps:\n  good:\n    uses: ./network.wasm\n    function: open-connection\n    with: {{ address: \"127.0.0.1:{port}\" }}\n    \
             grants: {{ net: [ \"tcp://127.0.0.1:{port}\", \"tcp://idle.example.com:25\" ] }}\n  \
             bad:\n    uses: ./network.wasm\n    function: tolerant\n    with: {{ address: \"127.0.0.1:{port}\" }}\n"
        ),
    );
    let before = answer(&env, &["reach", "127.0.0.1"]);
    assert_eq!(
        (steps(&before["may"]), steps(&before["did"])),
        (vec!["good"], vec![]),
        "{before:#}"
    );
    let told = env.run(&["run"]).expect(0).stderr;
    let line = format!("net: [\"tcp://127.0.0.1:{port}\"]");
    assert!(
        told.contains("help: to allow it, add under `grants:` of `bad` (airtight.yaml:"),
        "{told}"
    );
    assert!(told.contains(&line), "{told}");
    let after = answer(&env, &["reach", "127.0.0.1"]);
    assert_eq!(after["runs"], 1, "{after:#}");
    assert_eq!(
        (steps(&after["did"]), steps(&after["refused"])),
        (vec!["good"], vec!["bad"]),
        "{after:#}"
    );
    assert_eq!(steps(&answer(&env, &["reach", "idle.example.com"])["may"]), ["good"]);
    assert!(steps(&answer(&env, &["reach", "other.example.com"])["may"]).is_empty());
    let suggested = env.run(&["plan", "--suggest-grants"]).expect(0).stdout;
    assert_eq!(
        suggested.matches(&format!("- \"tcp://127.0.0.1:{port}\"")).count(),
        2,
        "{suggested}"
    );
    assert!(
        suggested.contains("not used, could go: net: \"tcp://idle.example.com:25\""),
        "{suggested}"
    );
}

// What a step read is known after the run; what it was only given is not what it read.
#[test]
fn who_may_read_a_file_and_who_did_is_told() {
    let env = pipeline(
        &["script"],
        "sources: { tree: { path: tree } }\nsteps:\n  \
         s: { uses: ./script.wasm, with: { ops: [ \"read /src/a.txt\" ] }, mounts: { /src: tree } }\n",
    );
    env.write("tree/a.txt", "alpha").write("tree/b.txt", "beta");
    assert!(
        env.run(&["query", "reads", "tree/a.txt"])
            .expect(0)
            .stdout
            .contains("no run is recorded")
    );
    env.run(&["run"]).expect(0);
    env.run(&["run"]).expect(0);
    for path in ["tree/a.txt", "/src/a.txt"] {
        let found = answer(&env, &["reads", path]);
        assert_eq!(
            (steps(&found["may"]), steps(&found["did"])),
            (vec!["s"], vec!["s"]),
            "{found:#}"
        );
        assert_eq!(found["did"][0]["what"], "/src/a.txt (read)");
    }
    let unread = answer(&env, &["reads", "tree/b.txt"]);
    assert_eq!(
        (steps(&unread["may"]), steps(&unread["did"])),
        (vec!["s"], vec![]),
        "{unread:#}"
    );
    env.run(&["query", "reads", "../elsewhere"]).expect(2);
}

// A secret is asked for by its name, and one that nobody has is an error.
#[test]
fn who_may_use_a_secret_is_told() {
    let env = pipeline(
        &["network"],
        "secrets: { token: { env: TOKEN } }\nsteps:\n  \
         s:\n    uses: ./network.wasm\n    function: http-get\n    with: { authority: api.example.com }\n    \
         grants: { http: [ \"https://api.example.com\" ], secrets: { token: { to: [ \"https://api.example.com\" ], in: [ bearer ] } } }\n",
    );
    let found = answer(&env, &["secret", "token"]);
    assert_eq!(steps(&found["may"]), ["s"]);
    assert!(found["may"][0]["by"].as_str().unwrap().contains("bearer"), "{found:#}");
    let none = env.run(&["query", "secret", "tokem"]).expect(2);
    assert!(none.stderr.contains("`token`"), "{}", none.text());
}

// A secret without a value stops the run before anything runs, and only where a selected step needs it.
#[test]
fn a_secret_without_a_value_stops_the_steps_that_need_it() {
    let env = pipeline(
        &["network", "script"],
        "secrets: { token: { env: AIRTIGHT_TEST_NOT_SET } }\nsteps:\n  \
         s:\n    uses: ./network.wasm\n    function: http-get\n    with: { authority: api.example.com }\n    \
         grants: { http: [ \"https://api.example.com\" ], secrets: { token: { to: [ \"https://api.example.com\" ], in: [ bearer ] } } }\n  \
         other: { uses: ./script.wasm, with: { ops: [] } }\n",
    );
    let stopped = env.run(&["run"]).expect(3);
    assert!(
        stopped.stderr.contains("U0020") && stopped.stderr.contains("AIRTIGHT_TEST_NOT_SET"),
        "{}",
        stopped.text()
    );
    env.run(&["run", "--only", "other"]).expect(0);
    env.run(&["plan"]).expect(0);
    env.run(&["explain", "s"]).expect(0);
}
