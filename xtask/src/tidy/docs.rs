//! Rules about the documentation: it names every diagnostic, its commands are run, its links lead somewhere. Whether what it says is
//! true is for its readers, and for the tests that it names.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::Source;
use crate::walkthrough;

/// Commands that `cargo xtask test` itself is or contains, so that a README may show them in a block that is not run again.
const TESTED_ELSEWHERE: [&str; 3] = ["cargo xtask demo", "cargo xtask test", ".ci/run"];

/// The page that explains every diagnostic.
const DIAGNOSTICS: &str = "docs/diagnostics.md";

/// Every code in the engine's sources is a word on the page; nothing is asked while there is no page.
pub(super) fn diagnostics(sources: &[Source]) -> Vec<String> {
    let Some(page) = sources.iter().find(|source| source.is(DIAGNOSTICS)) else {
        return Vec::new();
    };
    let mut codes = BTreeMap::new();
    for source in sources
        .iter()
        .filter(|source| source.path.starts_with("engine") && source.has_extension("rs"))
    {
        for (index, line) in source.text.lines().enumerate() {
            for code in line.split('"').skip(1).step_by(2).filter(|text| is_code(text)) {
                codes
                    .entry(code)
                    .or_insert_with(|| source.at(index + 1, &format!("`{code}` is not in {DIAGNOSTICS}")));
            }
        }
    }
    codes
        .into_iter()
        .filter(|(code, _)| !page.text.contains(code))
        .map(|(_, complaint)| complaint)
        .collect()
}

/// Tells whether a string has the form of a diagnostic's code: a capital and four digits.
fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 5 && bytes[0].is_ascii_uppercase() && bytes[1..].iter().all(u8::is_ascii_digit)
}

/// Every block of commands in the README is run by the walkthrough, or holds only commands that are run anyway.
pub(super) fn readme(sources: &[Source]) -> Vec<String> {
    let Some(readme) = sources.iter().find(|source| source.is("README.md")) else {
        return Vec::new();
    };
    let blocks = match walkthrough::blocks(&readme.text) {
        Ok(blocks) => blocks,
        Err(error) => return vec![format!("README.md: {error}")],
    };
    let untested = blocks.iter().filter(|block| {
        let mut commands = block
            .text
            .lines()
            .map(|line| line.split('#').next().unwrap_or("").trim())
            .filter(|l| !l.is_empty());
        !block.tested && !commands.all(|command| TESTED_ELSEWHERE.contains(&command))
    });
    untested
        .map(|block| {
            readme.at(
                block.line,
                "these commands are not tested: open the block with ```sh tested",
            )
        })
        .collect()
}

/// Every relative link in a Markdown file names a file or folder of the repository.
pub(super) fn links(sources: &[Source]) -> Vec<String> {
    let exists =
        |path: &Path| sources.iter().any(|source| source.path.starts_with(path)) || path.as_os_str().is_empty();
    let mut complaints = Vec::new();
    for source in sources
        .iter()
        // What tests are made of is no documentation.
        .filter(|source| source.has_extension("md") && !source.path.iter().any(|folder| folder == "tests"))
    {
        let folder = source.path.parent().unwrap_or(Path::new(""));
        let mut in_fence = false;
        for (index, line) in source.text.lines().enumerate() {
            in_fence ^= line.trim_start().starts_with("```");
            for target in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split([')', ' ', '#']).next())
                .filter(|_| !in_fence)
            {
                if !target.is_empty()
                    && !target.contains(':')
                    && !normal(&folder.join(target)).is_some_and(|path| exists(&path))
                {
                    complaints.push(source.at(index + 1, &format!("the link to `{target}` leads nowhere")));
                }
            }
        }
    }
    complaints
}

/// Resolves `.` and `..` in a path by its text; a path that leaves the repository has no normal form.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir if resolved.pop() => {}
            _ => return None,
        }
    }
    Some(resolved)
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_diagnostic_that_the_page_does_not_explain_is_named() {
        let code = source(
            "engine/pipeline/src/check.rs",
            "//! x\nerror(\"P0031\"); error(\"P0032\"); error(\"PATH1\");\n",
        );
        let page = source(DIAGNOSTICS, "## P0031\n");
        assert_eq!(
            diagnostics(&[code, page]),
            ["engine/pipeline/src/check.rs:2: `P0032` is not in docs/diagnostics.md"]
        );
    }

    #[test]
    fn a_readme_command_that_nothing_runs_is_named_by_its_line() {
        let text =
            "# A\n```sh\ncargo xtask demo   # all\n```\n```sh tested\nairtight run\n```\n```sh\nairtight plan\n```\n";
        let complaints = readme(&[source("README.md", text)]);
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("README.md:8: "), "{complaints:?}");
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_is_named() {
        let page = source(
            "docs/a.md",
            "[b](b.md#part) [up](../README.md) [web](https://example.com) [gone](gone.md)\n",
        );
        let complaints = links(&[page, source("docs/b.md", ""), source("README.md", "")]);
        assert_eq!(complaints, ["docs/a.md:1: the link to `gone.md` leads nowhere"]);
    }
}
