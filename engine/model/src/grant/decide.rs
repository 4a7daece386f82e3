//! May this request be made? The one place that says so, for HTTP and for sockets: yes with the grant that allows it, or
//! no with the rule that refused and the line that would allow it. Not here: making it.

use std::fmt;
use std::net::IpAddr;

use super::address::{AddressClass, Cidr};
use super::{
    DEFAULT_METHODS, Grants, Host, HostPattern, HttpGrant, NetGrant, Scheme, SecretGrant, SecretPlace, Transport,
    class_of,
};

/// A request that a guest wants to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpTarget {
    /// The method, in capitals.
    pub method: String,
    /// The scheme.
    pub scheme: Scheme,
    /// The host, canonical.
    pub host: Host,
    /// The port, also where it goes without saying.
    pub port: u16,
    /// The path, without the query, as it is sent.
    pub path: String,
}

/// A request as Denials and records of use say it: without the query, which may hold what is nobody's business.
impl fmt::Display for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            scheme,
            host,
            port,
            path,
        } = self;
        write!(f, "{method} {}://{host}", scheme.word())?;
        if *port != scheme.default_port() {
            write!(f, ":{port}")?;
        }
        f.write_str(path)
    }
}

/// A connection that a guest wants to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetTarget {
    /// TCP or UDP.
    pub transport: Transport,
    /// The host: the name that the guest looked up to get the address, else the address.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl fmt::Display for NetTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.transport.word(), self.host, self.port)
    }
}

/// Why something is refused, and what would allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct Refusal {
    /// The rule, as a sentence without a period: `no grant names that host`.
    pub rule: String,
    /// The exact lines under the step's `grants:` that would allow it; none where nothing can.
    pub allow: Option<String>,
    /// Whether it is the address that is refused: the name is granted.
    pub of_address: bool,
}

impl Refusal {
    /// A refusal that no grant can lift.
    pub fn never(rule: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            allow: None,
            of_address: false,
        }
    }

    /// A refusal that the line `allow` under `grants:` lifts.
    pub fn unless(rule: impl Into<String>, allow: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            allow: Some(allow.into()),
            of_address: false,
        }
    }
}

impl HttpGrant {
    fn least(target: &HttpTarget) -> Self {
        let mut grant = Self {
            scheme: target.scheme,
            host: HostPattern::Exact(target.host.clone()),
            port: target.port,
            path: "/".to_owned(),
            methods: DEFAULT_METHODS.map(str::to_owned).to_vec(),
            addresses: Vec::new(),
            ca: None,
            client: None,
        };
        if !grant.methods.contains(&target.method) {
            grant.methods = vec![target.method.clone()];
        }
        grant
    }

    fn is_for(&self, target: &HttpTarget) -> bool {
        self.scheme == target.scheme && self.port == target.port && self.host.matches(&target.host)
    }

    fn allows_method(&self, method: &str) -> bool {
        self.methods.iter().any(|own| own == method)
    }

