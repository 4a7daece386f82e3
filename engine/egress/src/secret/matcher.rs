//! Looks for many texts at once, at the leftmost place and there for the longest. Not here: which texts (`forms`).
//!
//! An automaton of a library would keep the texts in memory that nothing overwrites; these are secrets. There are few of
//! them, so a table of their first two bytes says nearly everywhere that none begins here.

use zeroize::Zeroizing;

struct Pattern {
    text: Zeroizing<Vec<u8>>,
    /// What it belongs to.
    of: usize,
    /// The longest other one that this one begins with.
    within: Option<usize>,
}

/// What was found at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    /// How long it is.
    pub(super) len: usize,
    /// What it belongs to.
    pub(super) of: usize,
}

/// Many texts to look for.
pub(super) struct Matcher {
    /// Ascending by text.
    patterns: Vec<Pattern>,
    /// For every first byte, where its patterns begin in `patterns`; one more at the end.
    starts: Vec<usize>,
    /// For every first two bytes, whether a pattern begins so.
    pairs: Vec<u64>,
    longest: usize,
}

/// Finds for each pattern the longest other one that it begins with.
fn nest(patterns: &mut [Pattern]) {
    let mut open: Vec<usize> = Vec::new();
    for at in 0..patterns.len() {
        while let Some(last) = open.last()
            && !patterns[at].text.starts_with(&patterns[*last].text)
        {
            open.pop();
        }
        patterns[at].within = open.last().copied();
        open.push(at);
    }
}

fn pair(first: u8, second: u8) -> (usize, u64) {
    let at = usize::from(first) << 8 | usize::from(second);
    (at >> 6, 1 << (at & 63))
}

impl Matcher {
    /// One that looks for these texts; empty ones are left out, of equal ones the first counts.
    pub(super) fn new(texts: impl IntoIterator<Item = (Zeroizing<Vec<u8>>, usize)>) -> Self {
        let mut patterns: Vec<Pattern> = texts
            .into_iter()
            .filter(|(text, _)| !text.is_empty())
            .map(|(text, of)| Pattern { text, of, within: None })
            .collect();
        patterns.sort_by(|a, b| a.text.as_slice().cmp(b.text.as_slice()));
        patterns.dedup_by(|later, first| later.text == first.text);
        nest(&mut patterns);
        if patterns.is_empty() {
            return Self {
                patterns,
                starts: Vec::new(),
                pairs: Vec::new(),
                longest: 0,
            };
        }
        let mut starts = vec![0; 257];
        let mut pairs = vec![0; 1024];
        for (at, Pattern { text, .. }) in patterns.iter().enumerate() {
            let first = text[0];
            starts[usize::from(first) + 1] = at + 1;
            let seconds = match text.get(1) {
                Some(second) => *second..=*second,
                None => 0..=255,
            };
            for second in seconds {
                let (word, bit) = pair(first, second);
                pairs[word] |= bit;
            }
        }
        for at in 1..starts.len() {
            starts[at] = starts[at].max(starts[at - 1]);
        }
        let longest = patterns.iter().map(|pattern| pattern.text.len()).max().unwrap_or(0);
        Self {
            patterns,
            starts,
            pairs,
            longest,
        }
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// How long the longest is.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Where the patterns are that may begin as `text` does, by its first two bytes.
    fn beginning(&self, text: &[u8]) -> std::ops::Range<usize> {
        let (Some(first), false) = (text.first(), self.patterns.is_empty()) else {
            return 0..0;
        };
        if let Some(second) = text.get(1) {
            let (word, bit) = pair(*first, *second);
            if self.pairs[word] & bit == 0 {
                return 0..0;
            }
        }
        let first = usize::from(*first);
        self.starts[first]..self.starts[first + 1]
    }

    /// The longest that `text` begins with.
    pub(super) fn at(&self, text: &[u8]) -> Option<Found> {
        let range = self.beginning(text);
        let upto = self.patterns[range.clone()].partition_point(|pattern| pattern.text.as_slice() <= text);
        // What `text` begins with is not after it in the order, and all in between begin with that too.
        let mut at = range.start + upto.checked_sub(1)?;
        loop {
            let pattern = &self.patterns[at];
            if text.starts_with(&pattern.text) {
                let (len, of) = (pattern.text.len(), pattern.of);
                return Some(Found { len, of });
            }
            at = pattern.within?;
        }
    }

    /// Whether more bytes could make a longer one of `text`.
    pub(super) fn may_go_on(&self, text: &[u8]) -> bool {
        if text.len() >= self.longest {
            return false;
        }
        // Those that begin with `text` follow one another from where it would stand; the first may be `text` itself.
        let range = self.beginning(text);
        let from = self.patterns[range.clone()].partition_point(|pattern| pattern.text.as_slice() <= text);
        let next = self.patterns[range].get(from);
        next.is_some_and(|pattern| pattern.text.starts_with(text))
    }

    /// All that are in `text`, from left to right, none overlapping another: where each begins, and what it is.
    pub(super) fn find_all(&self, text: &[u8]) -> Vec<(usize, Found)> {
        let mut all = Vec::new();
        let mut at = 0;
        while at < text.len() {
            match self.at(&text[at..]) {
                Some(found) => {
                    all.push((at, found));
                    at += found.len;
                }
                None => at += 1,
            }
        }
        all
    }
}
