//! Sockets: which address of which name is granted, TCP connections with their login, UDP datagrams. Not here: how a
//! guest holds them, and name resolution itself (`names`).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use airtight_model::grant::{Host, HostPattern, NetGrant, NetTarget, PostgresLogin, Refusal, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use crate::bounds::Permit;
use crate::error::EgressError;
use crate::postgres::{self, LoginRequest};
use crate::record::Counter;
use crate::session::Inner;
use crate::tls::{self, TlsChoice};
use crate::wire::{self, Metered, Stream};

/// The longest datagram (RFC 768).
const LONGEST_DATAGRAM: usize = 65_535;
/// Peers of one UDP socket that are remembered; others are decided over anew for each datagram.
const MOST_PEERS: usize = 1_024;

/// An open TCP connection, counted and bounded, logged in where the grant says so.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {
    /// The address of this end.
    fn local(&self) -> SocketAddr;
    /// The address of the other end.
    fn remote(&self) -> SocketAddr;
}

/// What allows a socket.
struct Allowed<'a> {
    /// What was asked for, by the name that led to it.
    target: NetTarget,
    grant: &'a NetGrant,
}

/// Decides over an address: by itself, and by the names that this session found there.
fn decide(session: &Inner, transport: Transport, to: SocketAddr) -> Result<Allowed<'_>, (NetTarget, Refusal)> {
    let address = to.ip().to_canonical();
    let mut hosts = session.names.at(address);
    hosts.push(Host::Address(address));
    let mut refused: Option<(NetTarget, Refusal)> = None;
    for host in hosts {
        let target = NetTarget {
            transport,
            host,
            port: to.port(),
        };
        let refusal = match session.grants.net(&target) {
            Ok(grants) => {
                let allows = |grant: &&&NetGrant| grant.allow_address(&target.host, address).is_ok();
                if let Some(grant) = grants.iter().find(allows) {
                    return Ok(Allowed { grant, target });
                }
                let first = grants.first().map(|grant| grant.allow_address(&target.host, address));
                first.and_then(Result::err)
            }
            Err(refusal) => Some(refusal),
        };
        if let (None, Some(refusal)) = (&refused, refusal) {
            refused = Some((target, refusal));
        }
    }
    Err(refused.unwrap_or_else(|| {
        let target = NetTarget {
            transport,
            host: Host::Address(address),
            port: to.port(),
        };
        (target, Refusal::never("nothing allows it"))
    }))
}

/// As [`decide`]; names that were granted for that port and not looked up yet are looked up first: a guest may have an
/// address from a resolver of its own.
async fn allow(session: &Inner, transport: Transport, to: SocketAddr) -> Result<Allowed<'_>, EgressError> {
    let refused = match decide(session, transport, to) {
        Ok(allowed) => return Ok(allowed),
        Err(refused) => refused,
    };
    let mut again = false;
    for grant in &session.grants.net {
        if let HostPattern::Exact(host @ Host::Name(_)) = &grant.host
            && (grant.transport, grant.port) == (transport, to.port())
            && session.names.is_new(host)
        {
            // A name without an address allows nothing.
            again |= session.addresses(host).await.is_ok();
        }
    }
    session.bounds.check()?;
    let (target, refusal) = match again.then(|| decide(session, transport, to)) {
        Some(Ok(allowed)) => return Ok(allowed),
        Some(Err(refused)) => refused,
        None => refused,
    };
    Err(session.deny("net", &target.to_string(), refusal))
}

/// Looks a name up.
///
/// # Errors
/// See [`EgressError`].
pub(crate) async fn lookup(session: &Inner, name: &Host) -> Result<Vec<IpAddr>, EgressError> {
    session.bounds.check()?;
    let request = format!("lookup {name}");
    session
        .grants
        .lookup(name)
        .map_err(|refusal| session.deny("net", &request, refusal))?;
    let deadline = session.bounds.deadline();
    let found = timeout_at(deadline, session.addresses(name))
        .await
        .map_err(|_| EgressError::TimedOut(format!("the name `{name}`")))??;
    let of_name = || session.grants.net.iter().filter(|grant| grant.host.matches(name));
    let mut refused = None;
    let mut allowed = Vec::new();
    for address in found.iter() {
        let decisions = || of_name().map(|grant| grant.allow_address(name, *address));
        if decisions().any(|decision| decision.is_ok()) {
            allowed.push(*address);
        } else {
            refused = refused.or_else(|| decisions().find_map(Result::err));
        }
    }
    match refused {
        Some(refusal) if allowed.is_empty() => Err(session.deny("net", &request, refusal)),
        _ => {
            let grant = of_name().next().map(ToString::to_string).unwrap_or_default();
            session.record.used("net", &request, &grant, (0, 0));
            Ok(allowed)
        }
    }
}

/// A connection as the sandbox sees it.
struct Socket {
    stream: Box<dyn postgres::Stream>,
    local: SocketAddr,
    remote: SocketAddr,
    _permit: Permit,
}

/// Opens a connection, and logs in where the grant says so.
///
/// # Errors
/// See [`EgressError`].
pub(crate) async fn connect(session: &Inner, to: SocketAddr) -> Result<Box<dyn Connection>, EgressError> {
    session.bounds.request()?;
    let Allowed { target, grant } = allow(session, Transport::Tcp, to).await?;
    let text = target.to_string();
    let permit = session.permit()?;
    let counter = session.record.used("net", &text, &grant.to_string(), (0, 0));
    let address = to.ip().to_canonical();
    let stream = wire::open(&[address], to.port(), session.bounds.deadline(), &text).await?;
    let local = stream.local_addr().unwrap_or(unspecified(address.is_ipv6()));
    let stream = Metered::new(stream, session.bounds.clone(), Some(counter));
    let stream: Box<dyn postgres::Stream> = match &grant.login {
        None => Box::new(stream),
        Some(login) => log_in(session, stream, login, &target).await?,
    };
    Ok(Box::new(Socket {
        stream,
        local,
        remote: to,
        _permit: permit,
    }))
}

