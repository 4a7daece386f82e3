//! What a granted step does with the outside: requests, sockets, names, and time that passes meanwhile. The servers are
//! this test's own. Not here: what is refused (`refusals`), and the rules by which (`airtight_egress`).

use std::net::SocketAddr;
use std::time::Duration;

use airtight_model::grant::{DEFAULT_METHODS, HttpGrant, NetGrant, Scheme, Transport};
use airtight_model::{Outcome, StepRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::guests::{Host, command};

const AT_ONCE: Duration = Duration::ZERO;

const WEB: [&str; 4] = [
    "wasi:http/types@0.2.12",
    "wasi:http/outgoing-handler@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
];

/// `$get` prints the body of the answer to a GET, `$post` sends two parts and prints the answer to them,
/// `$hurry` waits 30 ms for the answer to begin. Where there is
/// no answer, the number of the error is printed.
fn web(authority: &str) -> String {
    let length = authority.len();
    format!(
        r#"(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $request (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method" (func $method (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme" (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority" (func $authority (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query" (func $path (param i32 i32 i32 i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-request.body" (func $body (param i32 i32)))
(import "wasi:http/types@0.2.12" "[method]outgoing-body.write" (func $writer (param i32 i32)))
(import "wasi:http/types@0.2.12" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
(import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
(import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe" (func $awaited (param i32) (result i32)))
(import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $answer (param i32 i32)))
(import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume (param i32 i32)))
(import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $reader (param i32 i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop_writer (param i32)))
(import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))
(import "wasi:http/types@0.2.12" "[constructor]request-options" (func $options (result i32)))
(import "wasi:http/types@0.2.12" "[method]request-options.set-first-byte-timeout" (func $within (param i32 i32 i64) (result i32)))
(data (i32.const 512) "{authority}")
(data (i32.const 768) "/v1/x?q=1one two")
(func $prepared (result i32)
  (local $it i32)
  (local.set $it (call $request (call $fields)))
  (drop (call $scheme (local.get $it) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
  (drop (call $authority (local.get $it) (i32.const 1) (i32.const 512) (i32.const {length})))
  (drop (call $path (local.get $it) (i32.const 1) (i32.const 768) (i32.const 9)))
  (local.get $it))
(func $send (param $request i32) (result i32)
  (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 128))
  (if (i32.load8_u (i32.const 128)) (then (call $print (i32.const 136) (i32.const 1)) unreachable))
  (i32.load (i32.const 136)))
(func $tell (param $future i32)
  (local $stream i32)
  (call $block (call $awaited (local.get $future)))
  (call $answer (local.get $future) (i32.const 128))
  (if (i32.load8_u (i32.const 144)) (then (call $print (i32.const 152) (i32.const 1)) (return)))
  (call $consume (i32.load (i32.const 152)) (i32.const 192))
  (call $reader (i32.load (i32.const 196)) (i32.const 192))
  (local.set $stream (i32.load (i32.const 196)))
  (loop $more
    (call $read (local.get $stream) (i64.const 1000) (i32.const 192))
    (if (i32.eqz (i32.load8_u (i32.const 192)))
      (then (call $print (i32.load (i32.const 196)) (i32.load (i32.const 200))) (br $more)))))
(func $hurry
  (local $options i32)
  (local.set $options (call $options))
  (drop (call $within (local.get $options) (i32.const 1) (i64.const 30000000)))
  (call $handle (call $prepared) (i32.const 1) (local.get $options) (i32.const 128))
  (call $tell (i32.load (i32.const 136))))
(func $get (call $tell (call $send (call $prepared))))
(func $post
  (local $request i32) (local $body i32) (local $writer i32) (local $future i32)
  (local.set $request (call $prepared))
  (drop (call $method (local.get $request) (i32.const 2) (i32.const 0) (i32.const 0)))
  (call $body (local.get $request) (i32.const 192))
  (local.set $body (i32.load (i32.const 196)))
  (call $writer (local.get $body) (i32.const 192))
  (local.set $writer (i32.load (i32.const 196)))
  (local.set $future (call $send (local.get $request)))
  (call $write (local.get $writer) (i32.const 777) (i32.const 4) (i32.const 192))
  (call $write (local.get $writer) (i32.const 781) (i32.const 3) (i32.const 192))
  (call $drop_writer (local.get $writer))
  (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 192))
  (call $tell (local.get $future)))
(func $time (i64.store (i32.const 16) (call $now)) (call $print (i32.const 16) (i32.const 8)))"#
    )
}

/// A guest that runs `body` against `authority`, with a grant for it.
fn granted(host: &Host, at: SocketAddr, authority: &str, body: &str) -> StepRequest {
    let mut request = host.command(&command(&WEB, &web(authority), body));
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    request.grants.http.push(HttpGrant {
        scheme: Scheme::Http,
        host: name.parse().unwrap(),
        port: at.port(),
        path: "/v1".to_owned(),
        methods: DEFAULT_METHODS.map(ToOwned::to_owned).to_vec(),
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        ca: None,
        client: None,
    });
    request
}

/// A server for as long as the test runs, that answers what a client has said after a while.
async fn server(answer: fn(&str) -> String, after: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let said = heard(&mut client).await;
            tokio::time::sleep(after).await;
            let _ = client.write_all(answer(&said).as_bytes()).await;
            let _ = client.shutdown().await;
        }
    });
    address
}

