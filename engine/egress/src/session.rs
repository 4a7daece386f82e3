//! One attempt's way out: its grants, its bounds, the addresses that its names were pinned to, and the record of what it
//! did. Not here: how a guest calls it (`sandbox`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use airtight_model::grant::{Grants, Host};
use airtight_model::{Denial, NetLimits, Use};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::config::EgressConfig;
use crate::error::{EgressError, Struck};
use crate::secret::{AwsRequest, JwtAlgorithm, Redactor, SecretError, SecretHandle};

/// The body of a request or response.
pub type Body = UnsyncBoxBody<Bytes, EgressError>;

/// A process's way out.
#[derive(Debug, Clone)]
pub struct Egress(Arc<EgressConfig>);

impl Egress {
    /// A way out. Nothing is looked up, read or opened yet.
    pub fn new(config: EgressConfig) -> Self {
        Self(Arc::new(config))
    }

    /// The way out of one attempt.
    pub fn session(&self, grants: &Grants, limits: NetLimits) -> Session {
        let _ = (grants, limits, &self.0);
        Session {}
    }
}

/// Times that a guest asks for, beside the limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traffic {
    /// Until there is a connection.
    pub connect: Option<Duration>,
    /// Until the response begins.
    pub first_byte: Option<Duration>,
    /// Between two parts of the response's body.
    pub between_bytes: Option<Duration>,
}

/// One attempt's way out. Clones are the same session.
#[derive(Debug, Clone)]
pub struct Session {}

/// An open TCP connection, counted and bounded, logged in where the grant says so.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {
    /// The address of this end.
    fn local(&self) -> SocketAddr;
    /// The address of the other end.
    fn remote(&self) -> SocketAddr;
}

/// An open UDP socket: datagrams go to and come from what was granted alone.
#[derive(Debug)]
pub struct Datagrams {}

impl Datagrams {
    /// Sends one datagram.
    ///
    /// # Errors
    /// The address is not granted, a bound is struck, or the system refuses.
    pub async fn send(&self, _bytes: &[u8], _to: SocketAddr) -> Result<(), EgressError> {
        Ok(())
    }

    /// Receives one datagram from an address that is granted; others are dropped.
    ///
    /// # Errors
    /// A bound is struck, or the system fails.
    pub async fn receive(&self) -> Result<(Vec<u8>, SocketAddr), EgressError> {
        std::future::pending().await
    }

    /// The address of this end.
    pub fn local(&self) -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0], 0))
    }
}

fn not_built() -> EgressError {
    EgressError::Invalid("not built yet".to_owned())
}

impl Session {
    /// Sends a request, as the grants allow it: looks the host up, checks and pins its addresses, connects, puts secrets
    /// in, and takes them out of the response. Follows no redirect.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn send(
        &self,
        _request: http::Request<Body>,
        _times: Traffic,
    ) -> Result<http::Response<Body>, EgressError> {
        Err(not_built())
    }

    /// Looks a name up for a socket. The addresses are pinned to the name for the rest of the session.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn lookup(&self, _name: &Host) -> Result<Vec<IpAddr>, EgressError> {
        Err(not_built())
    }

    /// Opens a TCP connection to an address that was granted, or that a granted name was pinned to.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn connect(&self, _to: SocketAddr) -> Result<Box<dyn Connection>, EgressError> {
        Err(not_built())
    }

    /// Opens a UDP socket for an address family.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn datagrams(&self, _ipv6: bool) -> Result<Datagrams, EgressError> {
        Err(not_built())
    }

    /// Opens a secret by name.
    ///
    /// # Errors
    /// It was not granted.
    pub fn secret(&self, name: &str) -> Result<SecretHandle, SecretError> {
        Err(SecretError::Denied(name.to_owned()))
    }

    /// The placeholder of a secret.
    pub fn placeholder(&self, _secret: &SecretHandle) -> String {
        String::new()
    }

    /// The variables that hold placeholders: `env:` of the secrets' grants.
    pub fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// HMAC-SHA-256 with a secret.
    ///
    /// # Errors
    /// Not granted.
    pub fn hmac_sha256(&self, secret: &SecretHandle, _message: &[u8]) -> Result<Vec<u8>, SecretError> {
        Err(SecretError::Denied(secret.name.clone()))
    }

    /// The headers that sign a request.
    ///
    /// # Errors
    /// Not granted, or the request or the secret cannot be used.
    pub fn aws_sigv4(
        &self,
        secret: &SecretHandle,
        _request: &AwsRequest,
    ) -> Result<Vec<(String, String)>, SecretError> {
        Err(SecretError::Denied(secret.name.clone()))
    }

    /// A signed token.
    ///
    /// # Errors
    /// Not granted, or the claims or the key cannot be used.
    pub fn jwt_sign(
        &self,
        secret: &SecretHandle,
        _algorithm: JwtAlgorithm,
        _key_id: Option<&str>,
        _claims: &str,
    ) -> Result<String, SecretError> {
        Err(SecretError::Denied(secret.name.clone()))
    }

    /// What takes the session's secrets out of a text: for logs and streams, the second net.
    pub fn redactor(&self) -> Redactor {
        Redactor::none()
    }

    /// The bound that was struck, if one was: the attempt has to end.
    pub fn struck(&self) -> Option<Struck> {
        None
    }

    /// What was refused, and what was used, since the session began.
    pub fn record(&self) -> (Vec<Denial>, Vec<Use>) {
        (Vec::new(), Vec::new())
    }
}
