//! Locks that are read, written and compared.
#![allow(clippy::unwrap_used)]

use super::*;

const FULL: &str = r#"# Written by `airtight lock`: what this pipeline runs and may do, as its author accepted it.
# A component or step that wants more is refused until `airtight lock --accept`.
version = 1

[[component]]
uses = "./a.wasm"
digest = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
pinned = true
imports = [
    "wasi:cli/environment@0.2",
    "wasi:http/outgoing-handler@0.2",
]

[[component]]
uses = "./b.wasm"
digest = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
imports = []

[[secret]]
name = "key"
command = [
    "vault",
    'a "b"',
]

[[secret]]
name = "token"
env = "TOKEN"

[[step]]
name = "deploy"
uses = "./a.wasm"
http = [
    "https://api.example.com/v1",
    '{ url: "https://*.example.com:8443", methods: [POST], addresses: ["10.0.0.0/8"], ca: "certs/ca.pem", client-certificate: { certificate: "certs/me.pem", key: key } }',
]
net = ['{ to: "tcp://db.example.com:5432", login: { postgres: { user: "app", password: token, tls: false } } }']
secrets = ['token: { to: ["https://api.example.com"], in: [bearer, { header: "x-key" }], operations: [jwt-sign], env: TOKEN }']
clock = "real"
random = "real"
"#;

// What is written is what is read, byte for byte: a lock in version control changes only when something changed.
#[test]
fn a_lock_is_read_and_written_without_loss() {
    let lock = Lock::parse(FULL, 0).unwrap();
    assert_eq!(lock.to_text(), FULL);
    assert_eq!(Lock::parse(&Lock::default().to_text(), 0).unwrap(), Lock::default());
}

// A patch version is compatible with its neighbours; anything else is another interface.
#[test]
fn imports_go_without_patch_versions() {
    for (import, expected) in [
        ("wasi:io/poll@0.2.6", "wasi:io/poll@0.2"),
        ("wasi:io/poll@0.2.0-rc-1", "wasi:io/poll@0.2.0-rc-1"),
        ("a:b/c", "a:b/c"),
        ("a:b/c@1", "a:b/c@1"),
    ] {
        assert_eq!(without_patch(import), expected);
    }
}

fn lines(accepted: &Lock, now: &Lock, kind: ChangeKind) -> Vec<String> {
    let changes = changes(accepted, now);
    changes
        .into_iter()
        .filter(|change| change.kind == kind)
        .map(|change| change.line)
        .collect()
}

// Nothing is wider than itself, and everything is wider than nothing.
#[test]
fn everything_is_wider_than_nothing() {
    let lock = Lock::parse(FULL, 0).unwrap();
    assert_eq!(changes(&lock, &lock), []);
    let wider = lines(&Lock::default(), &lock, ChangeKind::Wider);
    assert_eq!(wider.len(), 9, "{wider:#?}");
    assert_eq!(lines(&Lock::default(), &lock, ChangeKind::New), ["component ./b.wasm"]);
    assert_eq!(lines(&lock, &Lock::default(), ChangeKind::Wider), [] as [&str; 0]);
}

// Each way to want more is a line of its own; the digest of a component that is not pinned may change.
#[test]
fn each_widening_is_a_line() {
    let lock = Lock::parse(FULL, 0).unwrap();
    let mut now = lock.clone();
    now.components[0].digest = BlobDigest::of(b"other");
    now.components[1].digest = BlobDigest::of(b"other");
    now.components[1].imports.push("wasi:sockets/tcp@0.2".to_owned());
    now.secrets[0].source = SecretSource::Command(vec!["curl".to_owned()]);
    now.steps[0].grants.http[0].path = "/".to_owned();
    now.steps[0].grants.random = false;
    let other = BlobDigest::of(b"other");
    let was = lock.components[0].digest;
    assert_eq!(
        lines(&lock, &now, ChangeKind::Wider),
        [
            format!("component ./a.wasm is {other}, was {was}"),
            "component ./b.wasm imports wasi:sockets/tcp@0.2".to_owned(),
            r#"secret key from command ["curl"], was from command ["vault", "a \"b\""]"#.to_owned(),
            r#"step deploy http: "https://api.example.com""#.to_owned(),
        ]
    );
    assert_eq!(
        lines(&lock, &now, ChangeKind::Harmless),
        [
            format!("component ./b.wasm is {other}, was {was}"),
            "step deploy no longer random: real".to_owned()
        ]
    );
}

