//! Ingest: what of a folder is in a source, what bad input gets, and what the stat cache may believe.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use airtight_model::*;
use airtight_store::*;

use crate::support::*;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

struct Source<'a> {
    exclude: &'a [&'a str],
    gitignore: bool,
    stat_cache: bool,
    path: &'a str,
}

const PLAIN: Source = Source {
    exclude: &[],
    gitignore: true,
    stat_cache: true,
    path: ".",
};

impl Source<'_> {
    fn ingest(&self, store: &Store, root: &Path) -> Result<Ingested, IngestError> {
        let exclude: Vec<String> = self.exclude.iter().map(|glob| (*glob).to_owned()).collect();
        let Source {
            gitignore,
            stat_cache,
            path,
            ..
        } = *self;
        store.ingest(&IngestRequest {
            root,
            path,
            exclude: &exclude,
            gitignore,
            stat_cache,
            list_left_out: true,
        })
    }
}

fn names(store: &Store, node: &Node) -> Vec<String> {
    list(store, node).into_iter().map(|(path, _)| path).collect()
}

/// Sets the time of a file back, so that it is old enough to be believed.
fn age(path: &Path) {
    // The change time cannot be set: the granularity has to pass.
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_600_000_000, 5);
    std::fs::File::open(path).unwrap().set_modified(old).unwrap();
}

// Everything that is there, with what it is.
#[test]
fn a_folder_becomes_a_tree() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a/b.txt", "b");
    write(dir.path(), ".hidden", "h");
    write(dir.path(), "run.sh", "#!/bin/sh");
    std::fs::set_permissions(dir.path().join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    symlink("a/b.txt", dir.path().join("link")).unwrap();
    write(dir.path(), ".git/config", "git's own");
    for store in [Store::memory(), OnDisk::new().store] {
        let found = PLAIN.ingest(&store, dir.path()).unwrap();
        let expected = [
            ("/", ""),
            ("/.hidden", "h"),
            ("/a/", ""),
            ("/a/b.txt", "b"),
            ("/empty/", ""),
            ("/link", "-> a/b.txt"),
            ("/run.sh", "*#!/bin/sh"),
        ];
        let found_list = list(&store, &found.node);
        assert_eq!(
            found_list
                .iter()
                .map(|(a, b)| (a.as_str(), b.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
        assert_eq!((found.files, found.read), (4, 4));
        assert_eq!(
            found.left_out,
            [LeftOut {
                path: ".git/".to_owned(),
                reason: LeftOutReason::Git
            }]
        );
    }
}

// One file, large or small, below a folder or not.
#[test]
fn a_file_is_a_source() {
    let dir = tempfile::tempdir().unwrap();
    let large = bytes(200_000, 5);
    write(dir.path(), "a/one.txt", "one");
    std::fs::write(dir.path().join("large"), &large).unwrap();
    let disk = OnDisk::new();
    let one = Source {
        path: "a/one.txt",
        ..PLAIN
    }
    .ingest(&disk.store, dir.path())
    .unwrap();
    assert_eq!(one.node, file(&disk.store, "one"));
    let found = Source { path: "large", ..PLAIN }
        .ingest(&disk.store, dir.path())
        .unwrap();
    assert_eq!(
        found.node,
        Node::File {
            blob: BlobDigest::of(&large),
            size: 200_000,
            executable: false
        }
    );
}

// Only the ignore files inside the source count; deeper ones before those above; a negation brings back.
#[test]
fn gitignore_files_inside_the_source_count() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), ".gitignore", "app/\n*.above\n");
    let app = dir.path().join("app");
    write(&app, ".gitignore", "*.log\n/build/\n# comment\n[\n");
    write(&app, ".ignore", "kept.txt\n");
    write(&app, ".git/info/exclude", "kept.txt\n");
    for path in [
        "a.log",
        "kept.txt",
        "x.above",
        "build/out",
        "sub/build/in",
        "sub/b.log",
        "sub/important.log",
    ] {
        write(&app, path, "x");
    }
    write(&app, "sub/.gitignore", "!important.log\n");
    let store = Store::memory();
    let source = Source { path: "app", ..PLAIN };
    let found = source.ingest(&store, dir.path()).unwrap();
    let expected = [
        "/",
        "/.gitignore",
        "/.ignore",
        "/kept.txt",
        "/sub/",
        "/sub/.gitignore",
        "/sub/build/",
        "/sub/build/in",
        "/sub/important.log",
        "/x.above",
    ];
    assert_eq!(names(&store, &found.node), expected);
    let texts: Vec<String> = found
        .left_out
        .iter()
        .map(|left| format!("{}: {}", left.path, left.reason))
        .collect();
    assert_eq!(
        texts,
        [
            ".git/: it is Git's own",
            "a.log: `*.log` in .gitignore",
            "build/: `/build/` in .gitignore",
            "sub/b.log: `*.log` in .gitignore"
        ]
    );
    let all = Source {
        gitignore: false,
        ..source
    }
    .ingest(&store, dir.path())
    .unwrap();
    assert_eq!(all.files, 10);
}

