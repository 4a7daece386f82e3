//! The law: if all that was observed is the same in other mounts, the same operations give the same trace and the same
//! outputs there. On random trees, changes and operations, decided by the store's own evaluation.

use std::collections::BTreeMap;

use airtight_store::{Verdict, evaluate};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// One operation of a guest. Paths are made of few names, so that operations meet.
#[derive(Debug, Clone)]
enum Op {
    File(String, Open, Vec<Act>),
    Stat(String, bool),
    List(String),
    Mkdir(String),
    Rmdir(String),
    Unlink(String),
    Rename(String, String),
    Link(String, String, bool),
    Symlink(String, String),
    Readlink(String),
    Mark(String, bool),
    Hold(usize, String, bool),
    UseHeld(usize, String),
    Drop(usize),
}

impl Op {
    /// The same with other paths.
    fn map(self, to: &dyn Fn(String) -> String) -> Self {
        match self {
            Self::File(path, how, acts) => Self::File(to(path), how, acts),
            Self::Stat(path, follow) => Self::Stat(to(path), follow),
            Self::List(path) => Self::List(to(path)),
            Self::Mkdir(path) => Self::Mkdir(to(path)),
            Self::Rmdir(path) => Self::Rmdir(to(path)),
            Self::Unlink(path) => Self::Unlink(to(path)),
            Self::Rename(old, new) => Self::Rename(to(old), to(new)),
            Self::Link(old, new, follow) => Self::Link(to(old), to(new), follow),
            Self::Symlink(target, path) => Self::Symlink(target, to(path)),
            Self::Readlink(path) => Self::Readlink(to(path)),
            Self::Mark(path, mark) => Self::Mark(to(path), mark),
            Self::Hold(slot, path, write) => Self::Hold(slot, to(path), write),
            op @ (Self::UseHeld(..) | Self::Drop(_)) => op,
        }
    }
}

/// What is done with an open file.
#[derive(Debug, Clone)]
enum Act {
    Read(u8, u8),
    Write(u8, u8),
    Append,
    Resize(u8),
    Stat,
}

/// How many handles a guest keeps at a time.
const SLOTS: usize = 3;

struct Guest {
    world: World,
    held: [Option<NodeId>; SLOTS],
}

impl Guest {
    /// Does an operation and says all that a guest can see of it.
    fn step(&mut self, op: &Op) -> String {
        let world = &mut self.world;
        let root = world.root;
        match op {
            Op::File(path, how, acts) => self.file(path, *how, acts),
            Op::Stat(path, follow) => {
                let stat = world.vfs.stat_at(root, path, *follow);
                format!("{stat:?} {:?}", world.vfs.identity_at(root, path, *follow))
            }
            Op::List(path) => format!("{:?}", world.list(path)),
            Op::Mkdir(path) => format!("{:?}", world.mkdir(path)),
            Op::Rmdir(path) => format!("{:?}", world.rmdir(path)),
            Op::Unlink(path) => format!("{:?}", world.unlink(path)),
            Op::Rename(old, new) => format!("{:?}", world.rename(old, new)),
            Op::Link(old, new, follow) => format!("{:?}", world.vfs.link(root, old, *follow, root, new)),
            Op::Symlink(target, path) => format!("{:?}", world.symlink(target, path)),
            Op::Readlink(path) => format!("{:?}", world.readlink(path)),
            Op::Mark(path, mark) => format!("{:?}", world.vfs.set_executable(&format!("/{path}"), *mark)),
            Op::Hold(slot, path, write) => self.hold(*slot, path, if *write { WRITE } else { READ }),
            Op::UseHeld(slot, path) => self.use_held(*slot, path),
            Op::Drop(slot) => self.hold(*slot, "", READ),
        }
    }

    fn file(&mut self, path: &str, how: Open, acts: &[Act]) -> String {
        let vfs = &mut self.world.vfs;
        let id = match vfs.open(self.world.root, path, how) {
            Ok(id) => id,
            Err(code) => return format!("{code:?}"),
        };
        let mut seen = String::new();
        for act in acts {
            seen += &match *act {
                Act::Read(at, len) => format!("{:?} ", vfs.read(id, u64::from(at), u64::from(len))),
                Act::Stat => format!("{:?} ", vfs.stat(id)),
                _ if !how.write => continue,
                Act::Write(at, len) => format!("{:?} ", vfs.write(id, u64::from(at), &vec![b'w'; usize::from(len)])),
                Act::Append => format!("{:?} ", vfs.append(id, b"+")),
                Act::Resize(size) => format!("{:?} ", vfs.set_size(id, u64::from(size))),
            };
        }
        vfs.release(id);
        seen
    }

