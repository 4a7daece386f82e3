//! Steps in Rust: cargo for `wasm32-wasip2`, which makes a component by itself. Not here: the WIT, which the crate `airtight-step`
//! derives or reads when it is compiled.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use airtight_pipeline::StepKind;
use serde_json::Value as Json;

use super::{Raw, Workshop};
use crate::error::Error;
use crate::files;

const TARGET: &str = "wasm32-wasip2";
const WHAT: &str = "a step in Rust";

/// Makes the component by cargo.
pub(super) fn build(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let project = shop.project;
    if let Some(entry) = &project.file.entry {
        let message = "a step in Rust has no `entry:`".to_owned();
        return Err(project.wrong(
            "A0009",
            entry.span,
            message,
            "remove it: `Cargo.toml` says what is built".to_owned(),
        ));
    }
    let manifest = project.root.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(Error::project(
            "A0009",
            "there is no file `Cargo.toml`",
            "write it, or start with `airtight new --lang rust NAME`",
        ));
    }
    let install = [
        "install Rust: https://www.rust-lang.org/tools/install",
        "then `rustup target add wasm32-wasip2`",
    ];
    let cargo = match shop.tools.variable("CARGO") {
        Some(cargo) => PathBuf::from(cargo),
        None => shop.tools.need(&["cargo"], &[], WHAT, &install)?,
    };
    let given = ["AIRTIGHT_GUEST_RUSTC", "RUSTC"].into_iter();
    let given = given
        .filter_map(|name| shop.tools.variable(name))
        .next()
        .map(PathBuf::from);
    let rustc = match &given {
        Some(rustc) => rustc.clone(),
        None => shop.tools.need(&["rustc"], &[], WHAT, &install)?,
    };
    let release = release(shop, &rustc)?;
    check_target(shop, &rustc)?;

    let mut command = shop.tools.command(&cargo);
    command
        .current_dir(&project.root)
        .args(["build", "--release", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"]);
    if project.root.join("Cargo.lock").is_file() {
        command.arg("--locked");
    }
    if let Some(rustc) = &given {
        command.env("RUSTC", rustc);
    }
    match flags(shop) {
        Flags::Variable(flags) => command.env_remove("RUSTFLAGS").env("CARGO_ENCODED_RUSTFLAGS", flags),
        Flags::Configuration(text) => command.arg("--config").arg(text),
    };
    let said = shop.tools.run(&mut command).map_err(without_messages)?;
    let manifest = manifest.canonicalize().map_err(Error::io("find", &manifest))?;
    let path = artifact(&said, &manifest, project.file.kind)?;
    Ok(Raw {
        wasm: files::binary(&path)?,
        language: ("Rust".to_owned(), release.clone()),
        tools: vec![("rustc".to_owned(), release)],
    })
}

/// What the compiler calls its release.
fn release(shop: &Workshop<'_>, rustc: &Path) -> Result<String, Error> {
    let mut command = shop.tools.command(rustc);
    let said = shop.tools.run(command.current_dir(&shop.project.root).arg("-vV"))?;
    let release = said.lines().find_map(|line| line.strip_prefix("release: "));
    Ok(release.unwrap_or_default().to_owned())
}

/// Checks that the standard library for the target is there: cargo says that in the middle of much else, or not at all.
fn check_target(shop: &Workshop<'_>, rustc: &Path) -> Result<(), Error> {
    let mut command = shop.tools.command(rustc);
    command
        .current_dir(&shop.project.root)
        .args(["--print", "target-libdir", "--target", TARGET]);
    let folder = shop.tools.run(&mut command).unwrap_or_default();
    let entries = std::fs::read_dir(folder.trim()).into_iter().flatten().flatten();
    let mut names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    if names.any(|name| name.starts_with("libstd-")) {
        return Ok(());
    }
    Err(Error::MissingTool {
        what: WHAT.to_owned(),
        program: format!("Rust's standard library for `{TARGET}`"),
        install: vec![
            format!("run `rustup target add {TARGET}`"),
            "or set AIRTIGHT_GUEST_RUSTC to a `rustc` that has it".to_owned(),
        ],
    })
}

/// Flags for the compiler, and the way to tell it that leaves the user's own in force.
enum Flags {
    /// In the variable that goes before all others, with those of the user's.
    Variable(OsString),
    /// In the configuration, where they are added to what files there say.
    Configuration(String),
}

/// Folders of this machine are taken out of the binary: panics name the file that they are from.
fn flags(shop: &Workshop<'_>) -> Flags {
    let variable = |name: &str| {
        shop.tools
            .variable(name)
            .and_then(|value| value.to_str())
            .map(str::to_owned)
    };
    let cargo_home = variable("CARGO_HOME").or_else(|| Some(format!("{}/.cargo", variable("HOME")?)));
    let places = [
        (variable("CARGO_TARGET_DIR"), "/target"),
        (cargo_home, "/cargo"),
        (variable("AIRTIGHT_SDK_RUST"), "/airtight-step"),
        (shop.project.root.to_str().map(str::to_owned), "/step"),
    ];
    let own = places
        .into_iter()
        .filter_map(|(from, to)| Some(format!("--remap-path-prefix={}={to}", from?)));
    if let Some(theirs) = variable("CARGO_ENCODED_RUSTFLAGS") {
        let all: Vec<String> = std::iter::once(theirs).chain(own).collect();
        return Flags::Variable(all.join("\u{1f}").into());
    }
    if let Some(theirs) = variable("RUSTFLAGS") {
        let all: Vec<String> = theirs.split_whitespace().map(str::to_owned).chain(own).collect();
        return Flags::Variable(all.join("\u{1f}").into());
    }
    // A JSON text is a TOML text too.
    let own = Json::from_iter(own);
    Flags::Configuration(format!("target.{TARGET}.rustflags={own}"))
}

/// Takes cargo's messages for programs out of what it said to the person.
fn without_messages(error: Error) -> Error {
    match error {
        Error::Tool {
            program,
            how,
            output,
            help,
        } => {
            let lines = output
                .split_inclusive('\n')
                .filter(|line| !line.starts_with("{\"reason\":"));
            Error::Tool {
                program,
                how,
                output: lines.collect(),
                help,
            }
        }
        other => other,
    }
}

/// The file that the package made: a library is a function step, a program a command.
fn artifact(said: &str, manifest: &Path, kind: StepKind) -> Result<PathBuf, Error> {
    let wanted = match kind {
        StepKind::Function => "cdylib",
        StepKind::Command => "bin",
    };
    let mut found: Vec<PathBuf> = Vec::new();
    for message in said.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok()) {
        let ours = message["reason"] == "compiler-artifact"
            && message["manifest_path"]
                .as_str()
                .is_some_and(|path| Path::new(path) == manifest)
            && message["target"]["crate_types"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it == wanted));
        let files = message["filenames"].as_array().filter(|_| ours).into_iter().flatten();
        found.extend(
            files
                .filter_map(Json::as_str)
                .filter(|name| name.ends_with(".wasm"))
                .map(PathBuf::from),
        );
    }
    match (found.as_slice(), kind) {
        ([one], _) => Ok(one.clone()),
        ([], StepKind::Function) => Err(Error::project(
            "A0009",
            "the package makes no component: it is no `cdylib`",
            "write in `Cargo.toml`:\n  [lib]\n  crate-type = [\"cdylib\", \"rlib\"]\nor, if it is a program, `kind: command` in \
             `step.yaml`",
        )),
        ([], StepKind::Command) => Err(Error::project(
            "A0009",
            "the package makes no program",
            "write `src/main.rs`, or, if it is a library, `kind: function` in `step.yaml`",
        )),
        (many, _) => Err(Error::project(
            "A0009",
            format!("the package makes {} programs, and a step is one", many.len()),
            "make a package of each",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(manifest: &str, kind: &str, file: &str) -> String {
        serde_json::json!({
            "reason": "compiler-artifact",
            "manifest_path": manifest,
            "target": { "crate_types": [kind] },
            "filenames": [file],
        })
        .to_string()
    }

    /// Of all that cargo makes, the package's own component is taken, and anything but one is said.
    #[test]
    fn the_packages_own_component_is_taken() {
        let manifest = Path::new("/p/Cargo.toml");
        let dependency = message("/q/Cargo.toml", "cdylib", "/t/q.wasm");
        let library = message("/p/Cargo.toml", "cdylib", "/t/p.wasm");
        let program = message("/p/Cargo.toml", "bin", "/t/b.wasm");
        let said = [dependency.as_str(), "not JSON", &library, &program].join("\n");
        let path = artifact(&said, manifest, StepKind::Function).expect("there is one");
        assert_eq!(path, Path::new("/t/p.wasm"));
        let path = artifact(&said, manifest, StepKind::Command).expect("there is one");
        assert_eq!(path, Path::new("/t/b.wasm"));
        let error = artifact(&dependency, manifest, StepKind::Function).expect_err("that is another package's");
        assert!(error.help().is_some_and(|help| help.contains("crate-type")), "{error}");
        let two = [program.as_str(), &program].join("\n");
        assert!(artifact(&two, manifest, StepKind::Command).is_err());
    }

    /// The person reads what the compiler says to people.
    #[test]
    fn messages_for_programs_are_left_out() {
        let error = Error::Tool {
            program: "cargo build".to_owned(),
            how: String::new(),
            output: "{\"reason\":\"x\"}\nerror[E0308]: mismatched types\n".to_owned(),
            help: None,
        };
        let Error::Tool { output, .. } = without_messages(error) else {
            panic!("it is still what it was");
        };
        assert_eq!(output, "error[E0308]: mismatched types\n");
    }
}
