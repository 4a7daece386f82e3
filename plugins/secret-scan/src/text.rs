//! Searches the text of one file, in one pass and in bounded memory.
//!
//! An Aho-Corasick automaton finds the rules' keywords; only the line around a keyword is given to the rule's pattern.
//! Lines longer than [`MAX_LINE`] are looked at in overlapping segments, so that the time is linear in the size of the
//! file whatever is in it. Deliberately knows nothing of paths, reports and baselines.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::io::{self, Read};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::judge;
use crate::rules::{Check, RULES, Rule};

/// Longest line that is looked at as a whole, in bytes; also the step between the segments of a longer one.
pub const MAX_LINE: usize = 16 << 10;
/// How far a segment of a long line reaches into its neighbours: the longest secret that is surely found in one.
pub const OVERLAP: usize = 4 << 10;
/// How much of what follows the header of a private key is looked at.
const PEM_WINDOW: usize = 16 << 10;
/// How much is kept of what was searched, and not yet searched of what was read: a segment with its neighbours.
const MARGIN: usize = 32 << 10;
/// How much is read at once.
const CHUNK: usize = 1 << 20;
/// Where a zero byte makes a file binary.
const SNIFF: usize = 8 << 10;
/// Largest UTF-16 file that is searched, in bytes (it is converted in memory).
const MAX_UTF16: u64 = 64 << 20;
/// Most matches that are kept of one file; the rest of it is not searched.
pub const MAX_MATCHES: usize = 1_000;
/// The comment that accepts what its line holds.
pub const ALLOW: &[u8] = b"airtight:allow-secret";

/// A secret that was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// Index in [`RULES`].
    pub rule: usize,
    /// Line, from 1.
    pub line: u64,
    /// First column, in code points from 1.
    pub column: u64,
    /// The column after the last one (on the same line).
    pub end_column: u64,
    /// The secret itself. It must not leave the process.
    pub secret: Vec<u8>,
    /// Whether the line has the comment [`ALLOW`].
    pub allowed: bool,
    /// Where it is in the file, in bytes.
    span: (u64, u64),
}

/// What was found in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// Sorted by position; no two overlap.
    pub matches: Vec<Match>,
    /// How many bytes of text were searched; 0 for a binary file.
    pub bytes: u64,
    /// Whether the search ended at [`MAX_MATCHES`].
    pub truncated: bool,
}

/// The rules, ready to search.
#[derive(Debug)]
pub struct Scanner {
    keywords: AhoCorasick,
    /// Which rules a keyword is of, by the automaton's pattern.
    rules_of: Vec<Vec<usize>>,
    patterns: Vec<OnceCell<Option<Regex>>>,
}

/// Compiles a rule's pattern: bytes, ASCII only.
///
/// # Errors
/// When the pattern is malformed, which a test rules out for the table.
pub fn compile(rule: &Rule) -> Result<Regex, regex::Error> {
    RegexBuilder::new(rule.pattern).unicode(false).build()
}

impl Scanner {
    /// Makes a scanner for all rules, or for the well-known formats alone.
    pub fn new(guesses: bool) -> Self {
        let mut words: Vec<&str> = Vec::new();
        let mut rules_of: Vec<Vec<usize>> = Vec::new();
        for (index, rule) in RULES.iter().enumerate().filter(|(_, rule)| guesses || !rule.is_guess()) {
            for keyword in rule.keywords {
                match words.iter().position(|word| word == keyword) {
                    Some(at) => rules_of[at].push(index),
                    None => {
                        words.push(keyword);
                        rules_of.push(vec![index]);
                    }
                }
            }
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&words)
            .expect("a few hundred short keywords are within the automaton's limits");
        Self {
            keywords,
            rules_of,
            patterns: RULES.iter().map(|_| OnceCell::new()).collect(),
        }
    }

    /// Searches a file. `settings` says that it is one of settings, where values stand without quotes.
    ///
    /// # Errors
    /// When reading fails.
    pub fn search(&self, mut file: impl Read, settings: bool) -> io::Result<Searched> {
        let mut buffer = Vec::new();
        file.by_ref().take(SNIFF as u64).read_to_end(&mut buffer)?;
        if let Some(little) = utf16_order(&buffer) {
            file.take(MAX_UTF16).read_to_end(&mut buffer)?;
            let text = from_utf16(&buffer[2..], little);
            let mut searched = Pass::new(self, settings, Vec::new()).run(text.as_bytes())?;
            searched.bytes = buffer.len() as u64;
            return Ok(searched);
        }
        if memchr::memchr(0, &buffer).is_some() {
            return Ok(Searched::default());
        }
        Pass::new(self, settings, buffer).run(file)
    }

    fn pattern(&self, rule: usize) -> Option<&Regex> {
        self.patterns[rule].get_or_init(|| compile(&RULES[rule]).ok()).as_ref()
    }
}

