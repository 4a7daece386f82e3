//! Grants: the powers over the outside that a step is given. Types, their texts, and the decisions over them, pure: the
//! same code decides for HTTP, for sockets, for the lock and for policy. Not here: opening a connection (`egress`), or
//! reading a pipeline file.

mod address;
mod cover;
mod decide;
mod host;

use std::fmt;

use crate::canonical::{canonical_enum, canonical_record};

pub use address::{AddressClass, Cidr, ParseCidrError, class_of};
pub use cover::Widening;
pub use decide::{HttpTarget, NetTarget, Refusal};
pub use host::{Host, HostPattern, Origin, ParseHostError, ParseOriginError, Scheme};

/// All that a step is given beside its mounts. The default is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// HTTP requests, in the order of the pipeline file.
    pub http: Vec<HttpGrant>,
    /// Sockets, in the order of the pipeline file.
    pub net: Vec<NetGrant>,
    /// Secrets, in the order of the pipeline file; names are unique.
    pub secrets: Vec<SecretGrant>,
    /// The real time.
    pub clock: bool,
    /// The operating system's randomness.
    pub random: bool,
}
canonical_record!(Grants {
    http,
    net,
    secrets,
    clock,
    random
});

impl Grants {
    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something outside the sandbox can answer: a host over HTTP or a socket.
    pub fn reaches_out(&self) -> bool {
        !self.http.is_empty() || !self.net.is_empty()
    }

    /// Whether randomness is the operating system's: it was granted, or something else makes the step see the world.
    pub fn real_random(&self) -> bool {
        self.random || self.clock || self.reaches_out()
    }

    /// The grant of the secret named `name`.
    pub fn secret(&self, name: &str) -> Option<&SecretGrant> {
        self.secrets.iter().find(|secret| secret.name == name)
    }
}

/// HTTP requests to one origin, or to the hosts below a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpGrant {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Which hosts.
    pub host: HostPattern,
    /// Which port.
    pub port: u16,
    /// What the path begins with, always `/` first: a whole segment each (`/v1` covers `/v1` and `/v1/x`, not `/v10`).
    pub path: String,
    /// Which methods, in capitals, ascending, each once: [`DEFAULT_METHODS`] where the pipeline says nothing.
    pub methods: Vec<String>,
    /// Private addresses that the host may have.
    pub addresses: Vec<Cidr>,
    /// The file of the project with the certificates that are trusted instead of the system's.
    pub ca: Option<String>,
    /// What the step's host shows of itself.
    pub client: Option<ClientCertificate>,
}
canonical_record!(HttpGrant {
    scheme,
    host,
    port,
    path,
    methods,
    addresses,
    ca,
    client
});

/// The methods of a grant that names none.
pub const DEFAULT_METHODS: [&str; 2] = ["GET", "HEAD"];

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The file of the project with the certificate and its chain, in PEM.
    pub certificate: String,
    /// The secret that is its private key, in PEM.
    pub key: String,
}
canonical_record!(ClientCertificate { certificate, key });

/// What a socket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}
canonical_enum!(Transport { 0 = Tcp, 1 = Udp });

impl Transport {
    /// The word in the pipeline file and in Denials.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Sockets to one host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetGrant {
    /// TCP or UDP.
    pub transport: Transport,
    /// Which hosts.
    pub host: HostPattern,
    /// Which port.
    pub port: u16,
    /// Private addresses that the host may have.
    pub addresses: Vec<Cidr>,
    /// A login that Airtight performs before the step speaks.
    pub login: Option<PostgresLogin>,
}
canonical_record!(NetGrant {
    transport,
    host,
    port,
    addresses,
    login
});

/// A login to PostgreSQL by SCRAM-SHA-256: the step connects, sends its start-up message and is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresLogin {
    /// The role; the step's own is replaced.
    pub user: String,
    /// The secret that is its password.
    pub password: String,
    /// The database, where the step may not choose.
    pub database: Option<String>,
    /// Whether the connection to the server is encrypted, and its certificate checked.
    pub tls: bool,
    /// The file of the project with the certificates that are trusted instead of the system's.
    pub ca: Option<String>,
}
canonical_record!(PostgresLogin {
    user,
    password,
    database,
    tls,
    ca
});

/// A secret that a step may use, but never sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretGrant {
    /// Its name in the pipeline file's `secrets:`.
    pub name: String,
    /// The origins that it may be sent to. Each has to be granted by `http:` too.
    pub to: Vec<Origin>,
    /// The places of a request that it may stand in.
    pub places: Vec<SecretPlace>,
    /// What may be computed with it.
    pub operations: Vec<SecretOperation>,
    /// The variable of the environment that holds the placeholder.
    pub env: Option<String>,
}
canonical_record!(SecretGrant {
    name,
    to,
    places,
    operations,
    env
});

/// Where in a request a secret may stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// In the value of the header with that name, lower case.
    Header(String),
    /// `Authorization: Bearer PLACEHOLDER`.
    Bearer,
    /// `Authorization: Basic …`, in the user or the password.
    Basic,
    /// In the value of the query parameter with that name.
    Query(String),
    /// In the text at that JSON pointer (RFC 6901) of a JSON body.
    Body(String),
}
canonical_enum!(SecretPlace { 0 = Header(name), 1 = Bearer, 2 = Basic, 3 = Query(name), 4 = Body(pointer) });

