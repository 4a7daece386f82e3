//! Steps in WebAssembly's own text: a core module, or a whole component. No tool is needed. Not here: making the module a component.

use super::{Raw, Workshop};
use crate::error::{Error, InFile};
use crate::files;

/// Makes the binary of a text.
pub(super) fn build(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let entry = shop.entry(&["src/step.wat", "step.wat"])?;
    let text = files::text(&entry)?;
    let wasm = wat::parse_str(&text).map_err(|error| wrong(shop, &entry, &text, &error))?;
    Ok(Raw {
        wasm,
        language: ("WAT".to_owned(), String::new()),
        tools: vec![("airtight".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
    })
}

/// The place of a mistake: the crate says it in its text alone, after the message.
fn wrong(shop: &Workshop<'_>, entry: &std::path::Path, text: &str, error: &wat::Error) -> Error {
    use airtight_model::{Diagnostic, Span};

    let said = error.to_string();
    let message = said.lines().next().unwrap_or_default().to_owned();
    let place = said.lines().find_map(|line| {
        let (_, place) = line.split_once("--> ")?;
        let mut numbers = place.rsplit(':').map(str::parse::<usize>);
        let (column, line) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let before: usize = text
            .split_inclusive('\n')
            .take(line.checked_sub(1)?)
            .map(str::len)
            .sum();
        u32::try_from(before + column.checked_sub(1)?).ok()
    });
    let start = place.unwrap_or(0).min(u32::try_from(text.len()).unwrap_or(u32::MAX));
    let name = entry.strip_prefix(&shop.project.root).unwrap_or(entry);
    let span = Span {
        file: 0,
        start,
        end: start,
    };
    Error::InFile(Box::new(InFile {
        name: name.to_string_lossy().into_owned(),
        text: text.to_owned(),
        found: vec![Diagnostic::error("A0011", span, message).help("mend the text at that place")],
    }))
}
