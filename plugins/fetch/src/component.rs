//! The glue to the component model: the export of the world and the host's interfaces. No logic but which errors may pass.

use std::time::Duration;

use airtight::step::{log, progress, secret};
use wasi::clocks::monotonic_clock;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    self, ErrorCode, Fields, IncomingBody, IncomingResponse, OutgoingRequest, RequestOptions, Scheme,
};
use wasi::io::streams::{InputStream, StreamError};

use crate::{Body, Failure, Request, Response};

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "airtight:std-fetch/fetch",
    generate_all,
});

// What `airtight inspect` shows of the WIT beside its types.
airtight_step_macros::document!({
    path: ["../../wit", "wit"],
    world: "airtight:std-fetch/fetch",
});

struct Component;

export!(Component);

/// How much is read at once.
const CHUNK: u64 = 256 << 10;

/// The host over `wasi:http` and `airtight:step`.
struct Step;

fn lasting(what: &str) -> Failure {
    Failure::Lasting(what.to_owned())
}

/// What an error means for the next try.
fn failure(request: &Request, code: &ErrorCode) -> Failure {
    let origin = request.url.origin();
    match code {
        ErrorCode::HttpRequestDenied => {
            Failure::Denied(format!("it needs `http: [\"{origin}\"]` under the step's `grants:`"))
        }
        ErrorCode::DestinationIpProhibited => Failure::Denied(format!(
            "its host has an address that is not of the public internet; if that is meant, the step needs \
             `http: [{{ url: \"{origin}\", addresses: [\"ADDRESS\"] }}]` under `grants:`"
        )),
        ErrorCode::DnsError(_) => Failure::Passing("its host could not be looked up".to_owned()),
        ErrorCode::DnsTimeout => Failure::Passing("its host could not be looked up in time".to_owned()),
        ErrorCode::DestinationNotFound => Failure::Passing("its host has no address".to_owned()),
        ErrorCode::ConnectionRefused => Failure::Passing("the connection was refused".to_owned()),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            Failure::Passing("the connection broke".to_owned())
        }
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            Failure::Passing("its host cannot be reached".to_owned())
        }
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => Failure::Passing("it took too long".to_owned()),
        ErrorCode::TlsCertificateError => lasting("the server's certificate is not trusted"),
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => lasting("there is no TLS with the server"),
        ErrorCode::InternalError(Some(why)) => lasting(why),
        code => lasting(&format!("{code:?}")),
    }
}

/// The stream of a response's body. The stream is a child of the body, so that it has to go first.
struct Stream {
    stream: Option<InputStream>,
    _body: IncomingBody,
    request: Request,
}

impl Body for Stream {
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(stream) = &self.stream else {
            return Ok(None);
        };
        loop {
            match stream.blocking_read(CHUNK) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Ok(Some(bytes)),
                Err(StreamError::Closed) => return Ok(None),
                Err(StreamError::LastOperationFailed(error)) => {
                    return Err(match types::http_error_code(&error) {
                        Some(code) => failure(&self.request, &code),
                        None => Failure::Passing(error.to_debug_string()),
                    });
                }
            }
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.stream = None;
    }
}

fn outgoing(request: &Request) -> Result<(OutgoingRequest, RequestOptions), Failure> {
    let fields = Fields::new();
    for (name, value) in &request.headers {
        fields
            .append(name, value.as_bytes())
            .map_err(|_| lasting(&format!("the header `{name}` cannot be sent")))?;
    }
    let outgoing = OutgoingRequest::new(fields);
    let scheme = if request.url.secure {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing
        .set_scheme(Some(&scheme))
        .and_then(|()| outgoing.set_authority(Some(&request.url.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&request.url.target())))
        .map_err(|()| lasting("its URL cannot be sent"))?;
    let options = RequestOptions::new();
    let timeout = Duration::from_secs(request.timeout.into());
    let nanoseconds = u64::try_from(timeout.as_nanos()).ok();
    for set in [
        RequestOptions::set_connect_timeout,
        RequestOptions::set_first_byte_timeout,
        RequestOptions::set_between_bytes_timeout,
    ] {
        // A host that knows no such time has one of its own.
        let _ = set(&options, nanoseconds);
    }
    Ok((outgoing, options))
}

fn response(request: &Request, incoming: &IncomingResponse) -> Result<Response, Failure> {
    let body = incoming.consume().map_err(|()| lasting("its body was taken before"))?;
    let stream = body.stream().map_err(|()| lasting("its body was taken before"))?;
    Ok(Response {
        status: incoming.status(),
        headers: incoming.headers().entries(),
        body: Box::new(Stream {
            stream: Some(stream),
            _body: body,
            request: request.clone(),
        }),
    })
}

impl crate::Host for Step {
    fn send(&mut self, request: &Request) -> Result<Response, Failure> {
        let (outgoing, options) = outgoing(request)?;
        let answer = outgoing_handler::handle(outgoing, Some(options)).map_err(|code| failure(request, &code))?;
        loop {
            answer.subscribe().block();
            match answer.get() {
                None => {}
                Some(Ok(Ok(incoming))) => return response(request, &incoming),
                Some(Ok(Err(code))) => return Err(failure(request, &code)),
                Some(Err(())) => return Err(lasting("its answer was taken before")),
            }
        }
    }

    fn placeholder(&mut self, name: &str) -> Result<String, String> {
        match secret::open(name) {
            Ok(handle) => Ok(handle.placeholder()),
            Err(secret::Error::Denied(text) | secret::Error::Invalid(text)) => Err(text),
        }
    }

    fn wait(&mut self, time: Duration) {
        let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        monotonic_clock::subscribe_duration(nanoseconds).block();
    }

    fn warn(&mut self, message: &str) {
        log::log(log::Level::Warn, message, &[]);
    }

    fn progress(&mut self, task: &str, done: u64, total: Option<u64>) {
        progress::update(task, done, total);
    }

    fn finish(&mut self, task: &str) {
        progress::finish(task);
    }
}

impl Guest for Component {
    fn run(
        url: String,
        to: Option<String>,
        headers: Option<Vec<Header>>,
        secret: Option<String>,
        retries: Option<u32>,
        timeout: Option<u32>,
    ) -> Result<(), String> {
        let header = |Header { name, value }| crate::Header { name, value };
        let options = crate::Options {
            url,
            to,
            headers: headers.unwrap_or_default().into_iter().map(header).collect(),
            secret,
            retries,
            timeout,
        };
        crate::run(&options, &mut Step).map_err(|error| error.to_string())
    }
}
