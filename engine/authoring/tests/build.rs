//! Builds of projects without a compiler: what comes of a text, of a binary, and of what is wrong with either. Not here: what the program
//! says of it (`tests/end-to-end/steps.rs`), and the languages.
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use airtight_authoring::{Error, StepProject, Tools, build};
use airtight_model::section::{STEP_SECTION, StepSection};
use wasmparser::{Parser, Payload};

fn tools() -> Tools {
    Tools::new(&OsString::new(), Vec::new())
}

fn never(_: &[u8]) -> Result<Vec<u8>, String> {
    Err("it is no command".to_owned())
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

const STEP: &str = "step: 1\nname: adder\nlanguage: wat\n";
const WIT: &str = "package a:b;\nworld w { export run: func(a: u32, b: u32) -> u32; }\n";
const WAT: &str = "(module (func (export \"run\") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))";

/// The documentation of a function, of its types and of their members is in the component, wherever the types are declared.
#[test]
fn documentation_of_wit_survives() {
    let folder = tempfile::tempdir().unwrap();
    let wit = "package a:b@1.0.0;\n/// Types.\ninterface types {\n  /// How grave.\n  enum level {\n    /// Not very.\n    low,\n    high,\n  }\n}\n/// The world.\nworld w {\n  use types.{level};\n  /// Runs.\n  export run: func(l: level, n: u32) -> u32;\n  export other: interface {\n    /// Walks.\n    walk: func();\n  }\n}\n";
    let wat =
        "(module (func (export \"run\") (param i32 i32) (result i32) local.get 1) (func (export \"other#walk\")))";
    write(
        folder.path(),
        &[("step.yaml", STEP), ("wit/a.wit", wit), ("src/step.wat", wat)],
    );
    let project = StepProject::open(folder.path()).unwrap();
    let built = build(&project, &tools(), None, &never).unwrap();
    assert_eq!(fs::read(folder.path().join("build/adder.wasm")).unwrap(), built.wasm);
    let section = Parser::new(0)
        .parse_all(&built.wasm)
        .find_map(|payload| match payload.unwrap() {
            Payload::CustomSection(section) if section.name() == STEP_SECTION => StepSection::parse(section.data()),
            _ => None,
        });
    let section = section.unwrap();
    assert_eq!(section.functions["run"].docs.as_deref(), Some("Runs."));
    assert_eq!(section.functions["other#walk"].docs.as_deref(), Some("Walks."));
    assert_eq!(section.types["level"].members["low"], "Not very.");
    let world = section.world.unwrap();
    assert_eq!(
        (world.name.as_str(), world.docs.as_deref()),
        ("a:b/w@1.0.0", Some("The world."))
    );
}

/// What the world needs of Airtight's and WASI's packages is put together for other tools, and nothing else; a package of the project's
/// own is taken before one that is embedded.
#[test]
fn wit_is_put_together_for_other_tools() {
    let folder = tempfile::tempdir().unwrap();
    let wit = "package a:b;\nworld w {\n  import airtight:step/log@0.1.0;\n  import wasi:clocks/wall-clock@0.2.12;\n  export run: func(a: u32, b: u32) -> u32;\n}\n";
    let own = "package wasi:clocks@0.2.12;\ninterface wall-clock { resolution: func() -> u64; }\n";
    write(
        folder.path(),
        &[
            ("step.yaml", STEP),
            ("wit/a.wit", wit),
            ("wit/deps/clocks/c.wit", own),
            ("src/step.wat", WAT),
        ],
    );
    // What an earlier build left there is gone.
    write(folder.path(), &[("build/wit/old.wit", "package x:y;")]);
    let project = StepProject::open(folder.path()).unwrap();
    let built = build(&project, &tools(), None, &never);
    assert!(built.is_ok(), "{}", built.unwrap_err());
    let root = folder.path().join("build/wit");
    let (mut found, mut open) = (Vec::new(), vec![root.clone()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "a.wit",
            "deps/airtight-step/airtight-step.wit",
            "deps/wasi-clocks/c.wit"
        ]
    );
}

/// A preview-1 library becomes a component by the reactor's adapter, a program by the one that it is given.
#[test]
fn modules_are_adapted_by_what_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let library = "(module (import \"wasi_snapshot_preview1\" \"fd_close\" (func $close (param i32) (result i32))) (memory (export \"memory\") 1) (func (export \"run\") (param i32 i32) (result i32) i32.const 3 call $close))";
    write(
        folder.path(),
        &[("step.yaml", STEP), ("wit/a.wit", WIT), ("src/step.wat", library)],
    );
    let project = StepProject::open(folder.path()).unwrap();
    let built = build(&project, &tools(), None, &never).unwrap();
    assert!(Parser::is_component(&built.wasm));
    let program = "(module (memory (export \"memory\") 1) (func (export \"_start\")))";
    let command = "step: 1\nname: p\nlanguage: wat\nkind: command\n";
    write(folder.path(), &[("step.yaml", command), ("src/step.wat", program)]);
    let project = StepProject::open(folder.path()).unwrap();
    let error = build(&project, &tools(), None, &never).unwrap_err();
    assert_eq!(error.code(), Some("A0013"));
    assert!(error.to_string().contains("it is no command"), "{error}");
}

/// A build that fails leaves what is there, and a name that leads elsewhere is none.
#[test]
fn a_build_that_fails_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        &[
            ("step.yaml", STEP),
            ("wit/a.wit", WIT),
            ("src/step.wat", "(module"),
            ("build/adder.wasm", "as it was"),
        ],
    );
    let project = StepProject::open(folder.path()).unwrap();
    let error = build(&project, &tools(), None, &never).unwrap_err();
    let Error::InFile(file) = &error else { panic!("{error}") };
    assert_eq!(file.name, "src/step.wat");
    assert_eq!(
        fs::read_to_string(folder.path().join("build/adder.wasm")).unwrap(),
        "as it was"
    );
    write(
        folder.path(),
        &[("step.yaml", "step: 1\nname: ../../adder\nlanguage: wat\n")],
    );
    let error = StepProject::open(folder.path()).unwrap_err();
    let Error::InFile(file) = &error else { panic!("{error}") };
    assert_eq!(file.found[0].code, "P0009");
}
