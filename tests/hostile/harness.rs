//! Cases and groups of cases: a group's cases are the steps of one pipeline, which runs twice when the first of them is
//! asked about. Each case is a test of its own that judges its own step. Not here: any case.

use std::any::Any;
use std::path::Path;
use std::sync::OnceLock;

use airtight_testkit::{Run, TestEnv, component};

use crate::listing::{Listing, files_with};
use crate::servers::{Heard, base64};

/// What is in a file outside of the project that no guest may read.
pub(crate) const CANARY_FILE: &str = "canary-in-a-file-4fd1c7a90b";
/// What is in the program's environment that no guest may read.
pub(crate) const CANARY_VARIABLE: &str = "canary-in-the-environment-90be22d1";
/// The secret of the groups that have one. Long enough to be searched for in every form.
pub(crate) const CANARY_SECRET: &str = "canary-secret-Zm9v/+&%\"=51c7e0a2";

/// How a case has to end.
#[derive(Debug, Clone)]
struct End {
    outcomes: &'static [&'static str],
    words: String,
    /// Whether a server may hear of it.
    heard: bool,
}

/// A hostile guest.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    name: &'static str,
    /// The component's bytes; none: a guest of `tests/fixtures`.
    wasm: Option<Vec<u8>>,
    uses: String,
    /// The step's `with:`; none: it takes nothing.
    with: Option<serde_json::Value>,
    limits: String,
    grants: String,
    rest: String,
    ends: End,
}

/// A guest of `tests/fixtures` that does acts.
fn fixture(guest: &str, acts: &[&str]) -> Case {
    Case {
        name: "",
        wasm: None,
        uses: format!("./{guest}.wasm"),
        with: Some(serde_json::json!({ "acts": acts })),
        limits: String::new(),
        grants: String::new(),
        rest: String::new(),
        ends: End {
            outcomes: &["failed"],
            words: "refused: ".to_owned(),
            heard: false,
        },
    }
}

/// Acts on the file system, the limits and the logs: the last one is the attack.
pub(crate) fn acts(acts: &[&str]) -> Case {
    fixture("hostile", acts)
}

/// Acts on the network and with secrets, with what the step is granted.
pub(crate) fn outside(grants: &str, acts: &[&str]) -> Case {
    Case {
        grants: grants.to_owned(),
        ..fixture("outside", acts)
    }
}

/// A download by the standard component.
pub(crate) fn fetch(grants: &str, with: serde_json::Value) -> Case {
    Case {
        uses: "std/fetch".to_owned(),
        with: Some(with),
        ..outside(grants, &[])
    }
}

/// A component of its own, as text.
pub(crate) fn wat(text: impl AsRef<str>) -> Case {
    let wasm = wat::parse_str(text.as_ref()).unwrap_or_else(|error| panic!("{error}"));
    wasm_of(wasm)
}

/// A component of its own, as bytes.
pub(crate) fn wasm_of(wasm: Vec<u8>) -> Case {
    Case {
        wasm: Some(wasm),
        with: None,
        ..fixture("", &[])
    }
}

impl Case {
    /// Limits beside the group's, as the pipeline file says them.
    pub(crate) fn limits(mut self, limits: &str) -> Self {
        self.limits = limits.to_owned();
        self
    }

    /// Keys of the step beside those that every case has.
    pub(crate) fn with(mut self, rest: &str) -> Self {
        self.rest.push_str(", ");
        self.rest.push_str(rest);
        self
    }

    fn ending(mut self, outcomes: &'static [&'static str], words: impl Into<String>) -> Self {
        self.ends.outcomes = outcomes;
        self.ends.words = words.into();
        self
    }

    /// A server may hear of it: what it must not hear is asserted elsewhere.
    pub(crate) fn heard(mut self) -> Self {
        self.ends.heard = true;
        self
    }

    /// It has to fail with a cause that has these words.
    pub(crate) fn fails(self, words: &str) -> Self {
        self.ending(&["failed"], words)
    }

    /// The guest has to be told this.
    pub(crate) fn refused(self, words: &str) -> Self {
        self.ending(&["failed"], format!("refused: {words}"))
    }

    /// It has to be denied, and the guest be told this.
    pub(crate) fn denied(self, words: &str) -> Self {
        self.ending(&["denied"], format!("refused: {words}"))
    }

    /// The guest has to be told this; whether a grant could allow it is not the point.
    pub(crate) fn stopped(self, words: &str) -> Self {
        self.ending(&["failed", "denied"], words)
    }

    /// It has to time out.
    pub(crate) fn times_out(self) -> Self {
        self.ending(&["timed-out"], "it ran longer than its limit of")
    }

    pub(crate) fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The step in the pipeline file.
    fn yaml(&self) -> String {
        let uses = match self.wasm {
            Some(_) => format!("./{}.wasm", self.name),
            None => self.uses.clone(),
        };
        let mut text = format!("  {}: {{ uses: {uses}", self.name.replace('_', "-"));
        if let Some(with) = &self.with {
            text.push_str(&format!(", with: {with}"));
        }
        if self.uses == "./hostile.wasm" && self.wasm.is_none() {
            text.push_str(", mounts: { /in: tree, /work: { source: tree, writable: true }, /one.txt: file }");
        }
        // A guest that does not end at all is a failed case, not a test that hangs.
        let time = if self.limits.contains("time:") {
            ""
        } else {
            "time: 120s, "
        };
        text.push_str(&format!(", limits: {{ {time}{} }}", self.limits));
        if !self.grants.is_empty() {
            text.push_str(&format!(", grants: {{ {} }}", self.grants));
        }
        format!("{text}{} }}\n", self.rest).replace("[NAME]", self.name)
    }
}

