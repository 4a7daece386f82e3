//! Builds in the languages that have a compiler of their own: a template becomes a component, what the compiler says reaches the person who
//! mends the sources, and a compiler that is not there is named with how to get it. Not here: what the components do
//! (`tests/end-to-end/languages.rs`).
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use airtight_authoring::templates::{Names, files};
use airtight_authoring::{Error, StepProject, Tools, build};
use airtight_pipeline::{Language, StepKind};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER as ADAPTER,
};

/// Writes a new project.
fn project(folder: &Path, language: Language, kind: StepKind) -> StepProject {
    let names = Names {
        name: "my-step",
        airtight_step_dependency: "",
    };
    for file in files(language, kind, &names).unwrap() {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.bytes).unwrap();
    }
    StepProject::open(folder).unwrap()
}

/// The compilers; none where this machine was not set up for them.
fn tools() -> Option<Tools> {
    let Some(folders) = std::env::var_os("AIRTIGHT_TEST_TOOLCHAINS") else {
        eprintln!("left out: AIRTIGHT_TEST_TOOLCHAINS is not set (`cargo xtask toolchains` prints what it can be)");
        return None;
    };
    let own = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&folders).chain(std::env::split_paths(&own));
    Some(Tools::new(&std::env::join_paths(folders).unwrap(), Vec::new()))
}

fn adapt(module: &[u8]) -> Result<Vec<u8>, String> {
    let encoder = wit_component::ComponentEncoder::default().module(module);
    let encoded = encoder.and_then(|encoder| encoder.adapter(PREVIEW1, ADAPTER)?.encode());
    encoded.map_err(|error| format!("{error:#}"))
}

/// Builds a template of each kind, then breaks a source of it and expects the compiler's words about the place.
fn compiles_and_complains(language: Language, source: &str, place: &str) {
    let Some(tools) = tools() else { return };
    for (word, kind) in StepKind::ALL {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path(), language, kind);
        let shown = format!("{} {word}", language.word());
        let built = build(&project, &tools, None, &adapt).unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        let again = build(&project, &tools, Some(&folder.path().join("again.wasm")), &adapt).unwrap();
        assert!(built.wasm == again.wasm, "{shown}: another build gave other bytes");
        // Nothing of this machine is in it.
        let here = folder.path().to_string_lossy().into_owned();
        assert!(
            !built.wasm.windows(here.len()).any(|bytes| bytes == here.as_bytes()),
            "{shown}: it names the folder it was built in"
        );

        let path = folder.path().join(source);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\nthis is no {}\n", language.word())).unwrap();
        let error = build(&project, &tools, None, &adapt).unwrap_err();
        let Error::Tool { output, .. } = &error else {
            panic!("{shown}: {error:?}")
        };
        let line = text.lines().count() + 2;
        let expected = place.replace("LINE", &line.to_string());
        assert!(output.contains(&expected), "{shown}: {expected} is not in {output}");
        // What was there before is still there.
        assert_eq!(fs::read(&built.path).unwrap(), built.wasm, "{shown}");
    }
}

/// C by Zig or clang.
#[test]
fn c_compiles_and_its_errors_have_a_place() {
    compiles_and_complains(Language::C, "src/find.c", "src/find.c:LINE:1: error:");
}

/// C++ by Zig or clang.
#[test]
fn cpp_compiles_and_its_errors_have_a_place() {
    compiles_and_complains(Language::Cpp, "src/find.cpp", "src/find.cpp:LINE:1: error:");
}

/// Go by its own compiler.
#[test]
fn go_compiles_and_its_errors_have_a_place() {
    compiles_and_complains(Language::Go, "find/find.go", "find/find.go:LINE:1: syntax error");
}

/// Zig, with the C side of the WIT as a module.
#[test]
fn zig_compiles_and_its_errors_have_a_place() {
    compiles_and_complains(Language::Zig, "src/find.zig", "src/find.zig:LINE:");
}

/// WIT for which a generator has no form is refused with its name, before anything is compiled.
#[test]
fn wit_that_a_language_has_no_form_for_is_refused() {
    for (language, parameter, what) in [
        (Language::C, "list<u8, 4>", "a list of a fixed length"),
        (Language::Cpp, "list<u8, 4>", "a list of a fixed length"),
        (Language::Go, "stream<u8>", "a stream"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path(), language, StepKind::Function);
        let wit = format!("package a:b;\nworld step {{ export run: func(a: {parameter}); }}\n");
        fs::write(folder.path().join("wit/step.wit"), wit).unwrap();
        let error = build(&project, &Tools::new(&OsString::new(), Vec::new()), None, &adapt).unwrap_err();
        assert_eq!(error.code(), Some("A0015"), "{error}");
        assert!(error.to_string().contains(what), "{error}");
    }
}

/// What is missing is said with what to type, whatever the machine has.
#[test]
fn a_compiler_that_is_not_there_is_named_with_how_to_get_it() {
    for (language, program, install) in [
        (Language::C, "a step in C needs `zig`", "pip install ziglang"),
        (
            Language::Cpp,
            "a step in C++ needs `zig`",
            "apt-get install clang lld wasi-libc",
        ),
        (Language::Go, "a step in Go needs `go`", "apt-get install golang-go"),
        (Language::Zig, "a step in Zig needs `zig`", "pip install ziglang"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path(), language, StepKind::Function);
        let nothing = Tools::new(&OsString::new(), Vec::new());
        let error = build(&project, &nothing, None, &adapt).unwrap_err();
        assert_eq!(error.code(), Some("A0003"), "{error}");
        assert!(error.to_string().starts_with(program), "{error}");
        assert!(error.help().unwrap().contains(install), "{error}: {:?}", error.help());
    }
}

/// A clang that cannot make programs for WASI is not taken for one that can.
#[test]
fn a_clang_without_a_c_library_for_wasi_is_passed_over() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let project = project(folder.path(), Language::C, StepKind::Command);
    let clang = folder.path().join("clang");
    fs::write(&clang, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&clang, fs::Permissions::from_mode(0o755)).unwrap();
    let tools = Tools::new(&folder.path().as_os_str().to_owned(), Vec::new());
    let error = build(&project, &tools, None, &adapt).unwrap_err();
    assert_eq!(error.code(), Some("A0003"), "{error}");
}
