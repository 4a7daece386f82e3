//! What keeps a store in order: sweeping, verifying, counting, archives, and several processes at once.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use airtight_model::history::{RunHistory, StepHistory};
use airtight_model::*;
use airtight_store::*;

use crate::support::*;

/// Publishes a step of its own with an output of `size` bytes; returns its action and result.
fn publish(store: &Store, name: &str, size: usize) -> (Action, ActionResult) {
    let mut request = request(vec![("/src", folder(store, &[("a", name)]))]);
    request.program = name.to_owned();
    let content = bytes(size, name.bytes().map(u32::from).sum());
    let blob = store.put_blob(&content).unwrap();
    let entry = TreeEntry {
        name: "f".to_owned(),
        node: Node::File {
            blob,
            size: size as u64,
            executable: false,
        },
    };
    let tree = store.put_tree(&Tree::new(vec![entry]).unwrap()).unwrap();
    let result = result(vec![("out", Node::Directory(tree))]);
    let action = Action::new(&request);
    store.publish(&action, &ReadSet::default(), &result, name).unwrap();
    (action, result)
}

fn is_hit(store: &Store, (action, result): &(Action, ActionResult), name: &str) -> bool {
    match store.lookup(action, name).unwrap() {
        Lookup::Full(found) | Lookup::Narrow(found) => {
            assert_eq!(found, *result);
            for (_, node) in &result.outputs {
                list(store, node);
            }
            true
        }
        Lookup::Miss(_) => false,
    }
}

static NOW: AtomicU64 = AtomicU64::new(1_000_000);

fn clock() -> u64 {
    NOW.load(Ordering::SeqCst)
}

// What was used longest ago goes, by size; roots stay whatever their size; what is left is whole.
#[test]
fn a_sweep_removes_what_was_used_longest_ago() {
    for on_disk in [false, true] {
        for size in [2000, 150_000] {
            let dir = tempfile::tempdir().unwrap();
            let options = OpenOptions {
                clock,
                ..Default::default()
            };
            let store = match on_disk {
                true => Store::open(&dir.path().join("s"), options).unwrap(),
                false => Store::memory_with(options),
            };
            let mut steps = Vec::new();
            for i in 0..10 {
                NOW.fetch_add(100_000, Ordering::SeqCst);
                steps.push(publish(&store, &format!("step {i}"), size));
            }
            let all = store.stats().unwrap();
            assert_eq!(all.results, 10);
            // The first is used again, so it is the last used.
            NOW.fetch_add(100_000, Ordering::SeqCst);
            assert!(is_hit(&store, &steps[0], "step 0"));
            // The second is a run's output, the third was exported.
            store.record_run("run 1", &steps[1].1.outputs).unwrap();
            store.export(&steps[2].1.outputs[0].1, dir.path(), "exported").unwrap();
            let swept = store
                .sweep(SweepLimits {
                    max_bytes: size as u64 * 4,
                })
                .unwrap();
            assert!(swept.freed_bytes >= size as u64 * 3, "{swept:?}");
            let hits: Vec<usize> = (0..10)
                .filter(|i| is_hit(&store, &steps[*i], &format!("step {i}")))
                .collect();
            assert!(hits.contains(&0) && hits.contains(&9) && !hits.contains(&3), "{hits:?}");
            for i in [1, 2] {
                list(&store, &steps[i].1.outputs[0].1);
            }
            assert_eq!(swept.removed_results, 10 - hits.len() as u64);
            assert!(store.verify().unwrap().problems.is_empty());
            // The swept are made again.
            steps[3] = publish(&store, "step 3", size);
            assert!(is_hit(&store, &steps[3], "step 3"));
            let again = store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
            assert!(again.kept_bytes < size as u64 * 3);
            list(&store, &steps[1].1.outputs[0].1);
        }
    }
}

