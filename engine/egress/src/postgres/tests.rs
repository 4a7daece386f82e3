//! Logins at servers that are not what they should be. Not here: a real server (`tests/`).
#![allow(clippy::unwrap_used)]

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::*;

const PASSWORD: &str = "s3cr3t-password";

fn request(login: &PostgresLogin, record: &Record) -> LoginRequest<'static> {
    LoginRequest {
        login: Box::leak(Box::new(login.clone())),
        password: SecretValue::new(PASSWORD.as_bytes().to_vec()),
        to: "tcp://db.example.com:5432".to_owned(),
        tls: None,
        time: Duration::from_secs(60),
        record: record.clone(),
    }
}

fn granted(database: Option<&str>) -> PostgresLogin {
    PostgresLogin {
        user: "app".to_owned(),
        password: "db-password".to_owned(),
        database: database.map(str::to_owned),
        tls: false,
        ca: None,
    }
}

fn startup(code: u32, parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = code.to_be_bytes().to_vec();
    for (name, value) in parameters {
        body.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    if !parameters.is_empty() {
        body.push(0);
    }
    let len = u32::try_from(body.len() + 4).unwrap();
    [len.to_be_bytes().as_slice(), &body].concat()
}

const VERSION: u32 = 3 << 16;

/// A step's end, and the server's.
async fn connection(login: &PostgresLogin, record: &Record) -> (Box<dyn Stream>, DuplexStream) {
    let (host, server) = tokio::io::duplex(1 << 20);
    (super::login(host, request(login, record)).await.unwrap(), server)
}

async fn server_reads(server: &mut DuplexStream) -> String {
    let len = server.read_u32().await.unwrap();
    let mut rest = vec![0; usize::try_from(len).unwrap() - 4];
    server.read_exact(&mut rest).await.unwrap();
    String::from_utf8_lossy(&rest).replace('\0', "|")
}

fn message(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    Message { kind, body }.bytes()
}

/// What a step reads when the server answers its start-up message with these bytes and is silent then.
async fn step_reads(answer: &[u8]) -> String {
    let (mut step, mut server) = connection(&granted(None), &Record::default()).await;
    step.write_all(&startup(VERSION, &[("user", "x")])).await.unwrap();
    server_reads(&mut server).await;
    server.write_all(answer).await.unwrap();
    let mut said = Vec::new();
    step.read_to_end(&mut said).await.unwrap();
    assert!(!said.is_empty());
    String::from_utf8_lossy(&said).into_owned()
}

// Whatever the step says that it is, the server hears the grant.
#[tokio::test]
async fn the_server_hears_the_users_of_the_grant() {
    let said = [
        ("user", "postgres"),
        ("database", "other"),
        ("application_name", "a step"),
        ("replication", "off"),
        ("options", "-c search_path=x --geqo=off -cwork_mem=1MB"),
        ("_pq_.extension", "1"),
    ];
    for (database, expected) in [
        (
            Some("orders"),
            "user|app|database|orders|application_name|a step|options|",
        ),
        (None, "user|app|database|other|application_name|a step|options|"),
    ] {
        let (mut step, mut server) = connection(&granted(database), &Record::default()).await;
        step.write_all(&startup(VERSION, &said)).await.unwrap();
        let heard = server_reads(&mut server).await;
        assert!(heard.contains(expected), "{heard}");
        assert!(
            !heard.contains("postgres") && !heard.contains("replication") && !heard.contains("_pq_"),
            "{heard}"
        );
    }
}

// Clients ask for encryption first; there is none between the step and the host, and the next message is the start.
#[tokio::test]
async fn questions_for_encryption_are_answered_with_no() {
    let (mut step, mut server) = connection(&granted(None), &Record::default()).await;
    step.write_all(&startup(80_877_104, &[])).await.unwrap();
    assert_eq!(step.read_u8().await.unwrap(), b'N');
    step.write_all(&startup(80_877_103, &[])).await.unwrap();
    assert_eq!(step.read_u8().await.unwrap(), b'N');
    step.write_all(&startup(VERSION, &[("user", "x")])).await.unwrap();
    assert!(server_reads(&mut server).await.contains("user|app|"));
}

// These reach no server: replication, cancelling, switches of the server, and what is no start-up message.
#[tokio::test]
async fn other_beginnings_are_refused() {
    let cancel = [16_u32.to_be_bytes(), 80_877_102_u32.to_be_bytes(), [0; 4], [0; 4]].concat();
    for (first, expected, recorded) in [
        (
            startup(VERSION, &[("replication", "database")]),
            "does not replicate",
            true,
        ),
        (startup(VERSION, &[("options", "-F")]), "settings alone", true),
        (startup(VERSION, &[("options", "-c")]), "settings alone", true),
        (cancel, "cancels no queries", true),
        (startup(2 << 16, &[("user", "x")]), "version 3.0", false),
        (vec![0, 0, 0, 7, 0, 3, 0, 0], "is none", false),
        (vec![0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0], "is none", false),
        (startup(VERSION, &[("user", "x"), ("user", "y")]), "broken", false),
    ] {
        let record = Record::default();
        let (mut step, mut server) = connection(&granted(None), &record).await;
        step.write_all(&first).await.unwrap();
        let mut said = Vec::new();
        step.read_to_end(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.starts_with('E') && said.contains(expected), "{said}");
        assert_eq!(record.read().0.len(), usize::from(recorded), "{said}");
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"");
    }
}

