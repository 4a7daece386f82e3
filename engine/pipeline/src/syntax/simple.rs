//! A fast reader of simple YAML: block maps, block lists of values of one line, flow lists and maps of one line, and
//! scalars of one line, which is what a large pipeline is made of. Not here: YAML. Whatever is not surely simple is no
//! error but left to the crate that knows the language, the whole file with it, so that a file means the same whichever
//! way it is read: a test reads random files both ways.
//!
//! What counts as simple errs on the side of the crate. A character that could mean something, a line that could go on
//! with the one before, a value that is not there, an anchor, a tag, an escape: none of them is simple.

use super::Build;

/// The longest key. YAML allows 1024 characters for one without a `?`.
const MAX_KEY: usize = 256;

/// Reads a whole file, or leaves it: then what was built of it is to be thrown away.
pub(super) fn read<'t>(text: &'t str, build: &mut Build<'t, '_>) -> Option<()> {
    if !text.ends_with('\n') || !text.bytes().all(|b| b == b'\n' || b >= b' ' && b != 0x7f) {
        return None;
    }
    // Letters of other scripts stand for themselves. Other characters may be spaces, ends of lines or marks.
    if !text.is_ascii() && !text.chars().all(|c| c.is_ascii() || c.is_alphanumeric()) {
        return None;
    }
    let before = build.found.len();
    let mut scan = Scan {
        text: text.as_bytes(),
        at: 0,
        column: None,
        build,
    };
    scan.next_line();
    scan.map(scan.column.filter(|column| *column == 0)?)?;
    // What is wrong with a file is the crate's to say, and where.
    (scan.column.is_none() && scan.build.found.len() == before).then_some(())
}

/// What a plain scalar may begin with: nothing that begins something else in any place.
fn begins_plain(first: u8, second: u8) -> bool {
    first.is_ascii_alphanumeric()
        || matches!(first, b'_' | b'/' | b'.' | b'$' | b'+' | b'(')
        || first == b'-' && (second.is_ascii_alphanumeric() || matches!(second, b'-' | b'_' | b'/' | b'.'))
}

/// What may follow a colon that is a part of a plain scalar.
fn follows_colon(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_')
}

fn in_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'$' | b'+' | b'@' | b'=')
}

struct Scan<'t, 'b, 'f> {
    text: &'t [u8],
    at: usize,
    /// How far the line at `at` is indented; none at the end of the file.
    column: Option<usize>,
    build: &'b mut Build<'t, 'f>,
}

