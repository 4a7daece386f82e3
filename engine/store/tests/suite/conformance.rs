//! What every driver does, one generic suite: in memory, on disk, and around either a fault at every operation.

use std::io::ErrorKind;

use airtight_model::*;
use airtight_store::*;

use crate::support::*;

const SIZES: [usize; 12] = [
    0,
    1,
    100,
    16 << 10,
    (16 << 10) + 1,
    64 << 10,
    (64 << 10) + 1,
    256 << 10,
    (256 << 10) + 1,
    1 << 20,
    (1 << 20) + 1,
    3_000_001,
];

macro_rules! every_driver {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        mod memory { $(#[test] fn $name() { super::$name(&super::Store::memory()); })* }
        mod disk { $(#[test] fn $name() { super::$name(&super::OnDisk::new().store); })* }
        mod undisturbed {
            $(#[test] fn $name() {
                let faults = super::FaultPlan::nth(u64::MAX, super::ErrorKind::Other);
                let options = super::OpenOptions { faults: Some(faults), ..Default::default() };
                super::$name(&super::Store::memory_with(options));
            })*
        }
    };
}

every_driver! {
    a_blob_reads_back_whole_and_in_ranges;
    a_blob_that_was_never_put_is_missing;
    a_scratch_file_becomes_the_blob_of_what_was_written;
    a_scratch_file_is_written_in_any_order;
    a_tree_reads_back_and_other_bytes_are_no_tree;
    a_forgotten_blob_is_missing_until_it_is_put_again;
    records_are_kept_apart_by_kind_and_replaced;
    a_sha256_is_computed_once_and_remembered;
    many_threads_put_and_read_at_once;
}

// The digest that others speak is that of the blob's bytes, and known even when the blob has gone; of a blob that is not
// there and was never asked for, there is none.
fn a_sha256_is_computed_once_and_remembered(store: &Store) {
    let digest = store.put_blob(b"abc").unwrap();
    let hex: String = store
        .sha256(&digest)
        .unwrap()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let large = store.put_blob(&bytes(3_000_001, 1)).unwrap();
    let found = store.sha256(&large).unwrap();
    store.forget_blob(&large).unwrap();
    assert_eq!(store.sha256(&large).unwrap(), found);
    let never = BlobDigest::of(b"never");
    assert_eq!(store.sha256(&never).unwrap_err().lost_blob(), Some(never));
}

// Every size around the borders of chunk groups, packs and segments.
fn a_blob_reads_back_whole_and_in_ranges(store: &Store) {
    for (i, size) in SIZES.into_iter().enumerate() {
        let content = bytes(size, i as u32);
        let digest = store.put_blob(&content).unwrap();
        assert_eq!(digest, BlobDigest::of(&content));
        assert_eq!(store.put_blob(&content).unwrap(), digest);
        for flushed in [false, true] {
            if flushed {
                store.flush().unwrap();
            }
            let blob = store.blob(&digest).unwrap();
            assert_eq!(blob.size(), size as u64);
            assert!(blob.read_all().unwrap() == content, "{size}");
            for (offset, len) in [
                (0, 1),
                (size / 2, 20_000),
                (size.saturating_sub(3), 10),
                (size, 5),
                (size + 9, 5),
                (16_383, 2),
            ] {
                let mut buffer = vec![0; len];
                let count = blob.read_at(offset as u64, &mut buffer).unwrap();
                let start = offset.min(size);
                assert!(
                    buffer[..count] == content[start..(start + len).min(size)],
                    "{size} at {offset}"
                );
            }
            let mut parts = Vec::new();
            blob.for_each_part::<StoreError>(|part| {
                parts.extend_from_slice(part);
                Ok(())
            })
            .unwrap();
            assert!(parts == content);
        }
    }
}

// The error names the blob, so that its maker can run again.
fn a_blob_that_was_never_put_is_missing(store: &Store) {
    let digest = BlobDigest::of(b"never");
    let error = store.blob(&digest).unwrap_err();
    assert_eq!(error.lost_blob(), Some(digest));
    assert!(!store.has_blob(&digest).unwrap());
    assert!(store.tree(&TreeDigest::from_bytes(*digest.as_bytes())).is_err());
}

// From front to back, in pieces, across the border between memory and file.
fn a_scratch_file_becomes_the_blob_of_what_was_written(store: &Store) {
    for (i, size) in SIZES.into_iter().enumerate() {
        let content = bytes(size, 77 + i as u32);
        let mut scratch = store.scratch().unwrap();
        for (n, part) in content.chunks(50_000).enumerate() {
            scratch.write_at(n as u64 * 50_000, part).unwrap();
        }
        assert_eq!((scratch.len(), scratch.is_empty()), (size as u64, size == 0));
        assert_eq!(scratch.digest().unwrap(), (BlobDigest::of(&content), size as u64));
        assert_eq!(
            store.put_scratch(scratch).unwrap(),
            (BlobDigest::of(&content), size as u64)
        );
        assert!(store.blob(&BlobDigest::of(&content)).unwrap().read_all().unwrap() == content);
    }
}

// Gaps, overwriting, cutting and growing are what guests do: a model in a vector does the same.
fn a_scratch_file_is_written_in_any_order(store: &Store) {
    let mut scratch = store.scratch().unwrap();
    let mut model: Vec<u8> = Vec::new();
    let steps: [(&str, usize, usize); 9] = [
        ("write", 10, 20),
        ("write", 400_000, 5000),
        ("write", 100, 300_000),
        ("len", 350_000, 0),
        ("write", 350_000, 70),
        ("len", 500_001, 0),
        ("len", 0, 0),
        ("write", 0, 600_000),
        ("write", 600_000, 5),
    ];
    for (i, (what, at, len)) in steps.into_iter().enumerate() {
        if what == "len" {
            scratch.set_len(at as u64).unwrap();
            model.resize(at, 0);
        } else {
            let part = bytes(len, i as u32 + 5);
            scratch.write_at(at as u64, &part).unwrap();
            model.resize(model.len().max(at + len), 0);
            model[at..at + len].copy_from_slice(&part);
        }
        assert_eq!(
            scratch.digest().unwrap(),
            (BlobDigest::of(&model), model.len() as u64),
            "step {i}"
        );
        let mut buffer = vec![0; 1000];
        let count = scratch.read_at(model.len() as u64 / 2, &mut buffer).unwrap();
        assert!(buffer[..count] == model[model.len() / 2..(model.len() / 2 + 1000).min(model.len())]);
    }
    let (digest, _) = store.put_scratch(scratch).unwrap();
    assert!(store.blob(&digest).unwrap().read_all().unwrap() == model);
}

// A tree is only believed when its bytes are a tree's.
fn a_tree_reads_back_and_other_bytes_are_no_tree(store: &Store) {
    let node = folder(store, &[("a/b.txt", "b"), ("a/c", "-> b.txt"), ("z/", ""), ("é", "x")]);
    let Node::Directory(digest) = node else {
        panic!("a folder")
    };
    assert_eq!(store.tree(&digest).unwrap().digest(), digest);
    let other = store.put_blob(b"ATtr\x01\x05 no tree").unwrap();
    let error = store.tree(&TreeDigest::from_bytes(*other.as_bytes())).unwrap_err();
    assert!(
        matches!(error, StoreError::Corrupt { digest, .. } if digest == other),
        "{error}"
    );
}

// What names a lost blob becomes a miss, and its maker puts it again.
fn a_forgotten_blob_is_missing_until_it_is_put_again(store: &Store) {
    for size in [10, 200_000] {
        let content = bytes(size, 3);
        let digest = store.put_blob(&content).unwrap();
        store.flush().unwrap();
        store.forget_blob(&digest).unwrap();
        assert!(matches!(store.blob(&digest), Err(StoreError::Missing(lost)) if lost == digest));
        store.put_blob(&content).unwrap();
        assert!(store.blob(&digest).unwrap().read_all().unwrap() == content);
    }
}

// Equal keys of two kinds are two records, even where one's key continues the other's kind.
fn records_are_kept_apart_by_kind_and_replaced(store: &Store) {
    store.record_put("summary", b"k", b"one").unwrap();
    store.record_put("sum", b"mary\0k", b"two").unwrap();
    store.record_put("other", b"k", b"").unwrap();
    store.record_put("summary", b"k", b"three").unwrap();
    for flushed in [false, true] {
        if flushed {
            store.flush().unwrap();
        }
        assert_eq!(
            store.record_get("summary", b"k").unwrap().as_deref(),
            Some(&b"three"[..])
        );
        assert_eq!(
            store.record_get("sum", b"mary\0k").unwrap().as_deref(),
            Some(&b"two"[..])
        );
        assert_eq!(store.record_get("other", b"k").unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(store.record_get("summary", b"absent").unwrap(), None);
    }
}

// Clones share the store; flushing in between changes nothing that anyone sees.
fn many_threads_put_and_read_at_once(store: &Store) {
    std::thread::scope(|scope| {
        for thread in 0..4u32 {
            let store = store.clone();
            scope.spawn(move || {
                for i in 0..300u32 {
                    let content = bytes(500 + i as usize, i * (1 + thread % 2) + 1);
                    let digest = store.put_blob(&content).unwrap();
                    store.record_put("thread", &i.to_le_bytes(), digest.as_bytes()).unwrap();
                    if i % 50 == 0 {
                        store.flush().unwrap();
                    }
                    assert!(store.blob(&digest).unwrap().read_all().unwrap() == content);
                }
            });
        }
    });
}

/// Work that touches every operation: returns what is promised to be there.
fn work(store: &Store) -> Result<Vec<(BlobDigest, Vec<u8>)>, StoreError> {
    let mut kept = Vec::new();
    for size in [5, 70_000] {
        let content = bytes(size, size as u32);
        kept.push((store.put_blob(&content)?, content));
    }
    let mut scratch = store.scratch()?;
    let content = bytes(400_000, 9);
    scratch.write_at(0, &content)?;
    kept.push((store.put_scratch(scratch)?.0, content));
    let tree = Tree::new(Vec::new()).unwrap();
    let node = Node::Directory(store.put_tree(&tree)?);
    let action = action(vec![("/src", node.clone())]);
    store.publish(&action, &ReadSet::default(), &result(vec![("out", node)]), "step")?;
    store.record_put("x", b"y", b"z")?;
    store.lookup(&action, "step")?;
    store.flush()?;
    Ok(kept)
}

// Each operation fails once, with each kind of error: what was promised is there, nothing wrong is served, and
// doing it again succeeds.
#[test]
fn a_fault_at_any_operation_costs_work_and_never_truth() {
    for kind in [ErrorKind::StorageFull, ErrorKind::Other] {
        for on_disk in [false, true] {
            let mut n = 0;
            loop {
                let faults = FaultPlan::nth(n, kind);
                let options = OpenOptions {
                    faults: Some(faults.clone()),
                    ..Default::default()
                };
                let folder = tempfile::tempdir().unwrap();
                let store = match on_disk {
                    true => Store::open(&folder.path().join("s"), options).unwrap(),
                    false => Store::memory_with(options),
                };
                let first = work(&store);
                if let Err(error) = &first {
                    assert!(matches!(error, StoreError::Io { .. }), "{error}");
                    assert_eq!(error.is_disk_full(), kind == ErrorKind::StorageFull);
                }
                // A store that closes writes what waits, which is no part of the work.
                if faults.operations() <= n {
                    break;
                }
                let kept = work(&store).unwrap_or_else(|error| panic!("operation {n} once more: {error}"));
                let store = match on_disk {
                    true => {
                        drop(store);
                        Store::open(&folder.path().join("s"), OpenOptions::default()).unwrap()
                    }
                    false => store,
                };
                for (digest, content) in kept {
                    assert!(store.blob(&digest).unwrap().read_all().unwrap() == content);
                }
                n += 1;
            }
            assert!(n > 20, "the work has too few operations: {n}");
        }
    }
}

// Two processes are two handles that share nothing but the folder.
#[test]
fn two_openings_of_one_store_see_each_others_work() {
    let one = OnDisk::new();
    let two = Store::open(&one.path(), OpenOptions::default()).unwrap();
    for i in 0..50u32 {
        let (writer, reader) = if i % 2 == 0 {
            (&one.store, &two)
        } else {
            (&two, &one.store)
        };
        let content = bytes(if i % 5 == 0 { 90_000 } else { 900 }, i + 1);
        let digest = writer.put_blob(&content).unwrap();
        writer.record_put("r", &i.to_le_bytes(), b"v").unwrap();
        writer.flush().unwrap();
        reader.flush().unwrap();
        assert!(reader.blob(&digest).unwrap().read_all().unwrap() == content);
        assert!(reader.record_get("r", &i.to_le_bytes()).unwrap().is_some());
    }
}

// A store in use is not torn down under who uses it, and what is waiting is not lost when the handle goes.
#[test]
fn what_waits_is_written_when_the_last_handle_goes() {
    let disk = OnDisk::new();
    let digest = disk.store.put_blob(b"small").unwrap();
    let clone = disk.store.clone();
    drop(clone);
    let disk = disk.reopen();
    assert_eq!(disk.store.blob(&digest).unwrap().read_all().unwrap(), b"small");
}
