//! A project whose pipeline writes all that a pipeline can write, in several variants, and what an undisturbed run of each makes. Not
//! here: any disturbance.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use airtight_testkit::{Run, TestEnv, component};

use crate::dice::Dice;

/// How many states the sources have.
pub(crate) const VARIANTS: u64 = 4;
/// How long a run may take before it counts as hanging: far more than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Small outputs, which are packed; one beyond that, one that is spilled while it is written and has two segments; a tree; an archive of
/// the tree by a standard component; a command; reports; and a step that needs most of it.
const PIPELINE: &str = r#"airtight: 1
name: crash
sources: { tree: { path: tree } }
steps:
  small:
    uses: ./script.wasm
    with: { ops: [ "read /src/a.txt", "copy /src/a.txt /out/small", "append /out/small and more" ] }
    mounts: { /src: tree }
    outputs: { file: /out/small }
  medium:
    uses: ./script.wasm
    with: { ops: [ "copy /src/medium.bin /out/medium", "append /out/medium end" ] }
    mounts: { /src: tree }
    outputs: { file: /out/medium }
  large:
    uses: ./script.wasm
    with: { ops: [ "copy /src/large.bin /out/large", "append /out/large end" ] }
    mounts: { /src: tree }
    outputs: { file: /out/large }
  folder:
    uses: ./command.wasm
    args: [ "mkdir /out/all/deep/er", "copy /src/a.txt /out/all/a", "copy /src/b.txt /out/all/deep/b", "copy /src/medium.bin /out/all/deep/er/m", "append /out/all/deep/er/m x", "write /out/all/z the last one", "walk /out" ]
    mounts: { /src: tree }
    outputs: { all: /out/all }
  spoken:
    uses: ./script.wasm
    function: speak
    with: { failing: false }
  packed:
    uses: std/archive
    function: pack
    mounts: { /all: folder.all }
    with: { from: /all, to: /out/all.tar.gz }
    outputs: { archive: /out/all.tar.gz }
  joined:
    uses: ./script.wasm
    with: { ops: [ "copy /in/large /out/joined", "append /out/joined end", "read /in/small", "walk /in/all", "read /in/medium", "mkdir /out/parts", "copy /in/all/a /out/parts/a", "copy /in/medium /out/parts/m" ] }
    mounts: { /in/large: large.file, /in/small: small.file, /in/all: folder.all, /in/medium: medium.file }
    outputs: { joined: /out/joined, parts: /out/parts }
export:
  dist/small: small.file
  dist/large: large.file
  dist/all: folder.all
  dist/deep/all.tar.gz: packed.archive
  dist/joined: joined.joined
  parts: joined.parts
"#;

/// Its steps.
pub(crate) const STEPS: [&str; 7] = ["small", "medium", "large", "folder", "spoken", "packed", "joined"];
/// Outputs that are files, and where each is exported.
pub(crate) const FILES: [(&str, &str); 4] = [
    ("small.file", "dist/small"),
    ("large.file", "dist/large"),
    ("packed.archive", "dist/deep/all.tar.gz"),
    ("joined.joined", "dist/joined"),
];

/// What is below a folder: path → mode and content (none for a folder).
pub(crate) type Snapshot = BTreeMap<String, (u32, Option<Vec<u8>>)>;

/// A project, and where its store is.
pub(crate) struct Lab {
    pub(crate) env: TestEnv,
    store: PathBuf,
    /// Whether it runs without a HOME, and so without a place for native code.
    homeless: bool,
}

/// Where native code is kept that tests share.
fn shared_state() -> &'static str {
    concat!(env!("CARGO_TARGET_TMPDIR"), "/native-code")
}

/// The program: AIRTIGHT_CRASH_PROGRAM, else the one that was built with this test.
fn program() -> PathBuf {
    let other = std::env::var_os("AIRTIGHT_CRASH_PROGRAM");
    other.map_or_else(|| env!("CARGO_BIN_EXE_airtight").into(), PathBuf::from)
}

impl Lab {
    /// A project with a store of its own and native code that is made already.
    pub(crate) fn new() -> Self {
        Self::of(TestEnv::new(program()).sharing_native_code(shared_state()))
    }

    /// A project whose native code is in the folder `state` beside it, and nobody else's.
    pub(crate) fn with_own_native_code() -> Self {
        let env = TestEnv::new(program());
        let state = env.root().join("state");
        Self::of(env.sharing_native_code(state))
    }

    /// A project on the store of another one.
    pub(crate) fn sharing_store(other: &Self, homeless: bool) -> Self {
        let mut lab = Self::new();
        lab.store = other.store.clone();
        lab.homeless = homeless;
        lab
    }

