//! The text of a lock: sorted, one way to write each. Not here: reading it.

use std::fmt::Write;

use airtight_model::grant::Grants;
use airtight_model::plan::SecretSource;

use super::Lock;

const HEAD: &str = "\
# Written by `airtight lock`: what this pipeline runs and may do, as its author accepted it.
# A component or step that wants more is refused until `airtight lock --accept`.
version = 1
";

pub(super) fn write(lock: &Lock) -> String {
    let mut out = HEAD.to_owned();
    for component in &lock.components {
        out.push_str("\n[[component]]\n");
        line(&mut out, "uses", &text(&component.uses));
        if let Some(manifest) = &component.manifest {
            line(&mut out, "manifest", &text(&manifest.to_string()));
        }
        line(&mut out, "digest", &text(&component.digest.to_string()));
        if component.pinned {
            line(&mut out, "pinned", "true");
        }
        line(&mut out, "imports", &list(&component.imports));
    }
    for secret in &lock.secrets {
        out.push_str("\n[[secret]]\n");
        line(&mut out, "name", &text(&secret.name));
        match &secret.source {
            SecretSource::Env(name) => line(&mut out, "env", &text(name)),
            SecretSource::File(path) => line(&mut out, "file", &text(path)),
            SecretSource::Command(words) => line(&mut out, "command", &list(words)),
        }
    }
    for step in &lock.steps {
        out.push_str("\n[[step]]\n");
        line(&mut out, "name", &text(&step.name));
        line(&mut out, "uses", &text(&step.uses));
        grants(&mut out, &step.grants);
    }
    out
}

fn grants(out: &mut String, grants: &Grants) {
    let Grants {
        http,
        net,
        secrets,
        clock,
        random,
    } = grants;
    let mut some = |key: &str, items: Vec<String>| {
        if !items.is_empty() {
            line(out, key, &list(&items));
        }
    };
    some("http", http.iter().map(|item| bare(&item.to_string())).collect());
    some("net", net.iter().map(|item| bare(&item.to_string())).collect());
    some("secrets", secrets.iter().map(ToString::to_string).collect());
    for (key, real) in [("clock", clock), ("random", random)] {
        if *real {
            line(out, key, "\"real\"");
        }
    }
}

/// The text of an item without the quotes that the lock has anyway.
fn bare(item: &str) -> String {
    match serde_json::from_str::<String>(item) {
        Ok(plain) => plain,
        Err(_) => item.to_owned(),
    }
}

fn line(out: &mut String, key: &str, value: &str) {
    writeln!(out, "{key} = {value}").expect("a String takes it");
}

fn list(items: &[String]) -> String {
    match items {
        [] => "[]".to_owned(),
        [one] => format!("[{}]", text(one)),
        items => {
            let lines: String = items.iter().map(|item| format!("    {},\n", text(item))).collect();
            format!("[\n{lines}]")
        }
    }
}

/// A string of TOML: as it stands in single quotes where it can, else escaped.
fn text(text: &str) -> String {
    let plain = |c: char| c == '"' || c == '\\';
    let literal = text.contains(plain) && !text.contains('\'') && !text.chars().any(char::is_control);
    if literal {
        return format!("'{text}'");
    }
    // JSON's escapes are TOML's too; only DEL has to be escaped in TOML alone.
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
