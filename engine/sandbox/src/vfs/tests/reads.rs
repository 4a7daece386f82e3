//! Read sets: exactly what the guest learned.

use airtight_store::{Verdict, evaluate};

use super::*;

/// Whether the read set of `world` holds of another first mount.
fn holds_with(world: &World, sketch: &Sketch) -> bool {
    let mut mounts = world.mounts.clone();
    mounts[0].node = sketch.put(&world.store);
    evaluate(&world.vfs.read_set(), &mounts, &world.store).unwrap() == Verdict::Same
}

// Nothing was done, nothing was seen: the mount table itself is in the static key.
#[test]
fn looking_at_the_mount_table_observes_nothing() {
    let mut world = world([("/src", sample()), ("/one", file("1"))]);
    world.list(".").unwrap();
    world.stat("src").unwrap();
    world.open("one", READ).unwrap();
    assert_eq!(world.reads(), [""; 0]);
}

// Opening is not reading, and reading a part is reading all.
#[test]
fn a_file_is_observed_by_as_much_as_was_asked() {
    let mut world = world([("/src", sample())]);
    let id = world.open("src/b/c", READ).unwrap();
    assert_eq!(world.reads(), ["0:b kind folder", "0:b/c kind file"]);
    world.vfs.identity(id);
    world.vfs.kind_of(id);
    world.vfs.read(id, 0, 0).unwrap();
    assert_eq!(world.reads(), ["0:b kind folder", "0:b/c kind file"]);
    world.vfs.stat(id);
    assert_eq!(world.reads(), ["0:b kind folder", "0:b/c size 5"]);
    world.vfs.read(id, 4, 1).unwrap();
    world.vfs.stat(id);
    world.read("src/b/c").unwrap();
    assert_eq!(world.reads(), ["0:b kind folder", "0:b/c content"]);
}

// A file that is mounted is observed at the mount itself.
#[test]
fn a_mounted_file_is_observed_at_the_empty_path() {
    let mut world = world([("/one", file("1"))]);
    world.stat("one").unwrap();
    assert_eq!(world.reads(), ["0: size 1"]);
    world.read("one").unwrap();
    assert_eq!(world.reads(), ["0: content"]);
}

// Links: crossed, read, or only seen.
#[test]
fn a_link_is_observed_by_its_target_when_it_is_followed() {
    let mut world = world([("/src", sample())]);
    let root = world.root;
    assert_eq!(world.open("src/to-b", Open { follow: false, ..READ }), Err(Code::Loop));
    assert_eq!(world.reads(), ["0:to-b kind symbolic link"]);
    world.read("src/to-b/c").unwrap();
    assert_eq!(world.reads(), ["0:to-b target b", "0:b kind folder", "0:b/c content"]);
    world.vfs.stat_at(root, "src/loop", false).unwrap();
    assert_eq!(world.reads()[3..], ["0:loop target loop"]);
}

// What failed is observed where it failed, and nothing after.
#[test]
fn a_failed_walk_is_observed_by_what_failed_it() {
    let mut world = world([("/src", sample())]);
    for path in ["src/no/x/y", "src/a/x", "src/b/no", "src/out", "src/b/no"] {
        assert!(world.open(path, READ).is_err());
    }
    let expected = [
        "0:no absent",
        "0:a kind file",
        "0:b kind folder",
        "0:b/no absent",
        "0:out target ../../etc",
    ];
    assert_eq!(world.reads(), expected);
    assert_eq!(world.stat("src/missing/.."), Err(Code::NoEntry));
    assert_eq!(world.reads()[5..], ["0:missing absent"]);
    // A path that is wrong in itself says nothing of the mount.
    let before = world.reads().len();
    assert!(world.open("src/a\0", READ).is_err());
    assert!(world.open(&format!("src/{}", "n".repeat(300)), READ).is_err());
    assert_eq!(world.reads().len(), before);
}

// A listing says names and kinds, so looking at those afterwards adds nothing.
#[test]
fn a_listing_covers_the_kinds_and_absences_in_it() {
    let mut world = world([("/src", sample())]);
    world.list("src").unwrap();
    world.open("src/a", READ).unwrap();
    assert!(world.open("src/none", READ).is_err());
    world.open("src/b/d", READ).unwrap();
    assert_eq!(world.reads(), ["0: listing", "0:b/d kind folder"]);
}