    fn of(env: TestEnv) -> Self {
        for guest in ["script", "command"] {
            env.copy(&component(guest), &format!("{guest}.wasm"));
        }
        env.write("airtight.yaml", PIPELINE);
        let store = env.root().join("store");
        let lab = Self {
            env,
            store,
            homeless: false,
        };
        lab.fill(0);
        lab
    }

    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// Forgets all that was done.
    pub(crate) fn clear(&self) {
        for gone in [self.store.clone(), self.project("dist"), self.project("parts")] {
            if gone.exists() {
                fs::remove_dir_all(&gone).unwrap();
            }
        }
    }

    pub(crate) fn project(&self, path: &str) -> PathBuf {
        self.env.project().join(path)
    }

    /// Brings the sources into a state. The states share some files and differ in others, one of which no step reads.
    pub(crate) fn fill(&self, variant: u64) {
        let content = |name: u64, len: usize| {
            let mut dice = Dice::new(name);
            let words = (0..len.div_ceil(8)).flat_map(|_| dice.next().to_le_bytes());
            words.take(len).collect::<Vec<u8>>()
        };
        self.env
            .write("tree/a.txt", format!("a {}", variant % 2))
            .write("tree/b.txt", format!("b {}", variant / 2))
            .write("tree/unread.txt", format!("unread {variant}"))
            .write("tree/medium.bin", content(100 + variant % 2, 150_000))
            .write("tree/large.bin", content(200 + variant, 1_500_000));
        for file in 0..20 {
            self.env.write(&format!("tree/many/{file}.txt"), format!("{file}"));
        }
    }

    /// The program on this project's store.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.env.command(arguments);
        command.env("AIRTIGHT_STORE", &self.store);
        if self.homeless {
            command.env_remove("HOME").env_remove("XDG_STATE_HOME");
        }
        command
    }

    /// A run with events.
    pub(crate) fn run_command(&self) -> Command {
        self.command(&["run", "--format", "json", "--report", "junit=report.xml"])
    }

    /// Runs a command to its end, which has to come.
    #[track_caller]
    pub(crate) fn finish(&self, command: &mut Command) -> Run {
        Running::start(command).finish()
    }

    /// Runs a command to its end, and returns what it printed as it is.
    #[track_caller]
    pub(crate) fn print(&self, command: &mut Command) -> (Option<i32>, Vec<u8>) {
        let running = Running::start(command);
        let said = running.said.0.path().join("stdout");
        let file = fs::File::open(said).unwrap();
        let run = running.finish();
        let mut printed = Vec::new();
        (&file).read_to_end(&mut printed).unwrap();
        (run.code, printed)
    }

    /// Runs the pipeline to its end.
    #[track_caller]
    pub(crate) fn run(&self) -> Run {
        self.finish(&mut self.run_command())
    }

    /// What was exported.
    pub(crate) fn exported(&self) -> Snapshot {
        let mut all = Snapshot::new();
        for folder in ["dist", "parts"] {
            look(&self.project(folder), folder, &mut all);
        }
        all
    }

    /// The files below the store's folder of that name.
    pub(crate) fn stored(&self, folder: &str) -> Vec<PathBuf> {
        files(&self.store.join(folder))
    }

    /// The run ends well and exports what an undisturbed one does.
    #[track_caller]
    pub(crate) fn assert_right(&self, variant: u64, what: &str) -> Run {
        let run = self.run();
        assert_eq!(run.code, Some(0), "{what}: the run does not end well\n{}", run.text());
        self.assert_exported(variant, what);
        let report = self.env.read("report.xml");
        assert!(report.trim_end().ends_with("</testsuites>"), "{what}: {report}");
        run
    }

    /// What is exported is what an undisturbed run exports, and nothing else is beside it.
    #[track_caller]
    pub(crate) fn assert_exported(&self, variant: u64, what: &str) {
        assert_same(&self.exported(), reference(variant), what);
        let beside: Vec<String> = fs::read_dir(self.env.project())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| name.starts_with('.'))
            .collect();
        assert_eq!(
            beside,
            Vec::<String>::new(),
            "{what}: left over beside the project's files"
        );
    }

    /// Every step hits.
    #[track_caller]
    pub(crate) fn assert_hits(&self, variant: u64, what: &str) {
        let run = self.assert_right(variant, what);
        for step in STEPS {
            assert_eq!(run.step(step)["cache"], "full", "{what}: `{step}`\n{}", run.text());
        }
    }

    /// Nothing that is in the store is wrong.
    #[track_caller]
    pub(crate) fn assert_sound(&self, what: &str) {
        let verified = self.finish(&mut self.command(&["cache", "verify"]));
        assert_eq!(verified.code, Some(0), "{what}: {}", verified.text());
    }

    /// A sweep takes what processes left that were killed.
    #[track_caller]
    pub(crate) fn assert_swept_clean(&self, what: &str) {
        let swept = self.finish(&mut self.command(&["cache", "sweep", "--keep", "1000000000"]));
        assert_eq!(swept.code, Some(0), "{what}: {}", swept.text());
        for folder in ["tmp", "aside"] {
            assert_eq!(self.stored(folder), Vec::<PathBuf>::new(), "{what}: left after a sweep");
        }
    }
}

