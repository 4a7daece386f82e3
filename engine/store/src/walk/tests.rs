//! Tests of path resolution, on a structure of paths that notes what was looked at.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use airtight_model::NodeKind;

use super::*;

/// Nodes are their canonical paths; the value is the kind and a link's target.
struct Paths {
    nodes: BTreeMap<String, (NodeKind, String)>,
    seen: Vec<String>,
}

impl Nodes for Paths {
    type Id = String;
    type Error = Infallible;

    fn kind(&mut self, id: &String) -> Result<NodeKind, Infallible> {
        Ok(if id.is_empty() {
            NodeKind::Directory
        } else {
            self.nodes[id].0
        })
    }

    fn child(&mut self, directory: &String, name: &str) -> Result<Option<String>, Infallible> {
        let path = if directory.is_empty() {
            name.to_owned()
        } else {
            format!("{directory}/{name}")
        };
        self.seen.push(path.clone());
        Ok(self.nodes.contains_key(&path).then_some(path))
    }

    fn target(&mut self, link: &String) -> Result<String, Infallible> {
        self.seen.push(format!("@{link}"));
        Ok(self.nodes[link].1.clone())
    }
}

/// `a/`, `a/b/`, `a/b/file`, and links that go well, out, in circles and nowhere.
fn sample() -> Paths {
    let mut nodes = BTreeMap::new();
    for directory in ["a", "a/b"] {
        nodes.insert(directory.to_owned(), (NodeKind::Directory, String::new()));
    }
    for file in ["a/b/file", "top"] {
        nodes.insert(file.to_owned(), (NodeKind::File, String::new()));
    }
    for (link, target) in [
        ("to-b", "a/b"),
        ("to-b-slash", "a/b/"),
        ("to-file", "a/b/file"),
        ("to-file-slash", "a/b/file/"),
        ("a/up", "../top"),
        ("a/b/out", "../../../etc"),
        ("absolute", "/a"),
        ("nowhere", "a/missing"),
        ("self", "self"),
        ("ping", "a/pong"),
        ("a/pong", "../ping"),
    ] {
        nodes.insert(link.to_owned(), (NodeKind::Symlink, target.to_owned()));
    }
    Paths {
        nodes,
        seen: Vec::new(),
    }
}

fn walk_from(start: &str, path: &str, last: LastLink) -> Result<Arrival<String>, WalkError> {
    resolve(&mut sample(), &start.to_owned(), path, last).unwrap()
}

fn node(path: &str) -> Result<Option<String>, WalkError> {
    walk_from("", path, LastLink::Follow).map(|arrival| arrival.node)
}

fn at(path: &str) -> Result<Option<String>, WalkError> {
    Ok(Some(path.to_owned()))
}

// The plain cases: names, `.`, repeated slashes, `..` that stays inside.
#[test]
fn a_path_arrives_at_what_it_names() {
    for path in [
        "a/b/file",
        "./a/./b/file",
        "a//b///file",
        "a/b/../b/file",
        "a/b/../../a/b/file",
        "to-b/file",
        "to-file",
    ] {
        assert_eq!(node(path), at("a/b/file"), "{path}");
    }
    assert_eq!(node("a/up"), at("top"));
    assert_eq!(node("a/b/.."), at("a"));
    assert_eq!(node("."), at(""));
    assert_eq!(node("./"), at(""));
}

// What creating operations need: the parent, the name, and that nothing is there.
#[test]
fn a_last_name_that_is_missing_is_an_arrival_at_nothing() {
    let arrival = walk_from("", "a/new", LastLink::Follow).unwrap();
    let expected = Arrival {
        parent: "a".to_owned(),
        name: Some("new".to_owned()),
        node: None,
        must_be_directory: false,
    };
    assert_eq!(arrival, expected);
    // Through a link that dangles, the name is the one that the link asks for.
    let arrival = walk_from("", "nowhere", LastLink::Follow).unwrap();
    assert_eq!(
        (arrival.parent.as_str(), arrival.name.as_deref(), arrival.node),
        ("a", Some("missing"), None)
    );
}

// A path with no name left has none, and is its own parent.
#[test]
fn a_path_that_ends_in_dots_has_no_name() {
    for (path, place) in [(".", ""), ("a/.", "a"), ("a/b/..", "a"), ("to-b/.", "a/b")] {
        let arrival = walk_from("", path, LastLink::Entry).unwrap();
        assert_eq!(
            (arrival.name, arrival.parent.as_str(), arrival.must_be_directory),
            (None, place, true),
            "{path}"
        );
    }
}