/// A request with its body.
async fn heard(client: &mut TcpStream) -> String {
    let (mut said, mut part) = (Vec::new(), [0; 1024]);
    loop {
        let count = client.read(&mut part).await.unwrap();
        said.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&said);
        let chunked = text.contains("transfer-encoding: chunked");
        if count == 0 || (chunked && text.ends_with("0\r\n\r\n")) || (!chunked && text.ends_with("\r\n\r\n")) {
            return text.into_owned();
        }
    }
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

// The answer arrives, and the report says what was used without the query.
#[tokio::test]
async fn a_granted_request_is_answered_and_recorded() {
    let at = server(|said| ok(said.lines().next().unwrap_or_default()), AT_ONCE).await;
    let host = Host::new();
    let report = host.run(&granted(&host, at, &at.to_string(), "(call $get)")).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    assert_eq!(host.bytes(&report.stdout), b"GET /v1/x?q=1 HTTP/1.1");
    assert_eq!(report.denials, []);
    let [used] = &report.uses[..] else {
        panic!("one use: {:?}", report.uses)
    };
    assert_eq!((used.capability.as_str(), used.count), ("http", 1));
    assert_eq!(used.request, format!("GET http://{at}/v1/x"));
}

// What the guest writes goes out while the answer is awaited, in parts and whole.
#[tokio::test]
async fn a_body_is_streamed_out() {
    let joined = |said: &str| {
        let (_, body) = said.split_once("\r\n\r\n").unwrap_or_default();
        let parts = body.lines().filter(|line| !line.chars().all(|c| c.is_ascii_hexdigit()));
        ok(&parts.collect::<String>())
    };
    let at = server(joined, AT_ONCE).await;
    let host = Host::new();
    let mut request = granted(&host, at, &at.to_string(), "(call $post)");
    request.grants.http[0].methods = vec!["POST".to_owned()];
    let report = host.run(&request).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    assert_eq!(host.bytes(&report.stdout), b"one two");
}

// A method that is not granted is an error of the guest's own kind, and nothing is sent.
#[tokio::test]
async fn a_request_that_the_grant_does_not_cover_is_denied() {
    let at = server(|_| ok("never"), AT_ONCE).await;
    let host = Host::new();
    let report = host.run(&granted(&host, at, &at.to_string(), "(call $post)")).await;
    assert_eq!(report.denials.len(), 1, "{:?}", report.denials);
    assert_eq!(report.denials[0].request, format!("POST http://{at}/v1/x"));
    assert!(report.denials[0].allow.as_deref().unwrap().contains("POST"));
    assert_eq!(report.uses, []);
    // `HTTP-request-denied`
    assert_eq!(host.bytes(&report.stdout), [15]);
}

