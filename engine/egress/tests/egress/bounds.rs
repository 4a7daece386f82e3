//! Bounds of the network: each is struck by what goes beyond it, stays struck, and counts for all of a session.

use airtight_egress::{EgressError, Session, Struck, Traffic};
use airtight_model::NetLimits;
use http_body_util::BodyExt;

use crate::support::*;

fn with(server: &Server, limits: NetLimits) -> Session {
    let mut grant = http(&server.url("/"));
    grant.methods.push("POST".to_owned());
    session_with(&grants([grant]), limits)
}

fn post(server: &Server, bytes: usize) -> http::Request<airtight_egress::Body> {
    let mut request = request("POST", &server.url("/"));
    *request.body_mut() = body(vec![b'x'; bytes]);
    request
}

/// The error of what goes beyond, which is the session's from then on.
#[track_caller]
fn struck<T>(session: &Session, result: Result<T, EgressError>, expected: Struck) {
    assert_eq!(result.err(), Some(EgressError::Struck(expected)));
    assert_eq!(session.struck(), Some(expected));
}

const DEFAULT: NetLimits = NetLimits::DEFAULT;

#[tokio::test]
async fn requests_are_counted() {
    let server = Server::echo().await;
    let session = with(&server, NetLimits { requests: 2, ..DEFAULT });
    assert!(get(&session, &server.url("/")).await.is_ok());
    assert!(get(&session, &server.url("/")).await.is_ok());
    struck(&session, get(&session, &server.url("/")).await, Struck::Requests(2));
    struck(&session, get(&session, &server.url("/")).await, Struck::Requests(2));
}

#[tokio::test]
async fn open_connections_are_counted() {
    let server = Server::echo().await;
    let session = with(
        &server,
        NetLimits {
            connections: 2,
            ..DEFAULT
        },
    );
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(
            session
                .send(request("GET", &server.url("/")), Traffic::default())
                .await
                .unwrap(),
        );
    }
    // One that is done makes room: idle connections are closed for others.
    drop(open.pop());
    open.push(
        session
            .send(request("GET", &server.url("/")), Traffic::default())
            .await
            .unwrap(),
    );
    struck(&session, get(&session, &server.url("/")).await, Struck::Connections(2));
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_another_host() {
    let (one, other) = (Server::echo().await, Server::echo().await);
    let limits = NetLimits {
        connections: 1,
        ..DEFAULT
    };
    let session = session_with(&grants([http(&one.url("/")), http(&other.url("/"))]), limits);
    for server in [&one, &other, &one] {
        assert!(get(&session, &server.url("/")).await.is_ok());
    }
}

#[tokio::test]
async fn the_headers_of_a_request_are_bounded() {
    let server = Server::echo().await;
    let session = with(
        &server,
        NetLimits {
            headers: 1000,
            ..DEFAULT
        },
    );
    let mut request = request("GET", &server.url("/"));
    request
        .headers_mut()
        .insert("x-long", "y".repeat(1000).parse().unwrap());
    struck(&session, exchange(&session, request).await, Struck::Headers(1000));
}

#[tokio::test]
async fn the_headers_of_a_response_are_bounded() {
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "y".repeat(70_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(5_000));
    for answer in [long, many] {
        let server = Server::says(answer).await;
        let session = with(&server, DEFAULT);
        struck(
            &session,
            get(&session, &server.url("/")).await,
            Struck::Headers(64 << 10),
        );
    }
}

