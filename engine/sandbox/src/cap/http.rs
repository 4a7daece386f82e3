//! `wasi:http`: the types are wasmtime-wasi-http's own; every request is refused and recorded before anything is sent.
//! Not here: sockets (`net`). The crate is built without its default client, so there is none to forget.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi_http::p2::bindings::http::types::{self, ErrorCode, Method, Scheme};
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttp, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks};

use super::Denials;
use crate::bindings::wasi::http::outgoing_handler;
use crate::state::State;

/// How large the fields of one request may be, in bytes.
const FIELD_BYTES: usize = 64 << 10;

/// Marks this capability in a linker.
pub(crate) struct Http;

/// The state of the capability.
pub(crate) struct HttpCtx {
    types: WasiHttpCtx,
    hooks: Refuse,
}

/// A borrow of the state with what goes with it.
pub(crate) struct HttpView<'a> {
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
    pub(crate) fn new() -> Self {
        let mut types = WasiHttpCtx::new();
        types.set_field_size_limit(FIELD_BYTES);
        Self { types, hooks: Refuse }
    }

    /// What wasmtime-wasi-http's types work on.
    pub(crate) fn types<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView {
            ctx: &mut self.types,
            hooks: &mut self.hooks,
            table,
        }
    }
}

/// The hooks of a step without a network. Requests are refused before they come here; this is the second wall.
struct Refuse;

type Answer = Result<
    (
        http::Response<WasiBody>,
        Box<dyn Future<Output = Result<(), Error>> + Send>,
    ),
    Error,
>;

impl WasiHttpHooks for Refuse {
    fn send_request(
        &mut self,
        _request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _done: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl outgoing_handler::Host for HttpView<'_> {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        _options: Option<Resource<types::RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<HostFutureIncomingResponse>, ErrorCode>> {
        let request = self.table.delete(request)?;
        self.denials.record("http", &described(&request));
        Ok(Err(ErrorCode::HttpRequestDenied))
    }
}

/// A request as a Denial says it, without the query, which may hold what is nobody's business: `GET https://host/path`.
fn described(request: &HostOutgoingRequest) -> String {
    let method = match &request.method {
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
    };
    let scheme = match &request.scheme {
        Some(Scheme::Http) => "http",
        Some(Scheme::Https) | None => "https",
        Some(Scheme::Other(other)) => other,
    };
    let path = request.path_with_query.as_deref().unwrap_or("/");
    let path = path.split('?').next().unwrap_or(path);
    // Userinfo is refused for what it is, so it does not come into a text either.
    let authority = request.authority.as_deref().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or(authority);
    format!("{method} {scheme}://{host}{path}")
}
