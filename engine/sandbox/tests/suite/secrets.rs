//! Secrets by handle as a guest has them, and the net under everything that it says. Not here: what is put where in a
//! request (`airtight_egress`).

use airtight_model::grant::{HttpGrant, Scheme, SecretGrant, SecretOperation, SecretPlace};
use airtight_model::{Outcome, StepRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::guests::{Host, command, function};

const CANARY: &str = "canary-5d0fe31b77";

const SECRET: &str = r#"(import "airtight:step/secret@0.1.0" "open" (func $open (param i32 i32 i32)))
(import "airtight:step/secret@0.1.0" "[method]handle.placeholder" (func $placeholder (param i32 i32)))
(import "airtight:step/secret@0.1.0" "[method]handle.hmac-sha256" (func $hmac (param i32 i32 i32 i32)))
(import "airtight:step/secret@0.1.0" "[method]handle.jwt-sign" (func $jwt (param i32 i32 i32 i32 i32 i32 i32 i32)))
(data (i32.const 512) "tokenother{}")
(func $token (result i32)
  (call $open (i32.const 512) (i32.const 5) (i32.const 128))
  (i32.load (i32.const 132)))
(func $print_at (param i32) (call $print (i32.load (local.get 0)) (i32.load offset=4 (local.get 0))))"#;

/// A request with a grant for the secret `token`.
fn granted(host: &Host, component: &[u8]) -> StepRequest {
    let mut request = host.command(component);
    request.grants.secrets.push(SecretGrant {
        name: "token".to_owned(),
        to: vec!["http://127.0.0.1".parse().unwrap()],
        places: vec![SecretPlace::Bearer],
        operations: vec![SecretOperation::HmacSha256],
        env: Some("TOKEN".to_owned()),
    });
    request
}

// A guest has a text that stands for the secret, another one on each attempt, and what is computed with it.
#[tokio::test]
async fn a_secret_is_a_placeholder_and_what_is_computed_with_it() {
    let host = Host::with_secret("token", CANARY);
    let placeholder = "(call $placeholder (call $token) (i32.const 128)) (call $print_at (i32.const 128))";
    let component = command(&["airtight:step/secret@0.1.0"], SECRET, placeholder);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let report = host.run(&granted(&host, &component)).await;
        assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
        seen.push(host.bytes(&report.stdout));
    }
    assert!(seen[0].len() > 16 && seen[0] != seen[1], "{seen:?}");

    let hmac =
        "(call $hmac (call $token) (i32.const 512) (i32.const 5) (i32.const 128)) (call $print_at (i32.const 132))";
    let component = command(&["airtight:step/secret@0.1.0"], SECRET, hmac);
    let report = host.run(&granted(&host, &component)).await;
    // printf token | openssl dgst -sha256 -hmac canary-5d0fe31b77
    let hex: String = host
        .bytes(&report.stdout)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, HMAC);
}

/// HMAC-SHA-256 of `token` with the canary as the key.
const HMAC: &str = "4606f4eed6341c923dfb620171163c60490a1def6431bf008fe6f705d1ed7f4b";

// A secret that is not granted, and an operation that is not, are errors and recorded with the line that would allow it.
#[tokio::test]
async fn a_secret_or_operation_that_is_not_granted_is_denied() {
    let host = Host::with_secret("token", CANARY);
    let open = "(call $open (i32.const 517) (i32.const 5) (i32.const 128)) (call $print (i32.const 128) (i32.const 8))";
    let sign = "(call $jwt (call $token) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 522) (i32.const 2) (i32.const 128)) (call $print (i32.const 128) (i32.const 8))";
    for body in [open, sign] {
        let component = command(&["airtight:step/secret@0.1.0"], SECRET, body);
        let report = host.run(&granted(&host, &component)).await;
        assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
        // An error, and of the errors the first: `denied`.
        let answer = host.bytes(&report.stdout);
        assert_eq!((answer[0], answer[4]), (1, 0), "{answer:?}");
        assert_eq!(report.denials.len(), 1, "{:?}", report.denials);
        assert!(
            report.denials[0]
                .allow
                .as_deref()
                .unwrap_or_default()
                .starts_with("secrets: ")
        );
    }
}

