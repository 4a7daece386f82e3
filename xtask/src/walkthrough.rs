//! Runs the commands in the documentation, so that they stay true. In `README.md` and `docs/**/*.md` a fenced block that opens with
//!
//! * `sh tested` must succeed;
//! * `sh tested exit=5` must end with that code;
//! * `sh` alone is only shown (and in the README must consist of commands that `cargo xtask test` runs anyway).
//!
//! The blocks of a page run in their order in one bash with `set -euo pipefail`, in a copy of the repository's files, with `airtight` and
//! the toolchains of [`crate::toolchains`] in PATH and an empty HOME: what an earlier block wrote or set is there for the next. Output is not compared; use `grep -q` in the
//! block for what the reader is promised.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::project::Project;
use crate::tally::{Tally, heading};
use crate::toolchains::Toolchains;
use xtask::guest::Toolchain;

/// A fenced block of commands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The line of its opening fence, from one.
    pub(crate) line: usize,
    /// The commands.
    pub(crate) text: String,
    /// Whether it is to be run.
    pub(crate) tested: bool,
    /// The exit code that it must end with.
    exit: u8,
}

/// Returns the `sh` blocks of a Markdown text.
pub(crate) fn blocks(markdown: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let mut words = info.split_whitespace();
        let is_shell = words.next() == Some("sh");
        let mut block = Block {
            line: index + 1,
            text: String::new(),
            tested: false,
            exit: 0,
        };
        for word in words.filter(|_| is_shell) {
            match (word, word.strip_prefix("exit=").and_then(|code| code.parse().ok())) {
                ("tested", _) => block.tested = true,
                (_, Some(code)) => block.exit = code,
                _ => return Err(format!("line {}: `{word}` says nothing to the walkthrough", index + 1).into()),
            }
        }
        for (_, line) in lines.by_ref() {
            if line.trim() == "```" {
                break;
            }
            let _ = writeln!(block.text, "{line}");
        }
        if is_shell {
            blocks.push(block);
        }
    }
    Ok(blocks)
}

/// Runs every page that has tested blocks, and counts the blocks.
pub(crate) fn add_to(tally: &mut Tally, project: &Project, toolchains: &Toolchains) {
    heading("commands in the documentation");
    let pages = match pages(project) {
        Ok(pages) => pages,
        Err(error) => {
            tally.check("commands in the documentation", || Err(error));
            return;
        }
    };
    for (page, blocks) in pages {
        let name = page.display().to_string();
        match run_page(project, &page, &blocks, toolchains) {
            Ok(done) => {
                tally.add(&name, done.passed, u64::from(done.complaint.is_some()));
                match done.complaint {
                    None => println!("{name}: {} blocks ... ok", done.passed),
                    Some(complaint) => println!("{name} ... FAILED\n{complaint}"),
                }
            }
            Err(error) => {
                tally.check(&name, || Err(error));
            }
        }
    }
}

/// Returns the pages that have tested blocks, with these.
fn pages(project: &Project) -> Result<Vec<(PathBuf, Vec<Block>)>> {
    let mut pages = Vec::new();
    for path in project.files()? {
        if path.extension().is_some_and(|extension| extension == "md")
            && (path.starts_with("docs") || path == Path::new("README.md"))
        {
            let text = std::fs::read_to_string(project.root.join(&path))?;
            let mut found = blocks(&text).map_err(|error| format!("{}, {error}", path.display()))?;
            found.retain(|block| block.tested);
            if !found.is_empty() {
                pages.push((path, found));
            }
        }
    }
    Ok(pages)
}

/// How far a page came.
#[derive(Debug)]
struct Done {
    passed: u64,
    complaint: Option<String>,
}

