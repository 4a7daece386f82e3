//! TCP sockets of a guest: a value until it connects, then a connection of the session. It never listens. Not here: the
//! streams.

use std::net::SocketAddr;

use airtight_egress::{Connection, EgressError};
use airtight_model::grant::Transport;
use futures::FutureExt as _;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::{DynPollable, Network};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_io::poll::{Pollable, subscribe};
use wasmtime_wasi_io::streams::{DynInputStream, DynOutputStream};

use super::streams::{self, Incoming, Outgoing};
use super::{NetView, SocketResult, anywhere, bounded, family, is_ipv6, reachable, told, unspecified};
use crate::bindings::wasi::sockets::tcp::{self, ShutdownType};
use crate::bindings::wasi::sockets::tcp_create_socket;

const SECOND: u64 = 1_000_000_000;
/// The longest that a time of keep-alive can be, in nanoseconds: Linux's own bound.
const MAX_TIME: u64 = 32_767 * SECOND;
/// The most probes of keep-alive.
const MAX_PROBES: u32 = 127;
/// How large the system's buffers can be said to be, in bytes.
const BUFFER: (u64, u64) = (1 << 10, 16 << 20);

type Answer = Result<Box<dyn Connection>, EgressError>;

/// A TCP socket.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct TcpSocket {
    ipv6: bool,
    phase: Phase,
    options: Options,
}

enum Phase {
    Unbound,
    Binding,
    Bound,
    Connecting(AbortOnDropJoinHandle<Answer>),
    Answered(Answer),
    Connected(Connected),
    Closed,
}

struct Connected {
    local: SocketAddr,
    remote: SocketAddr,
    incoming: Incoming,
    outgoing: Outgoing,
}

/// Kept as the guest sets them; the host's own sockets are the host's.
struct Options {
    keep_alive: bool,
    idle: u64,
    interval: u64,
    probes: u32,
    hops: u8,
    receive: u64,
    send: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keep_alive: false,
            idle: 7200 * SECOND,
            interval: 75 * SECOND,
            probes: 9,
            hops: 64,
            receive: 64 << 10,
            send: 64 << 10,
        }
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for TcpSocket {
    async fn ready(&mut self) {
        if let Phase::Connecting(connecting) = &mut self.phase {
            self.phase = Phase::Answered(connecting.await);
        }
    }
}

impl TcpSocket {
    /// What came of connecting, where something did.
    fn answer(&mut self) -> Result<Answer, ErrorCode> {
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Connecting(mut connecting) => match (&mut connecting).now_or_never() {
                Some(answer) => Ok(answer),
                None => {
                    self.phase = Phase::Connecting(connecting);
                    Err(ErrorCode::WouldBlock)
                }
            },
            Phase::Answered(answer) => Ok(answer),
            other => {
                self.phase = other;
                Err(ErrorCode::NotInProgress)
            }
        }
    }

    fn connected(&self) -> Result<&Connected, ErrorCode> {
        match &self.phase {
            Phase::Connected(connected) => Ok(connected),
            _ => Err(ErrorCode::InvalidState),
        }
    }

    fn is_idle(&self) -> Result<(), ErrorCode> {
        match self.phase {
            Phase::Unbound | Phase::Bound => Ok(()),
            Phase::Binding | Phase::Connecting(_) | Phase::Answered(_) => Err(ErrorCode::ConcurrencyConflict),
            Phase::Connected(_) | Phase::Closed => Err(ErrorCode::InvalidState),
        }
    }
}

impl tcp_create_socket::Host for NetView<'_> {
    fn create_tcp_socket(&mut self, address_family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        Ok(self.table.push(TcpSocket {
            ipv6: is_ipv6(address_family),
            phase: Phase::Unbound,
            options: Options::default(),
        })?)
    }
}

impl tcp::Host for NetView<'_> {}

impl NetView<'_> {
    fn tcp(&mut self, socket: &Resource<TcpSocket>) -> SocketResult<&mut TcpSocket> {
        Ok(self.table.get_mut(socket)?)
    }
}

