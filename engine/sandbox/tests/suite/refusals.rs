//! What a step is refused: sockets, names and http. Importing is not using; using is recorded.

use airtight_model::{Denial, Outcome};

use crate::guests::{Host, command};

const SOCKETS: [&str; 4] = [
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
];

const NET: &str = r#"(import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
(import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
(import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
(import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
(data (i32.const 32) "example.com")
(func $use
  (call $tcp (i32.const 0) (i32.const 64))
  (call $tcp (i32.const 0) (i32.const 72))
  (call $udp (i32.const 1) (i32.const 80))
  (call $resolve (call $network) (i32.const 32) (i32.const 11) (i32.const 88))
  (call $print (i32.const 64) (i32.const 32)))"#;

fn denial(capability: &str, request: &str, count: u64) -> Denial {
    Denial {
        capability: capability.to_owned(),
        request: request.to_owned(),
        rule: "no grant names it".to_owned(),
        allow: None,
        count,
    }
}

// The guest gets an access error, and every refusal is in the report with its count.
#[tokio::test]
async fn sockets_and_names_are_refused_and_recorded() {
    let host = Host::new();
    let report = host.run(&host.command(&command(&SOCKETS, NET, "(call $use)"))).await;
    assert_eq!(
        (report.outcome, report.cause),
        (Outcome::Succeeded, None),
        "it succeeded despite the refusals"
    );
    let expected = [
        denial("net", "a TCP socket (IPv4)", 2),
        denial("net", "a UDP socket (IPv6)", 1),
        denial("net", "the address of `example.com`", 1),
    ];
    assert_eq!(report.denials, expected);
    // An error, and of the error codes number 1: `access-denied`.
    let answers = host.bytes(&report.stdout);
    assert!(
        answers.chunks(8).all(|answer| answer[0] == 1 && answer[4] == 1),
        "{answers:?}"
    );
    assert!(report.cacheable);
}

// An attempt that fails after a refusal is Denied, with what to do about it.
#[tokio::test]
async fn a_failure_after_a_refusal_is_denied() {
    let host = Host::new();
    for ending in ["(return (i32.const 1))", "unreachable"] {
        let report = host
            .run(&host.command(&command(&SOCKETS, NET, &format!("(call $use) {ending}"))))
            .await;
        assert_eq!(report.outcome, Outcome::Denied);
        assert!(report.help.unwrap().contains("`mounts:`"));
        assert!(!report.denials.is_empty());
    }
}

const HTTP: &str = r#"(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query" (func $path (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
(data (i32.const 32) "example.com/api?token=secret")"#;

// A request is refused before anything is sent, at once and not in the background; its query stays out of the record.
#[tokio::test]
async fn http_is_refused_and_recorded_without_its_query() {
    let host = Host::new();
    let body = "(local $request i32)
      (local.set $request (call $request (call $fields)))
      (drop (call $authority (local.get $request) (i32.const 1) (i32.const 32) (i32.const 11)))
      (drop (call $path (local.get $request) (i32.const 1) (i32.const 43) (i32.const 17)))
      (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 64))
      (call $print (i32.const 64) (i32.const 16))";
    let imports = ["wasi:http/types@0.2.12", "wasi:http/outgoing-handler@0.2.12"];
    let report = host.run(&host.command(&command(&imports, HTTP, body))).await;
    assert_eq!(report.cause, None);
    let refused = Denial {
        rule: "no `http:` grant names that scheme, host and port".to_owned(),
        allow: Some(r#"http: ["https://example.com"]"#.to_owned()),
        ..denial("http", "GET https://example.com/api", 1)
    };
    assert_eq!(report.denials, [refused]);
    assert_eq!(host.bytes(&report.stdout)[0], 1, "the guest got an error");
}
