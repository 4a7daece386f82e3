//! `cargo xtask tidy`: the house rules that a machine can check, over the files of the repository. Each rule is a function from
//! texts to complaints, so that a test can show it a bad text. Compilers and linters are not repeated here.

mod docs;
mod homes;
mod names;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::Result;
use crate::project::Project;
use crate::tally::Tally;

/// A file of the repository: its path from the root, and its text.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|own| own == extension)
    }

    fn is(&self, path: &str) -> bool {
        self.path == Path::new(path)
    }

    /// Returns a complaint about a line of this file, counted from one.
    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }
}

/// A rule: its name, and what is wrong by it.
type Rule = (&'static str, fn(&[Source]) -> Vec<String>);

const RULES: [Rule; 7] = [
    ("every Rust file opens with what it is", opening),
    ("no Rust file is longer than 800 lines", length),
    ("no compiled guest is committed", compiled),
    ("what a crate may touch", homes::complaints),
    ("every diagnostic is in docs/diagnostics.md", docs::diagnostics),
    ("every command in the README is tested", docs::readme),
    ("every link inside the documentation leads somewhere", docs::links),
];

/// Checks every rule and ends like a test run.
pub(crate) fn run(project: &Project) -> ExitCode {
    let mut tally = Tally::default();
    add_to(&mut tally, project);
    tally.close()
}

/// Checks every rule as one check each.
pub(crate) fn add_to(tally: &mut Tally, project: &Project) {
    let sources = match read(project) {
        Ok(sources) => sources,
        Err(error) => {
            tally.check("the repository's files can be read", || Err(error));
            return;
        }
    };
    for (name, rule) in RULES {
        tally.check(name, || verdict(rule(&sources)));
    }
    let private = names::private(project);
    tally.check("no registry and no machine is named", || {
        verdict(names::complaints(&sources, &private))
    });
}

fn verdict(complaints: Vec<String>) -> Result<()> {
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints.join("\n").into())
    }
}

/// Reads all files; of those that are not text, only the name is kept.
fn read(project: &Project) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in project.files()? {
        let text = String::from_utf8(std::fs::read(project.root.join(&path))?).unwrap_or_default();
        sources.push(Source { path, text });
    }
    Ok(sources)
}

fn opening(sources: &[Source]) -> Vec<String> {
    let rust = sources.iter().filter(|source| source.has_extension("rs"));
    let silent = rust.filter(|source| !source.text.starts_with("//! "));
    silent
        .map(|source| {
            source.at(
                1,
                "should be a `//!` line that says what the file is, and what it is not",
            )
        })
        .collect()
}

/// The length that DESIGN's size guide calls too long.
const LINES: usize = 800;

/// How a file begins that nobody reads, because a program wrote it.
const GENERATED: &str = "//! Generated ";

fn length(sources: &[Source]) -> Vec<String> {
    let rust = sources.iter().filter(|source| source.has_extension("rs"));
    let read = rust.filter(|source| !source.text.starts_with(GENERATED));
    let long = read.filter(|source| source.text.lines().count() > LINES);
    long.map(|source| {
        source.at(
            LINES + 1,
            "is one line too many: split the file by what its parts are for",
        )
    })
    .collect()
}

fn compiled(sources: &[Source]) -> Vec<String> {
    let wasm = sources.iter().filter(|source| source.has_extension("wasm"));
    wasm.map(|source| source.at(1, "is a compiled guest: commit its source, or the text of a small one"))
        .collect()
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.into(),
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_is_is_named() {
        let sources = [
            source("a.rs", "//! Does a.\n"),
            source("b.rs", "use std::fmt;\n"),
            source("c.rs", "//!\n"),
        ];
        let complaints = opening(&sources);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("b.rs:1: "));
    }

    #[test]
    fn a_file_of_801_lines_is_too_long_and_one_of_800_is_not() {
        assert!(length(&[source("a.rs", &"//! x\n".repeat(800))]).is_empty());
        assert_eq!(length(&[source("a.rs", &"//! x\n".repeat(801))]).len(), 1);
        assert!(length(&[source("a.rs", &"//! Generated from x\n".repeat(801))]).is_empty());
    }

    #[test]
    fn a_compiled_guest_is_named_even_though_it_is_not_text() {
        assert_eq!(compiled(&[source("tests/guest.wasm", "")]).len(), 1);
        assert!(compiled(&[source("tests/guest.wat", "(module)")]).is_empty());
    }
}
