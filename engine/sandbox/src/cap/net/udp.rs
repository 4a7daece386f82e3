//! UDP sockets of a guest: datagrams of the session, each way as a stream. Not here: which of them may go where.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use airtight_egress::{Datagrams, EgressError};
use airtight_model::grant::Transport;
use tokio::sync::mpsc;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::{DynPollable, Network};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_io::poll::{Pollable, subscribe};

use super::{NetView, SocketResult, anywhere, bounded, family, is_ipv6, reachable, told, unspecified};
use crate::bindings::wasi::sockets::udp;
use crate::bindings::wasi::sockets::udp_create_socket;

/// How many datagrams wait for a guest. The system drops more, as it does everywhere.
const INBOX: usize = 16;
/// How many datagrams one call sends or receives.
const AT_ONCE: usize = 16;
/// The largest datagram, in bytes.
const MAX_DATAGRAM: usize = 65_507;
/// How large the system's buffers can be said to be, in bytes.
const BUFFER: (u64, u64) = (1 << 10, 16 << 20);

/// A UDP socket.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct UdpSocket {
    ipv6: bool,
    phase: Phase,
    /// None: the step has no grant for UDP, so each datagram is refused by its address.
    datagrams: Option<Arc<Datagrams>>,
    streams: Option<Arc<Streams>>,
    options: Options,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Unbound,
    Binding,
    Bound,
}

/// Kept as the guest sets them; the host's own sockets are the host's.
struct Options {
    hops: u8,
    receive: u64,
    send: u64,
}

/// What a pair of streams shares.
struct Streams {
    /// The one address that they are for.
    remote: Option<SocketAddr>,
    receiving: Mutex<Option<AbortOnDropJoinHandle<()>>>,
}

impl Streams {
    fn stop_receiving(&self) {
        let mut receiving = self.receiving.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *receiving = None;
    }
}

type Received = Result<(Vec<u8>, SocketAddr), EgressError>;

/// The datagrams that come in.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct IncomingDatagramStream {
    streams: Arc<Streams>,
    inbox: mpsc::Receiver<Received>,
    next: Option<Received>,
}

/// The datagrams that go out.
#[expect(unreachable_pub, reason = "the generated bindings export it again")]
pub struct OutgoingDatagramStream {
    ipv6: bool,
    streams: Arc<Streams>,
    datagrams: Option<Arc<Datagrams>>,
    permitted: usize,
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for UdpSocket {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for OutgoingDatagramStream {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for IncomingDatagramStream {
    async fn ready(&mut self) {
        if self.next.is_none() {
            match self.inbox.recv().await {
                Some(received) => self.next = Some(received),
                // Without a grant nothing ever comes; after an error nothing more does.
                None => std::future::pending().await,
            }
        }
    }
}

/// Hands what comes in to the guest's stream until it is gone.
async fn receive(datagrams: Arc<Datagrams>, remote: Option<SocketAddr>, inbox: mpsc::Sender<Received>) {
    loop {
        let received = datagrams.receive().await;
        let from_another = |from: SocketAddr| remote.is_some_and(|remote| remote != from);
        if matches!(&received, Ok((_, from)) if from_another(*from)) {
            continue;
        }
        let last = received.is_err();
        if inbox.send(received).await.is_err() || last {
            return;
        }
    }
}

impl udp_create_socket::Host for NetView<'_> {
    fn create_udp_socket(&mut self, address_family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        Ok(self.table.push(UdpSocket {
            ipv6: is_ipv6(address_family),
            phase: Phase::Unbound,
            datagrams: None,
            streams: None,
            options: Options {
                hops: 64,
                receive: 64 << 10,
                send: 64 << 10,
            },
        })?)
    }
}

impl udp::Host for NetView<'_> {}

impl NetView<'_> {
    fn udp(&mut self, socket: &Resource<UdpSocket>) -> SocketResult<&mut UdpSocket> {
        Ok(self.table.get_mut(socket)?)
    }
}

impl udp::HostUdpSocket for NetView<'_> {
    async fn start_bind(
        &mut self,
        this: Resource<UdpSocket>,
        network: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let address = SocketAddr::from(local_address);
        let socket = self.udp(&this)?;
        let ipv6 = socket.ipv6;
        match socket.phase {
            Phase::Unbound => {}
            Phase::Binding => return Err(ErrorCode::ConcurrencyConflict.into()),
            Phase::Bound => return Err(ErrorCode::InvalidState.into()),
        }
        if address.is_ipv6() != ipv6 {
            return Err(ErrorCode::InvalidArgument.into());
        }
        if !anywhere(address) {
            return Err(self.refuse_to_bind(&format!("a UDP socket at {address}")));
        }
        if self.grants(Transport::Udp) {
            let datagrams = self.outside.session.datagrams(ipv6).await;
            let datagrams = datagrams.map_err(|error| told(&error))?;
            self.udp(&this)?.datagrams = Some(Arc::new(datagrams));
        }
        self.udp(&this)?.phase = Phase::Binding;
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<UdpSocket>) -> SocketResult<()> {
        let socket = self.udp(&this)?;
        if socket.phase != Phase::Binding {
            return Err(ErrorCode::NotInProgress.into());
        }
        socket.phase = Phase::Bound;
        Ok(())
    }

