//! What policies refuse, by rule.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use airtight_model::BlobDigest;
use airtight_model::component::{Catalog, CatalogError, ComponentKind, ComponentSummary, ResolvedComponent};

use super::*;

struct Commands;

impl Catalog for Commands {
    fn resolve(&self, uses: &str, _: &str) -> Result<ResolvedComponent, CatalogError> {
        let summary = ComponentSummary {
            kind: ComponentKind::Component,
            adapter: None,
            size: 1,
            command: true,
            functions: Vec::new(),
            imports: Vec::new(),
            unknown_imports: Vec::new(),
            producers: Vec::new(),
            about: airtight_model::About::default(),
        };
        Ok(ResolvedComponent {
            digest: BlobDigest::of(uses.as_bytes()),
            summary: Arc::new(summary),
            manifest: None,
        })
    }
}

/// The step `a` and the file's other keys under a policy: the messages, and the plan with what was lowered.
fn under(policy: &str, step: &str, rest: &str) -> (Vec<String>, Plan) {
    under_all(&[policy], step, rest)
}

/// The same under several policies, in order.
fn under_all(policies: &[&str], step: &str, rest: &str) -> (Vec<String>, Plan) {
    let text = format!("airtight: 1\nsteps:\n  a: {step}\n{rest}\n");
    let parsed = crate::parse("airtight.yaml", text, &|_| Err("none".to_owned()));
    let (checked, found) = crate::check(&parsed, &Commands);
    let checked = checked.unwrap_or_else(|| panic!("{found:#?}"));
    let mut plan = crate::plan(&checked, &crate::PlanRequest::default()).unwrap();
    let asked = Asked::of(&plan);
    let mut found = Vec::new();
    for policy in policies {
        let policy = Policy::parse(&format!("airtight-policy: 1\n{policy}\n"), 1).unwrap();
        found.extend(policy.apply(&checked, &asked, &mut plan).err().unwrap_or_default());
    }
    for diagnostic in &found {
        assert_eq!(diagnostic.labels.len(), 2);
        assert_eq!(diagnostic.labels[1].span.file, 1);
    }
    (found.into_iter().map(|diagnostic| diagnostic.message).collect(), plan)
}

fn refused(policy: &str, grants: &str) -> usize {
    let secrets = "secrets: { s: { env: S }, t: { env: T } }";
    let secrets = if grants.contains("s: ") || grants.contains("key: s") || grants.contains("password: s") {
        secrets
    } else {
        ""
    };
    under(policy, &format!("{{ uses: ./x.wasm, grants: {grants} }}"), secrets)
        .0
        .len()
}

