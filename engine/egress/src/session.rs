//! One attempt's way out: its grants, its bounds, the addresses that its names were pinned to, and the record of what it
//! did. Not here: how a guest calls it (`sandbox`).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use airtight_model::grant::{Grants, Host, Refusal};
use airtight_model::{Denial, NetLimits, Use};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::timeout_at;

use crate::bounds::{Bounds, Permit};
use crate::config::EgressConfig;
use crate::error::{EgressError, Struck};
use crate::names::{Names, System};
use crate::record::Record;
use crate::secret::{AwsRequest, JwtAlgorithm, Redactor, SecretError, SecretHandle, Vault};
use crate::socket::{self, Connection, Datagrams};
use crate::tls::{Tls, TlsChoice};
use crate::web;

/// The body of a request or response.
pub type Body = UnsyncBoxBody<Bytes, EgressError>;

/// What the sessions of a process share.
#[derive(Debug)]
pub(crate) struct Process {
    config: Arc<EgressConfig>,
    system: System,
    tls: Tls,
}

/// A process's way out.
#[derive(Debug, Clone)]
pub struct Egress(Arc<Process>);

impl Egress {
    /// A way out. Nothing is looked up, read or opened yet.
    pub fn new(config: EgressConfig) -> Self {
        Self(Arc::new(Process {
            config: Arc::new(config),
            system: System::default(),
            tls: Tls::default(),
        }))
    }

    /// Reads what the system says of names (resolver, hosts file) and which roots it trusts, for a process that cannot
    /// read files later. Without it, each is read when it is first needed; where no step reaches out, nothing is.
    pub fn load(&self) {
        if !self.reaches_out() {
            return;
        }
        self.0.system.load(&self.0.config.dns);
        self.0.tls.roots.get();
    }

    /// Whether some step may reach out.
    pub fn reaches_out(&self) -> bool {
        self.0.config.reaches_out
    }

    /// The way out of one attempt.
    pub fn session(&self, grants: &Grants, limits: NetLimits) -> Session {
        let grants = Arc::new(grants.clone());
        let record = Record::default();
        Session(Arc::new(Inner {
            vault: Vault::new(grants.clone(), self.0.config.clone(), record.clone()),
            process: self.0.clone(),
            grants,
            bounds: Bounds::new(limits),
            record,
            names: Names::default(),
            pool: web::Pool::default(),
        }))
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
#[derive(Clone)]
pub struct Session(Arc<Inner>);

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("grants", &self.0.grants)
            .finish_non_exhaustive()
    }
}

/// What a session is made of.
pub(crate) struct Inner {
    process: Arc<Process>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) bounds: Arc<Bounds>,
    pub(crate) record: Record,
    pub(crate) vault: Vault,
    pub(crate) names: Names,
    pub(crate) pool: web::Pool,
}

impl Inner {
    /// Records a refusal.
    pub(crate) fn deny(&self, capability: &str, request: &str, refusal: Refusal) -> EgressError {
        self.record.denied(capability, request, &refusal);
        refusal.into()
    }

    /// Room for one more connection.
    pub(crate) fn permit(&self) -> Result<Permit, Struck> {
        self.bounds.check()?;
        if let Some(permit) = self.bounds.try_open() {
            return Ok(permit);
        }
        // A connection that waits for a next request is nobody's need.
        self.pool.evict();
        self.bounds.open()
    }

    /// The addresses of a host, pinned.
    pub(crate) async fn addresses(&self, host: &Host) -> Result<Arc<[IpAddr]>, EgressError> {
        let Process { config, system, .. } = &*self.process;
        self.names.addresses(system, &config.dns, &self.bounds, host).await
    }

    /// How TLS is spoken with a server.
    pub(crate) fn tls(&self, choice: &TlsChoice, to: &str) -> Result<Arc<rustls::ClientConfig>, EgressError> {
        let Process { config, tls, .. } = &*self.process;
        tls.config(config, choice).map_err(|cause| EgressError::Tls {
            to: to.to_owned(),
            cause,
        })
    }

