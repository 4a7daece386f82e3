//! What is computed with a secret that a step never sees. Not here: the HTTP boundary (`place`).

pub(super) mod aws;
pub(super) mod jwt;

use airtight_model::grant::{Refusal, SecretGrant, SecretOperation};

use super::vault::{Entry, Vault, denied};
use super::{AwsRequest, JwtAlgorithm, SecretError, SecretHandle};
use crate::config::SecretValue;

pub(super) use aws::parts;

/// How large the claims of a token may be.
const MAX_CLAIMS: usize = 1 << 20;

impl Vault {
    /// The secret and its value, where the operation is granted. A refusal is recorded.
    fn operate(
        &self,
        secret: &SecretHandle,
        operation: SecretOperation,
    ) -> Result<(&Entry, &SecretGrant, &SecretValue), SecretError> {
        let own = self
            .0
            .entries
            .iter()
            .find(|entry| entry.name == secret.name && !entry.part);
        let Some((entry, grant, value)) =
            own.and_then(|entry| Some((entry, entry.grant.as_ref()?, entry.value.as_ref()?)))
        else {
            return Err(SecretError::Invalid("the secret is not of this step".to_owned()));
        };
        if !grant.operations.contains(&operation) {
            let mut wider = grant.clone();
            wider.operations.push(operation);
            let rule = format!("the secret `{}` is not granted for `{operation}`", entry.name);
            let refusal = Refusal::unless(rule, format!("secrets: {{ {wider} }}"));
            let request = format!("{} for {operation}", entry.name);
            self.0.record.denied("secrets", &request, &refusal);
            return Err(denied(&refusal));
        }
        Ok((entry, grant, value))
    }

    fn computed(&self, entry: &Entry, grant: &SecretGrant, operation: SecretOperation) {
        let request = format!("{} for {operation}", entry.name);
        self.0.record.used("secrets", &request, &grant.to_string(), (0, 0));
    }

    /// See [`crate::Session::hmac_sha256`].
    pub(crate) fn hmac_sha256(&self, secret: &SecretHandle, message: &[u8]) -> Result<Vec<u8>, SecretError> {
        let (entry, grant, value) = self.operate(secret, SecretOperation::HmacSha256)?;
        self.computed(entry, grant, SecretOperation::HmacSha256);
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, value.bytes());
        Ok(ring::hmac::sign(&key, message).as_ref().to_vec())
    }

    /// See [`crate::Session::aws_sigv4`].
    pub(crate) fn aws_sigv4(
        &self,
        secret: &SecretHandle,
        request: &AwsRequest,
    ) -> Result<Vec<(String, String)>, SecretError> {
        let (entry, grant, value) = self.operate(secret, SecretOperation::AwsSigv4)?;
        if let Err(refusal) = aws::host_is_granted(&entry.name, grant, request)? {
            self.0
                .record
                .denied("secrets", &format!("{} for aws-sigv4", entry.name), &refusal);
            return Err(denied(&refusal));
        }
        let mut headers = aws::sign(&entry.name, value, request, std::time::SystemTime::now())?;
        // The token is a piece of the secret: the guest sends what stands for it.
        let stand_in = self
            .0
            .entries
            .iter()
            .find(|other| other.part && other.grant.is_some() && other.name == entry.name);
        for (name, value) in &mut headers {
            if name == super::vault::AWS_TOKEN_HEADER {
                *value = stand_in.map(|part| part.placeholder.clone()).unwrap_or_default();
            }
        }
        self.computed(entry, grant, SecretOperation::AwsSigv4);
        Ok(headers)
    }

    /// See [`crate::Session::jwt_sign`].
    pub(crate) fn jwt_sign(
        &self,
        secret: &SecretHandle,
        algorithm: JwtAlgorithm,
        key_id: Option<&str>,
        claims: &str,
    ) -> Result<String, SecretError> {
        let (entry, grant, value) = self.operate(secret, SecretOperation::JwtSign)?;
        if claims.len() > MAX_CLAIMS || key_id.is_some_and(|id| id.len() > MAX_CLAIMS) {
            return Err(SecretError::Invalid("the claims are larger than 1 MiB".to_owned()));
        }
        let token = jwt::sign(&entry.name, value, algorithm, key_id, claims)?;
        self.computed(entry, grant, SecretOperation::JwtSign);
        Ok(token)
    }
}
