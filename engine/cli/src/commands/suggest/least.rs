//! The least grants for what a step did. Pure. Not here: how they are printed.

use std::collections::{BTreeMap, BTreeSet};

use airtight_model::Grants;
use airtight_model::grant::{
    DEFAULT_METHODS, Host, HostPattern, HttpGrant, NetGrant, Origin, Scheme, SecretGrant, Transport,
};
use airtight_model::history::StepHistory;

use crate::commands::query::host_of;

/// Lines under `grants:`, and what is to be said beside them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Least {
    pub(super) lines: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// The least grants that cover what the step used and was refused.
pub(super) fn least(present: &Grants, did: &StepHistory) -> Least {
    let mut least = Least::default();
    let mut wanted = Wanted::default();
    for used in &did.uses {
        match used.capability.as_str() {
            "http" | "net" => wanted.request(&used.request, Some(&used.grant)),
            "secrets" => drop(wanted.secrets.insert((used.request.clone(), used.grant.clone()))),
            "clock" => wanted.clock = true,
            "random" => wanted.random = true,
            _ => {}
        }
    }
    for denial in &did.denials {
        match (&denial.allow, denial.capability.as_str()) {
            (None, _) => least
                .notes
                .push(format!("refused, and no grant can allow it: {}", denial.request)),
            (Some(allow), "http" | "net") if !allow.starts_with("addresses:") && host_of(&denial.request).is_some() => {
                wanted.request(&denial.request, None);
            }
            (Some(allow), _) => least
                .notes
                .push(format!("refused: {}: it would need {allow}", denial.request)),
        }
    }
    let own = |list: &[String]| list.iter().map(|item| format!("  - {item}")).collect::<Vec<_>>();
    let http = wanted.http(&did.grants);
    let net = wanted.net(&did.grants);
    for (name, items) in [("http", &http), ("net", &net)] {
        if !items.is_empty() {
            least.lines.push(format!("{name}:"));
            least.lines.extend(own(items));
        }
    }
    let secrets = wanted.secrets(&did.grants);
    if !secrets.is_empty() {
        least.lines.push("secrets:".to_owned());
        least.lines.extend(secrets.iter().map(|grant| format!("  {grant}")));
    }
    for (name, given) in [("clock", wanted.clock), ("random", wanted.random)] {
        if given {
            least.lines.push(format!("{name}: real"));
        }
    }
    least.notes.extend(unused(present, did, &wanted));
    least
}

/// The present grants that nothing was done with.
fn unused(present: &Grants, did: &StepHistory, wanted: &Wanted) -> Vec<String> {
    let used = |capability: &str, item: &String| {
        did.uses
            .iter()
            .any(|used| used.capability == capability && used.grant == *item)
    };
    let mut notes = Vec::new();
    let mut note = |line: String| notes.push(format!("not used, could go: {line}"));
    for item in present
        .http
        .iter()
        .map(ToString::to_string)
        .filter(|item| !used("http", item))
    {
        note(format!("http: {item}"));
    }
    for item in present
        .net
        .iter()
        .map(ToString::to_string)
        .filter(|item| !used("net", item))
    {
        note(format!("net: {item}"));
    }
    for item in present
        .secrets
        .iter()
        .map(ToString::to_string)
        .filter(|item| !used("secrets", item))
    {
        note(format!("secrets: {{ {item} }}"));
    }
    if present.clock && !wanted.clock {
        note("clock: real".to_owned());
    }
    if present.random && !wanted.random {
        note("random: real".to_owned());
    }
    notes
}

/// What is common to all requests to one origin.
#[derive(Debug, Default)]
struct Requests {
    methods: BTreeSet<String>,
    /// The segments that all paths begin with; none before the first.
    common: Option<Vec<String>>,
    /// The grants that allowed them.
    grants: BTreeSet<String>,
}

