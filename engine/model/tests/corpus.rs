//! The fuzz corpora of the decoders, replayed: what decodes encodes to the same bytes, everything else is an error.
//! Seeds are documents of every kind; `INSTA_UPDATE=always` writes them anew.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};

use airtight_model::component::FunctionRef;
use airtight_model::grant::{
    DEFAULT_METHODS, Grants, HttpGrant, NetGrant, Origin, SecretGrant, SecretOperation, SecretPlace, Transport,
};
use airtight_model::id::{BlobDigest, TreeDigest};
use airtight_model::readset::{Fact, Observation, ReadSet};
use airtight_model::result::{ActionResult, Captured};
use airtight_model::step::{
    Annotation, Denial, Finding, Invocation, Limits, Location, LogLevel, LogLine, Metric, Mount, OutputSpec, Pin,
    Report, ReportSeverity, StepRequest, Summary, TestCase, TestOutcome, Usage, Use,
};
use airtight_model::tree::{Node, NodeKind, Tree, TreeEntry};
use airtight_model::{Action, Value};

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target)
}

/// Replays a corpus, after making sure that the seeds are in it.
fn replay(target: &str, seeds: &[(&str, Vec<u8>)], again: fn(&[u8]) -> Option<Vec<u8>>) {
    let folder = folder(target);
    for (name, bytes) in seeds {
        let path = folder.join(format!("seed-{name}"));
        if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        assert_eq!(
            &fs::read(&path).unwrap(),
            bytes,
            "{}: the encoding has changed without a new version",
            path.display()
        );
        assert_eq!(again(bytes).as_ref(), Some(bytes), "{name} does not round-trip");
        // A torn or altered document is never taken for another one.
        for at in 0..bytes.len() {
            assert_eq!(again(&bytes[..at]), None, "{name} cut at {at} decodes");
            let mut altered = bytes.clone();
            altered[at] ^= 0x81;
            if let Some(encoded) = again(&altered) {
                assert_eq!(encoded, altered, "{name} altered at {at} has two encodings");
            }
        }
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        if let Some(encoded) = again(&bytes) {
            assert_eq!(encoded, bytes);
        }
    }
}

fn blob(text: &str) -> BlobDigest {
    BlobDigest::of(text.as_bytes())
}

fn file(text: &str, executable: bool) -> Node {
    Node::File {
        blob: blob(text),
        size: text.len() as u64,
        executable,
    }
}

fn directory() -> Node {
    Node::Directory(TreeDigest::from_bytes([7; 32]))
}

// Trees come from other machines and from disks that fail.
#[test]
fn the_corpus_of_trees_decodes_or_is_refused() {
    let entry = |name: &str, node| TreeEntry {
        name: name.to_owned(),
        node,
    };
    let full = vec![
        entry("a", file("x", false)),
        entry("run", file("y", true)),
        entry("sub", directory()),
        entry("ü", Node::Symlink("../a".to_owned())),
    ];
    let seeds = [
        ("empty", Tree::default().to_document()),
        ("full", Tree::new(full).unwrap().to_document()),
    ];
    replay("tree", &seeds, |bytes| {
        Tree::from_document(bytes).ok().map(|tree| tree.to_document())
    });
}

fn every_value() -> Vec<Value> {
    let text = |text: &str| Value::String(text.to_owned());
    vec![
        Value::Bool(true),
        Value::Signed(-3),
        Value::Unsigned(u64::MAX),
        Value::F32(1.5),
        Value::F64(-0.5),
        Value::Char('é'),
        text("text"),
        Value::List(vec![text("a"), text("b")]),
        Value::Tuple(vec![text("a"), Value::Unsigned(1)]),
        Value::Record(vec![("name".to_owned(), text("x"))]),
        Value::Variant("circle".to_owned(), Some(Box::new(Value::F64(2.0)))),
        Value::Enum("low".to_owned()),
        Value::Option(Some(Box::new(Value::Option(None)))),
        Value::Result(Ok(None)),
        Value::Result(Err(Some(Box::new(text("no"))))),
        Value::Flags(vec!["read".to_owned()]),
    ]
}

fn request(invocation: Invocation) -> StepRequest {
    StepRequest {
        component: blob("component"),
        adapter: Some(blob("adapter")),
        invocation,
        program: "clang".to_owned(),
        env: vec![("LANG".to_owned(), "C".to_owned())],
        cwd: "/src".to_owned(),
        clock_base: 946_684_800,
        grants: Default::default(),
        mounts: vec![
            Mount {
                at: "/lib".to_owned(),
                node: file("x", false),
                writable: false,
            },
            Mount {
                at: "/src".to_owned(),
                node: directory(),
                writable: true,
            },
        ],
        outputs: vec![OutputSpec {
            name: "app".to_owned(),
            path: "/out/app".to_owned(),
            pin: Some(Pin::Blake3(blob("app"))),
        }],
        limits: Limits {
            fuel: Some(1_000_000),
            ..Limits::DEFAULT
        },
    }
}

fn grants() -> Grants {
    let http = |text: &str| {
        let (Origin { scheme, host, port }, path) = Origin::with_path(text).unwrap();
        HttpGrant {
            scheme,
            host,
            port,
            path,
            methods: DEFAULT_METHODS.map(str::to_owned).to_vec(),
            addresses: vec!["10.0.0.0/8".parse().unwrap()],
            ca: None,
            client: None,
        }
    };
    Grants {
        http: vec![http("https://*.example.com/v1"), http("http://127.0.0.1:8080")],
        net: vec![NetGrant {
            transport: Transport::Udp,
            host: "[2001:db8::1]".parse().unwrap(),
            port: 53,
            addresses: Vec::new(),
            login: None,
        }],
        secrets: vec![SecretGrant {
            name: "token".to_owned(),
            to: vec!["https://api.example.com".parse().unwrap()],
            places: vec![SecretPlace::Bearer, SecretPlace::Query("key".to_owned())],
            operations: vec![SecretOperation::JwtSign],
            env: None,
        }],
        clock: true,
        random: false,
    }
}