    fn stream(
        &mut self,
        this: Resource<UdpSocket>,
        remote_address: Option<IpSocketAddress>,
    ) -> SocketResult<(Resource<IncomingDatagramStream>, Resource<OutgoingDatagramStream>)> {
        let remote = remote_address.map(SocketAddr::from);
        let socket = self.udp(&this)?;
        if socket.phase != Phase::Bound {
            return Err(ErrorCode::InvalidState.into());
        }
        // Each pair keeps what came in: a guest that holds many would have the host hold all of it. WASI allows the trap.
        if socket
            .streams
            .as_ref()
            .is_some_and(|earlier| Arc::strong_count(earlier) > 1)
        {
            let text = "the earlier datagram streams are still held";
            return Err(super::SocketError::trap(wasmtime::Error::msg(text)));
        }
        if let Some(remote) = remote {
            reachable(socket.ipv6, remote)?;
        }
        let (ipv6, datagrams) = (socket.ipv6, socket.datagrams.clone());
        if let (Some(remote), None) = (remote, &datagrams) {
            return Err(self.refuse_to_reach(Transport::Udp, remote));
        }
        let (sender, inbox) = mpsc::channel(INBOX);
        let receiving = datagrams
            .clone()
            .map(|datagrams| spawn(receive(datagrams, remote, sender)));
        let streams = Arc::new(Streams {
            remote,
            receiving: Mutex::new(receiving),
        });
        self.udp(&this)?.streams = Some(Arc::clone(&streams));
        let incoming = IncomingDatagramStream {
            streams: Arc::clone(&streams),
            inbox,
            next: None,
        };
        let outgoing = OutgoingDatagramStream {
            ipv6,
            streams,
            datagrams,
            permitted: 0,
        };
        let incoming = self.table.push_child(incoming, &this)?;
        let outgoing = self.table.push_child(outgoing, &this)?;
        Ok((incoming, outgoing))
    }

