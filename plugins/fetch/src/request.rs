//! The request of one hop: which headers go where. Not here: sending it.

use crate::error::Error;
use crate::range::Part;
use crate::url::Url;

/// A header as the pipeline says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name, in any case.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A GET request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub url: Url,
    /// Names in lower case with their values.
    pub headers: Vec<(String, String)>,
    /// For how many seconds nothing may arrive.
    pub timeout: u32,
}

/// What the download itself says, or what is the host's to say.
const OURS: [&str; 10] = [
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "if-range",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What is no one's secret, wherever it is sent.
const EVERYWHERE: [&str; 3] = ["accept", "accept-language", "user-agent"];

/// Checks the headers that the pipeline gives.
///
/// # Errors
/// One cannot be sent, or is not the step's to send.
pub(crate) fn check(headers: &[Header]) -> Result<(), Error> {
    let wrong = |problem: String| {
        Err(Error::Parameter {
            name: "headers",
            problem,
        })
    };
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    for Header { name, value } in headers {
        if name.is_empty() || !name.bytes().all(token) {
            return wrong(format!("`{}` is no name of a header", name.escape_debug()));
        }
        if !value.bytes().all(|b| b == b'\t' || (b' '..0x7f).contains(&b)) {
            return wrong(format!("the value of `{name}` has a character that no header can have"));
        }
        if OURS.contains(&name.to_ascii_lowercase().as_str()) {
            return wrong(format!("`{name}` is not yours to set: leave it out"));
        }
    }
    Ok(())
}

/// Who asks, and with what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// The pipeline's headers.
    pub(crate) headers: &'a [Header],
    /// What stands for the secret.
    pub(crate) bearer: Option<&'a str>,
    /// For how many seconds nothing may arrive.
    pub(crate) timeout: u32,
}

/// The request to `url`: with credentials only as long as no other origin had a say in where it leads (`home`).
pub(crate) fn to(url: &Url, home: bool, asker: Asker<'_>, part: &Part) -> Request {
    let mut all = vec![("accept-encoding".to_owned(), "identity".to_owned())];
    for header in asker.headers {
        let name = header.name.to_ascii_lowercase();
        if home || EVERYWHERE.contains(&name.as_str()) {
            all.push((name, header.value.clone()));
        }
    }
    for (name, value) in [("accept", "*/*"), ("user-agent", "airtight-fetch/0.1")] {
        if !all.iter().any(|(own, _)| own == name) {
            all.push((name.to_owned(), value.to_owned()));
        }
    }
    if let Some(placeholder) = asker.bearer.filter(|_| home) {
        all.push(("authorization".to_owned(), format!("Bearer {placeholder}")));
    }
    if let Some(rest) = part.rest() {
        all.extend(rest.map(|(name, value)| (name.to_owned(), value)));
    }
    Request {
        url: url.clone(),
        headers: all,
        timeout: asker.timeout,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(name: &str, value: &str) -> Header {
        Header {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    // A redirect must not carry a credential to someone else.
    #[test]
    fn credentials_stay_at_home() {
        let headers = [
            header("X-Api-Key", "k"),
            header("Cookie", "c"),
            header("Accept", "text/plain"),
        ];
        let asker = Asker {
            headers: &headers,
            bearer: Some("p"),
            timeout: 60,
        };
        let url = Url::parse("https://a/x").unwrap();
        let names = |home: bool| -> Vec<String> {
            let request = to(&url, home, asker, &Part::default());
            request.headers.into_iter().map(|(name, _)| name).collect()
        };
        for name in ["authorization", "cookie", "x-api-key"] {
            assert!(names(true).iter().any(|own| own == name), "{name}");
        }
        assert_eq!(names(false), ["accept-encoding", "accept", "user-agent"]);
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused() {
        assert!(check(&[header("X-Ok", "fine; really")]).is_ok());
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("a:", "x"),
            ("x", "a\r\nb: c"),
            ("x", "a\0"),
            ("x", "ü"),
            ("Host", "b"),
            ("Transfer-Encoding", "chunked"),
            ("RANGE", "bytes=0-1"),
        ] {
            assert!(check(&[header(name, value)]).is_err(), "{name}: {value}");
        }
    }
}