#[tokio::test]
async fn the_trailers_of_a_response_are_bounded() {
    let trailers = format!("x-long: {}\r\n", "y".repeat(2_000));
    let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{trailers}\r\n");
    let server = Server::says(answer).await;
    let session = with(
        &server,
        NetLimits {
            headers: 1000,
            ..DEFAULT
        },
    );
    let error = get(&session, &server.url("/")).await.unwrap_err();
    assert!(
        matches!(error, EgressError::Struck(_) | EgressError::Protocol { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_body_of_a_request_is_bounded() {
    let server = Server::echo().await;
    let session = with(&server, NetLimits { body: 1000, ..DEFAULT });
    assert!(exchange(&session, post(&server, 800)).await.is_ok());
    struck(
        &session,
        exchange(&session, post(&server, 1001)).await,
        Struck::Body(1000),
    );
}

#[tokio::test]
async fn the_body_of_a_response_is_bounded() {
    let told = "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".to_owned() + &"x".repeat(1001);
    let untold = "HTTP/1.1 200 OK\r\n\r\n".to_owned() + &"x".repeat(1001);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3E9\r\n{}\r\n0\r\n\r\n",
        "x".repeat(1001)
    );
    for answer in [told, untold, chunked] {
        let server = Server::says(answer).await;
        let session = with(&server, NetLimits { body: 1000, ..DEFAULT });
        struck(&session, get(&session, &server.url("/")).await, Struck::Body(1000));
    }
}

#[tokio::test]
async fn all_bytes_are_counted_together() {
    let server = Server::echo().await;
    let session = with(
        &server,
        NetLimits {
            total: 10_000,
            ..DEFAULT
        },
    );
    // What is sent comes back: 2 * 3000 and the heads.
    assert!(exchange(&session, post(&server, 3000)).await.is_ok());
    struck(
        &session,
        exchange(&session, post(&server, 3000)).await,
        Struck::Total(10_000),
    );
    struck(&session, get(&session, &server.url("/")).await, Struck::Total(10_000));
}

// Time is not a struck bound: a server that is slow is an error that a step can handle.
#[tokio::test]
async fn a_slow_server_times_out() {
    let server = Server::tcp(|mut stream| async move {
        head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await;
    let session = with(
        &server,
        NetLimits {
            time_ms: 100,
            ..DEFAULT
        },
    );
    let error = get(&session, &server.url("/")).await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut(_)), "{error}");
    assert_eq!(session.struck(), None);
    let session = with(&server, DEFAULT);
    let times = Traffic {
        first_byte: Some(std::time::Duration::from_millis(50)),
        ..Traffic::default()
    };
    let error = session
        .send(request("GET", &server.url("/")), times)
        .await
        .err()
        .unwrap();
    assert!(matches!(error, EgressError::TimedOut(_)), "{error}");
}

// A drip of bytes is neither fast nor endless.
#[tokio::test]
async fn a_body_that_never_ends_times_out() {
    use tokio::io::AsyncWriteExt;
    let server = Server::tcp(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b"x").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let session = with(
        &server,
        NetLimits {
            time_ms: 200,
            ..DEFAULT
        },
    );
    let response = session
        .send(request("GET", &server.url("/")), Traffic::default())
        .await
        .unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut(_)), "{error}");
}

#[tokio::test]
async fn a_pause_between_two_parts_is_bounded() {
    use tokio::io::AsyncWriteExt;
    let server = Server::tcp(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx").await;
        std::future::pending::<()>().await;
    })
    .await;
    let session = with(&server, DEFAULT);
    let times = Traffic {
        between_bytes: Some(std::time::Duration::from_millis(50)),
        ..Traffic::default()
    };
    let response = session.send(request("GET", &server.url("/")), times).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut(_)), "{error}");
}

// Who is cancelled lets go of the connection.
#[tokio::test]
async fn what_is_dropped_closes_its_connection() {
    use tokio::io::AsyncReadExt;
    let (closed, mut closing) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::tcp(move |mut stream| {
        let closed = closed.clone();
        async move {
            head(&mut stream).await;
            // The end of the connection, by a close or a reset.
            let _ = stream.read_u8().await;
            closed.send(()).unwrap();
        }
    })
    .await;
    let session = with(&server, DEFAULT);
    let mut sending = Box::pin(session.send(request("GET", &server.url("/")), Traffic::default()));
    let waited = tokio::time::timeout(std::time::Duration::from_millis(100), &mut sending).await;
    assert!(waited.is_err(), "the server never answers");
    drop(sending);
    assert_eq!(closing.recv().await, Some(()));
}
