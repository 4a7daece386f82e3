//! AWS Signature Version 4, in headers. Not here: a signature in a query, or sending anything.

use std::time::SystemTime;

use airtight_model::grant::{Host, HostPattern, Origin, Refusal, Scheme, SecretGrant};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4;
use http::Uri;
use serde_json::Value;
use zeroize::Zeroizing;

use super::super::vault::{AWS_TOKEN_HEADER, token_grant};
use super::super::{AwsRequest, SecretError};
use crate::config::SecretValue;

/// What says that the body is not signed.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// Headers that signing makes.
const MADE: [&str; 4] = ["host", "authorization", "x-amz-date", AWS_TOKEN_HEADER];
/// The header that says the digest of the body.
const DIGEST_HEADER: &str = "x-amz-content-sha256";
/// How long a URL and all headers together may be.
const MAX_REQUEST: usize = 64 << 10;

fn invalid(text: impl Into<String>) -> SecretError {
    SecretError::Invalid(text.into())
}

/// The credentials in the value of a secret.
struct Keys {
    id: String,
    key: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

fn keys(value: &SecretValue) -> Option<Keys> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice(value.bytes()) else {
        return None;
    };
    let mut text = |name: &str| match fields.shift_remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(Zeroizing::new(text)),
        _ => None,
    };
    Some(Keys {
        key: text("secret-access-key")?,
        token: text("session-token"),
        id: text("access-key-id")?.to_string(),
    })
}

/// The parts of such a secret that are secret by themselves: the key, which is sent nowhere, and the token, which is sent
/// in a header of its own.
pub(in super::super) fn parts(grant: &SecretGrant, value: &SecretValue) -> Vec<(Option<SecretGrant>, SecretValue)> {
    use airtight_model::grant::SecretOperation::AwsSigv4;
    let Some(Keys { key, token, .. }) = grant.operations.contains(&AwsSigv4).then(|| keys(value)).flatten() else {
        return Vec::new();
    };
    let bytes = |text: &str| SecretValue::new(text.as_bytes().to_vec());
    let mut parts = vec![(None, bytes(&key))];
    parts.extend(token.map(|token| (Some(token_grant(grant)), bytes(&token))));
    parts
}

/// The origin of a URL, and the URL as it is signed: with the host as it is sent.
fn origin(url: &str) -> Result<(Scheme, Host, u16, String), SecretError> {
    if url.len() > MAX_REQUEST {
        return Err(invalid("the URL is too long"));
    }
    let uri: Uri = url.parse().map_err(|_| invalid("the URL is none"))?;
    let scheme = match uri.scheme_str() {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        _ => return Err(invalid("the URL is not `https://` or `http://`")),
    };
    let authority = uri.authority().ok_or_else(|| invalid("the URL has no host"))?;
    if authority.as_str().contains('@') {
        return Err(invalid("the URL has a user"));
    }
    let host: Host = authority
        .host()
        .parse()
        .map_err(|_| invalid("the URL has no host that can be"))?;
    let rest = authority.as_str().strip_prefix(authority.host());
    let port = match rest.map(|rest| (rest, rest.strip_prefix(':').map(str::parse))) {
        Some(("", _)) => scheme.default_port(),
        Some((_, Some(Ok(port)))) => port,
        _ => return Err(invalid("the URL has no port that can be")),
    };
    let shown = if port == scheme.default_port() {
        format!("{}://{host}", scheme.word())
    } else {
        format!("{}://{host}:{port}", scheme.word())
    };
    let rest = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok((scheme, host, port, format!("{shown}{rest}")))
}

/// Whether the request is for an origin that the secret is granted for.
pub(super) fn host_is_granted(
    name: &str,
    grant: &SecretGrant,
    request: &AwsRequest,
) -> Result<Result<(), Refusal>, SecretError> {
    let (scheme, host, port, _) = origin(&request.url)?;
    if grant.to.iter().any(|origin| origin.matches(scheme, &host, port)) {
        return Ok(Ok(()));
    }
    let host = HostPattern::Exact(host);
    let own = Origin { scheme, host, port };
    let mut wider = grant.clone();
    wider.to.push(own.clone());
    let rule = format!("the secret `{name}` is not granted for `{own}`");
    Ok(Err(Refusal::unless(rule, format!("secrets: {{ {wider} }}"))))
}

/// Each of these is a line or a part of one in what is signed: nothing in them may begin another.
fn check(request: &AwsRequest) -> Result<(), SecretError> {
    let word = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
    };
    if !word(&request.method) {
        return Err(invalid("the method is none"));
    }
    if !word(&request.region) || !word(&request.service) {
        return Err(invalid("the region or the service is none"));
    }
    let digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if request.body_sha256 != UNSIGNED && !digest(&request.body_sha256) {
        return Err(invalid(format!(
            "the SHA-256 of the body is not 64 lower-case hexadecimal digits or `{UNSIGNED}`"
        )));
    }
    if request
        .headers
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum::<usize>()
        > MAX_REQUEST
    {
        return Err(invalid("the headers are too large"));
    }
    for (name, value) in &request.headers {
        if name.eq_ignore_ascii_case(DIGEST_HEADER) && *value != request.body_sha256 {
            return Err(invalid(format!("the header `{name}` is not the SHA-256 of the body")));
        }
        if MADE.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(invalid(format!("the header `{name}` is made by signing")));
        }
        let readable = value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
        if name.parse::<http::HeaderName>().is_err() || !readable {
            return Err(invalid("a header is none"));
        }
    }
    Ok(())
}

fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    // What is signed is all that the guest names: nothing is left out behind its back.
    settings.excluded_headers = None;
    if matches!(service, "s3" | "s3express" | "s3-outposts" | "s3-object-lambda") {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

/// The headers that sign a request, the session's token as it is.
pub(in super::super) fn sign(
    name: &str,
    value: &SecretValue,
    request: &AwsRequest,
    now: SystemTime,
) -> Result<Vec<(String, String)>, SecretError> {
    check(request)?;
    let (_, _, _, url) = origin(&request.url)?;
    let Some(Keys { id, key, token }) = keys(value) else {
        return Err(invalid(format!(
            "the secret `{name}` is not a JSON object with `access-key-id` and `secret-access-key`"
        )));
    };
    let printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if !printable(&id) || !token.as_ref().is_none_or(|token| printable(token)) {
        return Err(invalid(format!(
            "the secret `{name}` has a key or token that no header can have"
        )));
    }
    let token = token.map(|token| token.as_str().to_owned());
    let identity = Credentials::new(id, key.as_str(), token, None, "airtight").into();
    let failed = |_| invalid("the request cannot be signed");
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&request.region)
        .name(&request.service)
        .time(now)
        .settings(settings(&request.service))
        .build()
        .map_err(|_| invalid("the request cannot be signed"))?
        .into();
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let body = SignableBody::Precomputed(request.body_sha256.clone());
    let signable = SignableRequest::new(&request.method, url, headers, body).map_err(failed)?;
    let signed = aws_sigv4::http_request::sign(signable, &params).map_err(failed)?;
    let (instructions, _) = signed.into_parts();
    let made = instructions
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(made.collect())
}
