//! The canonical encodings: golden vectors that pin the bytes, and properties that hold of all values.
#![allow(clippy::unwrap_used)]

use airtight_model::component::{FunctionRef, WitType};
use airtight_model::grant::{
    ClientCertificate, HttpGrant, NetGrant, Origin, PostgresLogin, SecretGrant, SecretOperation, SecretPlace, Transport,
};
use airtight_model::history::{MountHistory, RunHistory, StepHistory};
use airtight_model::id::ListingDigest;
use airtight_model::step::{Invocation, LogLevel, LogLine, Metric, Report, Summary, Usage};
use airtight_model::*;
use proptest::prelude::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(byte: u8) -> BlobDigest {
    BlobDigest::from_bytes([byte; 32])
}

fn tree() -> Tree {
    let entry = |name: &str, node: Node| TreeEntry {
        name: name.to_owned(),
        node,
    };
    Tree::new(vec![
        entry(
            "run.sh",
            Node::File {
                blob: digest(1),
                size: 300,
                executable: true,
            },
        ),
        entry("é", Node::Symlink("../x".to_owned())),
        entry("a", Node::Directory(TreeDigest::from_bytes([2; 32]))),
    ])
    .unwrap()
}

fn request() -> StepRequest {
    StepRequest {
        component: digest(3),
        adapter: None,
        invocation: Invocation::Command(vec!["-o".to_owned(), "/out/x".to_owned()], Some(digest(4))),
        program: "clang".to_owned(),
        env: vec![("LANG".to_owned(), "C".to_owned())],
        cwd: "/".to_owned(),
        clock_base: step::DEFAULT_CLOCK_BASE,
        grants: Default::default(),
        mounts: vec![Mount {
            at: "/src".to_owned(),
            node: Node::Directory(tree().digest()),
            writable: false,
        }],
        outputs: vec![OutputSpec {
            name: "x".to_owned(),
            path: "/out/x".to_owned(),
            pin: None,
        }],
        limits: Limits::DEFAULT,
    }
}

fn function_request() -> StepRequest {
    let function = FunctionRef {
        interface: Some("a:b/c@1.0.0".to_owned()),
        name: "run".to_owned(),
    };
    let arguments = vec![
        Value::Signed(-3),
        Value::F64(-0.5),
        Value::Option(Some(Box::new(Value::Char('ß')))),
    ];
    StepRequest {
        invocation: Invocation::Function(function, arguments),
        ..request()
    }
}

/// Every kind of grant, with every field.
fn grants() -> Grants {
    let origin: Origin = "https://api.example.com:8443".parse().unwrap();
    Grants {
        http: vec![HttpGrant {
            scheme: origin.scheme,
            host: origin.host.clone(),
            port: origin.port,
            path: "/v1".to_owned(),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            addresses: vec!["10.0.0.0/8".parse().unwrap()],
            ca: Some("certs/ca.pem".to_owned()),
            client: Some(ClientCertificate {
                certificate: "certs/me.pem".to_owned(),
                key: "me".to_owned(),
            }),
        }],
        net: vec![NetGrant {
            transport: Transport::Tcp,
            host: "*.example.com".parse().unwrap(),
            port: 5432,
            addresses: vec!["fd00::/8".parse().unwrap()],
            login: Some(PostgresLogin {
                user: "app".to_owned(),
                password: "db".to_owned(),
                database: Some("orders".to_owned()),
                tls: true,
                ca: Some("certs/db.pem".to_owned()),
            }),
        }],
        secrets: vec![SecretGrant {
            name: "token".to_owned(),
            to: vec![origin],
            places: vec![
                SecretPlace::Header("x-api-key".to_owned()),
                SecretPlace::Bearer,
                SecretPlace::Basic,
                SecretPlace::Query("key".to_owned()),
                SecretPlace::Body("/auth/token".to_owned()),
            ],
            operations: SecretOperation::WORDS.map(|(_, operation)| operation).to_vec(),
            env: Some("TOKEN".to_owned()),
        }],
        clock: true,
        random: true,
    }
}