// The variable of the grant holds a placeholder, never the value.
#[tokio::test]
async fn the_environment_holds_a_placeholder() {
    let host = Host::with_secret("token", CANARY);
    let functions = r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $environment (param i32)))"#;
    let body = "(call $environment (i32.const 128))
      (call $print (i32.load (i32.load (i32.const 128))) (i32.load offset=4 (i32.load (i32.const 128))))
      (call $print (i32.load offset=8 (i32.load (i32.const 128))) (i32.load offset=12 (i32.load (i32.const 128))))";
    let component = command(&["wasi:cli/environment@0.2.12"], functions, body);
    let report = host.run(&granted(&host, &component)).await;
    let said = String::from_utf8(host.bytes(&report.stdout)).unwrap();
    assert!(said.starts_with("TOKEN") && said.len() > 20, "{said}");
    assert!(!said.contains(CANARY) && !said.contains("[secret]"), "{said}");
}

const WEB: &str = r#"(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme" (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe" (func $awaited (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $answer (param i32 i32)))
(import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume (param i32 i32)))
(import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $reader (param i32 i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(data (i32.const 640) "authorizationBearer ")"#;

// The server gets the value, the guest what came back without it.
#[tokio::test]
async fn the_server_gets_the_value_and_the_guest_does_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let (mut said, mut part) = (Vec::new(), [0; 1024]);
        while !said.ends_with(b"\r\n\r\n") {
            let count = client.read(&mut part).await.unwrap();
            said.extend_from_slice(&part[..count]);
        }
        let said = String::from_utf8(said).unwrap();
        let line = said
            .lines()
            .find(|line| line.starts_with("authorization"))
            .unwrap_or("none");
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}", line.len());
        client.write_all(answer.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        said
    });
    let host = Host::with_secret("token", CANARY);
    let authority = at.to_string();
    let length = authority.len();
    let body = format!(
        r#"(local $it i32) (local $headers i32)
      (local.set $headers (call $fields))
      (call $placeholder (call $token) (i32.const 128))
      (memory.copy (i32.const 660) (i32.load (i32.const 128)) (i32.load (i32.const 132)))
      (call $append (local.get $headers) (i32.const 640) (i32.const 13) (i32.const 653) (i32.add (i32.const 7) (i32.load (i32.const 132))) (i32.const 128))
      (local.set $it (call $request (local.get $headers)))
      (drop (call $scheme (local.get $it) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
      (drop (call $authority (local.get $it) (i32.const 1) (i32.const 576) (i32.const {length})))
      (call $handle (local.get $it) (i32.const 0) (i32.const 0) (i32.const 128))
      (local.set $it (i32.load (i32.const 136)))
      (call $block (call $awaited (local.get $it)))
      (call $answer (local.get $it) (i32.const 128))
      (if (i32.load8_u (i32.const 144)) (then unreachable))
      (call $consume (i32.load (i32.const 152)) (i32.const 192))
      (call $reader (i32.load (i32.const 196)) (i32.const 192))
      (local.set $it (i32.load (i32.const 196)))
      (loop $more
        (call $read (local.get $it) (i64.const 1000) (i32.const 192))
        (if (i32.eqz (i32.load8_u (i32.const 192)))
          (then (call $print (i32.load (i32.const 196)) (i32.load (i32.const 200))) (br $more))))"#
    );
    let functions = format!("{SECRET}\n{WEB}\n(data (i32.const 576) \"{authority}\")");
    let imports = [
        "airtight:step/secret@0.1.0",
        "wasi:http/types@0.2.12",
        "wasi:http/outgoing-handler@0.2.12",
        "wasi:io/poll@0.2.12",
    ];
    let mut request = granted(&host, &command(&imports, &functions, &body));
    request.grants.secrets[0].to = vec![format!("http://{at}").parse().unwrap()];
    request.grants.http.push(HttpGrant {
        scheme: Scheme::Http,
        host: "127.0.0.1".parse().unwrap(),
        port: at.port(),
        path: "/".to_owned(),
        methods: vec!["GET".to_owned()],
        addresses: Vec::new(),
        ca: None,
        client: None,
    });
    let report = host.run(&request).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    let heard = serving.await.unwrap();
    assert!(heard.starts_with("GET / HTTP/1.1"), "no path is the root's: {heard}");
    assert!(heard.contains(&format!("Bearer {CANARY}")));
    let said = String::from_utf8(host.bytes(&report.stdout)).unwrap();
    assert!(
        said.starts_with("authorization: Bearer") && !said.contains(CANARY),
        "{said}"
    );
}

// A guest that got hold of the value does not get it out by what it says: not in two parts, not by any interface.
#[tokio::test]
async fn what_a_guest_says_is_without_its_secrets() {
    let host = Host::with_secret("token", CANARY);
    let functions = format!(
        r#"(import "airtight:step/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(import "airtight:step/progress@0.1.0" "update" (func $progress (param i32 i32 i64 i32 i64)))
(import "airtight:step/report@0.1.0" "set-summary" (func $summary (param i32 i32)))
(data (i32.const 512) "<{CANARY}>")"#
    );
    let body = "(call $print (i32.const 512) (i32.const 8)) (call $print (i32.const 520) (i32.const 11))
      (call $log (i32.const 2) (i32.const 512) (i32.const 19) (i32.const 0) (i32.const 0))
      (call $progress (i32.const 512) (i32.const 19) (i64.const 1) (i32.const 0) (i64.const 0))
      (call $summary (i32.const 512) (i32.const 19))";
    let imports = ["log", "progress", "report"].map(|name| format!("airtight:step/{name}@0.1.0"));
    let imports = [imports[0].as_str(), imports[1].as_str(), imports[2].as_str()];
    let component = command(&imports, &functions, body);
    let report = host.run(&granted(&host, &component)).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    let said = String::from_utf8(host.bytes(&report.stdout)).unwrap();
    let live = String::from_utf8(host.heard.stdout.lock().unwrap().clone()).unwrap();
    let told = format!(
        "{:?} {:?} {:?}",
        report.log,
        report.reports,
        host.heard.lines.lock().unwrap()
    );
    for text in [&said, &live, &told] {
        assert!(
            text.contains('<') && text.contains('>') && !text.contains(CANARY),
            "{text}"
        );
    }
    assert_eq!(said, live);

    // Without the grant the same guest says what it likes: the value is nobody's secret then.
    let report = host.run(&host.command(&component)).await;
    assert_eq!(host.bytes(&report.stdout), format!("<{CANARY}>").as_bytes());
}

// The error of a function is the cause of the failure, so it is looked through too.
#[tokio::test]
async fn the_cause_of_a_failure_is_without_secrets() {
    let host = Host::with_secret("token", CANARY);
    let module = format!(
        r#"(data (i32.const 512) "<{CANARY}>")
        (func (export "run") (result i32)
          (i32.store8 (i32.const 128) (i32.const 1))
          (i32.store (i32.const 132) (i32.const 512))
          (i32.store (i32.const 136) (i32.const 19))
          (i32.const 128))"#
    );
    let component = function("world w { export run: func() -> result<string, string>; }", &module);
    let mut request = host.function(&component, Vec::new());
    request.grants.secrets = granted(&host, &component).grants.secrets;
    let report = host.run(&request).await;
    assert_eq!(report.outcome, Outcome::Failed);
    let cause = report.cause.unwrap();
    assert!(cause.contains('<') && !cause.contains(CANARY), "{cause}");
}
