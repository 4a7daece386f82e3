//! YAML to nodes: the only file that knows the YAML crate. Syntax errors end the reading; everything else about a file
//! is judged later, all at once, on the nodes.

use std::collections::HashMap;
use std::fmt;

use airtight_model::{Diagnostic, Span};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, MessageFormatter, Spanned, UserMessageFormatter};

use crate::codes;
use crate::node::{Entry, Kind, Name, Node};

/// The largest pipeline file, in bytes.
pub const MAX_FILE_BYTES: usize = 16 << 20;
/// The most scalars, lists and maps of one file.
const MAX_NODES: usize = 1_000_000;
/// How deep lists and maps may nest.
const MAX_DEPTH: usize = 48;
/// How many values all aliases of a file may stand for together.
const MAX_ALIASED: usize = 100_000;

/// Reads a file.
///
/// The result is none if the text is not YAML; a repeated key is reported, and the first one is kept.
pub(crate) fn parse(text: &str, file: u32, found: &mut Vec<Diagnostic>) -> Option<Node> {
    if text.len() > MAX_FILE_BYTES {
        let message = format!(
            "the file has {} bytes, more than the {MAX_FILE_BYTES} that are read",
            text.len()
        );
        found.push(Diagnostic::error(
            codes::TOO_LARGE,
            Span { file, start: 0, end: 0 },
            message,
        ));
        return None;
    }
    match serde_saphyr::from_str_with_options::<Spanned<Raw>>(text, options()) {
        Ok(raw) => Some(Convert { file, text, found }.node(raw)),
        Err(error) => {
            found.push(failure(&error, text, file));
            None
        }
    }
}

/// Reads plain data written as YAML or JSON: a file of inputs, or the value of `--input NAME=TEXT` for a list or a map.
/// None if it is not that.
pub fn parse_value(text: &str) -> Option<serde_json::Value> {
    let mut found = Vec::new();
    let node = parse(text, 0, &mut found)?;
    found.is_empty().then(|| node.to_data())
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: MAX_NODES * 2,
            max_nodes: MAX_NODES,
            max_depth: MAX_DEPTH,
            max_documents: 2,
            max_anchors: 1_000,
            max_aliases: 10_000,
            max_total_scalar_bytes: MAX_FILE_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIASED,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 10_000,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Merge,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        no_schema: true,
        strict_booleans: true,
        with_snippet: false,
    }
}

fn failure(error: &serde_saphyr::Error, text: &str, file: u32) -> Diagnostic {
    let mut error = error.without_snippet();
    while let serde_saphyr::Error::AliasError { error: inner, .. } = error {
        error = inner;
    }
    let message = UserMessageFormatter.format_message(error);
    let message = message.lines().next().unwrap_or_default().trim().trim_end_matches('.');
    let span = error
        .location()
        .map_or(Span { file, start: 0, end: 0 }, |at| span_of(&at, text, file));
    let limit = matches!(
        error,
        serde_saphyr::Error::Budget { .. }
            | serde_saphyr::Error::AliasReplayLimitExceeded { .. }
            | serde_saphyr::Error::AliasExpansionLimitExceeded { .. }
            | serde_saphyr::Error::AliasReplayStackDepthExceeded { .. }
    );
    if limit {
        let message = "the file has more values, nests deeper or repeats more by aliases than is read";
        return Diagnostic::error(codes::TOO_LARGE, span, message).help("split the file, or use fewer aliases");
    }
    if matches!(error, serde_saphyr::Error::MultipleDocuments { .. }) {
        let found = Diagnostic::error(codes::NOT_YAML, span, "the file has more than one YAML document");
        return found.help("remove `---` and what follows it: a file is one pipeline");
    }
    let found = Diagnostic::error(codes::NOT_YAML, span, format!("the file is not YAML: {message}"));
    let line = text
        .get(..span.start as usize)
        .map_or("", |before| before.rsplit('\n').next().unwrap_or_default());
    if line.contains('\t') || text[span.start as usize..].starts_with('\t') {
        return found.help("indent with spaces: YAML has no tabs");
    }
    found
}

fn span_of(location: &Location, text: &str, file: u32) -> Span {
    let span = location.span();
    let limit = text.len() as u64;
    let start = span
        .byte_offset()
        .unwrap_or_else(|| offset_of(location, text))
        .min(limit);
    let end = (start + span.byte_len().unwrap_or(0)).min(limit);
    // Both ends are inside the text, which is shorter than 16 MiB.
    let mut start = start as usize;
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    Span {
        file,
        start: start as u32,
        end: end as u32,
    }
}

