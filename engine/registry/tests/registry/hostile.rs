//! Registries that are down, slow or lie. Each lie ends in an error of its own kind, and in bounded time and memory.

use airtight_model::OciRef;
use airtight_registry::{Client, Push, RegistryError};
use airtight_testkit::{Fake, Reply};
use sha2::{Digest, Sha256};

use crate::{artifact, client, component, impatient, pull, reference, wait};

const INDEX: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// A manifest of one layer, without a config that anyone would check.
fn manifest(layer: &str, size: usize) -> String {
    format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"{layer}\",\"size\":2}},\
         \"layers\":[{{\"mediaType\":\"application/wasm\",\"digest\":\"{layer}\",\"size\":{size}}}]}}"
    )
}

/// A registry with this manifest and this answer for every blob.
fn serving(manifest: String, blob: Reply) -> Fake {
    Fake::start(move |asked| match asked.path.contains("/manifests/") {
        true => Reply::body(200, manifest.clone()),
        false => blob.clone(),
    })
}

fn failure(client: &Client, reference: &OciRef) -> RegistryError {
    wait(pull(client, reference)).unwrap_err()
}

// Nobody listens there.
#[test]
fn a_registry_that_is_down_is_said_to_be() {
    let gone = Fake::start(|_| Reply::body(200, "")).host.clone();
    // Its thread ends at the next connection, and then nobody is there.
    let failed = failure(&impatient(), &reference(&gone, "a:1.0.0"));
    let plain = matches!(
        failed,
        RegistryError::Unreachable { .. } | RegistryError::Protocol { .. }
    );
    assert!(plain, "{failed}");
    let failed = failure(&client(), &reference("127.0.0.1:1", "a:1.0.0"));
    assert!(matches!(failed, RegistryError::Unreachable { .. }), "{failed}");
    assert_eq!((failed.code(), failed.is_users()), ("O0001", false));
}

// It takes the connection and says nothing; it begins and stops in the middle; it begins an answer to an upload and stops.
#[test]
fn a_registry_that_stops_is_not_waited_for() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n";
    for begun in [String::new(), head.to_owned(), format!("{head}\r\n{{\"schema")] {
        let fake = Fake::start(move |_| Reply::Silence(begun.clone().into_bytes()));
        let failed = failure(&impatient(), &reference(&fake.host, "a:1.0.0"));
        assert!(matches!(failed, RegistryError::TimedOut { .. }), "{failed}");
    }
    let fake = Fake::start(|asked| match asked.method.as_str() {
        "GET" | "HEAD" => Reply::body(404, ""),
        _ => Reply::Silence(Vec::new()),
    });
    let tagged = reference(&fake.host, "a:1.0.0");
    let new = artifact(&component("1.0.0"), &tagged);
    let failed = wait(impatient().push(&tagged, &new, Push::default())).unwrap_err();
    assert!(matches!(failed, RegistryError::TimedOut { .. }), "{failed}");
}

// Other bytes than the digest that was asked for: of the manifest by digest and by what it says itself, of the config, of the component.
#[test]
fn other_bytes_than_the_digest_are_never_taken() {
    let wasm = component("1.0.0");
    let right = manifest(&digest(&wasm), wasm.len());
    let fake = serving(right.clone(), Reply::body(200, wasm.to_vec()));
    let by_tag = reference(&fake.host, "a:1.0.0");
    let (found, bytes) = wait(pull(&client(), &by_tag)).unwrap();
    assert_eq!(
        (found.manifest.to_string(), bytes),
        (digest(right.as_bytes()), wasm.to_vec())
    );

    let by_digest = by_tag.pinned(digest(b"another manifest").parse().unwrap());
    let failed = failure(&client(), &by_digest);
    assert!(
        matches!(
            failed,
            RegistryError::OtherBytes {
                what: "the manifest",
                ..
            }
        ),
        "{failed}"
    );

    let said = format!("docker-content-digest: {}", digest(b"another manifest"));
    let fake = Fake::start(move |_| Reply::Answer(200, vec![said.clone()], right.clone().into_bytes()));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(
        matches!(
            failed,
            RegistryError::OtherBytes {
                what: "the manifest",
                ..
            }
        ),
        "{failed}"
    );

    let mut other = wasm.to_vec();
    *other.last_mut().unwrap() ^= 1;
    let fake = serving(manifest(&digest(&wasm), wasm.len()), Reply::body(200, other));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(
        matches!(
            failed,
            RegistryError::OtherBytes {
                what: "the component",
                ..
            }
        ),
        "{failed}"
    );

    let text = manifest(&digest(&wasm), wasm.len()).replace("vnd.oci.empty.v1", "vnd.wasm.config.v0");
    let fake = serving(text, Reply::body(200, "{}"));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(
        matches!(failed, RegistryError::OtherBytes { what: "the config", .. }),
        "{failed}"
    );
}