// Actions are kept to explain misses, in a store that others write too.
#[test]
fn the_corpus_of_actions_decodes_or_is_refused() {
    let function = FunctionRef {
        interface: Some("a:b/c@1.0.0".to_owned()),
        name: "run".to_owned(),
    };
    let function = Action::new(&request(Invocation::Function(function, every_value())));
    let command = Action::new(&request(Invocation::Command(
        vec!["-O2".to_owned()],
        Some(blob("stdin")),
    )));
    let granted = Action::new(&StepRequest {
        grants: grants(),
        ..request(Invocation::Command(Vec::new(), None))
    });
    let seeds = [
        ("function", function.to_document()),
        ("command", command.to_document()),
        ("granted", granted.to_document()),
    ];
    replay("action", &seeds, |bytes| {
        Action::from_document(bytes).ok().map(|action| action.to_document())
    });
}

fn every_report() -> Vec<Report> {
    let location = Some(Location {
        path: "/src/a.c".to_owned(),
        line: Some(3),
        column: None,
    });
    let case = |outcome| {
        let (suite, name) = ("suite".to_owned(), "case".to_owned());
        Report::TestCase(TestCase {
            suite,
            name,
            outcome,
            duration_us: Some(5),
            location: location.clone(),
        })
    };
    vec![
        case(TestOutcome::Passed),
        case(TestOutcome::Failed("1 != 2".to_owned())),
        case(TestOutcome::Errored("no file".to_owned())),
        case(TestOutcome::Skipped("slow".to_owned())),
        Report::Finding(Finding {
            rule: "key".to_owned(),
            severity: ReportSeverity::Error,
            message: "a key".to_owned(),
            location: location.clone(),
            fingerprint: Some("f".to_owned()),
        }),
        Report::Metric(Metric {
            name: "size".to_owned(),
            value: 1.5,
            unit: Some("KiB".to_owned()),
        }),
        Report::Annotation(Annotation {
            severity: ReportSeverity::Note,
            title: "t".to_owned(),
            message: "m".to_owned(),
            location,
        }),
        Report::Summary(Summary {
            markdown: "# done".to_owned(),
        }),
    ]
}

// Results are what a hit replays: a wrong one would be believed.
#[test]
fn the_corpus_of_results_decodes_or_is_refused() {
    let none = Captured::default();
    let small = ActionResult {
        outputs: Vec::new(),
        result: None,
        stdout: none.clone(),
        stderr: none.clone(),
        log: Vec::new(),
        reports: Vec::new(),
        denials: Vec::new(),
        uses: Vec::new(),
        usage: Usage::default(),
    };
    let fields = vec![("n".to_owned(), "1".to_owned())];
    let full = ActionResult {
        outputs: vec![("app".to_owned(), file("x", true)), ("docs".to_owned(), directory())],
        result: Some(Value::List(every_value())),
        stdout: Captured {
            blob: Some(blob("out")),
            size: 3,
        },
        stderr: none,
        log: vec![LogLine {
            level: LogLevel::Warn,
            message: "m".to_owned(),
            fields,
        }],
        reports: every_report(),
        denials: vec![Denial {
            capability: "net".to_owned(),
            request: "resolve x".to_owned(),
            rule: "no grant names it".to_owned(),
            allow: Some("net: [\"tcp://x:1\"]".to_owned()),
            count: 2,
        }],
        uses: vec![Use {
            capability: "http".to_owned(),
            request: "GET https://x/".to_owned(),
            grant: "\"https://x\"".to_owned(),
            count: 1,
            sent: 2,
            received: 3,
        }],
        usage: Usage {
            duration_us: 1,
            memory: 2,
            read: 3,
            written: 4,
        },
    };
    let seeds = [("small", small.to_document()), ("full", full.to_document())];
    replay("action_result", &seeds, |bytes| {
        ActionResult::from_document(bytes)
            .ok()
            .map(|result| result.to_document())
    });
}

// Read sets decide narrow hits: a wrong one would hide a change.
#[test]
fn the_corpus_of_read_sets_decodes_or_is_refused() {
    let facts = [
        Fact::Kind(NodeKind::Directory),
        Fact::Absent,
        Fact::Target("../a".to_owned()),
        Fact::Size(300),
        Fact::Content(blob("x")),
        Fact::Listing(Tree::default().listing()),
        Fact::Whole(file("x", true)),
    ];
    let observe = |(i, fact)| Observation {
        mount: i as u32,
        path: format!("dir/{i}"),
        fact,
    };
    let full = ReadSet {
        observations: facts.into_iter().enumerate().map(observe).collect(),
    };
    let seeds = [
        ("empty", ReadSet::default().to_document()),
        ("full", full.to_document()),
    ];
    replay("read_set", &seeds, |bytes| {
        ReadSet::from_document(bytes).ok().map(|reads| reads.to_document())
    });
}

// What a component says of itself comes from whoever made it.
#[test]
fn the_corpus_of_step_sections_is_read_or_passed_over() {
    for entry in fs::read_dir(folder("step_section")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        for at in 0..=bytes.len() {
            if let Some(section) = airtight_model::StepSection::parse(&bytes[..at]) {
                assert_eq!(airtight_model::StepSection::parse(&section.to_bytes()), Some(section));
            }
        }
    }
    let whole = fs::read(folder("step_section").join("seed-whole")).unwrap();
    assert!(airtight_model::StepSection::parse(&whole).is_some());
}
