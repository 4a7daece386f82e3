//! Steps in Go, by Go's own compiler: a program for WASI preview 1, or a library whose functions are those of the world. Not here: the
//! bindings' generator, and the room that the adapter needs in programs (`finish`).

use std::path::Path;
use std::process::Command;

use airtight_pipeline::StepKind;
use wit_parser::TypeDefKind;

use super::{Raw, Workshop, bindings};
use crate::error::Error;
use crate::files;

/// The release that learnt to export functions.
const OLDEST: (u32, u32) = (1, 24);
/// What the generated bindings are written upon; ours has the part of it that they need.
const SUPPORT: &str = "go.bytecodealliance.org/pkg";
const TYPES: &str = include_str!("go/types.go");
const RUNTIME: &str = include_str!("go/runtime.go");

/// Compiles and links a project.
pub(super) fn build(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let is_function = shop.project.file.kind == StepKind::Function;
    if is_function {
        generate(shop)?;
    }
    let program = shop.tools.need(
        &["go"],
        &[],
        "a step in Go",
        &["install Go 1.24 or newer: on Debian `apt-get install golang-go`, on macOS `brew install go`"],
    )?;
    let mut ask = go(shop, &program);
    let version = shop.tools.run(ask.args(["env", "GOVERSION"]))?;
    let version = version.trim().trim_start_matches("go").to_owned();
    if release(&version).is_some_and(|release| release < OLDEST) {
        return Err(Error::project(
            "A0016",
            format!("Go {version} is too old for steps: it cannot export functions to WebAssembly"),
            "install Go 1.24 or newer, and see that it is the first `go` in PATH",
        ));
    }
    let entry = shop.within(&shop.entry(&["main.go"])?);
    let module = Path::new("build").join("module.wasm");
    let mut build = go(shop, &program);
    build.args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"]);
    if is_function {
        build.arg("-buildmode=c-shared");
    }
    let folder = Path::new(".").join(entry.parent().unwrap_or(Path::new("")));
    shop.tools.run(build.arg("-o").arg(&module).arg(folder))?;
    Ok(Raw {
        wasm: files::binary(&shop.project.root.join(module))?,
        language: ("Go".to_owned(), version.clone()),
        tools: vec![("go".to_owned(), version)],
    })
}

/// Go as a command in the project's folder, for WASI preview 1. It is the one that is there: none is downloaded.
fn go(shop: &Workshop<'_>, program: &Path) -> Command {
    let mut command = shop.tools.command(program);
    command
        .envs([
            ("GOOS", "wasip1"),
            ("GOARCH", "wasm"),
            ("GOTOOLCHAIN", "local"),
            ("GOWORK", "off"),
        ])
        .current_dir(&shop.project.root);
    command
}

/// The first two numbers of a version; none of one that is not a release.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor: String = numbers.next()?.chars().take_while(char::is_ascii_digit).collect();
    Some((major, minor.parse().ok()?))
}

/// Writes the bindings to `build/gen`, with what they need. They call the project's own packages by the names that the generator gives
/// them: `export_wit_world` for the functions of the world.
fn generate(shop: &Workshop<'_>) -> Result<(), Error> {
    // Streams need a scheduler that is not in our part of what the bindings stand upon.
    let streams = |kind: &TypeDefKind| match kind {
        TypeDefKind::Stream(..) => Some("a stream"),
        TypeDefKind::Future(..) => Some("a future"),
        _ => None,
    };
    bindings::supported(shop, streams, |function| function.kind.is_async())?;
    let name = module_name(shop)?;
    let options = wit_bindgen_go::Opts {
        // What is generated must not depend on whether there is a formatter.
        format: wit_bindgen_go::Format::False,
        pkg_name: Some(format!("{name}/build/gen")),
        export_pkg_name: Some(name),
        ..wit_bindgen_go::Opts::default()
    };
    bindings::write(shop, shop.wit()?, options.build())?;
    let support = shop.scratch.join("gen/pkg");
    files::write(
        &support.join("go.mod"),
        format!("module {SUPPORT}\n\ngo 1.24\n").as_bytes(),
    )?;
    files::write(&support.join("wit/types/types.go"), TYPES.as_bytes())?;
    files::write(&support.join("wit/runtime/runtime.go"), RUNTIME.as_bytes())
}

/// The name of the project's module.
fn module_name(shop: &Workshop<'_>) -> Result<String, Error> {
    let file = shop.project.root.join("go.mod");
    let text = if file.is_file() {
        files::text(&file)?
    } else {
        String::new()
    };
    let name = text.lines().find_map(|line| line.trim().strip_prefix("module "));
    name.map(|name| name.trim().trim_matches('"').to_owned()).ok_or_else(|| {
        Error::project(
            "A0016",
            "the project is no module of Go: there is no `go.mod` that names one",
            format!(
                "write `go.mod`:\n  module example.com/{}\n  go 1.24\n  require {SUPPORT} v0.2.2\n  replace {SUPPORT} => ./build/gen/pkg",
                shop.project.file.name
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A distribution adds to the number, and a development version has none.
    #[test]
    fn the_release_of_a_version_is_read() {
        let read = ["1.27.3", "1.24", "1.23rc1", "1.26.1 X:nodwarf5", "devel +abc"].map(release);
        assert_eq!(read, [Some((1, 27)), Some((1, 24)), Some((1, 23)), Some((1, 26)), None]);
        assert!((1, 9) < OLDEST && OLDEST < (1, 100));
    }
}