// A preview-1 `readdir` and `stat` walk: it shows sizes and identities, so other bytes of the same length are no news.
#[test]
fn a_walk_that_reads_nothing_sees_no_content() {
    let sketch = |text: &str| folder([("a", file(text)), ("d", folder([("b", file("unchanged"))]))]);
    let mut world = world([("/src", sketch("12345"))]);
    for path in ["src", "src/d"] {
        for name in world.list(path).unwrap() {
            let path = format!("{path}/{}", name.trim_end_matches('/'));
            world.vfs.stat_at(world.root, &path, false).unwrap();
            world.identity(&path).unwrap();
        }
    }
    assert_eq!(
        world.reads(),
        ["0: listing", "0:a size 5", "0:d listing", "0:d/b size 9"]
    );
    assert!(holds_with(&world, &sketch("54321")));
    assert!(!holds_with(&world, &sketch("longer")));
}

// The cases of the cache that everybody meets, each decided by the store's own evaluation.
#[test]
fn what_was_not_read_may_change_and_what_was_read_may_not() {
    let base = || {
        vec![
            ("a", file("alpha")),
            ("b", folder([("c", file("gamma"))])),
            ("l", link("a")),
        ]
    };
    type Entries = Vec<(&'static str, Sketch)>;
    let with = |change: &dyn Fn(&mut Entries)| {
        let mut entries = base();
        change(&mut entries);
        Sketch::Folder(
            entries
                .into_iter()
                .map(|(name, sketch)| (name.to_owned(), sketch))
                .collect(),
        )
    };
    let mut world = world([("/src", with(&|_| {}))]);
    world.read("src/b/c").unwrap();
    world.read("src/l").unwrap();
    assert!(world.open("src/config/local", READ).is_err());
    assert!(holds_with(&world, &with(&|_| {})));
    assert!(holds_with(
        &world,
        &with(&|entries| entries.push(("new", file("unlisted"))))
    ));
    assert!(holds_with(
        &world,
        &with(&|entries| entries[1].1 = folder([("c", file("gamma")), ("x", file(""))]))
    ));
    assert!(!holds_with(&world, &with(&|entries| entries[0].1 = file("other"))));
    assert!(!holds_with(
        &world,
        &with(&|entries| entries[1].1 = folder([("c", file("other"))]))
    ));
    assert!(!holds_with(&world, &with(&|entries| entries[2].1 = link("b/c"))));
    assert!(!holds_with(
        &world,
        &with(&|entries| entries.push(("config", folder([]))))
    ));
    assert!(!holds_with(
        &world,
        &with(&|entries| entries.push(("config", file(""))))
    ));
    assert!(!holds_with(&world, &with(&|entries| entries[1].1 = file("now a file"))));
    assert!(!holds_with(
        &world,
        &with(&|entries| {
            entries.remove(1);
        })
    ));
}

// A new entry: news in a folder that was listed, none in another.
#[test]
fn a_new_entry_is_news_where_the_folder_was_listed() {
    let with = |listed: &[&str], other: &[&str]| {
        let files = |names: &[&str]| Sketch::Folder(names.iter().map(|name| ((*name).to_owned(), file(""))).collect());
        folder([("listed", files(listed)), ("other", files(other))])
    };
    let mut world = world([("/src", with(&["a"], &["a"]))]);
    world.list("src/listed").unwrap();
    world.stat("src/other/a").unwrap();
    assert!(holds_with(&world, &with(&["a"], &["a", "b"])));
    assert!(!holds_with(&world, &with(&["a", "b"], &["a"])));
}

// What the guest made or replaced itself is none of the input.
#[test]
fn what_was_replaced_is_not_observed() {
    let mut world = world([("/cow+", sample())]);
    world.write("cow/a", "new").unwrap();
    world.read("cow/a").unwrap();
    world.stat("cow/a").unwrap();
    assert_eq!(world.reads(), ["0:a kind file"]);
    world.write("cow/made", "x").unwrap();
    world.read("cow/made").unwrap();
    world.unlink("cow/made").unwrap();
    world.write("cow/made", "x").unwrap();
    assert_eq!(world.reads(), ["0:a kind file", "0:made absent"]);
    world.unlink("cow/b/c").unwrap();
    assert!(world.open("cow/b/c", READ).is_err());
    assert_eq!(world.reads()[2..], ["0:b kind folder", "0:b/c kind file"]);
}

// A mutation observes what its success depended on, and no more.
#[test]
fn mutations_observe_what_they_depend_on() {
    let mut world = world([("/cow+", sample())]);
    let id = world.open("cow/a", WRITE).unwrap();
    world.vfs.write(id, 1, b"x").unwrap();
    assert_eq!(world.reads(), ["0:a kind file"]);
    world.vfs.append(id, b"!").unwrap();
    assert_eq!(world.reads(), ["0:a size 5"]);
    world.vfs.read(id, 0, 1).unwrap();
    assert_eq!(world.reads(), ["0:a content"]);
    world.rmdir("cow/empty").unwrap();
    assert_eq!(world.reads()[1..], ["0:empty listing"]);
    world.rename("cow/b/d", "cow/new").unwrap();
    assert_eq!(
        world.reads()[2..],
        ["0:b kind folder", "0:b/d kind folder", "0:new absent"]
    );
    world.read("cow/new/e").unwrap();
    assert_eq!(
        world.reads()[5..],
        ["0:b/d/e content"],
        "what was moved is observed where it came from"
    );
}

// A size that the guest set is its own; one that it only may have grown is the input's.
#[test]
fn a_changed_file_is_observed_by_what_it_still_depends_on() {
    let mut world = world([("/cow+", sample())]);
    let a = world.open("cow/a", WRITE).unwrap();
    world.vfs.set_size(a, 3).unwrap();
    world.vfs.stat(a);
    assert_eq!(world.reads(), ["0:a kind file"]);
    world.vfs.read(a, 0, 1).unwrap();
    assert_eq!(world.reads(), ["0:a content"]);
    let run = world.open("cow/run", WRITE).unwrap();
    world.vfs.write(run, 0, b"longer than it was").unwrap();
    assert_eq!(world.reads()[1..], ["0:run kind file"]);
    world.vfs.stat(run);
    assert_eq!(world.reads()[1..], ["0:run size 2"]);
}

// What survives in an output is observed, and what does not is not.
#[test]
fn what_survives_in_an_output_is_observed() {
    let mut world = world([("/cow+", sample())]);
    world.collect("/cow");
    assert_eq!(world.reads(), ["0: whole folder"]);

    let mut world = super::world([("/cow+", sample())]);
    world.unlink("cow/a").unwrap();
    world.rename("cow/b/c", "cow/c").unwrap();
    world.collect("/cow");
    let mut reads = world.reads();
    reads.sort();
    assert_eq!(
        reads,
        [
            "0: listing",
            "0:a kind file",
            "0:abs whole symbolic link",
            "0:b listing",
            "0:b/c whole file",
            "0:b/d whole folder",
            "0:b/up whole symbolic link",
            "0:c absent",
            "0:empty whole folder",
            "0:loop whole symbolic link",
            "0:out whole symbolic link",
            "0:run whole file",
            "0:to-b whole symbolic link",
        ]
    );
    // Taking a second output that overlaps says nothing twice.
    world.collect("/cow");
    assert_eq!(world.reads().len(), reads.len());
}

// On a copy-on-write mount that is an output, a file that the step never opened is part of the result.
#[test]
fn a_file_that_was_never_opened_matters_when_it_is_in_the_output() {
    let sketch = |text: &str| folder([("f", file("1")), ("never-opened", file(text))]);
    let mut world = world([("/cow+", sketch("a"))]);
    world.write("cow/f", "2").unwrap();
    assert!(holds_with(&world, &sketch("b")));
    world.collect("/cow");
    assert!(!holds_with(&world, &sketch("b")));
}

// The executable bit is not seen by reading, and is part of what survives.
#[test]
fn the_executable_bit_counts_where_it_survives() {
    let mut world = world([("/cow+", folder([("f", program("x"))]))]);
    world.read("cow/f").unwrap();
    assert!(holds_with(&world, &folder([("f", file("x"))])));
    world.write("cow/f", "new").unwrap();
    world.collect("/cow/f");
    assert!(!holds_with(&world, &folder([("f", file("x"))])));

    let mut world = super::world([("/cow+", folder([("f", program("x"))]))]);
    world.vfs.set_executable("/cow/f", false).unwrap();
    world.collect("/cow/f");
    assert!(holds_with(&world, &folder([("f", file("x"))])));
    assert!(!holds_with(&world, &folder([("f", file("y"))])));
}

// A mount that stands in another is seen through what the other has there.
#[test]
fn the_way_to_a_mount_is_observed_where_it_is_not_the_mount_itself() {
    let mut world = world([
        ("/src", sample()),
        ("/src/b/v", folder([])),
        ("/src/new/v", folder([])),
        ("/src/v", folder([])),
    ]);
    for path in ["src/v", "src/b/v", "src/new/v"] {
        world.list(path).unwrap();
    }
    assert_eq!(
        world.reads(),
        [
            "3: listing",
            "0:b kind folder",
            "1: listing",
            "0:new absent",
            "2: listing"
        ]
    );
}

// A guest that looks for ever at names that are not there has observed everything, and fills no memory.
#[test]
fn a_read_set_that_grows_too_large_becomes_all_of_the_mounts() {
    let mut world = world([("/src", sample()), ("/one", file("1"))]);
    world.vfs.reads.bound(10_000);
    for i in 0..1000 {
        assert_eq!(world.stat(&format!("src/none{i}")), Err(Code::NoEntry));
    }
    world.read("src/a").unwrap();
    world.list("src").unwrap();
    assert_eq!(world.reads(), ["0: whole folder", "1: whole file"]);
}
