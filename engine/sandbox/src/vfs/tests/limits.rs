//! Bounds, and failures of the host.

use super::*;
use crate::vfs::StruckLimit;

fn limited(limits: Limits) -> World {
    world_with([("/cow+", sample())], limits)
}

// The bytes that count are those that are there: removing gives them back.
#[test]
fn the_limit_of_bytes_counts_what_is_there() {
    let mut world = limited(Limits {
        output: 100,
        ..Limits::DEFAULT
    });
    let text = "x".repeat(60);
    for _ in 0..5 {
        world.write("out/f", &text).unwrap();
        world.unlink("out/f").unwrap();
    }
    world.write("out/f", &text).unwrap();
    assert_eq!(world.vfs.struck(), None);
    assert_eq!(world.write("out/g", &text), Err(Code::InsufficientSpace));
    assert_eq!(world.vfs.struck(), Some(StruckLimit::Output(100)));
}

// A sparse file counts by its length, whichever way it got it; a link counts by its target.
#[test]
fn sparse_files_and_links_count_too() {
    let mut world = limited(Limits {
        output: 100,
        ..Limits::DEFAULT
    });
    let id = world.open("out/f", NEW).unwrap();
    assert_eq!(world.vfs.write(id, 1 << 40, b"x"), Err(Code::InsufficientSpace));
    assert_eq!(world.vfs.set_size(id, 101), Err(Code::InsufficientSpace));
    assert_eq!(world.vfs.set_size(id, 100), Ok(()));
    assert_eq!(world.symlink("x", "out/l"), Err(Code::InsufficientSpace));
}

// A mounted file costs nothing until it is written, and then all of it.
#[test]
fn a_copy_counts_once_it_is_made() {
    let mut world = limited(Limits {
        output: 7,
        ..Limits::DEFAULT
    });
    assert_eq!(world.read("cow/a").unwrap(), "alpha");
    let id = world.open("cow/a", WRITE).unwrap();
    world.vfs.write(id, 0, b"A").unwrap();
    assert_eq!(world.write("out/f", "123"), Err(Code::InsufficientSpace));
}

// Names that the guest made, of any kind.
#[test]
fn the_limit_of_files_counts_names() {
    let mut world = limited(Limits {
        files: 3,
        ..Limits::DEFAULT
    });
    world.write("out/f", "").unwrap();
    world.mkdir("out/d").unwrap();
    world.rename("cow/a", "cow/z").unwrap();
    world.rename("out/f", "out/g").unwrap();
    assert_eq!(world.vfs.struck(), None);
    assert_eq!(world.link("out/g", "out/h"), Err(Code::Quota));
    assert_eq!(world.vfs.struck(), Some(StruckLimit::Files(3)));
    world.unlink("out/g").unwrap();
    assert_eq!(world.symlink("x", "out/l"), Ok(()));
    assert_eq!(world.open("out/x", NEW), Err(Code::Quota));
}

/// Makes something at a path.
type Act = dyn Fn(&mut World, &str) -> Result<(), Code>;

// A name that no tree holds is refused to every guest alike; one beyond the pipeline's bound ends the attempt.
#[test]
fn the_limit_of_names_is_struck_by_whatever_makes_one() {
    let made = |act: &Act, length: usize| {
        let mut world = limited(Limits {
            name: 10,
            ..Limits::DEFAULT
        });
        let result = act(&mut world, &format!("out/{}", "n".repeat(length)));
        (result, world.vfs.struck())
    };
    let acts: [&Act; 4] = [
        &|world, path| world.mkdir(path),
        &|world, path| world.write(path, "x").map(drop),
        &|world, path| world.symlink("x", path),
        &|world, path| world.rename("cow/a", &path.replace("out/", "cow/")),
    ];
    for act in acts {
        assert_eq!(made(act, 10), (Ok(()), None));
        assert_eq!(made(act, 11), (Err(Code::NameTooLong), Some(StruckLimit::Name(10))));
        assert_eq!(made(act, 256), (Err(Code::NameTooLong), None));
    }
}

