//! Making, moving and removing names.

use super::*;

#[test]
fn folders_are_made_listed_and_removed() {
    // The whole life of a folder, with the error of each wrong turn.
    let mut world = world([("/src", sample())]);
    world.mkdir("out/d").unwrap();
    world.mkdir("out/d/slash/").unwrap();
    assert_eq!(world.list("out/d").unwrap(), ["slash/"]);
    for path in [
        "out/d",
        "out/d/",
        ".",
        "out/d/.",
        "out/d/slash/..",
        "src",
        "src/a",
        "src/a/",
        "src/loop",
    ] {
        assert_eq!(world.mkdir(path), Err(Code::Exist), "{path}");
    }
    assert_eq!(world.mkdir("out/x/y"), Err(Code::NoEntry));
    assert_eq!(world.mkdir("src/new"), Err(Code::ReadOnly));
    assert_eq!(world.mkdir("new"), Err(Code::ReadOnly));
    assert_eq!(world.mkdir(&format!("out/{}", "n".repeat(256))), Err(Code::NameTooLong));
    assert_eq!(world.rmdir("out/d"), Err(Code::NotEmpty));
    assert_eq!(world.rmdir("out/d/slash/."), Err(Code::Invalid));
    assert_eq!(world.unlink("out/d/slash"), Err(Code::IsDirectory));
    world.rmdir("out/d/slash/").unwrap();
    world.rmdir("out/d").unwrap();
    assert_eq!(world.rmdir("out/d"), Err(Code::NoEntry));
    assert_eq!(world.rmdir("src/b"), Err(Code::ReadOnly));
    assert_eq!(world.rmdir("src/a"), Err(Code::NotDirectory));
    assert_eq!(world.rmdir("src"), Err(Code::Busy));
    assert_eq!(world.rmdir("out"), Err(Code::Busy));
}

#[test]
fn files_are_unlinked_with_the_right_errors() {
    // The rows of unlink-file-at.
    let mut world = world([("/src", sample()), ("/one", file("1")), ("/cow+", sample())]);
    for (path, code) in [
        ("out/missing", Code::NoEntry),
        ("src/a", Code::ReadOnly),
        ("src/b", Code::IsDirectory),
        ("cow/b", Code::IsDirectory),
        ("cow/a/", Code::NotDirectory),
        ("cow/to-b/", Code::NotDirectory),
        ("cow/.", Code::IsDirectory),
        ("one", Code::Busy),
    ] {
        assert_eq!(world.unlink(path), Err(code), "{path}");
    }
    // A link is removed, not what it points to.
    world.unlink("cow/to-b").unwrap();
    assert_eq!(world.list("cow/b").unwrap(), ["c", "d/", "up@"]);
    world.unlink("cow/loop").unwrap();
    world.unlink("cow/a").unwrap();
    assert_eq!(world.list("cow").unwrap(), ["abs@", "b/", "empty/", "out@", "run"]);
    world.write("cow/a", "again").unwrap();
    assert_eq!(world.list("cow").unwrap(), ["a", "abs@", "b/", "empty/", "out@", "run"]);
}

#[test]
fn a_rename_moves_files_and_folders() {
    // Mounted folders keep what was never looked at.
    let mut world = world([("/cow+", sample())]);
    world.rename("cow/b", "cow/empty/moved").unwrap();
    assert_eq!(world.read("cow/empty/moved/d/e").unwrap(), "eps");
    assert_eq!(world.list("cow/empty/moved").unwrap(), ["c", "d/", "up@"]);
    assert_eq!(world.stat("cow/b"), Err(Code::NoEntry));
    world.rename("cow/empty/moved/c", "cow/c").unwrap();
    assert_eq!(world.read("cow/c").unwrap(), "gamma");
    world.rename("cow/loop", "cow/link").unwrap();
    assert_eq!(world.readlink("cow/link").unwrap(), "loop");
}