// A server that asks for less than a proof would learn the password, or is not the one that knows it.
#[tokio::test]
async fn weaker_ways_to_log_in_are_refused() {
    for (code, rest, expected) in [
        (0_u32, &b""[..], "lets anyone in"),
        (3, b"", "asks for the password itself"),
        (5, b"salt", "MD5"),
        (7, b"", "another way"),
        (10, b"SCRAM-SHA-1\0\0", "does not offer SCRAM-SHA-256"),
        (11, b"r=x,s=eA==,i=4096", "another way"),
        (12, b"v=eA==", "another way"),
    ] {
        let said = step_reads(&message(b'R', &[&code.to_be_bytes(), rest])).await;
        assert!(said.contains(expected), "{code}: {said}");
    }
}

/// Goes on to the challenge: what the server reads of the client's first message is its nonce.
async fn challenged(iterations: &str) -> (Box<dyn Stream>, DuplexStream) {
    let (mut step, mut server) = connection(&granted(None), &Record::default()).await;
    step.write_all(&startup(VERSION, &[("user", "x")])).await.unwrap();
    server_reads(&mut server).await;
    server
        .write_all(&message(b'R', &[&10_u32.to_be_bytes(), b"SCRAM-SHA-256\0\0"]))
        .await
        .unwrap();
    assert_eq!(server.read_u8().await.unwrap(), b'p');
    let first = server_reads(&mut server).await;
    let (_, nonce) = first.split_once("r=").unwrap();
    let challenge = format!("r={nonce}more,s=c2FsdHNhbHQ=,i={iterations}");
    server
        .write_all(&message(b'R', &[&11_u32.to_be_bytes(), challenge.as_bytes()]))
        .await
        .unwrap();
    (step, server)
}

// The proof is worth more to a server that asks for few iterations, and no server may keep the host busy.
#[tokio::test]
async fn the_number_of_iterations_is_bounded() {
    for (iterations, expected) in [
        ("1", "fewer than 4096"),
        ("", "fewer than 4096"),
        ("4000000000", "challenge"),
    ] {
        let (mut step, mut server) = challenged(iterations).await;
        let mut said = Vec::new();
        step.read_to_end(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(expected), "{said}");
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"");
    }
}

// A server that says yes without knowing the password is not the server.
#[tokio::test]
async fn a_server_that_proves_nothing_is_refused() {
    let forged = message(
        b'R',
        &[&12_u32.to_be_bytes(), b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],
    );
    let at_once = message(b'R', &[&0_u32.to_be_bytes()]);
    for (answer, expected) in [(forged, "does not prove"), (at_once, "lets anyone in")] {
        let (mut step, mut server) = challenged("4096").await;
        assert_eq!(server.read_u8().await.unwrap(), b'p');
        assert!(server_reads(&mut server).await.contains(",p="));
        server.write_all(&answer).await.unwrap();
        let mut said = Vec::new();
        step.read_to_end(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(expected), "{said}");
    }
}

// The server's own error is passed on, without the password in any form.
#[tokio::test]
async fn an_error_of_the_servers_is_passed_on_without_the_password() {
    let hex: String = PASSWORD.bytes().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("SFATAL\0C28P01\0Mno {PASSWORD} or {hex}\0\0");
    let said = step_reads(&message(b'E', &[text.as_bytes()])).await;
    assert_eq!(
        said,
        String::from_utf8(message(b'E', &[b"SFATAL\0C28P01\0Mno [secret] or [secret]\0\0"])).unwrap()
    );
}

// Sizes and numbers of messages before the login are bounded.
#[tokio::test]
async fn floods_of_a_server_end_the_login() {
    let notice = message(b'N', &[b"SNOTICE\0\0"]).repeat(100);
    for (answer, expected) in [
        (notice, "does not come to an end"),
        (vec![b'R', 0x7f, 0xff, 0xff, 0xff], "too large"),
        (vec![b'R', 0, 0, 0, 3], "too small"),
        (message(b'R', &[b"\0\0"]), "cut off"),
        (message(b'Z', &[b"I"]), "something else"),
    ] {
        let said = step_reads(&answer).await;
        assert!(said.contains(expected), "{said}");
    }
}

// A step that leaves closes the connection to the server.
#[tokio::test]
async fn the_server_sees_the_step_leave() {
    let (mut step, mut server) = connection(&granted(None), &Record::default()).await;
    step.write_all(&startup(VERSION, &[("user", "x")])).await.unwrap();
    server_reads(&mut server).await;
    drop(step);
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"");
}

// What is read of certificates comes from a server: any bytes are fit to be looked at.
#[test]
fn broken_certificates_bind_nothing() {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let der = certificate.cert.der();
    assert_eq!(binding::tls_server_end_point(der).unwrap().len(), 32);
    for end in 0..der.len() {
        binding::tls_server_end_point(&der[..end]);
        let mut changed = der.to_vec();
        changed[end] ^= 0xff;
        binding::tls_server_end_point(&changed);
    }
    assert_eq!(binding::tls_server_end_point(b""), None);
}
