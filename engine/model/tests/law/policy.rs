//! What holds of any text as a grant and a request: shared by the fuzz target and the tests that replay its corpus.

use airtight_model::grant::{Grants, Host, HostPattern, HttpGrant, HttpTarget, Origin};

/// The first line is the URL of a grant, the second one a method and the URL of a request.
pub(crate) fn check(text: &str) {
    let (grant, request) = text.split_once('\n').unwrap_or((text, text));
    if let Ok(host) = grant.parse::<Host>() {
        assert_eq!(host.to_string().parse().as_ref(), Ok(&host), "a host has one form");
    }
    let Ok((origin, path)) = Origin::with_path(grant) else {
        return;
    };
    let shown = origin.to_string();
    assert_eq!(shown.parse().as_ref(), Ok(&origin), "an origin has one form");
    let (method, url) = request.split_once(' ').unwrap_or(("GET", request));
    let grant = HttpGrant {
        scheme: origin.scheme,
        host: origin.host.clone(),
        port: origin.port,
        path: path.clone(),
        methods: vec!["GET".to_owned()],
        addresses: Vec::new(),
        ca: None,
        client: None,
    };
    assert!(grant.covers(&grant), "a grant covers itself");
    let grants = Grants {
        http: vec![grant],
        ..Grants::default()
    };
    let Ok((asked, asked_path)) = Origin::with_path(url) else {
        return;
    };
    let HostPattern::Exact(host) = asked.host else { return };
    let target = HttpTarget {
        method: method.to_owned(),
        scheme: asked.scheme,
        host: host.clone(),
        port: asked.port,
        path: asked_path,
    };
    match grants.http(&target) {
        Ok(allowing) => {
            assert_eq!(allowing.len(), 1);
            assert_eq!(
                (target.method.as_str(), target.scheme, target.port),
                ("GET", origin.scheme, origin.port)
            );
            match &origin.host {
                HostPattern::Exact(own) => assert_eq!(own, &host),
                HostPattern::Below(name) => assert!(host.to_string().ends_with(&format!(".{name}"))),
            }
            assert!(target.path.starts_with(path.trim_end_matches('/')));
        }
        Err(refusal) => assert!(refusal.allow.is_some(), "some grant would allow it"),
    }
}