#[test]
fn a_rename_replaces_what_it_may() {
    // The matrix of old and new kinds.
    let mut world = world([("/cow+", sample())]);
    for (old, new, expected) in [
        ("cow/a", "cow/b", Err(Code::IsDirectory)),
        ("cow/b", "cow/a", Err(Code::NotDirectory)),
        ("cow/empty", "cow/b", Err(Code::NotEmpty)),
        ("cow/b", "cow/empty", Ok(())),
        ("cow/a", "cow/run", Ok(())),
        ("cow/run", "cow/to-b", Ok(())),
        ("cow/to-b", "cow/to-b", Ok(())),
    ] {
        assert_eq!(world.rename(old, new), expected, "{old} → {new}");
    }
    assert_eq!(world.list("cow").unwrap(), ["abs@", "empty/", "loop@", "out@", "to-b"]);
    assert_eq!(world.read("cow/to-b").unwrap(), "alpha");
    assert_eq!(world.list("cow/empty").unwrap(), ["c", "d/", "up@"]);
}

#[test]
fn a_rename_that_cannot_be_has_its_error() {
    // The rows of rename-at.
    let mut world = world([("/src", sample()), ("/cow+", sample()), ("/cow/nest/deep", file("n"))]);
    world.write("out/f", "f").unwrap();
    for (old, new, code) in [
        ("out/missing", "out/x", Code::NoEntry),
        ("out/f", "out/no/x", Code::NoEntry),
        ("out/f", "out/x/", Code::NotDirectory),
        ("out/f/", "out/x", Code::NotDirectory),
        ("out/f", "cow/f", Code::CrossDevice),
        ("src/a", "out/a", Code::CrossDevice),
        ("out/f", "f", Code::CrossDevice),
        ("src/a", "src/z", Code::ReadOnly),
        ("cow/b", "cow/b/d/x", Code::Invalid),
        ("cow/b", "cow/b/x", Code::Invalid),
        ("cow/b/d", "cow/b", Code::NotEmpty),
        ("cow/.", "cow/x", Code::Busy),
        ("cow/b/..", "cow/x", Code::Busy),
        ("cow/a", "cow/b/.", Code::Busy),
        ("src", "other", Code::Busy),
        ("cow/nest", "cow/x", Code::Busy),
        ("cow/nest/deep", "cow/nest/x", Code::Busy),
    ] {
        assert_eq!(world.rename(old, new), Err(code), "{old} → {new}");
    }
}

#[test]
fn a_folder_that_was_moved_cannot_go_into_itself_by_its_new_place() {
    // The check follows the parents of today, not those of the mount.
    let mut world = world([("/cow+", sample())]);
    world.rename("cow/b", "cow/empty/b").unwrap();
    assert_eq!(world.rename("cow/empty", "cow/empty/b/d/x"), Err(Code::Invalid));
    world.rename("cow/empty/b/d", "cow/d").unwrap();
    world.rename("cow/empty", "cow/d/empty").unwrap();
    assert_eq!(world.read("cow/d/empty/b/c").unwrap(), "gamma");
}