/// The offset of a line and column, for places whose bytes the crate does not say.
fn offset_of(location: &Location, text: &str) -> u64 {
    let line = usize::try_from(location.line().saturating_sub(1)).unwrap_or(usize::MAX);
    let column = usize::try_from(location.column().saturating_sub(1)).unwrap_or(usize::MAX);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let within: usize = text[before..]
        .chars()
        .take(column)
        .take_while(|c| *c != '\n')
        .map(char::len_utf8)
        .sum();
    (before + within) as u64
}

/// What the YAML crate says a value is. Scalars are told apart by it alone: no second reading of their text.
enum Raw {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_bool<E>(self, x: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(x))
    }
    fn visit_i64<E>(self, x: i64) -> Result<Raw, E> {
        Ok(Raw::Number(x.into()))
    }
    fn visit_u64<E>(self, x: u64) -> Result<Raw, E> {
        Ok(Raw::Number(x.into()))
    }
    fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Raw, E> {
        // `.inf` and `.nan` are texts by the options.
        serde_json::Number::from_f64(x).map(Raw::Number).ok_or_else(|| E::custom("a number must be finite"))
    }
    fn visit_str<E>(self, x: &str) -> Result<Raw, E> {
        Ok(Raw::Text(x.to_owned()))
    }
    fn visit_string<E>(self, x: String) -> Result<Raw, E> {
        Ok(Raw::Text(x))
    }
    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Raw, E> {
        Err(E::custom("binary values are not read"))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            if map.len() >= MAX_NODES {
                return Err(A::Error::custom("a map has too many keys"));
            }
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}

struct Convert<'a> {
    file: u32,
    text: &'a str,
    found: &'a mut Vec<Diagnostic>,
}

impl Convert<'_> {
    fn node(&mut self, raw: Spanned<Raw>) -> Node {
        let mut span = span_of(&raw.defined, self.text, self.file);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            Raw::Bool(x) => Kind::Bool(x),
            Raw::Number(x) => Kind::Number(x),
            Raw::Text(x) => Kind::Text(x),
            Raw::List(items) => {
                let items: Vec<Node> = items.into_iter().map(|item| self.node(item)).collect();
                span.end = items.last().map_or(span.end, |last| last.span.end.max(span.end));
                Kind::List(items)
            }
            Raw::Map(entries) => {
                let entries = self.entries(entries);
                span.end = entries
                    .last()
                    .map_or(span.end, |last| last.value.span.end.max(span.end));
                Kind::Map(entries)
            }
        };
        Node { span, kind }
    }

    fn slice(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    fn entries(&mut self, raw: Vec<(Spanned<Raw>, Spanned<Raw>)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        let mut seen: HashMap<String, Span> = HashMap::new();
        for (key, value) in raw {
            let key = self.node(key);
            let value = self.node(value);
            let Kind::Text(text) = key.kind else {
                let message = format!("a key must be a text, not {}", key.word());
                let shown = self.slice(key.span).to_owned();
                self.found.push(
                    Diagnostic::error(codes::WRONG_TYPE, key.span, message)
                        .help(format!("write it in quotes: `\"{shown}\"`")),
                );
                continue;
            };
            // Small maps are searched as they are: most are, and a table each would cost more than it saves.
            let first = if raw_is_small(entries.len()) {
                entries
                    .iter()
                    .find(|entry| entry.key.text == text)
                    .map(|entry| entry.key.span)
            } else {
                if seen.is_empty() {
                    seen.extend(entries.iter().map(|entry| (entry.key.text.clone(), entry.key.span)));
                }
                let first = seen.get(&text).copied();
                seen.entry(text.clone()).or_insert(key.span);
                first
            };
            if let Some(first) = first {
                self.found.push(
                    Diagnostic::error(
                        codes::DUPLICATE_KEY,
                        key.span,
                        format!("the key `{text}` is there twice"),
                    )
                    .label(first, "first here")
                    .help("remove one of them, or give it another name"),
                );
                continue;
            }
            entries.push(Entry {
                key: Name { text, span: key.span },
                value,
            });
        }
        entries
    }
}

fn raw_is_small(len: usize) -> bool {
    len < 16
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn nodes(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
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
