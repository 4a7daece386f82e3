//! `wasi:sockets`: sockets and names over the attempt's way out. A socket is a value until it connects; what may be
//! reached, and at which addresses, is decided by the session. wasmtime-wasi's own sockets connect by themselves, so
//! only its `network` is taken. Not here: http.

pub(crate) mod streams;
pub(crate) mod tcp;
pub(crate) mod udp;

use std::net::{IpAddr, SocketAddr};

use airtight_egress::EgressError;
use airtight_model::grant::{Host, NetTarget, Refusal, Transport};
use futures::FutureExt as _;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets as wasi;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, IpAddressFamily};
use wasmtime_wasi::p2::{DynPollable, Network, SocketError};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi_io::poll::{Pollable, subscribe};

use super::{Denials, Outside};
use crate::bindings::wasi::sockets::udp_create_socket;
use crate::bindings::wasi::sockets::{ip_name_lookup, tcp as tcp_bindings, tcp_create_socket, udp as udp_bindings};
use crate::state::State;

type SocketResult<T> = Result<T, SocketError>;

/// Marks this capability in a linker.
pub(crate) struct Net;

/// A borrow of the state with what goes with it.
pub(crate) struct NetView<'a> {
    pub(crate) outside: &'a Outside,
    pub(crate) denials: &'a mut Denials,
    pub(crate) sending: &'a mut streams::Sending,
    pub(crate) table: &'a mut ResourceTable,
}

impl HasData for Net {
    type Data<'a> = NetView<'a>;
}

/// Links all of `wasi:sockets`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    tcp_create_socket::add_to_linker::<State, Net>(linker, State::net)?;
    udp_create_socket::add_to_linker::<State, Net>(linker, State::net)?;
    ip_name_lookup::add_to_linker::<State, Net>(linker, State::net)?;
    tcp_bindings::add_to_linker::<State, Net>(linker, State::net)?;
    udp_bindings::add_to_linker::<State, Net>(linker, State::net)?;
    wasi::network::add_to_linker::<State, WasiSockets>(linker, &wasi::network::LinkOptions::default(), State::sockets)?;
    wasi::instance_network::add_to_linker::<State, WasiSockets>(linker, State::sockets)
}

impl NetView<'_> {
    /// Refuses what no grant can allow: a step does not listen, and does not choose its own address.
    fn refuse_to_bind(&mut self, request: &str) -> SocketError {
        let refusal = Refusal::never("a step cannot listen, or choose its own address");
        self.denials.record("net", request, &refusal);
        ErrorCode::AccessDenied.into()
    }

    /// Refuses to reach an address, for a step that was granted no socket of that kind.
    fn refuse_to_reach(&mut self, transport: Transport, to: SocketAddr) -> SocketError {
        let target = NetTarget {
            transport,
            host: Host::Address(to.ip().to_canonical()),
            port: to.port(),
        };
        let refusal = self.outside.grants.net(&target).err();
        let refusal = refusal.unwrap_or_else(|| Refusal::never("no `net:` grant names it"));
        self.denials.record("net", &target.to_string(), &refusal);
        ErrorCode::AccessDenied.into()
    }

    fn grants(&self, transport: Transport) -> bool {
        self.outside.grants.net.iter().any(|grant| grant.transport == transport)
    }
}

impl wasi::network::Host for NetView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    // The linker has wasmtime-wasi's own; this one is only what the generated code asks for.
    fn network_error_code(&mut self, _error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(None)
    }
}

impl wasi::network::HostNetwork for NetView<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}

/// An error of the way out, in the words that a guest knows.
fn told(error: &EgressError) -> ErrorCode {
    use std::io::ErrorKind;
    match error {
        EgressError::Denied(_) => ErrorCode::AccessDenied,
        EgressError::Struck(_) => ErrorCode::NewSocketLimit,
        EgressError::Invalid(_) => ErrorCode::InvalidArgument,
        EgressError::NoAddress(_) => ErrorCode::NameUnresolvable,
        EgressError::Lookup { .. } => ErrorCode::TemporaryResolverFailure,
        EgressError::Connect { kind, .. } => match kind {
            ErrorKind::ConnectionRefused => ErrorCode::ConnectionRefused,
            ErrorKind::ConnectionReset => ErrorCode::ConnectionReset,
            ErrorKind::ConnectionAborted => ErrorCode::ConnectionAborted,
            ErrorKind::TimedOut => ErrorCode::Timeout,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
                ErrorCode::RemoteUnreachable
            }
            _ => ErrorCode::Unknown,
        },
        EgressError::Login { .. } => ErrorCode::ConnectionRefused,
        EgressError::Tls { .. } => ErrorCode::ConnectionAborted,
        EgressError::TimedOut(_) => ErrorCode::Timeout,
        EgressError::Protocol { .. } => ErrorCode::ConnectionReset,
    }
}

