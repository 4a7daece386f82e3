//! YAML to nodes: the only file that knows the YAML crate, of which it takes the events and their places. Syntax errors
//! end the reading; everything else about a file is judged later, all at once, on the nodes.

use std::borrow::Cow;
use std::collections::HashMap;

use airtight_model::{Diagnostic, Span};
use serde_json::Number;
use serde_saphyr::granit_parser::{self as yaml, Event, Parser, ScalarStyle, Tag};

use crate::codes;
use crate::node::{Entry, Key, Kind, Node};

/// The largest pipeline file, in bytes: 100,000 steps of some lines each are 20 to 30 MiB.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// The most values of one file, keys counted: such a step has 15 to 30. A value takes at most some 100 bytes, so that a
/// hostile file costs as many bytes as a large store's index, for as long as it takes to refuse it.
const MAX_NODES: usize = 4_000_000;
/// How deep lists and maps may nest, those that aliases stand for included.
const MAX_DEPTH: usize = 48;
/// How many values all aliases of a file may stand for together.
const MAX_ALIASED: usize = 100_000;
/// Maps of fewer keys are searched as they are: most are small, and a table each would cost more than it saves.
const SMALL_MAP: usize = 16;

/// Reads a file.
///
/// The result is none if the text is not YAML; a repeated key is reported, and the first one is kept.
pub(crate) fn parse<'t>(text: &'t str, file: u32, found: &mut Vec<Diagnostic>) -> Option<Node<'t>> {
    let start = Span { file, start: 0, end: 0 };
    if text.len() > MAX_FILE_BYTES {
        let message = format!(
            "the file has {} bytes, more than the {MAX_FILE_BYTES} that are read",
            text.len()
        );
        found.push(Diagnostic::error(codes::TOO_LARGE, start, message).help("split the file: see `include:`"));
        return None;
    }
    let mut build = Build::new(text, file, found);
    let options = yaml::options! { emit_comments: false };
    for event in Parser::new_from_str_with_options(text, options) {
        let stop = match event {
            Ok((event, span)) => build.event(event, &span),
            Err(error) => Err(failure(&error, text, file)),
        };
        if let Err(diagnostic) = stop {
            build.found.push(*diagnostic);
            return None;
        }
    }
    Some(build.root.unwrap_or(Node {
        span: Span {
            start: text.len() as u32,
            end: text.len() as u32,
            file,
        },
        kind: Kind::Null,
    }))
}

/// Reads plain data written as YAML or JSON: a file of inputs, or the value of `--input NAME=TEXT` for a list or a map.
/// None if it is not that.
pub fn parse_value(text: &str) -> Option<serde_json::Value> {
    let mut found = Vec::new();
    let node = parse(text, 0, &mut found)?;
    found.is_empty().then(|| node.to_data())
}

fn failure(error: &yaml::ScanError, text: &str, file: u32) -> Box<Diagnostic> {
    let info = error.info();
    let message = info.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let at = error
        .marker()
        .byte_offset()
        .unwrap_or_else(|| offset_of(error.marker(), text))
        .min(text.len());
    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let rest = text[at..]
        .chars()
        .next()
        .filter(|c| !c.is_control())
        .map_or(0, char::len_utf8);
    // A file has at most MAX_FILE_BYTES.
    let span = Span {
        file,
        start: at as u32,
        end: (at + rest) as u32,
    };
    let found = Diagnostic::error(codes::NOT_YAML, span, format!("the file is not YAML: {message}"));
    let line = text[..at].rsplit('\n').next().unwrap_or_default();
    if line.contains('\t') || text[at..].starts_with('\t') {
        return Box::new(found.help("indent with spaces: YAML has no tabs"));
    }
    Box::new(found)
}

/// The offset of a line and column, for places whose bytes the crate does not say.
fn offset_of(marker: &yaml::Marker, text: &str) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(marker.line().saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = text[before..].chars().take(marker.col()).take_while(|c| *c != '\n');
    before + rest.map(char::len_utf8).sum::<usize>()
}

/// A list or map that has begun.
struct Open<'t> {
    start: u32,
    anchor: usize,
    /// How many values had been read when it began.
    nodes: usize,
    depth: usize,
    kind: OpenKind<'t>,
}

enum OpenKind<'t> {
    /// Where its items begin among those of all open lists.
    List(usize),
    Map(OpenMap<'t>),
}

struct OpenMap<'t> {
    /// Where its entries begin among those of all open maps.
    first: usize,
    /// The key that waits for its value.
    key: Option<Node<'t>>,
    /// The values of `<<`, in order.
    merges: Vec<Node<'t>>,
    /// Keys by text, once there are many.
    seen: HashMap<Cow<'t, str>, Span>,
}

