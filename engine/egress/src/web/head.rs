//! The head of a request: what it asks for, in the one form that is decided over and sent. What a server could read in
//! another way is refused or dropped. Not here: whether it is granted.

use airtight_model::grant::{Host, HttpTarget, Refusal, Scheme};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri, Version};
use hyper::body::Body as _;

use crate::error::EgressError;
use crate::record::Record;

pub(super) use super::size;

pub(super) const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// The longest method: no registered one is longer than 18.
const LONGEST_METHOD: usize = 32;
/// Headers of one request: far below what the map of them can hold, which panics when it is full.
const MOST_HEADERS: usize = 1024;
/// The longest path and query: what servers take.
const LONGEST_PATH: usize = 16 << 10;

/// Headers between two neighbours (RFC 9110, 7.6.1): they are ours to say, and what a guest says of them is dropped.
const DROPPED: [&str; 6] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "expect",
];

/// Headers that would make the server read another request than the one that was checked, or that are for proxies.
const REFUSED: [&str; 5] = [
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "proxy-authorization",
    "proxy-authenticate",
];

fn invalid(what: impl Into<String>) -> EgressError {
    EgressError::Invalid(what.into())
}

/// What a request asks for.
///
/// # Errors
/// It is not one that can be sent; a refusal is recorded.
pub(super) fn target(parts: &Parts, record: &Record) -> Result<HttpTarget, EgressError> {
    let method = parts.method.as_str();
    if method.len() > LONGEST_METHOD || method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(invalid("a method is a short word in capitals"));
    }
    let scheme = match parts.uri.scheme_str() {
        Some("https") => Scheme::Https,
        Some("http") => Scheme::Http,
        _ => return Err(invalid("its URL begins neither with `https://` nor with `http://`")),
    };
    let authority = parts
        .uri
        .authority()
        .ok_or_else(|| invalid("its URL has no host"))?
        .as_str();
    let (user, place) = match authority.rsplit_once('@') {
        Some((_, place)) => (true, place),
        None => (false, authority),
    };
    let (host, port) = host_and_port(place)?;
    let target = HttpTarget {
        method: method.to_owned(),
        scheme,
        host,
        port: port.unwrap_or(scheme.default_port()),
        path: path(&parts.uri)?,
    };
    let never = |rule: &str| {
        let refusal = Refusal::never(rule);
        record.denied("http", &target.to_string(), &refusal);
        Err(refusal.into())
    };
    if user {
        return never("a URL with a user in it is never sent: use a secret instead");
    }
    if matches!(parts.method, Method::CONNECT | Method::TRACE) || method == "TRACK" {
        return never("that method is never sent");
    }
    Ok(target)
}

fn host_and_port(place: &str) -> Result<(Host, Option<u16>), EgressError> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (place, None),
    };
    let host = host
        .parse::<Host>()
        .map_err(|_| invalid("its URL has a host that cannot be"))?;
    let port = match port {
        None => None,
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port > 0 && text.bytes().all(|byte| byte.is_ascii_digit()) => Some(port),
            _ => return Err(invalid("its URL has a port that cannot be")),
        },
    };
    Ok((host, port))
}

fn path(uri: &Uri) -> Result<String, EgressError> {
    let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    if whole.len() > LONGEST_PATH {
        return Err(invalid("its URL is too long"));
    }
    if !whole.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(invalid("its URL has a character that has to be percent-encoded"));
    }
    match uri.path() {
        "" => Ok("/".to_owned()),
        path if path.starts_with('/') => Ok(path.to_owned()),
        _ => Err(invalid("its path does not begin with `/`")),
    }
}

/// Makes the head the one that is sent: the origin form of the URL, the host that was checked, and no header that is not
/// a guest's to say. Returns the length of the body, if it was told.
///
/// # Errors
/// A header that cannot be sent; a refusal is recorded.
pub(super) fn scrub(parts: &mut Parts, target: &HttpTarget, record: &Record) -> Result<Option<u64>, EgressError> {
    let host = host_header(target);
    let headers = &mut parts.headers;
    if headers.len() > MOST_HEADERS {
        return Err(invalid("it has too many headers"));
    }
    if headers.get_all(header::HOST).iter().any(|own| !same_host(own, target)) {
        let refusal = Refusal::never("the header `host` names another host than the URL");
        record.denied("http", &target.to_string(), &refusal);
        return Err(refusal.into());
    }
    for name in REFUSED {
        if headers.contains_key(name) {
            return Err(invalid(format!("the header `{name}` is not a step's to send")));
        }
    }
    let declared = declared_length(headers)?;
    headers.remove(header::CONTENT_LENGTH);
    drop_hop_by_hop(headers);
    headers.insert(
        header::HOST,
        HeaderValue::from_str(&host).map_err(|_| invalid("its URL has a host that cannot be"))?,
    );
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    parts.uri = Uri::builder()
        .path_and_query(format!("{}{query}", target.path))
        .build()
        .map_err(|_| invalid("its URL cannot be sent"))?;
    parts.version = Version::HTTP_11;
    parts.extensions.clear();
    Ok(declared)
}

/// Drops the headers between two neighbours, and those that `connection` names.
pub(super) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        // Of a length, the host says the truth anyway.
        if name != header::CONTENT_LENGTH && name != header::HOST {
            headers.remove(name);
        }
    }
    for name in DROPPED {
        headers.remove(name);
    }
}

fn host_header(target: &HttpTarget) -> String {
    if target.port == target.scheme.default_port() {
        target.host.to_string()
    } else {
        format!("{}:{}", target.host, target.port)
    }
}

fn same_host(value: &HeaderValue, target: &HttpTarget) -> bool {
    let Ok(Ok((host, port))) = value.to_str().map(host_and_port) else {
        return false;
    };
    host == target.host && port.unwrap_or(target.scheme.default_port()) == target.port
}

fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, EgressError> {
    let mut all = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(invalid("it has two lengths"));
    }
    let text = first.to_str().unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid("its length is not a number"));
    }
    text.parse()
        .map(Some)
        .map_err(|_| invalid("its length is not a number"))
}

/// Says how long the body is, where that is known: it is what is sent, whatever a guest said.
pub(super) fn set_length(parts: &mut Parts, body: &super::Outgoing) {
    let Some(length) = body.size_hint().exact() else {
        return;
    };
    let wants_one = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    if length > 0 || wants_one {
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
    }
}

#[cfg(test)]
mod tests;