// Who holds a lease loses nothing; the error says that the store is in use.
#[test]
fn a_sweep_waits_for_nobody_and_takes_nothing_that_is_leased() {
    let disk = OnDisk::new();
    let other = Store::open(&disk.path(), OpenOptions::default()).unwrap();
    for store in [&disk.store, &other] {
        let step = publish(&disk.store, "a", 70_000);
        let lease = store.lease().unwrap();
        let error = disk.store.sweep(SweepLimits { max_bytes: 0 }).unwrap_err();
        assert!(matches!(error, StoreError::InUse { .. }), "{error}");
        assert!(is_hit(&disk.store, &step, "a"));
        drop(lease);
        disk.store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
        assert!(!is_hit(&disk.store, &step, "a"));
    }
    // A writer without a lease counts as one from its first write on.
    other.put_blob(b"waiting").unwrap();
    assert!(matches!(
        disk.store.sweep(SweepLimits { max_bytes: 0 }),
        Err(StoreError::InUse { .. })
    ));
    let read_only = Store::open(
        &disk.path(),
        OpenOptions {
            read_only: true,
            ..Default::default()
        },
    )
    .unwrap();
    assert!(matches!(
        read_only.sweep(SweepLimits { max_bytes: 0 }),
        Err(StoreError::ReadOnly { .. })
    ));
}

// The outputs of the last runs are remembered, and no more of them.
#[test]
fn the_last_runs_are_remembered() {
    let store = Store::memory();
    for i in 0..KEPT_RUNS + 5 {
        store
            .record_run(
                &format!("run {i:03}"),
                &[("x".to_owned(), file(&store, &format!("{i}")))],
            )
            .unwrap();
    }
    store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
    let runs = store.runs().unwrap();
    assert_eq!(
        (runs.len(), runs[0].0.as_str(), runs[0].1[0].0.as_str()),
        (KEPT_RUNS, "run 024", "x")
    );
    assert!(store.has_blob(&BlobDigest::of(b"24")).unwrap() && !store.has_blob(&BlobDigest::of(b"4")).unwrap());
}

// A run with many outputs keeps their list as a blob: a run that made the same writes nothing but its name, a sweep spares
// list and outputs, and a lost list is a run that is not remembered.
#[test]
fn many_outputs_are_listed_in_a_blob_that_runs_share() {
    let store = Store::memory();
    let outputs: Vec<(String, Node)> = (0..1000)
        .map(|i| (format!("step {i}.file"), file(&store, &format!("content {i}"))))
        .collect();
    store.record_run("run 1", &outputs).unwrap();
    let record = store.run_record("run 1").unwrap().unwrap();
    assert!(record.len() < 100, "{}", record.len());
    assert_eq!(store.run_record("run 2").unwrap(), None);
    store.record_run_again("run 2", &record).unwrap();
    store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
    for run in store.runs().unwrap() {
        assert_eq!(run.1, outputs);
    }
    assert_eq!(store.runs().unwrap().len(), 2);
    assert!(store.has_blob(&BlobDigest::of(b"content 999")).unwrap());
    let list = BlobDigest::from_bytes(record[1..].try_into().unwrap());
    store.forget_blob(&list).unwrap();
    assert_eq!(store.runs().unwrap(), Vec::new());
    store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
}

// What steps did is kept for the last runs of each pipeline, read sets included, whatever a sweep takes.
#[test]
fn histories_of_the_last_runs_of_each_pipeline_are_kept() {
    let store = Store::memory();
    let history = |run: String, reads: &BlobDigest| RunHistory {
        run,
        steps: vec![StepHistory {
            step: "deploy".to_owned(),
            class: Class::Effectful,
            outcome: Outcome::Succeeded,
            attempts: 1,
            complete: true,
            grants: Grants::default(),
            mounts: Vec::new(),
            uses: Vec::new(),
            denials: Vec::new(),
            reads: Some(*reads),
        }],
    };
    for i in 0..KEPT_RUNS + 5 {
        let reads = store.put_blob(format!("reads {i}").as_bytes()).unwrap();
        store
            .record_history("one", &history(format!("run {i:03}"), &reads))
            .unwrap();
    }
    let reads = store.put_blob(b"other").unwrap();
    store
        .record_history("two", &history("run 000".to_owned(), &reads))
        .unwrap();
    store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
    let kept = store.histories("one").unwrap();
    assert_eq!((kept.len(), kept[0].1.run.as_str()), (KEPT_RUNS, "run 024"));
    assert!(store.has_blob(&kept[0].1.steps[0].reads.unwrap()).unwrap());
    assert!(!store.has_blob(&BlobDigest::of(b"reads 4")).unwrap());
    assert_eq!(store.histories("two").unwrap().len(), 1);
    assert!(store.histories("three").unwrap().is_empty());
}

