//! Stores that are not what they should be: altered, cut off, of another version, read-only, or no stores.

use std::os::unix::fs::{FileExt, PermissionsExt};

use airtight_model::*;
use airtight_store::*;

use crate::support::*;

fn flip(path: &std::path::Path, offset: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}

fn object(disk: &OnDisk) -> std::path::PathBuf {
    files(&disk.path().join("objects")).pop().unwrap()
}

/// Reads a blob in ranges until one is refused.
fn read_all_ranges(store: &Store, digest: &BlobDigest, content: &[u8]) -> Result<(), StoreError> {
    let blob = store.blob(digest)?;
    let mut buffer = vec![0; 5000];
    let mut offset = 0;
    while offset < content.len() {
        let count = blob.read_at(offset as u64, &mut buffer)?;
        assert!(
            buffer[..count] == content[offset..offset + count],
            "an altered byte was served at {offset}"
        );
        offset += count;
    }
    Ok(())
}

// One byte anywhere in a large blob's file (content, check values, trailer): no other byte is ever served, it is set
// aside, and it can be put again.
#[test]
fn an_altered_large_blob_is_never_served() {
    let content = bytes(2_500_000, 4);
    let len = content.len() as u64;
    let (groups, segments) = (len.div_ceil(16 << 10) * 32, 3 * 32);
    let places = [
        0,
        1_234_567,
        len - 1,
        len,
        len + 700,
        len + groups + 40,
        len + groups + segments + 2,
        len + groups + segments + 12,
    ];
    for offset in places {
        let disk = OnDisk::new();
        let digest = disk.store.put_blob(&content).unwrap();
        let disk = disk.reopen();
        flip(&object(&disk), offset);
        let error = read_all_ranges(&disk.store, &digest, &content).unwrap_err();
        assert!(
            matches!(error, StoreError::Corrupt { digest: bad, .. } if bad == digest),
            "{offset}: {error}"
        );
        assert!(
            matches!(disk.store.blob(&digest), Err(StoreError::Missing(_))),
            "{offset}"
        );
        assert_eq!(files(&disk.path().join("aside")).len(), 1);
        disk.store.put_blob(&content).unwrap();
        read_all_ranges(&disk.store, &digest, &content).unwrap();
    }
}

// A file that was cut off or has grown, at every kind of place, is refused when it is opened; one that changes while
// it is open, when it is read: never a signal, never a short read.
#[test]
fn a_large_blob_of_another_length_is_never_served() {
    let content = bytes(300_000, 8);
    for len in [0, 5, 15, 16, 1000, 300_000, 300_010, 301_000, 400_000] {
        let disk = OnDisk::new();
        let digest = disk.store.put_blob(&content).unwrap();
        let disk = disk.reopen();
        std::fs::OpenOptions::new()
            .write(true)
            .open(object(&disk))
            .unwrap()
            .set_len(len)
            .unwrap();
        assert!(
            matches!(disk.store.blob(&digest), Err(StoreError::Corrupt { .. })),
            "{len}"
        );
    }
    let disk = OnDisk::new();
    let digest = disk.store.put_blob(&content).unwrap();
    let blob = disk.store.blob(&digest).unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(object(&disk))
        .unwrap()
        .set_len(100_000)
        .unwrap();
    let mut buffer = vec![0; 300_000];
    assert!(matches!(blob.read_at(0, &mut buffer), Err(StoreError::Corrupt { .. })));
}

// A byte of a small blob, and a pack that is cut off or gone.
#[test]
fn an_altered_small_blob_is_never_served() {
    for damage in ["flip", "cut", "remove"] {
        let disk = OnDisk::new();
        let digest = disk.store.put_blob(b"some small content").unwrap();
        let disk = disk.reopen();
        let pack = files(&disk.path().join("packs")).pop().unwrap();
        match damage {
            "flip" => flip(&pack, std::fs::metadata(&pack).unwrap().len() - 3),
            "cut" => std::fs::OpenOptions::new()
                .write(true)
                .open(&pack)
                .unwrap()
                .set_len(20)
                .unwrap(),
            _ => std::fs::remove_file(&pack).unwrap(),
        }
        assert!(
            matches!(disk.store.blob(&digest), Err(StoreError::Corrupt { .. })),
            "{damage}"
        );
        assert!(
            matches!(disk.store.blob(&digest), Err(StoreError::Missing(_))),
            "{damage}"
        );
        disk.store.put_blob(b"some small content").unwrap();
        let disk = disk.reopen();
        assert_eq!(
            disk.store.blob(&digest).unwrap().read_all().unwrap(),
            b"some small content"
        );
    }
}

// A tree is a blob like others: its altered bytes are never a tree.
#[test]
fn an_altered_tree_is_never_served() {
    let disk = OnDisk::new();
    let Node::Directory(digest) = folder(&disk.store, &[("a", "1"), ("b", "2")]) else {
        panic!("a folder")
    };
    let disk = disk.reopen();
    let pack = files(&disk.path().join("packs")).pop().unwrap();
    flip(&pack, std::fs::metadata(&pack).unwrap().len() - 5);
    assert_eq!(
        disk.store.tree(&digest).unwrap_err().lost_blob(),
        Some(digest.as_blob())
    );
}

