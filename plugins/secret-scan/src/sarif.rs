//! Findings as a SARIF 2.1.0 log.
//!
//! It holds no secret and no snippet of the text around one, and nothing that differs between two runs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::rules::{RULES, Rule, Severity};

/// The schema that the log follows.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Why a result does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression<'a> {
    /// A comment on its line.
    InSource,
    /// The baseline, with this reason.
    Baseline(&'a str),
}

/// One result.
#[derive(Clone, Debug)]
pub struct SarifResult<'a> {
    /// Index in [`RULES`].
    pub rule: usize,
    pub message: &'a str,
    /// Relative to the root `root`, with `/`.
    pub relative: &'a str,
    pub root: usize,
    pub line: u64,
    pub column: u64,
    pub end_column: u64,
    pub fingerprint: &'a str,
    pub suppression: Option<Suppression<'a>>,
}

/// Writes the log. `roots` are the paths that were searched, as the step sees them; a root that is a file is given by its
/// folder.
pub fn log(roots: &[String], results: &[SarifResult<'_>]) -> String {
    let bases: serde_json::Map<String, Value> = roots
        .iter()
        .enumerate()
        .map(|(index, root)| {
            let path = encoded(root.trim_matches('/'));
            let slash = if path.is_empty() { "" } else { "/" };
            (base_id(index), json!({ "uri": format!("file:///{path}{slash}") }))
        })
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "airtight std/secret-scan",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(described).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": bases,
            "results": results.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).unwrap_or_default();
    text.push('\n');
    text
}

fn base_id(root: usize) -> String {
    if root == 0 {
        "SRCROOT".to_owned()
    } else {
        format!("SRCROOT{}", root + 1)
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn described(rule: &Rule) -> Value {
    let help = help(rule);
    json!({
        "id": rule.id,
        "name": rule.name,
        "shortDescription": { "text": rule.name },
        "fullDescription": { "text": format!("Finds this kind of secret in files: {}.", rule.name) },
        "help": { "text": help, "markdown": help },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": {
            "tags": ["security", "secret"],
            // The scale is CVSS's; code hosts sort by it.
            "security-severity": if rule.severity == Severity::Error { "8.0" } else { "4.0" },
        },
    })
}

/// What to do about a finding of a rule.
pub fn help(rule: &Rule) -> String {
    format!(
        "Revoke it: {}. Then keep the new one outside of the files, and take the old one out of the history if that is shared. \
         If it is no secret, put the comment `airtight:allow-secret` on its line or an entry into the baseline file.",
        rule.revoke
    )
}

fn result(result: &SarifResult<'_>) -> Value {
    let mut value = json!({
        "ruleId": RULES[result.rule].id,
        "ruleIndex": result.rule,
        "level": level(RULES[result.rule].severity),
        "message": { "text": result.message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": encoded(result.relative), "uriBaseId": base_id(result.root) },
            "region": {
                "startLine": result.line,
                "startColumn": result.column,
                "endLine": result.line,
                "endColumn": result.end_column,
            },
        }}],
        "partialFingerprints": { "airtightSecretScan/v1": result.fingerprint },
    });
    if let (Some(suppression), Some(object)) = (result.suppression, value.as_object_mut()) {
        let entry = match suppression {
            Suppression::InSource => json!({ "kind": "inSource" }),
            Suppression::Baseline(reason) => json!({ "kind": "external", "justification": reason }),
        };
        object.insert("suppressions".to_owned(), json!([entry]));
    }
    value
}

/// Percent-encodes a path for a URI, leaving `/`.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_as_uris() {
        // Viewers resolve them against the base; a raw space or `#` would break that.
        assert_eq!(encoded("a b/c#1/é.txt"), "a%20b/c%231/%C3%A9.txt");
    }
}
