//! Sockets and name lookup. No step has a network, so every socket and every lookup is refused and recorded; what a guest
//! could only do with a socket is wasmtime-wasi's own and never reached. Not here: http.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets as wasi;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, IpAddressFamily};
use wasmtime_wasi::p2::{DynPollable, Network, SocketError, TcpSocket, UdpSocket};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};

use super::{Denials, Outside};
use crate::bindings::wasi::sockets::ip_name_lookup;
use crate::state::State;
use airtight_model::grant::Refusal;

/// The answer of a name lookup. None is ever made: lookups are refused.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub enum ResolveAddressStream {}

/// Marks this capability in a linker.
pub(crate) struct Net;

/// A borrow of the state with what goes with it.
pub(crate) struct NetView<'a> {
    #[expect(dead_code, reason = "sockets will use it")]
    pub(crate) outside: &'a Outside,
    pub(crate) denials: &'a mut Denials,
    pub(crate) table: &'a mut ResourceTable,
}

impl HasData for Net {
    type Data<'a> = NetView<'a>;
}

/// Links all of `wasi:sockets`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasi::tcp_create_socket::add_to_linker::<State, Net>(linker, State::net)?;
    wasi::udp_create_socket::add_to_linker::<State, Net>(linker, State::net)?;
    ip_name_lookup::add_to_linker::<State, Net>(linker, State::net)?;
    wasi::network::add_to_linker::<State, WasiSockets>(linker, &wasi::network::LinkOptions::default(), State::sockets)?;
    wasi::instance_network::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    wasi::tcp::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    wasi::udp::add_to_linker::<State, WasiSockets>(linker, State::sockets)
}

impl NetView<'_> {
    fn refuse(&mut self, request: &str) -> SocketError {
        self.denials
            .record("net", request, &Refusal::never("no grant names it"));
        ErrorCode::AccessDenied.into()
    }
}

impl wasi::network::Host for NetView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

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

fn family(family: IpAddressFamily) -> &'static str {
    match family {
        IpAddressFamily::Ipv4 => "IPv4",
        IpAddressFamily::Ipv6 => "IPv6",
    }
}

impl wasi::tcp_create_socket::Host for NetView<'_> {
    fn create_tcp_socket(&mut self, address_family: IpAddressFamily) -> Result<Resource<TcpSocket>, SocketError> {
        Err(self.refuse(&format!("a TCP socket ({})", family(address_family))))
    }
}

impl wasi::udp_create_socket::Host for NetView<'_> {
    async fn create_udp_socket(&mut self, address_family: IpAddressFamily) -> Result<Resource<UdpSocket>, SocketError> {
        Err(self.refuse(&format!("a UDP socket ({})", family(address_family))))
    }
}

impl ip_name_lookup::Host for NetView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        self.table.get(&network)?;
        Err(self.refuse(&format!("the address of `{name}`")))
    }
}

impl ip_name_lookup::HostResolveAddressStream for NetView<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        match *self.table.get(&stream)? {}
    }

    fn subscribe(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<Resource<DynPollable>> {
        match *self.table.get(&stream)? {}
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}