impl tcp::HostTcpSocket for NetView<'_> {
    fn start_bind(
        &mut self,
        this: Resource<TcpSocket>,
        network: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let address = SocketAddr::from(local_address);
        let socket = self.tcp(&this)?;
        socket.is_idle()?;
        if matches!(socket.phase, Phase::Bound) {
            return Err(ErrorCode::InvalidState.into());
        }
        if address.is_ipv6() != socket.ipv6 {
            return Err(ErrorCode::InvalidArgument.into());
        }
        if !anywhere(address) {
            return Err(self.refuse_to_bind(&format!("a TCP socket at {address}")));
        }
        self.tcp(&this)?.phase = Phase::Binding;
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        let socket = self.tcp(&this)?;
        if !matches!(socket.phase, Phase::Binding) {
            return Err(ErrorCode::NotInProgress.into());
        }
        socket.phase = Phase::Bound;
        Ok(())
    }

    fn start_connect(
        &mut self,
        this: Resource<TcpSocket>,
        network: Resource<Network>,
        remote_address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let to = SocketAddr::from(remote_address);
        let socket = self.tcp(&this)?;
        socket.is_idle()?;
        reachable(socket.ipv6, to)?;
        if !self.grants(Transport::Tcp) {
            self.tcp(&this)?.phase = Phase::Closed;
            return Err(self.refuse_to_reach(Transport::Tcp, to));
        }
        let session = self.outside.session.clone();
        self.tcp(&this)?.phase = Phase::Connecting(spawn(async move { session.connect(to).await }));
        Ok(())
    }

    fn finish_connect(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let socket = self.tcp(&this)?;
        let connection = socket.answer()?.map_err(|error| told(&error))?;
        let (local, remote) = (connection.local(), connection.remote());
        let (incoming, outgoing) = streams::of(connection, self.sending);
        let socket = self.tcp(&this)?;
        let input: DynInputStream = Box::new(incoming.clone());
        let output: DynOutputStream = Box::new(outgoing.clone());
        socket.phase = Phase::Connected(Connected {
            local,
            remote,
            incoming,
            outgoing,
        });
        let input = self.table.push_child(input, &this)?;
        let output = self.table.push_child(output, &this)?;
        Ok((input, output))
    }

    fn start_listen(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        self.tcp(&this)?;
        Err(self.refuse_to_bind("a TCP socket that listens"))
    }

    fn finish_listen(&mut self, this: Resource<TcpSocket>) -> SocketResult<()> {
        self.tcp(&this)?;
        Err(ErrorCode::NotInProgress.into())
    }

    fn accept(
        &mut self,
        this: Resource<TcpSocket>,
    ) -> SocketResult<(Resource<TcpSocket>, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        self.tcp(&this)?;
        Err(ErrorCode::InvalidState.into())
    }

    fn local_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        let socket = self.tcp(&this)?;
        match &socket.phase {
            Phase::Connected(connected) => Ok(connected.local.into()),
            Phase::Bound => Ok(unspecified(socket.ipv6).into()),
            _ => Err(ErrorCode::InvalidState.into()),
        }
    }

    fn remote_address(&mut self, this: Resource<TcpSocket>) -> SocketResult<IpSocketAddress> {
        Ok(self.tcp(&this)?.connected()?.remote.into())
    }

    fn is_listening(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<bool> {
        self.table.get(&this)?;
        Ok(false)
    }

    fn address_family(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(family(self.table.get(&this)?.ipv6))
    }

    fn set_listen_backlog_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.tcp(&this)?;
        bounded(value, 1, u64::MAX)?;
        Ok(())
    }

    fn keep_alive_enabled(&mut self, this: Resource<TcpSocket>) -> SocketResult<bool> {
        Ok(self.tcp(&this)?.options.keep_alive)
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<TcpSocket>, value: bool) -> SocketResult<()> {
        self.tcp(&this)?.options.keep_alive = value;
        Ok(())
    }

    fn keep_alive_idle_time(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.options.idle)
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.tcp(&this)?.options.idle = bounded(value, SECOND, MAX_TIME)?;
        Ok(())
    }

    fn keep_alive_interval(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.options.interval)
    }

    fn set_keep_alive_interval(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.tcp(&this)?.options.interval = bounded(value, SECOND, MAX_TIME)?;
        Ok(())
    }

    fn keep_alive_count(&mut self, this: Resource<TcpSocket>) -> SocketResult<u32> {
        Ok(self.tcp(&this)?.options.probes)
    }

    fn set_keep_alive_count(&mut self, this: Resource<TcpSocket>, value: u32) -> SocketResult<()> {
        self.tcp(&this)?.options.probes = bounded(value, 1, MAX_PROBES)?;
        Ok(())
    }

    fn hop_limit(&mut self, this: Resource<TcpSocket>) -> SocketResult<u8> {
        Ok(self.tcp(&this)?.options.hops)
    }

    fn set_hop_limit(&mut self, this: Resource<TcpSocket>, value: u8) -> SocketResult<()> {
        self.tcp(&this)?.options.hops = bounded(value, 1, u8::MAX)?;
        Ok(())
    }

    fn receive_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.options.receive)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.tcp(&this)?.options.receive = bounded(value, BUFFER.0, BUFFER.1)?;
        Ok(())
    }

    fn send_buffer_size(&mut self, this: Resource<TcpSocket>) -> SocketResult<u64> {
        Ok(self.tcp(&this)?.options.send)
    }

    fn set_send_buffer_size(&mut self, this: Resource<TcpSocket>, value: u64) -> SocketResult<()> {
        self.tcp(&this)?.options.send = bounded(value, BUFFER.0, BUFFER.1)?;
        Ok(())
    }

    fn subscribe(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn shutdown(&mut self, this: Resource<TcpSocket>, shutdown_type: ShutdownType) -> SocketResult<()> {
        let connected = self.tcp(&this)?.connected()?;
        if matches!(shutdown_type, ShutdownType::Receive | ShutdownType::Both) {
            connected.incoming.close();
        }
        if matches!(shutdown_type, ShutdownType::Send | ShutdownType::Both) {
            connected.outgoing.close();
        }
        Ok(())
    }

    fn drop(&mut self, this: Resource<TcpSocket>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
