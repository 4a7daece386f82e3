//! The login that the host performs on a connection to PostgreSQL, so that a step never holds the password. Not here:
//! the connection (`session`), or anything after the login: that is the step's own talk.

use std::sync::Arc;
use std::time::Duration;

use airtight_model::grant::PostgresLogin;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::SecretValue;
use crate::error::EgressError;
use crate::record::Record;

/// What a login needs beside the connection.
pub(crate) struct LoginRequest<'a> {
    /// What was granted.
    pub(crate) login: &'a PostgresLogin,
    /// The password.
    pub(crate) password: SecretValue,
    /// `tcp://host:port`, for errors and records.
    pub(crate) to: String,
    /// The name that the server's certificate has to be for, and what it is checked by: there where `login.tls`.
    pub(crate) tls: Option<(rustls::pki_types::ServerName<'static>, Arc<rustls::ClientConfig>)>,
    /// How long the server may take for the login.
    pub(crate) time: Duration,
    /// Where refusals go.
    pub(crate) record: Record,
}

/// A stream of bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

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
    let _ = (server, login, password, tls, time, record);
    Err(EgressError::Login {
        to,
        cause: "not built yet".to_owned(),
    })
}
