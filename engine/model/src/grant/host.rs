//! Hosts and origins as a person writes them and as a guest says them, in one canonical form. Not here: what they
//! resolve to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::canonical::{Canonical, DecodeError, Decoder, Encoder, canonical_enum, canonical_record};

/// Of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Not encrypted.
    Http,
    /// TLS.
    Https,
}
canonical_enum!(Scheme { 0 = Http, 1 = Https });

impl Scheme {
    /// The word in a URL.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that goes without saying.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseHostError {
    /// It has characters that no host has, or labels that are empty or too long.
    #[error("`{0}` is not a host")]
    Invalid(String),
    /// A `*` that is not the whole first label.
    #[error("`{0}`: a `*` stands for whole names below a domain, as in `*.example.com`")]
    Star(String),
}

/// A host: a domain name in its canonical form, or an address.
///
/// Canonical is as the URL Standard (<https://url.spec.whatwg.org/#host-parsing>) has it: lower case, IDNA to ASCII,
/// decimal, octal and hexadecimal forms of IPv4 read as the address that they are; and without a dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name.
    Name(String),
    /// An address.
    Address(IpAddr),
}

fn invalid(text: &str) -> ParseHostError {
    ParseHostError::Invalid(text.chars().take(260).collect())
}

impl FromStr for Host {
    type Err = ParseHostError;

    fn from_str(text: &str) -> Result<Self, ParseHostError> {
        // The URL Standard decodes `%`: nobody means that.
        if text.is_empty() || text.len() > 1024 || text.contains(['%', '@', '/', '\\', '#', '?']) {
            return Err(invalid(text));
        }
        match url::Host::parse(text).map_err(|_| invalid(text))? {
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            // `::ffff:a.b.c.d` is another way to say `a.b.c.d`.
            url::Host::Ipv6(address) => Ok(Self::Address(IpAddr::from(address).to_canonical())),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                let label = |label: &str| {
                    let plain = label
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                    !label.is_empty() && label.len() <= 63 && plain && !label.starts_with('-') && !label.ends_with('-')
                };
                if name.len() > 253 || !name.split('.').all(label) {
                    return Err(invalid(text));
                }
                Ok(Self::Name(name.to_owned()))
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// The hosts of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// That host alone.
    Exact(Host),
    /// Every name below that one (`*.example.com`), not that name itself.
    Below(String),
}

impl HostPattern {
    /// Whether the host is one of them.
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(own), host) => own == host,
            (Self::Below(suffix), Host::Name(name)) => name
                .strip_suffix(suffix.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
            (Self::Below(_), Host::Address(_)) => false,
        }
    }

    /// Whether every host of `other` is one of them.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Exact(host)) => self.matches(host),
            (Self::Below(own), Self::Below(theirs)) => {
                own == theirs
                    || theirs
                        .strip_suffix(own.as_str())
                        .is_some_and(|rest| rest.ends_with('.'))
            }
            (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

impl FromStr for HostPattern {
    type Err = ParseHostError;

    fn from_str(text: &str) -> Result<Self, ParseHostError> {
        let Some(rest) = text.strip_prefix("*.") else {
            if text.contains('*') {
                return Err(ParseHostError::Star(text.to_owned()));
            }
            return text.parse().map(Self::Exact);
        };
        match rest.parse()? {
            // `*.com` would be a whole registry; a name of one label is nobody's domain.
            Host::Name(name) if name.contains('.') => Ok(Self::Below(name)),
            Host::Name(_) | Host::Address(_) => Err(ParseHostError::Star(text.to_owned())),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => write!(f, "{host}"),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

impl Canonical for HostPattern {
    fn encode(&self, out: &mut Encoder) {
        self.to_string().encode(out);
    }
    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let text = String::decode(from)?;
        let parsed: Self = text.parse().map_err(|_| from.invalid("a pattern of hosts"))?;
        if parsed.to_string() == text {
            Ok(parsed)
        } else {
            Err(from.invalid("a pattern of hosts in another form"))
        }
    }
}

/// Why a text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseOriginError {
    /// No `SCHEME://`, or another scheme than the ones there are.
    #[error("`{0}` does not begin with `https://` or `http://`")]
    Scheme(String),
    /// A user before the host.
    #[error("`{0}` has a user in it: use a secret instead")]
    User(String),
    /// A port that is not a number from 1 to 65535.
    #[error("`{0}` has no usable port")]
    Port(String),
    /// A query or fragment, or a path where none can be.
    #[error("`{0}` has more than a host, a port and a path")]
    Rest(String),
    /// The host.
    #[error(transparent)]
    Host(#[from] ParseHostError),
}

/// A scheme, hosts and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Which hosts.
    pub host: HostPattern,
    /// Which port.
    pub port: u16,
}
canonical_record!(Origin { scheme, host, port });

/// The host, the port if there is one, and the path (beginning with `/`, or empty) of what follows `SCHEME://`.
pub(crate) fn authority(rest: &str) -> Result<(HostPattern, Option<u16>, &str), ParseOriginError> {
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(ParseOriginError::User(rest.to_owned()));
    }
    if path.contains(['?', '#', '\\']) {
        return Err(ParseOriginError::Rest(rest.to_owned()));
    }
    let (host, port) = match authority.rfind(':') {
        Some(at) if !authority[at..].contains(']') => (&authority[..at], Some(&authority[at + 1..])),
        _ => (authority, None),
    };
    let port = match port {
        None => None,
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => match text.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(ParseOriginError::Port(rest.to_owned())),
        },
        Some(_) => return Err(ParseOriginError::Port(rest.to_owned())),
    };
    Ok((host.parse()?, port, path))
}

impl Origin {
    /// Whether it is the origin of a request to `host` and `port`.
    pub fn matches(&self, scheme: Scheme, host: &Host, port: u16) -> bool {
        self.scheme == scheme && self.port == port && self.host.matches(host)
    }

    /// Reads `https://host:port/path`; the path is `/` where there is none.
    ///
    /// # Errors
    /// Another scheme, a user, a query, or a host or port that cannot be.
    pub fn with_path(text: &str) -> Result<(Self, String), ParseOriginError> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            _ => return Err(ParseOriginError::Scheme(text.to_owned())),
        };
        let (host, port, path) = authority(rest)?;
        let port = port.unwrap_or(scheme.default_port());
        let path = if path.is_empty() { "/" } else { path };
        Ok((Self { scheme, host, port }, path.to_owned()))
    }
}

impl FromStr for Origin {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, ParseOriginError> {
        match Self::with_path(text)? {
            (origin, path) if path == "/" => Ok(origin),
            _ => Err(ParseOriginError::Rest(text.to_owned())),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::url(
            self.scheme.word(),
            &self.host,
            self.port,
            Some(self.scheme.default_port()),
            "/",
        ))
    }
}