// Globs are of the whole path; `x/**` takes the folder itself with it.
#[test]
fn excluded_files_and_folders_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    for path in [
        "target/x",
        "a/target/x",
        "top.tmp",
        "a/deep.tmp",
        "b/c/one",
        "b/d",
        "keep/this",
    ] {
        write(dir.path(), path, "x");
    }
    let store = Store::memory();
    let source = Source {
        exclude: &["target/**", "*.tmp", "b/c", "keep/*"],
        ..PLAIN
    };
    let found = source.ingest(&store, dir.path()).unwrap();
    let expected = [
        "/",
        "/a/",
        "/a/deep.tmp",
        "/a/target/",
        "/a/target/x",
        "/b/",
        "/b/d",
        "/keep/",
    ];
    assert_eq!(names(&store, &found.node), expected);
    let error = Source {
        exclude: &["a["],
        ..PLAIN
    }
    .ingest(&store, dir.path())
    .unwrap_err();
    assert_eq!(error.code(), "S0028");
}

// Each bad thing in a source: its code, its place, and an `exclude:` line that really mends it.
#[test]
fn what_cannot_be_in_a_source_is_told_with_what_mends_it() {
    type Make = fn(&Path);
    let cases: &[(&str, &str, &str, Make)] = &[
        ("S0025", "sub/link", "leads to nothing that is in the source", |at| {
            symlink("gone", at.join("sub/link")).unwrap()
        }),
        ("S0025", "sub/link", "points to an absolute path", |at| {
            symlink("/etc/passwd", at.join("sub/link")).unwrap()
        }),
        ("S0025", "sub/link", "leads out of the source", |at| {
            symlink("../../x", at.join("sub/link")).unwrap()
        }),
        ("S0025", "sub/link", "leads back to itself", |at| {
            symlink("link", at.join("sub/link")).unwrap()
        }),
        ("S0025", "sub/link", "leads to nothing that is in the source", |at| {
            write(at, ".gitignore", "ignored\n");
            write(at, "ignored", "x");
            symlink("../ignored", at.join("sub/link")).unwrap();
        }),
        ("S0023", "sub/so*cket", "is a socket", |at| {
            drop(UnixListener::bind(at.join("sub/so*cket")).unwrap())
        }),
        ("S0024", "sub/bad\u{fffd}name", "is not UTF-8", |at| {
            std::fs::write(at.join("sub").join(std::ffi::OsStr::from_bytes(b"bad\xffname")), "x").unwrap();
        }),
    ];
    for (code, path, sentence, make) in cases {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "sub/ok", "x");
        make(dir.path());
        for store in [Store::memory(), OnDisk::new().store] {
            let error = PLAIN.ingest(&store, dir.path()).unwrap_err();
            assert_eq!((error.code(), error.path()), (*code, Some(*path)), "{error}");
            assert!(error.to_string().contains(sentence), "{error}");
            let help = error.help().unwrap();
            let glob = help.split('"').nth(1).unwrap().replace("\\\\", "\\");
            let mended = Source {
                exclude: &[&glob],
                ..PLAIN
            }
            .ingest(&store, dir.path());
            assert!(
                names(&store, &mended.unwrap().node).contains(&"/sub/ok".to_owned()),
                "{help}"
            );
        }
    }
}

// Root may read everything, so this says something only for other users.
#[test]
fn a_file_without_read_permission_is_told() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "secret", "x");
    std::fs::set_permissions(dir.path().join("secret"), std::fs::Permissions::from_mode(0o000)).unwrap();
    let found = PLAIN.ingest(&Store::memory(), dir.path());
    if std::fs::read(dir.path().join("secret")).is_err() {
        let error = found.unwrap_err();
        assert_eq!((error.code(), error.path()), ("S0022", Some("secret")));
        assert_eq!(error.help().unwrap(), "leave it out: `exclude: [ \"secret\" ]`");
    } else {
        assert!(found.is_ok());
    }
}

