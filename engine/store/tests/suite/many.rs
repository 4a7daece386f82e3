//! Folders of many files, which several threads look at and of which only what changed is read again.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use airtight_model::*;
use airtight_store::*;

use crate::support::*;

fn ingest(store: &Store, root: &Path, stat_cache: bool) -> Result<Ingested, IngestError> {
    store.ingest(&IngestRequest {
        root,
        path: ".",
        exclude: &[],
        gitignore: true,
        stat_cache,
        list_left_out: false,
    })
}

/// What a store that knows nothing makes of it, reading every file.
fn afresh(root: &Path) -> (Node, u64) {
    let found = ingest(&Store::memory(), root, false).unwrap();
    (found.node, found.files)
}

/// Lets the granularity of the file system's clock pass: what was touched within it is not believed.
fn settle() {
    std::thread::sleep(std::time::Duration::from_millis(40));
}

// Each kind of change, in the first, a middle and the last part of a large folder: the tree is what reading everything
// gives, only what changed is read, and knowing that nothing changed reads nothing.
#[test]
fn a_large_folder_is_read_again_where_it_changed_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for i in 0..1500 {
        std::fs::write(path(&format!("f{i:04}")), format!("content {i}")).unwrap();
    }
    for i in [3, 700, 1490] {
        std::fs::create_dir(path(&format!("f{i:04}.d"))).unwrap();
        std::fs::write(path(&format!("f{i:04}.d/below")), "below").unwrap();
        symlink(format!("f{i:04}"), path(&format!("f{i:04}.l"))).unwrap();
    }
    let disk = OnDisk::new();
    let change = |name: &str, at: usize| match name {
        "nothing" => {}
        "content" => std::fs::write(path(&format!("f{at:04}")), "another").unwrap(),
        "gone" => std::fs::remove_file(path(&format!("f{:04}", at + 1))).unwrap(),
        "new" => std::fs::write(path(&format!("f{at:04}.new")), "new").unwrap(),
        "below" => std::fs::write(path(&format!("f{at:04}.d/below")), "other").unwrap(),
        "link" => {
            std::fs::remove_file(path(&format!("f{at:04}.l"))).unwrap();
            symlink(format!("f{at:04}.d"), path(&format!("f{at:04}.l"))).unwrap();
        }
        "file to folder" => {
            std::fs::remove_file(path(&format!("f{:04}", at + 2))).unwrap();
            std::fs::create_dir(path(&format!("f{:04}", at + 2))).unwrap();
        }
        "folder to file" => {
            std::fs::remove_dir_all(path(&format!("f{at:04}.d"))).unwrap();
            std::fs::write(path(&format!("f{at:04}.d")), "a file").unwrap();
        }
        other => panic!("{other}"),
    };
    let changes = [
        ("nothing", 1506),
        ("content", 1),
        ("gone", 0),
        ("new", 1),
        ("below", 1),
        ("link", 1),
        ("file to folder", 0),
        ("folder to file", 1),
    ];
    let mut expected_read = changes[0].1;
    for (name, read) in changes {
        for at in [3, 700, 1490] {
            change(name, at);
            settle();
            let found = ingest(&disk.store, dir.path(), true).unwrap();
            assert_eq!((found.node.clone(), found.files), afresh(dir.path()), "{name} at {at}");
            assert_eq!(found.read, expected_read, "{name} at {at}");
            expected_read = if name == "nothing" { 0 } else { read };
            let again = ingest(&disk.store, dir.path(), true).unwrap();
            assert_eq!((again.node, again.read), (found.node, 0), "{name} at {at}, once more");
        }
        expected_read = changes
            .iter()
            .skip_while(|(known, _)| *known != name)
            .nth(1)
            .map_or(0, |(_, read)| *read);
    }
    // All that the last tree names can be read.
    let disk = disk.reopen();
    let found = ingest(&disk.store, dir.path(), true).unwrap();
    assert_eq!(found.read, 0);
    assert_eq!(list(&disk.store, &found.node).len() as u64, found.files + 1 + 3);
}

// A blob that is lost is read again, also in a folder of which nothing else has changed.
#[test]
fn a_lost_blob_of_a_large_folder_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..900 {
        std::fs::write(dir.path().join(format!("f{i:04}")), format!("content {i}")).unwrap();
    }
    settle();
    let disk = OnDisk::new();
    let first = ingest(&disk.store, dir.path(), true).unwrap();
    disk.store.forget_blob(&BlobDigest::of(b"content 555")).unwrap();
    let second = ingest(&disk.store, dir.path(), true).unwrap();
    assert_eq!((second.node.clone(), second.read), (first.node, 1));
    list(&disk.store, &second.node);
    assert_eq!(ingest(&disk.store, dir.path(), true).unwrap().read, 0);
}

// What could not be taken in is never remembered as not being there: the folder's times do not change when it fails.
#[test]
fn what_is_refused_once_is_refused_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/b");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("good"), "x").unwrap();
    for (name, code) in [(&b"bad\xff"[..], "S0024"), (b"pipe", "S0023")] {
        let bad = folder.join(std::ffi::OsStr::from_bytes(name));
        let socket = match code {
            "S0023" => Some(std::os::unix::net::UnixListener::bind(&bad).unwrap()),
            _ => std::fs::write(&bad, "y").map(|()| None).unwrap(),
        };
        settle();
        let disk = OnDisk::new();
        for _ in 0..3 {
            assert_eq!(ingest(&disk.store, dir.path(), true).unwrap_err().code(), code);
        }
        drop(socket);
        std::fs::remove_file(&bad).unwrap();
        assert_eq!(ingest(&disk.store, dir.path(), true).unwrap().files, 1);
    }
}
