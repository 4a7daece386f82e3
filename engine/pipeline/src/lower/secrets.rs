//! `secrets:` of the file: where values come from. Not here: the values, which no pipeline holds.

use airtight_model::Diagnostic;
use airtight_model::plan::SecretSource;

use super::Lower;
use crate::ast::{At, Secret};
use crate::codes;
use crate::keys;
use crate::node::{Entry, Key, Kind, Name, Node};

impl Lower<'_> {
    pub(crate) fn secret(&mut self, name: &Name, node: &Node) -> Option<Secret> {
        let mut secret = Secret {
            name: name.clone(),
            source: None,
        };
        // A secret that cannot be read is one still: what refers to it is not wrong too.
        let Some(entries) = self.map(node, "a secret") else {
            return Some(secret);
        };
        let mut first: Option<&Key<'_>> = None;
        for Entry { key, value } in entries {
            if !keys::SECRET.contains(&&*key.text) {
                self.unknown_key(key, keys::SECRET, "a secret");
                continue;
            }
            if let Some(first) = first {
                let message = format!("the secret `{}` has two sources", name.text);
                let found = Diagnostic::error(codes::SECRET_SOURCE, key.span, message).label(first.span, "first here");
                self.found.push(found.help(format!("remove `{}:`", key.text)));
                continue;
            }
            first = Some(key);
            secret.source = self.secret_source(&key.text, value).map(|source| At {
                value: source,
                span: value.span,
            });
        }
        if first.is_none() {
            let message = format!("the secret `{}` does not say where its value comes from", name.text);
            let variable = name.text.to_ascii_uppercase().replace('-', "_");
            let found = Diagnostic::error(codes::SECRET_SOURCE, name.span, message);
            self.found.push(found.help(format!(
                "add `env: {variable}`, `file: PATH` or `command: [ PROGRAM, ARGUMENT ]`"
            )));
        }
        Some(secret)
    }

    fn secret_source(&mut self, key: &str, node: &Node) -> Option<SecretSource> {
        if key == "command" {
            let words: Option<Vec<String>> = self
                .list(node, key)
                .iter()
                .map(|item| self.source_text(item, "an argument"))
                .collect();
            let words = words.filter(|_| matches!(node.kind, Kind::List(_)))?;
            if words.first().is_none_or(String::is_empty) {
                self.bad_source(node, "`command:` names no program", "write `[ PROGRAM, ARGUMENT ]`");
                return None;
            }
            return Some(SecretSource::Command(words));
        }
        let text = self.source_text(node, key)?;
        if key == "env" {
            if text.is_empty() || text.contains('=') {
                let message = format!("`{text}` cannot be the name of a variable");
                self.bad_source(node, &message, "a variable's name is not empty and has no `=`");
                return None;
            }
            return Some(SecretSource::Env(text));
        }
        if text.is_empty() || (text.starts_with('~') && !text.starts_with("~/")) {
            let message = format!("`{text}` is not a file of yours");
            self.bad_source(
                node,
                &message,
                "write an absolute path, one below `~/`, or one relative to this file",
            );
            return None;
        }
        Some(SecretSource::File(text))
    }

    /// A text that is used as it stands: no expression, no NUL.
    fn source_text(&mut self, node: &Node, what: &str) -> Option<String> {
        let name = self.literal(node, what)?;
        if name.text.contains('\0') {
            self.bad_source(node, "a source of a secret has no NUL in it", "remove it");
            return None;
        }
        Some(name.text)
    }

    fn bad_source(&mut self, node: &Node, message: &str, help: &str) {
        self.found
            .push(Diagnostic::error(codes::SECRET_SOURCE, node.span, message).help(help));
    }
}