/// A finished value that aliases may stand for.
struct Anchored<'t> {
    node: Node<'t>,
    nodes: usize,
    depth: usize,
}

struct Build<'t, 'f> {
    file: u32,
    text: &'t str,
    found: &'f mut Vec<Diagnostic>,
    open: Vec<Open<'t>>,
    /// Items of the lists that are open, the innermost last: each becomes a vector of its size when it ends.
    items: Vec<Node<'t>>,
    /// Entries of the maps that are open, likewise.
    entries: Vec<Entry<'t>>,
    anchors: HashMap<usize, Anchored<'t>>,
    root: Option<Node<'t>>,
    nodes: usize,
    aliased: usize,
}

type Stop = Result<(), Box<Diagnostic>>;

impl<'t, 'f> Build<'t, 'f> {
    fn new(text: &'t str, file: u32, found: &'f mut Vec<Diagnostic>) -> Self {
        Self {
            file,
            text,
            found,
            open: Vec::new(),
            items: Vec::new(),
            entries: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            nodes: 0,
            aliased: 0,
        }
    }

    fn at(&self, start: usize, end: usize) -> Span {
        // A file has fewer bytes than that.
        Span {
            file: self.file,
            start: start as u32,
            end: end as u32,
        }
    }

    fn event(&mut self, event: Event<'t>, at: &yaml::Span) -> Stop {
        let span = self.span(at);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let found = Diagnostic::error(codes::NOT_YAML, span, "the file has more than one YAML document");
                return Err(Box::new(
                    found.help("remove `---` and what follows it: a file is one pipeline"),
                ));
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(span)?;
                let kind = self.scalar(text, style, tag.as_deref(), span);
                self.finish(Node { span, kind }, anchor, 1, 0);
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(span, anchor, tag.as_deref(), true)?,
            Event::MappingStart(_, anchor, tag) => self.begin(span, anchor, tag.as_deref(), false)?,
            Event::SequenceEnd | Event::MappingEnd => {
                // A block ends where the next thing begins: its last value is the better end.
                let closed = self.text[..span.end as usize].ends_with([']', '}']);
                self.close(closed.then_some(span.end), span.end);
            }
            Event::Alias(anchor) => self.alias(anchor, span)?,
            _ => {}
        }
        Ok(())
    }

    fn span(&self, at: &yaml::Span) -> Span {
        let range = at.byte_range().unwrap_or(0..0);
        let end = range.end.min(self.text.len());
        self.at(range.start.min(end), end)
    }

    fn too_large(&self, span: Span) -> Box<Diagnostic> {
        let message = "the file has more values, nests deeper or repeats more by aliases than is read";
        Box::new(Diagnostic::error(codes::TOO_LARGE, span, message).help("split the file, or use fewer aliases"))
    }

    fn count(&mut self, span: Span) -> Stop {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            Err(self.too_large(span))
        } else {
            Ok(())
        }
    }

    fn begin(&mut self, span: Span, anchor: usize, tag: Option<&Tag>, list: bool) -> Stop {
        self.count(span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(self.too_large(span));
        }
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            self.refuse_tag(tag, span);
        }
        let kind = if list {
            OpenKind::List(self.items.len())
        } else {
            OpenKind::Map(OpenMap {
                first: self.entries.len(),
                key: None,
                merges: Vec::new(),
                seen: HashMap::new(),
            })
        };
        self.open.push(Open {
            start: span.start,
            anchor,
            nodes: self.nodes,
            depth: 1,
            kind,
        });
        Ok(())
    }

    /// Ends the innermost list or map: at `closed`, else with its last value, else at `here`.
    fn close(&mut self, closed: Option<u32>, here: u32) {
        let Some(Open {
            start,
            anchor,
            nodes,
            depth,
            kind,
        }) = self.open.pop()
        else {
            return;
        };
        let (kind, last) = match kind {
            OpenKind::List(first) => {
                let items: Vec<Node<'t>> = self.items.drain(first..).collect();
                let last = items.last().map(|item| item.span.end);
                (Kind::List(items), last)
            }
            OpenKind::Map(map) => {
                let entries: Vec<Entry<'t>> = self.entries.drain(map.first..).collect();
                let last = entries.last().map(|entry| entry.value.span.end);
                (Kind::Map(self.merged(entries, map.merges)), last)
            }
        };
        let end = closed.or(last).unwrap_or(here);
        let node = Node {
            span: Span {
                file: self.file,
                start,
                end: end.max(start),
            },
            kind,
        };
        self.finish(node, anchor, self.nodes - nodes + 1, depth);
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Stop {
        let Some(known) = self.anchors.get(&anchor) else {
            let found = Diagnostic::error(
                codes::NOT_YAML,
                span,
                "the file is not YAML: an alias stands for what it is in",
            );
            return Err(Box::new(found.help("remove the alias")));
        };
        let (node, nodes, depth) = (known.node.clone(), known.nodes, known.depth);
        self.aliased += nodes;
        if self.aliased > MAX_ALIASED || self.open.len() + depth > MAX_DEPTH {
            return Err(self.too_large(span));
        }
        self.nodes += nodes;
        self.finish(node, 0, nodes, depth);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn finish(&mut self, node: Node<'t>, anchor: usize, nodes: usize, depth: usize) {
        if anchor != 0 {
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    nodes,
                    depth,
                },
            );
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.depth = open.depth.max(depth + 1);
        match &mut open.kind {
            OpenKind::List(_) => self.items.push(node),
            OpenKind::Map(map) => match map.key.take() {
                None => map.key = Some(node),
                Some(key) => {
                    let known = &mut self.entries;
                    add_entry(map, known, (key, node), self.text, self.found);
                }
            },
        }
    }

    fn refuse_tag(&mut self, tag: &Tag, span: Span) {
        let message = format!("tags such as `{}` are not read", tag.original());
        self.found
            .push(Diagnostic::error(codes::WRONG_TYPE, span, message).help("remove the tag"));
    }

    fn scalar(&mut self, text: Cow<'t, str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Kind<'t> {
        match tag {
            None if style == ScalarStyle::Plain => plain(text),
            None => Kind::Text(text),
            Some(tag) => match tag.core_suffix() {
                Some("str") => Kind::Text(text),
                Some("int" | "float" | "bool" | "null") => plain(text),
                _ => {
                    self.refuse_tag(tag, span);
                    Kind::Text(text)
                }
            },
        }
    }

    /// The entries of a map with those that `<<` brings: what the map says itself wins, then the first of them.
    fn merged(&mut self, mut entries: Vec<Entry<'t>>, merges: Vec<Node<'t>>) -> Vec<Entry<'t>> {
        for merge in merges {
            let sources = match merge.kind {
                Kind::List(items) => items,
                _ => vec![merge],
            };
            for source in sources {
                let Kind::Map(more) = source.kind else {
                    let message = format!("`<<` takes a map, not {}", source.word());
                    let found = Diagnostic::error(codes::WRONG_TYPE, source.span, message);
                    self.found
                        .push(found.help("write `<<: *NAME`, where `NAME` is the anchor of a map"));
                    continue;
                };
                for entry in more {
                    if !entries.iter().any(|known| known.key.text == entry.key.text) {
                        entries.push(entry);
                    }
                }
            }
        }
        entries
    }
}

