//! The login that the host performs on a connection to PostgreSQL, so that a step never holds the password: the step
//! sends its start-up message, the host sends one of its own and authenticates, and the step is told that it is logged in.
//! Not here: the connection (`socket`), or anything after the login: that is the step's own talk.
//!
//! The messages are those of <https://www.postgresql.org/docs/current/protocol-flow.html>.

mod binding;
mod scram;
mod startup;
#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use airtight_model::grant::{PostgresLogin, Refusal};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::SecretValue;
use crate::error::EgressError;
use crate::record::Record;
use crate::secret::Redactor;
use startup::{Startup, Wanted};

/// What is between the step and the server, each way.
const BUFFER: usize = 64 << 10;
/// How long what a step wrote may take to leave after the step has dropped the connection.
const LINGER: Duration = Duration::from_secs(1);
/// Asks the server to encrypt.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// What a login needs beside the connection.
pub(crate) struct LoginRequest<'a> {
    /// What was granted.
    pub(crate) login: &'a PostgresLogin,
    /// The password.
    pub(crate) password: SecretValue,
    /// `tcp://host:port`, for errors and records.
    pub(crate) to: String,
    /// The name that the server's certificate has to be for, and what it is checked by: there where `login.tls`.
    pub(crate) tls: Option<(ServerName<'static>, Arc<rustls::ClientConfig>)>,
    /// How long the server may take for the login.
    pub(crate) time: Duration,
    /// Where refusals go.
    pub(crate) record: Record,
}

/// A stream of bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why a login ended.
#[derive(Debug)]
enum Failure {
    /// Told to the step as an error of the server's: the code of its kind, and the text.
    Told(&'static str, String),
    /// The server's own error, without the password: a whole message.
    Server(Vec<u8>),
    /// A connection broke: nobody is there to tell.
    Broken,
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// The server does not speak as it should.
fn protocol(text: impl Into<String>) -> Failure {
    Failure::Told("08P01", text.into())
}

/// The server wants what the host does not do, or is not the one that knows the password.
fn authentication(text: impl Into<String>) -> Failure {
    Failure::Told("28000", text.into())
}

/// What a task that logs in owns.
struct Session {
    user: String,
    database: Option<String>,
    password: SecretValue,
    binding: Option<Vec<u8>>,
    to: String,
    time: Duration,
    record: Record,
}

/// Encrypts the connection where the grant says so; then takes the step's start-up message, logs in, and lets the step
/// and the server talk.
///
/// # Errors
/// The server has no TLS or its certificate is not trusted. What goes wrong later the step reads from the stream.
pub(crate) async fn login<S>(server: S, request: LoginRequest<'_>) -> Result<Box<dyn Stream>, EgressError>
where
    S: Stream + 'static,
{
    let LoginRequest {
        login,
        password,
        to,
        tls,
        time,
        record,
    } = request;
    let (server, binding): (Box<dyn Stream>, _) = match tls {
        Some((name, config)) => {
            let begun = timeout(time, encrypted(server, name, config)).await;
            let begun = begun.map_err(|_| EgressError::TimedOut(format!("TLS with {to}")))?;
            let (stream, binding) = begun.map_err(|cause| EgressError::Tls { to: to.clone(), cause })?;
            (stream, binding)
        }
        None if login.tls => {
            let cause = "it was to be encrypted, and nothing says how".to_owned();
            return Err(EgressError::Tls { to, cause });
        }
        None => (Box::new(server), None),
    };
    let session = Session {
        user: login.user.clone(),
        database: login.database.clone(),
        password,
        binding,
        to,
        time,
        record,
    };
    let (guest, own) = tokio::io::duplex(BUFFER);
    let (alive, gone) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let talk = talk(own, server, session);
        tokio::pin!(talk);
        tokio::select! {
            () = &mut talk => {}
            _ = gone => {
                // What was written is sent, as a socket would; a server that does not end is left.
                let _ = timeout(LINGER, talk).await;
            }
        }
    });
    Ok(Box::new(LoggedIn { guest, _alive: alive }))
}

/// The step's end of the connection.
struct LoggedIn {
    guest: DuplexStream,
    /// Dropped with it: then the other end is closed too.
    _alive: oneshot::Sender<()>,
}

impl AsyncRead for LoggedIn {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.guest).poll_read(cx, buf)
    }
}

