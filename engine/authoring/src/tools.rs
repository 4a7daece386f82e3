//! The programs that a language's build needs: found, started, and what they said. They are the user's own and run on the host, unconfined,
//! as they would from a shell. Not here: which programs a language needs (`build`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::Error;

/// The most of what a failed program said that is kept, in bytes: its end.
const MAX_OUTPUT: usize = 64 << 10;

/// Where programs are looked for.
#[derive(Debug, Clone)]
pub struct Tools {
    search: Vec<PathBuf>,
    variables: Vec<(String, OsString)>,
}

impl Tools {
    /// Looks in the folders of `path` (a `PATH`). `variables` are those of the user's that recipes ask for by name, such as
    /// `CARGO` or `AIRTIGHT_GUEST_RUSTC`.
    pub fn new(path: &OsString, variables: Vec<(String, OsString)>) -> Self {
        Self {
            search: std::env::split_paths(path)
                .filter(|folder| folder.is_absolute())
                .collect(),
            variables,
        }
    }

    /// The variables that recipes ask for.
    pub const VARIABLES: [&'static str; 9] = [
        "HOME",
        "CARGO",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_HOME",
        "CARGO_TARGET_DIR",
        "RUSTC",
        "RUSTFLAGS",
        "AIRTIGHT_GUEST_RUSTC",
        "AIRTIGHT_SDK_RUST",
    ];

    /// A variable of the user's that is not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// Finds the first of some programs: in the project's own folders first, then in the search path.
    pub(crate) fn find(&self, names: &[&str], own: &[PathBuf]) -> Option<PathBuf> {
        let folders = || own.iter().chain(&self.search);
        let mut places = names
            .iter()
            .flat_map(|name| folders().map(move |folder| folder.join(name)));
        places.find(|place| is_program(place))
    }

    /// Finds a program, or says what to type to have it. `what` is what is built, as a sentence begins: `a step in Go`.
    pub(crate) fn need(&self, names: &[&str], own: &[PathBuf], what: &str, install: &[&str]) -> Result<PathBuf, Error> {
        self.find(names, own).ok_or_else(|| Error::MissingTool {
            what: what.to_owned(),
            program: names
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(" or "),
            install: install.iter().map(|line| (*line).to_owned()).collect(),
        })
    }

    /// A program as a command, with what makes its work the same on every machine and day.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            // 1980-01-01: the least that archives can say.
            .env("SOURCE_DATE_EPOCH", "315532800")
            .env("PYTHONHASHSEED", "0")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end and gives what it wrote to standard output.
    ///
    /// # Errors
    /// It could not be started, or ended otherwise than well; with all that it said.
    pub(crate) fn run(&self, command: &mut Command) -> Result<String, Error> {
        let program = typed(command);
        let failed = |how: String, output: String| Error::Tool {
            program,
            how,
            output,
            help: None,
        };
        let output = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).output() {
            Ok(output) => output,
            Err(error) => return Err(failed(format!(": it could not be started: {error}"), String::new())),
        };
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let mut all = format!("{said}{errors}");
        if all.len() > MAX_OUTPUT {
            let mut from = all.len() - MAX_OUTPUT;
            while !all.is_char_boundary(from) {
                from += 1;
            }
            all.drain(..from);
        }
        Err(failed(format!(" ({})", output.status), all))
    }
}

/// A command as a person would type it: the program by its name.
fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}
