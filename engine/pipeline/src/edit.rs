//! Puts a step into the text of a pipeline file and leaves every other byte alone. Not here: what the step is.

use serde_json::Value as Json;

use crate::node::{Entry, Kind, Node};
use crate::syntax;

/// Why a step cannot be put into a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The file does not read as a pipeline.
    #[error("the file does not read as a pipeline")]
    NotAPipeline,
    /// There is a step of that name.
    #[error("there is a step `{0}` already")]
    Taken(String),
    /// The steps are written in a form that nothing can be added to.
    #[error("the steps of the file are not written a line for each")]
    Form,
}

/// The text with a step at the end of `steps:`. `lines` are the step's own, without indentation; the first is its name.
///
/// # Errors
/// The file is none that a step can be put into.
pub fn add_step(text: &str, name: &str, lines: &[String]) -> Result<String, EditError> {
    let before = data(text).ok_or(EditError::NotAPipeline)?;
    let node = syntax::parse(text, 0, &mut Vec::new()).ok_or(EditError::NotAPipeline)?;
    let entries = node.entries().ok_or(EditError::NotAPipeline)?;
    let steps = entries.iter().find(|entry| entry.key.text == "steps");
    let (at, indent, head) = match steps {
        None => (text.len(), 2, "steps:\n"),
        Some(entry) => place(text, entry, name)?,
    };
    let mut added = String::new();
    if !text[..at].is_empty() && !text[..at].ends_with('\n') {
        added.push('\n');
    }
    added.push_str(head);
    for line in lines {
        if !line.is_empty() {
            added.push_str(&" ".repeat(indent));
        }
        added.push_str(line);
        added.push('\n');
    }
    let edited = format!("{}{added}{}", &text[..at], &text[at..]);
    // YAML has many forms: what came of it is read again, and has to be what was meant.
    if is_added(&before, &edited, name) {
        Ok(edited)
    } else {
        Err(EditError::Form)
    }
}

/// Where a step goes, how far it is indented, and what has to stand before it.
fn place<'t>(text: &str, steps: &Entry, name: &str) -> Result<(usize, usize, &'t str), EditError> {
    let after_line = |end: usize| match text[..end].ends_with('\n') {
        true => end,
        false => text[end..].find('\n').map_or(text.len(), |found| end + found + 1),
    };
    match &steps.value.kind {
        Kind::Null => Ok((after_line(steps.key.span.end as usize), 2, "")),
        Kind::Map(known) => {
            if known.iter().any(|entry| entry.key.text == name) {
                return Err(EditError::Taken(name.to_owned()));
            }
            let (Some(first), Some(last)) = (known.first(), known.last()) else {
                return Err(EditError::Form);
            };
            let start = first.key.span.start as usize;
            let line = text[..start].rfind('\n').map_or(0, |found| found + 1);
            if !text[line..start].bytes().all(|b| b == b' ') {
                return Err(EditError::Form);
            }
            Ok((after_line(end_of(last) as usize), start - line, ""))
        }
        _ => Err(EditError::Form),
    }
}

fn end_of(entry: &Entry) -> u32 {
    entry.value.span.end.max(entry.key.span.end)
}

fn data(text: &str) -> Option<Json> {
    let mut found = Vec::new();
    let node: Option<Node> = syntax::parse(text, 0, &mut found);
    node.filter(|_| found.is_empty()).map(|node| node.to_data())
}

/// Whether the edited text says what it said before, and one step more.
fn is_added(before: &Json, edited: &str, name: &str) -> bool {
    let Some(mut after) = data(edited) else {
        return false;
    };
    let had_steps = before.get("steps").is_some_and(Json::is_object);
    let Some(steps) = after.get_mut("steps").and_then(Json::as_object_mut) else {
        return false;
    };
    if steps.shift_remove(name).is_none() {
        return false;
    }
    if had_steps {
        return after == *before;
    }
    let (mut before, empty) = (before.clone(), steps.is_empty());
    for side in [&mut before, &mut after] {
        if let Some(map) = side.as_object_mut() {
            map.shift_remove("steps");
        }
    }
    empty && before == after
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn add(text: &str) -> Result<String, EditError> {
        add_step(text, "new", &["new:".to_owned(), "  uses: ./x.wasm".to_owned()])
    }

    // The step comes after the others, with their indentation; every other byte stays.
    #[test]
    fn a_step_is_added_after_the_others() {
        for (text, expected) in [
            (
                "airtight: 1\nsteps:\n  a:\n    uses: x # y\nexport: {}\n",
                "airtight: 1\nsteps:\n  a:\n    uses: x # y\n  new:\n    uses: ./x.wasm\nexport: {}\n",
            ),
            (
                "airtight: 1\nsteps:\n    a: { uses: x }",
                "airtight: 1\nsteps:\n    a: { uses: x }\n    new:\n      uses: ./x.wasm\n",
            ),
            (
                "airtight: 1\nsteps:\n",
                "airtight: 1\nsteps:\n  new:\n    uses: ./x.wasm\n",
            ),
            ("airtight: 1\n", "airtight: 1\nsteps:\n  new:\n    uses: ./x.wasm\n"),
            (
                "steps:\n  a:\n    stdin: |\n      x\n      y\nairtight: 1\n",
                "steps:\n  a:\n    stdin: |\n      x\n      y\n  new:\n    uses: ./x.wasm\nairtight: 1\n",
            ),
        ] {
            assert_eq!(add(text).unwrap(), expected, "{text}");
        }
    }

    // What cannot be edited safely is left alone.
    #[test]
    fn what_cannot_be_edited_is_left_alone() {
        for (text, error) in [
            ("airtight: 1\nsteps: { a: { uses: x } }\n", EditError::Form),
            ("airtight: 1\nsteps: {}\n", EditError::Form),
            ("airtight: 1\nsteps: []\n", EditError::Form),
            (
                "airtight: 1\nsteps:\n  new: { uses: x }\n",
                EditError::Taken("new".to_owned()),
            ),
            ("[", EditError::NotAPipeline),
            ("a", EditError::NotAPipeline),
            ("{ airtight: 1 }\n", EditError::Form),
        ] {
            assert_eq!(add(text), Err(error), "{text}");
        }
    }
}