/// Adds a key with its value to the entries of all open maps, or reports why it cannot be one.
fn add_entry<'t>(
    map: &mut OpenMap<'t>,
    entries: &mut Vec<Entry<'t>>,
    (key, value): (Node<'t>, Node<'t>),
    file: &str,
    found: &mut Vec<Diagnostic>,
) {
    let raw = &file[key.span.start as usize..key.span.end as usize];
    let Kind::Text(text) = key.kind else {
        let message = format!("a key must be a text, not {}", key.word());
        let help = format!("write it in quotes: `\"{}\"`", raw.lines().next().unwrap_or_default());
        found.push(Diagnostic::error(codes::WRONG_TYPE, key.span, message).help(help));
        return;
    };
    if raw == "<<" {
        map.merges.push(value);
        return;
    }
    let own = &entries[map.first..];
    let first = if own.len() < SMALL_MAP {
        own.iter()
            .find(|entry| entry.key.text == text)
            .map(|entry| entry.key.span)
    } else {
        if map.seen.is_empty() {
            map.seen
                .extend(own.iter().map(|entry| (entry.key.text.clone(), entry.key.span)));
        }
        let first = map.seen.get(&text).copied();
        if first.is_none() {
            map.seen.insert(text.clone(), key.span);
        }
        first
    };
    match first {
        None => entries.push(Entry {
            key: Key { text, span: key.span },
            value,
        }),
        Some(first) => found.push(
            Diagnostic::error(
                codes::DUPLICATE_KEY,
                key.span,
                format!("the key `{text}` is there twice"),
            )
            .label(first, "first here")
            .help("remove one of them, or give it another name"),
        ),
    }
}