/// Where a group's cases run.
pub(crate) struct Surroundings {
    pub(crate) env: TestEnv,
    /// What stands before `steps:`.
    pub(crate) top: String,
    /// Variables of the program's environment.
    pub(crate) variables: Vec<(String, String)>,
    /// Texts of the cases with what they stand for: ports and addresses of servers.
    pub(crate) replaced: Vec<(String, String)>,
    /// Servers, which end when this does.
    pub(crate) servers: Vec<Box<dyn Any>>,
    /// What the servers have heard.
    pub(crate) heard: Option<Heard>,
}

/// Cases that run together.
pub(crate) struct Group {
    cases: fn() -> Vec<Case>,
    prepare: fn(&mut Surroundings),
    /// None: the program did not run as it should, which was told when it was found.
    seen: OnceLock<Option<Seen>>,
}

/// What a group's runs showed.
struct Seen {
    cases: Vec<Case>,
    first: Run,
    second: Run,
    /// What is otherwise on the host than before.
    changed: Vec<String>,
    /// Where a canary was found.
    leaks: Vec<String>,
    /// What servers heard.
    heard: Vec<String>,
}

/// The steps are never the same order as the tests; their outcomes are looked up by name.
impl Group {
    pub(crate) const fn new(cases: fn() -> Vec<Case>, prepare: fn(&mut Surroundings)) -> Self {
        Self {
            cases,
            prepare,
            seen: OnceLock::new(),
        }
    }

    /// What the group's servers heard, once its cases have run.
    pub(crate) fn heard(&self) -> &[String] {
        self.seen.get().and_then(Option::as_ref).map_or(&[], |seen| &seen.heard)
    }

    /// Judges one case, after running the group if nobody has.
    #[track_caller]
    pub(crate) fn check(&self, name: &str) {
        // A group that cannot run fails each of its cases, and is not tried again for each.
        let seen = self.seen.get_or_init(|| {
            let observed = std::panic::catch_unwind(|| observe((self.cases)(), self.prepare));
            observed.ok()
        });
        let seen = seen.as_ref().expect("the group has run");
        let case = seen.cases.iter().find(|case| case.name == name).unwrap();
        let step = name.replace('_', "-");
        for run in [&seen.first, &seen.second] {
            let end = run.step(&step);
            let cause = end["cause"].as_str().unwrap_or_default();
            let outcome = end["outcome"].as_str().unwrap_or_default();
            let fits = case.ends.outcomes.contains(&outcome) && cause.contains(&case.ends.words);
            assert!(fits, "expected {:?}\n{end:#}\n{}", case.ends, run.stderr);
            // Nothing that went wrong is ever kept: the second run runs again.
            assert!(["miss", "off"].contains(&end["cache"].as_str().unwrap()), "{end:#}");
            assert!(
                end["outputs"].as_object().is_none_or(serde_json::Map::is_empty),
                "{end:#}"
            );
        }
        let heard = seen.heard.iter().any(|request| request.contains(&format!("[{name}]")));
        assert!(case.ends.heard || !heard, "a server heard of it: {:#?}", seen.heard);
        assert!(seen.changed.is_empty(), "the host was changed: {:#?}", seen.changed);
        assert!(seen.leaks.is_empty(), "a canary got out: {:#?}", seen.leaks);
    }
}

/// A project with a canary beside it and in its environment.
pub(crate) fn surroundings() -> Surroundings {
    let state = concat!(env!("CARGO_TARGET_TMPDIR"), "/hostile-native-code");
    let env = TestEnv::new(env!("CARGO_BIN_EXE_airtight")).sharing_native_code(state);
    env.write("tree/a.txt", "alpha\n").write("tree/deep/b.txt", "beta\n");
    std::os::unix::fs::symlink("a.txt", env.project().join("tree/link")).unwrap();
    let outside = env.root().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("canary.txt"), CANARY_FILE).unwrap();
    let here = env.root().canonicalize().unwrap().display().to_string();
    Surroundings {
        env,
        top: String::new(),
        variables: vec![("CANARY".to_owned(), CANARY_VARIABLE.to_owned())],
        replaced: vec![("[HERE]".to_owned(), here)],
        servers: Vec::new(),
        heard: None,
    }
}