// Handles of every sort, given back when they are closed.
#[test]
fn the_limit_of_handles_counts_what_is_open() {
    let mut world = limited(Limits {
        handles: 3,
        ..Limits::DEFAULT
    });
    for _ in 0..10 {
        world.read("cow/a").unwrap();
        world.list("cow").unwrap();
    }
    let a = world.open("cow/a", READ).unwrap();
    world.vfs.hold(a).unwrap();
    assert_eq!(world.open("cow/a", READ), Err(Code::InsufficientMemory));
    assert_eq!(world.vfs.struck(), Some(StruckLimit::Handles(3)));
}

// Folders inside one another end before what walks trees does.
#[test]
fn folders_can_be_a_thousand_deep_and_no_more() {
    let mut world = world([]);
    let mut at = world.open("out", FOLDER).unwrap();
    let mut depth = 0;
    let code = loop {
        match world.vfs.create_directory(at, "d") {
            Ok(()) => depth += 1,
            Err(code) => break code,
        }
        at = world.vfs.open(at, "d", FOLDER).unwrap();
    };
    assert_eq!((depth, code), (999, Code::NameTooLong));
    assert_eq!(world.vfs.struck(), None);
    let node = world.collect("/out");
    assert_eq!(node.kind(), NodeKind::Directory);
}

// Moving deep folders into one another is found when outputs are taken.
#[test]
fn folders_that_were_moved_too_deep_are_no_output() {
    let mut world = world([]);
    for name in ["a", "b"] {
        let mut at = world.open("out", FOLDER).unwrap();
        for _ in 0..800 {
            world.vfs.create_directory(at, name).unwrap();
            at = world.vfs.open(at, name, FOLDER).unwrap();
        }
        if name == "b" {
            let (root, target) = (world.root, at);
            world.vfs.rename(root, "out/a", target, "a").unwrap();
        }
    }
    let spec = OutputSpec {
        name: "it".to_owned(),
        path: "/out".to_owned(),
        pin: None,
    };
    let error = world.vfs.collect(&[spec]).unwrap_err().to_string();
    assert!(error.contains("too many folders"), "{error}");
}

// A blob that is lost is `io` for the guest, and known to the host whatever the guest makes of it.
#[test]
fn a_lost_blob_is_remembered() {
    let store = Store::memory();
    let other = Store::memory();
    let Node::Directory(tree) = folder([("f", file("text"))]).put(&other) else {
        panic!()
    };
    // The tree is there, the file is not.
    let copy = other.tree(&tree).unwrap();
    store.put_tree(&copy).unwrap();
    let mounts = vec![Mount {
        at: "/src".to_owned(),
        node: Node::Directory(tree),
        writable: true,
    }];
    let mut world = open_world(store, mounts, Limits::DEFAULT);
    assert_eq!(world.size("src/f"), 4);
    assert!(world.vfs.host_error().is_none());
    assert_eq!(world.read("src/f"), Err(Code::Io));
    assert!(world.vfs.host_error().unwrap().lost_blob().is_some());
    let id = world.open("src/f", WRITE).unwrap();
    assert_eq!(world.vfs.write(id, 1, b"x"), Err(Code::Io));
    // What is replaced needs nothing of it.
    assert_eq!(world.write("src/f", "new"), Ok(()));
    assert_eq!(world.read("src/f").unwrap(), "new");
    assert!(world.vfs.take_host_error().is_some());
}

// A tree that is lost fails every look into it, and nothing beside it.
#[test]
fn a_lost_tree_is_remembered() {
    let node = folder([("f", file("text"))]).put(&Store::memory());
    let mounts = vec![Mount {
        at: "/src".to_owned(),
        node,
        writable: false,
    }];
    let mut world = open_world(Store::memory(), mounts, Limits::DEFAULT);
    assert_eq!(world.list("src"), Err(Code::Io));
    assert_eq!(world.read("src/f"), Err(Code::Io));
    assert!(world.vfs.host_error().is_some());
    assert_eq!(world.write("out/f", "x"), Ok(()));
}