async fn log_in(
    session: &Inner,
    stream: impl Stream + 'static,
    login: &PostgresLogin,
    target: &NetTarget,
) -> Result<Box<dyn postgres::Stream>, EgressError> {
    let to = target.to_string();
    let password = session.vault.value(&login.password).cloned();
    let password = password.ok_or_else(|| EgressError::Login {
        to: to.clone(),
        cause: format!("the secret `{}` was not read", login.password),
    })?;
    let tls = if login.tls {
        let choice = TlsChoice::new(login.ca.as_ref(), None, false);
        let name = tls::server_name(&target.host).map_err(|cause| EgressError::Tls { to: to.clone(), cause })?;
        Some((name, session.tls(&choice, &to)?))
    } else {
        None
    };
    let request = LoginRequest {
        login,
        password,
        to,
        tls,
        time: Duration::from_millis(session.bounds.limits.time_ms),
        record: session.record.clone(),
    };
    postgres::login(stream, request).await
}

impl Connection for Socket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn remote(&self) -> SocketAddr {
        self.remote
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A peer of a UDP socket that was decided over.
struct Peer {
    address: SocketAddr,
    counter: Arc<Counter>,
}

/// An open UDP socket: datagrams go to and come from what was granted alone.
pub struct Datagrams {
    socket: UdpSocket,
    session: Arc<Inner>,
    peers: Mutex<Vec<Peer>>,
    _permit: Permit,
}

impl std::fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Datagrams")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

fn unspecified(ipv6: bool) -> SocketAddr {
    if ipv6 {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    }
}

fn failed(to: &str, error: &io::Error) -> EgressError {
    EgressError::Connect {
        to: to.to_owned(),
        cause: wire::plain(error),
        kind: error.kind(),
    }
}

/// Opens a UDP socket, if any is granted.
///
/// # Errors
/// See [`EgressError`].
pub(crate) async fn datagrams(session: &Arc<Inner>, ipv6: bool) -> Result<Datagrams, EgressError> {
    session.bounds.check()?;
    if !session.grants.net.iter().any(|grant| grant.transport == Transport::Udp) {
        let refusal = Refusal::unless("no `net:` grant is for UDP", "net: [\"udp://HOST:PORT\"]");
        return Err(session.deny("net", "udp", refusal));
    }
    let permit = session.permit()?;
    let socket = UdpSocket::bind(unspecified(ipv6))
        .await
        .map_err(|error| failed("udp", &error))?;
    Ok(Datagrams {
        socket,
        session: session.clone(),
        peers: Mutex::default(),
        _permit: permit,
    })
}

impl Datagrams {
    fn known(&self, address: SocketAddr) -> Option<Arc<Counter>> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peers = peers.iter();
        peers
            .find(|peer| peer.address == address)
            .map(|peer| peer.counter.clone())
    }

    /// Who may be spoken to: decided once for each peer.
    async fn peer(&self, address: SocketAddr) -> Result<Arc<Counter>, EgressError> {
        if let Some(counter) = self.known(address) {
            return Ok(counter);
        }
        self.session.bounds.request()?;
        let Allowed { target, grant } = allow(&self.session, Transport::Udp, address).await?;
        let counter = self
            .session
            .record
            .used("net", &target.to_string(), &grant.to_string(), (0, 0));
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() < MOST_PEERS {
            peers.push(Peer {
                address,
                counter: counter.clone(),
            });
        }
        Ok(counter)
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// The address is not granted, a bound is struck, or the system refuses.
    pub async fn send(&self, bytes: &[u8], to: SocketAddr) -> Result<(), EgressError> {
        self.session.bounds.check()?;
        let counter = timeout_at(self.session.bounds.deadline(), self.peer(to))
            .await
            .map_err(|_| EgressError::TimedOut(format!("the name of {to}")))??;
        self.session.bounds.bytes(bytes.len() as u64)?;
        let sent = self.socket.send_to(bytes, to).await;
        sent.map_err(|error| failed(&format!("udp://{to}"), &error))?;
        counter.sent(bytes.len() as u64);
        Ok(())
    }

    /// Receives one datagram from an address that this socket has sent to; others are dropped.
    ///
    /// # Errors
    /// A bound is struck, or the system fails.
    pub async fn receive(&self) -> Result<(Vec<u8>, SocketAddr), EgressError> {
        let mut bytes = vec![0; LONGEST_DATAGRAM];
        loop {
            self.session.bounds.check()?;
            let (count, from) = match self.socket.recv_from(&mut bytes).await {
                Ok(received) => received,
                // A peer that has no such port says so by an error of the socket: the next datagram may be fine.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(failed("udp", &error)),
            };
            if let Some(counter) = self.known(from) {
                self.session.bounds.bytes(count as u64)?;
                counter.received(count as u64);
                // A copy in the right size: who keeps a datagram does not keep room for the longest.
                return Ok((bytes[..count].to_vec(), from));
            }
        }
    }

    /// The address of this end.
    pub fn local(&self) -> SocketAddr {
        let ipv6 = self.socket.local_addr().is_ok_and(|address| address.is_ipv6());
        self.socket.local_addr().unwrap_or(unspecified(ipv6))
    }
}
