//! Properties of the policy matcher, and its fuzz corpus replayed: what covers allows all that is covered, and what is
//! read in one form stays in it.
#![allow(clippy::unwrap_used)]

#[path = "law/policy.rs"]
mod policy;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use airtight_model::grant::{
    Cidr, Grants, Host, HostPattern, HttpGrant, HttpTarget, NetGrant, NetTarget, Origin, Scheme, Transport, class_of,
};
use airtight_model::{Canonical, Decoder};
use proptest::prelude::*;

fn any_name() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "example", "com", "xn--bcher-kva", "evil"]);
    prop::collection::vec(label, 2..5).prop_map(|labels| labels.join("."))
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits))),
        any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits))),
        prop::sample::select(vec!["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
            .prop_map(|text| text.parse().unwrap()),
    ]
}

fn any_host() -> impl Strategy<Value = Host> {
    prop_oneof![
        4 => any_name().prop_map(Host::Name),
        1 => any_address().prop_map(|address| Host::Address(address.to_canonical())),
    ]
}

fn any_pattern() -> impl Strategy<Value = HostPattern> {
    prop_oneof![
        any_host().prop_map(HostPattern::Exact),
        any_name().prop_map(HostPattern::Below),
    ]
}

fn any_path() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["v1", "v2", "v10", "", ".", "..", "%2e%2e", "x;y", "%2f", "%252e"]);
    prop::collection::vec(segment, 0..4).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn any_ranges() -> impl Strategy<Value = Vec<Cidr>> {
    let range = prop::sample::select(vec![
        "10.0.0.0/8",
        "10.0.0.1",
        "127.0.0.0/8",
        "::1",
        "fd00::/8",
        "0.0.0.0/0",
        "::/0",
    ])
    .prop_map(|text| text.parse().unwrap());
    prop::collection::vec(range, 0..3)
}

fn any_scheme() -> impl Strategy<Value = Scheme> {
    prop::sample::select(vec![Scheme::Http, Scheme::Https])
}

fn any_methods() -> impl Strategy<Value = Vec<String>> {
    prop::sample::subsequence(vec!["DELETE", "GET", "HEAD", "POST"], 1..4)
        .prop_map(|methods| methods.into_iter().map(str::to_owned).collect())
}

prop_compose! {
    fn any_http()(
        scheme in any_scheme(),
        host in any_pattern(),
        port in prop::sample::select(vec![80, 443, 8443]),
        path in any_path(),
        methods in any_methods(),
        addresses in any_ranges(),
        ca in prop::option::of(Just("ca.pem".to_owned())),
    ) -> HttpGrant {
        HttpGrant { scheme, host, port, path, methods, addresses, ca, client: None }
    }
}

/// A grant that is likely to be within another one.
fn narrower(wide: HttpGrant) -> impl Strategy<Value = HttpGrant> {
    let host = match &wide.host {
        HostPattern::Below(name) => {
            let name = name.clone();
            prop_oneof![
                Just(wide.host.clone()),
                any_name().prop_map(move |own| HostPattern::Exact(Host::Name(format!("{own}.{name}"))))
            ]
            .boxed()
        }
        HostPattern::Exact(_) => Just(wide.host.clone()).boxed(),
    };
    let (path, count) = (wide.path.clone(), wide.methods.len());
    let rest = (any_path(), any::<bool>(), 0..count, any_ranges());
    (host, rest).prop_map(move |(host, (below, deeper, method, addresses))| HttpGrant {
        host,
        path: if deeper {
            format!("{}{below}", path.trim_end_matches('/'))
        } else {
            path.clone()
        },
        methods: vec![wide.methods[method].clone()],
        addresses,
        ..wide.clone()
    })
}

fn any_pair() -> impl Strategy<Value = (HttpGrant, HttpGrant)> {
    prop_oneof![
        1 => (any_http(), any_http()),
        4 => any_http().prop_flat_map(|wide| (Just(wide.clone()), narrower(wide))),
    ]
}

/// Requests that a grant is about, and some that it is not.
fn any_target(grant: HttpGrant) -> impl Strategy<Value = HttpTarget> {
    let host = match grant.host.clone() {
        HostPattern::Exact(host) => prop_oneof![3 => Just(host), 1 => any_host()].boxed(),
        HostPattern::Below(name) => prop_oneof![
            3 => any_name().prop_map(move |own| Host::Name(format!("{own}.{name}"))),
            1 => any_host(),
        ]
        .boxed(),
    };
    let own = grant.path.clone();
    let path = (any_path(), any::<bool>()).prop_map(move |(path, deeper)| {
        if deeper {
            format!("{}{path}", own.trim_end_matches('/'))
        } else {
            path
        }
    });
    (host, path, any_methods()).prop_map(move |(host, path, methods)| HttpTarget {
        method: methods[0].clone(),
        scheme: grant.scheme,
        host,
        port: grant.port,
        path,
    })
}

fn only(grant: &HttpGrant) -> Grants {
    Grants {
        http: vec![grant.clone()],
        ..Grants::default()
    }
}

