//! Export: exactly the output, all of it or none, and nothing outside of the root.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use airtight_model::*;
use airtight_store::*;
use proptest::prelude::*;

use crate::support::*;

fn ingest(store: &Store, root: &Path, path: &str) -> Node {
    let request = IngestRequest {
        root,
        path,
        exclude: &[],
        gitignore: false,
        stat_cache: false,
        list_left_out: false,
    };
    store.ingest(&request).unwrap().node
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

const FILES: &[(&str, &str)] = &[
    ("a.txt", "a"),
    ("sub/b", "b"),
    ("sub/link", "-> ../a.txt"),
    ("empty/", ""),
];

// Into folders that are not there yet; modes are the same whatever the user's mask.
#[test]
fn a_folder_is_exported_as_it_is() {
    let (store, dir) = (Store::memory(), tempfile::tempdir().unwrap());
    let node = folder(&store, FILES);
    let done = store.export(&node, dir.path(), "dist/out").unwrap();
    assert_eq!(
        done,
        Exported {
            written: true,
            files: 3
        }
    );
    assert_eq!(ingest(&store, dir.path(), "dist/out"), node);
    assert_eq!(mode(&dir.path().join("dist/out/a.txt")), 0o644);
    assert_eq!(mode(&dir.path().join("dist/out/sub")), 0o755);
    assert_eq!(
        std::fs::read_dir(dir.path().join("dist")).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

// What is there already is not written again; what differs in anything is replaced, and what is too much goes.
#[test]
fn an_export_writes_only_what_is_different() {
    let (disk, dir) = (OnDisk::new(), tempfile::tempdir().unwrap());
    let node = folder(&disk.store, FILES);
    disk.store.export(&node, dir.path(), "out").unwrap();
    let inode = |path: &str| std::fs::symlink_metadata(dir.path().join(path)).unwrap().ino();
    let before = (inode("out"), inode("out/a.txt"));
    assert!(!disk.store.export(&node, dir.path(), "out").unwrap().written);
    assert!(!disk.store.export(&node, dir.path(), "./out/").unwrap().written);
    assert_eq!((inode("out"), inode("out/a.txt")), before);
    type Change = fn(&Path);
    let changes: [Change; 6] = [
        |at| std::fs::write(at.join("a.txt"), "A").unwrap(),
        |at| std::fs::write(at.join("extra"), "x").unwrap(),
        |at| std::fs::create_dir(at.join(".git")).unwrap(),
        |at| std::fs::remove_file(at.join("sub/b")).unwrap(),
        |at| std::fs::set_permissions(at.join("a.txt"), std::fs::Permissions::from_mode(0o755)).unwrap(),
        |at| {
            std::fs::remove_file(at.join("a.txt")).unwrap();
            symlink("/etc/passwd", at.join("a.txt")).unwrap();
        },
    ];
    for change in changes {
        change(&dir.path().join("out"));
        assert!(disk.store.export(&node, dir.path(), "out").unwrap().written);
        assert_eq!(ingest(&disk.store, dir.path(), "out"), node);
        assert!(!dir.path().join("out/extra").exists() && !dir.path().join("out/.git").exists());
    }
}

// A file in place of a folder, a folder in place of a file, a link in place of either.
#[test]
fn an_export_takes_the_place_of_whatever_is_there() {
    let (store, dir) = (Store::memory(), tempfile::tempdir().unwrap());
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("precious"), "p").unwrap();
    let nodes = [folder(&store, FILES), file(&store, "a file")];
    for node in &nodes {
        for there in ["file", "folder", "link", "broken"] {
            let at = dir.path().join("out");
            match there {
                "file" => std::fs::write(&at, "old").unwrap(),
                "folder" => std::fs::create_dir_all(at.join("x/y")).unwrap(),
                "link" => symlink(outside.path(), &at).unwrap(),
                _ => symlink("nowhere", &at).unwrap(),
            }
            assert!(store.export(node, dir.path(), "out").unwrap().written, "{there}");
            assert_eq!(ingest(&store, dir.path(), "out"), *node, "{there}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{there}");
            assert_eq!(std::fs::read(outside.path().join("precious")).unwrap(), b"p");
            if at.is_dir() {
                std::fs::remove_dir_all(&at).unwrap()
            } else {
                std::fs::remove_file(&at).unwrap()
            }
        }
    }
}

// Links on the way are followed below the root and nowhere else; links of the output must not lead out.
#[test]
fn nothing_is_written_outside_of_the_root() {
    let store = Store::memory();
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("real")).unwrap();
    std::fs::create_dir(dir.path().join("outside")).unwrap();
    symlink("../outside", root.join("escape")).unwrap();
    symlink(dir.path().join("outside"), root.join("absolute")).unwrap();
    symlink("real", root.join("alias")).unwrap();
    let node = file(&store, "x");
    for to in ["escape/x", "absolute/x", "escape/new/x"] {
        assert!(
            matches!(store.export(&node, &root, to), Err(ExportError::Io { .. })),
            "{to}"
        );
    }
    for to in ["../x", "/absolute/x", "", ".", "a/../../x"] {
        assert!(
            matches!(store.export(&node, &root, to), Err(ExportError::Path { .. })),
            "{to}"
        );
    }
    store.export(&node, &root, "alias/x").unwrap();
    assert!(root.join("real/x").exists());
    for target in ["/etc/passwd", "../../x", "../sub/../../x", "missing/../../../x"] {
        let bad = folder(&store, &[("sub/link", &format!("-> {target}"))]);
        let error = store.export(&bad, &root, "bad").unwrap_err();
        assert_eq!(error.code(), "S0042", "{target}");
    }
    let over = folder(
        &store,
        &[
            ("a", "-> b/c"),
            ("b/c", "-> d"),
            ("b/d", "-> ../e/f"),
            ("e/f/", ""),
            ("out", "-> a/../../.."),
        ],
    );
    assert!(matches!(
        store.export(&over, &root, "bad"),
        Err(ExportError::Link { .. })
    ));
    assert!(!root.join("bad").exists());
    assert_eq!(files(&dir.path().join("outside")).len(), 0);
}

// What git would take for a repository is not exported, at any depth and in any case: its configuration names programs.
#[test]
fn an_output_with_a_repository_in_it_is_not_exported() {
    let (store, dir) = (Store::memory(), tempfile::tempdir().unwrap());
    for path in [
        ".git/config",
        ".git",
        "sub/.git",
        "sub/.GIT/config",
        "a/b/.gIt/",
        "GIT~1/config",
    ] {
        let node = folder(&store, &[("a.txt", "a"), (path, "x")]);
        let error = store.export(&node, dir.path(), "out").unwrap_err();
        assert_eq!(error.code(), "S0043", "{path}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{path}");
    }
    let beside = folder(
        &store,
        &[
            (".gitignore", "x"),
            (".github/x", "x"),
            ("a.git/config", "x"),
            ("git", "x"),
        ],
    );
    assert_eq!(store.export(&beside, dir.path(), "out").unwrap().files, 4);
}

// A lost blob or a fault at any operation leaves what was there, whole, and no temporary files.
#[test]
fn a_failed_export_leaves_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut n = 0;
    loop {
        let faults = FaultPlan::nth(n, std::io::ErrorKind::StorageFull);
        let store = Store::memory_with(OpenOptions {
            faults: Some(FaultPlan::nth(u64::MAX, std::io::ErrorKind::Other)),
            ..Default::default()
        });
        let old = folder(&store, &[("old", "old")]);
        store.export(&old, dir.path(), "out").unwrap();
        let faulty = Store::memory_with(OpenOptions {
            faults: Some(faults.clone()),
            ..Default::default()
        });
        let put = (|| -> Result<Node, StoreError> {
            let blob = faulty.put_blob(b"new")?;
            let entry = |name: &str| TreeEntry {
                name: name.to_owned(),
                node: Node::File {
                    blob,
                    size: 3,
                    executable: false,
                },
            };
            Ok(Node::Directory(
                faulty.put_tree(&Tree::new(vec![entry("a"), entry("b")]).unwrap())?,
            ))
        })();
        if let Ok(new) = put {
            let done = faulty.export(&new, dir.path(), "out");
            let is = ingest(&store, dir.path(), "out");
            match done {
                Ok(_) => assert_eq!(is, new),
                // After the exchange only remembering it can fail.
                Err(_) => assert!(is == old || is == new, "half an export at operation {n}"),
            }
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
        if faults.operations() <= n {
            break;
        }
        n += 1;
    }
    assert!(n > 8);
    let store = Store::memory();
    let node = folder(&store, &[("x", "lost")]);
    store.forget_blob(&BlobDigest::of(b"lost")).unwrap();
    let Err(ExportError::Store(error)) = store.export(&node, dir.path(), "out") else {
        panic!("it has to fail")
    };
    assert_eq!(error.lost_blob(), Some(BlobDigest::of(b"lost")));
}

// Large files arrive whole, at sizes around what is hashed and copied at a time; of one that was altered, cut off or lost in the store nothing
// arrives, what was there stays, and it is set aside.
#[test]
fn a_large_file_arrives_whole_or_not_at_all() {
    use std::os::unix::fs::FileExt;
    for len in [65_537, (1 << 20) + 1, (9 << 20) + 5] {
        let disk = OnDisk::new();
        let dir = tempfile::tempdir().unwrap();
        let content = bytes(len, 5);
        let blob = disk.store.put_blob(&content).unwrap();
        let node = Node::File {
            blob,
            size: len as u64,
            executable: true,
        };
        assert!(disk.store.export(&node, dir.path(), "out").unwrap().written);
        assert!(std::fs::read(dir.path().join("out")).unwrap() == content);
        assert!(!disk.store.export(&node, dir.path(), "out").unwrap().written);
        std::fs::write(dir.path().join("out"), "before").unwrap();
        let object = files(&disk.path().join("objects")).pop().unwrap();
        let object = std::fs::OpenOptions::new().write(true).open(object).unwrap();
        object.write_all_at(&[content[len / 2] ^ 1], len as u64 / 2).unwrap();
        let Err(ExportError::Store(StoreError::Corrupt { digest, .. })) = disk.store.export(&node, dir.path(), "out")
        else {
            panic!("an altered byte was exported")
        };
        assert_eq!(digest, blob);
        assert_eq!(std::fs::read(dir.path().join("out")).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(!disk.store.has_blob(&blob).unwrap());
    }
}

/// Trees of a few names, three deep.
fn any_node() -> impl Strategy<Value = Vec<(String, Content)>> {
    let name = prop_oneof![
        "[a-c]",
        "[a-c]{2}",
        Just("é.txt".to_owned()),
        Just(" x".to_owned()),
        Just("-n".to_owned())
    ];
    let content = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..50).prop_map(|bytes| Content::File(bytes, false)),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(|bytes| Content::File(bytes, true)),
        Just(Content::Large),
        Just(Content::Folder(Vec::new())),
    ];
    let leaf = prop::collection::vec((name.clone(), content), 0..4);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        let content = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Content::File(bytes, false)),
            inner.prop_map(Content::Folder),
        ];
        prop::collection::vec((name.clone(), content), 0..4)
    })
}