/// Writes the pipeline and the components of the cases.
fn write(around: &Surroundings, cases: &[Case]) {
    let mut text = format!(
        "airtight: 1\nname: hostile\nsources: {{ tree: {{ path: tree }}, file: {{ path: tree/a.txt }} }}\n{}steps:\n",
        around.top
    );
    for case in cases {
        text.push_str(&case.yaml());
        let file = case.uses.trim_start_matches("./");
        match &case.wasm {
            Some(wasm) => drop(around.env.write(&format!("{}.wasm", case.name), wasm)),
            None if case.uses.starts_with("./") && !around.env.project().join(file).exists() => {
                around.env.copy(&component(file.trim_end_matches(".wasm")), file);
            }
            None => {}
        }
    }
    for (from, to) in &around.replaced {
        text = text.replace(from, to);
    }
    around.env.write("airtight.yaml", text);
}

fn observe(cases: Vec<Case>, prepare: fn(&mut Surroundings)) -> Seen {
    let mut around = surroundings();
    prepare(&mut around);
    write(&around, &cases);
    // Among the program's own files, where a canary is looked for and a change is none.
    let report = around.env.root().join("home/.local/report.xml");
    std::fs::create_dir_all(report.parent().unwrap()).unwrap();
    let report = format!("junit={}", report.display());
    let run = || {
        let arguments = ["run", "--keep-going", "--format", "json", "--report", &report];
        let mut command = around.env.command(&arguments);
        command.envs(around.variables.iter().map(|(name, value)| (name, value)));
        around.env.finish(&mut command)
    };
    let before = Listing::of(around.env.root());
    let first = run();
    if let Some(heard) = &around.heard {
        // What servers remember of a run is not of the next one.
        heard.lock().unwrap().push(crate::servers::ANOTHER_RUN.to_owned());
    }
    let second = run();
    let outcomes = [Some(1), Some(5)];
    assert!(
        outcomes.contains(&first.code) && first.code == second.code,
        "{}",
        first.text()
    );
    let changed = before.changes(&Listing::of(around.env.root()));
    assert!(
        around.env.root().join("home/.local/report.xml").is_file(),
        "{}",
        second.stderr
    );
    let leaks = leaks(around.env.root(), &[&first, &second]);
    let heard = around.heard.map(|heard| heard.lock().unwrap().clone());
    Seen {
        heard: heard.unwrap_or_default(),
        cases,
        first,
        second,
        changed,
        leaks,
    }
}

/// The texts that give a canary away: as it is, and in the forms in which a guest or a server might have put it.
fn forms(canary: &str) -> Vec<String> {
    let bytes = canary.as_bytes();
    let hex = |before: &str| {
        bytes
            .iter()
            .map(|byte| format!("{before}{byte:02x}"))
            .collect::<String>()
    };
    let json = serde_json::Value::from(canary).to_string();
    let mut forms = vec![canary.to_owned(), json.trim_matches('"').to_owned(), hex(""), hex("%")];
    for skipped in 0..3 {
        // The digits at both ends are shared with what stands there.
        let text = base64(&[&[0; 2][..skipped], bytes].concat());
        forms.push(text[(skipped * 8).div_ceil(6)..text.len() - 4].to_owned());
    }
    forms.dedup();
    forms
}

/// Where a canary is found: in what was printed, or in a file that the program wrote.
pub(crate) fn leaks(root: &Path, runs: &[&Run]) -> Vec<String> {
    let canaries: Vec<String> = [CANARY_FILE, CANARY_VARIABLE, CANARY_SECRET]
        .into_iter()
        .flat_map(forms)
        .collect();
    let mut found = files_with(root, &canaries);
    found.retain(|file| !file.starts_with("outside/canary.txt "));
    for canary in &canaries {
        for run in runs {
            for (stream, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
                if text.contains(canary) {
                    found.push(format!("{stream} has {canary}"));
                }
            }
        }
    }
    found
}

/// The looking itself: a case that finds nothing shows nothing if nothing could be found.
#[test]
fn a_canary_is_found_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    for (i, form) in forms(CANARY_SECRET).iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i}")), format!("\u{fc}\0{form}\u{fc}")).unwrap();
    }
    let encoded = base64(format!("ab{CANARY_SECRET}cd").as_bytes());
    std::fs::write(folder.path().join("encoded"), encoded).unwrap();
    let found = leaks(folder.path(), &[]);
    assert_eq!(found.len(), forms(CANARY_SECRET).len() + 1, "{found:#?}");
}

/// A group of cases: a sentence of what each tries, its name, and the case.
macro_rules! hostile {
    ($prepare:expr; $($(#[doc = $tries:literal])+ $name:ident => $case:expr;)+) => {
        static GROUP: crate::harness::Group =
            crate::harness::Group::new(|| vec![$(($case).named(stringify!($name))),+], $prepare);
        $($(#[doc = $tries])+ #[test] fn $name() { GROUP.check(stringify!($name)); })+
    };
}
pub(crate) use hostile;
