#![allow(clippy::unwrap_used)]
//! Tables for the decisions over grants.

use super::*;

fn http(text: &str) -> HttpGrant {
    let (Origin { scheme, host, port }, path) = Origin::with_path(text).unwrap();
    HttpGrant {
        scheme,
        host,
        port,
        path,
        methods: DEFAULT_METHODS.map(str::to_owned).to_vec(),
        addresses: Vec::new(),
        ca: None,
        client: None,
    }
}

// A host says the same thing in one form only.
#[test]
fn hosts_are_canonical() {
    for (text, expected) in [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
    ] {
        assert_eq!(text.parse::<Host>().unwrap().to_string(), expected, "{text}");
    }
    for text in [
        "",
        "a..b",
        "a b",
        "%61.com",
        "user@host",
        "a/b",
        "-a.com",
        "[::1",
        "a\0b",
    ] {
        assert!(text.parse::<Host>().is_err(), "{text}");
    }
}

// What a pipeline file says of a grant is what it reads.
#[test]
fn a_grant_is_shown_as_the_file_would_say_it() {
    let mut grant = http("https://api.example.com:8443/v1");
    assert_eq!(grant.to_string(), r#""https://api.example.com:8443/v1""#);
    grant.methods = vec!["POST".to_owned()];
    grant.addresses = vec!["10.0.0.0/8".parse().unwrap()];
    assert_eq!(
        grant.to_string(),
        r#"{ url: "https://api.example.com:8443/v1", methods: [POST], addresses: ["10.0.0.0/8"] }"#
    );
}
