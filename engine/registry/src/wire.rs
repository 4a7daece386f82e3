//! One request and its answer, over a connection of its own: TLS unless plain HTTP was asked for or goes to this machine, every wait with
//! an end and every body with a bound. Not here: what is asked, and who asks (`auth`).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::error::{RegistryError, cut};

/// Headers of an answer that are read at most.
const MOST_HEADERS: usize = 128;
/// The most bytes of the head of an answer.
const MAX_HEAD: usize = 64 << 10;
/// How much of a body is given to the connection at a time.
const CHUNK: usize = 64 << 10;
/// What is sent as the client's name.
const AGENT: &str = concat!("airtight/", env!("CARGO_PKG_VERSION"));

/// How long a registry may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// For a connection with its TLS.
    pub connect: Duration,
    /// Between two bytes, and for the answer to begin.
    pub idle: Duration,
    /// For one request with its answer.
    pub total: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            total: Duration::from_secs(3600),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// The ways to registries.
#[derive(Debug)]
pub(crate) struct Wire {
    times: Times,
    /// Registries that are spoken to without TLS, as `HOST` or `HOST:PORT`.
    plain: Vec<String>,
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Wire {
    pub(crate) fn new(times: Times, plain: Vec<String>) -> Self {
        Self {
            times,
            plain,
            tls: OnceLock::new(),
        }
    }

    /// The address of a registry.
    pub(crate) fn base(&self, host: &str) -> Result<Url, RegistryError> {
        let broken = |error: url::ParseError| RegistryError::Unreachable {
            to: host.to_owned(),
            cause: error.to_string(),
        };
        let plain = Url::parse(&format!("http://{host}/")).map_err(broken)?;
        if self.may_be_plain(&plain) {
            return Ok(plain);
        }
        Url::parse(&format!("https://{host}/")).map_err(broken)
    }

    /// Whether this address may be spoken to without TLS.
    pub(crate) fn may_be_plain(&self, url: &Url) -> bool {
        is_local(url) || self.is_listed(url)
    }

    fn is_listed(&self, url: &Url) -> bool {
        let (host, to) = (url.host_str().unwrap_or_default(), name_of(url));
        self.plain.iter().any(|plain| *plain == host || *plain == to)
    }

    /// Sends a request and reads the head of its answer.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, RegistryError> {
        let to = name_of(&ask.url);
        let end = Instant::now() + self.times.total;
        let stream = self.connect(&ask.url, &to).await?;
        if ask.url.scheme() == "https" {
            let stream = self.begin_tls(stream, &ask.url, &to).await?;
            self.exchange(stream, ask, to, end).await
        } else {
            self.exchange(stream, ask, to, end).await
        }
    }

    async fn connect(&self, url: &Url, to: &str) -> Result<TcpStream, RegistryError> {
        let unreachable = |cause: String| RegistryError::Unreachable {
            to: to.to_owned(),
            cause,
        };
        let plain = url.scheme() == "http";
        if plain && !self.may_be_plain(url) {
            return Err(unreachable("plain HTTP was not asked for".to_owned()));
        }
        let port = url.port_or_known_default().unwrap_or(443);
        let until = Instant::now() + self.times.connect;
        let late = |_| RegistryError::TimedOut {
            to: to.to_owned(),
            what: "the connection",
        };
        let mut addresses: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            Some(Host::Domain(name)) => {
                let looked_up = timeout_at(until, tokio::net::lookup_host((name, port)))
                    .await
                    .map_err(late)?;
                looked_up.map_err(|error| unreachable(error.to_string()))?.collect()
            }
            None => Vec::new(),
        };
        if plain && !self.is_listed(url) {
            // A name that says that it is this machine is believed only if it leads there.
            addresses.retain(|address| is_loopback(address.ip()));
        }
        let mut last = unreachable("it has no address".to_owned());
        for address in addresses {
            match timeout_at(until, TcpStream::connect(address)).await.map_err(late)? {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => last = unreachable(error.to_string()),
            }
        }
        Err(last)
    }

    async fn begin_tls(
        &self,
        stream: TcpStream,
        url: &Url,
        to: &str,
    ) -> Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static, RegistryError> {
        let failed = |cause: String| RegistryError::Tls {
            to: to.to_owned(),
            cause: cut(&cause),
        };
        let name = match url.host() {
            Some(Host::Domain(name)) => {
                ServerName::try_from(name.to_owned()).map_err(|error| failed(error.to_string()))?
            }
            Some(Host::Ipv4(address)) => ServerName::IpAddress(IpAddr::V4(address).into()),
            Some(Host::Ipv6(address)) => ServerName::IpAddress(IpAddr::V6(address).into()),
            None => return Err(failed("it has no name".to_owned())),
        };
        let connector = TlsConnector::from(self.tls().map_err(failed)?);
        match timeout(self.times.connect, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(RegistryError::TimedOut {
                to: to.to_owned(),
                what: "the beginning of TLS",
            }),
        }
    }

    /// What is trusted: the roots of the system.
    fn tls(&self) -> Result<Arc<ClientConfig>, String> {
        if let Some(made) = self.tls.get() {
            return Ok(made.clone());
        }
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a root of the system cannot be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut made = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        made.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(self.tls.get_or_init(|| Arc::new(made)).clone())
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        ask: &Ask,
        to: String,
        end: Instant,
    ) -> Result<Answer, RegistryError> {
        let broken = |error: hyper::Error| protocol(&to, &error.to_string());
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder
            .max_headers(MOST_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_HEAD + (16 << 10));
        let (mut sender, driver) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = Driver(tokio::spawn(async move {
            // Who waits for the answer is told what went wrong.
            let _ = driver.await;
        }));
        let sent = Arc::new(AtomicU64::new(0));
        let request = request(ask, &to, sent.clone())?;
        let mut answer = Box::pin(sender.send_request(request));
        let response = loop {
            let before = sent.load(Ordering::SeqCst);
            let until = end.min(Instant::now() + self.times.idle);
            match timeout_at(until, &mut answer).await {
                Ok(response) => break response.map_err(broken)?,
                Err(_) if Instant::now() < end && sent.load(Ordering::SeqCst) != before => {}
                Err(_) => return Err(late(&to, "its answer")),
            }
        };
        let (parts, body) = response.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            to,
            body,
            idle: self.times.idle,
            end,
            _driver: driver,
        })
    }
}