// Without `addresses:` a name that leads into the machine does not: the guest learns that it is the address.
#[tokio::test]
async fn a_private_address_that_is_not_granted_is_prohibited() {
    let at = server(|_| ok("never"), AT_ONCE).await;
    let host = Host::new();
    let mut request = granted(&host, at, &format!("localhost:{}", at.port()), "(call $get)");
    request.grants.http[0].addresses.clear();
    let report = host.run(&request).await;
    assert!(report.denials[0].rule.contains("127.0.0.1") || report.denials[0].rule.contains("::1"));
    // `destination-IP-prohibited`
    assert_eq!(host.bytes(&report.stdout), [4]);
}

// Time inside moves by what was really waited for.
#[tokio::test]
async fn a_slow_answer_takes_its_time() {
    let at = server(|_| ok(""), Duration::from_millis(60)).await;
    let host = Host::new();
    let request = granted(&host, at, &at.to_string(), "(call $time) (call $get) (call $time)");
    let times = host.numbers(&request).await;
    assert!(times[1] - times[0] >= 50_000_000, "{times:?}");
}

// The times that a guest asks for are kept, and what it is told is its own kind of error.
#[tokio::test]
async fn an_answer_that_does_not_begin_in_time_is_an_error_of_the_guest() {
    let at = server(|_| ok("late"), Duration::from_secs(60)).await;
    let host = Host::new();
    let report = host.run(&granted(&host, at, &at.to_string(), "(call $hurry)")).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    // `HTTP-response-timeout`
    assert_eq!(host.bytes(&report.stdout), [33]);
}

// A body is not gathered by the host: what the guest has read is gone from it, and it all arrives.
#[tokio::test]
async fn a_large_answer_is_streamed_in() {
    let at = server(|_| ok(&"0123456789abcdef".repeat(256 << 10)), AT_ONCE).await;
    let host = Host::new();
    let report = host.run(&granted(&host, at, &at.to_string(), "(call $get)")).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    let answer = host.bytes(&report.stdout);
    assert_eq!(answer.len(), 4 << 20);
    assert!(answer.chunks(16).all(|part| part == b"0123456789abcdef"));
    assert_eq!(report.uses[0].received, 4 << 20);
}

// A struck bound of the network ends the attempt like any other, however the guest takes the error.
#[tokio::test]
async fn a_struck_bound_of_the_network_fails_the_step() {
    let at = server(|_| ok(""), AT_ONCE).await;
    let host = Host::new();
    let mut request = granted(&host, at, &at.to_string(), "(call $get) (call $get)");
    request.limits.net.requests = 1;
    let report = host.run(&request).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.help.unwrap().contains("limits: { net: { requests: 2 } }"));
    assert!(!report.cacheable);
}

// Headers are held by the host, so a guest that makes more of them than it may ends, before anything is sent.
#[tokio::test]
async fn headers_without_end_strike_their_bound() {
    let host = Host::new();
    let functions = r#"(import "wasi:http/types@0.2.12" "[constructor]fields" (func $fields (result i32)))
(import "wasi:http/types@0.2.12" "[method]fields.append" (func $append (param i32 i32 i32 i32 i32 i32)))
(data (i32.const 512) "x")"#;
    let body = "(local $it i32) (local.set $it (call $fields))
      (loop $more
        (call $append (local.get $it) (i32.const 512) (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 64))
        (br $more))";
    let report = host.run(&host.command(&command(&WEB[..1], functions, body))).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.cause.unwrap().contains("headers"));
    assert!(report.help.unwrap().contains("limits: { net: { headers: 128KiB } }"));
}

const SOCKETS: [&str; 6] = [
    "wasi:sockets/tcp@0.2.12",
    "wasi:sockets/tcp-create-socket@0.2.12",
    "wasi:sockets/udp@0.2.12",
    "wasi:sockets/udp-create-socket@0.2.12",
    "wasi:sockets/instance-network@0.2.12",
    "wasi:sockets/ip-name-lookup@0.2.12",
];

