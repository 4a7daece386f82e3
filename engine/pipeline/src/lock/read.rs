//! Reads a lock, strictly: what is not known is an error, and all errors are said at once. Not here: the text's form.

use airtight_model::grant::Grants;
use airtight_model::plan::SecretSource;
use airtight_model::{BlobDigest, Diagnostic, OciRef, Sha256Digest, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Lock, LockedComponent, LockedSecret, LockedStep, Place};
use crate::codes;
use crate::lower::Lower;
use crate::nearest::nearest;
use crate::paths;
use crate::syntax;

type Value<'a> = Spanned<DeValue<'a>>;

pub(super) fn read(text: &str) -> Result<Lock, Vec<Diagnostic>> {
    let mut read = Read { found: Vec::new() };
    if text.len() > crate::MAX_FILE_BYTES {
        read.report(
            Span::default(),
            "the lock is too large",
            "write it anew with `airtight lock`",
        );
        return Err(read.found);
    }
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = span(error.span().unwrap_or(0..0), text);
            let message = error.message().lines().next().unwrap_or("it does not read").to_owned();
            read.report(
                at,
                &format!("the lock is not TOML: {message}"),
                "write it anew with `airtight lock`",
            );
            return Err(read.found);
        }
    };
    let lock = read.lock(table.get_ref(), text);
    if read.found.is_empty() {
        Ok(lock)
    } else {
        Err(read.found)
    }
}

/// A range of bytes that lies in the text and on its characters.
fn span(range: std::ops::Range<usize>, text: &str) -> Span {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(range.start), floor(range.end));
    // A lock has at most MAX_FILE_BYTES bytes.
    Span {
        file: 0,
        start: start as u32,
        end: end.max(start) as u32,
    }
}

struct Read {
    found: Vec<Diagnostic>,
}

impl Read {
    fn report(&mut self, span: Span, message: &str, help: &str) {
        self.found
            .push(Diagnostic::error(codes::LOCK_INVALID, span, message).help(help));
    }

    fn lock(&mut self, table: &DeTable<'_>, text: &str) -> Lock {
        let mut lock = Lock::default();
        let version = table.get("version").and_then(|version| version.get_ref().as_integer());
        if version.map(|version| (version.as_str(), version.radix())) != Some(("1", 10)) {
            let at = table
                .get("version")
                .map_or(Span::default(), |value| span(value.span(), text));
            self.report(
                at,
                "this version of the lock is not known",
                "write `version = 1`, or use a newer engine",
            );
        }
        for (key, value) in table {
            match &**key.get_ref() {
                "version" => {}
                "component" => {
                    for entry in self.entries(value, text) {
                        lock.components.extend(self.component(&entry));
                    }
                }
                "secret" => {
                    for entry in self.entries(value, text) {
                        lock.secrets.extend(self.secret(&entry));
                    }
                }
                "step" => {
                    for entry in self.entries(value, text) {
                        lock.steps.extend(self.step(&entry));
                    }
                }
                other => self.unknown(
                    span(key.span(), text),
                    other,
                    &["version", "component", "secret", "step"],
                ),
            }
        }
        lock.sort();
        self.twice(lock.components.iter().map(|one| (&one.uses, one.place.0)), "component");
        self.twice(lock.secrets.iter().map(|one| (&one.name, one.place.0)), "secret");
        self.twice(lock.steps.iter().map(|one| (&one.name, one.place.0)), "step");
        lock
    }

