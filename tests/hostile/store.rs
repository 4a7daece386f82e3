//! Poisoning attempts: a guest's output that looks like the store's own files, and native code that is altered or exchanged
//! between two runs. Not here: damage to every kind of file of the store (`end-to-end/damage`).

use std::path::{Path, PathBuf};

use airtight_testkit::{Run, TestEnv, component};

fn project() -> TestEnv {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_airtight"));
    env.copy(&component("script"), "script.wasm");
    env
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[track_caller]
fn cache(run: &Run, step: &str) -> String {
    run.step(step)["cache"].as_str().unwrap().to_owned()
}

// What a guest writes is content, named by its digest: however much it looks like the store's own files, it takes no one's
// place.
#[test]
fn an_output_that_looks_like_the_store() {
    let env = project();
    let honest =
        "steps:\n  s: { uses: ./script.wasm, with: { ops: [ \"write /out/f honest\" ] }, outputs: { f: /out/f } }\n";
    env.write(
        "airtight.yaml",
        format!("airtight: 1\nname: t\n{honest}export: {{ dist/f: s.f }}\n"),
    );
    let _ = env.run(&["run"]).expect(0);
    let store = env.root().join("home/.cache");
    let own: Vec<PathBuf> = files(&store)
        .into_iter()
        .filter(|path| path.is_file())
        .take(40)
        .collect();
    assert!(!own.is_empty());
    let mut operations = Vec::new();
    for (i, path) in own.iter().enumerate() {
        let bytes = std::fs::read(path).unwrap();
        std::fs::create_dir_all(env.project().join("fake")).unwrap();
        std::fs::write(env.project().join(format!("fake/{i}")), bytes).unwrap();
        let name = path.strip_prefix(&store).unwrap().display();
        let folder = path.strip_prefix(&store).unwrap().parent().unwrap().display();
        operations.push(format!("mkdir /out/{folder}"));
        operations.push(format!("copy /in/{i} /out/{name}"));
    }
    let operations = serde_json::to_string(&operations).unwrap();
    let hostile = format!(
        "  h: {{ uses: ./script.wasm, mounts: {{ /in: fake }}, with: {{ ops: {operations} }}, outputs: {{ all: /out }} }}\n"
    );
    env.write(
        "airtight.yaml",
        format!(
            "airtight: 1\nname: t\nsources: {{ fake: {{ path: fake }} }}\n{honest}{hostile}export: {{ dist/f: s.f }}\n"
        ),
    );
    let run = env.run(&["run", "--format", "json"]).expect(0);
    assert_eq!((cache(&run, "s").as_str(), cache(&run, "h").as_str()), ("full", "miss"));
    assert_eq!(env.read("dist/f"), "honest");
    let run = env.run(&["run", "--format", "json"]).expect(0);
    assert_eq!((cache(&run, "s").as_str(), cache(&run, "h").as_str()), ("full", "full"));
    let _ = env.run(&["cache", "verify"]).expect(0);
}

/// A run without the cache, so that the native code is needed, and what it made.
#[track_caller]
fn made(env: &TestEnv) -> String {
    let run = env.run(&["run", "--no-cache", "--format", "json"]).expect(0);
    assert_eq!(run.step("s")["outcome"], "succeeded", "{}", run.text());
    env.read("dist/f")
}

fn with_native_code() -> (TestEnv, Vec<PathBuf>) {
    let env = project();
    env.copy(&component("command"), "command.wasm");
    env.write(
        "airtight.yaml",
        "airtight: 1\nname: t\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [ \"write /out/f honest\" ] }, outputs: { f: /out/f } }\n  \
         c: { uses: ./command.wasm, args: [ \"print hello\" ] }\nexport: { dist/f: s.f }\n",
    );
    assert_eq!(made(&env), "honest");
    let state = env.root().join("home/.local/state");
    let large = |path: &PathBuf| path.metadata().is_ok_and(|found| found.len() > 64 << 10);
    let code: Vec<PathBuf> = files(&state).into_iter().filter(large).collect();
    assert!(code.len() >= 2, "no native code in {}", state.display());
    (env, code)
}

// Native code is the one thing that is not checked when it runs: altered code must never get so far.
#[test]
fn native_code_that_was_altered() {
    let (env, code) = with_native_code();
    for at in [0.0, 0.1, 0.5, 0.9, 1.0] {
        for path in &code {
            let mut bytes = std::fs::read(path).unwrap();
            let position = ((bytes.len() - 1) as f64 * at) as usize;
            bytes[position] ^= 0xff;
            std::fs::write(path, bytes).unwrap();
        }
        assert_eq!(made(&env), "honest", "altered at {at}");
    }
}

#[test]
fn native_code_that_was_cut() {
    let (env, code) = with_native_code();
    for length in [0, 1, 100, 60_000] {
        for path in &code {
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..length.min(bytes.len())]).unwrap();
        }
        assert_eq!(made(&env), "honest", "cut to {length}");
    }
}

// Both files are genuine, but each is another component's.
#[test]
fn native_code_that_was_exchanged() {
    let (env, code) = with_native_code();
    let (first, second) = (std::fs::read(&code[0]).unwrap(), std::fs::read(&code[1]).unwrap());
    assert_ne!(first, second);
    std::fs::write(&code[0], second).unwrap();
    std::fs::write(&code[1], first).unwrap();
    assert_eq!(made(&env), "honest");
}

// Native code never travels: an archive of the cache must not have it.
#[test]
fn native_code_is_in_no_archive() {
    let (env, code) = with_native_code();
    let _ = env.run(&["run"]).expect(0);
    let _ = env.run(&["cache", "export", "archive.bin"]).expect(0);
    let archive = std::fs::read(env.project().join("archive.bin")).unwrap();
    let total: u64 = code.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!((archive.len() as u64) < total / 2, "{} of {total} bytes", archive.len());
    for path in code {
        let bytes = std::fs::read(path).unwrap();
        let middle = &bytes[bytes.len() / 2..][..64];
        assert!(!archive.windows(64).any(|window| window == middle));
    }
}