/// `$echo` sends `ping` over TCP, ends its side, and prints what comes until the end; `$datagram` does so over UDP, once.
/// `$leave` sends `ping` and does not wait for anything, `$drop` drops that
/// connection. `$pair_again` asks a UDP socket of `$paired` for streams once more and prints how that went; `$drop_both`
/// drops the first two. `$look` prints the first byte of the first address of `localhost`.
fn sockets(port: u16) -> String {
    let zeros = "(i32.const 0) ".repeat(6);
    let local =
        format!("(i32.const 0) (i32.const {port}) (i32.const 127) (i32.const 0) (i32.const 0) (i32.const 1) {zeros}");
    let anywhere = "(i32.const 0) ".repeat(12);
    let fifteen = "i32 ".repeat(15);
    format!(
        r#"(import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.start-connect" (func $connect (param {fifteen})))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.subscribe" (func $connected (param i32) (result i32)))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.finish-connect" (func $streams (param i32 i32)))
(import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.shutdown" (func $shutdown (param i32 i32 i32)))
(import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
(import "wasi:sockets/udp@0.2.12" "[method]udp-socket.start-bind" (func $bind (param {fifteen})))
(import "wasi:sockets/udp@0.2.12" "[method]udp-socket.finish-bind" (func $bound (param i32 i32)))
(import "wasi:sockets/udp@0.2.12" "[method]udp-socket.stream" (func $stream (param {fifteen})))
(import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.check-send" (func $check (param i32 i32)))
(import "wasi:sockets/udp@0.2.12" "[method]outgoing-datagram-stream.send" (func $send (param i32 i32 i32 i32)))
(import "wasi:sockets/udp@0.2.12" "[method]incoming-datagram-stream.subscribe" (func $arrived (param i32) (result i32)))
(import "wasi:sockets/udp@0.2.12" "[method]incoming-datagram-stream.receive" (func $receive (param i32 i64 i32)))
(import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
(import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $resolve (param i32 i32 i32 i32)))
(import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.subscribe" (func $resolved (param i32) (result i32)))
(import "wasi:sockets/ip-name-lookup@0.2.12" "[method]resolve-address-stream.resolve-next-address" (func $address (param i32 i32)))
(import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
(import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.check-write" (func $room (param i32 i32)))
(import "wasi:io/streams@0.2.12" "[method]output-stream.write" (func $queue (param i32 i32 i32 i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]output-stream" (func $drop_out (param i32)))
(import "wasi:io/streams@0.2.12" "[resource-drop]input-stream" (func $drop_in (param i32)))
(import "wasi:io/poll@0.2.12" "[resource-drop]pollable" (func $drop_wait (param i32)))
(import "wasi:sockets/tcp@0.2.12" "[resource-drop]tcp-socket" (func $drop_socket (param i32)))
(import "wasi:sockets/udp@0.2.12" "[resource-drop]incoming-datagram-stream" (func $drop_incoming (param i32)))
(import "wasi:sockets/udp@0.2.12" "[resource-drop]outgoing-datagram-stream" (func $drop_outgoing (param i32)))
(data (i32.const 512) "pinglocalhost")
(global $left (mut i32) (i32.const 0))
(func $drop
  (call $drop_in (i32.load (i32.const 132)))
  (call $drop_out (i32.load (i32.const 136)))
  (call $drop_socket (global.get $left)))
(func $leave
  (local $socket i32) (local $wait i32)
  (call $tcp (i32.const 0) (i32.const 128))
  (local.set $socket (i32.load (i32.const 132)))
  (call $connect (local.get $socket) (call $network) {local} (i32.const 128))
  (global.set $left (local.get $socket))
  (local.set $wait (call $connected (local.get $socket)))
  (call $block (local.get $wait))
  (call $drop_wait (local.get $wait))
  (call $streams (local.get $socket) (i32.const 128))
  (call $room (i32.load (i32.const 136)) (i32.const 192))
  (call $queue (i32.load (i32.const 136)) (i32.const 512) (i32.const 4) (i32.const 192)))
(func $echo
  (local $socket i32) (local $in i32)
  (call $tcp (i32.const 0) (i32.const 128))
  (local.set $socket (i32.load (i32.const 132)))
  (call $connect (local.get $socket) (call $network) {local} (i32.const 128))
  (call $block (call $connected (local.get $socket)))
  (call $streams (local.get $socket) (i32.const 128))
  (if (i32.load8_u (i32.const 128)) (then (call $print (i32.const 132) (i32.const 1)) (return)))
  (local.set $in (i32.load (i32.const 132)))
  (call $write (i32.load (i32.const 136)) (i32.const 512) (i32.const 4) (i32.const 192))
  (call $shutdown (local.get $socket) (i32.const 1) (i32.const 192))
  (loop $more
    (call $read (local.get $in) (i64.const 1000) (i32.const 192))
    (if (i32.eqz (i32.load8_u (i32.const 192)))
      (then (call $print (i32.load (i32.const 196)) (i32.load (i32.const 200))) (br $more)))))
(func $datagram
  (local $socket i32) (local $in i32) (local $out i32)
  (call $udp (i32.const 0) (i32.const 128))
  (local.set $socket (i32.load (i32.const 132)))
  (call $bind (local.get $socket) (call $network) {anywhere} (i32.const 128))
  (call $bound (local.get $socket) (i32.const 128))
  (call $stream (local.get $socket) (i32.const 1) {local} (i32.const 128))
  (local.set $in (i32.load (i32.const 132)))
  (local.set $out (i32.load (i32.const 136)))
  (call $check (local.get $out) (i32.const 192))
  (i32.store (i32.const 256) (i32.const 512))
  (i32.store (i32.const 260) (i32.const 4))
  (call $send (local.get $out) (i32.const 256) (i32.const 1) (i32.const 192))
  (if (i32.load8_u (i32.const 192)) (then (call $print (i32.const 200) (i32.const 1)) (return)))
  (call $block (call $arrived (local.get $in)))
  (call $receive (local.get $in) (i64.const 4) (i32.const 192))
  (call $print (i32.load (i32.load (i32.const 196))) (i32.load offset=4 (i32.load (i32.const 196)))))
(func $paired (result i32)
  (local $socket i32)
  (call $udp (i32.const 0) (i32.const 128))
  (local.set $socket (i32.load (i32.const 132)))
  (call $bind (local.get $socket) (call $network) {anywhere} (i32.const 128))
  (call $bound (local.get $socket) (i32.const 128))
  (call $stream (local.get $socket) (i32.const 1) {local} (i32.const 128))
  (local.get $socket))
(func $pair_again (param $socket i32)
  (call $stream (local.get $socket) (i32.const 1) {local} (i32.const 192))
  (call $print (i32.const 192) (i32.const 1)))
(func $drop_both
  (call $drop_incoming (i32.load (i32.const 132)))
  (call $drop_outgoing (i32.load (i32.const 136))))
(func $look
  (local $stream i32)
  (call $resolve (call $network) (i32.const 516) (i32.const 9) (i32.const 128))
  (local.set $stream (i32.load (i32.const 132)))
  (call $block (call $resolved (local.get $stream)))
  (call $address (local.get $stream) (i32.const 192))
  (call $print (i32.const 192) (i32.const 16)))"#
    )
}

fn reaching(host: &Host, transport: Transport, name: &str, port: u16, body: &str) -> StepRequest {
    let imports = [&SOCKETS[..], &["wasi:io/poll@0.2.12"]].concat();
    let mut request = host.command(&command(&imports, &sockets(port), body));
    request.grants.net.push(NetGrant {
        transport,
        host: name.parse().unwrap(),
        port,
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        login: None,
    });
    request
}

// What is written arrives, the end of it too, and what comes back is read to its end.
#[tokio::test]
async fn a_connection_carries_bytes_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        client.write_all(b"pong to ").await.unwrap();
        client.write_all(&said).await.unwrap();
    });
    let host = Host::new();
    let request = reaching(&host, Transport::Tcp, "127.0.0.1", port, "(call $echo)");
    let report = host.run(&request).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    assert_eq!(host.bytes(&report.stdout), b"pong to ping");
    assert_eq!(report.uses.len(), 1, "{:?}", report.uses);
    assert_eq!((report.uses[0].sent, report.uses[0].received), (4, 12));
    serving.await.unwrap();
}

// What a guest has written is sent, also where it ends without waiting for that.
#[tokio::test]
async fn what_was_written_is_sent_when_the_guest_has_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        said
    });
    let host = Host::new();
    let report = host
        .run(&reaching(&host, Transport::Tcp, "127.0.0.1", port, "(call $leave)"))
        .await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    assert_eq!(serving.await.unwrap(), b"ping");
}

// A dropped connection ends for the server too, while the guest goes on.
#[tokio::test]
async fn a_connection_that_is_dropped_ends_behind_what_was_written() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        let mut said = Vec::new();
        first.read_to_end(&mut said).await.unwrap();
        let (mut second, _) = listener.accept().await.unwrap();
        second.write_all(&[b"heard ", &said[..]].concat()).await.unwrap();
    });
    let host = Host::new();
    let body = "(call $leave) (call $drop) (call $echo)";
    let report = host
        .run(&reaching(&host, Transport::Tcp, "127.0.0.1", port, body))
        .await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    assert_eq!(host.bytes(&report.stdout), b"heard ping");
}