proptest! {
    // The law that the lock and policy rest on: nothing comes in below a grant that covers.
    #[test]
    fn what_covers_allows_all_that_is_covered(
        ((wide, narrow), target, address) in any_pair().prop_flat_map(|pair| {
            let target = any_target(pair.1.clone());
            (Just(pair), target, any_address())
        })
    ) {
        let wide_grants = only(&wide);
        let narrow_grants = only(&narrow);
        if wide.covers(&narrow) {
            prop_assert!(wide_grants.widenings(&narrow_grants).is_empty());
            if narrow_grants.http(&target).is_ok() {
                prop_assert!(wide_grants.http(&target).is_ok(), "{wide} covers {narrow}, but not {target}");
            }
            if narrow.host.matches(&target.host) && narrow.allow_address(&target.host, address).is_ok() {
                prop_assert!(wide.allow_address(&target.host, address).is_ok(), "{wide} covers {narrow}, but not {address}");
            }
        } else {
            prop_assert_eq!(wide_grants.widenings(&narrow_grants).len(), 1);
        }
        prop_assert!(wide.covers(&wide));
    }

    #[test]
    fn what_covers_a_socket_allows_all_that_is_covered(
        wide in any_pattern(), narrow in any_pattern(), host in any_host(), ranges in any_ranges(), other in any_ranges(), address in any_address(),
    ) {
        let grant = |host: &HostPattern, addresses: &[Cidr]| NetGrant {
            transport: Transport::Tcp,
            host: host.clone(),
            port: 25,
            addresses: addresses.to_vec(),
            login: None,
        };
        let (wide, narrow) = (grant(&wide, &ranges), grant(&narrow, &other));
        let grants = |grant: &NetGrant| Grants { net: vec![grant.clone()], ..Grants::default() };
        let target = NetTarget { transport: Transport::Tcp, host: host.clone(), port: 25 };
        if wide.covers(&narrow) && grants(&narrow).net(&target).is_ok() {
            prop_assert!(grants(&wide).net(&target).is_ok());
            prop_assert!(narrow.allow_address(&host, address).is_err() || wide.allow_address(&host, address).is_ok());
        }
    }

    // Public or granted, and nothing between.
    #[test]
    fn an_address_that_is_not_public_is_refused_unless_it_is_granted(host in any_name(), address in any_address()) {
        let (Origin { scheme, host, port }, path) = Origin::with_path(&format!("https://{host}")).unwrap();
        let mut grant = HttpGrant { scheme, host, port, path, methods: vec!["GET".to_owned()], addresses: Vec::new(), ca: None, client: None };
        let HostPattern::Exact(host) = grant.host.clone() else { unreachable!() };
        let public = class_of(address.to_canonical()).is_none();
        prop_assert_eq!(grant.allow_address(&host, address).is_ok(), public);
        grant.addresses = vec![address.to_canonical().into()];
        prop_assert!(grant.allow_address(&host, address).is_ok());
    }

    // One form: what is shown is read as itself, and what is kept as well.
    #[test]
    fn hosts_and_grants_have_one_form(pattern in any_pattern(), grant in any_http()) {
        prop_assert_eq!(&pattern.to_string().parse::<HostPattern>().unwrap(), &pattern);
        let bytes = grant.to_bytes();
        let mut from = Decoder::new(&bytes);
        prop_assert_eq!(&HttpGrant::decode(&mut from).unwrap(), &grant);
        prop_assert!(from.finish().is_ok());
    }

    #[test]
    fn any_text_is_decided_over_in_one_form(text in "(https?://)?(\\*\\.)?[a-z0-9.%@:/\\[\\]\\\\-]{0,20}\\PC{0,6}(\nGET http://\\PC{0,20})?") {
        policy::check(&text);
    }
}

// Texts that were found by fuzzing, and texts that one would try.
#[test]
fn the_corpus_of_policies_is_decided_the_same_in_every_form() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/policy");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        policy::check(&String::from_utf8_lossy(&bytes));
        count += 1;
    }
    assert!(count >= 10);
}

// The page that people read has the ranges that are refused, and no other.
#[test]
fn the_page_about_the_network_lists_the_ranges_that_are_refused() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/network.md")).unwrap();
    let table = page.lines().skip_while(|line| *line != "| what | ranges |");
    let rows = table.skip(2).take_while(|line| line.starts_with("| "));
    let listed: Vec<&str> = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
    assert!(listed.len() > 25, "{listed:?}");
    let mut ranges: Vec<Cidr> = Vec::new();
    for text in &listed {
        // What the page says of IPv6 as a whole is the other way round.
        if *text == "2000::/3" {
            continue;
        }
        let range: Cidr = text.parse().unwrap();
        let first: IpAddr = text.split('/').next().unwrap().parse().unwrap();
        assert!(class_of(first).is_some(), "{text}");
        ranges.push(range);
    }
    // A walk over IPv4: what is special is listed, and what is listed is special.
    for bits in (0..=u32::MAX).step_by(16_381) {
        let address = IpAddr::V4(Ipv4Addr::from(bits));
        let listed = ranges.iter().any(|range| range.contains(address));
        assert_eq!(listed, class_of(address).is_some(), "{address}");
    }
}
