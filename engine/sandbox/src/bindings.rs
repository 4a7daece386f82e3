//! Bindings of the interfaces that are implemented here, generated from `wit/`. Nothing but `bindgen!`: the
//! implementations are in `cap`. Interfaces whose implementation is wasmtime-wasi's own come from that crate's bindings.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package airtight:host;

        world host {
            import wasi:filesystem/types@0.2.12;
            import wasi:filesystem/preopens@0.2.12;
            import wasi:clocks/wall-clock@0.2.12;
            import wasi:clocks/monotonic-clock@0.2.12;
            import wasi:random/random@0.2.12;
            import wasi:random/insecure@0.2.12;
            import wasi:random/insecure-seed@0.2.12;
            import wasi:sockets/ip-name-lookup@0.2.12;
            import wasi:sockets/tcp@0.2.12;
            import wasi:sockets/tcp-create-socket@0.2.12;
            import wasi:sockets/udp@0.2.12;
            import wasi:sockets/udp-create-socket@0.2.12;
            import wasi:http/outgoing-handler@0.2.12;
            import airtight:step/log@0.1.0;
            import airtight:step/progress@0.1.0;
            import airtight:step/report@0.1.0;
            import airtight:step/artifact@0.1.0;
            import airtight:step/secret@0.1.0;
        }
    ",
    world: "airtight:host/host",
    imports: {
        "wasi:sockets/udp.[method]udp-socket.start-bind": async | trappable,
        "wasi:sockets/udp.[method]outgoing-datagram-stream.send": async | trappable,
        default: trappable,
    },
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:sockets/network": wasmtime_wasi::p2::bindings::sockets::network,
        "wasi:http/types": wasmtime_wasi_http::p2::bindings::http::types,
        "wasi:filesystem/types.descriptor": crate::cap::fs::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": crate::cap::fs::DirectoryEntryStream,
        "wasi:sockets/tcp.tcp-socket": crate::cap::net::tcp::TcpSocket,
        "wasi:sockets/udp.udp-socket": crate::cap::net::udp::UdpSocket,
        "wasi:sockets/udp.incoming-datagram-stream": crate::cap::net::udp::IncomingDatagramStream,
        "wasi:sockets/udp.outgoing-datagram-stream": crate::cap::net::udp::OutgoingDatagramStream,
        "airtight:step/secret.handle": crate::cap::secret::Handle,
        "wasi:sockets/ip-name-lookup.resolve-address-stream": crate::cap::net::ResolveAddressStream,
    },
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => crate::cap::fs::FsError,
        "wasi:sockets/network.error-code" => wasmtime_wasi::p2::SocketError,
    },
    require_store_data_send: true,
});
