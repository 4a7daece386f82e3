//! Lookups: what is a hit, what is a miss, and what a miss says.

use airtight_model::*;
use airtight_store::*;

use crate::support::*;

/// Publishes a run that read `src/main.c` and looked for `src/config.h`, and returns its result.
fn publish(store: &Store, input: &Node) -> ActionResult {
    let reads = ReadSet {
        observations: vec![
            observe("", Fact::Kind(NodeKind::Directory)),
            observe("src", Fact::Kind(NodeKind::Directory)),
            observe("src/config.h", Fact::Absent),
            content(store, input, "src/main.c"),
        ],
    };
    let result = result(vec![("out", file(store, "compiled"))]);
    let outcome = store
        .publish(&action(vec![("/code", input.clone())]), &reads, &result, "build")
        .unwrap();
    assert_eq!(outcome, PublishOutcome::Published);
    result
}

fn reason(store: &Store, action: &Action) -> MissReason {
    let explained = store.explain(action, "build").unwrap();
    match store.lookup(action, "build").unwrap() {
        Lookup::Miss(reason) => {
            assert_eq!(
                explained.lookup,
                Lookup::Miss(reason.clone()),
                "explain says what lookup does"
            );
            reason
        }
        other => panic!("{other:?}"),
    }
}

const BASE: &[(&str, &str)] = &[("src/main.c", "int main"), ("docs/a.md", "hello")];

// The same action again.
#[test]
fn the_same_action_is_a_full_hit() {
    for store in [Store::memory(), OnDisk::new().store] {
        let input = folder(&store, BASE);
        assert_eq!(
            reason(&store, &action(vec![("/code", input.clone())])),
            MissReason::NeverRan
        );
        let result = publish(&store, &input);
        assert_eq!(
            store.lookup(&action(vec![("/code", input)]), "build").unwrap(),
            Lookup::Full(result)
        );
    }
}

// A file that was never read may change; the second time it is a full hit.
#[test]
fn a_change_to_what_was_not_read_is_a_narrow_hit() {
    let store = Store::memory();
    let result = publish(&store, &folder(&store, BASE));
    let changed = action(vec![(
        "/code",
        folder(
            &store,
            &[("src/main.c", "int main"), ("docs/a.md", "hello!"), ("new", "x")],
        ),
    )]);
    assert_eq!(store.lookup(&changed, "build").unwrap(), Lookup::Narrow(result.clone()));
    assert_eq!(store.lookup(&changed, "build").unwrap(), Lookup::Full(result));
}

// Each of these is what the step would see otherwise today, and the miss names the path.
#[test]
fn a_change_to_what_was_read_is_a_miss_that_names_it() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("src/main.c", "int main()"), ("docs/a.md", "hello")],
            "`/code/src/main.c` changed",
        ),
        (&[("src/other.c", "int main")], "`/code/src/main.c` is gone"),
        (
            &[("src/main.c", "int main"), ("src/config.h", "new")],
            "`/code/src/config.h` is new",
        ),
        (&[("src", "now a file")], "`/code/src` is no longer a folder"),
        (&[("docs/a.md", "hello")], "`/code/src` is gone"),
        (
            &[("src/main.c", "-> other.c"), ("src/other.c", "int main")],
            "`/code/src/main.c` changed",
        ),
    ];
    for (files, sentence) in cases {
        let store = Store::memory();
        publish(&store, &folder(&store, BASE));
        let reason = reason(&store, &action(vec![("/code", folder(&store, files))]));
        assert_eq!(reason.to_string(), *sentence);
        assert_eq!(reason.word(), "input");
    }
}

