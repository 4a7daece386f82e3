//! What a step is refused: sockets, names and http. Importing is not using; using is recorded.

use airtight_model::{Denial, Outcome};

use crate::guests::{Host, command};

const SOCKETS: [&str; 6] = [
    "wasi:sockets/tcp@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/udp@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
];

/// `$use` tries each way out; what it got is from 128 on, 16 bytes each.
const NET: &str = r#"(import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect" (func $connect (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-bind" (func $bind (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-listen" (func $listen (param i32 i32)))
(import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
(import "wasi:sockets/udp@0.2.12" "[method]udp-socket.start-bind" (func $ubind (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:sockets/udp@0.2.12" "[method]udp-socket.finish-bind" (func $ubound (param i32 i32)))
(import "wasi:sockets/udp@0.2.12" "[method]udp-socket.stream" (func $stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
(import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
(data (i32.const 32) "example.com")
(func $socket (result i32) (call $tcp (i32.const 0) (i32.const 64)) (i32.load (i32.const 68)))
(func $reach (param i32) (call $connect (call $socket) (call $network) (i32.const 0) (i32.const 443) (i32.const 192) (i32.const 0) (i32.const 2) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (local.get 0)))
(func $datagrams (result i32) (local $it i32)
  (call $udp (i32.const 0) (i32.const 64))
  (local.set $it (i32.load (i32.const 68)))
  (call $ubind (local.get $it) (call $network) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64))
  (call $ubound (local.get $it) (i32.const 64))
  (local.get $it))
(func $use
  (call $reach (i32.const 128))
  (call $reach (i32.const 144))
  (call $bind (call $socket) (call $network) (i32.const 0) (i32.const 8080) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 160))
  (call $listen (call $socket) (i32.const 176))
  (call $stream (call $datagrams) (i32.const 1) (i32.const 0) (i32.const 53) (i32.const 192) (i32.const 0) (i32.const 2) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 192))
  (call $resolve (call $network) (i32.const 32) (i32.const 11) (i32.const 208))
  (call $print (i32.const 128) (i32.const 96)))"#;

fn denial(capability: &str, request: &str, rule: &str, allow: Option<&str>) -> Denial {
    Denial {
        capability: capability.to_owned(),
        request: request.to_owned(),
        rule: rule.to_owned(),
        allow: allow.map(ToOwned::to_owned),
        count: 1,
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
    let unnamed = "no `net:` grant names that host and port";
    let listens = "a step cannot listen, or choose its own address";
    let mut expected = [
        denial(
            "net",
            "tcp://192.0.2.1:443",
            unnamed,
            Some(r#"net: ["tcp://192.0.2.1:443"]"#),
        ),
        denial("net", "a TCP socket at 127.0.0.1:8080", listens, None),
        denial("net", "a TCP socket that listens", listens, None),
        denial(
            "net",
            "udp://192.0.2.2:53",
            unnamed,
            Some(r#"net: ["udp://192.0.2.2:53"]"#),
        ),
        denial(
            "net",
            "the address of `example.com`",
            "no `net:` grant names that host",
            Some(r#"net: ["tcp://example.com:PORT"]"#),
        ),
    ];
    expected[0].count = 2;
    assert_eq!(report.denials, expected);
    // An error, and of the error codes number 1: `access-denied`.
    let answers = host.bytes(&report.stdout);
    let denied = |answer: &[u8]| answer[0] == 1 && (answer[1] == 1 || answer[4] == 1);
    assert!(answers.chunks(16).all(denied), "{answers:?}");
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
        let help = report.help.unwrap();
        assert!(help.contains(r#"`grants: { net: ["tcp://192.0.2.1:443"] }`"#), "{help}");
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
    let refused = denial(
        "http",
        "GET https://example.com/api",
        "no `http:` grant names that scheme, host and port",
        Some(r#"http: ["https://example.com"]"#),
    );
    assert_eq!(report.denials, [refused]);
    assert_eq!(host.bytes(&report.stdout)[0], 1, "the guest got an error");
}
