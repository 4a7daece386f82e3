//! Outputs.

use super::*;
use crate::vfs::CollectError;

// Everything that can be in an output, as it was left.
#[test]
fn an_output_is_what_the_guest_left() {
    let mut world = world([]);
    world.mkdir("out/d").unwrap();
    world.mkdir("out/d/empty").unwrap();
    world.write("out/d/f", "text").unwrap();
    world.write("out/tool", "#!").unwrap();
    world.vfs.set_executable("/out/tool", true).unwrap();
    world.link("out/tool", "out/d/tool").unwrap();
    world.symlink("d/f", "out/l").unwrap();
    world.write("out/gone", "x").unwrap();
    world.unlink("out/gone").unwrap();
    let node = world.collect("/out");
    assert_eq!(
        world.dump(&node),
        ["d/empty/", "d/f = text", "d/tool* = #!", "l -> d/f", "tool* = #!"]
    );
    let file = world.collect("/out/d/f");
    assert_eq!(world.dump(&file), [" = text"]);
    // Taking outputs changes nothing.
    assert_eq!(world.read("out/d/f").unwrap(), "text");
    assert_eq!(world.collect("/out"), node);
}

// The same bytes however they were made.
#[test]
fn the_same_files_are_the_same_tree() {
    let mut one = world([]);
    one.write("out/b", "2").unwrap();
    one.write("out/a", "1").unwrap();
    let mut two = world([("/in+", folder([("a", file("1"))]))]);
    two.write("out/x", "2").unwrap();
    two.write("out/a", "no").unwrap();
    two.rename("out/x", "out/b").unwrap();
    two.write("out/a", "1").unwrap();
    assert_eq!(one.collect("/out"), two.collect("/out"));
    // A mounted folder that nobody touched is the very tree that was mounted.
    assert_eq!(two.collect("/in"), two.mounts[0].node);
}

// A copy-on-write mount as an output: what was changed, and what was not.
#[test]
fn an_output_of_a_mount_holds_what_survives() {
    let mut world = world([("/cow+", sample())]);
    world.write("cow/b/new", "n").unwrap();
    world.unlink("cow/a").unwrap();
    world.rename("cow/b/d", "cow/moved").unwrap();
    world.write("cow/run", "#!!").unwrap();
    let node = world.collect("/cow");
    assert_eq!(
        world.dump(&node),
        [
            "abs -> /src/a",
            "b/c = gamma",
            "b/new = n",
            "b/up -> ../a",
            "empty/",
            "loop -> loop",
            "moved/e = eps",
            "out -> ../../etc",
            "run* = #!!",
            "to-b -> b",
        ]
    );
}

// An output is what the guest sees at the path: mounts inside it included.
#[test]
fn an_output_with_mounts_in_it_holds_them() {
    let mut world = world([
        ("/app/bin", folder([("tool", program("#!"))])),
        ("/app/data+", folder([("x", file("x"))])),
    ]);
    world.write("app/data/y", "y").unwrap();
    let node = world.collect("/app");
    assert_eq!(world.dump(&node), ["bin/tool* = #!", "data/x = x", "data/y = y"]);
}

// A link at an output's own path stands for what it points to; a mount is never a link.
#[test]
fn a_link_at_an_output_is_followed() {
    let mut world = world([]);
    world.write("out/real", "x").unwrap();
    world.symlink("real", "out/l").unwrap();
    world.symlink("gone", "out/dangling").unwrap();
    let node = world.collect("/out/l");
    assert_eq!(world.dump(&node), [" = x"]);
    let spec = OutputSpec {
        name: "it".to_owned(),
        path: "/out/dangling".to_owned(),
        pin: None,
    };
    assert!(matches!(world.vfs.collect(&[spec]), Err(CollectError::Missing { .. })));
}

// What is missing is named, with what could have been meant.
#[test]
fn a_missing_output_is_named_with_the_nearest_paths() {
    let mut world = world([]);
    world.mkdir("out/target").unwrap();
    world.write("out/target/app.wasm", "x").unwrap();
    world.write("out/target/notes", "x").unwrap();
    let spec = OutputSpec {
        name: "app".to_owned(),
        path: "/out/target/app.was".to_owned(),
        pin: None,
    };
    let error = world.vfs.collect(&[spec]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the step did not make its output `app`: nothing is at `/out/target/app.was`"
    );
    let CollectError::Missing { nearest, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(nearest, ["/out/target/app.wasm", "/out/target/notes"]);
    let spec = OutputSpec {
        name: "app".to_owned(),
        path: "/out/targets/x".to_owned(),
        pin: None,
    };
    let Err(CollectError::Missing { nearest, .. }) = world.vfs.collect(&[spec]) else {
        panic!()
    };
    assert_eq!(nearest, ["/out/target"]);
    world.write("out/f", "").unwrap();
    let spec = OutputSpec {
        name: "app".to_owned(),
        path: "/out/f/x".to_owned(),
        pin: None,
    };
    assert!(matches!(
        world.vfs.collect(&[spec]),
        Err(CollectError::Unreachable { .. })
    ));
}

// The executable bit is set by path, as the artifact interface has it.
#[test]
fn marking_follows_links_and_is_refused_elsewhere() {
    let mut world = world([("/src", sample()), ("/cow+", sample())]);
    world.write("out/f", "x").unwrap();
    world.symlink("f", "out/l").unwrap();
    assert_eq!(world.vfs.set_executable("/out/l", true), Ok(()));
    assert_eq!(world.vfs.set_executable("/cow/run", false), Ok(()));
    assert_eq!(world.vfs.set_executable("/src/run", true), Err(Code::ReadOnly));
    assert_eq!(world.vfs.set_executable("/out", true), Err(Code::IsDirectory));
    assert_eq!(world.vfs.set_executable("/", true), Err(Code::IsDirectory));
    assert_eq!(world.vfs.set_executable("/out/none", true), Err(Code::NoEntry));
    assert_eq!(world.vfs.set_executable("out/f", true), Err(Code::NoEntry));
    let node = world.collect("/out");
    assert_eq!(world.dump(&node), ["f* = x", "l -> f"]);
    let node = world.collect("/cow/run");
    assert_eq!(world.dump(&node), [" = #!"]);
}

// A store that fails while outputs are taken is the host's fault, and says so.
#[test]
fn a_lost_tree_fails_the_output() {
    let node = folder([("f", file("text"))]).put(&Store::memory());
    let mounts = vec![Mount {
        at: "/cow".to_owned(),
        node,
        writable: true,
    }];
    let mut world = open_world(Store::memory(), mounts, Limits::DEFAULT);
    let spec = OutputSpec {
        name: "it".to_owned(),
        path: "/cow/f".to_owned(),
        pin: None,
    };
    assert!(matches!(world.vfs.collect(&[spec]), Err(CollectError::Store(_))));
}
