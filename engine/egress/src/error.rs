//! Why something did not go out or come in. Not here: how a guest is told.

use airtight_model::grant::Refusal;

/// A bound that an attempt struck. Always ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Struck {
    /// `limits.net.requests`
    #[error("it began more requests and connections than its limit of {0} allows")]
    Requests(u64),
    /// `limits.net.connections`
    #[error("it holds more connections open than its limit of {0} allows")]
    Connections(u32),
    /// `limits.net.lookups`
    #[error("it looked up more names than its limit of {0} allows")]
    Lookups(u32),
    /// `limits.net.headers`
    #[error("the headers of a request or response are larger than its limit of {0} bytes")]
    Headers(u64),
    /// `limits.net.body`
    #[error("the body of a request or response is larger than its limit of {0} bytes")]
    Body(u64),
    /// `limits.net.total`
    #[error("it sent and received more than its limit of {0} bytes")]
    Total(u64),
}

/// Why something did not go out or come in. Texts never hold a secret, and name what was asked for without its query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// No grant allows it; recorded as a Denial already.
    #[error(transparent)]
    Denied(#[from] Refusal),
    /// A bound was struck.
    #[error(transparent)]
    Struck(#[from] Struck),
    /// A request that is not one: a header or a URL that cannot be sent, two lengths, a body that is not as long as it said.
    #[error("the request cannot be sent: {0}")]
    Invalid(String),
    /// The name has no address.
    #[error("`{0}` has no address")]
    NoAddress(String),
    /// The name could not be looked up.
    #[error("`{name}` could not be looked up: {cause}")]
    Lookup {
        /// The name.
        name: String,
        /// Why.
        cause: String,
    },
    /// No connection: refused, unreachable, reset.
    #[error("no connection to {to}: {cause}")]
    Connect {
        /// The host and port.
        to: String,
        /// Why.
        cause: String,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// No TLS: a certificate that is not trusted, a protocol that does not fit.
    #[error("no TLS with {to}: {cause}")]
    Tls {
        /// The host and port.
        to: String,
        /// Why.
        cause: String,
    },
    /// The server did not log the step in.
    #[error("no login at {to}: {cause}")]
    Login {
        /// The host and port.
        to: String,
        /// Why.
        cause: String,
    },
    /// It took longer than `limits.net.time` or than the guest asked for.
    #[error("{0} took too long")]
    TimedOut(String),
    /// The server does not speak HTTP as it should, or the connection broke.
    #[error("the answer of {to} is broken: {cause}")]
    Protocol {
        /// The host and port.
        to: String,
        /// Why.
        cause: String,
    },
}