// Every altered blob is found, told and out of reach.
#[test]
fn verifying_finds_what_was_altered() {
    let disk = OnDisk::new();
    let small = publish(&disk.store, "small", 100);
    let large = publish(&disk.store, "large", 500_000);
    assert_eq!(disk.store.verify().unwrap().problems, Vec::<String>::new());
    let disk = disk.reopen();
    for path in files(&disk.path().join("objects"))
        .iter()
        .chain(&files(&disk.path().join("packs")))
    {
        let mut content = std::fs::read(path).unwrap();
        let at = if path.ends_with("pack") {
            content.len() - 40
        } else {
            44 + content.len() / 300
        };
        content[at] ^= 1;
        std::fs::write(path, content).unwrap();
    }
    let found = disk.store.verify().unwrap();
    assert!(found.problems.len() >= 2, "{found:?}");
    assert!(found.incomplete >= 1, "{found:?}");
    assert!(!is_hit(&disk.store, &large, "large"));
    is_hit(&disk.store, &small, "small");
    assert_eq!(
        disk.store.verify().unwrap().problems,
        Vec::<String>::new(),
        "what was found is out of reach"
    );
}

fn archived() -> (Vec<u8>, Vec<(Action, ActionResult)>) {
    let disk = OnDisk::new();
    let steps = ["a", "b", "long"].map(|name| publish(&disk.store, name, if name == "long" { 300_000 } else { 500 }));
    let broken = publish(&disk.store, "broken", 100);
    let content = bytes(100, "broken".bytes().map(u32::from).sum());
    disk.store.forget_blob(&BlobDigest::of(&content)).unwrap();
    let mut out = Vec::new();
    let done = disk.store.export_archive(&mut out).unwrap();
    assert_eq!(done.results, 3, "a result that is not whole does not travel");
    assert!(!is_hit(&disk.store, &broken, "broken"));
    (out, steps.to_vec())
}

// On another machine the same steps are hits, and what they read can be explained.
#[test]
fn an_archive_carries_results_to_another_store() {
    let (archive, steps) = archived();
    for store in [Store::memory(), OnDisk::new().store] {
        let done = store.import_archive(&archive[..]).unwrap();
        assert_eq!(done.results, 3);
        for (step, name) in steps.iter().zip(["a", "b", "long"]) {
            assert!(is_hit(&store, step, name));
        }
        assert_eq!(
            store.import_archive(&archive[..]).unwrap().results,
            0,
            "what is known stays"
        );
        assert_eq!(store.last_action("a").unwrap().as_ref(), Some(&steps[0].0));
    }
}

// Cut off at any place, or a byte altered at any place: a clear error, and nothing of it is a hit.
#[test]
fn nothing_of_a_damaged_archive_is_believed() {
    let (archive, steps) = archived();
    let check = |damaged: &[u8], what: &str| {
        let store = Store::memory();
        let error = store.import_archive(damaged).expect_err(what);
        assert!(matches!(error, StoreError::Archive { .. }), "{what}: {error}");
        assert_eq!(error.code(), "S0010");
        for (step, name) in steps.iter().zip(["a", "b", "long"]) {
            assert!(!is_hit(&store, step, name), "{what}");
        }
    };
    let mut cuts: Vec<usize> = (0..archive.len()).step_by(archive.len() / 60).collect();
    cuts.extend(archive.len() - 20..archive.len());
    for cut in cuts {
        check(&archive[..cut], &format!("cut at {cut} of {}", archive.len()));
    }
    // A byte of compressed data may come out as another valid stream only if the hash at the end is that of it.
    for at in (0..archive.len()).step_by(archive.len() / 80) {
        let mut altered = archive.clone();
        altered[at] ^= 0x55;
        let store = Store::memory();
        if let Err(error) = store.import_archive(&altered[..]) {
            assert!(matches!(error, StoreError::Archive { .. }), "{at}: {error}");
            assert!(steps.iter().all(|step| !is_hit(&store, step, "x")));
        } else {
            assert!(steps.iter().all(|step| is_hit(&store, step, "x")), "{at}");
        }
    }
    check(b"", "empty");
    check(b"PK\x03\x04 something else entirely", "garbage");
    check(&[&archive[..], b"more"].concat(), "with more behind it");
}