// A source that is not there, or is outside, by its path or by a link.
#[test]
fn a_source_has_to_be_there_and_below_the_root() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    write(&root, "in/x", "x");
    write(dir.path(), "out/x", "x");
    symlink("../out", root.join("escape")).unwrap();
    symlink("in", root.join("alias")).unwrap();
    let store = Store::memory();
    for (path, code) in [
        ("none", "S0020"),
        ("in/x/y", "S0020"),
        ("../out", "S0021"),
        ("escape", "S0021"),
        ("/etc", "S0021"),
    ] {
        let error = Source { path, ..PLAIN }.ingest(&store, &root).unwrap_err();
        assert_eq!(error.code(), code, "{path}: {error}");
    }
    let found = Source { path: "alias", ..PLAIN }.ingest(&store, &root).unwrap();
    assert_eq!(names(&store, &found.node), ["/", "/x"]);
}

// What is unchanged is not read again; a touched time alone gives the same tree; each kind of change is seen.
#[test]
fn the_stat_cache_believes_only_what_cannot_have_changed() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..20 {
        write(dir.path(), &format!("d{}/f{i}", i % 3), &format!("content {i}"));
    }
    write(dir.path(), "d0/.gitignore", "ignored\n");
    let disk = OnDisk::new();
    let first = PLAIN.ingest(&disk.store, dir.path()).unwrap();
    // The granularity of the file system's clock: without it no file may be believed.
    std::thread::sleep(std::time::Duration::from_millis(40));
    let second = PLAIN.ingest(&disk.store, dir.path()).unwrap();
    let disk = disk.reopen();
    let third = PLAIN.ingest(&disk.store, dir.path()).unwrap();
    assert_eq!(
        (second.node.clone(), third.node.clone()),
        (first.node.clone(), first.node.clone())
    );
    assert_eq!(third.read, 0, "nothing is read a third time");
    let without = Source {
        stat_cache: false,
        ..PLAIN
    }
    .ingest(&disk.store, dir.path())
    .unwrap();
    assert_eq!((without.node, without.read), (first.node.clone(), 21));

    age(&dir.path().join("d1/f1"));
    let touched = PLAIN.ingest(&disk.store, dir.path()).unwrap();
    assert_eq!((touched.node, touched.read), (first.node.clone(), 1));

    // The same length and the same modification time: the change time tells.
    let path = dir.path().join("d1/f4");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, "CONTENT 4").unwrap();
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(modified)
        .unwrap();
    let changed = PLAIN.ingest(&disk.store, dir.path()).unwrap();
    assert_eq!(
        at(&disk.store, &changed.node, "d1/f4"),
        Some(file(&disk.store, "CONTENT 4"))
    );

    // Written again within the same tick as an ingest.
    for i in 0..50 {
        let text = format!("content {:03}", i);
        std::fs::write(dir.path().join("d2/f2"), &text).unwrap();
        let found = PLAIN.ingest(&disk.store, dir.path()).unwrap();
        assert_eq!(
            at(&disk.store, &found.node, "d2/f2"),
            Some(file(&disk.store, &text)),
            "round {i}"
        );
    }
    std::fs::remove_dir_all(dir.path().join("d0")).unwrap();
    std::fs::set_permissions(dir.path().join("d2/f5"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let last = PLAIN.ingest(&disk.store, dir.path()).unwrap();
    let fresh = PLAIN.ingest(&Store::memory(), dir.path()).unwrap();
    assert_eq!(last.node, fresh.node);
}

// A changed ignore file changes what is in, in folders that are themselves the same.
#[test]
fn the_stat_cache_sees_changed_rules() {
    let dir = tempfile::tempdir().unwrap();
    for path in ["a/x.log", "a/y", "b/z.log"] {
        write(dir.path(), path, "x");
    }
    write(dir.path(), ".gitignore", "*.tmp\n");
    let disk = OnDisk::new();
    let count = || {
        let request = IngestRequest {
            root: dir.path(),
            path: ".",
            exclude: &[],
            gitignore: true,
            stat_cache: true,
            list_left_out: false,
        };
        disk.store.ingest(&request).unwrap().files
    };
    assert_eq!(count(), 4);
    std::thread::sleep(std::time::Duration::from_millis(40));
    assert_eq!(count(), 4);
    write(dir.path(), ".gitignore", "*.log\n");
    assert_eq!(count(), 2);
    write(dir.path(), ".gitignore", "#\n");
    assert_eq!(count(), 4);
    write(dir.path(), "b/.gitignore", "z*\n");
    assert_eq!(count(), 4);
}

// The cache may say what a file is, but the store has lost it: it is read again.
#[test]
fn a_lost_blob_of_a_source_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a/b", "content");
    let disk = OnDisk::new();
    PLAIN.ingest(&disk.store, dir.path()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(40));
    let found = PLAIN.ingest(&disk.store, dir.path()).unwrap();
    let Some(Node::Directory(tree)) = at(&disk.store, &found.node, "a") else {
        panic!("a folder")
    };
    for lost in [BlobDigest::of(b"content"), tree.as_blob()] {
        disk.store.forget_blob(&lost).unwrap();
        let again = PLAIN.ingest(&disk.store, dir.path()).unwrap();
        assert_eq!(again.node, found.node);
        assert!(disk.store.blob(&lost).is_ok());
    }
}

