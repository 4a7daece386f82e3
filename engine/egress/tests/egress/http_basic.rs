//! Requests that are granted and requests that are not.

use airtight_egress::{EgressError, Traffic};
use http_body_util::BodyExt;

use crate::support::*;

// The whole way: granted, connected, sent, answered, recorded.
#[tokio::test]
async fn a_granted_request_is_sent_and_recorded() {
    let server = Server::echo().await;
    let session = session(&grants([http(&server.url("/v1"))]));
    let (status, text) = get(&session, &server.url("/v1/x?secret=1")).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(
        text,
        format!("GET /v1/x?secret=1 HTTP/1.1\r\nhost: {}\r\n\r\n", server.address)
    );
    let (denials, uses) = session.record();
    assert!(denials.is_empty(), "{denials:?}");
    assert_eq!(uses.len(), 1);
    assert_eq!(uses[0].request, format!("GET http://{}/v1/x", server.address));
    assert_eq!(
        (uses[0].count, uses[0].sent, uses[0].received),
        (1, 0, text.len() as u64)
    );
    assert_eq!(uses[0].grant, grants([http(&server.url("/v1"))]).http[0].to_string());
}

// A second request of the same grant needs no second connection.
#[tokio::test]
async fn a_connection_is_used_again() {
    let (count, mut counted) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::tcp(move |mut stream| {
        count.send(()).unwrap();
        async move {
            use tokio::io::AsyncWriteExt;
            while !head(&mut stream).await.is_empty() {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await
                    .unwrap();
            }
        }
    })
    .await;
    let session = session(&grants([http(&server.url("/"))]));
    for _ in 0..5 {
        assert_eq!(get(&session, &server.url("/")).await.unwrap().1, "ok");
    }
    // Also by who stops at the last byte, without asking for the end.
    for _ in 0..5 {
        let response = session
            .send(request("GET", &server.url("/")), Traffic::default())
            .await
            .unwrap();
        let frame = response.into_body().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "ok");
    }
    drop(session);
    drop(server);
    assert!(counted.recv().await.is_some());
    assert!(counted.recv().await.is_none(), "one connection for all requests");
}

// A server that closes what waits for the next request costs a connection, not a failure.
#[tokio::test]
async fn a_connection_that_was_closed_while_it_waited_is_replaced() {
    let server = Server::tcp(|mut stream| async move {
        use tokio::io::AsyncWriteExt;
        head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
            .unwrap();
    })
    .await;
    let session = session(&grants([http(&server.url("/"))]));
    for _ in 0..5 {
        assert_eq!(get(&session, &server.url("/")).await.unwrap().1, "ok");
    }
}

// What is not granted is refused with the line that would allow it, and nothing is sent.
#[tokio::test]
async fn what_is_not_granted_is_refused_with_the_line_that_allows_it() {
    let server = Server::echo().await;
    let session = session(&grants([http(&server.url("/v1"))]));
    for (method, url, allow) in [
        ("POST", server.url("/v1"), "methods: [GET, HEAD, POST]"),
        ("GET", server.url("/v10"), ""),
        ("GET", server.url("/v1/../x"), ""),
        ("GET", server.url("/v1/%2e%2e/x"), ""),
        ("GET", format!("https://{}/v1", server.address), "https://"),
        (
            "GET",
            "http://example.com/".to_owned(),
            "http: [\"http://example.com\"]",
        ),
        ("GET", "http://user@example.com/".to_owned(), ""),
    ] {
        let error = exchange(&session, request(method, &url)).await.unwrap_err();
        assert!(matches!(error, EgressError::Denied(_)), "{url}: {error}");
        let (denials, uses) = session.record();
        let line = denials.last().unwrap().allow.clone().unwrap_or_default();
        assert!(line.contains(allow), "{url}: {line}");
        assert!(uses.is_empty());
    }
}

// The line of a Denial is one that a grant says of itself, so it is exact.
#[tokio::test]
async fn a_loopback_address_needs_a_grant_of_its_own() {
    let server = Server::echo().await;
    let mut grant = http(&server.url("/"));
    // A grant for the very address is that grant.
    grant.addresses.clear();
    assert!(get(&session(&grants([grant.clone()])), &server.url("/")).await.is_ok());
    // A name that leads there is not.
    grant.host = "localhost".parse().unwrap();
    let session = session(&grants([grant]));
    let url = format!("http://localhost:{}/", server.address.port());
    let error = get(&session, &url).await.unwrap_err();
    assert!(matches!(error, EgressError::Denied(_)), "{error}");
    let denial = session.record().0.remove(0);
    assert_eq!(denial.request, format!("GET {url}"));
    assert!(denial.rule.contains("a loopback address"), "{}", denial.rule);
    let port = server.address.port();
    let line = format!("http: [{{ url: \"http://localhost:{port}\", addresses: [\"127.0.0.1/32\"] }}]");
    assert_eq!(denial.allow.unwrap(), line);
}

