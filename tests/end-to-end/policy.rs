//! Policies: what no pipeline may go beyond, whatever its author accepted. Not here: each rule (`pipeline::policy`).

use std::path::Path;

use airtight_testkit::{TestEnv, assert_golden};

use crate::pipeline;

const STEPS: &str = "secrets: { token: { env: TOKEN } }\nsteps:\n  deploy:\n    uses: ./command.wasm\n    args: [ \"print hello\" ]\n    grants:\n      \
    http: [ \"https://api.example.com\" ]\n      secrets: { token: { in: bearer, to: \"https://api.example.com\" } }\n      clock: real\n";

fn env() -> TestEnv {
    let env = pipeline(&["command"], STEPS);
    env.write(
        "wide.yaml",
        "airtight-policy: 1\nhosts: [ \"https://*.example.com\" ]\nsecrets: [ token ]\nlimits: { memory: 64MiB }\n",
    );
    env.write(
        "narrow.yaml",
        "airtight-policy: 1\nhosts: [ \"https://api.example.com\" ]\nsecrets: []\nclock: false\n",
    );
    env
}

// Denied, with both places: what asks, and the rule that refuses.
#[test]
fn what_is_beyond_a_policy_is_denied_before_anything_runs() {
    let env = env();
    let refused = env.run(&["run", "--policy", "narrow.yaml"]).expect(5);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/end-to-end/golden/policy/beyond.txt");
    assert_golden(&file, &TestEnv::steady(&refused.text()));
}

// Policies intersect: that one allows is not enough.
#[test]
fn every_policy_has_to_allow() {
    let env = env();
    let _ = env.run(&["plan", "--policy", "wide.yaml"]).expect(0);
    for order in [["wide.yaml", "narrow.yaml"], ["narrow.yaml", "wide.yaml"]] {
        let _ = env.run(&["plan", "--policy", order[0], "--policy", order[1]]).expect(5);
    }
}

// A limit that the pipeline leaves out is the policy's.
#[test]
fn a_policy_lowers_the_limits_that_a_pipeline_leaves_out() {
    let env = env();
    let json = env
        .run(&["plan", "--policy", "wide.yaml", "--format", "json"])
        .expect(0)
        .stdout;
    let plan: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(plan["steps"][0]["limits"]["memory"], "64MiB", "{plan:#}");
    assert_eq!(
        plan["steps"][0]["grants"]["http"][0], "\"https://api.example.com\"",
        "{plan:#}"
    );
    let text = env.run(&["plan", "-v", "--policy", "wide.yaml"]).expect(0).stdout;
    for part in [
        "may      http: \"https://api.example.com\"",
        "memory 64MiB",
        "effectful: it is given the real time",
    ] {
        assert!(text.contains(part), "no {part}\n{text}");
    }
}

// A policy that cannot be read protects nothing, so nothing runs.
#[test]
fn a_policy_that_does_not_read_stops_everything() {
    let env = env();
    env.write("odd.yaml", "airtight-policy: 1\nhost: []\n");
    for policy in ["odd.yaml", "none.yaml"] {
        let run = env.run(&["plan", "--policy", policy]).expect(3);
        assert!(run.stderr.contains(policy), "{}", run.text());
    }
}
