//! Puts secrets into requests: finds their placeholders, asks the grants whether each may stand where it stands, and puts
//! the value there in the encoding of that place. Not here: the body (`body`).

use airtight_model::grant::{HttpTarget, Refusal, SecretPlace};
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use percent_encoding::{percent_decode, percent_encode};
use zeroize::Zeroizing;

use super::forms::COMPONENT;
use super::vault::{Entry, Vault, origin_of};
use crate::error::EgressError;
use crate::session::Body;

/// Padded or not: clients differ.
const BASIC: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Headers that say where and how a request is sent: no value stands there.
const FRAMING: [&str; 6] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "te",
    "upgrade",
];

/// The words for a place in records.
pub(super) fn words(place: &SecretPlace) -> String {
    match place {
        SecretPlace::Header(name) => format!("header {name}"),
        SecretPlace::Bearer => "bearer".to_owned(),
        SecretPlace::Basic => "basic".to_owned(),
        SecretPlace::Query(name) => format!("query {name}"),
        SecretPlace::Body(pointer) => format!("body {pointer}"),
    }
}

impl Vault {
    /// Puts secrets in where their placeholders stand, right before the request is sent. A body that goes on is scanned
    /// while it is sent; one that was changed knows its length (`size_hint`).
    ///
    /// # Errors
    /// A placeholder stands where it may not: recorded as a Denial already. A value cannot stand where it was granted.
    pub(crate) async fn put_in(&self, target: &HttpTarget, parts: &mut Parts, body: Body) -> Result<Body, EgressError> {
        if self.is_empty() {
            return Ok(body);
        }
        self.fill_uri(target, parts)?;
        self.fill_headers(target, parts)?;
        self.fill_body(target, &parts.headers, body).await
    }

    /// Refuses that a secret stands somewhere, and records it.
    pub(super) fn refuse(&self, entry: &Entry, place: &str, target: &HttpTarget, refusal: Refusal) -> EgressError {
        let request = format!("{} in {place} to {}", entry.name, origin_of(target));
        self.0.record.denied("secrets", &request, &refusal);
        refusal.into()
    }

    /// Refuses every secret whose placeholder, in whatever form, is in a text.
    fn none_in(&self, text: &[u8], place: &str, target: &HttpTarget) -> Result<(), EgressError> {
        match self.0.placeholders.matcher.find_all(text).first() {
            Some((_, found)) => Err(self.never(found.of, place, target)),
            None => Ok(()),
        }
    }

    /// The refusal of a secret in a place that no grant can name.
    pub(super) fn never(&self, of: usize, place: &str, target: &HttpTarget) -> EgressError {
        let entry = &self.0.entries[of];
        let rule = format!("the secret `{}` cannot be put into {place} of a request", entry.name);
        self.refuse(entry, place, target, Refusal::never(rule))
    }

