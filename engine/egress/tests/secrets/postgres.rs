//! A step without a password at a real PostgreSQL.

use std::collections::HashMap;
use std::net::SocketAddr;

use airtight_egress::{Connection, Egress, EgressConfig, EgressError, SecretValue, Session};
use airtight_model::NetLimits;
use airtight_model::grant::{PostgresLogin, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::database::{Database, PASSWORD, database};
use crate::support::{net, sockets};

fn login(user: &str, tls: bool) -> PostgresLogin {
    PostgresLogin {
        user: user.to_owned(),
        password: "db-password".to_owned(),
        database: Some("orders".to_owned()),
        tls,
        ca: tls.then(|| "certs/db.pem".to_owned()),
    }
}

fn session(own: &Database, login: PostgresLogin, password: &str, ca: &str) -> Session {
    let mut grant = net(Transport::Tcp, "127.0.0.1", own.port);
    grant.login = Some(login);
    let config = EgressConfig {
        secrets: HashMap::from([("db-password".to_owned(), SecretValue::new(password.as_bytes().to_vec()))]),
        files: HashMap::from([("certs/db.pem".to_owned(), ca.as_bytes().to_vec())]),
        ..EgressConfig::default()
    };
    Egress::new(config).session(&sockets([grant]), NetLimits::DEFAULT)
}

async fn connect(own: &Database, session: &Session) -> Result<Box<dyn Connection>, EgressError> {
    session.connect(SocketAddr::from(([127, 0, 0, 1], own.port))).await
}

/// One message of the server's; none at the end.
async fn message(stream: &mut Box<dyn Connection>) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()?;
    let len = stream.read_u32().await.unwrap() as usize;
    let mut body = vec![0; len - 4];
    stream.read_exact(&mut body).await.unwrap();
    Some((kind, body))
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "|")
}

/// Says that it is somebody; what the server says until it is ready, or its error.
async fn begin(stream: &mut Box<dyn Connection>) -> Result<(), String> {
    begin_version(stream, 0).await.map(drop)
}

/// The same in version 3.`minor` of the protocol; the kinds of the server's messages.
async fn begin_version(stream: &mut Box<dyn Connection>, minor: u8) -> Result<String, String> {
    let mut said = String::new();
    let hello = [
        b"\0\x03\0".as_slice(),
        &[minor],
        b"user\0owner\0database\0postgres\0application_name\0a step\0\0",
    ]
    .concat();
    stream.write_all(&(hello.len() as u32 + 4).to_be_bytes()).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    loop {
        let (kind, body) = message(stream).await.expect("an answer");
        said.push(char::from(kind));
        match kind {
            b'E' => return Err(shown(&body)),
            b'R' => assert_eq!(body, [0, 0, 0, 0], "a step is asked for no password"),
            b'Z' => return Ok(said),
            _ => {}
        }
    }
}

/// The first column of the one row that a query has.
async fn ask(stream: &mut Box<dyn Connection>, sql: &str) -> String {
    let mut text = sql.as_bytes().to_vec();
    text.push(0);
    stream.write_u8(b'Q').await.unwrap();
    stream.write_all(&(text.len() as u32 + 4).to_be_bytes()).await.unwrap();
    stream.write_all(&text).await.unwrap();
    let mut answer = String::new();
    loop {
        match message(stream).await.expect("an answer") {
            (b'D', body) => answer = String::from_utf8(body[6..].to_vec()).unwrap(),
            (b'E', body) => panic!("{}", shown(&body)),
            (b'Z', _) => return answer,
            _ => {}
        }
    }
}

