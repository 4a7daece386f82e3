//! Settings: arguments over environment over defaults. The one place that knows environment variables and the user's
//! folders. Not here: what a command does with them.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use airtight_authoring::Tools;

use crate::args::{Color, Global};
use crate::failure::Failure;

/// What the process got from its surroundings.
#[derive(Debug, Clone)]
pub struct Environment {
    variables: HashMap<String, OsString>,
    folder: PathBuf,
    stderr_is_terminal: bool,
    stdout_is_terminal: bool,
}

/// The environment variables that airtight reads.
const VARIABLES: [&str; 20] = [
    "AIRTIGHT_STORE",
    "AIRTIGHT_CONFINE",
    "AIRTIGHT_DNS",
    "AIRTIGHT_LOG",
    "AIRTIGHT_PLAIN_HTTP",
    "DOCKER_CONFIG",
    "HOME",
    "XDG_CACHE_HOME",
    "XDG_STATE_HOME",
    "NO_COLOR",
    "TERM",
    // What builds of steps go by.
    "PATH",
    "CARGO",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "RUSTC",
    "RUSTFLAGS",
    "AIRTIGHT_GUEST_RUSTC",
    "AIRTIGHT_SDK_RUST",
];

/// Where the machine's policy is.
pub(crate) const SYSTEM_POLICY: &str = "/etc/airtight/policy.yaml";

impl Environment {
    /// Reads the process's own surroundings.
    pub fn of_process() -> Self {
        let variables = VARIABLES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var_os(name)?)));
        Self {
            variables: variables.collect(),
            folder: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            stderr_is_terminal: std::io::stderr().is_terminal(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
        }
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables
            .get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// The programs that builds of steps start, and what those go by.
    fn tools(&self) -> Tools {
        let of = |name: &str| Some((name.to_owned(), self.variables.get(name)?.clone()));
        let path = self.variables.get("PATH").cloned().unwrap_or_default();
        Tools::new(&path, Tools::VARIABLES.into_iter().filter_map(of).collect())
    }

    /// What AIRTIGHT_LOG says: a filter for the program's own trace.
    pub(crate) fn log_filter(&self) -> Option<String> {
        self.variables.get("AIRTIGHT_LOG")?.to_str().map(str::to_owned)
    }
}

/// What every command needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The folder that the command was started in.
    pub(crate) folder: PathBuf,
    /// The pipeline file that was asked for.
    pub(crate) file: Option<PathBuf>,
    /// The store's folder.
    pub(crate) store: Result<PathBuf, Failure>,
    /// The folder for native code and its key; none if the user has no such folder.
    pub(crate) state: Option<PathBuf>,
    /// The user's folder.
    pub(crate) home: Option<PathBuf>,
    /// The DNS servers that steps' names are looked up at, instead of the system's.
    pub(crate) dns: Result<Vec<SocketAddr>, Failure>,
    /// The folder with the Docker credential files.
    pub(crate) docker: Option<PathBuf>,
    /// Registries that are spoken to without TLS, as `HOST` or `HOST:PORT` (AIRTIGHT_PLAIN_HTTP).
    pub(crate) plain_http: Vec<String>,
    /// Whether the process confines itself before a guest runs. Off only to look for a fault (AIRTIGHT_CONFINE=off).
    pub(crate) confine: bool,
    /// Whether to colour.
    pub(crate) color: bool,
    /// Whether to colour what goes to standard output.
    pub(crate) color_stdout: bool,
    /// Whether standard error is a terminal that can be drawn on.
    pub(crate) terminal: bool,
    /// How much to say.
    pub(crate) verbose: u8,
    /// Where the programs of builds are.
    pub(crate) tools: Tools,
    /// The SDK for Rust in a folder, for projects that do not take it from the registry.
    pub(crate) sdk_rust: Option<PathBuf>,
    /// The machine's policy, if it has one. Nothing that a user can say takes it away.
    pub(crate) policy: Option<PathBuf>,
}