// A datagram goes out and one comes back.
#[tokio::test]
async fn a_datagram_is_answered() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut space = [0; 64];
        let (count, from) = socket.recv_from(&mut space).await.unwrap();
        let answer = [b"pong to ", &space[..count]].concat();
        socket.send_to(&answer, from).await.unwrap();
    });
    let host = Host::new();
    let request = reaching(&host, Transport::Udp, "127.0.0.1", port, "(call $datagram)");
    let report = host.run(&request).await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    assert_eq!(host.bytes(&report.stdout), b"pong to ping");
}

// What came in waits in the host for each pair of streams, so a socket has one pair: a new one takes the place of one that
// was dropped.
#[tokio::test]
async fn a_socket_has_one_pair_of_datagram_streams() {
    let host = Host::new();
    let run = async |body| host.run(&reaching(&host, Transport::Udp, "127.0.0.1", 9, body)).await;
    for body in [
        "(call $pair_again (call $paired))",
        "(call $paired) (call $drop_incoming (i32.load (i32.const 132))) (call $pair_again)",
        "(call $paired) (call $drop_outgoing (i32.load (i32.const 136))) (call $pair_again)",
    ] {
        let report = run(body).await;
        assert_eq!(report.outcome, Outcome::Failed);
        let cause = report.cause.unwrap();
        assert!(cause.contains("the earlier datagram streams are still held"), "{cause}");
    }
    let report = run("(call $paired) (call $drop_both) (call $pair_again)").await;
    assert_eq!((report.outcome, report.cause), (Outcome::Succeeded, None));
    assert_eq!(host.bytes(&report.stdout), [0]);
}