impl AsyncWrite for LoggedIn {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.guest).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.guest).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.guest).poll_shutdown(cx)
    }
}

/// TLS as PostgreSQL begins it, and what binds a login to it.
async fn encrypted<S: Stream + 'static>(
    mut server: S,
    name: ServerName<'static>,
    config: Arc<rustls::ClientConfig>,
) -> Result<(Box<dyn Stream>, Option<Vec<u8>>), String> {
    let text = |error: io::Error| crate::record::shown(&error.to_string());
    server.write_all(&SSL_REQUEST).await.map_err(text)?;
    server.flush().await.map_err(text)?;
    // One byte and no more: what came with it in the clear would be taken for something said inside.
    match server.read_u8().await.map_err(text)? {
        b'S' => {}
        b'N' => return Err("the server does not encrypt connections".to_owned()),
        _ => return Err("the server does not speak PostgreSQL's protocol".to_owned()),
    }
    let stream = TlsConnector::from(config).connect(name, server).await.map_err(text)?;
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    let binding = certificate.and_then(|certificate| binding::tls_server_end_point(certificate));
    Ok((Box::new(stream), binding))
}

/// Both parts of the talk, to its end.
async fn talk(mut guest: DuplexStream, mut server: Box<dyn Stream>, session: Session) {
    match logged_in(&mut guest, &mut server, session).await {
        Ok(()) => {
            let _ = tokio::io::copy_bidirectional(&mut guest, &mut server).await;
        }
        Err(Failure::Broken) => {}
        Err(Failure::Told(code, text)) => {
            let _ = guest.write_all(&fatal(code, &text)).await;
            let _ = guest.shutdown().await;
        }
        Err(Failure::Server(message)) => {
            let _ = guest.write_all(&message).await;
            let _ = guest.shutdown().await;
        }
    }
}

/// Takes the start-up message and authenticates. The password is gone when it returns.
async fn logged_in(guest: &mut DuplexStream, server: &mut Box<dyn Stream>, session: Session) -> Result<(), Failure> {
    let refuse = |what: &str, rule: &str| {
        let refusal = Refusal::never(rule);
        session
            .record
            .denied("net", &format!("{what} at {}", session.to), &refusal);
        authentication(rule)
    };
    let startup = match startup::read(guest).await? {
        Wanted::Session(startup) => startup,
        Wanted::Cancel => {
            return Err(refuse(
                "cancelling a query",
                "a connection that Airtight logs in cancels no queries of others",
            ));
        }
        Wanted::Refused(what, rule) => return Err(refuse(what, rule)),
    };
    let Session {
        user,
        database,
        password,
        binding,
        time,
        ..
    } = &session;
    let hello = Startup::to_server(&startup, user, database.as_deref());
    let mut redactor = Redactor::of(password);
    let server_side = async {
        server.write_all(&hello).await?;
        server.flush().await?;
        scram::authenticate(server, password, binding.clone(), &mut redactor).await
    };
    let late = |_| Failure::Told("08006", format!("the login at {} took too long", session.to));
    let told = timeout(*time, server_side).await.map_err(late)??;
    guest.write_all(&told).await?;
    guest.flush().await?;
    Ok(())
}

/// One message of a server.
struct Message {
    kind: u8,
    body: Vec<u8>,
}

impl Message {
    /// As it is sent.
    fn bytes(&self) -> Vec<u8> {
        let len = u32::try_from(self.body.len() + 4).unwrap_or(u32::MAX);
        [&[self.kind], len.to_be_bytes().as_slice(), &self.body].concat()
    }
}

/// An error that ends a connection, as a server would say it.
fn fatal(code: &str, text: &str) -> Vec<u8> {
    let text = format!("airtight: {}", text.replace('\0', ""));
    let mut body = Vec::new();
    for (field, value) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', code), (b'M', &text)] {
        body.push(field);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    Message { kind: b'E', body }.bytes()
}