/// What can be computed with a secret that is never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretOperation {
    /// HMAC-SHA-256 of any bytes.
    HmacSha256,
    /// The headers of a request signed by AWS Signature Version 4, for the hosts of `to:` alone.
    AwsSigv4,
    /// A JSON Web Token with any claims.
    JwtSign,
}
canonical_enum!(SecretOperation { 0 = HmacSha256, 1 = AwsSigv4, 2 = JwtSign });

impl SecretOperation {
    /// All of them with their words in the pipeline file.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("hmac-sha256", Self::HmacSha256),
        ("aws-sigv4", Self::AwsSigv4),
        ("jwt-sign", Self::JwtSign),
    ];

    /// The word in the pipeline file.
    pub fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, known)| *known == self)
            .map_or("hmac-sha256", |(word, _)| word)
    }
}

/// A text as YAML in one line: plain where that is safe, else in quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name as YAML: plain where nothing else can be read from it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let reads_otherwise = ["true", "false", "null"]
        .iter()
        .any(|other| text.eq_ignore_ascii_case(other));
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(plain) && !reads_otherwise {
        text.to_owned()
    } else {
        quoted(text)
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(", "))
}

fn quoted_list<T: fmt::Display>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(&item.to_string())).collect();
    format!("[{}]", items.join(", "))
}

/// The URL of a grant: without a port or path that goes without saying.
fn url(scheme: &str, host: &HostPattern, port: u16, implied: Option<u16>, path: &str) -> String {
    let port = if implied == Some(port) {
        String::new()
    } else {
        format!(":{port}")
    };
    let path = if path == "/" { "" } else { path };
    format!("{scheme}://{host}{port}{path}")
}

impl HttpGrant {
    /// The URL that it names, as the pipeline file would say it.
    pub fn url(&self) -> String {
        url(
            self.scheme.word(),
            &self.host,
            self.port,
            Some(self.scheme.default_port()),
            &self.path,
        )
    }

    /// Whether its methods only read.
    pub fn only_reads(&self) -> bool {
        self.methods
            .iter()
            .all(|method| DEFAULT_METHODS.contains(&method.as_str()))
    }
}

/// An item of `http:` as the pipeline file would say it in one line.
impl fmt::Display for HttpGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.methods == DEFAULT_METHODS && self.addresses.is_empty();
        if plain && self.ca.is_none() && self.client.is_none() {
            return f.write_str(&quoted(&self.url()));
        }
        write!(f, "{{ url: {}", quoted(&self.url()))?;
        if self.methods != DEFAULT_METHODS {
            write!(f, ", methods: {}", list(&self.methods))?;
        }
        if !self.addresses.is_empty() {
            write!(f, ", addresses: {}", quoted_list(&self.addresses))?;
        }
        if let Some(ca) = &self.ca {
            write!(f, ", ca: {}", quoted(ca))?;
        }
        if let Some(ClientCertificate { certificate, key }) = &self.client {
            write!(
                f,
                ", client-certificate: {{ certificate: {}, key: {} }}",
                quoted(certificate),
                word(key)
            )?;
        }
        f.write_str(" }")
    }
}

impl NetGrant {
    /// The URL that it names, as the pipeline file would say it.
    pub fn url(&self) -> String {
        url(self.transport.word(), &self.host, self.port, None, "/")
    }
}

/// An item of `net:` as the pipeline file would say it in one line.
impl fmt::Display for NetGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.addresses.is_empty() && self.login.is_none() {
            return f.write_str(&quoted(&self.url()));
        }
        write!(f, "{{ to: {}", quoted(&self.url()))?;
        if !self.addresses.is_empty() {
            write!(f, ", addresses: {}", quoted_list(&self.addresses))?;
        }
        if let Some(login) = &self.login {
            write!(
                f,
                ", login: {{ postgres: {{ user: {}, password: {}",
                quoted(&login.user),
                word(&login.password)
            )?;
            if let Some(database) = &login.database {
                write!(f, ", database: {}", quoted(database))?;
            }
            if !login.tls {
                f.write_str(", tls: false")?;
            }
            if let Some(ca) = &login.ca {
                write!(f, ", ca: {}", quoted(ca))?;
            }
            f.write_str(" } }")?;
        }
        f.write_str(" }")
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "{{ header: {} }}", quoted(name)),
            Self::Bearer => f.write_str("bearer"),
            Self::Basic => f.write_str("basic"),
            Self::Query(name) => write!(f, "{{ query: {} }}", quoted(name)),
            Self::Body(pointer) => write!(f, "{{ body: {} }}", quoted(pointer)),
        }
    }
}

impl fmt::Display for SecretOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// An entry of `secrets:` under `grants:` as the pipeline file would say it in one line.
impl fmt::Display for SecretGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.to.is_empty() {
            parts.push(format!("to: {}", quoted_list(&self.to)));
        }
        if !self.places.is_empty() {
            parts.push(format!("in: {}", list(&self.places)));
        }
        if !self.operations.is_empty() {
            parts.push(format!("operations: {}", list(&self.operations)));
        }
        if let Some(env) = &self.env {
            parts.push(format!("env: {}", word(env)));
        }
        write!(f, "{}: {{ {} }}", word(&self.name), parts.join(", "))
    }
}

#[cfg(test)]
mod tests;
