//! `grants:` of a step, and the items of its lists, which the lock and policy files have too. Grants are literal: what a
//! step may do is known from the file alone. Not here: whether secrets are declared and paths inside the project
//! (`check`), and what grants allow (`model::grant`).

mod secret;
mod url;

use airtight_model::grant::{Cidr, ClientCertificate, DEFAULT_METHODS, HttpGrant, NetGrant, Origin, PostgresLogin};
use airtight_model::{Diagnostic, Span};

use super::Lower;
use crate::ast::{Granted, HttpItem, NetItem};
use crate::codes;
use crate::keys;
use crate::node::{Entry, Kind, Name, Node};

/// Methods that Airtight never sends.
const NEVER_SENT: [&str; 2] = ["CONNECT", "TRACE"];
/// The most items of one list of grants.
const MAX_ITEMS: usize = 1_000;

impl Lower<'_> {
    pub(crate) fn grants(&mut self, node: &Node) -> Granted {
        let before = self.found.len();
        let mut granted = Granted::default();
        for Entry { key, value } in self.map(node, "grants").unwrap_or_default() {
            match &*key.text {
                "http" => granted.http = self.items(value, "http", Self::http_item),
                "net" => granted.net = self.items(value, "net", Self::net_item),
                "secrets" => {
                    let entries = self.map(value, "secrets").unwrap_or_default();
                    granted.secrets = entries.iter().filter_map(|entry| self.secret_item(entry)).collect();
                }
                "clock" if self.real(value, "clock") => granted.clock = Some(key.span),
                "random" if self.real(value, "random") => granted.random = true,
                "clock" | "random" => {}
                _ => self.unknown_key(key, keys::GRANTS, "grants"),
            }
        }
        granted.faulty = self.found.len() > before;
        granted
    }

    /// Whether a value is `real`; anything else is reported.
    fn real(&mut self, node: &Node, what: &str) -> bool {
        if node.text() == Some("real") {
            return true;
        }
        let message = format!("`{what}:` takes `real`, not `{}`", self.raw(node.span));
        let help = format!("write `{what}: real`, or leave it out");
        self.found
            .push(Diagnostic::error(codes::BAD_VALUE, node.span, message).help(help));
        false
    }

    /// The items of a list; one item by itself is a list of one.
    fn items<T>(&mut self, node: &Node, what: &str, read: fn(&mut Self, &Node) -> Option<T>) -> Vec<T> {
        let items = match &node.kind {
            Kind::Text(_) | Kind::Map(_) => std::slice::from_ref(node),
            _ => self.list(node, what),
        };
        if items.len() > MAX_ITEMS {
            let message = format!("`{what}:` takes at most {MAX_ITEMS} items");
            self.found.push(
                Diagnostic::error(codes::TOO_LARGE, node.span, message).help("put hosts together: `*.example.com`"),
            );
            return Vec::new();
        }
        items.iter().filter_map(|item| read(self, item)).collect()
    }

    /// An item of `http:`.
    pub(crate) fn http_item(&mut self, node: &Node) -> Option<HttpItem> {
        if matches!(node.kind, Kind::Text(_)) {
            return self.http_url(node).map(|grant| HttpItem {
                grant,
                ca: None,
                certificate: None,
                key: None,
            });
        }
        let entries = self.map(node, "an item of `http:`")?;
        let (mut grant, mut methods, mut addresses) = (None, None, Vec::new());
        let (mut ca, mut certificate, mut secret) = (None, None, None);
        for Entry { key, value } in entries {
            match &*key.text {
                "url" => grant = self.http_url(value),
                "methods" => methods = Some(self.methods(value)),
                "addresses" => addresses = self.addresses(value),
                "ca" => ca = self.literal(value, "ca"),
                "client-certificate" => {
                    if let Some((file, key)) = self.client_certificate(value) {
                        (certificate, secret) = (Some(file), Some(key));
                    }
                }
                _ => self.unknown_key(key, keys::HTTP, "an item of `http:`"),
            }
        }
        if !entries.iter().any(|entry| entry.key.text == "url") {
            self.missing(node.span, "the grant names no host", "url: \"https://HOST\"");
        }
        let mut grant = grant?;
        grant.methods = methods.filter(|methods| !methods.is_empty()).unwrap_or(grant.methods);
        grant.addresses = addresses;
        grant.client = secret.as_ref().map(|key: &Name| ClientCertificate {
            certificate: String::new(),
            key: key.text.clone(),
        });
        Some(HttpItem {
            grant,
            ca,
            certificate,
            key: secret,
        })
    }

    fn http_url(&mut self, node: &Node) -> Option<HttpGrant> {
        let name = self.literal(node, "a grant")?;
        let (origin, path) = self.origin_with_path(&name)?;
        let Origin { scheme, host, port } = origin;
        let grant = HttpGrant {
            scheme,
            host,
            port,
            path: match path.trim_end_matches('/') {
                "" => "/".to_owned(),
                path => path.to_owned(),
            },
            methods: DEFAULT_METHODS.map(str::to_owned).to_vec(),
            addresses: Vec::new(),
            ca: None,
            client: None,
        };
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if !grant.allows_path(&grant.path) || grant.path.contains(odd) {
            let message = format!("the path `{}` could be read in two ways", grant.path);
            let help = "write a path without dot segments, empty segments, spaces, `;` and encoded `.`, `/` and `\\`";
            self.found
                .push(Diagnostic::error(codes::BAD_GRANT, name.span, message).help(help));
            return None;
        }
        Some(grant)
    }

    /// Methods in capitals, ascending, each once.
    fn methods(&mut self, node: &Node) -> Vec<String> {
        let names = self.names(node, "methods");
        if names.is_empty() && matches!(node.kind, Kind::List(_)) {
            let message = "a grant without methods allows nothing";
            self.found
                .push(Diagnostic::error(codes::BAD_METHOD, node.span, message).help("write `methods: [ GET, HEAD ]`"));
        }
        let mut methods = Vec::with_capacity(names.len());
        for name in names {
            let text = name.text.as_str();
            let capitals = text.to_ascii_uppercase();
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let wrong = if text.is_empty() || text.len() > 32 || !text.bytes().all(token) || text == "*" {
                Some((
                    format!("`{text}` is not a method"),
                    "write methods such as `GET` or `POST`, each by its name".to_owned(),
                ))
            } else if text != capitals {
                Some((
                    format!("the method `{text}` is not in capitals"),
                    format!("write `{capitals}`"),
                ))
            } else if NEVER_SENT.contains(&text) {
                Some((format!("`{text}` is never sent"), "remove it".to_owned()))
            } else {
                None
            };
            match wrong {
                Some((message, help)) => self
                    .found
                    .push(Diagnostic::error(codes::BAD_METHOD, name.span, message).help(help)),
                None => methods.push(name.text),
            }
        }
        methods.sort_unstable();
        methods.dedup();
        methods
    }

    fn addresses(&mut self, node: &Node) -> Vec<Cidr> {
        let mut ranges = Vec::new();
        for name in self.names(node, "addresses") {
            match name.text.parse() {
                Ok(range) => ranges.push(range),
                Err(error) => {
                    let help = "write an address, or the first address of a range and its bits: `10.0.0.0/8`";
                    self.found
                        .push(Diagnostic::error(codes::BAD_ADDRESSES, name.span, format!("{error}")).help(help));
                }
            }
        }
        ranges
    }

    /// The file and the key's secret.
    fn client_certificate(&mut self, node: &Node) -> Option<(Name, Name)> {
        let entries = self.map(node, "client-certificate")?;
        let (mut certificate, mut secret) = (None, None);
        for Entry { key, value } in entries {
            match &*key.text {
                "certificate" => certificate = self.literal(value, "certificate"),
                "key" => secret = self.literal(value, "key"),
                _ => self.unknown_key(key, keys::CLIENT_CERTIFICATE, "a client certificate"),
            }
        }
        self.required(
            entries,
            node.span,
            &[("certificate", "certificate: FILE"), ("key", "key: SECRET")],
        );
        certificate.zip(secret)
    }

    fn required(&mut self, entries: &[Entry], span: Span, keys: &[(&str, &str)]) {
        for (key, line) in keys {
            if !entries.iter().any(|entry| entry.key.text == *key) {
                self.missing(span, &format!("`{key}:` is missing"), line);
            }
        }
    }

    /// An item of `net:`.
    pub(crate) fn net_item(&mut self, node: &Node) -> Option<NetItem> {
        if matches!(node.kind, Kind::Text(_)) {
            return self.net_url(node).map(|grant| NetItem {
                grant,
                ca: None,
                password: None,
            });
        }
        let entries = self.map(node, "an item of `net:`")?;
        let (mut grant, mut addresses, mut login) = (None, Vec::new(), None);
        let (mut ca, mut password, mut place) = (None, None, None);
        for Entry { key, value } in entries {
            match &*key.text {
                "to" => grant = self.net_url(value),
                "addresses" => addresses = self.addresses(value),
                "login" => {
                    place = Some(key.span);
                    if let Some((read, secret, file)) = self.login(value) {
                        (login, password, ca) = (Some(read), Some(secret), file);
                    }
                }
                _ => self.unknown_key(key, keys::NET, "an item of `net:`"),
            }
        }
        if !entries.iter().any(|entry| entry.key.text == "to") {
            self.missing(node.span, "the grant names no host", "to: \"tcp://HOST:PORT\"");
        }
        let mut grant: NetGrant = grant?;
        if let (Some(span), airtight_model::grant::Transport::Udp) = (place, grant.transport) {
            let found = Diagnostic::error(codes::BAD_GRANT, span, "a login is made over `tcp://`");
            self.found
                .push(found.help("write `to: \"tcp://HOST:PORT\"`, or remove `login:`"));
        }
        grant.addresses = addresses;
        grant.login = login;
        Some(NetItem { grant, ca, password })
    }

    /// A login, the secret that is its password, and the file of its roots.
    fn login(&mut self, node: &Node) -> Option<(PostgresLogin, Name, Option<Name>)> {
        let entries = self.map(node, "login")?;
        let mut login = None;
        for Entry { key, value } in entries {
            match &*key.text {
                "postgres" => login = self.postgres(value),
                _ => self.unknown_key(key, keys::LOGIN, "a login"),
            }
        }
        self.required(
            entries,
            node.span,
            &[("postgres", "postgres: { user: NAME, password: SECRET }")],
        );
        login
    }

    fn postgres(&mut self, node: &Node) -> Option<(PostgresLogin, Name, Option<Name>)> {
        let entries = self.map(node, "postgres")?;
        let (mut user, mut password, mut database, mut ca) = (None, None, None, None);
        let mut tls = true;
        for Entry { key, value } in entries {
            match &*key.text {
                "user" => user = self.plain(value, "user"),
                "password" => password = self.literal(value, "password"),
                "database" => database = self.plain(value, "database"),
                "tls" => tls = self.boolean(value, "tls").unwrap_or(true),
                "ca" => ca = self.literal(value, "ca"),
                _ => self.unknown_key(key, keys::POSTGRES, "a login to PostgreSQL"),
            }
        }
        self.required(
            entries,
            node.span,
            &[("user", "user: NAME"), ("password", "password: SECRET")],
        );
        let (user, password) = (user?, password?);
        let login = PostgresLogin {
            user: user.text,
            password: password.text.clone(),
            database: database.map(|name| name.text),
            tls,
            ca: None,
        };
        Some((login, password, ca))
    }

    /// A text without control characters that is not empty.
    fn plain(&mut self, node: &Node, what: &str) -> Option<Name> {
        let name = self.literal(node, what)?;
        if name.text.is_empty() || name.text.len() > 1024 || name.text.chars().any(char::is_control) {
            let message = format!("`{what}:` takes a short text without control characters");
            self.found
                .push(Diagnostic::error(codes::BAD_VALUE, name.span, message).help("write a name"));
            return None;
        }
        Some(name)
    }
}
