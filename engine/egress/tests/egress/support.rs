//! Grants in a line, servers that end with the test, requests and their answers.

use std::future::Future;
use std::net::SocketAddr;

use airtight_egress::{Body, Egress, EgressConfig, EgressError, Session, Traffic};
use airtight_model::NetLimits;
use airtight_model::grant::{DEFAULT_METHODS, Grants, HttpGrant, NetGrant, Origin, Transport};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// An `http:` item for GET and HEAD that allows loopback addresses.
pub(crate) fn http(url: &str) -> HttpGrant {
    let (Origin { scheme, host, port }, path) = Origin::with_path(url).unwrap();
    HttpGrant {
        scheme,
        host,
        port,
        path,
        methods: DEFAULT_METHODS.map(str::to_owned).to_vec(),
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        ca: None,
        client: None,
    }
}

/// A `net:` item that allows loopback addresses.
pub(crate) fn net(transport: Transport, host: &str, port: u16) -> NetGrant {
    NetGrant {
        transport,
        host: host.parse().unwrap(),
        port,
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        login: None,
    }
}

pub(crate) fn grants(http: impl IntoIterator<Item = HttpGrant>) -> Grants {
    Grants {
        http: http.into_iter().collect(),
        ..Grants::default()
    }
}

pub(crate) fn sockets(net: impl IntoIterator<Item = NetGrant>) -> Grants {
    Grants {
        net: net.into_iter().collect(),
        ..Grants::default()
    }
}

pub(crate) fn session(grants: &Grants) -> Session {
    session_with(grants, NetLimits::DEFAULT)
}

pub(crate) fn session_with(grants: &Grants, limits: NetLimits) -> Session {
    Egress::new(EgressConfig::default()).session(grants, limits)
}

/// A server that ends with the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Does `serve` with each connection, all at once.
    pub(crate) async fn tcp<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream));
            }
        });
        Self { address, task }
    }

    /// Reads one request's head of each connection, writes an answer, and closes it.
    pub(crate) async fn says(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::tcp(move |mut stream| {
            let answer = answer.clone();
            async move {
                head(&mut stream).await;
                // The client may have had enough.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    /// Answers each request with the text of the request, and keeps the connection.
    pub(crate) async fn echo() -> Self {
        Self::tcp(|mut stream| async move {
            loop {
                let head = head(&mut stream).await;
                if head.is_empty() {
                    return;
                }
                let length = length_of(&head);
                let mut body = vec![0; length];
                if stream.read_exact(&mut body).await.is_err() {
                    return;
                }
                let text = head + &String::from_utf8_lossy(&body);
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        })
        .await
    }
}

fn length_of(head: &str) -> usize {
    head.lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap())
}

/// The head of a request; empty at the end of the connection.
pub(crate) async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(head).unwrap()
}

pub(crate) fn body(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(crate) fn request(method: &str, url: &str) -> http::Request<Body> {
    http::Request::builder().method(method).uri(url).body(body("")).unwrap()
}

/// Sends a request and reads the whole answer.
pub(crate) async fn exchange(session: &Session, request: http::Request<Body>) -> Result<(u16, String), EgressError> {
    let response = session.send(request, Traffic::default()).await?;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

pub(crate) async fn get(session: &Session, url: &str) -> Result<(u16, String), EgressError> {
    exchange(session, request("GET", url)).await
}