// A file that grows all the time is told at last, and never half in.
#[test]
fn a_source_that_keeps_changing_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, vec![b'x'; 4 << 20]).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                file.write_all(b"y").unwrap();
            }
        });
        // On a busy machine the file may stand still for as long as it takes to read it.
        let error = (0..1000).find_map(|_| PLAIN.ingest(&Store::memory(), dir.path()).err());
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        let error = error.expect("a file that grows while it is read is told");
        assert_eq!((error.code(), error.path()), ("S0026", Some("log")), "{error}");
    });
}

// A mount with `paths:` has the matching files and the folders that lead to them.
#[test]
fn a_filtered_tree_has_what_matches_and_nothing_else() {
    let store = Store::memory();
    let node = folder(
        &store,
        &[
            ("src/a.c", "a"),
            ("src/deep/b.c", "b"),
            ("src/b.h", "h"),
            ("docs/x.md", "x"),
            ("top.c", "t"),
            ("l", "-> top.c"),
            ("empty/", ""),
        ],
    );
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (
            &["src/**"],
            &["/", "/src/", "/src/a.c", "/src/b.h", "/src/deep/", "/src/deep/b.c"],
            &[],
        ),
        (&["src/*.c"], &["/", "/src/", "/src/a.c"], &[]),
        (
            &["**/*.c"],
            &["/", "/src/", "/src/a.c", "/src/deep/", "/src/deep/b.c", "/top.c"],
            &[],
        ),
        (&["*", "none/**"], &["/", "/l", "/top.c"], &["none/**"]),
        (&["src"], &["/"], &["src"]),
        (
            &["{src/deep,docs}/*"],
            &["/", "/docs/", "/docs/x.md", "/src/", "/src/deep/", "/src/deep/b.c"],
            &[],
        ),
        (
            &["**"],
            &[
                "/",
                "/docs/",
                "/docs/x.md",
                "/l",
                "/src/",
                "/src/a.c",
                "/src/b.h",
                "/src/deep/",
                "/src/deep/b.c",
                "/top.c",
            ],
            &[],
        ),
    ];
    for (globs, expected, unmatched) in cases {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        for _ in 0..2 {
            let filtered = store.filter(&node, &globs).unwrap();
            assert_eq!(names(&store, &filtered.node), *expected, "{globs:?}");
            assert_eq!(filtered.unmatched, *unmatched, "{globs:?}");
        }
    }
    assert!(matches!(
        store.filter(&node, &["a[".to_owned()]),
        Err(IngestError::Glob { .. })
    ));
}

// The cells of a matrix are folders by label.
#[test]
fn cells_become_a_folder() {
    let store = Store::memory();
    let cells = vec![
        ("os=b".to_owned(), file(&store, "b")),
        ("os=a".to_owned(), file(&store, "a")),
    ];
    let node = store.cells(cells).unwrap();
    assert_eq!(names(&store, &node), ["/", "/os=a", "/os=b"]);
    assert!(matches!(
        store.cells(vec![("a/b".to_owned(), node)]),
        Err(StoreError::Name(_))
    ));
}