// Without a rule there is no ceiling; an empty list is a ceiling of nothing.
#[test]
fn hosts_are_a_ceiling_where_they_are_said() {
    let grants = r#"{ http: [ "https://a.example.com" ], net: [ "tcp://b.example.com:1" ] }"#;
    assert_eq!(refused("", grants), 0);
    assert_eq!(refused("hosts: []", grants), 2);
    assert_eq!(
        refused(r#"hosts: [ "https://*.example.com", "tcp://*.example.com:1" ]"#, grants),
        0
    );
    assert_eq!(
        refused(r#"hosts: [ "https://*.example.com", "udp://*.example.com:1" ]"#, grants),
        1
    );
    assert_eq!(refused("hosts: []", "{}"), 0);
}

// Methods and private addresses are part of the ceiling; whom a step trusts is not, unless the policy says it.
#[test]
fn hosts_go_by_method_and_address() {
    let policy = r#"hosts: [ { url: "https://a.example.com/v1", methods: [ GET, POST ], addresses: [ 10.0.0.0/8 ] } ]"#;
    for (grant, count) in [
        (r#"{ url: "https://a.example.com/v1/x", methods: [ POST ] }"#, 0),
        (
            r#"{ url: "https://a.example.com/v1", methods: [ GET ], ca: ca.pem, addresses: [ 10.1.0.0/16 ] }"#,
            0,
        ),
        (r#"{ url: "https://a.example.com/v1", methods: [ DELETE ] }"#, 1),
        (r#"{ url: "https://a.example.com/v2", methods: [ GET ] }"#, 1),
        (
            r#"{ url: "https://a.example.com/v1", methods: [ GET ], addresses: [ 127.0.0.1 ] }"#,
            1,
        ),
        // HEAD is not among the policy's methods.
        (r#"{ url: "https://a.example.com/v1" }"#, 1),
    ] {
        assert_eq!(refused(policy, &format!("{{ http: [ {grant} ] }}")), count, "{grant}");
    }
}

// A secret is used by name, as a key and as a password too, and goes where the policy says.
#[test]
fn secrets_are_a_ceiling() {
    let bearer = r#"{ http: "https://a.example.com", secrets: { s: { in: bearer, to: "https://a.example.com" } } }"#;
    let key = r#"{ http: { url: "https://a.example.com", client-certificate: { certificate: c.pem, key: s } } }"#;
    let login = r#"{ net: { to: "tcp://a.example.com:1", login: { postgres: { user: u, password: s } } } }"#;
    for grants in [bearer, key, login] {
        assert_eq!(refused("secrets: [ t ]", grants), 1, "{grants}");
        assert_eq!(refused("secrets: [ t, s ]", grants), 0, "{grants}");
        assert_eq!(
            refused(r#"secrets: [ { s: { to: "https://b.example.com" } } ]"#, grants),
            1,
            "{grants}"
        );
    }
    assert_eq!(refused(r#"secrets: { s: { to: "https://*.example.com" } }"#, bearer), 0);
    let (found, _) = under(
        "commands: false",
        "{ uses: ./x.wasm, grants: { secrets: { s: { operations: jwt-sign } } } }",
        "secrets: { s: { command: [ x ] } }",
    );
    assert_eq!(found.len(), 1);
}

// With `from:` a name is no label: the pipeline cannot put another value behind it.
#[test]
fn a_secret_comes_from_where_the_policy_says() {
    let step = "{ uses: ./x.wasm, grants: { secrets: { s: { operations: jwt-sign } } } }";
    let count = |from: &str, declared: &str| {
        let policy = format!("secrets: {{ s: {{ from: {from} }} }}");
        under(&policy, step, &format!("secrets: {{ s: {declared} }}")).0.len()
    };
    let sources = [
        "{ env: S }",
        "{ file: S }",
        "{ command: [ S ] }",
        "{ command: [ S, T ] }",
        "{ env: T }",
    ];
    for from in sources {
        for declared in sources {
            assert_eq!(
                count(from, declared),
                usize::from(from != declared),
                "{from} {declared}"
            );
        }
    }
    let (found, _) = under("secrets: [ s ]", step, "secrets: { s: { env: OTHER } }");
    assert_eq!(found, [] as [&str; 0]);
}

// What is computed with a secret has a ceiling too; an empty one is a ceiling of nothing.
#[test]
fn a_secret_is_used_for_what_the_policy_says() {
    let grants = "{ secrets: { s: { operations: [ jwt-sign, hmac-sha256 ] } } }";
    for (rule, count) in [
        ("{}", 0),
        ("{ operations: [] }", 2),
        ("{ operations: jwt-sign }", 1),
        ("{ operations: [ aws-sigv4, hmac-sha256, jwt-sign ] }", 0),
    ] {
        assert_eq!(refused(&format!("secrets: {{ s: {rule} }}"), grants), count, "{rule}");
    }
}

// `clock: false` and `random: false` refuse; `true` is what goes without saying.
#[test]
fn the_worlds_own_is_a_ceiling() {
    for what in ["clock", "random"] {
        assert_eq!(refused(&format!("{what}: false"), &format!("{{ {what}: real }}")), 1);
        assert_eq!(refused(&format!("{what}: true"), &format!("{{ {what}: real }}")), 0);
    }
}

// A component comes from where the policy says, by path or by digest.
#[test]
fn components_come_from_where_the_policy_says() {
    let digest = BlobDigest::of(b"./tools/x.wasm");
    for (sources, count) in [
        ("std/".to_owned(), 1),
        ("./".to_owned(), 0),
        ("./tools/".to_owned(), 0),
        ("./tools".to_owned(), 1),
        ("./tools/x.wasm".to_owned(), 0),
        ("./tools/y.wasm".to_owned(), 1),
        (format!("blake3:{digest}"), 0),
        ("steps".to_owned(), 1),
    ] {
        let policy = format!("components: [ \"{sources}\" ]");
        assert_eq!(
            under(&policy, "{ uses: ./tools/x.wasm }", "").0.len(),
            count,
            "{sources}"
        );
    }
    for (sources, count) in [
        ("oci://h/tools/", 0),
        ("oci://h/tools/x:1", 0),
        ("oci://h/", 0),
        ("oci://h", 1),
        ("oci://other/", 1),
        ("std/", 1),
    ] {
        let policy = format!("components: [ \"{sources}\" ]");
        assert_eq!(
            under(&policy, "{ uses: \"oci://h/tools/x:1\" }", "").0.len(),
            count,
            "{sources}"
        );
    }
}

// A maximum lowers what a step has by default, and refuses what it asks for.
#[test]
fn limits_are_lowered_or_refused() {
    let policy = "limits: { memory: 256MiB, time: 1m, fuel: 1000, net: { requests: 5 } }";
    let (found, plan) = under(policy, "{ uses: ./x.wasm, limits: { memory: 128MiB } }", "");
    assert_eq!(found, [] as [&str; 0]);
    let limits = plan.steps[0].limits;
    assert_eq!(
        (limits.memory, limits.time_ms, limits.fuel),
        (128 << 20, Some(60_000), Some(1000))
    );
    assert_eq!(limits.net.requests, 5);
    let step = "{ uses: ./x.wasm, limits: { memory: 512MiB, time: none, fuel: 1001, net: { requests: 6 } } }";
    assert_eq!(under(policy, step, "").0.len(), 4);
}

// What one policy lowered is not what the step asks of the next: the lowest counts, in any order.
#[test]
fn two_policies_lower_one_limit_in_any_order() {
    let (low, high) = (
        "limits: { memory: 64MiB, fuel: 10 }",
        "limits: { memory: 256MiB, fuel: 20 }",
    );
    for order in [[low, high], [high, low]] {
        let (found, plan) = under_all(&order, "{ uses: ./x.wasm }", "");
        assert_eq!(found, [] as [&str; 0]);
        let limits = plan.steps[0].limits;
        assert_eq!((limits.memory, limits.fuel), (64 << 20, Some(10)));
        // What the file itself asks for is held against each.
        let step = "{ uses: ./x.wasm, limits: { memory: 128MiB, fuel: 21 } }";
        assert_eq!(under_all(&order, step, "").0.len(), 3);
    }
}

// Strict: a policy that is misread would protect nothing.
#[test]
fn what_is_not_a_policy_is_refused() {
    for text in [
        "",
        "a",
        "hosts: []",
        "airtight-policy: 2",
        "airtight-policy: 1\nhost: []",
        "airtight-policy: 1\nhosts: [ example.com ]",
        "airtight-policy: 1\nsecrets: { a: { two: x } }",
        "airtight-policy: 1\nsecrets: { a: { from: } }",
        "airtight-policy: 1\nsecrets: { a: { from: A } }",
        "airtight-policy: 1\nsecrets: { a: { from: { env: A, file: b } } }",
        "airtight-policy: 1\nsecrets: { a: { operations: sign } }",
        "airtight-policy: 1\nsecrets: { a: { operations: } }",
        "airtight-policy: 1\nsecrets: [ a, { a: { to: \"https://a.example.com\" } } ]",
        "airtight-policy: 1\nlimits: { memry: 1 }",
        "airtight-policy: 1\ncomponents: [ tools/ ]",
        "airtight-policy: 1\ncomponents: [ \"blake3:12\" ]",
        "airtight-policy: 1\nclock: real",
    ] {
        assert!(Policy::parse(text, 0).is_err(), "{text}");
    }
}