impl Scan<'_, '_, '_> {
    fn byte(&self) -> u8 {
        self.ahead(0)
    }

    fn ahead(&self, by: usize) -> u8 {
        // The last line has its end, and nothing goes on after it.
        self.text.get(self.at + by).copied().unwrap_or(b'\n')
    }

    fn skip_spaces(&mut self) {
        while self.byte() == b' ' {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        while self.byte() != b'\n' {
            self.at += 1;
        }
        self.at += 1;
    }

    /// Goes to the first character of the next line that has one and is no comment.
    fn next_line(&mut self) {
        while self.at < self.text.len() {
            let begin = self.at;
            self.skip_spaces();
            match self.byte() {
                b'\n' | b'#' => self.skip_line(),
                _ => {
                    self.column = Some(self.at - begin);
                    return;
                }
            }
        }
        self.column = None;
    }

    /// Ends a line after a value or a colon, and goes to the next one.
    fn end_line(&mut self) -> Option<()> {
        let begin = self.at;
        self.skip_spaces();
        if self.byte() != b'\n' && (self.byte() != b'#' || self.at == begin) {
            return None;
        }
        self.skip_line();
        self.next_line();
        Some(())
    }

    /// A block map whose keys begin at this column.
    fn map(&mut self, column: usize) -> Option<()> {
        self.build.simple_begin(false, self.at)?;
        while self.column == Some(column) {
            self.key()?;
            if self.byte() == b':' && matches!(self.ahead(1), b' ' | b'\n') {
                self.at += 1;
            } else {
                return None;
            }
            self.value_of_key(column)?;
        }
        self.end_block(column)
    }

    /// The value of a key of a block map: on its line, or on deeper ones.
    fn value_of_key(&mut self, column: usize) -> Option<()> {
        let colon = self.at;
        self.skip_spaces();
        if !matches!(self.byte(), b'\n' | b'#') {
            self.value(false)?;
            return self.end_line();
        }
        self.at = colon;
        self.end_line()?;
        // Without a deeper line there is no value, or it is a list that begins at the key's own column.
        let inner = self.column.filter(|inner| *inner > column)?;
        if self.byte() == b'-' && self.ahead(1) == b' ' {
            self.list(inner)
        } else {
            self.map(inner)
        }
    }

    /// A block list of values of one line each, whose dashes are at this column.
    fn list(&mut self, column: usize) -> Option<()> {
        self.build.simple_begin(true, self.at)?;
        while self.column == Some(column) {
            if self.byte() != b'-' || self.ahead(1) != b' ' {
                return None;
            }
            self.at += 1;
            self.skip_spaces();
            self.value(false)?;
            self.end_line()?;
        }
        self.end_block(column)
    }

    /// Ends a block at a line that is indented less. One that is indented more goes on with the line before, or is wrong.
    fn end_block(&mut self, column: usize) -> Option<()> {
        if self.column.is_some_and(|next| next > column) {
            return None;
        }
        self.build.simple_end(None);
        Some(())
    }

    fn key(&mut self) -> Option<()> {
        let begin = self.at;
        match self.byte() {
            b'"' | b'\'' => self.quoted()?,
            first if first.is_ascii_alphanumeric() || matches!(first, b'_' | b'/' | b'$') => {
                while in_key(self.byte()) {
                    self.at += 1;
                }
                self.build.simple_scalar(begin, self.at, true)?;
            }
            _ => return None,
        }
        (self.at - begin <= MAX_KEY).then_some(())
    }

    /// A value that begins and ends on this line.
    fn value(&mut self, flow: bool) -> Option<()> {
        match self.byte() {
            b'[' => self.flow_list(),
            b'{' => self.flow_map(),
            b'"' | b'\'' => self.quoted(),
            first if begins_plain(first, self.ahead(1)) => self.plain(flow),
            _ => None,
        }
    }

    /// A scalar in quotes, without escapes.
    fn quoted(&mut self) -> Option<()> {
        let (begin, quote) = (self.at, self.byte());
        self.at += 1;
        while self.byte() != quote {
            if matches!(self.byte(), b'\n' | b'\\') {
                return None;
            }
            self.at += 1;
        }
        self.at += 1;
        // Two of them are one in the text.
        if self.byte() == quote {
            return None;
        }
        self.build.simple_scalar(begin, self.at, false)
    }

    fn plain(&mut self, flow: bool) -> Option<()> {
        let (begin, mut end) = (self.at, self.at);
        loop {
            match self.byte() {
                b'\n' if flow => return None,
                b'\n' => break,
                b',' | b']' | b'}' if flow => break,
                b'[' | b'{' | b'#' if flow => return None,
                b'#' if self.at > end => break,
                b':' if !follows_colon(self.ahead(1)) => return None,
                b' ' => {}
                _ => end = self.at + 1,
            }
            self.at += 1;
        }
        self.at = end;
        self.build.simple_scalar(begin, end, true)
    }

    fn flow_list(&mut self) -> Option<()> {
        self.build.simple_begin(true, self.at)?;
        self.flow(b']', |scan| scan.value(true))
    }

    fn flow_map(&mut self) -> Option<()> {
        self.build.simple_begin(false, self.at)?;
        self.flow(b'}', |scan| {
            scan.key()?;
            if scan.byte() != b':' || scan.ahead(1) != b' ' {
                return None;
            }
            scan.at += 1;
            scan.skip_spaces();
            scan.value(true)
        })
    }

    /// The items of a flow list or map, from its opening to its closing bracket.
    fn flow(&mut self, close: u8, item: impl Fn(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.skip_spaces();
        if self.byte() != close {
            loop {
                item(self)?;
                self.skip_spaces();
                match self.byte() {
                    b',' => self.at += 1,
                    byte if byte == close => break,
                    _ => return None,
                }
                self.skip_spaces();
            }
        }
        self.at += 1;
        self.build.simple_end(Some(self.at));
        Some(())
    }
}

#[cfg(test)]
mod tests;
