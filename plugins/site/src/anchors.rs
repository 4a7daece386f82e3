//! Anchors of headings, by the rules that GitHub has: what links in existing Markdown expect.
//!
//! Deliberately not configurable.

use std::collections::BTreeMap;

/// Gives each heading of a page its anchor.
#[derive(Debug, Default)]
pub struct Anchors {
    /// How often an anchor was wanted so far.
    taken: BTreeMap<String, u32>,
}

impl Anchors {
    /// The anchor of the next heading with this text: lower case, spaces to hyphens, without other punctuation, and with
    /// a number if the page has it already.
    pub fn next(&mut self, heading: &str) -> String {
        let slug = slug(heading);
        let mut anchor = slug.clone();
        while self.taken.contains_key(&anchor) {
            let count = self.taken.entry(slug.clone()).or_default();
            *count += 1;
            anchor = format!("{slug}-{count}");
        }
        self.taken.insert(anchor.clone(), 0);
        anchor
    }
}

fn slug(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .flat_map(char::to_lowercase)
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            _ if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .collect()
}

/// Of `candidates`, the one that `wanted` was most likely meant to be, if one is near.
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (wanted.chars().count() / 3).clamp(2, 12);
    candidates
        .filter(|candidate| candidate.len().abs_diff(wanted.len()) <= 4 * allowed)
        .map(|candidate| (distance(&wanted.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edit distance (Levenshtein), in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_those_of_github() {
        // Checked against what GitHub renders; existing links depend on each of these.
        for (heading, anchor) in [
            ("Getting started", "getting-started"),
            ("  What's `new` in 0.2?  ", "whats-new-in-02"),
            ("A -> B", "a---b"),
            ("snake_case & kebab-case", "snake_case--kebab-case"),
            ("Über Größe 日本", "über-größe-日本"),
            ("🚀 Launch", "-launch"),
            ("!?", ""),
        ] {
            assert_eq!(slug(heading), anchor, "{heading}");
        }
    }

    #[test]
    fn repeated_headings_are_numbered_without_collisions() {
        // The third heading has taken the number that the second repetition would get.
        let mut anchors = Anchors::default();
        let got: Vec<String> = ["a", "a", "a-1", "a", "b"]
            .map(|heading| anchors.next(heading))
            .to_vec();
        assert_eq!(got, ["a", "a-1", "a-1-1", "a-2", "b"]);
    }

    #[test]
    fn the_nearest_target_is_suggested_only_when_it_is_near() {
        // A far-off suggestion is worse than none.
        let targets = ["install.html", "formats/tree.html"];
        assert_eq!(nearest("instal.html", targets.into_iter()), Some("install.html"));
        assert_eq!(
            nearest("formats/Trees.html", targets.into_iter()),
            Some("formats/tree.html")
        );
        assert_eq!(nearest("glossary", targets.into_iter()), None);
    }
}
