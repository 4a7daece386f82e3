//! The baseline file: findings that a person has looked at and accepted.
//!
//! It is deliberately strict (unknown keys, missing reasons are errors): a file that switches findings off must not
//! have a part that is silently ignored.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Largest baseline file that is read, in bytes.
pub const MAX_BYTES: u64 = 16 << 20;

/// One accepted finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub rule: String,
    pub path: String,
    pub reason: String,
}

/// The accepted findings by fingerprint.
pub type Baseline = BTreeMap<String, Entry>;

/// What is wrong with a baseline file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaselineError {
    #[error("it is not JSON: {0}")]
    NotJson(String),
    #[error("it must be an object with `\"version\": 1` and a list `findings`, and nothing else")]
    Shape,
    #[error(
        "entry {0} of `findings` must have `fingerprint`, `rule`, `path` and `reason`, all strings, none empty, and nothing else"
    )]
    Entry(usize),
    #[error("entry {0} of `findings` repeats the fingerprint of an earlier one")]
    Repeated(usize),
}

/// Reads a baseline file's text. Entries count from 1 in errors.
///
/// # Errors
/// When the text is not JSON of the documented shape.
pub fn parse(text: &[u8]) -> Result<Baseline, BaselineError> {
    let value: Value = serde_json::from_slice(text).map_err(|error| BaselineError::NotJson(error.to_string()))?;
    let top = value.as_object().ok_or(BaselineError::Shape)?;
    let (Some(1), Some(list), 2) = (
        top.get("version").and_then(Value::as_u64),
        top.get("findings").and_then(Value::as_array),
        top.len(),
    ) else {
        return Err(BaselineError::Shape);
    };
    let mut baseline = Baseline::new();
    for (number, item) in (1..).zip(list) {
        let part = |key: &str| {
            item.get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.trim().is_empty())
        };
        let (Some(fingerprint), Some(rule), Some(path), Some(reason), Some(4)) = (
            part("fingerprint"),
            part("rule"),
            part("path"),
            part("reason"),
            item.as_object().map(serde_json::Map::len),
        ) else {
            return Err(BaselineError::Entry(number));
        };
        let entry = Entry {
            rule: rule.to_owned(),
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        if baseline.insert(fingerprint.to_owned(), entry).is_some() {
            return Err(BaselineError::Repeated(number));
        }
    }
    Ok(baseline)
}

/// The entry that accepts a finding, on one line, for the user to paste. The reason is left for the user to write.
pub fn entry(fingerprint: &str, rule: &str, path: &str) -> String {
    // Written by hand for the order of the keys; the values are still encoded by serde_json.
    format!(
        r#"{{"fingerprint": {}, "rule": {}, "path": {}, "reason": "say why this is no secret"}}"#,
        json!(fingerprint),
        json!(rule),
        json!(path)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_entry_that_is_printed_is_accepted_as_it_stands() {
        // What the error message offers must work when pasted, odd paths included.
        let text = format!(
            r#"{{"version": 1, "findings": [{}]}}"#,
            entry("f00", "jwt", "a \"b\"\n.txt")
        );
        let baseline = parse(text.as_bytes()).unwrap();
        assert_eq!(baseline["f00"].path, "a \"b\"\n.txt");
        assert_eq!(baseline["f00"].rule, "jwt");
    }

    #[test]
    fn a_malformed_baseline_says_what_is_wrong() {
        // Each mistake has its own message; none is ignored.
        assert!(matches!(parse(b"{"), Err(BaselineError::NotJson(_))));
        assert_eq!(parse(b"[]"), Err(BaselineError::Shape));
        assert_eq!(parse(br#"{"version": 2, "findings": []}"#), Err(BaselineError::Shape));
        assert_eq!(
            parse(br#"{"version": 1, "findings": [], "x": 1}"#),
            Err(BaselineError::Shape)
        );
        let one = r#"{"fingerprint":"a","rule":"b","path":"c","reason":"d"}"#;
        let bad = r#"{"fingerprint":"a","rule":"b","path":"c","reason":" "}"#;
        let list = |items: &str| format!(r#"{{"version": 1, "findings": [{items}]}}"#).into_bytes();
        assert_eq!(parse(&list(&format!("{one},{bad}"))), Err(BaselineError::Entry(2)));
        assert_eq!(parse(&list(&format!("{one},{one}"))), Err(BaselineError::Repeated(2)));
    }
}