fn granted_request() -> StepRequest {
    let mut request = request();
    let mut pinned = |pin| {
        request.outputs.push(OutputSpec {
            name: format!("x{}", request.outputs.len()),
            path: format!("/out/x{}", request.outputs.len()),
            pin: Some(pin),
        })
    };
    pinned(Pin::Sha256([8; 32]));
    pinned(Pin::Blake3(digest(9)));
    pinned(Pin::Tree(tree().digest()));
    request.grants = grants();
    request
}

fn history() -> RunHistory {
    let (denials, uses) = (result().denials, result().uses);
    let mount = |at: &str, from| MountHistory {
        at: at.to_owned(),
        from,
    };
    RunHistory {
        run: "0198c1d2-4f".to_owned(),
        steps: vec![StepHistory {
            step: "deploy".to_owned(),
            class: Class::Effectful,
            outcome: Outcome::Succeeded,
            attempts: 2,
            complete: true,
            grants: grants(),
            mounts: vec![
                mount("/src", history::Origin::Source("src".to_owned())),
                mount("/in", history::Origin::Output("build.app".to_owned())),
            ],
            uses,
            denials,
            reads: Some(digest(6)),
        }],
    }
}

fn reads() -> ReadSet {
    let facts = [
        Fact::Kind(NodeKind::Directory),
        Fact::Absent,
        Fact::Target("x".to_owned()),
        Fact::Size(70_000),
        Fact::Content(digest(5)),
        Fact::Listing(ListingDigest::from_bytes([6; 32])),
        Fact::Whole(Node::Symlink("y".to_owned())),
    ];
    let observations = facts.into_iter().enumerate();
    ReadSet {
        observations: observations
            .map(|(i, fact)| Observation {
                mount: 0,
                path: format!("p{i}"),
                fact,
            })
            .collect(),
    }
}

fn result() -> ActionResult {
    ActionResult {
        outputs: vec![("x".to_owned(), Node::Directory(tree().digest()))],
        result: Some(Value::Record(vec![("ok".to_owned(), Value::Bool(true))])),
        stdout: Captured {
            blob: Some(digest(7)),
            size: 9,
        },
        stderr: Captured::default(),
        log: vec![LogLine {
            level: LogLevel::Warn,
            message: "m".to_owned(),
            fields: vec![("k".to_owned(), "v".to_owned())],
        }],
        reports: vec![
            Report::Metric(Metric {
                name: "n".to_owned(),
                value: 1.5,
                unit: None,
            }),
            Report::Summary(Summary {
                markdown: "# s".to_owned(),
            }),
        ],
        denials: vec![Denial {
            capability: "net".to_owned(),
            request: "tcp connect".to_owned(),
            rule: "no grant names it".to_owned(),
            allow: Some("net: [\"tcp://example.com:25\"]".to_owned()),
            count: 2,
        }],
        uses: vec![Use {
            capability: "http".to_owned(),
            request: "GET https://example.com/x".to_owned(),
            grant: "\"https://example.com\"".to_owned(),
            count: 1,
            sent: 0,
            received: 300,
        }],
        usage: Usage {
            duration_us: 1,
            memory: 2,
            read: 3,
            written: 4,
        },
    }
}

// The bytes are a public contract: a change here is a new version of the document.
#[test]
fn encodings_and_keys_are_those_of_the_golden_vectors() {
    let command = Action::new(&request());
    let function = Action::new(&function_request());
    let granted = Action::new(&granted_request());
    let mut found = String::new();
    let mut line = |name: &str, value: String| found.push_str(&format!("{name} {value}\n"));
    line("tree", hex(&tree().to_document()));
    line("tree.digest", tree().digest().to_string());
    line("tree.listing", tree().listing().to_string());
    line("tree.empty", hex(&Tree::default().to_document()));
    line("tree.empty.digest", Tree::default().digest().to_string());
    line("read-set", hex(&reads().to_document()));
    line("action.command", hex(&command.to_document()));
    line("action.command.static-key", command.static_key().to_string());
    line("action.command.key", command.full_key().to_string());
    line("action.function", hex(&function.to_document()));
    line("action.function.static-key", function.static_key().to_string());
    line("action.function.key", function.full_key().to_string());
    line("action.granted", hex(&granted.to_document()));
    line("action.granted.static-key", granted.static_key().to_string());
    line("action-result", hex(&result().to_document()));
    line("run-history", hex(&history().to_document()));
    for value in [0, 127, 128, 300, u64::MAX] {
        line(&format!("uint.{value}"), hex(&value.to_bytes()));
    }
    for value in [0, -1, 1, i64::MIN, i64::MAX] {
        line(&format!("int.{value}"), hex(&value.to_bytes()));
    }
    if std::env::var_os("AIRTIGHT_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors.txt"), &found).unwrap();
    }
    assert_eq!(
        found,
        include_str!("vectors.txt"),
        "set AIRTIGHT_BLESS=1 to write them anew"
    );
}