// Every kind of fact, true and false.
#[test]
fn every_fact_is_evaluated() {
    let store = Store::memory();
    let files: &[(&str, &str)] = &[("dir/f", "12345"), ("dir/l", "-> f")];
    let node = folder(&store, files);
    let mounts = action(vec![("/m", node.clone())]).mounts().to_vec();
    let Some(Node::Directory(dir)) = at(&store, &node, "dir") else {
        panic!("a folder")
    };
    let f = at(&store, &node, "dir/f").unwrap();
    let Node::File { blob, size, .. } = f.clone() else {
        panic!("a file")
    };
    let executable = Node::File {
        blob,
        size,
        executable: true,
    };
    let listing = store.tree(&dir).unwrap().listing();
    let other = Tree::default().listing();
    let facts = [
        ("dir/f", Fact::Kind(NodeKind::File), Fact::Kind(NodeKind::Directory)),
        ("dir/l", Fact::Target("f".to_owned()), Fact::Target("g".to_owned())),
        ("dir/f", Fact::Size(5), Fact::Size(6)),
        ("dir/f", Fact::Content(blob), Fact::Content(BlobDigest::of(b"x"))),
        ("dir", Fact::Listing(listing), Fact::Listing(other)),
        ("dir/f", Fact::Whole(f), Fact::Whole(executable)),
        ("", Fact::Whole(node.clone()), Fact::Absent),
        ("dir/none", Fact::Absent, Fact::Size(0)),
        ("dir", Fact::Kind(NodeKind::Directory), Fact::Absent),
    ];
    for (path, right, wrong) in facts {
        let verdict = |fact: &Fact| {
            evaluate(
                &ReadSet {
                    observations: vec![observe(path, fact.clone())],
                },
                &mounts,
                &store,
            )
            .unwrap()
        };
        assert_eq!(verdict(&right), Verdict::Same, "{path} {right:?}");
        assert!(matches!(verdict(&wrong), Verdict::Differs(_)), "{path} {wrong:?}");
    }
    // Absent says that the parent is there; a mount that the table does not have holds nothing.
    for (mount, path) in [(0, "gone/x"), (0, "dir/f/x"), (0, "dir/l/x"), (7, "")] {
        let reads = ReadSet {
            observations: vec![Observation {
                mount,
                path: path.to_owned(),
                fact: Fact::Absent,
            }],
        };
        assert!(
            matches!(evaluate(&reads, &mounts, &store).unwrap(), Verdict::Differs(_)),
            "{path}"
        );
    }
}

// The first difference in recorded order is the one that is named.
#[test]
fn evaluation_stops_at_the_first_difference() {
    let store = Store::memory();
    let node = folder(&store, &[("a", "1"), ("b", "2")]);
    let wrong = |path: &str| observe(path, Fact::Size(99));
    let reads = ReadSet {
        observations: vec![observe("a", Fact::Size(1)), wrong("b"), wrong("a")],
    };
    let Verdict::Differs(difference) = evaluate(&reads, action(vec![("/m", node)]).mounts(), &store).unwrap() else {
        panic!("it differs")
    };
    assert_eq!((difference.index, difference.observation.path.as_str()), (1, "b"));
    assert_eq!(difference.found, "a file of 1 bytes");
}

// What is not mounted is told by field, with before and after.
#[test]
fn a_change_to_the_step_itself_is_told_by_field() {
    let store = Store::memory();
    let input = folder(&store, BASE);
    publish(&store, &input);
    let base = || request(vec![("/code", input.clone())]);
    let mut env = base();
    env.env[0].1 = "de".to_owned();
    let mut args = base();
    args.invocation = step::Invocation::Command(vec!["test".to_owned()], None);
    let mut component = base();
    component.component = BlobDigest::of(b"other");
    let mut both = base();
    both.cwd = "/code".to_owned();
    both.env.push(("A".to_owned(), "b".to_owned()));
    for (request, sentence) in [
        (env, "the variable `LANG` changed"),
        (args, "the arguments changed"),
        (component, "the component changed"),
        (both, "the variable `A` is new, and 1 more"),
    ] {
        let reason = reason(&store, &Action::new(&request));
        assert_eq!(reason.to_string(), sentence);
    }
    let mut moved = base();
    moved.mounts[0].writable = true;
    assert_eq!(
        reason(&store, &Action::new(&moved)).to_string(),
        "the mount `/code` changed"
    );
}

