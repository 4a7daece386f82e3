//! Golden files: what a test saw against what is kept. Not here: inline snapshots, which are insta's.

use std::fs;
use std::path::Path;

/// Compares a text with a golden file; `INSTA_UPDATE=always` writes the file anew, as it does insta's.
///
/// # Panics
/// The two differ, or the file cannot be read or written.
#[track_caller]
pub fn assert_golden(file: &Path, actual: &str) {
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::create_dir_all(file.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::write(file, actual).expect("a golden file can be written");
        return;
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    if expected != actual {
        panic!(
            "{} differs (INSTA_UPDATE=always writes it anew)\n{}",
            file.display(),
            difference(&expected, actual)
        );
    }
}

/// The lines from the first difference on, a few of each side.
fn difference(expected: &str, actual: &str) -> String {
    const SHOWN: usize = 12;
    let same = expected.lines().zip(actual.lines()).take_while(|(a, b)| a == b).count();
    let side = |sign: &str, text: &str| -> String {
        text.lines()
            .skip(same)
            .take(SHOWN)
            .map(|line| format!("{sign} {line}\n"))
            .collect()
    };
    format!(
        "from line {} on:\n{}{}",
        same + 1,
        side("-", expected),
        side("+", actual)
    )
}
