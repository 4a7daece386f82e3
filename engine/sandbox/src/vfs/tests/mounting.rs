//! The mount table.

use super::*;
use crate::vfs::MountError;

fn try_mounts<const N: usize>(mounts: [(&str, Sketch); N]) -> Result<(), MountError> {
    let store = Store::memory();
    let mounts: Vec<Mount> = mounts.iter().map(|(at, sketch)| mount(&store, at, sketch)).collect();
    Vfs::new(store, &mounts, Limits::DEFAULT).map(|_| ())
}

// A mount below another shows there, over what the other has, and cannot be moved away.
#[test]
fn a_mount_below_another_covers_what_is_there() {
    let mut world = world([
        ("/src", sample()),
        ("/src/b/d", folder([("vendored", file("v"))])),
        ("/src/a", file("covered")),
        ("/src/new/deep", folder([("x", file("x"))])),
        ("/src/run/below", folder([("y", file("y"))])),
    ]);
    assert_eq!(
        world.list("src").unwrap(),
        ["a", "abs@", "b/", "empty/", "loop@", "new/", "out@", "run/", "to-b@"]
    );
    assert_eq!(world.read("src/a").unwrap(), "covered");
    assert_eq!(world.list("src/b").unwrap(), ["c", "d/", "up@"]);
    assert_eq!(world.list("src/b/d").unwrap(), ["vendored"]);
    assert_eq!(world.read("src/b/c").unwrap(), "gamma");
    assert_eq!(world.read("src/new/deep/x").unwrap(), "x");
    assert_eq!(world.list("src/run").unwrap(), ["below/"]);
    assert_eq!(world.read("src/to-b/d/vendored").unwrap(), "v");
    assert_eq!(world.mkdir("src/new/other"), Err(Code::ReadOnly));
}

// A mount at `/` takes the place of the synthetic root; the overlays stay.
#[test]
fn a_mount_at_the_root_takes_its_place() {
    let mut world = world([("/", sample()), ("/b/more", folder([]))]);
    assert_eq!(
        world.list(".").unwrap(),
        ["a", "abs@", "b/", "empty/", "loop@", "out/", "run", "tmp/", "to-b@"]
    );
    assert_eq!(world.list("b").unwrap(), ["c", "d/", "more/", "up@"]);
    world.write("out/f", "x").unwrap();
    assert_eq!(world.write("f", "x"), Err(Code::ReadOnly));
    let mut cow = super::world([("/+", sample())]);
    cow.write("a", "changed").unwrap();
    assert_eq!(cow.rename("a", "tmp/a"), Err(Code::CrossDevice));
    assert_eq!(cow.read("a").unwrap(), "changed");
}

// A writable mount at an overlay's path, and mounts below one.
#[test]
fn mounts_take_the_place_of_overlays_and_stand_in_them() {
    let mut world = world([("/out+", sample()), ("/tmp/cache/in", folder([("f", file("1"))]))]);
    assert_eq!(world.read("out/a").unwrap(), "alpha");
    world.write("out/a", "changed").unwrap();
    assert_eq!(world.list("tmp").unwrap(), ["cache/"]);
    world.write("tmp/cache/mine", "x").unwrap();
    assert_eq!(world.list("tmp/cache").unwrap(), ["in/", "mine"]);
    assert_eq!(world.rename("tmp/cache", "tmp/other"), Err(Code::Busy));
    assert_eq!(world.rmdir("tmp/cache/in"), Err(Code::Busy));
    assert_eq!(world.write("tmp/cache/in/f", "x"), Err(Code::ReadOnly));
}

// A file that is mounted is a file wherever it is.
#[test]
fn a_mounted_file_is_read_and_written_in_place() {
    let mut world = world([("/in/one", file("1")), ("/in/two+", program("22"))]);
    assert_eq!(world.list("in").unwrap(), ["one", "two"]);
    assert_eq!(world.write("in/one", "x"), Err(Code::ReadOnly));
    world.write("in/two", "x").unwrap();
    assert_eq!(world.read("in/two").unwrap(), "x");
    assert_eq!(world.unlink("in/two"), Err(Code::Busy));
    assert_eq!(world.open("in/one/x", READ), Err(Code::NotDirectory));
    let node = world.collect("/in/two");
    assert_eq!(world.dump(&node), ["* = x"]);
}

// What the pipeline's checks rule out is an error here, not a wrong file system.
#[test]
fn mounts_that_make_no_file_system_are_refused() {
    let at = |path: &str| try_mounts([(path, folder([]))]);
    for path in ["", "src", "/src/", "//src", "/a/../b", "/./a", "/a\0"] {
        assert_eq!(at(path), Err(MountError::Path(path.to_owned())), "{path:?}");
    }
    assert!(matches!(
        try_mounts([("/a", folder([])), ("/a", folder([]))]),
        Err(MountError::Twice(_))
    ));
    assert!(matches!(
        try_mounts([("/a", file("")), ("/a/b", folder([]))]),
        Err(MountError::BelowFile(_))
    ));
    assert!(matches!(try_mounts([("/", file(""))]), Err(MountError::Kind(..))));
    assert!(matches!(try_mounts([("/a", link("b"))]), Err(MountError::Kind(..))));
}

// A mount of any size costs the same: nothing is loaded until a name in it is looked up, and then one folder.
#[test]
fn a_mount_costs_nothing_until_it_is_looked_into() {
    let entries = (0..100_000).map(|i| (format!("f{i:06}"), file("x"))).collect();
    let many = Sketch::Folder(vec![
        ("sub".to_owned(), Sketch::Folder(entries)),
        ("x".to_owned(), file("x")),
    ]);
    let store = Store::memory();
    let mounts = vec![mount(&store, "/src", &many)];
    // A store that has none of it: whatever is loaded fails.
    let mut world = open_world(Store::memory(), mounts.clone(), Limits::DEFAULT);
    assert_eq!(world.list(".").unwrap(), ["out/", "src/", "tmp/"]);
    assert_eq!(world.stat("src").unwrap().kind, NodeKind::Directory);
    assert!(world.vfs.host_error().is_none());

    let mut world = open_world(store, mounts, Limits::DEFAULT);
    let before = world.vfs.nodes.len();
    assert_eq!(world.size("src/sub/f050000"), 1);
    assert_eq!(world.list("src/sub").unwrap().len(), 100_000);
    assert_eq!(world.vfs.nodes.len(), before + 2);
}