    /// Once a bound is struck, that is what everything fails with.
    fn settle<T>(&self, result: Result<T, EgressError>) -> Result<T, EgressError> {
        match (result, self.bounds.struck()) {
            (Err(_), Some(struck)) => Err(struck.into()),
            (result, _) => result,
        }
    }
}

impl Session {
    /// Sends a request, as the grants allow it: looks the host up, checks and pins its addresses, connects, puts secrets
    /// in, and takes them out of the response. Follows no redirect. Dropping the future, or the response's body before
    /// its end, closes the connection.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn send(
        &self,
        request: http::Request<Body>,
        times: Traffic,
    ) -> Result<http::Response<Body>, EgressError> {
        self.0.settle(web::send(&self.0, request, times).await)
    }

    /// Looks a name up for a socket. The addresses are pinned to the name for the rest of the session; those that no
    /// grant allows are left out.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn lookup(&self, name: &Host) -> Result<Vec<IpAddr>, EgressError> {
        self.0.settle(socket::lookup(&self.0, name).await)
    }

    /// Opens a TCP connection to an address that was granted, or that a granted name was pinned to.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn connect(&self, to: SocketAddr) -> Result<Box<dyn Connection>, EgressError> {
        let within = timeout_at(self.0.bounds.deadline(), socket::connect(&self.0, to)).await;
        let result = within.unwrap_or_else(|_| Err(EgressError::TimedOut(format!("a connection to {to}"))));
        self.0.settle(result)
    }

    /// Opens a UDP socket for an address family.
    ///
    /// # Errors
    /// See [`EgressError`]. A refusal is recorded as a Denial.
    pub async fn datagrams(&self, ipv6: bool) -> Result<Datagrams, EgressError> {
        self.0.settle(socket::datagrams(&self.0, ipv6).await)
    }

    /// Opens a secret by name.
    ///
    /// # Errors
    /// It was not granted.
    pub fn secret(&self, name: &str) -> Result<SecretHandle, SecretError> {
        self.0.vault.open(name)
    }

    /// The placeholder of a secret.
    pub fn placeholder(&self, secret: &SecretHandle) -> String {
        self.0.vault.placeholder(secret)
    }

    /// The variables that hold placeholders: `env:` of the secrets' grants.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.0.vault.environment()
    }

    /// HMAC-SHA-256 with a secret.
    ///
    /// # Errors
    /// Not granted.
    pub fn hmac_sha256(&self, secret: &SecretHandle, message: &[u8]) -> Result<Vec<u8>, SecretError> {
        self.0.vault.hmac_sha256(secret, message)
    }

    /// The headers that sign a request.
    ///
    /// # Errors
    /// Not granted, or the request or the secret cannot be used.
    pub fn aws_sigv4(&self, secret: &SecretHandle, request: &AwsRequest) -> Result<Vec<(String, String)>, SecretError> {
        self.0.vault.aws_sigv4(secret, request)
    }

    /// A signed token.
    ///
    /// # Errors
    /// Not granted, or the claims or the key cannot be used.
    pub fn jwt_sign(
        &self,
        secret: &SecretHandle,
        algorithm: JwtAlgorithm,
        key_id: Option<&str>,
        claims: &str,
    ) -> Result<String, SecretError> {
        self.0.vault.jwt_sign(secret, algorithm, key_id, claims)
    }

    /// What takes the session's secrets out of a text: for logs and streams, the second net.
    pub fn redactor(&self) -> Redactor {
        self.0.vault.redactor()
    }

    /// The bound that was struck, if one was: the attempt has to end.
    pub fn struck(&self) -> Option<Struck> {
        self.0.bounds.struck()
    }

    /// What was refused, and what was used, since the session began.
    pub fn record(&self) -> (Vec<Denial>, Vec<Use>) {
        self.0.record.read()
    }
}