/// Whether a socket of that family can speak to that address at all.
fn reachable(ipv6: bool, address: SocketAddr) -> Result<(), ErrorCode> {
    let ip = address.ip();
    let mapped = matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    if ip.is_ipv6() != ipv6 || mapped || ip.is_unspecified() || address.port() == 0 {
        return Err(ErrorCode::InvalidArgument);
    }
    Ok(())
}

/// Whether a guest leaves its own address to the host: the one way to bind.
fn anywhere(address: SocketAddr) -> bool {
    address.ip().is_unspecified() && address.port() == 0
}

fn unspecified(ipv6: bool) -> SocketAddr {
    if ipv6 {
        SocketAddr::from(([0u16; 8], 0))
    } else {
        SocketAddr::from(([0u8; 4], 0))
    }
}

fn is_ipv6(family: IpAddressFamily) -> bool {
    matches!(family, IpAddressFamily::Ipv6)
}

fn family(ipv6: bool) -> IpAddressFamily {
    if ipv6 {
        IpAddressFamily::Ipv6
    } else {
        IpAddressFamily::Ipv4
    }
}

/// A socket's option of sizes and times: kept as the guest set it, within sane bounds, and without effect. The host's own
/// sockets are the host's.
fn bounded<T: Ord + Default>(value: T, low: T, high: T) -> Result<T, ErrorCode> {
    if value == T::default() {
        return Err(ErrorCode::InvalidArgument);
    }
    Ok(value.clamp(low, high))
}

type Looking = AbortOnDropJoinHandle<Result<Vec<IpAddr>, EgressError>>;

/// The answer of a name lookup.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub enum ResolveAddressStream {
    /// It is under way.
    Looking(Looking),
    /// The addresses that the guest has not asked for yet.
    Found(std::vec::IntoIter<IpAddr>),
    /// There is none.
    Failed(ErrorCode),
}

impl ResolveAddressStream {
    fn found(answer: Result<Vec<IpAddr>, EgressError>) -> Self {
        match answer {
            Ok(addresses) => Self::Found(addresses.into_iter()),
            Err(error) => Self::Failed(told(&error)),
        }
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for ResolveAddressStream {
    async fn ready(&mut self) {
        if let Self::Looking(looking) = self {
            *self = Self::found(looking.await);
        }
    }
}

impl ip_name_lookup::Host for NetView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> SocketResult<Resource<ResolveAddressStream>> {
        self.table.get(&network)?;
        let Ok(host) = name.parse::<Host>() else {
            return Err(ErrorCode::InvalidArgument.into());
        };
        let stream = match &host {
            // An address is its own answer; nobody is asked.
            Host::Address(address) => ResolveAddressStream::Found(vec![*address].into_iter()),
            Host::Name(_) => {
                if let Err(refusal) = self.outside.grants.lookup(&host) {
                    self.denials
                        .record("net", &format!("the address of `{host}`"), &refusal);
                    return Err(ErrorCode::AccessDenied.into());
                }
                let session = self.outside.session.clone();
                ResolveAddressStream::Looking(spawn(async move { session.lookup(&host).await }))
            }
        };
        Ok(self.table.push(stream)?)
    }
}

impl ip_name_lookup::HostResolveAddressStream for NetView<'_> {
    fn resolve_next_address(&mut self, stream: Resource<ResolveAddressStream>) -> SocketResult<Option<IpAddress>> {
        let stream = self.table.get_mut(&stream)?;
        if let ResolveAddressStream::Looking(looking) = stream
            && let Some(answer) = looking.now_or_never()
        {
            *stream = ResolveAddressStream::found(answer);
        }
        match stream {
            ResolveAddressStream::Looking(_) => Err(ErrorCode::WouldBlock.into()),
            ResolveAddressStream::Found(addresses) => Ok(addresses.next().map(Into::into)),
            ResolveAddressStream::Failed(code) => Err((*code).into()),
        }
    }

    fn subscribe(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, stream)
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What cannot be reached is an argument that is wrong, not a refusal.
    #[test]
    fn an_address_that_nothing_can_be_at_is_an_argument_that_is_wrong() {
        let to = |text: &str| text.parse::<SocketAddr>().expect("an address");
        assert!(reachable(false, to("127.0.0.1:80")).is_ok());
        assert!(reachable(true, to("[::1]:80")).is_ok());
        for (ipv6, address) in [
            (true, "127.0.0.1:80"),
            (false, "[::1]:80"),
            (false, "0.0.0.0:80"),
            (false, "127.0.0.1:0"),
            (true, "[::ffff:127.0.0.1]:80"),
        ] {
            assert_eq!(
                reachable(ipv6, to(address)),
                Err(ErrorCode::InvalidArgument),
                "{address}"
            );
        }
    }

    // An option that a guest sets stays within bounds, and nothing is no size.
    #[test]
    fn an_option_is_kept_within_its_bounds() {
        assert_eq!(bounded(0u64, 1, 10), Err(ErrorCode::InvalidArgument));
        assert_eq!(bounded(u64::MAX, 1, 10), Ok(10));
        assert_eq!(bounded(5u64, 1, 10), Ok(5));
    }
}