// More than it said, less than it said, and a connection that ends in the middle.
#[test]
fn other_sizes_than_it_says_are_never_taken() {
    let wasm = component("1.0.0");
    for (size, expected) in [(wasm.len() - 1, "more than"), (wasm.len() + 1, "its manifest says")] {
        let fake = serving(manifest(&digest(&wasm), size), Reply::body(200, wasm.to_vec()));
        let failed = failure(&client(), &reference(&fake.host, "a:1.0.0")).to_string();
        assert!(failed.contains(expected), "{failed}");
    }
    let torn = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".as_slice(),
        &wasm[..4],
    ]
    .concat();
    let fake = serving(manifest(&digest(&wasm), 1000), Reply::Raw(torn));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(matches!(failed, RegistryError::Protocol { .. }), "{failed}");
    // A manifest of more bytes than are read, whatever it says its length is.
    let endless = [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &vec![b' '; 5 << 20]].concat();
    let fake = Fake::start(move |_| Reply::Raw(endless.clone()));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(matches!(failed, RegistryError::Size { .. }), "{failed}");
    // A component that is larger than any that is taken is not even begun.
    let fake = serving(
        manifest(&digest(&wasm), (512 << 20) + 1),
        Reply::body(200, wasm.to_vec()),
    );
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(matches!(failed, RegistryError::NotAComponent { .. }), "{failed}");
    assert!(fake.asked().iter().all(|asked| !asked.path.contains("/blobs/")));
}

// Where nobody may be led: to another scheme, to nowhere, to a login in a name, in a circle.
#[test]
fn it_cannot_lead_anywhere() {
    for to in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://example.com/x",
        "https://me:secret@example.com/",
        "http://",
        "",
    ] {
        let location = format!("location: {to}");
        let fake = Fake::start(move |_| Reply::Answer(307, vec![location.clone()], Vec::new()));
        let failed = failure(&client(), &reference(&fake.host, "a:1.0.0")).to_string();
        assert!(failed.contains("it leads to"), "{to}: {failed}");
        assert_eq!(fake.asked().len(), 1);
    }
    let fake = Fake::start(|_| Reply::Answer(302, vec!["location: /v2/again".to_owned()], Vec::new()));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0")).to_string();
    assert!(failed.contains("without an end"), "{failed}");
    // Nor for a token.
    for realm in [
        "http://example.com/token",
        "https://me:secret@example.com/",
        "x",
        "file:///x",
    ] {
        let challenge = format!("www-authenticate: Bearer realm=\"{realm}\"");
        let fake = Fake::start(move |_| Reply::Answer(401, vec![challenge.clone()], Vec::new()));
        let failed = failure(&client(), &reference(&fake.host, "a:1.0.0")).to_string();
        assert!(failed.contains("sends us for a token"), "{realm}: {failed}");
    }
}

// What it says when it fails is shown, cut to a bound; what it serves that is no component is told by what it is.
#[test]
fn what_it_answers_instead_is_told() {
    let long = format!(
        "{{\"errors\":[{{\"code\":\"DENIED\",\"message\":\"go away {}\"}}]}}",
        "x".repeat(100_000)
    );
    let fake = Fake::start(move |_| Reply::body(403, long.clone()));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(
        matches!(failed, RegistryError::Refused { logged_in: false, .. }),
        "{failed}"
    );
    let short = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"go away\"}]}";
    let fake = Fake::start(move |_| Reply::body(403, short));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0")).to_string();
    assert!(failed.ends_with("refuses this: go away"), "{failed}");
    for (status, expected) in [
        (500, "it answered 500"),
        (429, "it answered 429"),
        (204, "it answered 204"),
    ] {
        let fake = Fake::start(move |_| Reply::body(status, ""));
        let failed = failure(&client(), &reference(&fake.host, "a:1.0.0")).to_string();
        assert!(failed.contains(expected), "{failed}");
    }
    let fake = serving(INDEX.to_owned(), Reply::body(404, ""));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(matches!(failed, RegistryError::NotAComponent { .. }), "{failed}");
    let fake = Fake::start(|_| Reply::Raw(b"SSH-2.0-OpenSSH\r\n".to_vec()));
    let failed = failure(&client(), &reference(&fake.host, "a:1.0.0"));
    assert!(matches!(failed, RegistryError::Protocol { .. }), "{failed}");
}

// Other hosts than this machine are not spoken to without TLS, unless someone has named them.
#[test]
fn plain_http_is_for_this_machine() {
    let fake = Fake::start(|_| Reply::body(404, ""));
    let port = fake.host.rsplit_once(':').unwrap().1;
    for host in [fake.host.clone(), format!("localhost:{port}")] {
        let failed = failure(&impatient(), &reference(&host, "a:1.0.0"));
        assert!(matches!(failed, RegistryError::NotFound(_)), "{host}: {failed}");
    }
    let asked = fake.asked().len();
    // The same machine by an address that does not look like it: TLS is begun, which the fake does not speak.
    let failed = failure(&impatient(), &reference(&format!("0.0.0.0:{port}"), "a:1.0.0"));
    assert!(!matches!(failed, RegistryError::NotFound(_)), "{failed}");
    assert_eq!(fake.asked().len(), asked);
    let told = Client::new(airtight_registry::Config {
        plain: vec![format!("0.0.0.0:{port}")],
        ..Default::default()
    });
    let failed = failure(&told, &reference(&format!("0.0.0.0:{port}"), "a:1.0.0"));
    assert!(matches!(failed, RegistryError::NotFound(_)), "{failed}");
}

// A registry that takes a push and says that it took something else.
#[test]
fn a_push_that_was_taken_for_something_else_fails() {
    let fake = Fake::start(|asked| match asked.method.as_str() {
        "GET" => Reply::body(404, ""),
        "HEAD" => Reply::body(200, ""),
        _ => Reply::Answer(
            201,
            vec![format!("docker-content-digest: {}", digest(b"x"))],
            Vec::new(),
        ),
    });
    let tagged = reference(&fake.host, "a:1.0.0");
    let new = artifact(&component("1.0.0"), &tagged);
    let failed = wait(client().push(&tagged, &new, Push::default()))
        .unwrap_err()
        .to_string();
    assert!(failed.contains("it took the manifest for"), "{failed}");
}