/// All files under a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all.sort();
    all
}

fn look(path: &Path, shown: &str, all: &mut Snapshot) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    let mode = metadata.permissions().mode() & 0o7777;
    if !metadata.is_dir() {
        all.insert(shown.to_owned(), (mode, Some(fs::read(path).unwrap())));
        return;
    }
    // A folder that leads to exports has the mode that the user's mask gives it.
    all.insert(shown.to_owned(), (0, None));
    for entry in fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        look(
            &entry.path(),
            &format!("{shown}/{}", entry.file_name().to_string_lossy()),
            all,
        );
    }
}

#[track_caller]
fn assert_same(found: &Snapshot, expected: &Snapshot, what: &str) {
    let paths: Vec<&String> = found.keys().chain(expected.keys()).collect();
    for path in paths {
        let (found, expected) = (found.get(path), expected.get(path));
        let describe = |file: Option<&(u32, Option<Vec<u8>>)>| match file {
            None => "nothing".to_owned(),
            Some((mode, None)) => format!("a folder, mode {mode:o}"),
            Some((mode, Some(bytes))) => format!("{} bytes, mode {mode:o}", bytes.len()),
        };
        assert!(
            found == expected,
            "{what}: `{path}` is not what an undisturbed run makes: {} in place of {}",
            describe(found),
            describe(expected)
        );
    }
}

/// What an undisturbed run makes of a variant.
pub(crate) fn reference(variant: u64) -> &'static Snapshot {
    static ALL: OnceLock<Vec<Snapshot>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let lab = Lab::new();
        let make = |variant| {
            lab.clear();
            lab.fill(variant);
            let run = lab.run();
            assert_eq!(run.code, Some(0), "{}", run.text());
            lab.exported()
        };
        (0..VARIANTS).map(make).collect()
    });
    &all[variant as usize]
}

/// What a program says, in files: a pipe that nobody empties would stop it.
pub(crate) struct Said(tempfile::TempDir);

impl Said {
    /// Lets a command say it there.
    pub(crate) fn of(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| Stdio::from(fs::File::create(folder.path().join(name)).unwrap());
        command.stdout(file("stdout")).stderr(file("stderr"));
        Self(folder)
    }

    pub(crate) fn run(&self, code: Option<i32>) -> Run {
        let read = |name: &str| String::from_utf8_lossy(&fs::read(self.0.path().join(name)).unwrap()).into_owned();
        Run {
            code,
            stdout: read("stdout"),
            stderr: read("stderr"),
        }
    }
}

/// A program that runs, in a process group of its own so that what it starts can be found and ended.
pub(crate) struct Running {
    child: Child,
    said: Said,
    began: Instant,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let said = Said::of(command);
        let began = Instant::now();
        let child = command.process_group(0).spawn().expect("the program can be started");
        Self { child, said, began }
    }

    fn group(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Kills the program alone, as the kernel does when memory is short: what it started has to end by itself. Returns whether it was
    /// still running.
    #[track_caller]
    pub(crate) fn kill(mut self) -> bool {
        let was_running = !self.has_ended();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.wait_for_group();
        was_running
    }

    /// Nothing of what the program started goes on without it.
    #[track_caller]
    fn wait_for_group(&self) {
        while rustix::process::test_kill_process_group(self.group()).is_ok() && self.group_goes_on() {
            self.assert_patience("something that it started goes on");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether a process of the group is more than an entry that nobody has asked for.
    fn group_goes_on(&self) -> bool {
        let group = self.group().as_raw_pid().to_string();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let stats = processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
        // `PID (NAME) STATE PARENT GROUP …`, where the name may hold anything.
        stats.into_iter().any(|stat| {
            let after_name: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
            after_name.get(2) == Some(&group.as_str()) && !matches!(after_name[0], "Z" | "X")
        })
    }

    #[track_caller]
    fn assert_patience(&self, what: &str) {
        if self.began.elapsed() > PATIENCE {
            let _ = rustix::process::kill_process_group(self.group(), rustix::process::Signal::KILL);
            panic!("{what}\n{}", self.said.run(None).text());
        }
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Run {
        while !self.has_ended() {
            self.assert_patience("the program does not end");
            std::thread::sleep(Duration::from_millis(1));
        }
        let status = self.child.wait().unwrap();
        self.wait_for_group();
        self.said.run(status.code())
    }
}
