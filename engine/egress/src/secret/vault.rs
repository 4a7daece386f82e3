//! The secrets of one session: their placeholders, and what may be done with them. Not here: where a value may stand in
//! a request (`place`), and taking values out of what comes back (`redact`).

use std::sync::Arc;

use airtight_model::grant::{Grants, HttpTarget};
use http::request::Parts;

use super::{AwsRequest, JwtAlgorithm, Redactor, SecretError, SecretHandle};
use crate::config::{EgressConfig, SecretValue};
use crate::error::EgressError;
use crate::record::Record;
use crate::session::Body;

/// The secrets of one session. Clones are the same.
#[derive(Clone)]
pub(crate) struct Vault {
    grants: Arc<Grants>,
    config: Arc<EgressConfig>,
    record: Record,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

impl Vault {
    /// The secrets that the grants name, with placeholders of their own.
    pub(crate) fn new(grants: Arc<Grants>, config: Arc<EgressConfig>, record: Record) -> Self {
        Self { grants, config, record }
    }

    /// Whether the session has no secret: then nothing has to be put in or taken out.
    pub(crate) fn is_empty(&self) -> bool {
        self.grants.secrets.is_empty()
    }

    /// The value of a secret that the host itself uses: the key of a client certificate, the password of a login.
    pub(crate) fn value(&self, name: &str) -> Option<&SecretValue> {
        self.config.secrets.get(name)
    }

    /// Puts secrets in where their placeholders stand, right before the request is sent. A body that goes on is scanned
    /// while it is sent; one that was changed knows its length (`size_hint`).
    ///
    /// # Errors
    /// A placeholder stands where it may not: recorded as a Denial already. A value cannot stand where it was granted.
    pub(crate) async fn put_in(&self, target: &HttpTarget, parts: &mut Parts, body: Body) -> Result<Body, EgressError> {
        let _ = (target, parts, &self.record);
        Ok(body)
    }

    /// Takes values out of what comes back: headers at once, the body and its trailers as they are read. A body that may
    /// change has no `content-length`.
    ///
    /// # Errors
    /// The response is encoded: what is in it cannot be seen.
    pub(crate) fn take_out(
        &self,
        target: &HttpTarget,
        response: http::Response<Body>,
    ) -> Result<http::Response<Body>, EgressError> {
        let _ = target;
        Ok(response)
    }

    /// See [`crate::Session::secret`].
    pub(crate) fn open(&self, name: &str) -> Result<SecretHandle, SecretError> {
        Err(SecretError::Denied(name.to_owned()))
    }

    /// See [`crate::Session::placeholder`].
    pub(crate) fn placeholder(&self, _secret: &SecretHandle) -> String {
        String::new()
    }

    /// See [`crate::Session::environment`].
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// See [`crate::Session::hmac_sha256`].
    pub(crate) fn hmac_sha256(&self, secret: &SecretHandle, _message: &[u8]) -> Result<Vec<u8>, SecretError> {
        Err(SecretError::Denied(secret.name.clone()))
    }

    /// See [`crate::Session::aws_sigv4`].
    pub(crate) fn aws_sigv4(
        &self,
        secret: &SecretHandle,
        _request: &AwsRequest,
    ) -> Result<Vec<(String, String)>, SecretError> {
        Err(SecretError::Denied(secret.name.clone()))
    }

    /// See [`crate::Session::jwt_sign`].
    pub(crate) fn jwt_sign(
        &self,
        secret: &SecretHandle,
        _algorithm: JwtAlgorithm,
        _key_id: Option<&str>,
        _claims: &str,
    ) -> Result<String, SecretError> {
        Err(SecretError::Denied(secret.name.clone()))
    }

    /// See [`crate::Session::redactor`].
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::none()
    }
}
