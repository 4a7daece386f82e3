//! What was different, for people: trees path by path, streams line by line. Not here: finding it.

use airtight_exec::{CallDifference, Difference};
use airtight_model::event::Stream;
use airtight_model::{BlobDigest, Node};
use airtight_store::Store;

use crate::display::log_text;
use crate::escape;

/// How many paths of an output are shown.
const PATHS: usize = 20;
/// How much of a stream is compared to find the line that differs, in bytes.
const COMPARED: u64 = 1 << 20;

/// The stores of the first time and of the second.
type Stores<'a> = (&'a Store, &'a Store);

/// A line, or several, for each difference.
pub(super) fn lines(differences: &[Difference], stores: Stores<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for difference in differences {
        match difference {
            Difference::Outcome(outcome, cause) => {
                let cause = cause
                    .as_deref()
                    .map_or(String::new(), |cause| format!(": {}", escape::line(cause)));
                lines.push(format!("the second time it {}{cause}", outcome.word()));
            }
            Difference::Output(name, one, two) => {
                lines.push(format!("output {}:", escape::line(name)));
                lines.extend(tree(one.as_ref(), two.as_ref(), stores));
            }
            Difference::Result(one, two) => {
                lines.push(format!("result: {} → {}", escape::line(one), escape::line(two)));
            }
            Difference::Stream(stream, one, two) => {
                let name = match stream {
                    Stream::Stdout => "standard output",
                    Stream::Stderr => "standard error",
                };
                lines.push(format!("{name}: {}", line_of(one.as_ref(), two.as_ref(), stores)));
            }
            Difference::Log(number, one, two) => {
                let text = |line: &Option<_>| {
                    let text = line.as_ref().map_or("nothing".to_owned(), log_text);
                    escape::line(&text).into_owned()
                };
                lines.push(format!("log line {number}: {} → {}", text(one), text(two)));
            }
            Difference::Reports(number) => lines.push(format!("report {number} is another")),
            Difference::Denials => lines.push("what was refused to it is something else".to_owned()),
        }
    }
    lines
}

/// The first host call that was different.
pub(super) fn call(call: Option<&CallDifference>) -> Vec<String> {
    let Some(call) = call else {
        return vec!["when it ran once more both ways, its host calls were the same".to_owned()];
    };
    let text = |line: &Option<String>| {
        let text = line.as_deref().unwrap_or("it had ended");
        escape::line(text).into_owned()
    };
    let mut lines = vec![format!("the first host call that differs is number {}:", call.number)];
    if call.before.is_some() {
        lines.push(format!("  after  {}", text(&call.before)));
    }
    lines.push(format!("  first  {}", text(&call.first)));
    lines.push(format!("  second {}", text(&call.second)));
    lines
}

fn shown(node: Option<&Node>) -> String {
    let text = node.map_or("nothing".to_owned(), Node::describe);
    escape::line(&text).into_owned()
}

/// The paths that differ, in order.
fn tree(one: Option<&Node>, two: Option<&Node>, stores: Stores<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), one.cloned(), two.cloned())];
    while let Some((path, one, two)) = open.pop() {
        if one == two {
            continue;
        }
        if found.len() == PATHS {
            found.push("  … and more".to_owned());
            break;
        }
        let both = match (&one, &two) {
            (Some(Node::Directory(one)), Some(Node::Directory(two))) => {
                stores.0.tree(one).ok().zip(stores.1.tree(two).ok())
            }
            _ => None,
        };
        let Some((first, second)) = both else {
            let place = if path.is_empty() { "." } else { &path };
            found.push(format!(
                "  {}: {} → {}",
                escape::line(place),
                shown(one.as_ref()),
                shown(two.as_ref())
            ));
            continue;
        };
        let mut names: Vec<&str> = first
            .entries()
            .iter()
            .chain(second.entries())
            .map(|entry| entry.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().rev() {
            let below = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}/{name}")
            };
            open.push((below, first.get(name).cloned(), second.get(name).cloned()));
        }
    }
    found
}

/// The first line in which two streams differ.
fn line_of(one: Option<&BlobDigest>, two: Option<&BlobDigest>, stores: Stores<'_>) -> String {
    let read = |store: &Store, blob: Option<&BlobDigest>| -> Option<Vec<u8>> {
        let Some(blob) = blob else { return Some(Vec::new()) };
        let blob = store.blob(blob).ok()?;
        let mut bytes = vec![0; usize::try_from(blob.size().min(COMPARED)).ok()?];
        let count = blob.read_at(0, &mut bytes).ok()?;
        bytes.truncate(count);
        Some(bytes)
    };
    let (Some(one), Some(two)) = (read(stores.0, one), read(stores.1, two)) else {
        return "it is another".to_owned();
    };
    let (mut first, mut second) = (one.split(|b| *b == b'\n'), two.split(|b| *b == b'\n'));
    let mut number = 1;
    loop {
        let (a, b) = (first.next(), second.next());
        if a.is_none() && b.is_none() {
            return format!("it is another beyond its first {} KiB", COMPARED >> 10);
        }
        if a != b {
            let text = |line: Option<&[u8]>| {
                let text = line.map_or("nothing".into(), String::from_utf8_lossy);
                escape::line(&text).into_owned()
            };
            return format!("line {number}: {} → {}", text(a), text(b));
        }
        number += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use airtight_model::{Tree, TreeEntry};

    fn folder(store: &Store, files: &[(&str, &str)]) -> Node {
        let entry = |(name, text): &(&str, &str)| TreeEntry {
            name: (*name).to_owned(),
            node: Node::File {
                blob: store.put_blob(text.as_bytes()).unwrap(),
                size: text.len() as u64,
                executable: false,
            },
        };
        let inner = Tree::new(files.iter().map(entry).collect()).unwrap();
        let outer = TreeEntry {
            name: "d".to_owned(),
            node: Node::Directory(store.put_tree(&inner).unwrap()),
        };
        Node::Directory(store.put_tree(&Tree::new(vec![outer]).unwrap()).unwrap())
    }

    // Only what differs is named, each path with what it was and what it is.
    #[test]
    fn a_tree_difference_names_the_paths_that_differ() {
        let (one, two) = (Store::memory(), Store::memory());
        let first = folder(&one, &[("a", "1"), ("b", "2"), ("same", "3")]);
        let second = folder(&two, &[("a", "x"), ("c", "2"), ("same", "3")]);
        let found = tree(Some(&first), Some(&second), (&one, &two));
        let starts: Vec<&str> = found.iter().map(|line| line.split(':').next().unwrap()).collect();
        assert_eq!(starts, ["  d/a", "  d/b", "  d/c"]);
        assert!(found[1].ends_with("→ nothing"), "{found:?}");
    }

    // The first line that differs is enough to look for.
    #[test]
    fn a_stream_difference_names_the_first_line() {
        let (one, two) = (Store::memory(), Store::memory());
        let first = one.put_blob(b"same\nnow 1\n").unwrap();
        let second = two.put_blob(b"same\nnow \x1b2\n").unwrap();
        let text = line_of(Some(&first), Some(&second), (&one, &two));
        assert_eq!(text, "line 2: now 1 → now \\u{1b}2");
    }
}
