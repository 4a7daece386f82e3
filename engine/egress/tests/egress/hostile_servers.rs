//! Servers that lie: about lengths, framing, versions and ends. Each is an error, none is taken for an answer.

use airtight_egress::{EgressError, Traffic};

use crate::support::*;

async fn asked(answer: &str) -> Result<(u16, String), EgressError> {
    let server = Server::says(answer).await;
    let session = session(&grants([http(&server.url("/"))]));
    get(&session, &server.url("/")).await
}

// What is not HTTP, or ends before it should, is broken, whatever came before.
#[tokio::test]
async fn an_answer_that_is_not_one_is_broken() {
    for answer in [
        "",
        "\0\0\0\0",
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nname : value\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabX\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ] {
        let error = asked(answer).await.unwrap_err();
        assert!(matches!(error, EgressError::Protocol { .. }), "{answer:?}: {error}");
    }
}

// What a server says beyond its answer is not the answer to the next request.
#[tokio::test]
async fn what_follows_an_answer_is_nobodys_answer() {
    let server =
        Server::says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
            .await;
    let session = session(&grants([http(&server.url("/"))]));
    for _ in 0..3 {
        assert_eq!(get(&session, &server.url("/")).await.unwrap().1, "ok");
    }
}

// Chunks may have extensions without end: they are counted like all bytes, and bounded by hyper.
#[tokio::test]
async fn a_flood_of_chunk_extensions_is_broken() {
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(60_000));
    let answer = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunk.repeat(20)
    );
    let error = asked(&answer).await.unwrap_err();
    assert!(matches!(error, EgressError::Protocol { .. }), "{error}");
}

// Answers before the answer are skipped, but not for ever.
#[tokio::test]
async fn interim_answers_without_end_time_out() {
    use tokio::io::AsyncWriteExt;
    let server = Server::tcp(|mut stream| async move {
        head(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let limits = airtight_model::NetLimits {
        time_ms: 200,
        ..airtight_model::NetLimits::DEFAULT
    };
    let session = session_with(&grants([http(&server.url("/"))]), limits);
    let error = session
        .send(request("GET", &server.url("/")), Traffic::default())
        .await
        .err()
        .unwrap();
    assert!(matches!(error, EgressError::TimedOut(_)), "{error}");
}

// Headers of the server's connection say nothing to the guest.
#[tokio::test]
async fn hop_by_hop_headers_of_an_answer_are_dropped() {
    let server = Server::says(
        "HTTP/1.1 200 OK\r\nconnection: close, x-hop\r\nx-hop: 1\r\nkeep-alive: 5\r\nx-end: 2\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let session = session(&grants([http(&server.url("/"))]));
    let response = session
        .send(request("GET", &server.url("/")), Traffic::default())
        .await
        .unwrap();
    let names: Vec<&str> = response.headers().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["x-end", "content-length"]);
}

// An error says where, never what was asked for behind the `?`.
#[tokio::test]
async fn an_error_does_not_show_the_query() {
    let server = Server::says("").await;
    let session = session(&grants([http(&server.url("/"))]));
    let error = get(&session, &server.url("/a?token=hunter2")).await.unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let (denials, uses) = session.record();
    assert!(!format!("{denials:?}{uses:?}").contains("hunter2"));
}