    /// The value of a secret for a place, where the grant names place and origin. Recorded as a use.
    pub(super) fn granted<'a>(
        &self,
        entry: &'a Entry,
        target: &HttpTarget,
        place: &SecretPlace,
    ) -> Result<&'a [u8], EgressError> {
        let Some(grant) = &entry.grant else {
            let rule = format!("the secret `{}` is for the host alone", entry.name);
            return Err(self.refuse(entry, &words(place), target, Refusal::never(rule)));
        };
        let allowed = self.0.grants.place(grant, target, place);
        allowed.map_err(|refusal| self.refuse(entry, &words(place), target, refusal))?;
        let Some(value) = &entry.value else {
            let text = format!("the secret `{}` has no value, or an empty one", entry.name);
            return Err(EgressError::Invalid(text));
        };
        let request = format!("{} in {} to {}", entry.name, words(place), origin_of(target));
        self.0.record.used("secrets", &request, &grant.to_string(), (0, 0));
        Ok(value.bytes())
    }

    /// A text with the placeholders in it replaced by what `value` makes of each; none where there is none.
    pub(super) fn replaced(
        &self,
        text: &[u8],
        place: &str,
        target: &HttpTarget,
        mut value: impl FnMut(&Entry) -> Result<Zeroizing<Vec<u8>>, EgressError>,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, EgressError> {
        let found = self.0.placeholders.matcher.find_all(text);
        if found.is_empty() {
            return Ok(None);
        }
        let mut pieces = Vec::new();
        let mut begin = 0;
        for (at, found) in found {
            let entry = &self.0.entries[found.of];
            let end = at + found.len;
            if &text[at..end] != entry.placeholder.as_bytes() {
                return Err(self.never(found.of, &format!("{place}, encoded in another way,"), target));
            }
            pieces.push(Zeroizing::new(text[begin..at].to_vec()));
            pieces.push(value(entry)?);
            begin = end;
        }
        pieces.push(Zeroizing::new(text[begin..].to_vec()));
        // At once and in the right size: a vector that grows leaves copies behind.
        Ok(Some(Zeroizing::new(
            pieces.iter().map(|piece| piece.as_slice()).collect::<Vec<_>>().concat(),
        )))
    }

    fn fill_headers(&self, target: &HttpTarget, parts: &mut Parts) -> Result<(), EgressError> {
        for name in parts.headers.keys() {
            self.none_in(name.as_str().as_bytes(), "the name of a header", target)?;
        }
        for (name, value) in parts.headers.iter_mut() {
            let authorization = *name == AUTHORIZATION;
            let changed = match credentials(value.as_bytes()) {
                Some((scheme, rest)) if authorization && scheme.eq_ignore_ascii_case(b"basic") => {
                    self.basic(rest, target)?
                }
                Some((scheme, rest)) if authorization && scheme.eq_ignore_ascii_case(b"bearer") => {
                    self.bearer(scheme, rest, target)?
                }
                _ => None,
            };
            let changed = match changed {
                Some(changed) => Some(changed),
                None => self.plain(name, value.as_bytes(), target)?,
            };
            if let Some(bytes) = changed {
                let mut with =
                    HeaderValue::from_maybe_shared(Bytes::from_owner(bytes)).map_err(|_| unfit_header(name))?;
                with.set_sensitive(true);
                *value = with;
            }
        }
        Ok(())
    }

    /// A header's value with the secrets in it.
    fn plain(
        &self,
        name: &HeaderName,
        text: &[u8],
        target: &HttpTarget,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, EgressError> {
        let place = SecretPlace::Header(name.as_str().to_owned());
        if FRAMING.contains(&name.as_str()) {
            self.none_in(text, &format!("the header `{name}`"), target)?;
        }
        self.replaced(text, &format!("the header `{name}`"), target, |entry| {
            let value = self.granted(entry, target, &place)?;
            // Checked before it is a header, so that no text of an error comes from what was put together.
            if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) || HeaderValue::from_bytes(value).is_err() {
                return Err(unfit_value(entry, "a header: it has line ends or control characters"));
            }
            Ok(Zeroizing::new(value.to_vec()))
        })
    }

    /// `Bearer PLACEHOLDER`, where the secret is granted as that; any other form is a header like every other.
    fn bearer(
        &self,
        scheme: &[u8],
        rest: &[u8],
        target: &HttpTarget,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, EgressError> {
        let Some(entry) = self.0.entries.iter().find(|entry| entry.placeholder.as_bytes() == rest) else {
            return Ok(None);
        };
        let header = SecretPlace::Header(AUTHORIZATION.as_str().to_owned());
        if entry.grant.as_ref().is_some_and(|grant| grant.places.contains(&header)) {
            return Ok(None);
        }
        let value = self.granted(entry, target, &SecretPlace::Bearer)?;
        if value.iter().any(|byte| !byte.is_ascii_graphic()) {
            return Err(unfit_value(
                entry,
                "a bearer token: it has spaces, line ends or bytes beyond ASCII",
            ));
        }
        Ok(Some(Zeroizing::new([scheme, b" ", value].concat())))
    }

    /// The credentials of `Basic`, decoded, with the secrets in them, encoded again; none where there are none.
    fn basic(&self, rest: &[u8], target: &HttpTarget) -> Result<Option<Zeroizing<Vec<u8>>>, EgressError> {
        let Ok(decoded) = BASIC.decode(rest.trim_ascii()) else {
            return Ok(None);
        };
        let colon = decoded.iter().position(|byte| *byte == b':');
        let (user, password) = decoded.split_at(colon.unwrap_or(decoded.len()));
        let put = |text: &[u8], is_user: bool| {
            self.replaced(text, "`Authorization: Basic`", target, |entry| {
                let value = self.granted(entry, target, &SecretPlace::Basic)?;
                if value.iter().any(|byte| byte.is_ascii_control()) {
                    return Err(unfit_value(
                        entry,
                        "basic credentials: it has line ends or control characters",
                    ));
                }
                if is_user && value.contains(&b':') {
                    return Err(unfit_value(entry, "the user of basic credentials: it has a colon"));
                }
                Ok(Zeroizing::new(value.to_vec()))
            })
        };
        let (new_user, new_password) = (put(user, true)?, put(password, false)?);
        if new_user.is_none() && new_password.is_none() {
            return Ok(None);
        }
        let user = new_user.unwrap_or_else(|| Zeroizing::new(user.to_vec()));
        let password = new_password.unwrap_or_else(|| Zeroizing::new(password.to_vec()));
        let credentials = Zeroizing::new([user.as_slice(), password.as_slice()].concat());
        let encoded = Zeroizing::new(STANDARD.encode(&*credentials));
        Ok(Some(Zeroizing::new([b"Basic ", encoded.as_bytes()].concat())))
    }

    fn fill_uri(&self, target: &HttpTarget, parts: &mut Parts) -> Result<(), EgressError> {
        if let Some(authority) = parts.uri.authority() {
            self.none_in(authority.as_str().as_bytes(), "the host", target)?;
        }
        let path = parts.uri.path();
        self.none_in(path.as_bytes(), "the path", target)?;
        self.none_in(&decoded(path), "the path", target)?;
        let Some(query) = parts.uri.query() else { return Ok(()) };
        let mut changed = false;
        let mut parameters = Vec::new();
        for parameter in query.split('&') {
            let with = self.parameter(parameter, target)?;
            changed |= with.is_some();
            parameters.push(with.unwrap_or_else(|| Zeroizing::new(parameter.as_bytes().to_vec())));
        }
        if !changed {
            return Ok(());
        }
        let parameters: Vec<&[u8]> = parameters.iter().map(|parameter| parameter.as_slice()).collect();
        let query = Zeroizing::new(parameters.join(&b'&'));
        let unfit = || EgressError::Invalid("the query is too long with the secret in it".to_owned());
        let whole = Zeroizing::new([path.as_bytes(), b"?", &query].concat());
        let whole = PathAndQuery::from_maybe_shared(Bytes::from_owner(whole)).map_err(|_| unfit())?;
        let mut uri = std::mem::take(&mut parts.uri).into_parts();
        uri.path_and_query = Some(whole);
        parts.uri = http::Uri::from_parts(uri).map_err(|_| unfit())?;
        Ok(())
    }

    /// `name=value` of a query, with the secrets in the value; none where there are none.
    fn parameter(&self, parameter: &str, target: &HttpTarget) -> Result<Option<Zeroizing<Vec<u8>>>, EgressError> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        for text in [name.as_bytes(), &decoded(name)] {
            self.none_in(text, "the name of a query parameter", target)?;
        }
        let plain = String::from_utf8_lossy(&decoded(&name.replace('+', " "))).into_owned();
        let place = SecretPlace::Query(plain);
        let with = self.replaced(value.as_bytes(), "the query", target, |entry| {
            let value = self.granted(entry, target, &place)?;
            let value = std::str::from_utf8(value).map_err(|_| unfit_value(entry, "a query: it is not UTF-8"))?;
            let encoded = percent_encode(value.as_bytes(), COMPONENT).to_string();
            Ok(Zeroizing::new(encoded.into_bytes()))
        })?;
        if with.is_none() {
            // No encoder changes a character of a placeholder: one that shows by decoding was hidden.
            self.none_in(&decoded(value), "the query, encoded in another way,", target)?;
        }
        Ok(with.map(|value| Zeroizing::new([name.as_bytes(), b"=", &value].concat())))
    }
}

/// The scheme of an `Authorization` header, and what follows it.
fn credentials(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((&value[..space], value[space..].trim_ascii()))
}

fn decoded(text: &str) -> Vec<u8> {
    percent_decode(text.as_bytes()).collect()
}

/// A value that cannot stand where it was granted. Says nothing of the value but that.
pub(super) fn unfit_value(entry: &Entry, place: &str) -> EgressError {
    EgressError::Invalid(format!("the secret `{}` cannot be put into {place}", entry.name))
}

fn unfit_header(name: &HeaderName) -> EgressError {
    EgressError::Invalid(format!("the header `{name}` cannot be sent with the secret in it"))
}
