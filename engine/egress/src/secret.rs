//! Secrets by handle: placeholders, where they are replaced, what is computed with them, and taking values out of what
//! comes back. Not here: who is granted what (`model::grant`).

mod body;
mod forms;
mod matcher;
mod operation;
mod place;
mod redact;
mod vault;

pub use redact::Redactor;
pub(crate) use vault::Vault;

/// Why something could not be done with a secret: the two cases of `airtight:step/secret`'s `error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// No grant for it; recorded as a Denial already.
    #[error("{0}")]
    Denied(String),
    /// What was given cannot be used.
    #[error("{0}")]
    Invalid(String),
}

/// A secret that a guest has opened.
#[derive(Debug, Clone)]
pub struct SecretHandle {
    pub(crate) name: String,
}

/// A request to be signed: `airtight:step/secret`'s `aws-request`.
#[derive(Debug, Clone)]
pub struct AwsRequest {
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Headers that are signed beside `host`.
    pub headers: Vec<(String, String)>,
    /// The SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
    pub body_sha256: String,
    /// The region.
    pub region: String,
    /// The service.
    pub service: String,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// HMAC-SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

#[cfg(test)]
mod tests;
