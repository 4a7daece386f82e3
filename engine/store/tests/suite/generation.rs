//! The generation: another one whenever anything may have gone, before it goes and after it, and the same otherwise.

use std::io::ErrorKind;
use std::os::unix::fs::FileExt;

use airtight_model::*;
use airtight_store::*;

use crate::support::*;

fn open(disk: &OnDisk) -> Store {
    Store::open(&disk.path(), OpenOptions::default()).unwrap()
}

// Adding, reading, looking up and ingesting remove nothing, and neither does another process that does the same.
#[test]
fn what_removes_nothing_leaves_the_generation() {
    let disk = OnDisk::new();
    let first = disk.store.generation().unwrap();
    let other = open(&disk);
    for store in [&disk.store, &other] {
        let input = folder(store, &[("a", "1"), ("b/c", "2")]);
        let action = action(vec![("/src", input.clone())]);
        let result = result(vec![("out", input.clone())]);
        store.publish(&action, &ReadSet::default(), &result, "step").unwrap();
        assert!(matches!(store.lookup(&action, "step").unwrap(), Lookup::Full(_)));
        let source = tempfile::tempdir().unwrap();
        std::fs::write(source.path().join("f"), "text").unwrap();
        let request = IngestRequest {
            root: source.path(),
            path: ".",
            exclude: &[],
            gitignore: true,
            stat_cache: true,
            list_left_out: false,
        };
        store.ingest(&request).unwrap();
        store.put_blob(&bytes(100_000, 7)).unwrap();
        store.flush().unwrap();
        store.verify().unwrap();
        let _lease = store.lease().unwrap();
        assert_eq!(store.generation().unwrap(), first);
    }
    assert_eq!(disk.reopen().store.generation().unwrap(), first);
}

// Each way in which something goes, seen at once by a process that had read the old generation just before.
#[test]
fn whatever_removes_something_changes_the_generation_for_every_process() {
    type Way = fn(&OnDisk, &BlobDigest, &BlobDigest);
    let flip = |path: &std::path::Path| {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let len = file.metadata().unwrap().len();
        file.write_all_at(&[0xa5; 40], len / 2).unwrap();
    };
    let ways: [(&str, Way); 7] = [
        ("forget a small one", |disk, small, _| {
            disk.store.forget_blob(small).unwrap()
        }),
        ("forget a large one", |disk, _, large| {
            disk.store.forget_blob(large).unwrap()
        }),
        ("forget what was not there", |disk, _, _| {
            disk.store.forget_blob(&BlobDigest::of(b"never")).unwrap();
        }),
        ("sweep", |disk, _, _| {
            disk.store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
        }),
        ("lose a pack", |disk, small, _| {
            for pack in files(&disk.path().join("packs")) {
                std::fs::remove_file(pack).unwrap();
            }
            assert!(open(disk).blob(small).unwrap_err().lost_blob().is_some());
        }),
        ("verify", |disk, _, _| {
            let object = files(&disk.path().join("objects")).pop().unwrap();
            std::fs::OpenOptions::new()
                .write(true)
                .open(object)
                .unwrap()
                .set_len(70_000)
                .unwrap();
            assert!(!open(disk).verify().unwrap().problems.is_empty());
        }),
        ("lose the index", |disk, _, _| {
            for end in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(disk.path().join(format!("index.db{end}")));
            }
        }),
    ];
    for (name, way) in ways {
        let disk = OnDisk::new();
        let small = disk.store.put_blob(b"small").unwrap();
        let large = disk.store.put_blob(&bytes(100_000, 3)).unwrap();
        let disk = disk.reopen();
        let other = open(&disk);
        let before = disk.store.generation().unwrap();
        assert_eq!(other.generation().unwrap(), before, "{name}");
        way(&disk, &small, &large);
        let other = if name == "lose the index" { open(&disk) } else { other };
        let after = other.generation().unwrap();
        assert_ne!(after, before, "{name}");
        assert_eq!(open(&disk).generation().unwrap(), after, "{name}");
    }
    // An altered blob is noticed when it is read.
    let disk = OnDisk::new();
    let digest = disk.store.put_blob(&bytes(100_000, 3)).unwrap();
    let before = disk.store.generation().unwrap();
    flip(&files(&disk.path().join("objects")).pop().unwrap());
    assert!(open(&disk).blob(&digest).and_then(|blob| blob.read_all()).is_err());
    assert_ne!(disk.store.generation().unwrap(), before);
}

// A removal that fails anywhere, as one that is killed there would: what is gone has changed the generation first.
#[test]
fn what_is_gone_has_changed_the_generation_before_whatever_fails() {
    let mut gone_and_failed = 0;
    for sweep in [false, true] {
        for n in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("s");
            let plain = Store::open(&path, OpenOptions::default()).unwrap();
            let blobs = [b"one".to_vec(), bytes(100_000, 1)].map(|bytes| plain.put_blob(&bytes).unwrap());
            let before = plain.generation().unwrap();
            drop(plain);
            let faults = FaultPlan::nth(n, ErrorKind::Other);
            let options = OpenOptions {
                faults: Some(faults.clone()),
                ..Default::default()
            };
            let store = Store::open(&path, options).unwrap();
            let done = match sweep {
                true => store.sweep(SweepLimits { max_bytes: 0 }).map(drop),
                false => blobs.iter().try_for_each(|blob| store.forget_blob(blob)),
            };
            let failed = faults.operations() > n;
            // Killed: nothing more is written.
            std::mem::forget(store);
            let store = Store::open(&path, OpenOptions::default()).unwrap();
            let gone = blobs.iter().any(|blob| !store.has_blob(blob).unwrap());
            if gone {
                assert_ne!(store.generation().unwrap(), before, "operation {n}, sweep: {sweep}");
                gone_and_failed += usize::from(done.is_err());
            }
            if !failed {
                assert!(gone && done.is_ok());
                break;
            }
        }
    }
    assert!(gone_and_failed > 0, "no fault came between");
}

// A run asks under its lease: what a process read a moment ago, from before another one's sweep, does not count.
#[test]
fn what_is_read_under_a_lease_is_no_older_than_it() {
    let disk = OnDisk::new();
    let input = folder(&disk.store, &[("a", "1")]);
    let action = action(vec![("/src", input.clone())]);
    disk.store
        .publish(&action, &ReadSet::default(), &result(vec![("out", input)]), "step")
        .unwrap();
    let disk = disk.reopen();
    let reader = open(&disk);
    assert!(matches!(reader.lookup(&action, "step").unwrap(), Lookup::Full(_)));
    disk.store.sweep(SweepLimits { max_bytes: 0 }).unwrap();
    let _lease = reader.lease().unwrap();
    assert!(matches!(reader.lookup(&action, "step").unwrap(), Lookup::Miss(_)));
}

// Nothing can be kept in a store that is only read: one without a generation never has the one that it had.
#[test]
fn a_store_that_is_only_read_and_has_no_generation_never_has_the_same() {
    let disk = OnDisk::new();
    let known = disk.store.generation().unwrap();
    let disk = disk.reopen();
    let options = OpenOptions {
        read_only: true,
        ..Default::default()
    };
    let read_only = |path: &std::path::Path| Store::open(path, options.clone()).unwrap();
    assert_eq!(read_only(&disk.path()).generation().unwrap(), known);
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(disk.path().join(format!("index.db{end}")));
    }
    let store = read_only(&disk.path());
    let first = store.generation().unwrap();
    assert_ne!(first, known);
    assert_ne!(store.generation().unwrap(), first);
}
