//! A folder with a project, a HOME and a store of its own, in which the real program runs with a scrubbed environment.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A hermetic surrounding for the program under test.
#[derive(Debug)]
pub struct TestEnv {
    root: tempfile::TempDir,
    program: PathBuf,
    /// The folder for native code that tests share; none: the home's own.
    state: Option<PathBuf>,
}

/// What a run of the program printed, and how it ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Run {
    /// Exit code, standard output and standard error in one text, for a snapshot.
    pub fn text(&self) -> String {
        let code = self.code.map_or("signal".to_owned(), |code| code.to_string());
        format!("exit: {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }

    /// The run itself, if it ended with `code`; else a panic that shows everything.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text());
        self
    }

    /// The events of a run with `--format json`.
    #[track_caller]
    pub fn events(&self) -> Vec<serde_json::Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The `step-finished` event of a step.
    #[track_caller]
    pub fn step(&self, name: &str) -> serde_json::Value {
        let is = |event: &serde_json::Value| event["event"] == "step-finished" && event["step"] == name;
        self.events()
            .into_iter()
            .find(is)
            .unwrap_or_else(|| panic!("`{name}` did not end\n{}", self.text()))
    }
}

impl TestEnv {
    /// An empty project for the program at `program` (a test gives `env!("CARGO_BIN_EXE_airtight")`).
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        for folder in ["project", "home"] {
            fs::create_dir(root.path().join(folder)).expect("a folder can be made");
        }
        Self {
            root,
            program: program.into(),
            state: None,
        }
    }

    /// Shares native code with other tests, so that a guest is compiled once for all of them.
    #[must_use]
    pub fn sharing_native_code(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// Copies a file from elsewhere into the project.
    pub fn copy(&self, from: &Path, to: &str) -> &Self {
        let content = fs::read(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        self.write(to, content)
    }

    /// The project's folder.
    pub fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    /// The folder that holds project, home and whatever a test puts beside them.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file of the project, making its folders.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::write(path, content).expect("a file can be written");
        self
    }

    /// Reads a file of the project.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let path = self.project().join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The program with a scrubbed environment, in the project's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.project()).env_clear();
        command
            .env("HOME", self.root.path().join("home"))
            .env("PATH", "/usr/bin:/bin");
        if let Some(state) = &self.state {
            command.env("XDG_STATE_HOME", state);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    #[must_use = "snapshot the run or assert on it"]
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.finish(&mut self.command(arguments))
    }

    /// Runs a command of [`TestEnv::command`] to its end.
    #[must_use = "snapshot the run or assert on it"]
    pub fn finish(&self, command: &mut Command) -> Run {
        let output = command.output().expect("the program can be started");
        Run {
            code: output.status.code(),
            stdout: self.normal(&output.stdout),
            stderr: self.normal(&output.stderr),
        }
    }

    /// The text with this surrounding's own path replaced by `[ROOT]`.
    fn normal(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let real = self.root.path().canonicalize().expect("the folder is there");
        text.replace(&*real.to_string_lossy(), "[ROOT]")
            .replace(&*self.root.path().to_string_lossy(), "[ROOT]")
    }

    /// Replaces what differs from run to run: durations, and digests longer than eleven digits.
    pub fn steady(text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for (i, word) in text
            .split_inclusive(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '`' | '(' | ')'))
            .enumerate()
        {
            let _ = i;
            let end = word.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '"' | '`' | '(' | ')'));
            let hex = end.len() >= 12 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
            if hex {
                out.push_str("[DIGEST]");
                out.push_str(&word[end.len()..]);
            } else {
                out.push_str(word);
            }
        }
        out.split_inclusive('\n').map(durations).collect()
    }
}

/// Replaces `12 ms`, `3.4 s`, `5 µs` and `1 min 2 s` by `[TIME]`.
fn durations(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let mut out: Vec<String> = Vec::new();
    let mut i = 0;
    while i < words.len() {
        let unit = words
            .get(i + 1)
            .map(|unit| unit.trim_end_matches(|c: char| !c.is_alphabetic()));
        let number = !words[i].is_empty() && words[i].trim_start_matches(['(', '[']).parse::<f64>().is_ok();
        match unit {
            Some(unit @ ("ms" | "s" | "µs")) if number => {
                let rest = &words[i + 1][unit.len()..];
                out.push(format!("[TIME]{rest}"));
                i += 2;
            }
            _ => {
                out.push(words[i].to_owned());
                i += 1;
            }
        }
    }
    out.join(" ")
}
