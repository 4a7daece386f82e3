//! `wasi:http`: the types are wasmtime-wasi-http's own; requests go out by the attempt's way out and no other. Without a
//! grant each is refused and recorded before anything is begun. Not here: sockets (`net`), and what a request has to pass
//! (`airtight_egress`). The crate is built without its default client, so there is none to forget.

use airtight_egress::{Body, EgressError, Session, Struck, Traffic};
use airtight_model::grant::{Host, HttpTarget, Refusal, Scheme as Granted};
use http_body_util::BodyExt as _;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as Theirs;
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, Method, Scheme};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use super::{Denials, Outside};
use crate::bindings::wasi::http::outgoing_handler;
use crate::state::State;

/// Marks this capability in a linker.
pub(crate) struct Http;

/// The state of the capability.
pub(crate) struct HttpCtx {
    types: WasiHttpCtx,
    way: Way,
}

/// A borrow of the state with what goes with it.
pub(crate) struct HttpView<'a> {
    pub(crate) ctx: &'a mut HttpCtx,
    pub(crate) outside: &'a Outside,
    pub(crate) denials: &'a mut Denials,
    pub(crate) table: &'a mut ResourceTable,
}

impl HasData for Http {
    type Data<'a> = HttpView<'a>;
}

/// Links `wasi:http/types` and `wasi:http/outgoing-handler`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    outgoing_handler::add_to_linker::<State, Http>(linker, State::http)?;
    types::add_to_linker::<State, WasiHttp>(linker, &types::LinkOptions::default(), State::http_types)
}

impl HttpCtx {
    /// `field_bytes` bounds the fields of one request.
    pub(crate) fn new(session: &Session, field_bytes: u64) -> Self {
        let mut types = WasiHttpCtx::new();
        types.set_field_size_limit(usize::try_from(field_bytes).unwrap_or(usize::MAX));
        Self {
            types,
            way: Way(session.clone()),
        }
    }

    /// What wasmtime-wasi-http's types work on.
    pub(crate) fn types<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView {
            ctx: &mut self.types,
            hooks: &mut self.way,
            table,
        }
    }
}

/// The way out, as wasmtime-wasi-http asks for it.
struct Way(Session);

/// What ends when all of a response was received, or fails. A session sees to that by itself.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answer = Result<(http::Response<WasiBody>, Rest), Error>;

impl WasiHttpHooks for Way {
    // The session sets it, from the URL that it has checked.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _done: Rest,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let session = self.0.clone();
        let options = options.unwrap_or_default();
        let times = Traffic {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
        };
        let request = request.map(|body| -> Body {
            let broken = |error: Error| EgressError::Invalid(error.to_string());
            body.map_err(broken).boxed_unsync()
        });
        Box::new(async move {
            let answer = session.send(request, times).await.map_err(told)?;
            let answer = answer.map(|body| body.map_err(told).boxed_unsync());
            Ok((answer, Box::new(async { Ok(()) }) as Rest))
        })
    }
}

/// An error of the way out, in the words that a guest knows.
fn told(error: EgressError) -> Error {
    use std::io::ErrorKind;
    match error {
        EgressError::Denied(refusal) if refusal.of_address => Error::DestinationIpProhibited,
        EgressError::Denied(_) => Error::HttpRequestDenied,
        EgressError::Struck(Struck::Headers(_)) => Error::HttpResponseHeaderSectionSize(None),
        EgressError::Struck(Struck::Body(limit)) => Error::HttpResponseBodySize(Some(limit)),
        EgressError::Struck(_) => Error::ConnectionLimitReached,
        EgressError::NoAddress(_) => dns("NXDOMAIN".to_owned()),
        EgressError::Lookup { cause, .. } => dns(cause),
        EgressError::Connect { kind, .. } => match kind {
            ErrorKind::ConnectionRefused => Error::ConnectionRefused,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => Error::ConnectionTerminated,
            ErrorKind::TimedOut => Error::ConnectionTimeout,
            _ => Error::DestinationUnavailable,
        },
        EgressError::Tls { cause, .. } if cause.contains("certificate") => Error::TlsCertificateError,
        EgressError::Tls { .. } => Error::TlsProtocolError,
        EgressError::TimedOut(_) => Error::HttpResponseTimeout,
        EgressError::Protocol { .. } => Error::HttpProtocolError,
        EgressError::Invalid(_) | EgressError::Login { .. } => Error::InternalError(Some(error.to_string())),
    }
}

fn dns(rcode: String) -> Error {
    Error::DnsError {
        rcode: Some(rcode),
        info_code: None,
    }
}

impl outgoing_handler::Host for HttpView<'_> {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<types::RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<HostFutureIncomingResponse>, ErrorCode>> {
        if self.outside.grants.http.is_empty() {
            let request = self.table.delete(request)?;
            self.refuse(&request);
            return Ok(Err(ErrorCode::HttpRequestDenied));
        }
        // A request without a path is for the root.
        let path = &mut self.table.get_mut(&request)?.path_with_query;
        path.get_or_insert_with(|| "/".to_owned());
        match self.ctx.types(self.table).handle(request, options) {
            Ok(future) => Ok(Ok(future)),
            Err(error) => error.downcast().map(Err),
        }
    }
}

impl HttpView<'_> {
    fn refuse(&mut self, request: &HostOutgoingRequest) {
        let target = target(request);
        let refusal = match &target {
            Some(target) => self.outside.grants.http(target).err(),
            None => None,
        };
        let refusal = refusal.unwrap_or_else(|| Refusal::never("that is not the URL of a host"));
        let text = target.map_or_else(|| described(request), |target| target.to_string());
        self.denials.record("http", &text, &refusal);
    }
}

fn method(request: &HostOutgoingRequest) -> &str {
    match &request.method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(other) => other,
    }
}

fn path(request: &HostOutgoingRequest) -> &str {
    let path = request.path_with_query.as_deref().unwrap_or("/");
    path.split('?').next().unwrap_or(path)
}

/// What a request is for, where it is for something.
fn target(request: &HostOutgoingRequest) -> Option<HttpTarget> {
    let scheme = match &request.scheme {
        Some(Scheme::Http) => Granted::Http,
        Some(Scheme::Https) | None => Granted::Https,
        Some(Scheme::Other(_)) => return None,
    };
    let authority: http::uri::Authority = request.authority.as_deref()?.parse().ok()?;
    let host: Host = authority.host().parse().ok()?;
    let userinfo = authority.as_str().contains('@');
    (!userinfo).then(|| HttpTarget {
        method: method(request).to_owned(),
        scheme,
        host,
        port: authority.port_u16().unwrap_or(scheme.default_port()),
        path: path(request).to_owned(),
    })
}

/// A request that is for nothing, without the query, which may hold what is nobody's business.
fn described(request: &HostOutgoingRequest) -> String {
    let scheme = match &request.scheme {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) | None => "https",
        Some(Scheme::Other(other)) => other,
    };
    // Userinfo is refused for what it is, so it does not come into a text either.
    let authority = request.authority.as_deref().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{} {scheme}://{host}{}", method(request), path(request))
}
