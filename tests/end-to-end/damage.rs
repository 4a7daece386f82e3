//! A store that was damaged, is not writable, is newer than the program or is in use: work may be lost, truth never. Not here: the
//! suite that every driver of the store passes.

use std::fs;
use std::path::{Path, PathBuf};

use airtight_testkit::TestEnv;

use crate::{outcome, pipeline, run};

/// Makes a small and a large output, and uses both.
const TEXT: &str = "steps:\n  \
    make: { uses: ./script.wasm, with: { ops: [ \"write /out/small some text\", \"big /out/large 300000\" ] }, outputs: { small: /out/small, large: /out/large } }\n  \
    use: { uses: ./script.wasm, with: { ops: [ \"read /small\", \"read /large\", \"copy /small /out/copy\" ] }, mounts: { /small: make.small, /large: make.large }, outputs: { copy: /out/copy } }\n\
    export: { dist/copy: use.copy, dist/large: make.large }\n";

fn made() -> TestEnv {
    let env = pipeline(&["script"], TEXT);
    run(&env, 0);
    env
}

fn store(env: &TestEnv) -> PathBuf {
    env.root().join("home/.cache/airtight")
}

/// All files under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path))
        } else {
            all.push(path)
        }
    }
    all
}

/// The files that hold blobs.
fn blobs(env: &TestEnv) -> Vec<PathBuf> {
    let all: Vec<PathBuf> = ["packs", "objects"]
        .iter()
        .flat_map(|folder| files(&store(env).join(folder)))
        .collect();
    assert!(!all.is_empty(), "the store has no blobs in {}", store(env).display());
    all
}

/// Whatever was done to the store, a run ends well and gives the same.
#[track_caller]
fn assert_recovers(env: &TestEnv, what: &str) {
    let large = fs::read(env.project().join("dist/large")).unwrap();
    fs::remove_dir_all(env.project().join("dist")).unwrap();
    let run = env.run(&["run", "--format", "json"]);
    assert_eq!(run.code, Some(0), "{what}\n{}", run.text());
    assert_eq!(outcome(&run, "use"), "succeeded", "{what}");
    assert_eq!(env.read("dist/copy"), "some text", "{what}");
    assert_eq!(fs::read(env.project().join("dist/large")).unwrap(), large, "{what}");
    // What no one needed again is found now, set aside, and not found twice.
    let found = env.run(&["cache", "verify"]);
    assert!(matches!(found.code, Some(0 | 4)), "{}", found.text());
    env.run(&["cache", "verify"]).expect(0);
}

// Every byte that is served is checked: a flipped bit in a blob makes its step run again.
#[test]
fn a_blob_that_was_altered_on_disk_is_made_again() {
    let env = made();
    for path in blobs(&env) {
        let mut bytes = fs::read(&path).unwrap();
        for at in [bytes.len() / 3, bytes.len() / 2, bytes.len() - 1] {
            bytes[at] ^= 0x40;
        }
        fs::write(&path, bytes).unwrap();
    }
    assert_recovers(&env, "altered");
}

#[test]
fn a_blob_that_was_cut_short_or_removed_is_made_again() {
    let env = made();
    for path in blobs(&env) {
        let length = fs::metadata(&path).unwrap().len();
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length / 2)
            .unwrap();
    }
    assert_recovers(&env, "cut short");
    for path in blobs(&env) {
        fs::remove_file(path).unwrap();
    }
    assert_recovers(&env, "removed");
}

#[test]
fn verify_finds_what_was_altered() {
    let env = made();
    env.run(&["cache", "verify"]).expect(0);
    for path in blobs(&env) {
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let found = env.run(&["cache", "verify"]);
    let said = found.text();
    assert!(
        said.contains("altered") || said.contains("set aside") || found.code != Some(0),
        "{said}"
    );
    assert_recovers(&env, "altered and verified");
}

// The index is work, not truth.
#[test]
fn a_lost_or_damaged_index_costs_work_only() {
    let env = made();
    for path in files(&store(&env))
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("index.db"))
    {
        fs::write(
            path,
            "this is not a database, and long enough to be taken for one".repeat(100),
        )
        .unwrap();
    }
    assert_recovers(&env, "damaged index");
    for path in files(&store(&env))
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("index.db"))
    {
        fs::remove_file(path).unwrap();
    }
    assert_recovers(&env, "no index");
}