type HttpOrigin = (&'static str, String, u16);
/// What is common to all connections to one host and port: of it, and the grants that allowed them.
type Sockets = (Transport, Host, BTreeSet<String>);

/// What a step wants of the world.
#[derive(Debug, Default)]
struct Wanted {
    http: BTreeMap<HttpOrigin, (Scheme, Host, Requests)>,
    net: BTreeMap<(String, String, u16), Sockets>,
    /// Request and grant.
    secrets: BTreeSet<(String, String)>,
    clock: bool,
    random: bool,
}

impl Wanted {
    /// Adds a request in the form in which it is recorded: `GET https://host:port/path`, `tcp://host:port`.
    fn request(&mut self, request: &str, grant: Option<&String>) {
        let Some(host) = host_of(request) else { return };
        let Some((before, rest)) = request.split_once("://") else {
            return;
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let port = authority
            .rsplit_once(':')
            .and_then(|(_, port)| port.parse::<u16>().ok());
        let transport = match before {
            "tcp" => Some(Transport::Tcp),
            "udp" => Some(Transport::Udp),
            _ => None,
        };
        if let (Some(transport), Some(port)) = (transport, port) {
            let key = (transport.word().to_owned(), host.to_string(), port);
            let entry = self
                .net
                .entry(key)
                .or_insert_with(|| (transport, host, BTreeSet::new()));
            entry.2.extend(grant.cloned());
            return;
        }
        let Some((method, scheme)) = before.split_once(' ') else {
            return;
        };
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return,
        };
        let port = port.unwrap_or(scheme.default_port());
        let key = (scheme.word(), host.to_string(), port);
        let (_, _, requests) = self
            .http
            .entry(key)
            .or_insert_with(|| (scheme, host, Requests::default()));
        requests.methods.insert(method.to_owned());
        requests.grants.extend(grant.cloned());
        let mut folders: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
        // A last segment is a file of its folder; one that is cut (`…`) says nothing.
        folders.pop();
        requests.common = Some(match requests.common.take() {
            None => folders,
            Some(common) => common
                .into_iter()
                .zip(folders)
                .take_while(|(a, b)| a == b)
                .map(|(a, _)| a)
                .collect(),
        });
    }

    /// Items of `http:`. What a present grant says beside its URL stays with the requests that it allowed.
    fn http(&self, present: &Grants) -> Vec<String> {
        let mut items = Vec::new();
        for ((_, _, port), (scheme, host, requests)) in &self.http {
            let by = present
                .http
                .iter()
                .find(|grant| requests.grants.contains(&grant.to_string()));
            let mut methods: Vec<String> = requests.methods.iter().cloned().collect();
            if methods.iter().all(|method| DEFAULT_METHODS.contains(&method.as_str())) {
                methods = DEFAULT_METHODS.map(str::to_owned).to_vec();
            }
            let common = requests.common.as_deref().unwrap_or_default();
            let path = format!("/{}", common.join("/"));
            let mut grant = HttpGrant {
                scheme: *scheme,
                host: HostPattern::Exact(host.clone()),
                port: *port,
                path,
                methods,
                addresses: by.map_or_else(Vec::new, |grant| grant.addresses.clone()),
                ca: by.and_then(|grant| grant.ca.clone()),
                client: by.and_then(|grant| grant.client.clone()),
            };
            // A path that a grant cannot cover segment by segment is covered by the whole host alone.
            if !grant.allows_path(&grant.path) {
                grant.path = "/".to_owned();
            }
            items.push(grant.to_string());
        }
        items
    }

    /// Items of `net:`.
    fn net(&self, present: &Grants) -> Vec<String> {
        let item = |(key, wanted): (&(String, String, u16), &Sockets)| {
            let ((_, _, port), (transport, host, grants)) = (key, wanted);
            let by = present.net.iter().find(|grant| grants.contains(&grant.to_string()));
            let grant = NetGrant {
                transport: *transport,
                host: HostPattern::Exact(host.clone()),
                port: *port,
                addresses: by.map_or_else(Vec::new, |grant| grant.addresses.clone()),
                login: by.and_then(|grant| grant.login.clone()),
            };
            grant.to_string()
        };
        self.net.iter().map(item).collect()
    }

    /// Entries of `secrets:`: what was used of each that is there.
    fn secrets(&self, present: &Grants) -> Vec<String> {
        let mut entries = Vec::new();
        for grant in &present.secrets {
            let item = grant.to_string();
            let of_it: Vec<&str> = self
                .secrets
                .iter()
                .filter(|(_, by)| *by == item)
                .map(|(what, _)| what.as_str())
                .collect();
            if of_it.is_empty() {
                continue;
            }
            let computed = |word: &str| of_it.iter().any(|what| *what == format!("{} for {word}", grant.name));
            let sent: BTreeSet<&str> = of_it
                .iter()
                .filter_map(|what| what.split_once(" to ").map(|(_, to)| to))
                .collect();
            let origins = sent.iter().filter_map(|origin| origin.parse::<Origin>().ok()).collect();
            let operations: Vec<_> = grant
                .operations
                .iter()
                .copied()
                .filter(|operation| computed(operation.word()))
                .collect();
            // A signature is for the hosts that are granted, so they stay where one was made.
            let to = if operations.is_empty() {
                origins
            } else {
                grant.to.clone()
            };
            let least = SecretGrant {
                name: grant.name.clone(),
                to,
                places: if sent.is_empty() {
                    Vec::new()
                } else {
                    grant.places.clone()
                },
                operations,
                env: grant.env.clone(),
            };
            entries.push(least.to_string());
        }
        entries
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use airtight_model::{Class, Denial, Outcome, Use};

    fn history(grants: Grants, uses: &[(&str, &str, &str)], denials: &[(&str, &str, &str)]) -> StepHistory {
        let used = |(capability, request, grant): &(&str, &str, &str)| Use {
            capability: (*capability).to_owned(),
            request: (*request).to_owned(),
            grant: (*grant).to_owned(),
            count: 1,
            sent: 0,
            received: 0,
        };
        let denied = |(capability, request, allow): &(&str, &str, &str)| Denial {
            capability: (*capability).to_owned(),
            request: (*request).to_owned(),
            rule: "no".to_owned(),
            allow: (!allow.is_empty()).then(|| (*allow).to_owned()),
            count: 1,
        };
        StepHistory {
            step: "a".to_owned(),
            class: Class::Effectful,
            outcome: Outcome::Denied,
            attempts: 1,
            complete: true,
            grants,
            mounts: Vec::new(),
            uses: uses.iter().map(used).collect(),
            denials: denials.iter().map(denied).collect(),
            reads: None,
        }
    }

    fn http(url: &str, methods: &[&str]) -> HttpGrant {
        let (Origin { scheme, host, port }, path) = Origin::with_path(url).unwrap();
        HttpGrant {
            scheme,
            host,
            port,
            path,
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            addresses: vec!["10.0.0.0/8".parse().unwrap()],
            ca: None,
            client: None,
        }
    }

    // Exact hosts, the folder that all paths share, the methods that were used; what is not used is named.
    #[test]
    fn the_least_grant_is_for_what_was_asked_for_alone() {
        let wide = http("https://*.example.com", &["GET", "HEAD", "POST"]);
        let idle = http("https://idle.example.com", &["GET", "HEAD"]);
        let item = wide.to_string();
        let grants = Grants {
            http: vec![wide, idle.clone()],
            clock: true,
            ..Grants::default()
        };
        let uses = [
            ("http", "GET https://api.example.com/v1/a/x", item.as_str()),
            ("http", "GET https://api.example.com/v1/b", item.as_str()),
            ("http", "POST https://up.example.com:8443/", item.as_str()),
        ];
        let found = least(&grants, &history(grants.clone(), &uses, &[]));
        assert_eq!(
            found.lines,
            [
                "http:",
                r#"  - { url: "https://api.example.com/v1", addresses: ["10.0.0.0/8"] }"#,
                r#"  - { url: "https://up.example.com:8443", methods: [POST], addresses: ["10.0.0.0/8"] }"#,
            ]
        );
        assert_eq!(
            found.notes,
            [
                format!("not used, could go: http: {idle}"),
                "not used, could go: clock: real".to_owned()
            ]
        );
    }

    // What was refused is in the suggestion where a grant can allow it, and said where none can.
    #[test]
    fn what_was_refused_is_suggested_where_it_can_be_allowed() {
        let denials = [
            ("http", "GET https://crates.io/api", "http: [\"https://crates.io\"]"),
            (
                "net",
                "tcp://db.example.com:5432",
                "net: [\"tcp://db.example.com:5432\"]",
            ),
            ("net", "listen", ""),
            ("http", "GET https://intra.example.com/", "addresses: [\"10.0.0.1\"]"),
        ];
        let found = least(&Grants::default(), &history(Grants::default(), &[], &denials));
        assert_eq!(
            found.lines,
            [
                "http:",
                r#"  - "https://crates.io""#,
                "net:",
                r#"  - "tcp://db.example.com:5432""#
            ]
        );
        assert_eq!(found.notes.len(), 2, "{found:?}");
    }

    // Of a secret stays what was done with it.
    #[test]
    fn of_a_secret_stays_what_was_used() {
        use airtight_model::grant::{SecretOperation, SecretPlace};
        let secret = SecretGrant {
            name: "token".to_owned(),
            to: vec![
                "https://a.example.com".parse().unwrap(),
                "https://b.example.com".parse().unwrap(),
            ],
            places: vec![SecretPlace::Bearer],
            operations: vec![SecretOperation::HmacSha256],
            env: Some("TOKEN".to_owned()),
        };
        let item = secret.to_string();
        let grants = Grants {
            secrets: vec![secret],
            ..Grants::default()
        };
        let uses = [("secrets", "token in bearer to https://a.example.com", item.as_str())];
        let found = least(&grants, &history(grants.clone(), &uses, &[]));
        assert_eq!(
            found.lines,
            [
                "secrets:",
                r#"  token: { to: ["https://a.example.com"], in: [bearer], env: TOKEN }"#
            ]
        );
    }
}