    /// Reports what is there twice in a sorted list.
    fn twice<'n>(&mut self, names: impl Iterator<Item = (&'n String, Span)>, what: &str) {
        let mut before: Option<&String> = None;
        for (name, at) in names {
            if before == Some(name) {
                self.report(at, &format!("the {what} `{name}` is there twice"), "remove one of them");
            }
            before = Some(name);
        }
    }

    fn unknown(&mut self, at: Span, key: &str, known: &[&str]) {
        let help = nearest(key, known.iter().copied()).map_or_else(
            || "remove it, or use a newer engine".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        self.report(at, &format!("a lock has no key `{key}` there"), &help);
    }

    fn entries<'t, 'a>(&mut self, value: &'t Value<'a>, text: &'t str) -> Vec<Entry<'t, 'a>> {
        let at = span(value.span(), text);
        let Some(items) = value.get_ref().as_array() else {
            self.report(
                at,
                "a list of tables is needed",
                "write `[[component]]`, `[[secret]]` or `[[step]]`",
            );
            return Vec::new();
        };
        let mut entries = Vec::with_capacity(items.len());
        for item in items.iter() {
            let at = span(item.span(), text);
            match item.get_ref().as_table() {
                Some(table) => entries.push(Entry { table, at, text }),
                None => self.report(
                    at,
                    "a table is needed",
                    "write `[[component]]`, `[[secret]]` or `[[step]]`",
                ),
            }
        }
        entries
    }

    fn keys(&mut self, entry: &Entry<'_, '_>, known: &[&str], needed: &[&str]) {
        for (key, _) in entry.table {
            if !known.contains(&&**key.get_ref()) {
                self.unknown(span(key.span(), entry.text), key.get_ref(), known);
            }
        }
        for key in needed {
            if entry.table.get(*key).is_none() {
                self.report(
                    entry.at,
                    &format!("`{key}` is missing"),
                    "write the lock anew with `airtight lock`",
                );
            }
        }
    }

    fn component(&mut self, entry: &Entry<'_, '_>) -> Option<LockedComponent> {
        self.keys(
            entry,
            &["uses", "manifest", "digest", "pinned", "imports"],
            &["uses", "digest", "imports"],
        );
        let uses = self.text(entry, "uses");
        let digest = self.text(entry, "digest").and_then(|(text, at)| {
            let digest = text.parse::<BlobDigest>();
            if let Err(error) = &digest {
                self.report(at, &error.to_string(), "write the lock anew with `airtight lock`");
            }
            digest.ok()
        });
        let manifest = self.text(entry, "manifest").and_then(|(text, at)| {
            let digest = text.parse::<Sha256Digest>();
            if digest.is_err() {
                self.report(
                    at,
                    "`manifest` is no SHA-256",
                    "write the lock anew with `airtight lock`",
                );
            }
            digest.ok()
        });
        let remote = uses.as_ref().is_some_and(|(uses, _)| OciRef::is_meant(uses));
        if remote != entry.table.get("manifest").is_some() {
            let message = "`manifest` is for components of registries, and each of them has one";
            self.report(entry.at, message, "write the lock anew with `airtight lock`");
        }
        let pinned = match entry.table.get("pinned") {
            None => false,
            Some(value) => value.get_ref().as_bool().unwrap_or_else(|| {
                self.report(
                    entry.span(value),
                    "`pinned` is `true` or `false`",
                    "write `pinned = true`",
                );
                false
            }),
        };
        let mut imports: Vec<String> = self.texts(entry, "imports").into_iter().map(|(text, _)| text).collect();
        imports.sort_unstable();
        imports.dedup();
        let ((uses, at), digest) = (uses?, digest?);
        Some(LockedComponent {
            uses,
            manifest,
            digest,
            pinned,
            imports,
            place: Place(at),
        })
    }

    fn secret(&mut self, entry: &Entry<'_, '_>) -> Option<LockedSecret> {
        self.keys(entry, &["name", "env", "file", "command"], &["name"]);
        let name = self.text(entry, "name");
        let mut sources = Vec::new();
        sources.extend(self.text(entry, "env").map(|(text, _)| SecretSource::Env(text)));
        sources.extend(self.text(entry, "file").map(|(text, _)| SecretSource::File(text)));
        if entry.table.get("command").is_some() {
            let words = self.texts(entry, "command").into_iter().map(|(text, _)| text);
            sources.push(SecretSource::Command(words.collect()));
        }
        if sources.len() != 1 {
            let message = "a secret has one of `env`, `file` and `command`";
            self.report(entry.at, message, "write the lock anew with `airtight lock`");
        }
        let (name, at) = name?;
        Some(LockedSecret {
            name,
            source: sources.pop()?,
            place: Place(at),
        })
    }

    fn step(&mut self, entry: &Entry<'_, '_>) -> Option<LockedStep> {
        let known = ["name", "uses", "http", "net", "secrets", "clock", "random"];
        self.keys(entry, &known, &["name", "uses"]);
        let (name, uses) = (self.text(entry, "name"), self.text(entry, "uses"));
        let mut grants = Grants::default();
        for (text, at) in self.texts(entry, "http") {
            let item = self.item(&text, at, |lower, node| lower.http_item(node));
            grants.http.extend(item.map(|item| {
                let mut grant = item.grant;
                grant.ca = item.ca.map(|name| self.inside(name.text, at));
                if let (Some(client), Some(path)) = (&mut grant.client, item.certificate) {
                    client.certificate = self.inside(path.text, at);
                }
                grant
            }));
        }
        for (text, at) in self.texts(entry, "net") {
            let item = self.item(&text, at, |lower, node| lower.net_item(node));
            grants.net.extend(item.map(|item| {
                let mut grant = item.grant;
                if let Some(login) = &mut grant.login {
                    login.ca = item.ca.map(|name| self.inside(name.text, at));
                }
                grant
            }));
        }
        for (text, at) in self.texts(entry, "secrets") {
            let item = self.item(&text, at, |lower, node| match node.entries() {
                Some([entry]) => lower.secret_item(entry),
                _ => {
                    lower.wrong_type(node, "an item of `secrets`", "a name and what may be done", None);
                    None
                }
            });
            grants.secrets.extend(item.map(|item| item.grant));
        }
        grants.clock = self.real(entry, "clock");
        grants.random = self.real(entry, "random");
        let ((name, at), (uses, _)) = (name?, uses?);
        Some(LockedStep {
            name,
            uses,
            grants,
            place: Place(at),
        })
    }

    /// Reads an item of a list of grants as the pipeline file would.
    fn item<T>(
        &mut self,
        text: &str,
        at: Span,
        read: impl FnOnce(&mut Lower<'_>, &crate::node::Node) -> Option<T>,
    ) -> Option<T> {
        let mut found = Vec::new();
        let node = syntax::parse(text, 0, &mut found);
        let mut lower = Lower {
            text,
            fragment: false,
            found: &mut found,
        };
        let item = node.and_then(|node| read(&mut lower, &node));
        for diagnostic in found {
            let help = diagnostic.help.unwrap_or_default();
            self.report(at, &diagnostic.message, &help);
        }
        item
    }

    /// A path that is inside the project, as the lock has it.
    fn inside(&mut self, path: String, at: Span) -> String {
        if paths::join_host(".", &path).as_ref() != Ok(&path) {
            let message = format!("the path `{path}` is not one inside the project");
            self.report(at, &message, "write the lock anew with `airtight lock`");
        }
        path
    }

    fn real(&mut self, entry: &Entry<'_, '_>, key: &str) -> bool {
        let Some((text, at)) = self.text(entry, key) else {
            return false;
        };
        if text != "real" {
            self.report(at, &format!("`{key}` does not take `{text}`"), "write `\"real\"`");
        }
        text == "real"
    }

    fn text(&mut self, entry: &Entry<'_, '_>, key: &str) -> Option<(String, Span)> {
        let value = entry.table.get(key)?;
        self.text_of(value, key, entry)
    }

    fn text_of(&mut self, value: &Value<'_>, key: &str, entry: &Entry<'_, '_>) -> Option<(String, Span)> {
        let at = entry.span(value);
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.report(at, &format!("`{key}` takes a text"), "write it in quotes");
        }
        text.map(|text| (text.to_owned(), at))
    }

    fn texts(&mut self, entry: &Entry<'_, '_>, key: &str) -> Vec<(String, Span)> {
        let Some(value) = entry.table.get(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.report(entry.span(value), &format!("`{key}` takes a list"), "write `[ … ]`");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.text_of(item, key, entry)).collect()
    }
}

/// A table of a list, with its place.
struct Entry<'t, 'a> {
    table: &'t DeTable<'a>,
    at: Span,
    text: &'t str,
}

impl Entry<'_, '_> {
    fn span(&self, value: &Value<'_>) -> Span {
        span(value.span(), self.text)
    }
}