// A redirect is an answer like any other: the step's next request is decided over like any other.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server =
        Server::says("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n")
            .await;
    let session = session(&grants([http(&server.url("/"))]));
    let response = session
        .send(request("GET", &server.url("/")), Traffic::default())
        .await
        .unwrap();
    assert_eq!(response.status(), 302);
    let next = response.headers()["location"].to_str().unwrap().to_owned();
    let error = get(&session, &next).await.unwrap_err();
    assert!(matches!(error, EgressError::Denied(_)));
    assert_eq!(session.record().0[0].request, "GET http://169.254.169.254/latest");
}

// The host says how long a body is; a guest that says otherwise sends nothing that could be read as two requests.
#[tokio::test]
async fn a_length_is_the_truth_or_an_error() {
    let server = Server::echo().await;
    let mut grant = http(&server.url("/"));
    grant.methods.push("POST".to_owned());
    let session = session(&grants([grant]));
    let post = |length: Option<&str>, text: &str| {
        let mut request = request("POST", &server.url("/"));
        if let Some(length) = length {
            request.headers_mut().insert("content-length", length.parse().unwrap());
        }
        *request.body_mut() = body(text.to_owned());
        request
    };
    for length in [None, Some("5")] {
        let (_, text) = exchange(&session, post(length, "hello")).await.unwrap();
        assert!(
            text.contains("content-length: 5\r\n") && text.ends_with("\r\n\r\nhello"),
            "{text}"
        );
    }
    for length in ["4", "6", "0"] {
        let error = exchange(&session, post(Some(length), "hello")).await.unwrap_err();
        assert!(matches!(error, EgressError::Invalid(_)), "{length}: {error}");
    }
    let (_, text) = exchange(&session, post(None, "")).await.unwrap();
    assert!(text.contains("content-length: 0\r\n"), "{text}");
}

// A body of unknown length goes out in chunks as it is made.
#[tokio::test]
async fn a_body_streams() {
    let server = Server::tcp(|mut stream| async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let head = head(&mut stream).await;
        assert!(head.contains("transfer-encoding: chunked"), "{head}");
        let mut first = [0; 8];
        stream.read_exact(&mut first).await.unwrap();
        // Answers after the first chunk, before the end.
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n")
            .await
            .unwrap();
        stream.write_all(&first).await.unwrap();
    })
    .await;
    let mut grant = http(&server.url("/"));
    grant.methods.push("POST".to_owned());
    let session = session(&grants([grant]));
    let (sender, receiver) = tokio::sync::mpsc::channel::<bytes::Bytes>(1);
    let mut request = request("POST", &server.url("/"));
    *request.body_mut() = Streamed(receiver).boxed_unsync();
    sender.send("abc".into()).await.unwrap();
    let (_, text) = exchange(&session, request).await.unwrap();
    assert_eq!(text, "3\r\nabc\r\n");
    assert!(sender.send("more".into()).await.is_err(), "the exchange is over");
}

// Answers without a body end where they should, and the connection is used again.
#[tokio::test]
async fn an_answer_without_a_body_has_none() {
    use tokio::io::AsyncWriteExt;
    let server = Server::tcp(|mut stream| async move {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ] {
            head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let session = session(&grants([http(&server.url("/"))]));
    for (method, status, text) in [
        ("HEAD", 200, ""),
        ("GET", 204, ""),
        ("GET", 304, ""),
        ("GET", 200, "ok"),
    ] {
        let response = session
            .send(request(method, &server.url("/")), Traffic::default())
            .await
            .unwrap();
        assert_eq!(response.status(), status);
        assert!(!response.headers().contains_key("transfer-encoding"));
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, text);
    }
}

struct Streamed(tokio::sync::mpsc::Receiver<bytes::Bytes>);

impl hyper::body::Body for Streamed {
    type Data = bytes::Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, EgressError>>> {
        self.0
            .poll_recv(cx)
            .map(|bytes| bytes.map(|bytes| Ok(hyper::body::Frame::data(bytes))))
    }
}