    fn hold(&mut self, slot: usize, path: &str, how: Open) -> String {
        if let Some(id) = self.held[slot].take() {
            self.world.vfs.release(id);
        }
        let opened = self.world.open(path, how);
        self.held[slot] = opened.as_ref().ok().copied();
        format!("{:?}", opened.map(|id| self.world.vfs.kind_of(id)))
    }

    fn use_held(&mut self, slot: usize, path: &str) -> String {
        let Some(id) = self.held[slot] else {
            return "nothing held".to_owned();
        };
        let world = &mut self.world;
        let mut seen = format!("{:?} {}", world.vfs.stat(id), world.vfs.identity(id));
        match world.vfs.kind_of(id) {
            NodeKind::Directory => {
                seen += &format!(" {:?} {:?}", world.list_open(id), world.vfs.stat_at(id, path, false));
                seen += &format!(" {:?}", world.vfs.create_directory(id, path));
            }
            _ => {
                seen += &format!(" {:?}", world.read_all(id));
                if world.vfs.is_writable(id) {
                    seen += &format!(" {:?}", world.vfs.append(id, b"h"));
                }
            }
        }
        seen
    }
}

/// What came of a run: what the guest saw, its outputs, and what it observed.
fn run(
    store: &Store,
    mounts: &[Mount],
    ops: &[Op],
    outputs: &[OutputSpec],
) -> (Vec<String>, Vec<(String, Node)>, World) {
    let world = open_world(store.clone(), mounts.to_vec(), Limits::DEFAULT);
    let mut guest = Guest {
        world,
        held: [None; SLOTS],
    };
    let trace = ops.iter().map(|op| guest.step(op)).collect();
    assert!(guest.world.vfs.host_error().is_none());
    let outputs = guest.world.vfs.collect(outputs).unwrap();
    (trace, outputs, guest.world)
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c"])
}

fn content() -> impl Strategy<Value = Sketch> {
    let text = prop::sample::select(vec!["", "x", "y", "xx", "xyz"]);
    (text, any::<bool>()).prop_map(|(text, marked)| if marked { program(text) } else { file(text) })
}

fn target() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a",
        "b",
        "c",
        "a/b",
        "b/c",
        "../a",
        "../b/a",
        "b/",
        "..",
        ".",
        "../../out",
        "nowhere",
    ])
}

fn tree() -> impl Strategy<Value = Sketch> {
    let leaf = prop_oneof![4 => content(), 2 => target().prop_map(link)];
    let node = leaf.prop_recursive(3, 24, 3, |inner| folder_of(inner).boxed());
    folder_of(node)
}

fn folder_of(inner: impl Strategy<Value = Sketch>) -> impl Strategy<Value = Sketch> {
    prop::collection::btree_map(name(), inner, 0..4).prop_map(|entries: BTreeMap<&str, Sketch>| {
        Sketch::Folder(entries.into_iter().map(|(n, s)| (n.to_owned(), s)).collect())
    })
}

/// Paths of the guest: most are of something that is mounted (`@7`, see [`name_paths`]), some are of nothing.
fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![12 => name(), 1 => Just(".."), 1 => Just("."), 1 => Just("n")];
    let start = prop::sample::select(vec!["src", "cow", "cow", "cow", "out", "one", "cow/b"]);
    let made = (start, prop::collection::vec(part, 0..4), prop::bool::weighted(0.05));
    let made = made.prop_map(|(start, parts, slash)| {
        let mut path = start.to_owned();
        for part in parts {
            path = format!("{path}/{part}");
        }
        if slash { path + "/" } else { path }
    });
    prop_oneof![2 => made, 3 => any::<u16>().prop_map(|at| format!("@{at}"))]
}

/// Puts paths of what is mounted in the place of `@` and a number.
fn name_paths(trees: &[Sketch; 3], ops: Vec<Op>) -> Vec<Op> {
    let mut paths = vec!["one".to_owned()];
    for (tree, at) in trees.iter().zip(["cow", "cow/b/n", "src"]) {
        all_paths(tree, at, &mut paths);
    }
    let named = |path: String| match path.strip_prefix('@') {
        Some(number) => paths[number.parse::<usize>().unwrap() % paths.len()].clone(),
        None => path,
    };
    ops.into_iter().map(|op| op.map(&named)).collect()
}