    /// Whether a path begins with the grant's, segment by segment. A path that a server could read as another one
    /// (dot segments, encoded dots, slashes and percent signs, empty segments, parameters, backslashes) is covered by `/` alone.
    pub fn allows_path(&self, path: &str) -> bool {
        if self.path == "/" {
            return path.starts_with('/');
        }
        let lower = path.to_ascii_lowercase();
        let doubtful = ["%2e", "%2f", "%5c", "%25", "%00", "\\", "//", ";"]
            .iter()
            .any(|part| lower.contains(part))
            || lower.split('/').any(|segment| segment == "." || segment == "..");
        let prefix = self.path.trim_end_matches('/');
        !doubtful
            && path
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl Grants {
    /// The grants that allow an HTTP request by its form, in the order of the pipeline file; its addresses are checked
    /// when they are known ([`HttpGrant::allow_address`]), and the first grant that allows one of them is the one in use.
    ///
    /// # Errors
    /// No grant covers it.
    pub fn http(&self, target: &HttpTarget) -> Result<Vec<&HttpGrant>, Refusal> {
        let of_origin: Vec<&HttpGrant> = self.http.iter().filter(|grant| grant.is_for(target)).collect();
        let allows = |grant: &&&HttpGrant| grant.allows_method(&target.method) && grant.allows_path(&target.path);
        let allowing: Vec<&HttpGrant> = of_origin.iter().filter(allows).copied().collect();
        if !allowing.is_empty() {
            return Ok(allowing);
        }
        let line = |grant: &HttpGrant| format!("http: [{grant}]");
        if let Some(grant) = of_origin.iter().find(|grant| grant.allows_path(&target.path)) {
            let mut wider = (*grant).clone();
            wider.methods.push(target.method.clone());
            wider.methods.sort_unstable();
            let rule = format!("the grant of `{}` has no method `{}`", grant.url(), target.method);
            return Err(Refusal::unless(rule, line(&wider)));
        }
        let least = HttpGrant::least(target);
        if let Some(grant) = of_origin.first() {
            let rule = format!("the path is outside of what is granted, `{}`", grant.url());
            return Err(Refusal::unless(rule, line(&least)));
        }
        Err(Refusal::unless(
            "no `http:` grant names that scheme, host and port",
            line(&least),
        ))
    }

    /// The grants that allow a connection by its host and port, as [`Grants::http`] does for requests.
    ///
    /// # Errors
    /// No grant covers it.
    pub fn net(&self, target: &NetTarget) -> Result<Vec<&NetGrant>, Refusal> {
        let matches = |grant: &&NetGrant| {
            grant.transport == target.transport && grant.port == target.port && grant.host.matches(&target.host)
        };
        let allowing: Vec<&NetGrant> = self.net.iter().filter(matches).collect();
        if allowing.is_empty() {
            let allow = format!("net: [\"{target}\"]");
            return Err(Refusal::unless("no `net:` grant names that host and port", allow));
        }
        Ok(allowing)
    }

    /// Whether a name may be looked up: some socket grant is for it.
    ///
    /// # Errors
    /// None is.
    pub fn lookup(&self, host: &Host) -> Result<(), Refusal> {
        if self.net.iter().any(|grant| grant.host.matches(host)) {
            return Ok(());
        }
        Err(Refusal::unless(
            "no `net:` grant names that host",
            format!("net: [\"tcp://{host}:PORT\"]"),
        ))
    }

    /// Whether a secret may be put into a request at that place.
    ///
    /// # Errors
    /// The secret's grant does not name the origin or the place.
    pub fn place(&self, secret: &SecretGrant, target: &HttpTarget, place: &SecretPlace) -> Result<(), Refusal> {
        let with = |change: &dyn Fn(&mut SecretGrant)| {
            let mut wider = secret.clone();
            change(&mut wider);
            format!("secrets: {{ {wider} }}")
        };
        if !secret
            .to
            .iter()
            .any(|origin| origin.matches(target.scheme, &target.host, target.port))
        {
            let origin = super::Origin {
                scheme: target.scheme,
                host: HostPattern::Exact(target.host.clone()),
                port: target.port,
            };
            let rule = format!("the secret `{}` is not granted for `{origin}`", secret.name);
            return Err(Refusal::unless(rule, with(&|wider| wider.to.push(origin.clone()))));
        }
        if secret.places.contains(place) {
            return Ok(());
        }
        let rule = format!(
            "the secret `{}` is not granted for that place of a request",
            secret.name
        );
        Err(Refusal::unless(rule, with(&|wider| wider.places.push(place.clone()))))
    }
}

impl HttpGrant {
    /// Whether a host that the grant names may be reached at an address: it is public, or the grant names it (by
    /// `addresses:`, or by being for that very address).
    ///
    /// # Errors
    /// It is neither.
    pub fn allow_address(&self, host: &Host, address: IpAddr) -> Result<(), Refusal> {
        allow_address(&self.host, &self.addresses, address).map_err(|class| {
            let mut wider = self.clone();
            wider.addresses.push(address.to_canonical().into());
            refused_address(host, address, class, format!("http: [{wider}]"))
        })
    }
}

impl NetGrant {
    /// As [`HttpGrant::allow_address`].
    ///
    /// # Errors
    /// It is neither public nor named.
    pub fn allow_address(&self, host: &Host, address: IpAddr) -> Result<(), Refusal> {
        allow_address(&self.host, &self.addresses, address).map_err(|class| {
            let mut wider = self.clone();
            wider.addresses.push(address.to_canonical().into());
            refused_address(host, address, class, format!("net: [{wider}]"))
        })
    }
}

fn refused_address(host: &Host, address: IpAddr, class: AddressClass, allow: String) -> Refusal {
    Refusal {
        rule: format!("`{host}` is at {address}, {}", class.word()),
        allow: Some(allow),
        of_address: true,
    }
}

fn allow_address(host: &HostPattern, granted: &[Cidr], address: IpAddr) -> Result<(), AddressClass> {
    let address = address.to_canonical();
    let Some(class) = class_of(address) else {
        return Ok(());
    };
    let literal = *host == HostPattern::Exact(Host::Address(address));
    if literal || granted.iter().any(|range| range.contains(address)) {
        return Ok(());
    }
    Err(class)
}
