//! Did you mean: the known name that a wrong one is nearest to. Not here: how it is said.

/// The longest name that is compared: a typing error is made in a short one.
const MAX_COMPARED: usize = 64;

/// The candidate that `wrong` is most likely meant to be, if any is near enough.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > MAX_COMPARED {
        return None;
    }
    let limit = (wrong.chars().count() / 3).max(1);
    let near = known
        .into_iter()
        .filter(|name| name.len() <= MAX_COMPARED)
        // What is longer or shorter by more than the limit is farther than it: most of many names are told so at once.
        .filter(|name| !(name.is_ascii() && wrong.is_ascii()) || name.len().abs_diff(wrong.len()) <= limit)
        .filter_map(|name| {
            let fold = |text: &str| text.to_lowercase().replace('_', "-");
            let cost = if fold(name) == fold(wrong) {
                0
            } else {
                distance(wrong, name)
            };
            (cost <= limit).then_some((cost, name))
        });
    near.min().map(|(_, name)| name)
}

/// The least number of insertions, deletions, substitutions and swaps of neighbours between two texts.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

/// `` `a`, `b`, `c` ``, at most eight of them.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let names: Vec<&str> = names.into_iter().collect();
    let mut text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // A typing error finds its name; a different word finds none.
    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["mounts", "outputs", "uses", "with", "allow-failure"];
        let find = |wrong| nearest(wrong, known);
        assert_eq!(find("mount"), Some("mounts"));
        assert_eq!(find("ouptuts"), Some("outputs"));
        assert_eq!(find("allow_failure"), Some("allow-failure"));
        assert_eq!(find("Uses"), Some("uses"));
        assert_eq!(find("image"), None);
        assert_eq!(find(&"m".repeat(1000)), None);
    }
}
