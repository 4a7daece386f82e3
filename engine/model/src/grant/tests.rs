//! Tables for the decisions over grants: hosts, patterns, origins, addresses, requests, and one set within another.
#![allow(clippy::unwrap_used)]

use std::net::IpAddr;

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

fn net(transport: Transport, host: &str, port: u16) -> NetGrant {
    NetGrant {
        transport,
        host: host.parse().unwrap(),
        port,
        addresses: Vec::new(),
        login: None,
    }
}

fn target(text: &str) -> HttpTarget {
    let (method, url) = text.split_once(' ').unwrap();
    let (Origin { scheme, host, port }, path) = Origin::with_path(url).unwrap();
    let HostPattern::Exact(host) = host else {
        panic!("{text}")
    };
    HttpTarget {
        method: method.to_owned(),
        scheme,
        host,
        port,
        path,
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

// A host says the same thing in one form only.
#[test]
fn hosts_are_canonical() {
    for (text, expected) in [
        ("Example.COM.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("ｅｘａｍｐｌｅ.com", "example.com"),
        ("example。com", "example.com"),
        ("a_b.example.com", "a_b.example.com"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("[::ffff:10.0.0.1]", "10.0.0.1"),
        ("[::ffff:a00:1]", "10.0.0.1"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
        ("[2001:db8:0:0:0:0:0:1]", "[2001:db8::1]"),
    ] {
        let host = text.parse::<Host>().unwrap();
        assert_eq!(host.to_string(), expected, "{text}");
        assert_eq!(
            expected.parse::<Host>().unwrap(),
            host,
            "the canonical form is read as itself"
        );
    }
    for text in [
        "",
        ".",
        "a..b",
        ".a.com",
        "a.com..",
        "a b",
        "%61.com",
        "user@host",
        "a/b",
        "a\\b",
        "a#b",
        "a?b",
        "a:80",
        "-a.com",
        "a-.com",
        "[::1",
        "::1",
        "[fe80::1%eth0]",
        "a\0b",
        "a\nb",
        "256.256.256.256",
        "1.2.3.4.5",
        "0x100000000",
        "*.example.com",
        "xn--zzzzzzzzzz-.com",
    ] {
        assert!(text.parse::<Host>().is_err(), "{text}");
    }
    assert!(
        "a".repeat(64).parse::<Host>().is_err(),
        "a label has at most 63 characters"
    );
    assert!(
        [&"a.".repeat(130), "com"].concat().parse::<Host>().is_err(),
        "a name has at most 253"
    );
}

// A pattern is for what it says, never for what looks like it.
#[test]
fn patterns_match_whole_labels_alone() {
    for (pattern, host, expected) in [
        ("example.com", "example.com", true),
        ("example.com", "EXAMPLE.com.", true),
        ("example.com", "a.example.com", false),
        ("example.com", "example.com.evil.org", false),
        ("example.com", "examp1e.com", false),
        // A Cyrillic `е`.
        ("example.com", "еxample.com", false),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "a.b.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "badexample.com", false),
        ("*.example.com", "example.com.evil.org", false),
        ("*.bücher.example", "a.xn--bcher-kva.example", true),
        ("*.0.0.1", "127.0.0.1", false),
        ("127.0.0.1", "2130706433", true),
        ("[::ffff:10.0.0.1]", "10.0.0.1", true),
    ] {
        let Ok(pattern) = pattern.parse::<HostPattern>() else {
            assert!(!expected, "{pattern}");
            continue;
        };
        assert_eq!(pattern.matches(&host.parse().unwrap()), expected, "{pattern} {host}");
    }
    for text in [
        "*",
        "*.",
        "*.com",
        "*example.com",
        "a.*.com",
        "**.example.com",
        "*.*.example.com",
        "*.127.0.0.1",
    ] {
        assert!(text.parse::<HostPattern>().is_err(), "{text}");
    }
}

#[test]
fn origins_have_a_scheme_a_host_and_a_port() {
    for (text, expected) in [
        ("https://Example.com", "https://example.com"),
        ("HTTPS://example.com:443/", "https://example.com"),
        ("http://example.com:80", "http://example.com"),
        ("https://example.com:80", "https://example.com:80"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://*.example.com", "https://*.example.com"),
    ] {
        assert_eq!(text.parse::<Origin>().unwrap().to_string(), expected, "{text}");
    }
    for text in [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "https:example.com",
        "https://",
        "https://user@example.com",
        "https://user:word@example.com",
        "https://example.com@evil.org",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:+1",
        "https://example.com/a",
        "https://example.com?a",
        "https://example.com#a",
        "https://example.com\\@evil.org",
        " https://example.com",
    ] {
        assert!(text.parse::<Origin>().is_err(), "{text}");
    }
}

// Every range of the IANA registries of special addresses, first and last address, and its neighbours.
#[test]
fn addresses_that_are_not_public_have_a_class() {
    use AddressClass::{Embedded, LinkLocal, Loopback, Multicast, Private, Reserved};
    for (first, last, class) in [
        ("0.0.0.0", "0.255.255.255", Reserved),
        ("10.0.0.0", "10.255.255.255", Private),
        ("100.64.0.0", "100.127.255.255", Private),
        ("127.0.0.0", "127.255.255.255", Loopback),
        ("169.254.0.0", "169.254.255.255", LinkLocal),
        ("169.254.169.254", "169.254.169.254", LinkLocal),
        ("168.63.129.16", "168.63.129.16", LinkLocal),
        ("172.16.0.0", "172.31.255.255", Private),
        ("192.0.0.0", "192.0.0.255", Reserved),
        ("192.0.2.0", "192.0.2.255", Reserved),
        ("192.88.99.0", "192.88.99.255", Reserved),
        ("192.168.0.0", "192.168.255.255", Private),
        ("198.18.0.0", "198.19.255.255", Reserved),
        ("198.51.100.0", "198.51.100.255", Reserved),
        ("203.0.113.0", "203.0.113.255", Reserved),
        ("224.0.0.0", "239.255.255.255", Multicast),
        ("240.0.0.0", "255.255.255.255", Reserved),
        ("::1", "::1", Loopback),
        ("::", "::", Embedded),
        ("::2", "::ffff:ffff", Embedded),
        ("::ffff:8.8.8.8", "::ffff:8.8.8.8", Embedded),
        ("::ffff:0:8.8.8.8", "::ffff:0:8.8.8.8", Embedded),
        ("64:ff9b::", "64:ff9b::ffff:ffff", Embedded),
        ("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", Embedded),
        ("64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Embedded),
        ("100::", "100::ffff:ffff:ffff:ffff", Reserved),
        ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", Embedded),
        ("2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Reserved),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Reserved),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Embedded),
        ("2002:7f00:1::", "2002:a9fe:a9fe::", Embedded),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Reserved),
        ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Private),
        ("fd00:ec2::254", "fd00:ec2::254", Private),
        ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", LinkLocal),
        // Site-local, which is no more, and what nobody was given yet.
        ("fec0::1", "feff::1", Reserved),
        ("5f00::", "5f00:ffff::", Reserved),
        ("4000::", "fbff::", Reserved),
        ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Multicast),
    ] {
        assert_eq!(class_of(ip(first)), Some(class), "{first}");
        assert_eq!(class_of(ip(last)), Some(class), "{last}");
    }
    for public in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "168.63.129.15",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "8.8.8.8",
        "2001:200::",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700::1111",
        "3ffe:ffff::",
        "3fff:1000::",
    ] {
        assert_eq!(class_of(ip(public)), None, "{public}");
    }
}

// An address inside needs to be granted by itself or its range, in whatever clothes it comes.
#[test]
fn an_address_that_is_not_public_needs_to_be_granted() {
    let cidr = |text: &str| text.parse::<Cidr>().unwrap();
    let mut grant = http("https://a.example.com");
    let host = "a.example.com".parse().unwrap();
    assert!(grant.allow_address(&host, ip("8.8.8.8")).is_ok());
    let refusal = grant.allow_address(&host, ip("10.1.2.3")).unwrap_err();
    assert_eq!(refusal.rule, "`a.example.com` is at 10.1.2.3, a private address");
    let line = "http: [{ url: \"https://a.example.com\", addresses: [\"10.1.2.3/32\"] }]";
    assert_eq!(refusal.allow.as_deref(), Some(line));
    grant.addresses = vec![cidr("10.0.0.0/8"), cidr("fd00::/8")];
    for (address, expected) in [
        ("10.1.2.3", true),
        ("::ffff:10.1.2.3", true),
        ("fd00::1", true),
        ("11.0.0.1", true),
        ("192.168.0.1", false),
        ("64:ff9b::a01:203", false),
        ("127.0.0.1", false),
        ("fc00::1", false),
    ] {
        assert_eq!(grant.allow_address(&host, ip(address)).is_ok(), expected, "{address}");
    }
    // Who writes the address means the address.
    let literal = http("http://127.0.0.1:8080");
    let host = "127.0.0.1".parse().unwrap();
    assert!(literal.allow_address(&host, ip("127.0.0.1")).is_ok());
    assert!(literal.allow_address(&host, ip("127.0.0.2")).is_err());
    let socket = net(Transport::Tcp, "db.example.com", 5432);
    let refusal = socket
        .allow_address(&"db.example.com".parse().unwrap(), ip("::1"))
        .unwrap_err();
    let line = "net: [{ to: \"tcp://db.example.com:5432\", addresses: [\"::1/128\"] }]";
    assert_eq!(refusal.allow.as_deref(), Some(line));
    for text in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0", "::/129", "", "a"] {
        assert!(text.parse::<Cidr>().is_err(), "{text}");
    }
}

// One request, one answer: by scheme, host, port, method and path.
#[test]
fn a_request_is_allowed_by_scheme_host_port_method_and_path() {
    let mut post = http("https://api.example.com/v1");
    post.methods = vec!["POST".to_owned()];
    let grants = Grants {
        http: vec![
            http("https://example.com"),
            http("https://*.example.com/public/"),
            http("http://example.org:8080/v1"),
            post,
        ],
        ..Grants::default()
    };
    for (request, expected) in [
        ("GET https://example.com/", true),
        ("HEAD https://example.com/a/b", true),
        ("POST https://example.com/", false),
        ("get https://example.com/", false),
        ("OPTIONS https://example.com/", false),
        ("GET http://example.com/", false),
        ("GET https://example.com:8443/", false),
        ("GET https://www.example.com/", false),
        ("GET https://www.example.com/public", true),
        ("GET https://www.example.com/public/x", true),
        ("GET https://www.example.com/publicity", false),
        ("GET https://example.com.evil.org/public", false),
        ("GET http://example.org:8080/v1", true),
        ("GET http://example.org:8080/v1/", true),
        ("GET http://example.org:8080/v1/x%20y", true),
        ("GET http://example.org:8080/v10", false),
        ("GET http://example.org:8080/V1", false),
        ("GET http://example.org:8080/%76%31", false),
        ("GET http://example.org:8080/", false),
        ("GET http://example.org:8080/v1/../secret", false),
        ("GET http://example.org:8080/v1/./x", false),
        ("GET http://example.org:8080/v1/%2e%2e/secret", false),
        ("GET http://example.org:8080/v1/.%2E/secret", false),
        ("GET http://example.org:8080/v1%2f..%2fsecret", false),
        ("GET http://example.org:8080/v1/%252e%252e/secret", false),
        ("GET http://example.org:8080/v1/..%5csecret", false),
        ("GET http://example.org:8080/v1/..;/secret", false),
        ("GET http://example.org:8080/v1//secret", false),
        ("GET http://example.org:8080//v1", false),
        ("GET http://example.org/v1", false),
        ("POST https://api.example.com/v1/x", true),
        ("GET https://api.example.com/v1/x", false),
        ("GET https://api.example.com/public/x", true),
    ] {
        assert_eq!(grants.http(&target(request)).is_ok(), expected, "{request}");
    }
}

/// The grants with what the line `allow` says beside, read as the pipeline file would.
fn with_line(grants: &Grants, allow: &str) -> Grants {
    let mut wider = grants.clone();
    let item = allow.strip_prefix("http: [").unwrap().strip_suffix(']').unwrap();
    let field = |name: &str, end: &str| {
        let (_, rest) = item.split_once(name)?;
        Some(rest.split_once(end).unwrap().0)
    };
    let url = field("url: \"", "\"").unwrap_or(item.trim_matches('"'));
    let mut grant = http(url);
    if let Some(methods) = field("methods: [", "]") {
        grant.methods = methods.split(", ").map(str::to_owned).collect();
    }
    wider.http.push(grant);
    wider
}

// The line of a refusal is what makes it none, and no more than that.
#[test]
fn the_line_of_a_refusal_allows_the_request() {
    let grants = Grants {
        http: vec![http("https://example.com/v1")],
        ..Grants::default()
    };
    for (request, line) in [
        (
            "POST https://example.com/v1",
            r#"http: [{ url: "https://example.com/v1", methods: [GET, HEAD, POST] }]"#,
        ),
        ("GET https://example.com/v2", r#"http: ["https://example.com"]"#),
        (
            "PUT https://example.com/v2",
            r#"http: [{ url: "https://example.com", methods: [PUT] }]"#,
        ),
        ("GET http://example.org:81/x", r#"http: ["http://example.org:81"]"#),
        ("GET https://10.0.0.1/x", r#"http: ["https://10.0.0.1"]"#),
    ] {
        let refusal = grants.http(&target(request)).unwrap_err();
        assert_eq!(refusal.allow.as_deref(), Some(line), "{request}");
        assert!(with_line(&grants, line).http(&target(request)).is_ok(), "{request}");
    }
}

#[test]
fn a_socket_is_allowed_by_transport_host_and_port() {
    let grants = Grants {
        net: vec![
            net(Transport::Tcp, "*.example.com", 25),
            net(Transport::Udp, "9.9.9.9", 53),
        ],
        ..Grants::default()
    };
    for (transport, host, port, expected) in [
        (Transport::Tcp, "mail.example.com", 25, true),
        (Transport::Tcp, "mail.example.com", 26, false),
        (Transport::Udp, "mail.example.com", 25, false),
        (Transport::Tcp, "example.com", 25, false),
        (Transport::Udp, "9.9.9.9", 53, true),
        (Transport::Tcp, "9.9.9.9", 53, false),
    ] {
        let target = NetTarget {
            transport,
            host: host.parse().unwrap(),
            port,
        };
        let decision = grants.net(&target);
        assert_eq!(decision.is_ok(), expected, "{target}");
        if let Err(refusal) = decision {
            assert_eq!(refusal.allow, Some(format!("net: [\"{target}\"]")));
        }
    }
    assert!(grants.lookup(&"mail.example.com".parse().unwrap()).is_ok());
    assert!(grants.lookup(&"example.com".parse().unwrap()).is_err());
    assert!(Grants::default().lookup(&"example.com".parse().unwrap()).is_err());
}

// A secret goes to the origins that it was granted for, in the places that it was granted for.
#[test]
fn a_secret_is_allowed_by_origin_and_place() {
    let grants = Grants::default();
    let secret = SecretGrant {
        name: "token".to_owned(),
        to: vec!["https://api.example.com".parse().unwrap()],
        places: vec![SecretPlace::Bearer],
        operations: Vec::new(),
        env: None,
    };
    let own = target("GET https://api.example.com/x");
    assert!(grants.place(&secret, &own, &SecretPlace::Bearer).is_ok());
    let refusal = grants.place(&secret, &own, &SecretPlace::Basic).unwrap_err();
    let line = r#"secrets: { token: { to: ["https://api.example.com"], in: [bearer, basic] } }"#;
    assert_eq!(refusal.allow.as_deref(), Some(line));
    for other in [
        "GET http://api.example.com/",
        "GET https://api.example.com:8443/",
        "GET https://example.com/",
        "GET https://evil.org/",
    ] {
        assert!(
            grants.place(&secret, &target(other), &SecretPlace::Bearer).is_err(),
            "{other}"
        );
    }
}

// What a pipeline file says of a grant is what it reads.
#[test]
fn a_grant_is_shown_as_the_file_would_say_it() {
    let mut grant = http("https://api.example.com:8443/v1");
    assert_eq!(grant.to_string(), r#""https://api.example.com:8443/v1""#);
    grant.methods = vec!["POST".to_owned()];
    grant.addresses = vec!["10.0.0.0/8".parse().unwrap()];
    grant.ca = Some("ca.pem".to_owned());
    grant.client = Some(ClientCertificate {
        certificate: "me.pem".to_owned(),
        key: "me".to_owned(),
    });
    assert_eq!(
        grant.to_string(),
        r#"{ url: "https://api.example.com:8443/v1", methods: [POST], addresses: ["10.0.0.0/8"], ca: "ca.pem", client-certificate: { certificate: "me.pem", key: me } }"#
    );
    let mut socket = net(Transport::Tcp, "db.example.com", 5432);
    assert_eq!(socket.to_string(), r#""tcp://db.example.com:5432""#);
    socket.login = Some(PostgresLogin {
        user: "app".to_owned(),
        password: "db".to_owned(),
        database: Some("orders".to_owned()),
        tls: false,
        ca: None,
    });
    assert_eq!(
        socket.to_string(),
        r#"{ to: "tcp://db.example.com:5432", login: { postgres: { user: "app", password: db, database: "orders", tls: false } } }"#
    );
}

// What the lock and policy compare: each power that is new is named, what is narrower is not.
#[test]
fn a_widening_is_what_was_not_allowed_before() {
    let old = Grants {
        http: vec![http("https://*.example.com/v1")],
        net: vec![net(Transport::Tcp, "example.com", 25)],
        ..Grants::default()
    };
    for (grant, wider) in [
        (http("https://*.example.com/v1"), false),
        (http("https://a.example.com/v1"), false),
        (http("https://*.a.example.com/v1/x"), false),
        (http("https://example.com/v1"), true),
        (http("https://a.example.com"), true),
        (http("https://a.example.com/v2"), true),
        (http("http://a.example.com/v1"), true),
        (http("https://a.example.com:8443/v1"), true),
        (http("https://*.com.example.org/v1"), true),
    ] {
        let text = grant.to_string();
        let new = Grants {
            http: vec![grant],
            ..Grants::default()
        };
        let expected: Vec<String> = wider.then(|| format!("http: {text}")).into_iter().collect();
        let found: Vec<String> = old.widenings(&new).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }
    let new = Grants {
        clock: true,
        random: true,
        net: vec![net(Transport::Udp, "example.com", 25)],
        ..Grants::default()
    };
    let found: Vec<String> = old.widenings(&new).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["net: \"udp://example.com:25\"", "clock: real", "random: real"]);
    assert!(new.widenings(&new).is_empty());
}