// The sandbox: nothing above the start, by `..`, by a link or by a leading slash.
#[test]
fn nothing_outside_the_start_is_reached() {
    for path in [
        "..",
        "../a",
        "a/../..",
        "a/b/out",
        "/",
        "/a",
        "absolute",
        "absolute/b",
        "a/b/../../../a",
    ] {
        assert_eq!(node(path), Err(WalkError::NotPermitted), "{path}");
    }
    // The start of the walk is the border, not the root.
    assert_eq!(walk_from("a", "up", LastLink::Follow), Err(WalkError::NotPermitted));
    assert_eq!(walk_from("a", "../top", LastLink::Follow), Err(WalkError::NotPermitted));
    assert_eq!(
        walk_from("a", "b/..", LastLink::Follow).unwrap().node,
        Some("a".to_owned())
    );
}

// `..` is taken where the walk is, not textually: `missing/..` and `file/..` are errors.
#[test]
fn what_is_crossed_must_be_there_and_be_a_directory() {
    for (path, error) in [
        ("missing/x", WalkError::NoEntry),
        ("missing/..", WalkError::NoEntry),
        ("missing/.", WalkError::NoEntry),
        ("a/b/file/x", WalkError::NotDirectory),
        ("a/b/file/..", WalkError::NotDirectory),
        ("a/b/file/.", WalkError::NotDirectory),
        ("to-file/x", WalkError::NotDirectory),
        ("nowhere/x", WalkError::NoEntry),
    ] {
        assert_eq!(node(path), Err(error), "{path}");
    }
}

// Circles end.
#[test]
fn links_that_go_in_circles_are_a_loop() {
    for path in ["self", "self/x", "ping", "a/pong"] {
        assert_eq!(node(path), Err(WalkError::Loop), "{path}");
    }
    assert_eq!(
        walk_from("", "self", LastLink::Keep).unwrap().node,
        Some("self".to_owned())
    );
}

// The three ways to treat a link at the end, with and without a slash.
#[test]
fn a_last_link_is_followed_as_asked() {
    let get = |path, last| walk_from("", path, last).map(|arrival| (arrival.node.unwrap(), arrival.must_be_directory));
    assert_eq!(get("to-b", LastLink::Follow), Ok(("a/b".to_owned(), false)));
    assert_eq!(get("to-b", LastLink::Keep), Ok(("to-b".to_owned(), false)));
    assert_eq!(get("to-b/", LastLink::Keep), Ok(("a/b".to_owned(), true)));
    assert_eq!(get("to-b/", LastLink::Entry), Ok(("to-b".to_owned(), true)));
    // A slash in a target counts as one in the path.
    assert_eq!(get("to-b-slash", LastLink::Follow), Ok(("a/b".to_owned(), true)));
    assert_eq!(
        get("to-file-slash", LastLink::Follow),
        Ok(("a/b/file".to_owned(), true))
    );
}

// Bounds and bad bytes.
#[test]
fn odd_paths_have_an_error_each() {
    assert_eq!(node(""), Err(WalkError::NoEntry));
    assert_eq!(node("a\0b"), Err(WalkError::Invalid));
    assert_eq!(node(&"n".repeat(255)), Ok(None));
    assert_eq!(node(&"n".repeat(256)), Err(WalkError::NameTooLong));
    assert_eq!(node(&"é".repeat(128)), Err(WalkError::NameTooLong));
    assert_eq!(node(&"./".repeat(2048)), at(""));
    assert_eq!(node(&"./".repeat(2049)), Err(WalkError::NameTooLong));
    // A long name counts only when the walk comes to it.
    assert_eq!(node(&format!("missing/{}", "n".repeat(256))), Err(WalkError::NoEntry));
}

// Read sets are recorded from what is looked at: nothing past the failure, nothing beside the path.
#[test]
fn only_what_the_result_depends_on_is_looked_at() {
    let look = |path: &str, last| {
        let mut paths = sample();
        let _ = resolve(&mut paths, &String::new(), path, last).unwrap();
        paths.seen
    };
    assert_eq!(look("missing/x/y", LastLink::Follow), ["missing"]);
    assert_eq!(
        look("to-b/file", LastLink::Follow),
        ["to-b", "@to-b", "a", "a/b", "a/b/file"]
    );
    assert_eq!(look("to-b", LastLink::Keep), ["to-b"]);
    assert_eq!(look("/a/b", LastLink::Follow), [""; 0]);
}
