//! URLs as far as a download needs them (RFC 3986): read, shown without their query, and resolved against each other. It
//! deliberately does not canonicalise hosts: whether a host is granted is decided outside of the sandbox.

use std::fmt;

/// An `http` or `https` URL without a user and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether it is `https`.
    pub secure: bool,
    /// The host, and the port where the URL says one.
    pub authority: String,
    /// The path, beginning with `/`.
    pub path: String,
    /// What follows the `?`.
    pub query: Option<String>,
}

/// What is longer is no URL that anybody means.
const LONGEST: usize = 16 << 10;

fn split_query(text: &str) -> (&str, Option<&str>) {
    let text = text.split('#').next().unwrap_or_default();
    match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    }
}

impl Url {
    /// Reads a whole URL.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it does not begin with `https://`")?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => {
                return Err(format!(
                    "its scheme is `{scheme}`: only `https` and `http` can be downloaded"
                ));
            }
        };
        plain(text)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        if authority.is_empty() {
            return Err("it has no host".to_owned());
        }
        if authority.contains('@') {
            return Err("it has a user in it: give the step a secret and name it in `secret`".to_owned());
        }
        let (path, query) = split_query(rest);
        Ok(Self {
            secure,
            authority: authority.to_ascii_lowercase(),
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                without_dots(path)
            },
            query: query.map(str::to_owned),
        })
    }

    /// The URL that `reference` means on this one's page.
    ///
    /// # Errors
    /// As [`Url::parse`].
    pub fn join(&self, reference: &str) -> Result<Self, String> {
        let scheme = if self.secure { "https" } else { "http" };
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let before = reference.split(['/', '?', '#']).next().unwrap_or_default();
        if before.contains(':') {
            return Self::parse(reference);
        }
        plain(reference)?;
        let (path, query) = split_query(reference);
        let mut joined = self.clone();
        if path.is_empty() {
            joined.query = query.map(str::to_owned).or_else(|| self.query.clone());
            return Ok(joined);
        }
        joined.path = match path.strip_prefix('/') {
            Some(_) => without_dots(path),
            None => {
                let folder = self.path.rfind('/').map_or("", |at| &self.path[..at]);
                without_dots(&format!("{folder}/{path}"))
            }
        };
        joined.query = query.map(str::to_owned);
        Ok(joined)
    }

    /// Whether a request to `other` goes to the same scheme, host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.secure == other.secure && self.host_and_port() == other.host_and_port()
    }

    /// The path with its query, as the request line has it.
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// The last part of the path as the name of a file.
    ///
    /// # Errors
    /// There is none, or none that is safe.
    pub fn file_name(&self) -> Result<String, String> {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        let name = decoded(last).ok_or("the end of the URL's path is not UTF-8")?;
        let odd = |c: char| c == '/' || c == '\\' || c.is_control();
        if name.is_empty() || name == "." || name == ".." || name.len() > 255 || name.contains(odd) {
            return Err("the URL's path does not end with the name of a file: say `to: /out/NAME`".to_owned());
        }
        Ok(name)
    }

    fn host_and_port(&self) -> (&str, &str) {
        let default = if self.secure { "443" } else { "80" };
        match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, if port.is_empty() { default } else { port }),
            _ => (&self.authority, default),
        }
    }
}

/// Without the query, which may hold what nobody else should read.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)
    }
}

fn plain(text: &str) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} bytes"));
    }
    match text.chars().find(|c| !c.is_ascii_graphic()) {
        Some(c) => Err(format!("it has a {c:?} in it: write it as `%` and digits")),
        None => Ok(()),
    }
}

/// RFC 3986, 5.2.4, over a path that begins with `/`.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let last = path.rsplit('/').next().unwrap_or_default();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let mut out: String = parts.iter().flat_map(|part| ["/", part]).collect();
    if matches!(last, "." | "..") || out.is_empty() {
        out.push('/');
    }
    out
}

/// Undoes `%` and two digits.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    // The examples of RFC 3986, 5.4, that are about http.
    #[test]
    fn references_are_resolved_as_the_standard_says() {
        let base = url("http://a/b/c/d;p?q");
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("./../g", "http://a/b/g"),
            ("https://h:8/x?y=http://z", "https://h:8/x?y=http://z"),
        ] {
            let joined = base.join(reference).unwrap();
            assert_eq!(
                format!("{}{}", joined.origin(), joined.target()),
                expected,
                "{reference}"
            );
        }
    }

    // What a server sends as a location is hostile.
    #[test]
    fn what_is_no_url_of_a_download_is_refused() {
        for text in [
            "",
            "example.com/x",
            "ftp://example.com/x",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://user:word@example.com/",
            "https://example.com/a b",
            "https://example.com/\r\nx: y",
            "https://example.com/ü",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
        for reference in ["javascript:alert(1)", "data:,x", "//user@host/", "x\r\ny", "x\u{0}"] {
            assert!(url("https://a/").join(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(url("https://a/x").same_origin(&url("https://A:443/y")));
        assert!(url("http://[::1]/x").same_origin(&url("http://[::1]:80/x")));
        for other in ["http://a/x", "https://a:8443/x", "https://b/x", "https://a.b/x"] {
            assert!(!url("https://a/x").same_origin(&url(other)), "{other}");
        }
    }

    #[test]
    fn a_file_is_named_by_the_end_of_the_path() {
        for (text, expected) in [
            ("https://a/b/rules.tar.gz?x=1", "rules.tar.gz"),
            ("https://a/b/%C3%BC%20x", "ü x"),
            ("https://a/100%", "100%"),
        ] {
            assert_eq!(url(text).file_name().unwrap(), expected);
        }
        for text in [
            "https://a",
            "https://a/b/",
            "https://a/%2e%2e",
            "https://a/x%2fy",
            "https://a/x%00",
            "https://a/%ff",
        ] {
            assert!(url(text).file_name().is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_query() {
        assert_eq!(url("https://a/b?token=1").to_string(), "https://a/b");
    }
}
