//! `run --watch`: an edit makes it run again, and only what the edit touches. Not here: what counts as touched (`read_sets`).

use airtight_testkit::Process;

use crate::pipeline;

const TEXT: &str = "sources: { tree: { path: tree } }\nsteps:\n  \
    a: { uses: ./script.wasm, with: { ops: [ \"copy /src/a.txt /out/a\" ] }, mounts: { /src: tree }, outputs: { a: /out/a } }\n  \
    b: { uses: ./script.wasm, with: { ops: [ \"read /src/b.txt\" ] }, mounts: { /src: tree } }\n\
    export: { dist/a: a.a }\n";

fn is_end(line: &str) -> bool {
    line.starts_with("done:") || line.starts_with("failed:")
}

#[test]
fn an_edit_of_a_source_or_of_the_pipeline_runs_what_it_touches_again() {
    let env = pipeline(&["script"], TEXT);
    env.write("tree/a.txt", "one\n").write("tree/b.txt", "one\n");
    let mut process = Process::start(&mut env.command(&["run", "--watch"]));
    assert!(process.wait_for(is_end).contains("2 ran"));
    process.wait_for(|line| line.contains("watching"));

    env.write("tree/a.txt", "two\n");
    let end = process.wait_for(is_end);
    assert!(end.contains("1 ran") && end.contains("1 hit narrowly"), "{end}");
    process.wait_for(|line| line.contains("watching"));
    assert_eq!(env.read("dist/a"), "two\n");

    // A mistake is told, and the watch goes on.
    let good = env.read("airtight.yaml");
    env.write(
        "airtight.yaml",
        good.replace("uses: ./script.wasm, with", "usez: ./script.wasm, with"),
    );
    process.wait_for(|line| line.contains("usez"));
    process.wait_for(|line| line.contains("watching"));
    env.write("airtight.yaml", good.replace("read /src/b.txt", "stat /src/b.txt"));
    let end = process.wait_for(is_end);
    assert!(end.contains("1 ran") && end.contains("1 hit fully"), "{end}");
    process.wait_for(|line| line.contains("watching"));

    let end = process.interrupt();
    assert_eq!(end.code, Some(130), "{}", end.seen.join("\n"));
}