// Bytes of the index at many places: every lookup is the right result, a miss or a clear error, and the store works on.
#[test]
fn an_altered_index_costs_work_and_never_truth() {
    let mut hits = 0;
    let mut misses = 0;
    for round in 0..40u64 {
        let disk = OnDisk::new();
        let input = folder(&disk.store, &[("a", "1")]);
        let mut expected = Vec::new();
        for i in 0..30 {
            let mut request = request(vec![("/src", input.clone())]);
            request.env = vec![("N".to_owned(), i.to_string())];
            let result = result(vec![("out", file(&disk.store, &format!("output {i}")))]);
            let action = Action::new(&request);
            disk.store
                .publish(&action, &ReadSet::default(), &result, "step")
                .unwrap();
            expected.push((action, result));
        }
        disk.store.flush().unwrap();
        let path = disk.path();
        let OnDisk { store, folder } = disk;
        drop(store);
        let index = path.join("index.db");
        let len = std::fs::metadata(&index).unwrap().len();
        for k in 0..40 {
            flip(&index, (round * 7919 + k * 104_729) % len);
        }
        let store = Store::open(&path, OpenOptions::default()).unwrap();
        for (action, result) in &expected {
            match store.lookup(action, "step") {
                Ok(Lookup::Full(found) | Lookup::Narrow(found)) => {
                    assert_eq!(found, *result);
                    hits += 1;
                }
                Ok(Lookup::Miss(_)) => misses += 1,
                Err(error) => assert!(error.lost_blob().is_some(), "round {round}: {error}"),
            }
        }
        let digest = store.put_blob(b"after").unwrap();
        store.record_put("x", b"after", b"1").unwrap();
        store.flush().unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(store.blob(&digest).unwrap().read_all().unwrap(), b"after");
        drop(folder);
    }
    assert!(
        hits > 0 && misses > 0,
        "{hits} hits, {misses} misses: the damage shows nothing"
    );
}

// Files that are no database at all, or empty, or gone.
#[test]
fn an_index_that_is_no_database_is_set_aside() {
    for content in [
        &b"this is not a database, and it is long enough to be looked at by anyone who wants to"[..],
        b"",
        b"x",
    ] {
        let disk = OnDisk::new();
        let large = bytes(100_000, 2);
        let digest = disk.store.put_blob(&large).unwrap();
        let disk = disk.reopen();
        std::fs::write(disk.path().join("index.db"), content.repeat(100)).unwrap();
        assert_eq!(disk.store.record_get("a", b"b").unwrap(), None);
        disk.store.record_put("a", b"b", b"c").unwrap();
        let disk = disk.reopen();
        assert_eq!(disk.store.record_get("a", b"b").unwrap().unwrap(), b"c");
        assert!(
            disk.store.blob(&digest).unwrap().read_all().unwrap() == large,
            "large blobs need no index"
        );
    }
}

// The versions are both told, and nothing is touched.
#[test]
fn a_store_of_a_newer_version_is_refused() {
    let disk = OnDisk::new();
    std::fs::write(disk.path().join("version"), "airtight-store 7\n").unwrap();
    let error = Store::open(&disk.path(), OpenOptions::default()).unwrap_err();
    assert!(
        matches!(error, StoreError::NewerVersion { found: 7, known: 1, .. }),
        "{error}"
    );
    assert_eq!(error.code(), "S0006");
}

// A mistyped `--store` must not be filled with packs.
#[test]
fn a_folder_with_other_things_in_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let error = Store::open(folder.path(), OpenOptions::default()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    assert_eq!(files(folder.path()).len(), 1);
    std::fs::write(folder.path().join("version"), [0xff, 0xfe]).unwrap();
    assert!(matches!(
        Store::open(folder.path(), OpenOptions::default()),
        Err(StoreError::NotAStore { .. })
    ));
}

// A file where the folder should be, or above it.
#[test]
fn a_path_that_is_no_folder_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("store")] {
        let error = Store::open(&path, OpenOptions::default()).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert!(error.to_string().contains("file"), "{error}");
    }
}

// Hits work in a store that is only read; what would write says so.
#[test]
fn a_read_only_store_answers_and_refuses_to_write() {
    let disk = OnDisk::new();
    let input = folder(&disk.store, &[("a", "1")]);
    let action = action(vec![("/src", input)]);
    let result = result(vec![("out", file(&disk.store, "x"))]);
    disk.store
        .publish(&action, &ReadSet::default(), &result, "step")
        .unwrap();
    let disk = disk.reopen();
    let options = OpenOptions {
        read_only: true,
        ..Default::default()
    };
    let store = Store::open(&disk.path(), options.clone()).unwrap();
    assert_eq!(store.lookup(&action, "step").unwrap(), Lookup::Full(result));
    let error = store.put_blob(b"new").unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    assert_eq!(error.code(), "S0008");
    assert!(Store::open(&disk.path().join("absent"), options).is_err());
}

// Others on the machine have no business in it.
#[test]
fn the_folder_is_private() {
    let disk = OnDisk::new();
    disk.store.put_blob(&bytes(100_000, 1)).unwrap();
    disk.store.put_blob(b"small").unwrap();
    disk.store.flush().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&disk.path()), 0o700);
    assert_eq!(mode(&object(&disk)), 0o600);
    assert!(files(&disk.path()).iter().any(|path| path.ends_with("CACHEDIR.TAG")));
}
