//! Puts secrets into JSON bodies, and watches all other bodies for placeholders. Not here: headers and query (`place`).

use std::pin::Pin;
use std::task::{Context, Poll};

use airtight_model::grant::{HttpTarget, Refusal, SecretPlace};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use serde_json::Value;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::forms::json_text;
use super::place::unfit_value;
use super::redact::{Filtered, Finding};
use super::vault::Vault;
use crate::error::EgressError;
use crate::session::Body;

/// How large a body may be that a secret is put into. Parsed it can cost a hundred times as much.
const MAX_JSON: usize = 1 << 20;
/// How many placeholders such a body may hold: each costs a pointer and a copy of the value.
const MAX_FILLINGS: usize = 100;
/// Bodies are parsed one at a time in the whole process, so that the cost is there once.
pub(super) static PARSING: Semaphore = Semaphore::const_new(1);

/// A body of which the beginning, or all, was read already.
struct Read {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
    rest: Option<Body>,
}

impl HttpBody for Read {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(rest) = &mut self.rest {
            return Pin::new(rest).poll_frame(cx);
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        let rest = self.rest.as_ref().is_none_or(HttpBody::is_end_stream);
        self.data.is_none() && self.trailers.is_none() && rest
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.data.as_ref().map_or(0, Bytes::len) as u64;
        let mut hint = SizeHint::with_exact(read);
        if let Some(rest) = &self.rest {
            let rest = rest.size_hint();
            hint = SizeHint::new();
            if let Some(upper) = rest.upper() {
                hint.set_upper(upper.saturating_add(read));
            }
            hint.set_lower(rest.lower().saturating_add(read));
        }
        hint
    }
}

/// Reads a body up to the size that is looked into; `rest` is what is beyond it.
async fn read(mut body: Body) -> Result<Read, EgressError> {
    let mut data = Vec::new();
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(chunk) => data.extend_from_slice(&chunk),
            Err(other) => trailers = other.into_trailers().ok(),
        }
        if data.len() > MAX_JSON {
            let (data, rest) = (Some(data.into()), Some(body));
            return Ok(Read { data, trailers, rest });
        }
    }
    let data = (!data.is_empty()).then(|| data.into());
    let rest = None;
    Ok(Read { data, trailers, rest })
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if !encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return false;
    };
    let kind = one.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Every text of a JSON value, with its pointer (RFC 6901); names of fields have none.