#[test]
fn a_hard_link_is_another_name_of_the_same_file() {
    // Same bytes, same identity, and each name can go first.
    let mut world = world([("/cow+", sample()), ("/src", sample())]);
    world.link("cow/a", "cow/hard").unwrap();
    world.write("cow/hard", "both").unwrap();
    assert_eq!(world.read("cow/a").unwrap(), "both");
    world.rename("cow/a", "cow/hard").unwrap();
    assert_eq!(
        world.read("cow/a").unwrap(),
        "both",
        "a rename to another name of the same file does nothing"
    );
    world.unlink("cow/a").unwrap();
    assert_eq!(world.read("cow/hard").unwrap(), "both");
    for (old, new, code) in [
        ("cow/b", "cow/x", Code::NotPermitted),
        ("cow/loop", "cow/x", Code::NotPermitted),
        ("cow/missing", "cow/x", Code::NoEntry),
        ("cow/hard", "cow/run", Code::Exist),
        ("cow/hard", "cow/x/", Code::NoEntry),
        ("cow/hard", "cow/.", Code::Exist),
        ("cow/hard", "out/x", Code::CrossDevice),
        ("src/a", "out/a", Code::CrossDevice),
        ("src/a", "src/x", Code::ReadOnly),
        ("cow/hard/", "cow/x", Code::NotDirectory),
    ] {
        assert_eq!(world.link(old, new), Err(code), "{old} → {new}");
    }
    let root = world.root;
    world.symlink("hard", "cow/soft").unwrap();
    world.vfs.link(root, "cow/soft", true, root, "cow/followed").unwrap();
    assert_eq!(world.identity("cow/followed"), world.identity("cow/hard"));
}

#[test]
fn symbolic_links_are_kept_as_they_are_and_followed_inside() {
    // The rows of symlink-at.
    let mut world = world([("/src", sample())]);
    for (target, path, code) in [
        ("/etc", "out/l", Code::NotPermitted),
        ("", "out/l", Code::NoEntry),
        ("a\0b", "out/l", Code::Invalid),
        (&"x".repeat(4096), "out/l", Code::NameTooLong),
        ("x", "out/l/", Code::NoEntry),
        ("x", "out", Code::Exist),
        ("x", "src/l", Code::ReadOnly),
        ("x", "src/a", Code::Exist),
    ] {
        assert_eq!(world.symlink(target, path), Err(code), "{target} {path}");
    }
    world.symlink("../src/b", "out/l").unwrap();
    assert_eq!(world.readlink("out/l").unwrap(), "../src/b");
    assert_eq!(world.read("out/l/c").unwrap(), "gamma");
    assert_eq!(world.symlink("again", "out/l"), Err(Code::Exist));
    world.symlink("../..", "out/escape").unwrap();
    assert_eq!(world.stat("out/escape"), Err(Code::NotPermitted));
}

#[test]
fn a_folder_that_was_removed_while_open_is_empty_and_stays_so() {
    // What a handle can still do with it.
    let mut world = world([]);
    world.mkdir("out/d").unwrap();
    let d = world.open("out/d", FOLDER).unwrap();
    world.rmdir("out/d").unwrap();
    assert_eq!(world.list_open(d).unwrap(), [""; 0]);
    assert_eq!(world.vfs.open(d, "f", CREATE), Err(Code::NoEntry));
    assert_eq!(world.vfs.create_directory(d, "x"), Err(Code::NoEntry));
    assert_eq!(world.vfs.stat(d).kind, NodeKind::Directory);
    world.mkdir("out/d").unwrap();
    assert_eq!(world.vfs.stat_at(d, "x", true), Err(Code::NoEntry));
}

#[test]
fn a_listing_is_sorted_and_stays_as_it_was_when_it_was_opened() {
    // Names by their bytes, whatever the order in which they were made.
    let mut world = world([("/cow+", folder([("m", file("")), ("B", file("")), ("é", file(""))]))]);
    for name in ["z", "a", "Z", "m2"] {
        world.write(&format!("cow/{name}"), "").unwrap();
    }
    assert_eq!(world.list("cow").unwrap(), ["B", "Z", "a", "m", "m2", "z", "é"]);
    let cow = world.open("cow", FOLDER).unwrap();
    let mut listing = world.vfs.list(cow).unwrap();
    assert_eq!(listing.next().unwrap().0, "B");
    world.unlink("cow/a").unwrap();
    world.write("cow/n", "").unwrap();
    let rest: Vec<String> = listing.by_ref().map(|(name, _)| name).collect();
    assert_eq!(rest, ["Z", "a", "m", "m2", "z", "é"]);
    assert_eq!(listing.next(), None);
    world.vfs.close_listing(&listing);
}