/// What a plain scalar is by the core schema of YAML 1.2. Infinities and what is not a number stay texts.
fn plain(text: Cow<'_, str>) -> Kind<'_> {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    match number(&text) {
        Some(number) => Kind::Number(number),
        None => Kind::Text(text),
    }
}

fn number(text: &str) -> Option<Number> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    let based = |digits: &str, radix| {
        digits
            .bytes()
            .all(|b| b.is_ascii_alphanumeric())
            .then(|| u64::from_str_radix(digits, radix).ok())
            .flatten()
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return based(digits, 16).map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return based(digits, 8).map(Number::from);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !unsigned.is_empty() && is_digits(unsigned) {
        if let Ok(x) = text.parse::<i64>() {
            return Some(x.into());
        }
        if let Ok(x) = text.parse::<u64>() {
            return Some(x.into());
        }
    }
    let (mantissa, exponent) = unsigned
        .split_once(['e', 'E'])
        .map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, ""), |parts| parts);
    let has_digits = !whole.is_empty() || !fraction.is_empty();
    let exponent_fits = exponent.is_none_or(|e| {
        let digits = e.strip_prefix(['-', '+']).unwrap_or(e);
        !digits.is_empty() && is_digits(digits)
    });
    let fits = has_digits && is_digits(whole) && is_digits(fraction) && exponent_fits;
    fits.then(|| text.parse::<f64>().ok().and_then(Number::from_f64))
        .flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn nodes(text: &str) -> (Option<Node<'_>>, Vec<Diagnostic>) {
        let mut found = Vec::new();
        let node = parse(text, 0, &mut found);
        (node, found)
    }

    // Diagnostics are only as good as the spans: a scalar's must be exactly its bytes, after multi-byte text too.
    #[test]
    fn spans_are_the_bytes_of_keys_and_scalars() {
        let text = "# é\na: \"x\"\nb:\n  - plain text\n  - 'q'\n";
        let (node, found) = nodes(text);
        assert_eq!(found, []);
        let mut spans = Vec::new();
        fn walk(node: &Node, text: &str, spans: &mut Vec<String>) {
            let slice = |span: Span| text[span.start as usize..span.end as usize].to_owned();
            match &node.kind {
                Kind::List(items) => items.iter().for_each(|item| walk(item, text, spans)),
                Kind::Map(entries) => entries.iter().for_each(|entry| {
                    spans.push(slice(entry.key.span));
                    walk(&entry.value, text, spans);
                }),
                _ => spans.push(slice(node.span)),
            }
        }
        walk(&node.unwrap(), text, &mut spans);
        assert_eq!(spans, ["a", "\"x\"", "b", "plain text", "'q'"]);
    }

    // What YAML 1.1 would turn into something else stays what it says: the traps of version numbers and `yes`.
    #[test]
    fn scalars_are_what_yaml_1_2_says() {
        let (node, found) = nodes("[yes, 1.10, 1, true, ~, '1', -3, 0x10]");
        assert_eq!(found, []);
        assert_eq!(
            node.unwrap().to_data().to_string(),
            r#"["yes",1.1,1,true,null,"1",-3,16]"#
        );
    }

    // Hostile files end in a diagnostic, soon: deep nesting and aliases that double.
    #[test]
    fn bombs_are_refused() {
        let deep = "[".repeat(10_000);
        let mut doubling = "a0: &a0 [x, x]\n".to_owned();
        for i in 1..40 {
            doubling.push_str(&format!("a{i}: &a{i} [*a{0}, *a{0}]\n", i - 1));
        }
        for text in [deep, doubling] {
            let (node, found) = nodes(&text);
            assert!(node.is_none());
            assert_eq!(found.len(), 1);
        }
    }

    // `<<` brings the keys that the map does not have itself; the first of several wins. Tags and aliases that stand
    // for what they are in are refused.
    #[test]
    fn merges_and_aliases_are_what_yaml_says() {
        let (node, found) =
            nodes("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], x: 3}\nd: *a\ne: {'<<': 1}\n");
        assert_eq!(found, []);
        let data = node.unwrap().to_data();
        assert_eq!(data["c"], serde_json::json!({ "x": 3, "y": 1, "z": 2 }));
        assert_eq!(data["d"], data["a"]);
        assert_eq!(data["e"]["<<"], 1);
        for text in ["a: &a [*a]", "a: !x y", "a: {<<: 1}", "a: *b"] {
            assert_eq!(nodes(text).1.len(), 1, "{text}");
        }
    }

    // A repeated key is an error with both places, in a map of any size.
    #[test]
    fn repeated_keys_are_reported_with_both_places() {
        let mut large: String = (0..40).map(|i| format!("k{i}: 1\n")).collect();
        large.push_str("k3: 2\n");
        for text in ["k3: 1\nk3: 2\n", &large] {
            let (_, found) = nodes(text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].labels.len(), 2);
        }
    }
}
