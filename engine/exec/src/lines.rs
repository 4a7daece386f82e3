//! Bytes of a stream to lines of text: for events, live and replayed. Not here: escaping for a terminal.

/// The longest piece of a line, in bytes of the stream: a longer line comes in pieces.
pub const MAX_LINE: usize = 8 * 1024;

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    held: Vec<u8>,
}

impl Lines {
    /// Takes bytes and gives each line that is complete, and each piece of a long one, to `line`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], line: &mut dyn FnMut(String)) {
        while !bytes.is_empty() {
            let end = bytes
                .iter()
                .take(MAX_LINE - self.held.len() + 1)
                .position(|byte| *byte == b'\n');
            if let Some(end) = end {
                self.held.extend_from_slice(&bytes[..end]);
                bytes = &bytes[end + 1..];
                self.emit(self.held.len(), true, line);
            } else {
                let take = bytes.len().min(MAX_LINE - self.held.len());
                self.held.extend_from_slice(&bytes[..take]);
                bytes = &bytes[take..];
                if self.held.len() == MAX_LINE && !bytes.is_empty() {
                    self.emit(piece(&self.held), false, line);
                }
            }
        }
    }

    /// Gives what is left after the last line's end.
    pub(crate) fn finish(&mut self, line: &mut dyn FnMut(String)) {
        if !self.held.is_empty() {
            self.emit(self.held.len(), false, line);
        }
    }

    fn emit(&mut self, count: usize, whole: bool, line: &mut dyn FnMut(String)) {
        let mut bytes = &self.held[..count];
        if whole && bytes.last() == Some(&b'\r') {
            bytes = &bytes[..bytes.len() - 1];
        }
        line(String::from_utf8_lossy(bytes).into_owned());
        self.held.drain(..count);
    }
}

/// How much of a long line is one piece: all, or all but the beginning of a character that is not complete.
fn piece(held: &[u8]) -> usize {
    let tail = &held[held.len() - held.len().min(4)..];
    let Some(start) = tail.iter().rposition(|byte| byte & 0xc0 != 0x80) else {
        return held.len();
    };
    let width = match tail[start] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    let there = tail.len() - start;
    if width > there { held.len() - there } else { held.len() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let (mut out, mut lines) = (Vec::new(), Lines::default());
        for chunk in chunks {
            lines.push(chunk, &mut |line| out.push(line));
        }
        lines.finish(&mut |line| out.push(line));
        out
    }

    // A line is one whatever chunks it comes in; the last may lack its end; an empty line is a line.
    #[test]
    fn a_stream_is_cut_at_line_ends_not_at_chunks() {
        assert_eq!(lines(&[b"a", b"b\n\nc\r\n", b"d"]), ["ab", "", "c", "d"]);
    }

    // A guest that never ends its line cannot make the host hold it all; no character is cut in two.
    #[test]
    fn a_long_line_comes_in_pieces_between_characters() {
        let text = format!("{}ééé\nx", "a".repeat(MAX_LINE - 1));
        let out = lines(&[text.as_bytes()]);
        assert_eq!(out, ["a".repeat(MAX_LINE - 1), "ééé".to_owned(), "x".to_owned()]);
    }

    // What is not UTF-8 is shown as such and loses nothing around it.
    #[test]
    fn what_is_not_utf_8_is_replaced() {
        assert_eq!(lines(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    // A line of exactly the bound is one line, not a line and an empty piece.
    #[test]
    fn a_line_of_the_bound_is_one_line() {
        let text = "a".repeat(MAX_LINE);
        assert_eq!(lines(&[format!("{text}\nb\n").as_bytes()]), [text.as_str(), "b"]);
    }

    proptest! {
        // Nothing of a text is lost or made up, wherever it is cut.
        #[test]
        fn the_pieces_make_the_text(text in "[aé\n]{0,300}", cut in 0usize..300) {
            let cut = cut.min(text.len());
            let out = lines(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
            let expected: Vec<&str> = text.lines().collect();
            prop_assert_eq!(out, expected);
        }
    }
}
