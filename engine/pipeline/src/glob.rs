//! Globs of pipeline files: `*` and `?` stay inside a segment, `**` crosses segments, `{a,b}` and `[a-z]` are there, `\`
//! takes the next character as it stands. Not here: which files they are matched against.

use globset::{Glob, GlobBuilder};

/// The longest glob, in bytes.
pub const MAX_GLOB: usize = 1024;

/// Compiles a glob of a pipeline file, to be matched against relative, `/`-separated paths.
///
/// # Errors
/// Why it does not read as a glob.
pub fn compile(glob: &str) -> Result<Glob, String> {
    if glob.is_empty() {
        return Err("it is empty".to_owned());
    }
    if glob.len() > MAX_GLOB {
        return Err(format!("it is longer than {MAX_GLOB} bytes"));
    }
    if glob.starts_with('/') || glob.starts_with("./") || glob.split('/').any(|part| part == "..") {
        return Err("it must be relative, without `./` and `..`".to_owned());
    }
    let glob = GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    glob.map_err(|error| error.kind().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A glob matcher as plain as can be: exponential, but nothing to get wrong.
    fn naive(glob: &[&str], path: &[&str]) -> bool {
        match (glob.split_first(), path.split_first()) {
            (None, None) => true,
            // At the end `**` stands for what is below, so for one segment at least; elsewhere for none too.
            (Some((&"**", rest)), Some((_, below))) => {
                (!rest.is_empty() && naive(rest, path)) || naive_rest(glob, rest, below)
            }
            (Some((&"**", rest)), None) => !rest.is_empty() && naive(rest, path),
            (Some((first, rest)), Some((name, below))) => naive_segment(first, name) && naive(rest, below),
            _ => false,
        }
    }

    fn naive_rest(glob: &[&str], rest: &[&str], below: &[&str]) -> bool {
        (rest.is_empty() && below.is_empty()) || naive(glob, below)
    }

    fn naive_segment(glob: &str, name: &str) -> bool {
        let (mut glob_chars, mut name_chars) = (glob.chars(), name.chars());
        match (glob_chars.next(), name_chars.next()) {
            (None, None) => true,
            (Some('*'), Some(_)) => {
                naive_segment(glob_chars.as_str(), name) || naive_segment(glob, name_chars.as_str())
            }
            (Some('*'), None) => naive_segment(glob_chars.as_str(), name),
            (Some('?'), Some(_)) => naive_segment(glob_chars.as_str(), name_chars.as_str()),
            (Some(x), Some(y)) => x == y && naive_segment(glob_chars.as_str(), name_chars.as_str()),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        // The meaning of globs is ours, not a crate's: what is documented holds for any glob and path.
        #[test]
        fn globs_match_as_the_naive_matcher_says(
            glob in prop::collection::vec(prop_oneof![1 => Just("**".to_owned()), 3 => "[ab?]{0,2}[*]?[ab?]{1,2}[*]?"], 1..5),
            path in prop::collection::vec("[ab]{1,3}", 1..5),
        ) {
            // `**` twice in a row says nothing that one does not.
            let mut glob = glob;
            glob.dedup_by(|a, b| a == "**" && b == "**");
            let text = glob.join("/");
            let matcher = compile(&text).map_err(TestCaseError::fail)?.compile_matcher();
            let glob: Vec<&str> = glob.iter().map(String::as_str).collect();
            let parts: Vec<&str> = path.iter().map(String::as_str).collect();
            prop_assert_eq!(matcher.is_match(path.join("/")), naive(&glob, &parts), "{} {:?}", text, path);
        }

        // Whatever is written as a glob, the answer is a value.
        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = compile(&text);
        }
    }

    // Globs that cannot mean anything are refused.
    #[test]
    fn bad_globs_are_refused() {
        for glob in ["", "/abs", "./x", "a/../b", "a[", "{a", "a]]["] {
            assert!(compile(glob).is_err(), "{glob}");
        }
    }
}
