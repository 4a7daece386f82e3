//! The task runners of npm's registry, with a project of one task that is cached. They differ in what they want to be told; what they
//! have to do is the same: know that nothing has changed. Not here: the programs themselves (`peers`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

use super::Bench;
use super::peers::{Peer, works};
use super::program::timed;

/// What each is called, and how its one task is run.
const RUNNERS: [(&str, &[&str]); 3] = [
    ("turbo", &["run", "build"]),
    ("nx", &["run", "one:build"]),
    ("moon", &["run", "one:build"]),
];

/// Where the task says that it ran.
const RAN: &str = "ran.txt";

/// A project that each of them understands.
#[derive(Debug)]
pub(super) struct Runners {
    folder: PathBuf,
}

impl Runners {
    /// Makes the project.
    pub(super) fn prepare(bench: &Bench) -> Result<Self> {
        let folder = bench.folder("runners")?;
        let task = format!("cp in.txt out.txt && echo ran >> ../../{RAN}");
        let files = [
            (
                "package.json",
                r#"{"name":"bench","private":true,"version":"1.0.0","packageManager":"npm@10.0.0","workspaces":["packages/*"]}"#
                    .to_owned(),
            ),
            (
                "packages/one/package.json",
                format!(r#"{{"name":"one","version":"1.0.0","scripts":{{"build":"{task}"}}}}"#),
            ),
            ("packages/one/in.txt", "text\n".to_owned()),
            (
                "turbo.json",
                r#"{"tasks":{"build":{"inputs":["in.txt"],"outputs":["out.txt"]}}}"#.to_owned(),
            ),
            (
                "nx.json",
                r#"{"targetDefaults":{"build":{"cache":true,"inputs":["{projectRoot}/in.txt"],"outputs":["{projectRoot}/out.txt"]}}}"#
                    .to_owned(),
            ),
            (
                ".moon/workspace.yml",
                "projects:\n  one: packages/one\ntelemetry: false\n".to_owned(),
            ),
            (
                "packages/one/moon.yml",
                format!("tasks:\n  build:\n    script: '{task}'\n    inputs: [in.txt]\n    outputs: [out.txt]\n"),
            ),
            // One asks git what has changed, and gives up without a commit.
            (".gitignore", "node_modules\n.turbo\n.nx\n.moon/cache\n".to_owned()),
        ];
        for (name, text) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap_or(&folder))?;
            fs::write(file, text)?;
        }
        if let Ok(git) = bench.peers.get("git") {
            for arguments in [
                &["init", "--quiet"][..],
                &["add", "."],
                &["commit", "--quiet", "--message", "all"],
            ] {
                let mut command = bench.airtight.isolated(&git, &folder);
                command.args(["-c", "user.name=bench", "-c", "user.email=bench@localhost"]);
                timed(command.args(arguments))?;
            }
        }
        Ok(Self { folder })
    }

    /// Returns the names.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        RUNNERS.iter().map(|(name, _)| *name)
    }

    /// Returns the runner `name` if it is there and, asked twice, does the task once.
    pub(super) fn find(&self, bench: &Bench, name: &'static str) -> Result<Peer> {
        let program = match bench.peers.get(name) {
            Ok(program) => program,
            absent => return Ok(absent),
        };
        let modules = self.folder.join("node_modules");
        if let (Some(theirs), false) = (program.ancestors().nth(2), modules.exists()) {
            std::os::unix::fs::symlink(theirs, &modules)?;
        }
        let tried = self.command(bench, &program, name).output()?;
        let works = works(&program, &tried);
        if works.is_ok() {
            let before = self.ran()?;
            timed(&mut self.command(bench, &program, name))?;
            if self.ran()? != before {
                return Ok(Err("did the task again with nothing changed".to_owned()));
            }
        }
        Ok(works)
    }

    /// Runs the task, which must not run.
    pub(super) fn time(&self, bench: &Bench, program: &Path, name: &str) -> Result<f64> {
        let before = self.ran()?;
        let time = timed(&mut self.command(bench, program, name))?;
        if self.ran()? == before {
            Ok(time)
        } else {
            Err("it did again what it had done".into())
        }
    }

    fn command(&self, bench: &Bench, program: &Path, name: &str) -> Command {
        let mut command = bench.airtight.isolated(program, &self.folder);
        let arguments = RUNNERS.iter().find(|(known, _)| *known == name);
        command.args(arguments.map_or(&[][..], |(_, arguments)| arguments));
        // They would call home, or leave a process that waits for the next time.
        for (name, value) in [
            ("CI", "1"),
            ("DO_NOT_TRACK", "1"),
            ("TURBO_TELEMETRY_DISABLED", "1"),
            ("NX_NO_CLOUD", "true"),
            ("NX_DAEMON", "false"),
        ] {
            command.env(name, value);
        }
        command
    }

    /// What the task has said so far.
    fn ran(&self) -> Result<String> {
        let file = self.folder.join(RAN);
        Ok(if file.exists() {
            fs::read_to_string(file)?
        } else {
            String::new()
        })
    }
}
