//! `airtight verify`: what is pure is the same under the interpreter, elsewhere and in another order. That a difference is found is
//! tested where one can be made (`exec`): the sandbox lets none be.

use serde_json::Value as Json;

use crate::pipeline;

const STEPS: &str = "sources: { tree: { path: tree } }\nsteps:\n  \
    make: { uses: ./script.wasm, with: { ops: [ \"read /src/a.txt\", \"write /out/x text\", \"report\" ] }, mounts: { /src: tree }, outputs: { x: /out/x } }\n  \
    use: { uses: ./command.wasm, args: [ \"read /x\" ], mounts: { /x: make.x }, stdin: hello }\n";

// Hits and fresh results alike; what may not run twice is said to be left out.
#[test]
fn pure_steps_are_the_same_under_other_conditions() {
    let env = pipeline(&["script", "command"], STEPS);
    env.write("tree/a.txt", "alpha");
    for _ in 0..2 {
        let verified = env.run(&["verify", "--format", "json"]).expect(0);
        let lines: Vec<Json> = verified
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2, "{}", verified.text());
        assert!(
            lines.iter().all(|line| line["verdict"] == "same"),
            "{}",
            verified.text()
        );
    }
    let one = env.run(&["verify", "make"]).expect(0);
    assert!(
        one.stdout.contains("make") && !one.stdout.contains("use"),
        "{}",
        one.text()
    );
    assert!(
        one.stderr.contains("1 the same, 0 different, 0 skipped"),
        "{}",
        one.text()
    );
    env.run(&["verify", "nothing"]).expect(3);
}

// A step with the real clock may say something else each time: it is not run twice.
#[test]
fn effectful_steps_are_not_run_again() {
    let env = pipeline(
        &["script"],
        "steps:\n  s: { uses: ./script.wasm, with: { ops: [] }, grants: { clock: real } }\n",
    );
    let verified = env.run(&["verify"]).expect(0);
    assert!(
        verified.stdout.contains("skipped") && verified.stdout.contains("effectful"),
        "{}",
        verified.text()
    );
}
