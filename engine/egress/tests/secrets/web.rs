//! A secret from its placeholder to a server and back, through a session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use airtight_egress::{Egress, EgressConfig, EgressError, SecretValue, Session};
use airtight_model::NetLimits;
use airtight_model::grant::{Grants, SecretGrant, SecretPlace};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, body, exchange, grants, head, http, request};

const VALUE: &str = "s3cr3t/value \"of it\"";

/// A server that answers each request with its text, and what it heard.
async fn echo() -> (Server, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let list = heard.clone();
    let server = Server::tcp(move |mut stream| {
        let list = list.clone();
        async move {
            let head = head(&mut stream).await;
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            // A request that is given up has no whole body.
            let whole = stream.read_exact(&mut body).await.is_ok();
            let text = head + &String::from_utf8_lossy(&body);
            if whole {
                list.lock().unwrap().push(text.clone());
            }
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    })
    .await;
    (server, heard)
}

fn granted(server: &Server, places: &[SecretPlace]) -> (Session, String) {
    let mut grant = http(&server.url(""));
    grant.methods.push("POST".to_owned());
    let secret = SecretGrant {
        name: "token".to_owned(),
        to: vec![server.url("").parse().unwrap()],
        places: places.to_vec(),
        operations: Vec::new(),
        env: Some("TOKEN".to_owned()),
    };
    let grants = Grants {
        secrets: vec![secret],
        ..grants([grant])
    };
    let config = EgressConfig {
        secrets: HashMap::from([("token".to_owned(), SecretValue::new(VALUE.as_bytes().to_vec()))]),
        ..EgressConfig::default()
    };
    let session = Egress::new(config).session(&grants, NetLimits::DEFAULT);
    let placeholder = session.placeholder(&session.secret("token").unwrap());
    (session, placeholder)
}

// The server hears the value, and the step hears of it what it said itself.
#[tokio::test]
async fn a_value_goes_out_and_does_not_come_back() {
    let (server, heard) = echo().await;
    let places = [
        SecretPlace::Header("x-key".to_owned()),
        SecretPlace::Query("key".to_owned()),
    ];
    let (session, placeholder) = granted(&server, &places);
    let mut request = request("GET", &server.url(&format!("/x?key={placeholder}")));
    request.headers_mut().insert("x-key", placeholder.parse().unwrap());
    let (status, text) = exchange(&session, request).await.unwrap();
    let heard = heard.lock().unwrap().concat();
    assert!(heard.contains(&format!("x-key: {VALUE}\r\n")), "{heard}");
    assert!(
        heard.contains("GET /x?key=s3cr3t%2Fvalue%20%22of%20it%22 HTTP/1.1"),
        "{heard}"
    );
    assert!(heard.contains("accept-encoding: identity"), "{heard}");
    assert_eq!(status, 200);
    assert!(text.contains(&format!("x-key: {placeholder}\r\n")), "{text}");
    assert!(text.contains(&format!("?key={placeholder} ")), "{text}");
    let (denials, uses) = session.record();
    assert_eq!(denials, []);
    assert!(
        uses.iter()
            .any(|used| used.capability == "secrets" && used.request.starts_with("token in query key to "))
    );
    assert!(!format!("{uses:?}{session:?}").contains("s3cr3t"));
}

// The length of a body with a secret in it is the host's to say.
#[tokio::test]
async fn a_body_with_a_secret_in_it_has_its_true_length() {
    let (server, heard) = echo().await;
    let (session, placeholder) = granted(&server, &[SecretPlace::Body("/auth/token".to_owned())]);
    let text = format!(r#"{{"auth": {{"token": "{placeholder}"}}}}"#);
    let mut request = request("POST", &server.url("/"));
    request
        .headers_mut()
        .insert("content-type", "application/json".parse().unwrap());
    request
        .headers_mut()
        .insert("content-length", text.len().to_string().parse().unwrap());
    *request.body_mut() = body(text.clone());
    let (_, answer) = exchange(&session, request).await.unwrap();
    let sent = r#"{"auth": {"token": "s3cr3t/value \"of it\""}}"#;
    let heard = heard.lock().unwrap().concat();
    assert!(
        heard.ends_with(sent) && heard.contains(&format!("content-length: {}\r\n", sent.len())),
        "{heard}"
    );
    assert!(answer.ends_with(&text), "{answer}");
}

// Nothing of a request with a placeholder in the wrong place reaches the server, and of a body that is being sent nothing
// from there on.
#[tokio::test]
async fn a_refused_place_sends_nothing() {
    let (server, heard) = echo().await;
    let (session, placeholder) = granted(&server, &[SecretPlace::Bearer]);
    let mut wrong = request("GET", &server.url("/"));
    wrong.headers_mut().insert("x-key", placeholder.parse().unwrap());
    assert!(matches!(exchange(&session, wrong).await, Err(EgressError::Denied(_))));
    assert_eq!(heard.lock().unwrap().concat(), "");
    let mut streamed = request("POST", &server.url("/"));
    *streamed.body_mut() = body(format!("a {placeholder}"));
    assert!(matches!(
        exchange(&session, streamed).await,
        Err(EgressError::Denied(_))
    ));
    assert_eq!(heard.lock().unwrap().concat(), "");
    let (denials, _) = session.record();
    assert_eq!(denials.len(), 2);
    assert_eq!(
        denials[0].request,
        format!("token in header x-key to {}", server.url(""))
    );
}
