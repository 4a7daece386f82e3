//! Guests from source to bytes: [`Toolchain`] finds or makes a compiler, [`build`](build()) drives cargo with it, [`embed`]
//! puts the standard components into the binary. What a guest means to the engine is no concern of this module.

mod build;
mod embed;
mod environment;
mod lock;
mod process;
mod toolchain;

use std::path::{Path, PathBuf};

pub use build::{Built, Guest, build};
pub use embed::{STANDARD, embed_standard_components};
pub use toolchain::{Mode, Toolchain};

/// Why guests could not be built.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed: the verb, the path and the cause.
    Io {
        verb: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// A program could not be started or did not succeed.
    Program { program: String, how: String },
    /// No route led to a toolchain for the targets; the text says what was tried and what to install by hand.
    NoToolchain { tried: Vec<String>, release: String },
    /// A guest that should have been built is not there.
    Missing { name: String, place: PathBuf },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io { verb, path, source } => write!(f, "could not {verb} `{}`: {source}", path.display()),
            Self::Program { program, how } => write!(f, "`{program}` {how}"),
            Self::NoToolchain { tried, release } => {
                writeln!(
                    f,
                    "no Rust toolchain for {} could be found or made",
                    TARGETS.join(" and ")
                )?;
                for line in tried {
                    writeln!(f, "  tried: {line}")?;
                }
                write!(
                    f,
                    "help: run `rustup target add {}`\nhelp: or, on Debian 12 or newer, make apt reach its archive; the sources \
                     of Rust {release} and `wasi-libc` come from there\nhelp: or set `AIRTIGHT_GUEST_RUSTC` to a rustc that has \
                     the targets\nhelp: or set `AIRTIGHT_PREBUILT_STD` to a folder with the standard components ({})",
                    TARGETS.join(" "),
                    STANDARD.map(|name| format!("`{name}.wasm`")).join(", "),
                )
            }
            Self::Missing { name, place } => write!(f, "guest `{name}` is not in `{}`", place.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Error {
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }
}

/// The targets that guests are built for.
pub const TARGETS: [&str; 2] = ["wasm32-wasip1", "wasm32-wasip2"];

/// Returns the root of the repository that this crate was compiled in.
pub fn repository() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask is a folder of the repository")
        .to_owned()
}

/// Returns cargo's target folder, given any path inside it (`OUT_DIR`, or the running program's own).
///
/// `CARGO_TARGET_DIR` is not enough: the folder may be set in a configuration file too.
pub fn target_folder(inside: &Path) -> PathBuf {
    let marked = inside
        .ancestors()
        .find(|folder| folder.join(".rustc_info.json").is_file());
    match (marked, std::env::var_os("CARGO_TARGET_DIR")) {
        (Some(folder), _) => folder.to_owned(),
        (None, Some(folder)) => repository().join(folder),
        (None, None) => repository().join("target"),
    }
}

/// Builds the tests' guests, or finds that they are up to date, and returns them.
///
/// Safe to call from many test processes at once: cargo's own lock makes all but the first wait.
///
/// # Errors
///
/// Fails when there is no toolchain and none can be made, or when a guest does not compile.
pub fn fixtures() -> Result<Vec<Guest>, Error> {
    let program = std::env::current_exe().map_err(Error::io("find", Path::new("the running program")))?;
    let target = target_folder(&program);
    let toolchain = Toolchain::ensure(&target)?;
    Ok(build(&toolchain, &repository().join("tests/fixtures"), &target, &[])?.guests)
}