// Whatever is in the documents reads back as the same value, which gives the same bytes.
#[test]
fn documents_read_back() {
    assert_eq!(Tree::from_document(&tree().to_document()).unwrap(), tree());
    assert_eq!(ReadSet::from_document(&reads().to_document()).unwrap(), reads());
    assert_eq!(ActionResult::from_document(&result().to_document()).unwrap(), result());
    assert_eq!(RunHistory::from_document(&history().to_document()).unwrap(), history());
    let action = Action::new(&request());
    assert_eq!(Action::from_document(&action.to_document()).unwrap(), action);
    let function = Action::new(&function_request());
    assert_eq!(Action::from_document(&function.to_document()).unwrap(), function);
    // All NaNs are one value.
    let quiet = Value::F64(f64::from_bits(0xfff8_0000_0000_0001)).to_bytes();
    assert_eq!(quiet, Value::F64(f64::NAN).to_bytes());
}

// Every way to say the same integer in more bytes, an unsorted tree, a byte too many or too few: refused.
#[test]
fn what_no_encoder_writes_is_refused() {
    let uint = |bytes: &[u8]| {
        let mut from = Decoder::new(bytes);
        u64::decode(&mut from).and_then(|value| from.finish().map(|()| value))
    };
    assert_eq!(uint(&[0x80, 0x01]), Ok(128));
    for bytes in [
        &[0x80, 0x00][..],
        &[0xff],
        &[0x80; 11],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
        &[1, 1],
        &[],
    ] {
        assert!(uint(bytes).is_err(), "{bytes:?}");
    }
    let document = |entries: &[(&str, u8)]| {
        let mut out = Encoder::document(*b"ATtr", 1);
        out.uint(entries.len() as u64);
        for (name, kind) in entries {
            out.bytes(name.as_bytes());
            out.uint(u64::from(*kind));
            out.raw(&[9; 32]);
        }
        out.finish()
    };
    assert!(Tree::from_document(&document(&[("a", 1), ("b", 1)])).is_ok());
    for bad in [
        &[("b", 1), ("a", 1)][..],
        &[("a", 1), ("a", 1)],
        &[("a/b", 1)],
        &[("..", 1)],
        &[(".", 1)],
        &[("", 1)],
        &[("a\0", 1)],
        &[("a", 3)],
    ] {
        assert!(Tree::from_document(&document(bad)).is_err(), "{bad:?}");
    }
    assert!(Tree::from_document(b"ATtr\x02\x00").is_err() && Tree::from_document(b"ATxx\x01\x00").is_err());
    // A count that promises more than is there must not make the decoder take memory for it.
    assert!(Tree::from_document(b"ATtr\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f").is_err());
}