// Nor is a component lost whose blob was altered and of which nothing else is known: its file is there.
#[test]
fn a_component_whose_blob_was_altered_is_read_again() {
    let env = made();
    for path in files(&store(&env)) {
        if path.to_string_lossy().contains("index.db") {
            fs::remove_file(path).unwrap();
        } else if path.starts_with(store(&env).join("objects")) {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    assert_recovers(&env, "no index and altered components");
}

// Neither when it is only needed in the middle of the run, because its native code was altered as well.
#[test]
fn a_component_that_is_lost_with_its_native_code_is_read_again() {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_airtight"));
    env.copy(&airtight_testkit::component("script"), "script.wasm");
    env.write("airtight.yaml", format!("airtight: 1\nname: test\n{TEXT}"));
    run(&env, 0);
    let native = files(&env.root().join("home/.local/state/airtight"));
    let of_code = native
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "bin"));
    for path in of_code.chain(&files(&store(&env).join("objects"))) {
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let again = env.run(&["run", "--no-cache", "--format", "json"]).expect(0);
    assert!(again.stdout.contains("its file is read again"), "{}", again.text());
    assert_recovers(&env, "altered components and native code");
}

// A store that fails is no mistake in the pipeline file: another exit code, and no line of the file in the message.
#[test]
fn an_index_that_cannot_be_read_is_not_blamed_on_the_pipeline() {
    let env = made();
    let index = store(&env).join("index.db");
    for path in files(&store(&env)) {
        if path.to_string_lossy().contains("index.db") {
            fs::remove_file(path).unwrap();
        }
    }
    fs::create_dir(&index).unwrap();
    let failed = env.run(&["run"]).expect(4);
    assert!(
        failed.stderr.contains("error[S0003]")
            && failed.stderr.contains("index.db")
            && !failed.stderr.contains("P0031"),
        "{}",
        failed.text()
    );
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let env = made();
    fs::write(store(&env).join("version"), "airtight-store 99\n").unwrap();
    let refused = env.run(&["run"]).expect(4);
    assert!(
        refused.stderr.contains("error[S0006]") && refused.stderr.contains("--store"),
        "{}",
        refused.text()
    );
}

#[test]
fn a_folder_that_is_no_store_is_left_alone() {
    let env = pipeline(&["script"], TEXT);
    env.write("precious/letter.txt", "mine");
    let refused = env.run(&["run", "--store", "precious"]).expect(4);
    assert!(
        refused.stderr.contains("error[S0007]") && refused.stderr.contains("not a store"),
        "{}",
        refused.text()
    );
    assert_eq!(files(&env.project().join("precious")).len(), 1);
}

#[test]
fn a_store_that_is_a_file_or_cannot_be_made_is_an_error_with_its_path() {
    let env = pipeline(&["script"], TEXT);
    env.write("file", "in the way");
    for path in ["file", "file/below", "/proc/store"] {
        let refused = env.run(&["run", "--store", path]).expect(4);
        assert!(
            refused.stderr.contains("error[S00") && refused.stderr.contains(path),
            "{}",
            refused.text()
        );
    }
}

// Commands that only look need no store that can be written, nor any.
#[test]
fn commands_that_only_look_work_without_a_store() {
    let env = pipeline(&["script"], TEXT);
    env.write("file", "in the way");
    for command in ["validate", "plan", "graph"] {
        env.run(&[command, "--store", "file"]).expect(0);
    }
}

/// Whether this process may write where no one may, as the superuser does.
fn is_superuser(env: &TestEnv) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = env.root().join("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    fs::write(folder.join("probe"), "").is_ok()
}

#[test]
fn a_store_that_is_read_only_answers_hits_and_refuses_the_rest() {
    use std::os::unix::fs::PermissionsExt as _;
    let env = made();
    if is_superuser(&env) {
        // The superuser may write everywhere: there is nothing to see as one.
        return;
    }
    let all = files(&store(&env));
    for path in &all {
        fs::set_permissions(path, fs::Permissions::from_mode(0o400)).unwrap();
    }
    fs::set_permissions(store(&env), fs::Permissions::from_mode(0o500)).unwrap();
    let refused = env.run(&["run", "--no-cache"]);
    fs::set_permissions(store(&env), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(refused.code, Some(4), "{}", refused.text());
    assert!(refused.stderr.contains("error[S00"), "{}", refused.text());
}

// A sweep must not pull the ground from under a run.
#[test]
fn a_sweep_beside_a_run_waits_or_says_that_the_store_is_in_use() {
    let env = pipeline(&["script"], &format!("{TEXT}\n"));
    env.write(
        "slow.yaml",
        "airtight: 1\nname: slow\nsteps:\n  s: { uses: ./script.wasm, with: { ops: [ spin ] } }\n",
    );
    run(&env, 0);
    let mut process =
        airtight_testkit::Process::start(&mut env.command(&["run", "--file", "slow.yaml", "--format", "json"]));
    process.wait_for(|line| line.contains("\"step-started\""));
    let swept = env.run(&["cache", "sweep", "--keep", "0"]);
    assert!(matches!(swept.code, Some(0 | 4)), "{}", swept.text());
    if swept.code == Some(4) {
        assert!(swept.stderr.contains("error[S0009]"), "{}", swept.text());
    }
    assert_eq!(process.interrupt().code, Some(130));
    assert_recovers(&env, "swept beside a run");
}
