//! Names and paths: what resolves, and the error of what does not.

use super::*;

// The guest's view of the mount table: mount points, and the two overlays.
#[test]
fn the_root_holds_the_mount_points_and_the_overlays() {
    let mut world = world([("/src", sample()), ("/data/deep/one", file("1"))]);
    assert_eq!(world.list(".").unwrap(), ["data/", "out/", "src/", "tmp/"]);
    assert_eq!(world.list("data").unwrap(), ["deep/"]);
    assert_eq!(world.list("data/deep").unwrap(), ["one"]);
    assert_eq!(world.read("data/deep/one").unwrap(), "1");
    assert_eq!(world.list("out").unwrap(), [""; 0]);
    assert_eq!(world.list("tmp").unwrap(), [""; 0]);
}

// One table for every way in which a path can be wrong.
#[test]
fn a_path_that_does_not_resolve_has_its_error() {
    let mut world = world([("/src", sample())]);
    let long = "n".repeat(256);
    for (path, code) in [
        ("", Code::NoEntry),
        ("/", Code::NotPermitted),
        ("/src/a", Code::NotPermitted),
        ("..", Code::NotPermitted),
        ("src/../..", Code::NotPermitted),
        ("src/out", Code::NotPermitted),
        ("src/abs", Code::NotPermitted),
        ("src/loop", Code::Loop),
        ("src/loop/x", Code::Loop),
        ("src/missing", Code::NoEntry),
        ("src/missing/x", Code::NoEntry),
        ("src/missing/..", Code::NoEntry),
        ("src/a/x", Code::NotDirectory),
        ("src/a/", Code::NotDirectory),
        ("src/a/.", Code::NotDirectory),
        ("src/a/..", Code::NotDirectory),
        ("src/a\0", Code::Invalid),
        (&long, Code::NameTooLong),
        (&"a/".repeat(2500), Code::NameTooLong),
    ] {
        assert_eq!(world.open(path, READ), Err(code), "open {path:?}");
        assert_eq!(world.stat(path), Err(code), "stat {path:?}");
        let root = world.root;
        assert_eq!(
            world.vfs.set_times_at(root, path, true),
            Err(code),
            "set-times {path:?}"
        );
        assert_eq!(
            world.vfs.identity_at(root, path, true),
            Err(code),
            "metadata-hash {path:?}"
        );
    }
}

// The border of the sandbox is the handle that the path is relative to.
#[test]
fn a_handle_is_the_border_of_its_paths() {
    let mut world = world([("/src", sample())]);
    let b = world.open("src/b", FOLDER).unwrap();
    assert_eq!(world.vfs.stat_at(b, "up", true), Err(Code::NotPermitted));
    assert_eq!(world.vfs.stat_at(b, "..", true), Err(Code::NotPermitted));
    assert_eq!(world.vfs.stat_at(b, "d/../c", true).unwrap().size, 5);
    assert_eq!(world.read("src/b/up").unwrap(), "alpha");
}

// Slashes and dots that change nothing.
#[test]
fn slashes_and_dots_name_the_same_node() {
    let mut world = world([("/src", sample())]);
    for path in [
        "src/b/c",
        "./src//b/./c",
        "src/b/d/../c",
        "src/to-b/c",
        "src/../src/b/c",
        "out/../src/b/c",
    ] {
        assert_eq!(world.read(path).unwrap(), "gamma", "{path}");
    }
    for path in ["src/b", "src/b/", "src/b/.", "src/to-b", "src/to-b/", "src/b/d/.."] {
        assert_eq!(world.list(path).unwrap(), ["c", "d/", "up@"], "{path}");
    }
}

// A file's handle is no place for paths, nor a folder's for bytes.
#[test]
fn operations_on_the_wrong_kind_of_handle_are_refused() {
    let mut world = world([("/src", sample())]);
    let a = world.open("src/a", READ).unwrap();
    assert_eq!(world.vfs.open(a, "x", READ), Err(Code::NotDirectory));
    assert_eq!(world.vfs.stat_at(a, "x", true), Err(Code::NotDirectory));
    assert_eq!(world.vfs.create_directory(a, "x"), Err(Code::NotDirectory));
    assert_eq!(world.vfs.list(a).map(|_| ()), Err(Code::NotDirectory));
    let b = world.open("src/b", READ).unwrap();
    assert_eq!(world.vfs.read(b, 0, 1), Err(Code::IsDirectory));
    assert_eq!(world.vfs.write(b, 0, b"x"), Err(Code::IsDirectory));
    assert_eq!(world.vfs.set_size(b, 0), Err(Code::IsDirectory));
}