#[derive(Debug, Clone)]
enum Content {
    File(Vec<u8>, bool),
    Large,
    Folder(Vec<(String, Content)>),
}

fn build(store: &Store, entries: &[(String, Content)]) -> Node {
    let mut tree: Vec<TreeEntry> = Vec::new();
    for (name, content) in entries {
        if tree.iter().any(|entry| entry.name == *name) {
            continue;
        }
        let put = |bytes: &[u8], executable| Node::File {
            blob: store.put_blob(bytes).unwrap(),
            size: bytes.len() as u64,
            executable,
        };
        let node = match content {
            Content::File(bytes, executable) => put(bytes, *executable),
            Content::Large => put(&bytes(100_000, 1), false),
            Content::Folder(entries) => build(store, entries),
        };
        tree.push(TreeEntry {
            name: name.clone(),
            node,
        });
    }
    Node::Directory(store.put_tree(&Tree::new(tree).unwrap()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // Whatever is exported and ingested again is the same, on any driver, over whatever was there before.
    #[test]
    fn ingesting_an_export_gives_the_same(first in any_node(), second in any_node()) {
        let (disk, dir) = (OnDisk::new(), tempfile::tempdir().unwrap());
        for entries in [first, second] {
            let node = build(&disk.store, &entries);
            disk.store.export(&node, dir.path(), "x").unwrap();
            prop_assert_eq!(ingest(&disk.store, dir.path(), "x"), node.clone());
            prop_assert!(!disk.store.export(&node, dir.path(), "x").unwrap().written);
        }
    }
}

/// The names in a folder.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

// A process that is killed while it exports leaves a file or folder beside the target, or what was there before. The next
// export to the same target removes it, whether it has something to write or not.
#[test]
fn what_a_killed_export_left_beside_its_target_goes_with_the_next_one() {
    let (store, dir) = (Store::memory(), tempfile::tempdir().unwrap());
    let dist = dir.path().join("dist");
    let node = folder(&store, FILES);
    for round in 0..3 {
        std::fs::create_dir_all(dist.join(".out.airtight-0/new/sub")).unwrap();
        std::fs::write(dist.join(".out.airtight-0/new/sub/half"), "ha").unwrap();
        std::fs::create_dir_all(dist.join(".out.airtight-2")).unwrap();
        symlink("..", dist.join(".out.airtight-2/old")).unwrap();
        std::fs::create_dir_all(dist.join(".other.airtight-0/new")).unwrap();
        let done = store.export(&node, dir.path(), "dist/out").unwrap();
        assert_eq!(done.written, round == 0);
        assert_eq!(names(&dist), [".other.airtight-0", "out"], "round {round}");
        assert_eq!(ingest(&store, dir.path(), "dist/out"), node);
    }
    store.export(&file(&store, "text"), dir.path(), "dist/other").unwrap();
    assert_eq!(names(&dist), ["other", "out"]);
}

// What another process is writing is its own for as long as it lives, whatever this one does.
#[test]
fn a_place_that_is_being_written_to_is_left_alone() {
    let (store, dir) = (Store::memory(), tempfile::tempdir().unwrap());
    let place = dir.path().join(".out.airtight-0");
    std::fs::create_dir(&place).unwrap();
    std::fs::write(place.join("new"), "going on").unwrap();
    let writing = std::fs::File::open(&place).unwrap();
    writing.lock().unwrap();
    for (i, text) in ["one", "one", "two"].into_iter().enumerate() {
        store.export(&file(&store, text), dir.path(), "out").unwrap();
        assert_eq!(names(dir.path()), [".out.airtight-0", "out"], "export {i}");
        assert_eq!(std::fs::read_to_string(place.join("new")).unwrap(), "going on");
    }
    drop(writing);
    store.export(&file(&store, "two"), dir.path(), "out").unwrap();
    assert_eq!(names(dir.path()), ["out"]);
}

// Where two names cannot be exchanged, a process that is killed between two renames leaves nothing at the target and what was
// there before in its folder: an export that then fails too must not lose it.
#[test]
fn what_was_there_before_a_killed_export_comes_back() {
    let (store, dir) = (Store::memory(), tempfile::tempdir().unwrap());
    let old = dir.path().join(".out.airtight-0/old");
    std::fs::create_dir_all(&old).unwrap();
    std::fs::write(old.join("kept"), "of the run before").unwrap();
    let lost = Node::File {
        blob: BlobDigest::of(b"not in the store"),
        size: 16,
        executable: false,
    };
    store.export(&lost, dir.path(), "out").unwrap_err();
    assert_eq!(names(dir.path()), ["out"]);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("out/kept")).unwrap(),
        "of the run before"
    );
}

// More exports to one target at the same time than it has places, of files and folders: each succeeds, what is there is
// all of one of them, and nothing is left.
#[test]
fn exports_to_one_target_at_once_do_not_harm_each_other() {
    let (store, dir) = (Store::memory(), tempfile::tempdir().unwrap());
    let nodes: Vec<Node> = (0..12)
        .map(|i| {
            let text = i.to_string();
            if i % 2 == 0 {
                file(&store, &text)
            } else {
                folder(&store, &[("a", &text), ("b/c", &text)])
            }
        })
        .collect();
    std::thread::scope(|scope| {
        for node in &nodes {
            scope.spawn(|| {
                for _ in 0..10 {
                    store.export(node, dir.path(), "out").unwrap();
                }
            });
        }
    });
    assert_eq!(names(dir.path()), ["out"]);
    assert!(nodes.contains(&ingest(&store, dir.path(), "out")));
}