fn all_paths(sketch: &Sketch, at: &str, paths: &mut Vec<String>) {
    paths.push(at.to_owned());
    if let Sketch::Folder(entries) = sketch {
        entries
            .iter()
            .for_each(|(name, below)| all_paths(below, &format!("{at}/{name}"), paths));
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..4u8, 0..4u8).prop_map(|(at, len)| Act::Read(at, len)),
        (0..4u8, 0..3u8).prop_map(|(at, len)| Act::Write(at, len)),
        Just(Act::Append),
        (0..5u8).prop_map(Act::Resize),
        Just(Act::Stat),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let how = prop::sample::select(vec![READ, READ, WRITE, WRITE, CREATE, REPLACE, NEW]);
    prop_oneof![
        8 => (path(), how, prop::collection::vec(act(), 0..4)).prop_map(|(p, how, acts)| Op::File(p, how, acts)),
        1 => (path(), any::<bool>()).prop_map(|(p, follow)| Op::Stat(p, follow)),
        1 => path().prop_map(Op::List),
        1 => path().prop_map(Op::Mkdir),
        1 => path().prop_map(Op::Rmdir),
        1 => path().prop_map(Op::Unlink),
        1 => (path(), path()).prop_map(|(old, new)| Op::Rename(old, new)),
        1 => (path(), path(), any::<bool>()).prop_map(|(old, new, follow)| Op::Link(old, new, follow)),
        1 => (target(), path()).prop_map(|(to, p)| Op::Symlink(to.to_owned(), p)),
        1 => path().prop_map(Op::Readlink),
        1 => (path(), any::<bool>()).prop_map(|(p, mark)| Op::Mark(p, mark)),
        1 => (0..SLOTS, path(), any::<bool>()).prop_map(|(slot, p, write)| Op::Hold(slot, p, write)),
        1 => (0..SLOTS, name()).prop_map(|(slot, n)| Op::UseHeld(slot, n.to_owned())),
        1 => (0..SLOTS).prop_map(Op::Drop),
    ]
}

