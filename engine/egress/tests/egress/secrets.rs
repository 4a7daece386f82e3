//! Secrets over real connections: what the server sees and what the step sees. Not here: every place and encoding
//! (beside the vault).

use std::sync::{Arc, Mutex};

use airtight_egress::{Body, Egress, EgressConfig, EgressError, SecretValue, Session, Traffic};
use airtight_model::NetLimits;
use airtight_model::grant::{Grants, Origin, SecretGrant, SecretPlace};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::*;

const VALUE: &str = "hunter2-and-\"more\"";

/// A server that keeps what it is sent, and answers with it, cut at `cut`.
async fn keeping(cut: usize) -> (Server, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::<Mutex<Vec<String>>>::default();
    let record = seen.clone();
    let server = Server::tcp(move |mut stream| {
        let seen = record.clone();
        async move {
            let head = head(&mut stream).await;
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            if head.is_empty() || stream.read_exact(&mut body).await.is_err() {
                return;
            }
            let text = head + std::str::from_utf8(&body).unwrap();
            seen.lock().unwrap().push(text.clone());
            let mut answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
            for part in text.as_bytes().chunks(cut) {
                answer += &format!("{:x}\r\n{}\r\n", part.len(), std::str::from_utf8(part).unwrap());
            }
            answer += "0\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    (server, seen)
}

fn session_of(server: &Server, places: Vec<SecretPlace>) -> Session {
    let mut grant = http(&server.url("/"));
    grant.methods.push("POST".to_owned());
    let grants = Grants {
        http: vec![grant],
        secrets: vec![SecretGrant {
            name: "token".to_owned(),
            to: vec![server.url("/").parse::<Origin>().unwrap()],
            places,
            operations: Vec::new(),
            env: Some("TOKEN".to_owned()),
        }],
        ..Grants::default()
    };
    let config = EgressConfig {
        secrets: [("token".to_owned(), SecretValue::new(VALUE.into()))].into(),
        ..EgressConfig::default()
    };
    Egress::new(config).session(&grants, NetLimits::DEFAULT)
}

fn placeholder(session: &Session) -> String {
    session.placeholder(&session.secret("token").unwrap())
}

fn post(server: &Server, header: (&str, String), text: String) -> http::Request<Body> {
    let mut request = request("POST", &server.url("/"));
    let name: http::HeaderName = header.0.parse().unwrap();
    request.headers_mut().insert(name, header.1.parse().unwrap());
    request
        .headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    *request.body_mut() = body(text);
    request
}

// The server has the value, the step has the placeholder, even of what the server sends back in small parts.
#[tokio::test]
async fn the_server_sees_the_value_and_the_step_never_does() {
    for cut in [1, 3, 1000] {
        let (server, seen) = keeping(cut).await;
        let session = session_of(
            &server,
            vec![SecretPlace::Bearer, SecretPlace::Body("/auth".to_owned())],
        );
        let own = placeholder(&session);
        assert_eq!(session.environment(), [("TOKEN".to_owned(), own.clone())]);
        let request = post(
            &server,
            ("authorization", format!("Bearer {own}")),
            format!("{{\"auth\":\"{own}\"}}"),
        );
        let (status, text) = exchange(&session, request).await.unwrap();
        assert_eq!(status, 200);
        let seen = seen.lock().unwrap().remove(0);
        assert!(seen.contains(&format!("authorization: Bearer {VALUE}\r\n")), "{seen}");
        assert!(seen.ends_with(r#"{"auth":"hunter2-and-\"more\""}"#), "{seen}");
        assert!(seen.contains("accept-encoding: identity\r\n"), "{seen}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains(&format!("Bearer {own}")), "{text}");
        assert!(text.ends_with(&format!("{{\"auth\":\"{own}\"}}")), "{text}");
        let (denials, uses) = session.record();
        assert!(denials.is_empty());
        assert!(uses.iter().any(|used| used.capability == "secrets"), "{uses:?}");
        assert!(!format!("{uses:?}").contains("hunter2"));
    }
}

// A place that was not granted: nothing goes out at all.
#[tokio::test]
async fn a_placeholder_where_it_may_not_stand_stops_the_request() {
    let (server, seen) = keeping(1000).await;
    let session = session_of(&server, vec![SecretPlace::Bearer]);
    let own = placeholder(&session);
    for request in [
        post(&server, ("x-copy", own.clone()), String::new()),
        post(&server, ("x-none", String::new()), format!("{{\"auth\":\"{own}\"}}")),
        request("GET", &server.url(&format!("/{own}"))),
        request("GET", &server.url(&format!("/?q={own}"))),
    ] {
        let error = exchange(&session, request).await.unwrap_err();
        assert!(matches!(error, EgressError::Denied(_)), "{error}");
    }
    let seen = seen.lock().unwrap();
    assert!(seen.is_empty(), "{seen:?}");
}

// A redirect cannot carry a secret elsewhere: the placeholder is worth nothing there.
#[tokio::test]
async fn a_secret_does_not_go_to_another_origin() {
    let (server, _) = keeping(1000).await;
    let (other, seen) = keeping(1000).await;
    let mut grants = Grants {
        http: vec![http(&server.url("/")), http(&other.url("/"))],
        ..Grants::default()
    };
    grants.secrets = vec![SecretGrant {
        name: "token".to_owned(),
        to: vec![server.url("/").parse().unwrap()],
        places: vec![SecretPlace::Bearer],
        operations: Vec::new(),
        env: None,
    }];
    let config = EgressConfig {
        secrets: [("token".to_owned(), SecretValue::new(VALUE.into()))].into(),
        ..EgressConfig::default()
    };
    let session = Egress::new(config).session(&grants, NetLimits::DEFAULT);
    let mut request = request("GET", &other.url("/"));
    let value = format!("Bearer {}", placeholder(&session));
    request.headers_mut().insert("authorization", value.parse().unwrap());
    let error = session.send(request, Traffic::default()).await.err().unwrap();
    assert!(matches!(error, EgressError::Denied(_)), "{error}");
    assert!(seen.lock().unwrap().is_empty());
}

// What is compressed could hold anything: a step with secrets does not get it.
#[tokio::test]
async fn an_encoded_answer_is_refused_where_there_are_secrets() {
    let server = Server::says("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\nxx").await;
    let session = session_of(&server, vec![SecretPlace::Bearer]);
    let error = get(&session, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, EgressError::Protocol { .. }), "{error}");
}

// A long body with nothing of ours in it is not changed, whatever its parts.
#[tokio::test]
async fn what_has_no_secret_comes_back_as_it_was() {
    let text = "airtight-secret-0123 hunter hunter2 and-\"more\" ".repeat(5_000);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
    let server = Server::says(answer).await;
    let session = session_of(&server, vec![SecretPlace::Bearer]);
    let response = session
        .send(request("GET", &server.url("/")), Traffic::default())
        .await
        .unwrap();
    assert!(!response.headers().contains_key("content-length"));
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    assert!(bytes == text);
}
