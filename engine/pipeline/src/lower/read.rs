//! The small readers that the file's shapes are made of: each reports what is wrong and gives what it can. Not here:
//! which key takes what.

use airtight_model::{Diagnostic, Span};

use super::Lower;
use crate::codes;
use crate::nearest::{nearest, quoted};
use crate::node::{Entry, Key, Kind, Name, Node};

/// The longest name of a step, source, input, output, axis or stage, in bytes.
const MAX_NAME: usize = 64;

impl Lower<'_> {
    /// The bytes of a place.
    pub(crate) fn raw(&self, span: Span) -> &str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str, help: Option<String>) {
        let message = format!("{} takes {wanted}, not {}", shown(what), node.word());
        let found = Diagnostic::error(codes::WRONG_TYPE, node.span, message);
        self.found
            .push(found.help(help.unwrap_or_else(|| format!("write {wanted}"))));
    }

    pub(crate) fn missing(&mut self, span: Span, message: &str, line: &str) {
        self.found
            .push(Diagnostic::error(codes::MISSING_KEY, span, message).help(format!("add `{line}`")));
    }

    pub(crate) fn unknown_key(&mut self, key: &Key<'_>, known: &[&str], what: &str) {
        let message = format!("{what} has no key `{}`", key.text);
        let help = match nearest(&key.text, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}:`?"),
            None => format!(
                "the keys are {}",
                known.iter().map(|x| format!("`{x}`")).collect::<Vec<_>>().join(", ")
            ),
        };
        self.found
            .push(Diagnostic::error(codes::UNKNOWN_KEY, key.span, message).help(help));
    }

    /// The entries of a map; `what` is a key, or `a …`.
    pub(crate) fn map<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> Option<&'n [Entry<'t>]> {
        if let Kind::Map(entries) = &node.kind {
            return Some(entries);
        }
        self.wrong_type(
            node,
            what,
            "a map",
            Some("write it as a map: `{ name: value }`, or a line for each".to_owned()),
        );
        None
    }

    pub(crate) fn list<'n, 't>(&mut self, node: &'n Node<'t>, what: &str) -> &'n [Node<'t>] {
        if let Kind::List(items) = &node.kind {
            return items;
        }
        let help = matches!(node.kind, Kind::Text(_) | Kind::Number(_) | Kind::Bool(_))
            .then(|| format!("write `[ {} ]`", self.raw(node.span)));
        self.wrong_type(
            node,
            what,
            "a list",
            Some(help.unwrap_or_else(|| "write `[ … ]`, or a line with `- ` for each".to_owned())),
        );
        &[]
    }

    /// A text. Numbers and booleans must be quoted to be one: `1.10` is not `1.1`.
    pub(crate) fn string(&mut self, node: &Node, what: &str) -> Option<Name> {
        if let Kind::Text(text) = &node.kind {
            return Some(Name {
                text: text.clone().into_owned(),
                span: node.span,
            });
        }
        let help = matches!(node.kind, Kind::Number(_) | Kind::Bool(_))
            .then(|| format!("write it in quotes: `\"{}\"`", self.raw(node.span)));
        self.wrong_type(
            node,
            what,
            "a text",
            Some(help.unwrap_or_else(|| "write a text".to_owned())),
        );
        None
    }

    /// A text that no expression may be in.
    pub(crate) fn literal(&mut self, node: &Node, what: &str) -> Option<Name> {
        let name = self.string(node, what)?;
        if name.text.contains("${") {
            let message = format!("{} cannot hold an expression", shown(what));
            let help = "write the value itself: it must be known from the file alone";
            self.found
                .push(Diagnostic::error(codes::EXPRESSION_PLACE, name.span, message).help(help));
            return None;
        }
        Some(name)
    }

    /// A list of texts; one text by itself is a list of one.
    pub(crate) fn names(&mut self, node: &Node, what: &str) -> Vec<Name> {
        if matches!(node.kind, Kind::Text(_)) {
            return self.literal(node, what).into_iter().collect();
        }
        self.list(node, what)
            .iter()
            .filter_map(|item| self.literal(item, what))
            .collect()
    }

    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        if let Kind::Bool(x) = node.kind {
            return Some(x);
        }
        let help = match node.text() {
            Some("yes" | "on" | "y" | "True" | "TRUE") => Some("write `true`".to_owned()),
            Some("no" | "off" | "n" | "False" | "FALSE") => Some("write `false`".to_owned()),
            _ => None,
        };
        self.wrong_type(
            node,
            what,
            "`true` or `false`",
            Some(help.unwrap_or_else(|| "write `true` or `false`".to_owned())),
        );
        None
    }

    /// A whole number from `least` to `most`.
    pub(crate) fn whole(&mut self, node: &Node, what: &str, least: u64, most: u64) -> Option<u64> {
        let Kind::Number(number) = &node.kind else {
            self.wrong_type(
                node,
                what,
                "a whole number",
                Some("write a whole number, such as `3`".to_owned()),
            );
            return None;
        };
        let value = number.as_u64().filter(|x| (least..=most).contains(x));
        if value.is_none() {
            let message = format!("{} takes a whole number from {least} to {most}", shown(what));
            let near = if number.as_u64().is_some_and(|x| x > most) {
                most
            } else {
                least
            };
            self.found.push(
                Diagnostic::error(codes::BAD_VALUE, node.span, message).help(format!("write `{near}`, for example")),
            );
        }
        value
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&'static str, T)]) -> Option<T> {
        let name = self.string(node, what)?;
        let known = words.iter().find(|(word, _)| *word == name.text);
        if known.is_none() {
            let message = format!("{} does not take `{}`", shown(what), name.text);
            let all = quoted(words.iter().map(|(word, _)| *word));
            let help = match nearest(&name.text, words.iter().map(|(word, _)| *word)) {
                Some(near) => format!("did you mean `{near}`? it is one of {all}"),
                None => format!("write one of {all}"),
            };
            self.found
                .push(Diagnostic::error(codes::BAD_VALUE, name.span, message).help(help));
        }
        known.map(|(_, value)| *value)
    }

    pub(crate) fn check_name(&mut self, name: &Name) {
        let text = name.text.as_str();
        let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        let rest = text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if first && rest && text.len() <= MAX_NAME {
            return;
        }
        let message = format!("`{text}` cannot be a name");
        let mended: String = text
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(MAX_NAME - 1)
            .collect();
        let mended = mended.trim_matches('-');
        let mended = if mended.starts_with(|c: char| c.is_ascii_digit()) {
            format!("_{mended}")
        } else {
            mended.to_owned()
        };
        let rule = "a name has letters, digits, `-` and `_`, begins with a letter or `_`, and is at most 64 long";
        let help = if mended.is_empty() {
            rule.to_owned()
        } else {
            format!("write `{mended}`: {rule}")
        };
        self.found
            .push(Diagnostic::error(codes::BAD_NAME, name.span, message).help(help));
    }
}

/// A key in backticks, or words as they are.
fn shown(what: &str) -> String {
    if what.contains(' ') {
        what.to_owned()
    } else {
        format!("`{what}:`")
    }
}
