//! Names: a server of our own that changes its answers, mixes public with private addresses, says nothing, or lies.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use airtight_egress::{Egress, EgressConfig, EgressError, Session, Struck, Traffic};
use airtight_model::NetLimits;
use airtight_model::grant::{Grants, Host, Transport};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA};
use hickory_proto::rr::{RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::support::*;

/// What a name server says when it is asked for the n-th time (for IPv4 addresses).
type Answers = fn(name: &str, asked: usize) -> Vec<IpAddr>;

/// A name server that ends with the test.
struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(query: &Message, answers: Answers, asked: &Mutex<Vec<String>>) -> Vec<u8> {
    let question = query.queries[0].clone();
    let name = question.name().to_utf8();
    let name = name.trim_end_matches('.').to_owned();
    let v4 = question.query_type() == RecordType::A;
    let before = asked.lock().unwrap().iter().filter(|own| **own == name).count();
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_available = true;
    for address in answers(&name, before) {
        let data = match address {
            IpAddr::V4(address) if v4 => RData::A(A(address)),
            IpAddr::V6(address) if !v4 => RData::AAAA(AAAA(address)),
            _ => continue,
        };
        // A time to live of nothing: who rebinds wants to be asked again.
        reply.add_answer(Record::from_rdata(question.name().clone(), 0, data));
    }
    if reply.answers.is_empty() && answers(&name, before).is_empty() {
        reply.metadata.response_code = ResponseCode::NXDomain;
    }
    reply.add_query(question);
    if v4 {
        asked.lock().unwrap().push(name);
    }
    reply.to_vec().unwrap()
}

impl NameServer {
    async fn new(answers: Answers) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let record = asked.clone();
        let task = tokio::spawn(async move {
            let mut bytes = [0; 4096];
            loop {
                let (count, from) = socket.recv_from(&mut bytes).await.unwrap();
                let query = Message::from_vec(&bytes[..count]).unwrap();
                let reply = answer(&query, answers, &record);
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        Self { address, asked, task }
    }

    fn egress(&self) -> Egress {
        Egress::new(EgressConfig {
            dns: vec![self.address],
            ..EgressConfig::default()
        })
    }

    fn session(&self, grants: &Grants) -> Session {
        self.egress().session(grants, NetLimits::DEFAULT)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn at(host: &str, server: &Server) -> String {
    format!("http://{host}:{}/", server.address.port())
}

// The first answer is the one for the session, however short its life.
#[tokio::test]
async fn a_name_is_looked_up_once_and_pinned() {
    let server = Server::echo().await;
    let names = NameServer::new(|_, asked| vec![ip(if asked == 0 { "127.0.0.1" } else { "169.254.169.254" })]).await;
    let session = names.session(&grants([http(&at("a.example.com", &server))]));
    for _ in 0..3 {
        assert!(get(&session, &at("a.example.com", &server)).await.is_ok());
    }
    assert_eq!(names.asked(), ["a.example.com"]);
}

// What was public when it was looked at is not asked for again, and what is private is refused when it is connected to.
#[tokio::test]
async fn a_name_that_leads_inside_is_refused() {
    let server = Server::echo().await;
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::ffff:127.0.0.1",
        "fd00:ec2::254",
        "fe80::1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a00:1",
        "2002:7f00:1::",
        "::127.0.0.1",
    ] {
        let names = NameServer::new(answer_by_name).await;
        let mut grant = http(&at("*.example.com", &server));
        grant.addresses.clear();
        let session = names.session(&grants([grant]));
        let name = format!("x{}.example.com", address.replace(':', "-c").replace('.', "-d"));
        let error = get(&session, &at(&name, &server)).await.unwrap_err();
        assert!(
            matches!(&error, EgressError::Denied(refusal) if refusal.of_address),
            "{address}: {error}"
        );
        let denial = session.record().0.remove(0);
        assert!(denial.allow.unwrap().contains("addresses: ["), "{address}");
        assert!(session.record().1.is_empty());
    }
}

/// The address that a name spells: `x10-d0-d0-d1` is at 10.0.0.1.
fn answer_by_name(name: &str, _: usize) -> Vec<IpAddr> {
    let label = name.split('.').next().unwrap().trim_start_matches('x');
    vec![ip(&label.replace("-c", ":").replace("-d", "."))]
}

// One public address among the answers does not bring the private ones in.
#[tokio::test]
async fn of_mixed_answers_only_what_is_allowed_is_connected_to() {
    let server = Server::echo().await;
    let inside = Server::echo().await;
    // Nobody listens at the first; the second is refused; the third is granted and answers.
    let names = NameServer::new(|_, _| vec![ip("127.0.0.2"), ip("10.0.0.1"), ip("127.0.0.1")]).await;
    let session = names.session(&grants([http(&at("a.example.com", &server))]));
    assert!(get(&session, &at("a.example.com", &server)).await.is_ok());
    // Only 127.0.0.2 is granted: 127.0.0.1, where a server is, is never connected to.
    let mut grant = http(&at("a.example.com", &inside));
    grant.addresses = vec!["127.0.0.2".parse().unwrap()];
    let session = names.session(&grants([grant]));
    let error = get(&session, &at("a.example.com", &inside)).await.unwrap_err();
    assert!(matches!(error, EgressError::Connect { .. }), "{error}");
}

// Of two grants for one host, the one that allows the address is used: also its roots and secrets.
#[tokio::test]
async fn the_first_grant_that_allows_an_address_is_in_use() {
    let server = Server::echo().await;
    let names = NameServer::new(|_, _| vec![ip("127.0.0.1")]).await;
    let mut narrow = http(&at("*.example.com", &server));
    narrow.addresses.clear();
    let wide = http(&at("a.example.com", &server));
    let session = names.session(&grants([narrow, wide.clone()]));
    assert!(get(&session, &at("a.example.com", &server)).await.is_ok());
    assert_eq!(session.record().1[0].grant, wide.to_string());
}

// Names that are not granted are not even asked for: a lookup is a message to whoever runs the domain.
#[tokio::test]
async fn a_name_that_is_not_granted_is_not_looked_up() {
    let names = NameServer::new(|_, _| vec![ip("127.0.0.1")]).await;
    let session = names.session(&Grants {
        http: vec![http("http://a.example.com")],
        net: vec![net(Transport::Tcp, "*.example.org", 1)],
        ..Grants::default()
    });
    for url in [
        "http://b.example.com/",
        "http://a.example.com.evil.com/",
        "http://evila.example.com/",
        "http://example.org/",
    ] {
        assert!(matches!(get(&session, url).await, Err(EgressError::Denied(_))), "{url}");
    }
    for name in [
        "a.example.com",
        "example.org",
        "evilexample.org",
        "x.example.org.evil.com",
    ] {
        let name: Host = name.parse().unwrap();
        assert!(
            matches!(session.lookup(&name).await, Err(EgressError::Denied(_))),
            "{name}"
        );
    }
    assert!(names.asked().is_empty(), "{:?}", names.asked());
}

// A name without an address, and a server that says nothing, are errors and not denials.
#[tokio::test]
async fn a_name_without_an_address_is_an_error() {
    let names = NameServer::new(|_, _| Vec::new()).await;
    let session = names.session(&grants([http("http://a.example.com")]));
    let error = get(&session, "http://a.example.com").await.unwrap_err();
    assert_eq!(error, EgressError::NoAddress("a.example.com".to_owned()));
    assert!(session.record().0.is_empty());
}

// Who asks again after nothing was found is counted again, and may find something.
#[tokio::test]
async fn a_failed_lookup_is_not_pinned() {
    let names = NameServer::new(|_, asked| if asked == 0 { Vec::new() } else { vec![ip("127.0.0.1")] }).await;
    let limits = NetLimits {
        lookups: 2,
        ..NetLimits::DEFAULT
    };
    let session = names
        .egress()
        .session(&sockets([net(Transport::Tcp, "*.example.com", 1)]), limits);
    let name = "a.example.com".parse().unwrap();
    assert_eq!(
        session.lookup(&name).await,
        Err(EgressError::NoAddress("a.example.com".to_owned()))
    );
    assert_eq!(session.lookup(&name).await, Ok(vec![ip("127.0.0.1")]));
    let error = session.lookup(&"b.example.com".parse().unwrap()).await.unwrap_err();
    assert_eq!(error, EgressError::Struck(Struck::Lookups(2)));
}

// A server that never answers costs the time that was granted for it.
#[tokio::test]
async fn a_silent_name_server_times_out() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let egress = Egress::new(EgressConfig {
        dns: vec![socket.local_addr().unwrap()],
        ..EgressConfig::default()
    });
    let limits = NetLimits {
        time_ms: 200,
        ..NetLimits::DEFAULT
    };
    let session = egress.session(&grants([http("http://a.example.com")]), limits);
    let error = get(&session, "http://a.example.com").await.unwrap_err();
    assert!(matches!(error, EgressError::TimedOut(_)), "{error}");
    assert_eq!(session.struck(), None);
}

// Lookups are counted by name: who looks up a thousand names talks to a thousand servers.
#[tokio::test]
async fn too_many_names_are_a_struck_bound() {
    let names = NameServer::new(|_, _| vec![ip("127.0.0.1")]).await;
    let limits = NetLimits {
        lookups: 2,
        ..NetLimits::DEFAULT
    };
    let session = names
        .egress()
        .session(&sockets([net(Transport::Tcp, "*.example.com", 1)]), limits);
    for name in ["a.example.com", "b.example.com", "a.example.com"] {
        assert_eq!(session.lookup(&name.parse().unwrap()).await.unwrap(), [ip("127.0.0.1")]);
    }
    let error = session.lookup(&"c.example.com".parse().unwrap()).await.unwrap_err();
    assert_eq!(error, EgressError::Struck(Struck::Lookups(2)));
    assert_eq!(session.struck(), Some(Struck::Lookups(2)));
    // Struck is struck: nothing goes on.
    assert!(session.lookup(&"a.example.com".parse().unwrap()).await.is_err());
}

// A socket knows an address only; the name that led to it is what the grant is for.
#[tokio::test]
async fn a_socket_is_allowed_by_the_name_that_was_looked_up() {
    let server = Server::tcp(|_| async {}).await;
    let names = NameServer::new(|_, _| vec![ip("127.0.0.1")]).await;
    let port = server.address.port();
    let grants = sockets([net(Transport::Tcp, "db.example.com", port)]);
    let session = names.session(&grants);
    session.lookup(&"db.example.com".parse().unwrap()).await.unwrap();
    let connection = session.connect(server.address).await.unwrap();
    assert_eq!(connection.remote(), server.address);
    let uses: Vec<String> = session.record().1.into_iter().map(|used| used.request).collect();
    assert_eq!(
        uses,
        [
            "lookup db.example.com".to_owned(),
            format!("tcp://db.example.com:{port}")
        ]
    );
}

// A guest that resolves names by itself knows an address, and the host asks whose it is.
#[tokio::test]
async fn a_socket_is_allowed_by_a_name_that_is_looked_up_for_it() {
    let server = Server::tcp(|_| async {}).await;
    let names = NameServer::new(|name, _| {
        vec![ip(if name == "db.example.com" {
            "127.0.0.1"
        } else {
            "127.0.0.9"
        })]
    })
    .await;
    let port = server.address.port();
    let all = ["other.example.com", "db.example.com", "*.example.org"];
    let session = names.session(&sockets(all.map(|host| net(Transport::Tcp, host, port))));
    assert!(session.connect(server.address).await.is_ok());
    for _ in 0..3 {
        let elsewhere = SocketAddr::new(ip("127.0.0.3"), port);
        let error = session.connect(elsewhere).await.err().unwrap();
        assert!(matches!(error, EgressError::Denied(_)), "{error}");
    }
    let (denials, uses) = session.record();
    assert_eq!(denials[0].request, format!("tcp://127.0.0.3:{port}"));
    assert_eq!(uses[0].request, format!("tcp://db.example.com:{port}"));
    assert_eq!(
        names.asked(),
        ["other.example.com", "db.example.com"],
        "each name once, and only names that are granted"
    );
}

// What a lookup tells is what may be connected to.
#[tokio::test]
async fn a_lookup_leaves_out_what_no_grant_allows() {
    let names = NameServer::new(|_, _| vec![ip("10.0.0.1"), ip("127.0.0.1"), ip("fd00::1")]).await;
    let session = names.session(&sockets([net(Transport::Tcp, "a.example.com", 1)]));
    let found = session.lookup(&"a.example.com".parse().unwrap()).await.unwrap();
    assert_eq!(found, [ip("127.0.0.1")]);
    let mut none = net(Transport::Tcp, "a.example.com", 1);
    none.addresses.clear();
    let session = names.session(&sockets([none]));
    let error = session.lookup(&"a.example.com".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, EgressError::Denied(_)), "{error}");
}

// What was read before is what is used: the system's files are not needed afterwards.
#[tokio::test]
async fn what_was_loaded_is_enough() {
    let server = Server::echo().await;
    let egress = Egress::new(EgressConfig {
        reaches_out: true,
        ..EgressConfig::default()
    });
    egress.load();
    let session = egress.session(&grants([http(&at("localhost", &server))]), NetLimits::DEFAULT);
    assert!(get(&session, &at("localhost", &server)).await.is_ok());
    assert!(egress.reaches_out());
}

// Two attempts do not share what they found.
#[tokio::test]
async fn another_session_looks_up_again() {
    let server = Server::echo().await;
    let names = NameServer::new(|_, asked| vec![ip(if asked == 0 { "127.0.0.1" } else { "169.254.169.254" })]).await;
    let egress = names.egress();
    let grants = grants([http(&at("a.example.com", &server))]);
    let first = egress.session(&grants, NetLimits::DEFAULT);
    assert!(get(&first, &at("a.example.com", &server)).await.is_ok());
    let second = egress.session(&grants, NetLimits::DEFAULT);
    let refused = second
        .send(request("GET", &at("a.example.com", &server)), Traffic::default())
        .await;
    assert!(matches!(refused, Err(EgressError::Denied(_))));
}