fn utf16_order(start: &[u8]) -> Option<bool> {
    match start {
        [0xff, 0xfe, ..] => Some(true),
        [0xfe, 0xff, ..] => Some(false),
        _ => None,
    }
}

fn from_utf16(bytes: &[u8], little: bool) -> String {
    let units = bytes.chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    });
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Where the pass is: the line that holds `at`. Positions count from the start of the file.
#[derive(Clone, Copy)]
struct Cursor {
    at: u64,
    line: u64,
    line_start: u64,
    /// A position in the line, and how many code points of the line are before it.
    mark: (u64, u64),
}

/// The search of one file.
struct Pass<'a> {
    scanner: &'a Scanner,
    settings: bool,
    /// A window of the file, which starts at `base`.
    buffer: Vec<u8>,
    base: u64,
    cursor: Cursor,
    /// The end of the line that the cursor is in, once known.
    line_end: u64,
    /// Start of the window that a rule has seen last.
    seen: Vec<u64>,
    /// Rule and start of what was found, so that the overlaps give nothing twice.
    starts: BTreeSet<(usize, u64)>,
    found: Vec<Match>,
}

impl<'a> Pass<'a> {
    fn new(scanner: &'a Scanner, settings: bool, buffer: Vec<u8>) -> Self {
        Self {
            scanner,
            settings,
            buffer,
            base: 0,
            cursor: Cursor {
                at: 0,
                line: 1,
                line_start: 0,
                mark: (0, 0),
            },
            line_end: 0,
            seen: vec![u64::MAX; RULES.len()],
            starts: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    fn run(mut self, mut file: impl Read) -> io::Result<Searched> {
        let mut searched_to = 0_u64;
        loop {
            let wanted = (CHUNK + 2 * MARGIN).saturating_sub(self.buffer.len());
            let read = file.by_ref().take(wanted as u64).read_to_end(&mut self.buffer)?;
            let last = read < wanted;
            let end = self.base + self.buffer.len() as u64;
            let limit = if last { end } else { end - MARGIN as u64 };
            self.search_buffer(searched_to, limit);
            searched_to = limit;
            let truncated = self.found.len() >= MAX_MATCHES;
            if last || truncated {
                return Ok(Searched {
                    matches: settle(self.found),
                    bytes: end,
                    truncated,
                });
            }
            self.shift(limit - MARGIN as u64);
        }
    }

    /// Drops what is before `keep_from`.
    fn shift(&mut self, keep_from: u64) {
        self.advance(keep_from);
        if self.cursor.mark.0 < keep_from {
            let columns = self.columns(self.cursor.mark.0, keep_from);
            self.cursor.mark = (keep_from, self.cursor.mark.1 + columns);
        }
        self.buffer.drain(..self.index(keep_from));
        self.base = keep_from;
        // Perhaps only the end of the buffer: looked for again at the next keyword.
        self.line_end = self.line_end.min(self.cursor.at);
    }

    /// Looks at the keywords that start in `from..limit`.
    fn search_buffer(&mut self, from: u64, limit: u64) {
        let scanner = self.scanner;
        let buffer = std::mem::take(&mut self.buffer);
        // What starts before `from` was looked at with the buffer before, which reached beyond it.
        let start = (from - self.base) as usize;
        for hit in scanner.keywords.find_overlapping_iter(&buffer[start..]) {
            let at = from + hit.start() as u64;
            if at >= limit {
                continue;
            }
            for &rule in &scanner.rules_of[hit.pattern().as_usize()] {
                self.look(&buffer, rule, at);
            }
            if self.found.len() >= MAX_MATCHES {
                break;
            }
        }
        self.buffer = buffer;
    }

    /// Gives a rule the window around the keyword at `at`, unless it has seen that window.
    fn look(&mut self, buffer: &[u8], rule: usize, at: u64) {
        if RULES[rule].check == Check::BareAssignment && !self.settings {
            return;
        }
        self.advance_in(buffer, at);
        let line_start = self.cursor.line_start;
        let window = if RULES[rule].check == Check::PemBody {
            (at, (at + PEM_WINDOW as u64).min(self.base + buffer.len() as u64))
        } else if self.line_end - line_start <= MAX_LINE as u64 {
            (line_start, self.line_end)
        } else {
            let (step, overlap) = (MAX_LINE as u64, OVERLAP as u64);
            let start = line_start + (at - line_start) / step * step;
            (
                start.saturating_sub(overlap).max(line_start).max(self.base),
                (start + step + overlap).min(self.line_end),
            )
        };
        if self.seen[rule] == window.0 {
            return;
        }
        self.seen[rule] = window.0;
        let Some(pattern) = self.scanner.pattern(rule) else {
            return;
        };
        let base = self.base;
        let text = &buffer[(window.0 - base) as usize..(window.1 - base) as usize];
        let line = &buffer[(line_start.max(base) - base) as usize..(self.line_end - base) as usize];
        for captures in pattern.captures_iter(text) {
            if let Some((secret, range)) = judged(&RULES[rule], &captures, text) {
                let span = (window.0 + range.start as u64, window.0 + range.end as u64);
                if self.found.len() < MAX_MATCHES && self.starts.insert((rule, span.0)) {
                    self.keep(buffer, rule, secret, span, line);
                }
            }
        }
    }

    fn keep(&mut self, buffer: &[u8], rule: usize, secret: Vec<u8>, span: (u64, u64), line: &[u8]) {
        let (mark, before) = self.cursor.mark;
        let count = |from: u64, to: u64| code_points(&buffer[(from - self.base) as usize..(to - self.base) as usize]);
        let column = before + count(mark.min(span.0), span.0) + 1;
        let end_column = column + count(span.0, span.1);
        // A long line is not searched for the comment as a whole: it counts within a segment's reach.
        let around = {
            let start = (span.0 - self.base) as usize;
            let line_at = line.as_ptr() as usize - buffer.as_ptr() as usize;
            let at = start.saturating_sub(line_at);
            &line[at.saturating_sub(MAX_LINE).min(line.len())..(at + MAX_LINE).min(line.len())]
        };
        self.found.push(Match {
            rule,
            line: self.cursor.line,
            column,
            end_column,
            secret,
            allowed: memchr::memmem::find(around, ALLOW).is_some(),
            span,
        });
    }

    fn advance(&mut self, to: u64) {
        let buffer = std::mem::take(&mut self.buffer);
        self.advance_in(&buffer, to);
        self.buffer = buffer;
    }

    /// Moves the cursor to the line of `to`, which is in the buffer and not before the cursor's line.
    fn advance_in(&mut self, buffer: &[u8], to: u64) {
        if to >= self.line_end {
            let from = self.cursor.at.clamp(self.base, to);
            let passed = &buffer[(from - self.base) as usize..(to - self.base) as usize];
            if let Some(last) = memchr::memrchr(b'\n', passed) {
                self.cursor.line += memchr::memchr_iter(b'\n', passed).count() as u64;
                self.cursor.line_start = from + last as u64 + 1;
                self.cursor.mark = (self.cursor.line_start, 0);
            }
            // A line that goes on after the buffer is longer than `MAX_LINE`: where it ends does not matter yet.
            let rest = &buffer[(to - self.base) as usize..];
            self.line_end = to + memchr::memchr(b'\n', rest).unwrap_or(rest.len()) as u64;
        }
        self.cursor.at = self.cursor.at.max(to);
    }

    fn columns(&self, from: u64, to: u64) -> u64 {
        code_points(&self.buffer[self.index(from)..self.index(to)])
    }

    fn index(&self, position: u64) -> usize {
        (position.saturating_sub(self.base) as usize).min(self.buffer.len())
    }
}

fn code_points(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte & 0xc0 != 0x80).count() as u64
}

/// The secret in a match and where it is, if the rule's check takes it for one.
fn judged(rule: &Rule, captures: &Captures<'_>, text: &[u8]) -> Option<(Vec<u8>, std::ops::Range<usize>)> {
    let whole = captures.get(0)?;
    let secret = captures.name("secret").unwrap_or(whole);
    let part = |name: &str| {
        captures
            .name(name)
            .map(|m| String::from_utf8_lossy(m.as_bytes()))
            .unwrap_or_default()
    };
    let value = String::from_utf8_lossy(secret.as_bytes());
    let is_secret = match rule.check {
        Check::PemBody => {
            return judge::pem_body(&text[whole.end()..]).map(|body| (body, whole.range()));
        }
        Check::Format => !judge::is_placeholder(&value),
        Check::Random(bits) => !judge::is_placeholder(&value) && judge::entropy(secret.as_bytes()) >= bits,
        Check::UrlPassword => !judge::is_url_placeholder(&value, &part("host")),
        Check::Assignment | Check::BareAssignment => judge::is_assigned_secret(&part("name"), &value),
    };
    is_secret.then(|| (secret.as_bytes().to_vec(), secret.range()))
}

/// Sorts by position and keeps, of what overlaps, what the earlier rule of the table found.
fn settle(mut found: Vec<Match>) -> Vec<Match> {
    found.sort_by_key(|m| (m.rule, m.span));
    let mut kept: std::collections::BTreeMap<u64, Match> = std::collections::BTreeMap::new();
    for candidate in found {
        let (start, end) = candidate.span;
        let before = kept.range(..end).next_back();
        if before.is_none_or(|(_, other)| other.span.1 <= start) {
            kept.insert(start, candidate);
        }
    }
    kept.into_values().collect()
}
