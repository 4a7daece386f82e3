//! JSON Web Tokens (RFC 7519) in the compact form of RFC 7515, signed as RFC 7518 and RFC 8037 say. Not here: checking
//! one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use ring::{hmac, signature};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::super::{JwtAlgorithm, SecretError};
use crate::config::SecretValue;

fn invalid(text: impl Into<String>) -> SecretError {
    SecretError::Invalid(text.into())
}

fn word(algorithm: JwtAlgorithm) -> &'static str {
    match algorithm {
        JwtAlgorithm::Hs256 => "HS256",
        JwtAlgorithm::Rs256 => "RS256",
        JwtAlgorithm::Es256 => "ES256",
        JwtAlgorithm::EdDsa => "EdDSA",
    }
}

/// A signed token over claims that are a JSON object, which are signed as they are written.
pub(super) fn sign(
    name: &str,
    key: &SecretValue,
    algorithm: JwtAlgorithm,
    key_id: Option<&str>,
    claims: &str,
) -> Result<String, SecretError> {
    match serde_json::from_str::<Value>(claims) {
        Ok(Value::Object(_)) => {}
        Ok(_) => return Err(invalid("the claims are not a JSON object")),
        Err(error) => return Err(invalid(format!("the claims are not JSON: {error}"))),
    }
    let mut header = Map::new();
    header.insert("alg".to_owned(), word(algorithm).into());
    header.insert("typ".to_owned(), "JWT".into());
    if let Some(id) = key_id {
        header.insert("kid".to_owned(), id.into());
    }
    let header = URL_SAFE_NO_PAD.encode(Value::Object(header).to_string());
    let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let signature = signature_of(name, key.bytes(), algorithm, message.as_bytes())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The bytes of a signature over `message`.
pub(in super::super) fn signature_of(
    name: &str,
    key: &[u8],
    algorithm: JwtAlgorithm,
    message: &[u8],
) -> Result<Vec<u8>, SecretError> {
    let unfit = |_| invalid(format!("the secret `{name}` is not a key for `{}`", word(algorithm)));
    let failed = |_| invalid(format!("the secret `{name}` could not sign"));
    if algorithm == JwtAlgorithm::Hs256 {
        // Whoever checks such a token may hold the public half of that key: then anyone can forge one.
        if pem_begins(key) {
            return Err(invalid(format!(
                "the secret `{name}` is a private key in PEM, which is not for `HS256`"
            )));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        return Ok(hmac::sign(&key, message).as_ref().to_vec());
    }
    let der = pkcs8(key).ok_or_else(|| invalid(format!("the secret `{name}` is not a PKCS #8 key in PEM")))?;
    let random = SystemRandom::new();
    match algorithm {
        JwtAlgorithm::Rs256 => {
            let pair = RsaKeyPair::from_pkcs8(&der).map_err(unfit)?;
            let mut out = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut out)
                .map_err(failed)?;
            Ok(out)
        }
        JwtAlgorithm::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).map_err(unfit)?;
            pair.sign(&random, message).map(as_bytes).map_err(failed)
        }
        JwtAlgorithm::EdDsa | JwtAlgorithm::Hs256 => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(unfit)?;
            Ok(as_bytes(pair.sign(message)))
        }
    }
}

fn as_bytes(signature: signature::Signature) -> Vec<u8> {
    signature.as_ref().to_vec()
}

fn pem_begins(key: &[u8]) -> bool {
    key.trim_ascii_start().starts_with(b"-----BEGIN")
}

/// The DER of a PKCS #8 key in PEM (RFC 7468).
fn pkcs8(pem: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (inside, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let digits: Zeroizing<Vec<u8>> =
        Zeroizing::new(inside.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    STANDARD.decode(&*digits).ok().map(Zeroizing::new)
}
