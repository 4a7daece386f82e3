//! What a trusted lock cannot vouch for: it has names, and a stranger's change decides what is behind some of them. Not here:
//! what the lock says itself (the pipeline compares that).

use std::path::{Component, Path, PathBuf};

use airtight_model::Diagnostic;
use airtight_model::plan::SecretSource;
use airtight_pipeline::lock::Lock;

use crate::failure::Failure;
use crate::project::Project;
use crate::settings::shown;

/// Refuses what the lock names and the project itself makes. What is wrong has been printed if this fails.
pub(super) fn hold(project: &Project, now: &Lock, file: &Path) -> Result<(), Failure> {
    let mut found = Vec::new();
    for secret in &now.secrets {
        let SecretSource::Command(argv) = &secret.source else {
            continue;
        };
        if let Some(word) = named_inside(&project.root, argv) {
            let message = format!(
                "the command of the secret `{}` names `{word}`, which this project can change",
                secret.name
            );
            found.push(Diagnostic::error("P0101", secret.place.0, message));
        }
    }
    for step in &now.steps {
        let is_there = ["./", "std/", "oci://"]
            .iter()
            .any(|start| step.uses.starts_with(start));
        if !is_there {
            let message = format!(
                "the step `{}` has grants and runs `{}`, which this pipeline makes itself",
                step.name, step.uses
            );
            found.push(Diagnostic::error("P0101", step.place.0, message));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    project.report(&found);
    let message = format!("what the pipeline runs is not held by {}", shown(file));
    let help = "with `--lock-from`, secrets come from commands that name nothing in the project, and grants go to components that are there before the run";
    Err(Failure::pipeline("P0101", message).help(help))
}

/// The first part of a command that names something in the project. Parts are also what a shell would make words of, and
/// what follows a `=`: it refuses rather too much.
fn named_inside<'a>(root: &Path, argv: &'a [String]) -> Option<&'a str> {
    let apart = |c: char| c.is_whitespace() || "=:,;&|<>()`'\"$".contains(c);
    argv.iter().enumerate().find_map(|(i, arg)| {
        std::iter::once(arg.as_str())
            .chain(arg.split(apart))
            // A program without a folder is looked for in PATH, not in the project.
            .filter(|word| !word.is_empty() && (i > 0 || word.contains('/')))
            .find(|word| is_inside(root, word))
    })
}

/// Whether something is there that lies in the project, or that a link of the project leads to.
fn is_inside(root: &Path, word: &str) -> bool {
    let path = root.join(word);
    let there = path.symlink_metadata().is_ok();
    there && (plain(&path).starts_with(root) || path.canonicalize().is_ok_and(|found| found.starts_with(root)))
}

/// The path without `.` and `..`, as it reads.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    // Whatever way a command names a file of the project, it is seen; what only looks like it is not.
    #[test]
    fn a_command_that_names_a_file_of_the_project_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("ci")).unwrap();
        std::fs::write(root.join("ci/get.sh"), "echo").unwrap();
        std::fs::write(root.join("vault"), "echo").unwrap();
        std::os::unix::fs::symlink("/usr/bin/env", root.join("ci/link")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("ci/broken")).unwrap();
        let named = |argv: &[&str]| {
            let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
            named_inside(&root, &argv).is_some()
        };
        let whole = root.join("ci/get.sh");
        let around = format!("../{}/ci/get.sh", root.file_name().unwrap().to_str().unwrap());
        for argv in [
            ["./ci/get.sh", "x"],
            ["ci/link", "x"],
            [whole.to_str().unwrap(), "x"],
            ["sh", "ci/get.sh"],
            ["sh", &around],
            ["sh", "ci/../ci/broken"],
            ["tool", "--config=ci/get.sh"],
            ["tool", "vault"],
            ["make", "."],
        ] {
            assert!(named(&argv), "{argv:?}");
        }
        assert!(named(&["sh", "-c", "exec 'ci/get.sh'"]));
        for argv in [
            ["vault", "read"],
            ["/usr/bin/env", "key"],
            ["tool", "ci/none"],
            ["tool", ".."],
            ["tool", ""],
        ] {
            assert!(!named(&argv), "{argv:?}");
        }
    }
}