// A port beside the granted one is refused, with the line that would allow it.
#[tokio::test]
async fn a_connection_to_another_port_is_denied() {
    let host = Host::new();
    for (transport, body) in [(Transport::Tcp, "(call $echo)"), (Transport::Udp, "(call $datagram)")] {
        let mut request = reaching(&host, transport, "127.0.0.1", 9, body);
        request.grants.net[0].port = 10;
        let report = host.run(&request).await;
        let wanted = format!("{}://127.0.0.1:9", transport.word());
        assert_eq!(report.denials[0].request, wanted, "{:?}", report.denials);
        assert!(report.denials[0].allow.as_deref().unwrap().contains(&wanted));
        // `access-denied`
        assert_eq!(host.bytes(&report.stdout), [1]);
    }
}

// A granted name has its addresses, without anyone outside being asked for this one.
#[tokio::test]
async fn a_granted_name_is_looked_up() {
    let host = Host::new();
    let report = host
        .run(&reaching(&host, Transport::Tcp, "localhost", 80, "(call $look)"))
        .await;
    assert_eq!(
        (report.outcome, report.cause, report.denials),
        (Outcome::Succeeded, None, vec![])
    );
    // ok, some, IPv4, 127
    let answer = host.bytes(&report.stdout);
    assert_eq!(
        (answer[0], answer[2], answer[4], answer[6]),
        (0, 1, 0, 127),
        "{answer:?}"
    );
}
