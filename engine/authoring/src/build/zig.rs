//! Steps in Zig: `src/step.zig` or `src/main.zig`, with the WIT as the module `step`. Not here: the C that the module comes from (`c`).

use std::path::Path;
use std::process::Command;

use airtight_pipeline::StepKind;

use super::bindings::C;
use super::c::{Compiler, zig};
use super::{Raw, Workshop};
use crate::error::Error;
use crate::files;

/// A core module for WASI preview 1.
const TARGET: [&str; 2] = ["-target", "wasm32-wasi"];

/// Compiles and links a project.
pub(super) fn build(shop: &Workshop<'_>) -> Result<Raw, Error> {
    let Some(program) = zig(shop) else {
        return Err(Error::MissingTool {
            what: "a step in Zig".to_owned(),
            program: "`zig`".to_owned(),
            install: vec!["run `pip install ziglang`, or on macOS `brew install zig`".to_owned()],
        });
    };
    let entry = shop.within(&shop.entry(&["src/step.zig", "src/main.zig"])?);
    let compiler = Compiler::of_zig(shop, program)?;
    let bindings = C::generate(shop)?;
    let module = Path::new("build").join("module.wasm");
    let mut build = command(shop, &compiler);
    build
        .arg("build-exe")
        .args(TARGET)
        .args(["-O", "ReleaseSmall", "-fstrip"]);
    build.args(["--stack", "1048576", "--name", "module"]);
    build.arg(format!("-femit-bin={}", module.display()));
    if shop.project.file.kind == StepKind::Function {
        build.arg("-mexec-model=reactor");
    }
    if let Some(bindings) = &bindings {
        let translated = translate(shop, &compiler, bindings)?;
        build.args(compiler.bindings(shop, bindings)?);
        build
            .args(["-lc", "--dep", "step"])
            .arg(format!("-Mroot={}", entry.display()));
        build.arg(format!("-Mstep={}", translated.display()));
    } else {
        build.arg(format!("-Mroot={}", entry.display()));
    }
    shop.tools.run(&mut build)?;
    Ok(Raw {
        wasm: files::binary(&shop.project.root.join(module))?,
        language: ("Zig".to_owned(), compiler.version().1),
        tools: vec![compiler.version()],
    })
}

/// Zig as a command in the project's folder, with its caches out of the way.
fn command(shop: &Workshop<'_>, compiler: &Compiler) -> Command {
    let mut command = shop.tools.command(&compiler.program);
    command.env("ZIG_LOCAL_CACHE_DIR", shop.scratch.join("zig-cache"));
    command.current_dir(&shop.project.root);
    command
}

/// Makes Zig of the C header of the WIT.
fn translate(shop: &Workshop<'_>, compiler: &Compiler, bindings: &C) -> Result<std::path::PathBuf, Error> {
    let mut translate = command(shop, compiler);
    translate
        .arg("translate-c")
        .args(TARGET)
        .arg("-lc")
        .arg(&bindings.header);
    let text = shop.tools.run(&mut translate)?;
    let path = bindings.header.with_extension("zig");
    files::write(&shop.project.root.join(&path), text.as_bytes())?;
    Ok(path)
}