const CHILD: &str = "AIRTIGHT_TEST_STORE";

// Several processes put, publish and look up at once in one store; afterwards everything is there and whole.
#[test]
fn several_processes_share_a_store() {
    let disk = OnDisk::new();
    let exe = std::env::current_exe().unwrap();
    let start = |n: u32| {
        let mut command = Command::new(&exe);
        command.args([
            "--exact",
            "upkeep::child_that_works_in_a_store",
            "--ignored",
            "--test-threads=1",
        ]);
        command.env(CHILD, disk.path()).env("N", n.to_string()).spawn().unwrap()
    };
    let children: Vec<_> = (0..4).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(disk.store.verify().unwrap().problems, Vec::<String>::new());
    for i in 0..40 {
        let (action, _) = publish(&Store::memory(), &format!("step {i}"), 3000);
        assert!(
            matches!(disk.store.lookup(&action, "x").unwrap(), Lookup::Full(_)),
            "step {i}"
        );
    }
}

// Started by the test above, with a store to work in.
#[test]
#[ignore = "only a part of another test"]
fn child_that_works_in_a_store() {
    let Some(path) = std::env::var_os(CHILD) else { return };
    let shift: usize = std::env::var("N").unwrap().parse().unwrap();
    let store = Store::open(std::path::Path::new(&path), OpenOptions::default()).unwrap();
    for i in 0..40 {
        let name = format!("step {}", (i + shift * 10) % 40);
        let step = publish(&store, &name, 3000);
        assert!(is_hit(&store, &step, &name));
        store.put_blob(&bytes(100_000, i as u32 % 7 + 1)).unwrap();
        if i % 9 == 0 {
            store.flush().unwrap();
        }
    }
}

// A process that is killed while it writes leaves a store that opens, verifies and goes on.
#[test]
fn a_killed_process_leaves_a_sound_store() {
    let disk = OnDisk::new();
    let exe = std::env::current_exe().unwrap();
    for n in 0..6u32 {
        let mut command = Command::new(&exe);
        command.args([
            "--exact",
            "upkeep::child_that_works_in_a_store",
            "--ignored",
            "--test-threads=1",
        ]);
        let mut child = command.env(CHILD, disk.path()).env("N", n.to_string()).spawn().unwrap();
        // Some instant of its work: the time that some work of ours takes.
        for i in 0..n * 4 {
            publish(&disk.store, &format!("ours {n} {i}"), 5000);
            disk.store.flush().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(disk.store.verify().unwrap().problems, Vec::<String>::new(), "round {n}");
    }
}

// What processes that were killed left goes with a sweep, and nothing else does.
#[test]
fn a_sweep_takes_what_killed_processes_left() {
    let disk = OnDisk::new();
    let (action, result) = publish(&disk.store, "kept", 100_000);
    disk.store.flush().unwrap();
    std::fs::create_dir_all(disk.path().join("tmp")).unwrap();
    let left = ["tmp/0123456789abcdef", "version.0123456789abcdef"].map(|name| disk.path().join(name));
    for left in &left {
        std::fs::write(left, "half").unwrap();
    }
    disk.store.sweep(SweepLimits { max_bytes: 1 << 30 }).unwrap();
    assert!(!left.iter().any(|left| left.exists()));
    let disk = disk.reopen();
    assert_eq!(disk.store.lookup(&action, "kept").unwrap(), Lookup::Full(result));
}