/// Whether it is written as this machine.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// `HOST` or `HOST:PORT`.
pub(crate) fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn late(to: &str, what: &'static str) -> RegistryError {
    RegistryError::TimedOut {
        to: to.to_owned(),
        what,
    }
}

pub(crate) fn protocol(to: &str, cause: &str) -> RegistryError {
    RegistryError::Protocol {
        to: to.to_owned(),
        cause: cut(cause),
    }
}

fn request(ask: &Ask, to: &str, sent: Arc<AtomicU64>) -> Result<Request<Outgoing>, RegistryError> {
    let mut path = ask.url.path().to_owned();
    if let Some(query) = ask.url.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut request = Request::builder()
        .method(ask.method.clone())
        .uri(path)
        .header(header::HOST, to)
        .header(header::USER_AGENT, AGENT)
        .body(Outgoing::new(&ask.body, sent))
        .map_err(|error| protocol(to, &error.to_string()))?;
    request.headers_mut().extend(ask.headers.clone());
    Ok(request)
}

/// What drives a connection, as long as its answer is read.
#[derive(Debug)]
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body that says how much of it was taken.
#[derive(Debug)]
struct Outgoing {
    parts: VecDeque<Bytes>,
    left: u64,
    sent: Arc<AtomicU64>,
}

impl Outgoing {
    fn new(body: &Bytes, sent: Arc<AtomicU64>) -> Self {
        let starts = (0..body.len()).step_by(CHUNK);
        Self {
            parts: starts.map(|at| body.slice(at..body.len().min(at + CHUNK))).collect(),
            left: body.len() as u64,
            sent,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.pop_front();
        if let Some(part) = &part {
            self.left -= part.len() as u64;
            self.sent.fetch_add(part.len() as u64, Ordering::SeqCst);
        }
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// An answer whose head has come.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Who answered, for messages.
    pub(crate) to: String,
    body: Incoming,
    idle: Duration,
    end: Instant,
    _driver: Driver,
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Reads the body, part by part, up to a bound. `take` says whether to go on.
    pub(crate) async fn each(mut self, most: u64, mut take: impl FnMut(&[u8]) -> bool) -> Result<u64, RegistryError> {
        let mut count = 0u64;
        loop {
            let until = self.end.min(Instant::now() + self.idle);
            let Ok(frame) = timeout_at(until, self.body.frame()).await else {
                return Err(late(&self.to, "the rest of its answer"));
            };
            let frame = match frame {
                None => return Ok(count),
                Some(frame) => frame.map_err(|error| protocol(&self.to, &why(&error)))?,
            };
            let Some(part) = frame.data_ref() else { continue };
            count += part.len() as u64;
            if count > most {
                return Err(RegistryError::Size {
                    to: self.to,
                    cause: format!("it has more than {most} bytes"),
                });
            }
            if !take(part) {
                return Err(RegistryError::Stopped);
            }
        }
    }

    /// The whole body, up to a bound.
    pub(crate) async fn bytes(self, most: u64) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        self.each(most, |part| {
            bytes.extend_from_slice(part);
            true
        })
        .await?;
        Ok(bytes)
    }

    /// What the body says was wrong: the message of the registry's error, as far as there is one.
    pub(crate) async fn said(self) -> String {
        /// The most bytes of an error that are read.
        const MOST: u64 = 64 << 10;
        let Ok(bytes) = self.bytes(MOST).await else {
            return String::new();
        };
        let read: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
        let message = read.as_ref().and_then(|read| {
            let first = read.get("errors")?.get(0)?;
            first.get("message").or_else(|| first.get("code"))?.as_str()
        });
        cut(message.unwrap_or_default())
    }
}

/// The error and what is behind it.
fn why(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Waits for something as long as a connection may take.
pub(crate) async fn within<T>(
    time: Duration,
    to: &str,
    what: &'static str,
    work: impl Future<Output = T>,
) -> Result<T, RegistryError> {
    timeout(time, work).await.map_err(|_| late(to, what))
}