// A hit counts only when every blob that it names is there; the miss says which is not.
#[test]
fn a_result_with_a_lost_blob_is_a_miss() {
    for which in ["file", "nested", "tree", "stdout"] {
        for store in [Store::memory(), OnDisk::new().store] {
            let input = folder(&store, BASE);
            let output = folder(&store, &[("a/b/c", "deep"), ("d", "shallow")]);
            let mut result = result(vec![("out", output.clone()), ("one", file(&store, "a file"))]);
            result.stdout = Captured {
                blob: Some(store.put_blob(b"printed").unwrap()),
                size: 7,
            };
            let action = action(vec![("/code", input)]);
            store.publish(&action, &ReadSet::default(), &result, "build").unwrap();
            store.flush().unwrap();
            assert_eq!(store.lookup(&action, "build").unwrap(), Lookup::Full(result.clone()));
            let Some(Node::Directory(tree)) = at(&store, &output, "a/b") else {
                panic!("a folder")
            };
            let lost = match which {
                "file" => BlobDigest::of(b"a file"),
                "nested" => BlobDigest::of(b"deep"),
                "tree" => tree.as_blob(),
                _ => BlobDigest::of(b"printed"),
            };
            store.forget_blob(&lost).unwrap();
            assert_eq!(
                reason(&store, &action),
                MissReason::Evicted { blob: Some(lost) },
                "{which}"
            );
            // Made again, it is there again; and what is known to be whole is not looked at twice.
            assert_eq!(
                store.publish(&action, &ReadSet::default(), &result, "build").unwrap(),
                PublishOutcome::Published
            );
            if which == "file" {
                store.put_blob(b"a file").unwrap();
                assert_eq!(store.lookup(&action, "build").unwrap(), Lookup::Full(result));
            }
        }
    }
}

// Of two results with other outputs for one action, the first stays, and the second is told.
#[test]
fn a_second_result_with_other_outputs_is_told() {
    let store = Store::memory();
    let input = folder(&store, BASE);
    let first = publish(&store, &input);
    let action = action(vec![("/code", input)]);
    let mut again = first.clone();
    again.usage.duration_us = 99;
    assert_eq!(
        store.publish(&action, &ReadSet::default(), &again, "build").unwrap(),
        PublishOutcome::Known
    );
    let other = result(vec![("out", file(&store, "otherwise"))]);
    let outcome = store.publish(&action, &ReadSet::default(), &other, "build").unwrap();
    assert_eq!(outcome, PublishOutcome::Different(Box::new(first.clone())));
    assert_eq!(store.lookup(&action, "build").unwrap(), Lookup::Full(first));
}

// Old read sets stay usable next to newer ones, but not without bound.
#[test]
fn several_read_sets_are_kept_newest_first() {
    let store = Store::memory();
    let inputs: Vec<Node> = (0..MAX_READ_SETS + 2)
        .map(|i| folder(&store, &[("src/main.c", &format!("v{i}"))]))
        .collect();
    for input in &inputs {
        publish(&store, input);
    }
    let with_more = |i: usize| {
        action(vec![(
            "/code",
            folder(&store, &[("src/main.c", &format!("v{i}")), ("more", "x")]),
        )])
    };
    assert!(matches!(
        store.lookup(&with_more(inputs.len() - 1), "build").unwrap(),
        Lookup::Narrow(_)
    ));
    assert!(matches!(
        store.lookup(&with_more(2), "build").unwrap(),
        Lookup::Narrow(_)
    ));
    assert!(matches!(
        store.lookup(&with_more(1), "build").unwrap(),
        Lookup::Miss(MissReason::Input { .. })
    ));
}

// A long result, which lives in a blob, is a result like others.
#[test]
fn a_long_result_is_found() {
    for disk in [OnDisk::new(), OnDisk::new()] {
        let action = action(vec![("/code", folder(&disk.store, BASE))]);
        let mut result = result(vec![]);
        result.result = Some(Value::String("long ".repeat(100_000)));
        disk.store
            .publish(&action, &ReadSet::default(), &result, "build")
            .unwrap();
        let disk = disk.reopen();
        assert_eq!(disk.store.lookup(&action, "build").unwrap(), Lookup::Full(result));
    }
}

// A result that was found to be wrong goes, and with it what hits narrowly: what is made then is kept in its place.
#[test]
fn a_result_that_was_forgotten_is_replaced() {
    let store = Store::memory();
    let input = folder(&store, BASE);
    publish(&store, &input);
    let action = action(vec![("/code", input)]);
    store.forget_results(&action).unwrap();
    assert!(matches!(store.lookup(&action, "build").unwrap(), Lookup::Miss(_)));
    let right = result(vec![("out", file(&store, "otherwise"))]);
    let outcome = store.publish(&action, &ReadSet::default(), &right, "build").unwrap();
    assert_eq!(outcome, PublishOutcome::Published);
    assert_eq!(store.lookup(&action, "build").unwrap(), Lookup::Full(right));
}