fn run_page(project: &Project, page: &Path, blocks: &[Block], toolchains: &Toolchains) -> Result<Done> {
    let name = page
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("-");
    let folder = project.scratch(&format!("walkthrough/{name}"))?;
    let [home, programs, copy] = ["home", "bin", "airtight"].map(|name| folder.join(name));
    for new in [&home, &programs, &copy] {
        std::fs::create_dir_all(new)?;
    }
    for file in project.files()? {
        let to = copy.join(&file);
        std::fs::create_dir_all(to.parent().unwrap_or(&copy))?;
        std::fs::copy(project.root.join(&file), to)?;
    }
    let airtight = project.airtight();
    std::fs::copy(&airtight, programs.join(airtight.file_name().unwrap_or_default()))?;

    let (marker, log) = (folder.join("block"), folder.join("log"));
    std::fs::write(folder.join("script"), script(blocks))?;
    let output = std::fs::File::create(&log)?;
    let mut bash = project.isolated("bash", &home);
    bash.arg(folder.join("script"))
        .arg(&marker)
        .current_dir(&copy)
        .env("PATH", toolchains.path_after(&programs))
        // The SDK as it is here, not as the registry has it, and what it needs compiled once for all pages.
        .env("AIRTIGHT_SDK_RUST", copy.join("sdk/rust"))
        .env("CARGO_TARGET_DIR", project.target.join("contract"));
    if let Ok(rust) = Toolchain::ensure(&project.target) {
        bash.env("AIRTIGHT_GUEST_RUSTC", rust.rustc);
    }
    let status = bash.stdout(output.try_clone()?).stderr(output).status()?;
    if status.success() {
        return Ok(Done {
            passed: blocks.len() as u64,
            complaint: None,
        });
    }
    let line: usize = std::fs::read_to_string(&marker)
        .unwrap_or_default()
        .trim()
        .parse()
        .unwrap_or(0);
    let passed = blocks.iter().take_while(|block| block.line < line).count() as u64;
    let said = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    let last: Vec<&str> = said.lines().rev().take(30).collect();
    let last: Vec<&str> = last.into_iter().rev().collect();
    let complaint = format!(
        "{}:{line}: the block that begins here failed ({status})\n{}",
        page.display(),
        last.join("\n")
    );
    Ok(Done {
        passed,
        complaint: Some(complaint),
    })
}

/// Returns the blocks as one script, which writes the line of each block to the file `$1` before it runs it.
fn script(blocks: &[Block]) -> String {
    let mut script = String::from("set -euo pipefail\n__marker=$1\nshift\n");
    for Block { line, text, exit, .. } in blocks {
        let _ = writeln!(script, "echo {line} >\"$__marker\"");
        if *exit == 0 {
            script.push_str(text);
        } else {
            // In a subshell: its failure is wanted, and `set -e` outside it must not see it.
            let _ = write!(
                script,
                "set +e\n(\nset -euo pipefail\n{text})\n__status=$?\nset -e\n\
                 [ \"$__status\" -eq {exit} ] || {{ echo \"ended with $__status, not {exit}\" >&2; exit 1; }}\n"
            );
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn ends_well(markdown: &str) -> (bool, String) {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("block");
        let script = script(&blocks(markdown).unwrap());
        let status = Command::new("bash")
            .args(["-c", &script, "bash"])
            .arg(&marker)
            .current_dir(folder.path())
            .status()
            .unwrap();
        (
            status.success(),
            std::fs::read_to_string(marker).unwrap().trim().to_owned(),
        )
    }

    #[test]
    fn blocks_are_found_with_their_lines_and_other_fences_are_not() {
        // A fence inside a text block must not be taken for one of ours.
        let text = "a\n```text\n$ no\n```\n```sh\nshown\n```\n```sh tested exit=5\nrun\nme\n```\n";
        let found = blocks(text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0],
            Block {
                line: 5,
                text: "shown\n".to_owned(),
                tested: false,
                exit: 0
            }
        );
        assert_eq!(
            found[1],
            Block {
                line: 8,
                text: "run\nme\n".to_owned(),
                tested: true,
                exit: 5
            }
        );
    }

    #[test]
    fn a_misspelt_mark_is_an_error_and_not_an_untested_block() {
        assert!(blocks("```sh test\nx\n```\n").is_err());
    }

    #[test]
    fn a_failing_block_is_named_by_its_line() {
        let (well, line) = ends_well("```sh tested\ntrue\n```\n```sh tested\nfalse\n```\n```sh tested\ntrue\n```\n");
        assert_eq!((well, line.as_str()), (false, "4"));
    }

    #[test]
    fn a_block_sees_what_an_earlier_one_did() {
        assert!(ends_well("```sh tested\necho x >f; v=1\n```\n```sh tested\ngrep -q x f; [ \"$v\" = 1 ]\n```\n").0);
    }

    #[test]
    fn a_promised_failure_must_happen_with_its_code() {
        assert!(ends_well("```sh tested exit=5\nexit 5\n```\n```sh tested\ntrue\n```\n").0);
        assert!(!ends_well("```sh tested exit=5\nexit 4\n```\n").0);
        assert!(!ends_well("```sh tested exit=5\ntrue\n```\n").0);
    }
}