// Grants that were accepted for one component are not those of another that takes its place.
#[test]
fn grants_do_not_pass_to_another_component() {
    let lock = Lock::parse(FULL, 0).unwrap();
    let mut now = lock.clone();
    now.steps[0].uses = "./b.wasm".to_owned();
    let wider = lines(&lock, &now, ChangeKind::Wider);
    assert_eq!(wider.len(), 7, "{wider:#?}");
    assert_eq!(wider[0], "step deploy runs ./b.wasm, was ./a.wasm");
}

// Names that YAML would read as something else are written so that they come back.
#[test]
fn odd_names_come_back() {
    let mut lock = Lock::parse(FULL, 0).unwrap();
    let secret = &mut lock.steps[0].grants.secrets[0];
    (secret.name, secret.env) = ("null".to_owned(), Some("1 a: b".to_owned()));
    lock.steps[0].grants.http[1].client.as_mut().unwrap().key = "True".to_owned();
    lock.components[0].uses = "./a'\\\"é\u{7f}.wasm".to_owned();
    assert_eq!(Lock::parse(&lock.to_text(), 0).unwrap(), lock);
}

// Strict: each fault is an error with its place, and all are said at once.
#[test]
fn what_is_not_a_lock_is_refused() {
    for (text, count) in [
        ("", 1),
        ("version = 2", 1),
        ("version = \"1\"", 1),
        ("version = 1\nversions = 1", 1),
        ("version = 1\n[[component]]\nuses = \"./a\"", 2),
        ("version = 1\n[[component]]\nuses = 1\ndigest = \"x\"\nimports = 1", 3),
        ("version = 1\n[[secret]]\nname = \"a\"\nenv = \"A\"\nfile = \"b\"", 1),
        (
            "version = 1\n[[step]]\nname = \"a\"\nuses = \"b\"\nhttp = [\"ftp://x\", \"https://*\", \"{\"]\nclock = \"fake\"",
            4,
        ),
        (
            "version = 1\n[[step]]\nname = \"a\"\nuses = \"b\"\n[[step]]\nname = \"a\"\nuses = \"b\"",
            1,
        ),
        ("version = 1\n[step]\nname = \"a\"", 1),
        (
            "version = 1\n[[step]]\nname = \"a\"\nuses = \"b\"\nhttp = ['{ url: \"https://a.example\", ca: ../x }']",
            1,
        ),
        ("= ", 1),
    ] {
        let found = Lock::parse(text, 0).unwrap_err();
        assert_eq!(found.len(), count, "{text}: {found:#?}");
        for label in found.iter().flat_map(|diagnostic| &diagnostic.labels) {
            assert!(text.get(label.span.start as usize..label.span.end as usize).is_some());
        }
    }
}

const REMOTE: &str = r#"
[[component]]
uses = "oci://h.example/a:1.0.0"
manifest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
digest = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
pinned = true
imports = []
"#;

// A component of a registry has the digest of its manifest, and no other has one.
#[test]
fn a_component_of_a_registry_has_a_manifest() {
    let head = &Lock::default().to_text();
    let lock = Lock::parse(&format!("{head}{REMOTE}"), 0).unwrap();
    assert_eq!(lock.to_text(), format!("{head}{REMOTE}"));
    let wrong = |from: &str, to: &str| {
        let found = Lock::parse(&format!("{head}{}", REMOTE.replace(from, to)), 0).unwrap_err();
        found[0].message.clone()
    };
    assert!(wrong("oci://h.example/a:1.0.0", "./a.wasm").contains("each of them has one"));
    assert!(wrong("manifest =", "# manifest =").contains("each of them has one"));
    assert!(wrong("sha256:9f", "sha512:9f").contains("no SHA-256"));
}

// Another manifest is another component, unless it names the same bytes.
#[test]
fn a_moved_tag_is_wider_where_it_leads_to_other_bytes() {
    let lock = Lock::parse(&format!("version = 1\n{REMOTE}"), 0).unwrap();
    let (was, is) = (lock.components[0].manifest.unwrap(), Sha256Digest::from_bytes([7; 32]));
    let line = format!("component oci://h.example/a:1.0.0 is {is}, was {was}: its tag was moved");
    let mut now = lock.clone();
    now.components[0].manifest = Some(is);
    assert_eq!(lines(&lock, &now, ChangeKind::Harmless), std::slice::from_ref(&line));
    now.components[0].digest = BlobDigest::of(b"other");
    assert_eq!(lines(&lock, &now, ChangeKind::Wider), [line]);
}