fn texts<'a>(value: &'a Value, pointer: &mut String, each: &mut dyn FnMut(Option<&str>, &'a str)) {
    let below = |pointer: &mut String, segment: &str, item: &'a Value, each: &mut dyn FnMut(Option<&str>, &'a str)| {
        let len = pointer.len();
        pointer.push('/');
        pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
        texts(item, pointer, each);
        pointer.truncate(len);
    };
    match value {
        Value::String(text) => each(Some(pointer), text),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                below(pointer, &at.to_string(), item, each);
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                each(None, name);
                below(pointer, name, item, each);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Where in a JSON body a secret stands.
struct Standing {
    /// Which secret.
    of: usize,
    /// Where; none in the name of a field.
    pointer: Option<String>,
}

/// A secret by number, and its value as it stands in a JSON string.
type Filling = (usize, Zeroizing<Vec<u8>>);

impl Vault {
    /// Puts secrets into a JSON body where a place in one was granted for the origin; else lets it go on, watched.
    pub(super) async fn fill_body(
        &self,
        target: &HttpTarget,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Body, EgressError> {
        if body.is_end_stream() {
            return Ok(body);
        }
        let json = is_json(headers);
        if !json || !self.has_body_place(target) {
            return Ok(self.watched(target, body, json));
        }
        let mut read = read(body).await?;
        if read.rest.is_some() {
            return Ok(self.watched(target, read.boxed_unsync(), json));
        }
        if let Some(data) = &read.data {
            // It is never closed.
            let _one = PARSING.acquire().await.ok();
            if let Some(with) = self.json(data, target)? {
                read.data = Some(Bytes::from_owner(with));
            }
        }
        match read.trailers {
            // Nothing but the trailers is left to look at.
            Some(_) => {
                let trailers = Read {
                    data: None,
                    trailers: read.trailers.take(),
                    rest: None,
                };
                read.rest = Some(self.watched(target, trailers.boxed_unsync(), json));
                Ok(read.boxed_unsync())
            }
            None => Ok(read.boxed_unsync()),
        }
    }

    fn has_body_place(&self, target: &HttpTarget) -> bool {
        let body = |place: &SecretPlace| matches!(place, SecretPlace::Body(_));
        let grants = self.0.entries.iter().filter_map(|entry| entry.grant.as_ref());
        let mut here = grants.filter(|grant| {
            let origins = &mut grant.to.iter();
            origins.any(|origin| origin.matches(target.scheme, &target.host, target.port))
        });
        here.any(|grant| grant.places.iter().any(body))
    }

    /// A body that is sent as it is, and ends in an error where a placeholder shows.
    fn watched(&self, target: &HttpTarget, body: Body, json: bool) -> Body {
        let (vault, target) = (self.clone(), target.clone());
        let refuse = move |of: usize| {
            let entry = &vault.0.entries[of];
            let place = SecretPlace::Body("/POINTER".to_owned());
            let refusal = match &entry.grant {
                Some(grant) if json && !grant.places.iter().any(|place| matches!(place, SecretPlace::Body(_))) => {
                    vault.0.grants.place(grant, &target, &place).err()
                }
                _ => None,
            };
            let refusal = refusal.unwrap_or_else(|| {
                let rule = "a secret is put into JSON bodies of up to 1 MiB alone, and only as text of a field";
                Refusal::never(rule)
            });
            vault.refuse(entry, "the body", &target, refusal)
        };
        Filtered::new(body, &self.0.placeholders, Finding::Refuse(Box::new(refuse))).boxed_unsync()
    }

    /// A JSON text with the secrets in it; none where there are none. All but the secrets stays byte for byte.
    fn json(&self, text: &[u8], target: &HttpTarget) -> Result<Option<Zeroizing<Vec<u8>>>, EgressError> {
        let in_text = self.0.placeholders.matcher.find_all(text);
        if let Some((_, found)) = in_text.get(MAX_FILLINGS) {
            let place = format!("a body that holds more than {MAX_FILLINGS} placeholders, and so");
            return Err(self.never(found.of, &place, target));
        }
        let parsed = serde_json::from_slice::<Value>(text);
        let value = match parsed {
            Ok(value) => value,
            Err(_) => {
                return match in_text.first() {
                    None => Ok(None),
                    Some((_, found)) => Err(self.never(found.of, "a body that is not JSON, and so", target)),
                };
            }
        };
        let mut standing = Vec::new();
        texts(&value, &mut String::new(), &mut |pointer, text| {
            for (_, found) in self.0.placeholders.matcher.find_all(text.as_bytes()) {
                // More than there are in the text are refused below; one too many is enough to tell.
                if standing.len() <= in_text.len() {
                    let pointer = pointer.map(str::to_owned);
                    standing.push(Standing { of: found.of, pointer });
                }
            }
        });
        // Before another is made of the same text.
        drop(value);
        let Some(any) = in_text
            .first()
            .map(|(_, found)| found.of)
            .or(standing.first().map(|own| own.of))
        else {
            return Ok(None);
        };
        // Where a field is there twice or a placeholder is written with escapes, what was checked is not what is sent.
        if in_text.len() != standing.len() || self.shows_when_masked(text) {
            return Err(self.never(
                any,
                "a body with a field twice or with escapes in the placeholder, and so",
                target,
            ));
        }
        let values = self.granted_in(&standing, target)?;
        self.replaced(text, "the body", target, |entry| {
            let own = values.iter().find(|(of, _)| std::ptr::eq(&self.0.entries[*of], entry));
            let (_, value) = own.ok_or_else(|| unfit_value(entry, "a JSON body"))?;
            Ok(value.clone())
        })
    }

    /// Whether a JSON text has a placeholder still when all that are plain in it are covered.
    fn shows_when_masked(&self, text: &[u8]) -> bool {
        let matcher = &self.0.placeholders.matcher;
        let mut masked = text.to_vec();
        for (at, found) in matcher.find_all(text) {
            masked[at..at + found.len].fill(b'x');
        }
        let Ok(value) = serde_json::from_slice::<Value>(&masked) else {
            return true;
        };
        let mut shows = false;
        texts(&value, &mut String::new(), &mut |_, text| {
            shows |= !matcher.find_all(text.as_bytes()).is_empty();
        });
        shows
    }

    /// The values to put in by secret, each place checked, as they stand in a JSON string.
    fn granted_in(&self, standing: &[Standing], target: &HttpTarget) -> Result<Vec<Filling>, EgressError> {
        let one = |Standing { of, pointer }: &Standing| {
            let entry = &self.0.entries[*of];
            let Some(pointer) = pointer else {
                return Err(self.never(*of, "the name of a field in the body", target));
            };
            let value = self.granted(entry, target, &SecretPlace::Body(pointer.clone()))?;
            let value = std::str::from_utf8(value).map_err(|_| unfit_value(entry, "a JSON body: it is not UTF-8"))?;
            Ok((*of, Zeroizing::new(json_text(value).as_bytes().to_vec())))
        };
        standing.iter().map(one).collect()
    }
}
