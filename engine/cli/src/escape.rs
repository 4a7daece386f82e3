//! Makes text of guests and files safe to print: control, bidirectional and zero-width characters become visible
//! escapes. Not here: colours of our own.

use std::borrow::Cow;

/// Whether a terminal or a reader could be misled by this character.
fn is_unsafe(c: char) -> bool {
    matches!(c,
        '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}'        // C0 but tab and line feed, DEL, C1
        | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' // zero width, bidirectional
        | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}'                                  // tags
    )
}

/// Escapes `text` for one line of output: unsafe characters and line feeds become `\u{…}` or `\n`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) || c == '\n') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if is_unsafe(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    // A guest cannot move the cursor, set a title, reorder or hide text.
    #[test]
    fn what_could_mislead_a_reader_becomes_visible() {
        assert_eq!(line("plain ünïcode\tkept"), "plain ünïcode\tkept");
        assert_eq!(line("\x1b[2J"), "\\u{1b}[2J");
        assert_eq!(line("a\u{202e}b\u{200b}c"), "a\\u{202e}b\\u{200b}c");
        assert_eq!(line("one\r\ntwo"), "one\\r\\ntwo");
        assert_eq!(line("\u{9b}31m"), "\\u{9b}31m");
    }
}