// The rule of the key: each field that a guest can observe changes it, and a limit that ends the attempt does not.
#[test]
fn every_observable_field_changes_the_key() {
    type Change = fn(&mut StepRequest);
    let changes: [(&str, Change); 21] = [
        ("component", |r| r.component = digest(9)),
        ("adapter", |r| r.adapter = Some(digest(9))),
        ("args", |r| {
            r.invocation = Invocation::Command(vec!["-o /out/x".to_owned()], Some(digest(4)))
        }),
        ("stdin", |r| {
            r.invocation = Invocation::Command(vec!["-o".to_owned(), "/out/x".to_owned()], None)
        }),
        ("program", |r| r.program = "gcc".to_owned()),
        ("env value", |r| r.env[0].1 = "D".to_owned()),
        ("env name", |r| r.env[0].0 = "LC".to_owned()),
        ("env added", |r| r.env.push(("A".to_owned(), String::new()))),
        ("cwd", |r| r.cwd = "/src".to_owned()),
        ("clock", |r| r.clock_base += 1),
        ("fuel", |r| r.limits.fuel = Some(1)),
        ("mount path", |r| r.mounts[0].at = "/s".to_owned()),
        ("mount writable", |r| r.mounts[0].writable = true),
        ("output", |r| r.outputs[0].path = "/out/y".to_owned()),
        ("pin", |r| r.outputs[0].pin = Some(Pin::Sha256([1; 32]))),
        ("pin of another kind", |r| {
            r.outputs[0].pin = Some(Pin::Blake3(BlobDigest::from_bytes([1; 32])))
        }),
        ("http", |r| r.grants.http = grants().http),
        ("net", |r| r.grants.net = grants().net),
        ("secrets", |r| r.grants.secrets = grants().secrets),
        ("real clock", |r| r.grants.clock = true),
        ("real randomness", |r| r.grants.random = true),
    ];
    let base = Action::new(&request());
    let mut keys = vec![base.static_key()];
    for (what, change) in changes {
        let mut request = request();
        change(&mut request);
        let action = Action::new(&request);
        assert!(!keys.contains(&action.static_key()), "{what}");
        assert_ne!(action.explain(), base.explain(), "{what} is in the explanation too");
        keys.push(action.static_key());
    }
    let mut other_tree = request();
    other_tree.mounts[0].node = Node::Directory(Tree::default().digest());
    let other = Action::new(&other_tree);
    assert_eq!(
        other.static_key(),
        base.static_key(),
        "what is mounted is in the full key only"
    );
    assert_ne!(other.full_key(), base.full_key());
    let mut limits = request();
    limits.limits = Limits {
        memory: 1,
        time_ms: None,
        output: 1,
        files: 1,
        log: 1,
        handles: 1,
        fuel: None,
        tables: 1,
        stack: 1,
        name: 1,
        call: 1,
        random: 1,
        component: 1,
        compile_ms: 1,
        net: step::NetLimits {
            requests: 1,
            ..step::NetLimits::DEFAULT
        },
    };
    assert_eq!(Action::new(&limits).static_key(), base.static_key());
}

fn any_digest() -> impl Strategy<Value = BlobDigest> {
    any::<[u8; 32]>().prop_map(BlobDigest::from_bytes)
}

fn any_node() -> impl Strategy<Value = Node> {
    prop_oneof![
        (any_digest(), any::<u64>(), any::<bool>()).prop_map(|(blob, size, executable)| Node::File {
            blob,
            size,
            executable
        }),
        any::<[u8; 32]>().prop_map(|bytes| Node::Directory(TreeDigest::from_bytes(bytes))),
        "[^\0]{1,40}".prop_map(Node::Symlink),
    ]
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let name = "[^/\0]{1,12}".prop_filter("a name", |name| tree::is_valid_name(name));
    prop::collection::btree_map(name, any_node(), 0..12).prop_map(|entries| {
        Tree::new(
            entries
                .into_iter()
                .map(|(name, node)| TreeEntry { name, node })
                .collect(),
        )
        .unwrap()
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Signed),
        any::<u64>().prop_map(Value::Unsigned),
        any::<char>().prop_map(Value::Char),
        any::<String>().prop_map(Value::String),
        (-1e9..1e9f64).prop_map(Value::F64),
        Just(Value::Option(None)),
        any::<String>().prop_map(Value::Enum),
        prop::collection::vec(any::<String>(), 0..3).prop_map(Value::Flags),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Tuple),
            prop::collection::vec((any::<String>(), inner.clone()), 0..3).prop_map(Value::Record),
            (any::<String>(), inner.clone()).prop_map(|(name, x)| Value::Variant(name, Some(Box::new(x)))),
            inner.clone().prop_map(|x| Value::Option(Some(Box::new(x)))),
            inner.clone().prop_map(|x| Value::Result(Ok(Some(Box::new(x))))),
            inner.prop_map(|x| Value::Result(Err(Some(Box::new(x))))),
        ]
    })
}

fn any_fact() -> impl Strategy<Value = Fact> {
    prop_oneof![
        prop_oneof![Just(NodeKind::File), Just(NodeKind::Directory), Just(NodeKind::Symlink)].prop_map(Fact::Kind),
        Just(Fact::Absent),
        any::<String>().prop_map(Fact::Target),
        any::<u64>().prop_map(Fact::Size),
        any_digest().prop_map(Fact::Content),
        any::<[u8; 32]>().prop_map(|bytes| Fact::Listing(ListingDigest::from_bytes(bytes))),
        any_node().prop_map(Fact::Whole),
    ]
}

