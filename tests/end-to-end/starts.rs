//! What it takes to start a component that this machine has compiled before: its native code, read once, and nothing of the component.
//! Not here: what is kept as native code and who may change it (the sandbox's own tests).

use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use airtight_testkit::{TestEnv, component};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use crate::{outcome, run};

/// Three steps of one component, of which each looks at the source.
const TEXT: &str = "airtight: 1\nname: test\nsources: { src: { path: in } }\nsteps:\n  \
    a: { uses: ./script.wasm, with: { ops: [ \"read /src/a.txt\" ] }, mounts: { /src: src } }\n  \
    b: { uses: ./script.wasm, with: { ops: [ \"read /src/a.txt\", \"write /out/b b\" ] }, mounts: { /src: src } }\n  \
    c: { uses: ./script.wasm, with: { ops: [ \"read /src/a.txt\", \"write /out/c c\" ] }, mounts: { /src: src }, after: [ a ] }\n";

/// A project with native code of its own.
fn made(text: &str) -> TestEnv {
    let env = TestEnv::new(env!("CARGO_BIN_EXE_airtight"));
    env.copy(&component("script"), "script.wasm");
    env.write("in/a.txt", "one\n").write("airtight.yaml", text);
    env
}

/// Listens to what is opened and read below a path; files of a folder are told by their names.
struct Listener(OwnedFd);

impl Listener {
    fn new(path: &Path) -> Self {
        let listener = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&listener, path, WatchFlags::OPEN | WatchFlags::ACCESS).unwrap();
        Self(listener)
    }

    /// The names of the files that were opened since the last call, and whether anything was read.
    fn heard(&self) -> (Vec<String>, bool) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.0, &mut buffer);
        let (mut opened, mut read) = (Vec::new(), false);
        loop {
            match reader.next() {
                Ok(event) => {
                    read |= event.events().contains(ReadFlags::ACCESS);
                    if event.events().contains(ReadFlags::OPEN) {
                        let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
                        opened.push(name.unwrap_or_default());
                    }
                }
                Err(Errno::AGAIN) => return (opened, read),
                Err(error) => panic!("the listener fails: {error}"),
            }
        }
    }
}

/// Changes a byte of each large file of the store: whoever reads one of them whole finds that out.
fn alter_components(env: &TestEnv) {
    let mut folders = vec![env.root().join("home/.cache/airtight/objects")];
    let mut altered = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&path, bytes).unwrap();
            altered += 1;
        }
    }
    assert!(altered > 0, "the store keeps no component in a file of its own");
}

// To start a step of 40 MB must not cost a look at 40 MB: neither at the file, nor at the store's copy, which is wrong here.
#[test]
fn a_component_that_was_compiled_is_not_read_again() {
    let env = made(TEXT);
    let file = Listener::new(&env.project().join("script.wasm"));
    run(&env, 0);
    assert!(file.heard().1, "the first run has to read it, or the listener is deaf");
    // A file that is as new as the first look at it is not believed to be unchanged, and is read once more.
    env.write("in/a.txt", "one more\n");
    run(&env, 0);
    file.heard();
    alter_components(&env);
    env.write("in/a.txt", "two\n");
    let again = run(&env, 0);
    assert_eq!(outcome(&again, "a"), "succeeded");
    assert!(!again.stdout.contains("is read again"), "{}", again.text());
    assert_eq!(file.heard(), (Vec::new(), false));
    // Nor where nothing has changed.
    run(&env, 0);
    assert_eq!(file.heard(), (Vec::new(), false));
}

// However many steps have the same component, at the same time and one after the other.
#[test]
fn native_code_is_read_once_a_process() {
    let env = made(TEXT);
    run(&env, 0);
    let code = Listener::new(&env.root().join("home/.local/state/airtight/native"));
    env.write("in/a.txt", "two\n");
    let again = run(&env, 0);
    for step in ["a", "b", "c"] {
        assert_eq!(crate::cache(&again, step), "miss");
    }
    let (opened, _) = code.heard();
    let opened: Vec<_> = opened.iter().filter(|name| name.ends_with(".bin")).collect();
    assert_eq!(opened.len(), 1, "{opened:?}");
}

// A component that the pipeline itself makes is one like any other.
#[test]
fn a_component_that_a_step_made_is_not_read_again() {
    let text = "airtight: 1\nname: test\nsources: { src: { path: in }, script: { path: script.wasm } }\nsteps:\n  \
        make: { uses: ./script.wasm, with: { ops: [ \"copy /tool /out/tool.wasm\" ] }, mounts: { /tool: script }, outputs: { tool: /out/tool.wasm } }\n  \
        use: { uses: make.tool, with: { ops: [ \"read /src/a.txt\" ] }, mounts: { /src: src } }\n";
    let env = made(text);
    run(&env, 0);
    alter_components(&env);
    env.write("in/a.txt", "two\n");
    let again = run(&env, 0);
    assert_eq!(outcome(&again, "use"), "succeeded");
    assert_eq!(crate::cache(&again, "make"), "full");
    assert!(!again.stdout.contains("again"), "{}", again.text());
}