/// A change of a tree.
#[derive(Debug, Clone)]
enum Change {
    /// At the path, something else is put, or nothing.
    Put(Vec<&'static str>, Option<Sketch>),
    /// The file or link at this position of all has another content or target, or only another bit.
    Rewrite(prop::sample::Index, Option<&'static str>),
}

fn change() -> impl Strategy<Value = Change> {
    let to = prop_oneof![3 => content(), 1 => target().prop_map(link), 1 => Just(folder([])), 1 => tree()];
    let put = (prop::collection::vec(name(), 1..4), prop::option::weighted(0.8, to));
    let text = prop::option::weighted(0.8, prop::sample::select(vec!["", "z", "zz", "zzz", "zzzz"]));
    prop_oneof![
        put.prop_map(|(path, to)| Change::Put(path, to)),
        (any::<prop::sample::Index>(), text).prop_map(|(at, text)| Change::Rewrite(at, text)),
    ]
}

impl Change {
    fn apply(&self, sketch: &mut Sketch) {
        match self {
            Self::Put(path, to) => put(sketch, path, to.as_ref()),
            Self::Rewrite(at, text) => {
                let mut leaves = Vec::new();
                all_leaves(sketch, &mut leaves);
                if leaves.is_empty() {
                    return;
                }
                let chosen = at.index(leaves.len());
                let changed = match (&*leaves[chosen], text) {
                    (Sketch::Program(_), Some(text)) => program(text),
                    (Sketch::Link(_), Some(text)) => link(["a", "b", "c", "../a", ".."][text.len()]),
                    (_, Some(text)) => file(text),
                    (Sketch::Program(bytes), None) => Sketch::File(bytes.clone()),
                    (Sketch::File(bytes), None) => Sketch::Program(bytes.clone()),
                    (other, None) => other.clone(),
                };
                *leaves[chosen] = changed;
            }
        }
    }
}

fn put(sketch: &mut Sketch, path: &[&'static str], to: Option<&Sketch>) {
    let Sketch::Folder(entries) = sketch else { return };
    let (first, rest) = path.split_first().unwrap();
    let at = entries.iter().position(|(name, _)| name == first);
    if rest.is_empty() {
        entries.retain(|(name, _)| name != first);
        entries.extend(to.map(|to| ((*first).to_owned(), to.clone())));
    } else if let Some(at) = at {
        put(&mut entries[at].1, rest, to);
    }
}

fn all_leaves<'a>(sketch: &'a mut Sketch, leaves: &mut Vec<&'a mut Sketch>) {
    match sketch {
        Sketch::Folder(entries) => entries.iter_mut().for_each(|(_, below)| all_leaves(below, leaves)),
        Sketch::Link(_) | Sketch::File(_) | Sketch::Program(_) => leaves.push(sketch),
    }
}

#[derive(Debug, Clone)]
struct Case {
    trees: [Sketch; 3],
    one: Sketch,
    ops: Vec<Op>,
    outputs: Vec<&'static str>,
    changes: Vec<(usize, Change)>,
}

fn case() -> impl Strategy<Value = Case> {
    let trees = [tree().boxed(), tree().boxed(), tree().boxed()];
    let outputs = prop::sample::subsequence(vec!["/cow", "/out", "/one", "/cow/b"], 0..4);
    let changes = prop::collection::vec((0..3usize, change()), 1..6);
    (trees, content(), prop::collection::vec(op(), 0..16), outputs, changes).prop_map(
        |(trees, one, ops, outputs, changes)| {
            let ops = name_paths(&trees, ops);
            Case {
                trees,
                one,
                ops,
                outputs,
                changes,
            }
        },
    )
}

/// `/cow/b` leads to a mount, whatever `/cow` has there.
fn mounts(store: &Store, trees: &[Sketch; 3], one: &Sketch) -> Vec<Mount> {
    let all = [
        ("/cow+", &trees[0]),
        ("/cow/b/n", &trees[1]),
        ("/one+", one),
        ("/src", &trees[2]),
    ];
    all.iter().map(|(at, sketch)| mount(store, at, sketch)).collect()
}

/// Checks one case; says how many changed mounts the read set held of.
fn check(case: &Case) -> Result<usize, TestCaseError> {
    let store = Store::memory();
    let specs: Vec<OutputSpec> = case
        .outputs
        .iter()
        .map(|path| OutputSpec {
            name: (*path).to_owned(),
            path: (*path).to_owned(),
            pin: None,
        })
        .collect();
    let before = mounts(&store, &case.trees, &case.one);
    let (trace, outputs, world) = run(&store, &before, &case.ops, &specs);
    let reads = world.vfs.read_set();
    prop_assert_eq!(
        evaluate(&reads, &before, &store).unwrap(),
        Verdict::Same,
        "it holds where it was recorded"
    );
    let mut places: Vec<_> = reads.observations.iter().map(|seen| (seen.mount, &seen.path)).collect();
    places.sort();
    prop_assert!(
        places
            .windows(2)
            .all(|pair| pair[0] != pair[1] || seen_absent(&reads, pair[0])),
        "{:?}",
        world.reads()
    );
    // Running again in the same mounts is the same: nothing but the mounts matters.
    let (again, outputs_again, world_again) = run(&store, &before, &case.ops, &specs);
    prop_assert_eq!((&again, &outputs_again), (&trace, &outputs));
    prop_assert_eq!(world_again.vfs.read_set(), reads.clone());

    let mut held = 0;
    for (tree, change) in &case.changes {
        let mut trees = case.trees.clone();
        change.apply(&mut trees[*tree]);
        let after = mounts(&store, &trees, &case.one);
        if after == before || evaluate(&reads, &after, &store).unwrap() != Verdict::Same {
            continue;
        }
        held += 1;
        let (new_trace, new_outputs, _) = run(&store, &after, &case.ops, &specs);
        prop_assert_eq!(
            &new_trace,
            &trace,
            "the trace changed with {:?} of tree {}: {:?}",
            change,
            tree,
            world.reads()
        );
        prop_assert_eq!(
            &new_outputs,
            &outputs,
            "outputs changed with {:?} of tree {}: {:?}",
            change,
            tree,
            world.reads()
        );
    }
    Ok(held)
}

/// A name that was absent may come to be in the read set again only as absent.
fn seen_absent(reads: &airtight_model::ReadSet, place: (u32, &String)) -> bool {
    let at = |seen: &&airtight_model::Observation| (seen.mount, &seen.path) == place;
    reads
        .observations
        .iter()
        .filter(at)
        .all(|seen| seen.fact == Fact::Absent)
}

// The law itself. It counts how often it applied, so that it cannot hold by saying nothing.
#[test]
fn what_was_not_observed_changes_nothing() {
    let config = Config {
        cases: 6000,
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let held = std::cell::Cell::new(0);
    let result = runner.run(&case(), |case| {
        held.set(held.get() + check(&case)?);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(held.get() > 4000, "the law applied only {} times", held.get());
}
