//! Is one set of grants within another? What the lock and policy ask. Not here: deciding over a request.

use super::{Grants, HttpGrant, NetGrant, SecretGrant};

/// A power that the one set has and the other has not, as the line of the pipeline file that gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Widening {
    /// Which list it is in: `http`, `net`, `secrets`, `clock`, `random`.
    pub list: &'static str,
    /// The item, in one line.
    pub item: String,
}

impl std::fmt::Display for Widening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.list, self.item)
    }
}

impl HttpGrant {
    /// Whether each path that a grant with `prefix` allows is allowed.
    fn covers_path(&self, prefix: &str) -> bool {
        // `/` alone allows paths that can be read in two ways.
        self.path == "/" || self.path == prefix || (prefix != "/" && self.allows_path(prefix))
    }

    /// Whether everything that `other` allows is allowed by it.
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.host.covers(&other.host)
            && self.covers_path(&other.path)
            && other.methods.iter().all(|method| self.methods.contains(method))
            && other
                .addresses
                .iter()
                .all(|range| self.addresses.iter().any(|own| own.covers(range)))
            && self.ca == other.ca
            && (other.client.is_none() || self.client == other.client)
    }
}

impl NetGrant {
    /// Whether everything that `other` allows is allowed by it.
    pub fn covers(&self, other: &Self) -> bool {
        self.transport == other.transport
            && self.port == other.port
            && self.host.covers(&other.host)
            && other
                .addresses
                .iter()
                .all(|range| self.addresses.iter().any(|own| own.covers(range)))
            && self.login == other.login
    }
}

impl SecretGrant {
    /// Whether everything that `other` allows is allowed by it.
    pub fn covers(&self, other: &Self) -> bool {
        let origin = |theirs: &super::Origin| {
            self.to
                .iter()
                .any(|own| own.scheme == theirs.scheme && own.port == theirs.port && own.host.covers(&theirs.host))
        };
        self.name == other.name
            && other.to.iter().all(origin)
            && other.places.iter().all(|place| self.places.contains(place))
            && other
                .operations
                .iter()
                .all(|operation| self.operations.contains(operation))
    }
}

impl Grants {
    /// What `other` allows beyond these, in the order of its lists. Empty: nothing.
    pub fn widenings(&self, other: &Self) -> Vec<Widening> {
        let mut all = Vec::new();
        let mut add = |list, item: String| all.push(Widening { list, item });
        for grant in &other.http {
            if !self.http.iter().any(|own| own.covers(grant)) {
                add("http", grant.to_string());
            }
        }
        for grant in &other.net {
            if !self.net.iter().any(|own| own.covers(grant)) {
                add("net", grant.to_string());
            }
        }
        for grant in &other.secrets {
            if !self.secrets.iter().any(|own| own.covers(grant)) {
                add("secrets", grant.to_string());
            }
        }
        if other.clock && !self.clock {
            add("clock", "real".to_owned());
        }
        if other.random && !self.random {
            add("random", "real".to_owned());
        }
        all
    }
}
