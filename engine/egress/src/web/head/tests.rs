//! Heads of requests: what is taken for what.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn seen(method: &str, uri: &str) -> Result<String, EgressError> {
    target(&parts(method, uri, &[]), &Record::default()).map(|target| target.to_string())
}

// What is decided over is what is sent, in one form.
#[test]
fn a_url_is_read_as_a_server_would_read_it() {
    for (uri, expected) in [
        ("https://Example.COM.:443/a?token=x", "GET https://example.com/a"),
        ("http://example.com", "GET http://example.com/"),
        ("http://2130706433/", "GET http://127.0.0.1/"),
        ("http://0177.0.0.1:8080/", "GET http://127.0.0.1:8080/"),
        ("http://0x7f.1/", "GET http://127.0.0.1/"),
        ("http://[::ffff:127.0.0.1]/", "GET http://127.0.0.1/"),
        ("https://example.com?x=1", "GET https://example.com/"),
    ] {
        assert_eq!(seen("GET", uri).unwrap(), expected, "{uri}");
    }
    for uri in ["/a", "ftp://example.com/", "http://a..b/", "http://example.com:0/"] {
        assert!(matches!(seen("GET", uri), Err(EgressError::Invalid(_))), "{uri}");
    }
    for (method, uri) in [
        ("GET", "http://user:word@example.com/"),
        ("GET", "http://example.com@127.0.0.1/"),
        ("TRACE", "http://example.com/"),
        ("TRACK", "http://example.com/"),
        ("CONNECT", "http://example.com/"),
    ] {
        assert!(
            matches!(seen(method, uri), Err(EgressError::Denied(_))),
            "{method} {uri}"
        );
    }
    assert!(matches!(
        seen("get", "http://example.com/"),
        Err(EgressError::Invalid(_))
    ));
}

// A denial of a URL with a password in it must not be where the password ends up.
#[test]
fn a_user_in_a_url_is_not_recorded() {
    let record = Record::default();
    let parts = parts("GET", "http://user:word@example.com/?q=word", &[]);
    assert!(target(&parts, &record).is_err());
    assert_eq!(record.read().0[0].request, "GET http://example.com/");
}

fn scrubbed(headers: &[(&str, &str)]) -> Result<(Parts, Option<u64>), EgressError> {
    let mut parts = parts("POST", "https://example.com/a?b=c", headers);
    let record = Record::default();
    let target = target(&parts, &record)?;
    let declared = scrub(&mut parts, &target, &record)?;
    Ok((parts, declared))
}

// A server and the host must agree on where a request ends and whom it is for.
#[test]
fn headers_that_make_another_request_are_refused_or_dropped() {
    for headers in [
        &[("transfer-encoding", "chunked")][..],
        &[("Transfer-Encoding", "identity")],
        &[("upgrade", "websocket")],
        &[("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA")],
        &[("proxy-authorization", "Basic eA==")],
        &[("content-length", "1"), ("content-length", "1")],
        &[("content-length", "1, 1")],
        &[("content-length", "+1")],
        &[("content-length", "0x1")],
        &[("content-length", "")],
        &[("content-length", "99999999999999999999")],
    ] {
        assert!(matches!(scrubbed(headers), Err(EgressError::Invalid(_))), "{headers:?}");
    }
    for host in [
        "other.com",
        "example.com:444",
        "example.com@other.com",
        "example.com, other.com",
        "",
    ] {
        assert!(scrubbed(&[("host", host)]).is_err(), "{host}");
    }
    let (parts, declared) = scrubbed(&[
        ("host", "EXAMPLE.com:443"),
        ("connection", "close, x-hop"),
        ("x-hop", "1"),
        ("keep-alive", "1"),
        ("te", "trailers"),
        ("trailer", "x"),
        ("expect", "100-continue"),
        ("content-length", "5"),
        ("x-end", "2"),
    ])
    .unwrap();
    assert_eq!(declared, Some(5));
    let names: Vec<&str> = parts.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["host", "x-end"]);
    assert_eq!(parts.headers["host"], "example.com");
    assert_eq!(parts.uri, "/a?b=c");
}

// The `http` crate is the first line of this: a header cannot be split.
#[test]
fn a_header_value_has_no_line_break() {
    for value in ["a\r\nx: y", "a\nb", "a\0b"] {
        assert!(HeaderValue::from_str(value).is_err());
        assert!(HeaderValue::from_bytes(value.as_bytes()).is_err());
    }
}

#[test]
fn a_request_has_so_many_headers_and_no_more() {
    let names: Vec<String> = (0..=MOST_HEADERS).map(|i| format!("x-{i}")).collect();
    let headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert!(scrubbed(&headers[1..]).is_ok());
    assert!(matches!(scrubbed(&headers), Err(EgressError::Invalid(_))));
}

fn any_header() -> impl Strategy<Value = (String, String)> {
    let names = [
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "upgrade",
        "expect",
        "x-a",
        "x-b",
        "keep-alive",
    ];
    let values = "(example\\.com|close, x-a, host, content-length|chunked|5|[ -~]{0,8})";
    (prop::sample::select(names.to_vec()), values).prop_map(|(name, value)| (name.to_owned(), value))
}

proptest! {
    // Whatever a guest says: refused, or one request to the host that was decided over, in the form that is sent.
    #[test]
    fn what_is_sent_is_what_was_decided_over(
        method in "(GET|POST|CONNECT|[A-Za-z!#]{1,8})",
        url in "(https?|ftp)://([a-z@.:\\[\\]]{0,6})(example\\.com|127\\.1|2130706433)([:/?#\\\\@.%a-z0-9]{0,12})",
        headers in prop::collection::vec(any_header(), 0..6),
    ) {
        let mut request = http::Request::builder().method(method.as_str()).uri(url.as_str());
        for (name, value) in &headers {
            request = request.header(name.as_str(), value.as_str());
        }
        let Ok(request) = request.body(()) else { return Ok(()) };
        let (mut parts, ()) = request.into_parts();
        let record = Record::default();
        let Ok(target) = target(&parts, &record) else { return Ok(()) };
        let query = parts.uri.query().map(str::to_owned);
        let Ok(declared) = scrub(&mut parts, &target, &record) else { return Ok(()) };
        prop_assert!(parts.uri.authority().is_none() && parts.uri.scheme().is_none());
        prop_assert_eq!(parts.uri.path(), &target.path);
        prop_assert_eq!(parts.uri.query().map(str::to_owned), query);
        prop_assert!(target.path.starts_with('/'));
        prop_assert!(!url.contains('@') || url.find('@') > url.find(['/', '?', '#']).map(|at| at + 2));
        let hosts: Vec<_> = parts.headers.get_all("host").iter().collect();
        prop_assert_eq!(hosts.len(), 1);
        prop_assert!(same_host(hosts[0], &target));
        for name in DROPPED.iter().chain(&REFUSED).chain(&["content-length"]) {
            prop_assert!(!parts.headers.contains_key(*name), "{}", name);
        }
        let told = headers.iter().filter(|(name, _)| name == "content-length").count();
        prop_assert_eq!(told, usize::from(declared.is_some()));
    }
}