// The flags of open-at, one row each.
#[test]
fn open_flags_do_what_they_say() {
    let mut world = world([("/src", sample()), ("/cow+", sample())]);
    let nofollow = Open { follow: false, ..READ };
    let cases: [(&str, Open, Result<(), Code>); 22] = [
        ("src/a", READ, Ok(())),
        ("src/a", WRITE, Err(Code::ReadOnly)),
        ("src/a", Open { truncate: true, ..READ }, Err(Code::ReadOnly)),
        ("src/a", CREATE, Err(Code::ReadOnly)),
        ("src/a", NEW, Err(Code::Exist)),
        ("src/new", CREATE, Err(Code::ReadOnly)),
        ("new", CREATE, Err(Code::ReadOnly)),
        ("src/b", WRITE, Err(Code::IsDirectory)),
        ("cow/b", CREATE, Err(Code::IsDirectory)),
        ("cow/b", Open { truncate: true, ..READ }, Err(Code::IsDirectory)),
        ("src/b", Open { mutate: true, ..READ }, Err(Code::ReadOnly)),
        ("cow/b", Open { mutate: true, ..READ }, Ok(())),
        ("src/a", FOLDER, Err(Code::NotDirectory)),
        ("src/to-b", FOLDER, Ok(())),
        (
            "src/to-b",
            Open {
                follow: false,
                ..FOLDER
            },
            Err(Code::NotDirectory),
        ),
        ("src/to-b", nofollow, Err(Code::Loop)),
        ("src/to-b/", nofollow, Ok(())),
        ("cow/x", Open { create: true, ..FOLDER }, Err(Code::Invalid)),
        (
            "cow/x",
            Open {
                truncate: true,
                ..FOLDER
            },
            Err(Code::Invalid),
        ),
        ("cow/x/", CREATE, Err(Code::IsDirectory)),
        ("cow/loop", NEW, Err(Code::Exist)),
        ("cow/x", NEW, Ok(())),
    ];
    for (path, how, expected) in cases {
        assert_eq!(world.open(path, how).map(|_| ()), expected, "{path} {how:?}");
    }
}

// O_CREAT through a link that dangles makes what the link names.
#[test]
fn creating_through_a_dangling_link_makes_its_target() {
    let mut world = world([]);
    world.symlink("real", "out/link").unwrap();
    world.write("out/link", "x").unwrap();
    assert_eq!(world.list("out").unwrap(), ["link@", "real"]);
    assert_eq!(world.read("out/real").unwrap(), "x");
    world.symlink("../../etc/passwd", "out/bad").unwrap();
    assert_eq!(world.open("out/bad", CREATE), Err(Code::NotPermitted));
}

// What stat says is a constant where it is not the guest's own doing.
#[test]
fn stat_shows_sizes_and_kinds() {
    let mut world = world([("/src", sample())]);
    assert_eq!(
        world.stat("src/a").unwrap(),
        Stat {
            kind: NodeKind::File,
            size: 5
        }
    );
    let folders = [
        world.stat(".").unwrap(),
        world.stat("src/b").unwrap(),
        world.stat("out").unwrap(),
    ];
    assert!(folders.iter().all(|stat| *stat
        == Stat {
            kind: NodeKind::Directory,
            size: 4096
        }));
    let root = world.root;
    let link = world.vfs.stat_at(root, "src/to-b", false).unwrap();
    assert_eq!(
        link,
        Stat {
            kind: NodeKind::Symlink,
            size: 1
        }
    );
    assert_eq!(world.readlink("src/to-b").unwrap(), "b");
    assert_eq!(world.readlink("src/a"), Err(Code::Invalid));
    assert_eq!(world.readlink("src/abs"), Err(Code::NotPermitted));
}

// Identity is the place, not the bytes: two empty files are two files, and the same file is one by every path.
#[test]
fn identity_is_of_the_place_and_never_of_the_content() {
    let sketch = folder([("one", file("")), ("two", file("")), ("l", link("one"))]);
    let mut world = world([("/src", sketch.clone()), ("/again", sketch)]);
    let mut all = vec![
        world.identity(".").unwrap(),
        world.identity("out").unwrap(),
        world.identity("tmp").unwrap(),
    ];
    for path in ["src", "src/one", "src/two", "src/l", "again", "again/one"] {
        all.push(world.identity(path).unwrap());
    }
    world.write("out/one", "").unwrap();
    world.write("out/two", "").unwrap();
    all.push(world.identity("out/one").unwrap());
    all.push(world.identity("out/two").unwrap());
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!(world.identity("src/../src/one"), world.identity("src/one"));

    // Other content at the same place is the same identity; that is what lets a stat stay out of the read set.
    let mut other = super::world([("/src", folder([("one", file("other"))]))]);
    assert_eq!(other.identity("src/one"), world.identity("src/one"));
}

// What is renamed or linked stays the same object; what is made anew is another.
#[test]
fn identity_goes_with_the_node() {
    let mut world = world([("/cow+", sample())]);
    let a = world.identity("cow/a").unwrap();
    world.link("cow/a", "cow/b/hard").unwrap();
    world.rename("cow/a", "cow/moved").unwrap();
    assert_eq!(world.identity("cow/moved"), Ok(a));
    assert_eq!(world.identity("cow/b/hard"), Ok(a));
    world.write("cow/moved", "changed").unwrap();
    assert_eq!(world.identity("cow/moved"), Ok(a));
    world.write("cow/a", "anew").unwrap();
    assert_ne!(world.identity("cow/a"), Ok(a));
}
