//! Secrets of the host for tests: a value that the test gave. What can be computed with it is computed; grants are not asked for.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::bindings::airtight::step::secret::{AwsRequest, Error, JwtAlgorithm};

/// A secret in a test.
pub(crate) struct Handle {
    name: String,
    value: Vec<u8>,
}

impl Handle {
    pub(crate) fn new(name: &str, value: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            value,
        }
    }

    /// A text that nobody takes for a value.
    pub(crate) fn placeholder(&self) -> String {
        format!("airtight-test-placeholder-{}", self.name)
    }

    pub(crate) fn hmac_sha256(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.value)
            .map_err(|_| Error::Invalid(format!("the secret `{}` is no key", self.name)))?;
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }

    pub(crate) fn aws_sigv4(&self, _request: &AwsRequest) -> Result<Vec<(String, String)>, Error> {
        Err(Error::Invalid(
            "the host for tests does not sign for AWS: test that in Airtight, by `airtight test`".to_owned(),
        ))
    }

    pub(crate) fn jwt_sign(
        &self,
        algorithm: JwtAlgorithm,
        key_id: Option<&str>,
        claims: &str,
    ) -> Result<String, Error> {
        if algorithm != JwtAlgorithm::Hs256 {
            return Err(Error::Invalid(
                "the host for tests signs tokens by `hs256` only: test the others in Airtight, by `airtight test`"
                    .to_owned(),
            ));
        }
        if !(claims.trim_start().starts_with('{') && claims.trim_end().ends_with('}')) {
            return Err(Error::Invalid("the claims are not a JSON object".to_owned()));
        }
        let kid = key_id.map_or_else(String::new, |id| format!(",\"kid\":{}", quoted(id)));
        let header = base64url(format!("{{\"alg\":\"HS256\",\"typ\":\"JWT\"{kid}}}").as_bytes());
        let message = format!("{header}.{}", base64url(claims.as_bytes()));
        let signature = self.hmac_sha256(message.as_bytes())?;
        Ok(format!("{message}.{}", base64url(&signature)))
    }
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Base64 in the alphabet of RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..=chunk.len() {
            let index = word >> (18 - 6 * digit) & 63;
            out.push(char::from(ALPHABET[index as usize]));
        }
    }
    out
}