    fn local_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        let socket = self.udp(&this)?;
        match (&socket.datagrams, socket.phase) {
            (Some(datagrams), Phase::Bound) => Ok(datagrams.local().into()),
            (None, Phase::Bound) => Ok(unspecified(socket.ipv6).into()),
            _ => Err(ErrorCode::InvalidState.into()),
        }
    }

    fn remote_address(&mut self, this: Resource<UdpSocket>) -> SocketResult<IpSocketAddress> {
        let streams = self.udp(&this)?.streams.as_ref();
        let remote = streams.and_then(|streams| streams.remote);
        remote.map(Into::into).ok_or_else(|| ErrorCode::InvalidState.into())
    }

    fn address_family(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<IpAddressFamily> {
        Ok(family(self.table.get(&this)?.ipv6))
    }

    fn unicast_hop_limit(&mut self, this: Resource<UdpSocket>) -> SocketResult<u8> {
        Ok(self.udp(&this)?.options.hops)
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<UdpSocket>, value: u8) -> SocketResult<()> {
        self.udp(&this)?.options.hops = bounded(value, 1, u8::MAX)?;
        Ok(())
    }

    fn receive_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.udp(&this)?.options.receive)
    }

    fn set_receive_buffer_size(&mut self, this: Resource<UdpSocket>, value: u64) -> SocketResult<()> {
        self.udp(&this)?.options.receive = bounded(value, BUFFER.0, BUFFER.1)?;
        Ok(())
    }

    fn send_buffer_size(&mut self, this: Resource<UdpSocket>) -> SocketResult<u64> {
        Ok(self.udp(&this)?.options.send)
    }

    fn set_send_buffer_size(&mut self, this: Resource<UdpSocket>, value: u64) -> SocketResult<()> {
        self.udp(&this)?.options.send = bounded(value, BUFFER.0, BUFFER.1)?;
        Ok(())
    }

    fn subscribe(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<UdpSocket>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl udp::HostIncomingDatagramStream for NetView<'_> {
    fn receive(
        &mut self,
        this: Resource<IncomingDatagramStream>,
        max_results: u64,
    ) -> SocketResult<Vec<udp::IncomingDatagram>> {
        let stream = self.table.get_mut(&this)?;
        let wanted = usize::try_from(max_results).unwrap_or(AT_ONCE).min(AT_ONCE);
        let mut datagrams = Vec::new();
        while datagrams.len() < wanted {
            let received = match stream.next.take() {
                Some(received) => received,
                None => match stream.inbox.try_recv() {
                    Ok(received) => received,
                    Err(_) => break,
                },
            };
            match received {
                Ok((data, from)) => datagrams.push(udp::IncomingDatagram {
                    data,
                    remote_address: from.into(),
                }),
                Err(error) if datagrams.is_empty() => return Err(told(&error).into()),
                Err(error) => {
                    stream.next = Some(Err(error));
                    break;
                }
            }
        }
        Ok(datagrams)
    }

    fn subscribe(&mut self, this: Resource<IncomingDatagramStream>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<IncomingDatagramStream>) -> wasmtime::Result<()> {
        self.table.delete(this)?.streams.stop_receiving();
        Ok(())
    }
}

impl NetView<'_> {
    /// Sends one datagram.
    async fn datagram(
        &mut self,
        this: &Resource<OutgoingDatagramStream>,
        datagram: &udp::OutgoingDatagram,
    ) -> SocketResult<()> {
        let stream = self.table.get(this)?;
        let given = datagram.remote_address.map(SocketAddr::from);
        let to = match (stream.streams.remote, given) {
            (Some(own), None) => own,
            (Some(own), Some(given)) if own == given => own,
            (None, Some(given)) => given,
            _ => return Err(ErrorCode::InvalidArgument.into()),
        };
        reachable(stream.ipv6, to)?;
        if datagram.data.len() > MAX_DATAGRAM {
            return Err(ErrorCode::DatagramTooLarge.into());
        }
        let Some(datagrams) = stream.datagrams.clone() else {
            return Err(self.refuse_to_reach(Transport::Udp, to));
        };
        let sent = datagrams.send(&datagram.data, to).await;
        sent.map_err(|error| told(&error).into())
    }
}

impl udp::HostOutgoingDatagramStream for NetView<'_> {
    fn check_send(&mut self, this: Resource<OutgoingDatagramStream>) -> SocketResult<u64> {
        let stream = self.table.get_mut(&this)?;
        stream.permitted = AT_ONCE;
        Ok(AT_ONCE as u64)
    }

    async fn send(
        &mut self,
        this: Resource<OutgoingDatagramStream>,
        datagrams: Vec<udp::OutgoingDatagram>,
    ) -> SocketResult<u64> {
        let stream = self.table.get_mut(&this)?;
        if datagrams.len() > std::mem::take(&mut stream.permitted) {
            let text = "it sent more datagrams than `check-send` permitted";
            return Err(super::SocketError::trap(wasmtime::Error::msg(text)));
        }
        let mut sent = 0;
        for datagram in &datagrams {
            match self.datagram(&this, datagram).await {
                Ok(()) => sent += 1,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    fn subscribe(&mut self, this: Resource<OutgoingDatagramStream>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, this)
    }

    fn drop(&mut self, this: Resource<OutgoingDatagramStream>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