fn any_reads() -> impl Strategy<Value = ReadSet> {
    let observation = (any::<u32>(), any::<String>(), any_fact());
    prop::collection::vec(
        observation.prop_map(|(mount, path, fact)| Observation { mount, path, fact }),
        0..8,
    )
    .prop_map(|observations| ReadSet { observations })
}

proptest! {
    // Different values have different bytes, equal ones equal bytes, and the bytes read back: so do all documents.
    #[test]
    fn trees_round_trip_and_differ(a in any_tree(), b in any_tree()) {
        prop_assert_eq!(&Tree::from_document(&a.to_document()).unwrap(), &a);
        prop_assert_eq!(a == b, a.to_document() == b.to_document());
        prop_assert_eq!(a == b, a.digest() == b.digest());
    }

    #[test]
    fn values_round_trip_and_differ(a in any_value(), b in any_value()) {
        let bytes = a.to_bytes();
        let mut from = Decoder::new(&bytes);
        prop_assert_eq!(&Value::decode(&mut from).unwrap(), &a);
        prop_assert!(from.finish().is_ok());
        prop_assert_eq!(a == b, a.to_bytes() == b.to_bytes());
    }

    #[test]
    fn read_sets_round_trip_and_differ(a in any_reads(), b in any_reads()) {
        prop_assert_eq!(&ReadSet::from_document(&a.to_document()).unwrap(), &a);
        prop_assert_eq!(a == b, a.to_document() == b.to_document());
    }

    // A listing says names and kinds, and nothing else.
    #[test]
    fn a_listing_is_names_and_kinds(a in any_tree(), b in any_tree()) {
        let pairs = |tree: &Tree| -> Vec<(String, NodeKind)> {
            tree.entries().iter().map(|entry| (entry.name.clone(), entry.node.kind())).collect()
        };
        prop_assert_eq!(pairs(&a) == pairs(&b), a.listing() == b.listing());
    }

    // Bytes from anywhere: an error or a value that is written as exactly those bytes, never a panic.
    #[test]
    fn any_bytes_are_an_error_or_canonical(kind in 0..4usize, mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (magic, version) = [(b"ATtr", 1), (b"ATrs", 1), (b"ATac", 2), (b"ATar", 2)][kind];
        bytes.splice(0..0, magic.iter().copied().chain([version]));
        let written = match kind {
            0 => Tree::from_document(&bytes).ok().map(|x| x.to_document()),
            1 => ReadSet::from_document(&bytes).ok().map(|x| x.to_document()),
            2 => Action::from_document(&bytes).ok().map(|x| x.to_document()),
            _ => ActionResult::from_document(&bytes).ok().map(|x| x.to_document()),
        };
        prop_assert!(written.is_none_or(|written| written == bytes));
    }

    // A byte altered in a sound document: the same.
    #[test]
    fn an_altered_document_is_an_error_or_canonical(at in any::<prop::sample::Index>(), bit in 0..8u8, which in 0..4usize) {
        let document = match which {
            0 => tree().to_document(),
            1 => reads().to_document(),
            2 => Action::new(&granted_request()).to_document(),
            _ => result().to_document(),
        };
        let mut altered = document.clone();
        altered[at.index(document.len())] ^= 1 << bit;
        let written = match which {
            0 => Tree::from_document(&altered).ok().map(|x| x.to_document()),
            1 => ReadSet::from_document(&altered).ok().map(|x| x.to_document()),
            2 => Action::from_document(&altered).ok().map(|x| x.to_document()),
            _ => ActionResult::from_document(&altered).ok().map(|x| x.to_document()),
        };
        prop_assert!(written.is_none_or(|written| written == altered));
    }

    // Data fits the type that it was made for, and comes back.
    #[test]
    fn numbers_fit_exactly(x in any::<i64>()) {
        for bits in [8u8, 16, 32, 64] {
            let value = Value::from_data(&serde_json::json!(x), &WitType::Signed(bits));
            let fits = bits == 64 || (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&i128::from(x));
            prop_assert_eq!(value.is_ok(), fits);
        }
    }
}
