//! Secrets that the step was granted, by handle: the step has things done with them and never sees them.
//!
//! ```no_run
//! # fn main() -> Result<(), airtight_step::secret::SecretError> {
//! let token = airtight_step::Secret::open("api-token")?;
//! // The host puts the value in, towards the hosts and in the places that the grant names.
//! let header = format!("Bearer {}", token.placeholder());
//! let signature = token.hmac_sha256(b"message")?;
//! # Ok(())
//! # }
//! ```

use std::fmt;

use crate::bindings::airtight::step::secret::Error;
pub use crate::bindings::airtight::step::secret::{AwsRequest, JwtAlgorithm};
use crate::host;

/// Why something could not be done with a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// The step has no grant for it. The text says which line would give one.
    Denied(String),
    /// What was given cannot be used: a claim that is not JSON, an algorithm that does not go with the key, a host that is none.
    Invalid(String),
}

impl From<Error> for SecretError {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(text) => Self::Denied(text),
            Error::Invalid(text) => Self::Invalid(text),
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(text) | Self::Invalid(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for SecretError {}

/// A secret of the pipeline file.
pub struct Secret {
    handle: host::Handle,
    name: String,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secret").field(&self.name).finish()
    }
}

impl Secret {
    /// Returns the secret with that name in the pipeline file.
    ///
    /// # Errors
    ///
    /// Fails when the step was not granted it.
    pub fn open(name: &str) -> Result<Self, SecretError> {
        Ok(Self {
            handle: host::open_secret(name)?,
            name: name.to_owned(),
        })
    }

    /// Returns a text that stands for the secret in a request. It is another one on every attempt and means nothing elsewhere.
    pub fn placeholder(&self) -> String {
        self.handle.placeholder()
    }

    /// Returns HMAC-SHA-256 (RFC 2104) of a message, with the secret's bytes as the key.
    ///
    /// # Errors
    ///
    /// Fails when the grant does not allow the operation.
    pub fn hmac_sha256(&self, message: &[u8]) -> Result<Vec<u8>, SecretError> {
        Ok(self.handle.hmac_sha256(message)?)
    }

    /// Returns the headers that sign a request by AWS Signature Version 4. The secret is a JSON object with `access-key-id`,
    /// `secret-access-key` and, where there is one, `session-token`.
    ///
    /// # Errors
    ///
    /// Fails when the grant does not allow the operation, or the request is not one that can be signed.
    pub fn aws_sigv4(&self, request: &AwsRequest) -> Result<Vec<(String, String)>, SecretError> {
        Ok(self.handle.aws_sigv4(request)?)
    }

    /// Returns a JSON Web Token (RFC 7519) over `claims`, which is a JSON object, with `key_id` in its header where it is given.
    ///
    /// # Errors
    ///
    /// Fails when the grant does not allow the operation, the claims are no JSON object, or the secret is no key for the algorithm.
    pub fn jwt_sign(&self, algorithm: JwtAlgorithm, key_id: Option<&str>, claims: &str) -> Result<String, SecretError> {
        Ok(self.handle.jwt_sign(algorithm, key_id, claims)?)
    }
}
