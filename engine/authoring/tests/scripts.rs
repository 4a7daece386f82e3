//! Builds of steps in JavaScript, TypeScript and Python: mistakes are shown where they are, what is missing is said, and the bytes are the same.
//! Not here: what the steps do (`tests/end-to-end/languages.rs`).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use airtight_authoring::templates::{Names, files};
use airtight_authoring::{Error, StepProject, Tools, build};
use airtight_pipeline::{Language, StepKind};

/// Says that compilers have to be there, and where they are beside the path.
const TOOLCHAINS: &str = "AIRTIGHT_TEST_TOOLCHAINS";

/// The programs of the languages; none where this machine was not set up for them.
fn tools() -> Option<Tools> {
    let Some(toolchains) = std::env::var_os(TOOLCHAINS) else {
        eprintln!("left out: {TOOLCHAINS} is not set (`cargo xtask toolchains` prints what it can be)");
        return None;
    };
    let own = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&toolchains).chain(std::env::split_paths(&own));
    Some(Tools::new(&std::env::join_paths(folders).unwrap(), Vec::new()))
}

fn never(_: &[u8]) -> Result<Vec<u8>, String> {
    Err("it is no command".to_owned())
}

/// A new project of a function step.
fn new(folder: &Path, language: Language) {
    let names = Names {
        name: "looker",
        airtight_step_dependency: "",
    };
    for file in files(language, StepKind::Function, &names).unwrap() {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.bytes).unwrap();
    }
}

fn made(folder: &Path, tools: &Tools) -> Result<Vec<u8>, Error> {
    build(&StepProject::open(folder)?, tools, None, &never).map(|built| built.wasm)
}

/// Builds a project of which one file has another text, and returns what is said: file, line and message, or the tool's words.
fn said(tools: &Tools, language: Language, path: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    new(folder.path(), language);
    fs::write(folder.path().join(path), text).unwrap();
    match made(folder.path(), tools) {
        Ok(_) => panic!("{path} is built"),
        Err(Error::InFile(found)) => {
            let diagnostic = &found.found[0];
            let start = diagnostic.labels[0].span.start as usize;
            let line = found.text[..start].matches('\n').count() + 1;
            format!("{}:{line}: {}", found.name, diagnostic.message)
        }
        Err(Error::Tool { output, .. }) => output,
        Err(other) => other.to_string(),
    }
}

/// A person sees the line of the source, whichever of several tools found the mistake, and through what esbuild has made of the sources.
#[test]
fn mistakes_in_javascript_and_typescript_are_shown_where_they_are() {
    let Some(tools) = tools() else { return };
    let js = |text: &str| said(&tools, Language::JavaScript, "src/app.js", text);
    let syntax = js("export function run() {\n  return ];\n}\n");
    assert_eq!(syntax, "src/app.js:2: Unexpected \"]\"");
    let import = js("\nimport { x } from './nope.js';\nexport const run = () => x;\n");
    assert_eq!(import, "src/app.js:2: Could not resolve \"./nope.js\"");
    let wit = js("import { nope } from 'airtight:step/log@0.1.0';\nexport const run = () => nope();\n");
    assert!(wit.starts_with("src/app.js:1: ") && wit.contains("nope"), "{wit}");
    let none = js("export const other = 1;\n");
    assert!(none.contains("does not export a \"run\" function"), "{none}");
    assert!(!none.contains("node:internal") && !none.contains("file:///"), "{none}");
    // Types take lines in the source and none in the module.
    let types = "interface Unused {\n  a: number;\n}\nlet none: Unused | undefined;\n\nconsole.log(none!.a);\nexport const run = () => 1;\n";
    let thrown = said(&tools, Language::TypeScript, "src/app.ts", types);
    assert!(thrown.starts_with("src/app.ts:6: TypeError"), "{thrown}");
}

/// Python's own words with the line of the source, without the inside of componentize-py.
#[test]
fn mistakes_in_python_are_shown_where_they_are() {
    let Some(tools) = tools() else { return };
    let py = |text: &str| said(&tools, Language::Python, "src/app.py", text);
    assert_eq!(py("x = 1\ny = (\n"), "src/app.py:2: SyntaxError: '(' was never closed");
    assert_eq!(
        py("import os, nope\n"),
        "src/app.py:1: ModuleNotFoundError: No module named 'nope'"
    );
    assert_eq!(
        py("x = 1\n"),
        "AttributeError: module 'app' has no attribute 'WitWorld'"
    );
}

/// The same JavaScript gives the same bytes in every folder, one with a blank and a quote in its name too.
#[test]
fn javascript_gives_the_same_bytes_in_another_folder() {
    let Some(tools) = tools() else { return };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let other = two.path().join("it's an other");
    new(one.path(), Language::JavaScript);
    new(&other, Language::JavaScript);
    let (one, two) = (made(one.path(), &tools).unwrap(), made(&other, &tools).unwrap());
    assert!(one == two, "{} and {} bytes differ", one.len(), two.len());
}

/// The other engine makes a component of the project's world, and one that is not there is refused at its place.
#[test]
fn the_engine_is_chosen_in_the_step_file() {
    let folder = tempfile::tempdir().unwrap();
    new(folder.path(), Language::JavaScript);
    let file = folder.path().join("step.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}engine: v8\n")).unwrap();
    let none = Tools::new(&OsString::new(), Vec::new());
    let Err(Error::InFile(found)) = made(folder.path(), &none) else {
        panic!("there is no such engine");
    };
    assert_eq!(found.found[0].message, "there is no engine `v8` for JavaScript");
    let Some(tools) = tools() else { return };
    fs::write(&file, format!("{text}engine: quickjs\n")).unwrap();
    let wasm = made(folder.path(), &tools).unwrap();
    assert!(wasm.len() < 3 << 20, "{} bytes", wasm.len());
}

/// Without a program, its name and what to type are said.
#[test]
fn a_program_that_is_missing_is_said_with_what_to_type() {
    let none = Tools::new(&OsString::new(), Vec::new());
    for (language, program, typed) in [
        (Language::JavaScript, "`node`", "apt-get install nodejs npm"),
        (Language::TypeScript, "`node`", "apt-get install nodejs npm"),
        (Language::Python, "`componentize-py`", "pip install -r requirements.txt"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        new(folder.path(), language);
        let error = made(folder.path(), &none).unwrap_err();
        assert!(error.to_string().contains(program), "{error}");
        assert!(error.help().is_some_and(|help| help.contains(typed)), "{error}");
    }
}