impl Settings {
    /// Resolves the settings of a command.
    pub(crate) fn resolve(global: &Global, environment: &Environment) -> Self {
        let folder = environment.folder.clone();
        let under_home = |xdg: &str, rest: &str| {
            let base = environment.path(xdg).filter(|path| path.is_absolute());
            base.or_else(|| environment.path("HOME").map(|home| home.join(rest)))
                .map(|base| base.join("airtight"))
        };
        let store = global.store.clone().or_else(|| environment.path("AIRTIGHT_STORE"));
        let store = store
            .map(|path| folder.join(path))
            .or_else(|| under_home("XDG_CACHE_HOME", ".cache"));
        let store = store.ok_or_else(|| {
            Failure::user(
                "U0001",
                "there is no folder for the store: neither HOME nor AIRTIGHT_STORE is set",
            )
            .help("say where: `--store DIR`")
        });
        let dumb = environment.variables.get("TERM").is_none_or(|term| term == "dumb");
        let refused = environment
            .variables
            .get("NO_COLOR")
            .is_some_and(|value| !value.is_empty());
        let color = |terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !dumb && !refused,
        };
        Self {
            file: global.file.as_ref().map(|file| folder.join(file)),
            folder,
            store,
            home: environment.path("HOME"),
            docker: environment
                .path("DOCKER_CONFIG")
                .or_else(|| environment.path("HOME").map(|home| home.join(".docker"))),
            plain_http: listed(environment.variables.get("AIRTIGHT_PLAIN_HTTP")),
            dns: servers(environment.variables.get("AIRTIGHT_DNS")),
            state: under_home("XDG_STATE_HOME", ".local/state"),
            confine: environment
                .variables
                .get("AIRTIGHT_CONFINE")
                .is_none_or(|value| value != "off"),
            color: color(environment.stderr_is_terminal),
            color_stdout: color(environment.stdout_is_terminal),
            terminal: environment.stderr_is_terminal && !dumb,
            verbose: global.verbose,
            tools: environment.tools(),
            sdk_rust: environment.path("AIRTIGHT_SDK_RUST"),
            policy: Some(PathBuf::from(SYSTEM_POLICY)).filter(|file| is_there(file)),
        }
    }

    /// The pipeline file: the one asked for, else `airtight.yaml` here or in the nearest folder above.
    pub(crate) fn pipeline_file(&self) -> Result<PathBuf, Failure> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let found = self
            .folder
            .ancestors()
            .map(|folder| folder.join("airtight.yaml"))
            .find(|file| file.is_file());
        found.ok_or_else(|| {
            let message = format!("there is no `airtight.yaml` in {} or above it", shown(&self.folder));
            Failure::pipeline("U0006", message).help("write one with `airtight init`, or name one with `--file FILE`")
        })
    }
}

/// The value of a variable that a secret's source names.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Names that are separated by commas.
fn listed(text: Option<&OsString>) -> Vec<String> {
    let text = text.map(|text| text.to_string_lossy()).unwrap_or_default();
    let names = text.split(',').map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

/// Reads AIRTIGHT_DNS: `ADDRESS:PORT`, separated by commas.
fn servers(text: Option<&OsString>) -> Result<Vec<SocketAddr>, Failure> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    let text = text.to_string_lossy();
    let read = text.split(',').map(|server| server.trim().parse::<SocketAddr>());
    read.collect::<Result<_, _>>().map_err(|_| {
        Failure::user(
            "U0023",
            format!("AIRTIGHT_DNS is `{text}`, which is no list of DNS servers"),
        )
        .help("write addresses with their ports, for example `AIRTIGHT_DNS=192.0.2.53:53,[2001:db8::53]:53`")
    })
}

/// Whether a file is there, or may be: one that cannot be looked at must not count as none.
pub(crate) fn is_there(file: &Path) -> bool {
    match file.symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// A path in backticks, escaped.
pub(crate) fn shown(path: &Path) -> String {
    format!("`{}`", crate::escape::line(&path.to_string_lossy()))
}
