//! TCP and UDP: what is granted by address, counted and bounded.

use std::net::SocketAddr;

use airtight_egress::{EgressError, Struck};
use airtight_model::NetLimits;
use airtight_model::grant::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use crate::support::*;

async fn echo() -> Server {
    Server::tcp(|mut stream| async move {
        let (mut from, mut to) = stream.split();
        let _ = tokio::io::copy(&mut from, &mut to).await;
    })
    .await
}

// A grant that names the address is enough; every byte is told.
#[tokio::test]
async fn a_granted_connection_is_opened_and_recorded() {
    let server = echo().await;
    let session = session(&sockets([net(Transport::Tcp, "127.0.0.1", server.address.port())]));
    let mut connection = session.connect(server.address).await.unwrap();
    connection.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    connection.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
    assert_eq!(connection.local().ip(), server.address.ip());
    let used = session.record().1.remove(0);
    assert_eq!(used.request, format!("tcp://{}", server.address));
    assert_eq!((used.count, used.sent, used.received), (1, 5, 5));
}

// Another port, another transport, another address: refused, with the line.
#[tokio::test]
async fn what_is_not_granted_is_refused() {
    let server = echo().await;
    let port = server.address.port();
    let session = session(&sockets([net(Transport::Tcp, "127.0.0.1", port)]));
    for to in [
        "127.0.0.1:1".to_owned(),
        format!("127.0.0.2:{port}"),
        format!("[::1]:{port}"),
    ] {
        let to: SocketAddr = to.parse().unwrap();
        let error = session.connect(to).await.err().unwrap();
        assert!(matches!(error, EgressError::Denied(_)), "{to}: {error}");
        let denial = session.record().0.pop().unwrap();
        assert_eq!(denial.allow.unwrap(), format!("net: [\"tcp://{to}\"]"));
    }
    assert!(matches!(session.datagrams(false).await, Err(EgressError::Denied(_))));
    // The same address in other clothes is the same address.
    let mapped = SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), port);
    assert!(session.connect(mapped).await.is_ok());
}

#[tokio::test]
async fn connections_are_bounded() {
    let server = echo().await;
    let grants = sockets([net(Transport::Tcp, "127.0.0.1", server.address.port())]);
    let limits = NetLimits {
        connections: 1,
        requests: 3,
        ..NetLimits::DEFAULT
    };
    let session = session_with(&grants, limits);
    drop(session.connect(server.address).await.unwrap());
    let _open = session.connect(server.address).await.unwrap();
    let error = session.connect(server.address).await.err().unwrap();
    assert_eq!(error, EgressError::Struck(Struck::Connections(1)));
}

// A stream that is beyond the total ends, and everything else with it.
#[tokio::test]
async fn the_bytes_of_a_connection_are_bounded() {
    let server = echo().await;
    let grants = sockets([net(Transport::Tcp, "127.0.0.1", server.address.port())]);
    let limits = NetLimits {
        total: 1000,
        ..NetLimits::DEFAULT
    };
    let session = session_with(&grants, limits);
    let mut connection = session.connect(server.address).await.unwrap();
    connection.write_all(&[0; 600]).await.unwrap();
    let mut back = [0; 600];
    assert!(connection.read_exact(&mut back).await.is_err());
    assert_eq!(session.struck(), Some(Struck::Total(1000)));
    assert!(connection.write_all(b"x").await.is_err());
}

#[tokio::test]
async fn nobody_there_is_an_error_with_its_kind() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let session = session(&sockets([net(Transport::Tcp, "127.0.0.1", gone.port())]));
    let error = session.connect(gone).await.err().unwrap();
    let EgressError::Connect { kind, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(kind, std::io::ErrorKind::ConnectionRefused);
}

// Datagrams go to who was granted, and come from who was spoken to.
#[tokio::test]
async fn datagrams_go_to_and_come_from_what_was_granted() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = peer.local_addr().unwrap();
    let session = session(&sockets([net(Transport::Udp, "127.0.0.1", to.port())]));
    let socket = session.datagrams(false).await.unwrap();
    socket.send(b"ping", to).await.unwrap();
    let mut bytes = [0; 16];
    let (count, from) = peer.recv_from(&mut bytes).await.unwrap();
    assert_eq!(&bytes[..count], b"ping");
    stranger.send_to(b"evil", from).await.unwrap();
    peer.send_to(b"pong", from).await.unwrap();
    let (answer, sender) = socket.receive().await.unwrap();
    assert_eq!((answer.as_slice(), sender), (b"pong".as_slice(), to));
    // Whoever keeps a datagram keeps its bytes, and not room for the longest.
    assert!(answer.capacity() < 1024, "{}", answer.capacity());
    let error = socket.send(b"x", stranger.local_addr().unwrap()).await.unwrap_err();
    assert!(matches!(error, EgressError::Denied(_)), "{error}");
    let (denials, uses) = session.record();
    assert_eq!(denials[0].request, format!("udp://{}", stranger.local_addr().unwrap()));
    assert_eq!((uses[0].count, uses[0].sent, uses[0].received), (1, 4, 4));
}

#[tokio::test]
async fn datagrams_count_toward_the_total() {
    let peer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = peer.local_addr().unwrap();
    let limits = NetLimits {
        total: 100,
        ..NetLimits::DEFAULT
    };
    let session = session_with(&sockets([net(Transport::Udp, "127.0.0.1", to.port())]), limits);
    let socket = session.datagrams(false).await.unwrap();
    socket.send(&[0; 60], to).await.unwrap();
    let error = socket.send(&[0; 60], to).await.unwrap_err();
    assert_eq!(error, EgressError::Struck(Struck::Total(100)));
}