// The step says that it is another user of another database and has no password: it is the grant's, and talks.
#[tokio::test]
async fn a_step_without_a_password_is_logged_in() {
    let Some(own) = database() else { return };
    let session = session(&own, login("app", false), PASSWORD, "");
    let mut stream = connect(&own, &session).await.unwrap();
    begin(&mut stream).await.unwrap();
    assert_eq!(
        ask(&mut stream, "select current_user || ' ' || current_database()").await,
        "app orders"
    );
    assert_eq!(ask(&mut stream, "show application_name").await, "a step");
    let large = ask(&mut stream, "select repeat('x', 3000000)").await;
    assert_eq!(large.len(), 3_000_000);
    let text = "y".repeat(1_000_000);
    assert_eq!(ask(&mut stream, &format!("select length('{text}')")).await, "1000000");
    let (denials, uses) = session.record();
    assert_eq!(denials, []);
    assert_eq!(uses[0].request, format!("tcp://127.0.0.1:{}", own.port));
    assert!(uses[0].received > 3_000_000, "{uses:?}");
    assert!(!format!("{uses:?}").contains("s3cr3t"));
}

// A client that nobody made for this is logged in without a password: it asks for encryption first, and is told no.
#[tokio::test]
async fn the_client_of_postgresql_is_logged_in() {
    let Some(own) = database() else { return };
    let session = session(&own, login("encrypted", true), PASSWORD, &own.ca);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = format!("postgresql://nobody@{}/nothing", listener.local_addr().unwrap());
    let server = own.clone();
    let client = tokio::task::spawn_blocking(move || server.client(&to, "select current_user, current_database()"));
    let (mut step, _) = listener.accept().await.unwrap();
    let mut stream = connect(&own, &session).await.unwrap();
    tokio::io::copy_bidirectional(&mut step, &mut stream).await.unwrap();
    assert_eq!(client.await.unwrap(), "encrypted|orders\n");
}

// A newer client says a newer version; a server that has an older one says so, and the step hears it.
#[tokio::test]
async fn the_version_is_between_the_step_and_the_server() {
    let Some(own) = database() else { return };
    let session = session(&own, login("app", false), PASSWORD, "");
    let mut stream = connect(&own, &session).await.unwrap();
    let said = begin_version(&mut stream, 2).await.unwrap();
    assert!(said.starts_with("vR") || said.starts_with('R'), "{said}");
    assert_eq!(ask(&mut stream, "select current_user").await, "app");
}

// The host encrypts, checks the certificate and binds the login to it: a server that offers that refuses one that is not.
#[tokio::test]
async fn the_connection_is_encrypted_where_the_grant_says_so() {
    let Some(own) = database() else { return };
    let session = session(&own, login("encrypted", true), PASSWORD, &own.ca);
    let mut stream = connect(&own, &session).await.unwrap();
    begin(&mut stream).await.unwrap();
    let version = ask(
        &mut stream,
        "select version from pg_stat_ssl where pid = pg_backend_pid()",
    )
    .await;
    assert_eq!(version, "TLSv1.3");
}

// A server that anyone could be gets no login.
#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_an_error() {
    let Some(own) = database() else { return };
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let session = session(&own, login("encrypted", true), PASSWORD, &other.cert.pem());
    let error = connect(&own, &session).await.err().unwrap();
    assert!(matches!(error, EgressError::Tls { .. }), "{error}");
}

// The server's own words reach the step, and the password does not.
#[tokio::test]
async fn a_wrong_password_is_the_servers_error() {
    let Some(own) = database() else { return };
    let session = session(&own, login("app", false), "another-password", "");
    let mut stream = connect(&own, &session).await.unwrap();
    let error = begin(&mut stream).await.unwrap_err();
    assert!(
        error.contains("C28P01") && !error.contains("another-password"),
        "{error}"
    );
    assert!(message(&mut stream).await.is_none());
}

// Ways to log in that say more of the password than a proof, or that prove nothing of the server.
#[tokio::test]
async fn other_ways_to_log_in_are_refused() {
    let Some(own) = database() else { return };
    for (user, expected) in [
        ("plain", "asks for the password itself"),
        ("old", "MD5"),
        ("anyone", "lets anyone in"),
    ] {
        let session = session(&own, login(user, false), PASSWORD, "");
        let mut stream = connect(&own, &session).await.unwrap();
        let error = begin(&mut stream).await.unwrap_err();
        assert!(error.contains(expected), "{user}: {error}");
    }
}
