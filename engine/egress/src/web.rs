//! HTTP/1.1 as a client: one request, checked, sent over a connection that was checked, its response bounded. Not here:
//! what is granted (`model::grant`), and secrets (`secret`).

mod body;
mod head;
mod pool;

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use airtight_model::grant::{Host, HttpGrant, HttpTarget, Refusal, Scheme};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};

use crate::bounds::Permit;
use crate::error::{EgressError, Struck};
use crate::record::Counter;
use crate::session::{Body, Inner, Traffic};
use crate::tls::{self, TlsChoice};
use crate::wire::{self, Metered, Stream};

use body::{Outgoing, Received, Told};
pub(crate) use pool::Pool;
use pool::{Conn, Key};

/// Headers of one response that are read at most, whatever their size.
const MOST_HEADERS: usize = 256;

/// What a request has come to be, while it is under way.
struct Exchange<'a> {
    session: &'a Inner,
    target: &'a HttpTarget,
    /// The host and port, for messages.
    to: String,
    deadline: Instant,
    times: Traffic,
}

/// Where a request goes: what was granted, and what answers there.
struct Route<'a> {
    grant: &'a HttpGrant,
    key: Key,
    conn: Conn,
    /// Whether the connection has served another request before.
    used: bool,
}

/// Sends a request and begins to read the response.
///
/// # Errors
/// See [`EgressError`].
pub(crate) async fn send(
    session: &Arc<Inner>,
    request: http::Request<Body>,
    times: Traffic,
) -> Result<http::Response<Body>, EgressError> {
    session.bounds.request()?;
    let (mut parts, body) = request.into_parts();
    let target = head::target(&parts, &session.record)?;
    let grants = session
        .grants
        .http(&target)
        .map_err(|refusal| session.deny("http", &target.to_string(), refusal))?;
    let declared = head::scrub(&mut parts, &target, &session.record)?;
    if !session.vault.is_empty() {
        // What comes back compressed could not be searched.
        parts.headers.insert(header::ACCEPT_ENCODING, head::IDENTITY);
    }
    let limit = session.bounds.limits.headers;
    if head::size(&parts.headers) + target.path.len() as u64 > limit {
        return Err(session.bounds.strike(Struck::Headers(limit)).into());
    }
    let exchange = Exchange {
        session,
        target: &target,
        to: format!("{}:{}", target.host, target.port),
        deadline: session.bounds.deadline(),
        times,
    };
    let route = exchange.route(&grants).await?;
    let counter = session
        .record
        .used("http", &target.to_string(), &route.grant.to_string(), (0, 0));
    let body = Told::new(body, declared)?.boxed_unsync();
    let body = exchange
        .before(
            exchange.deadline,
            "the request",
            session.vault.put_in(&target, &mut parts, body),
        )
        .await??;
    let failed = Arc::new(OnceLock::new());
    let body = Outgoing::new(body, session.bounds.clone(), counter.clone(), failed.clone());
    let response = exchange.transfer(route, parts, body, &failed, counter).await?;
    let mut response = session.vault.take_out(&target, response)?;
    // How it was framed is between the server and the host, but the vault has to see it.
    response.headers_mut().remove(header::TRANSFER_ENCODING);
    Ok(response)
}

impl<'a> Exchange<'a> {
    async fn before<T>(&self, until: Instant, what: &str, work: impl Future<Output = T>) -> Result<T, EgressError> {
        timeout_at(until, work)
            .await
            .map_err(|_| EgressError::TimedOut(format!("{what} to {}", self.to)))
    }

    fn until(&self, time: Option<Duration>) -> Instant {
        match time.and_then(|time| Instant::now().checked_add(time)) {
            Some(until) => until.min(self.deadline),
            None => self.deadline,
        }
    }

    /// Finds a connection: an idle one, or a new one to an address that one of the grants allows.
    async fn route(&self, grants: &[&'a HttpGrant]) -> Result<Route<'a>, EgressError> {
        let until = self.until(self.times.connect);
        for grant in grants {
            let key = self.key(grant);
            if let Some(conn) = self.session.pool.take(&key).await {
                let used = true;
                return Ok(Route { grant, key, conn, used });
            }
        }
        let found = self.session.addresses(&self.target.host);
        let addresses = self.before(until, "a connection", found).await??;
        let (grant, allowed) = choose(grants, &self.target.host, &addresses)
            .map_err(|refusal| self.session.deny("http", &self.target.to_string(), refusal))?;
        let permit = self.session.permit()?;
        let stream = wire::open(&allowed, self.target.port, until, &self.to).await?;
        let stream = Metered::new(stream, self.session.bounds.clone(), None);
        let conn = if self.target.scheme == Scheme::Https {
            let choice = TlsChoice::new(grant.ca.as_ref(), grant.client.as_ref(), true);
            let config = self.session.tls(&choice, &self.to)?;
            let stream = tls::begin(stream, config, &self.target.host, until, &self.to).await?;
            self.speak(stream, permit, until).await?
        } else {
            self.speak(stream, permit, until).await?
        };
        Ok(Route {
            grant,
            key: self.key(grant),
            conn,
            used: false,
        })
    }

    fn key(&self, grant: &HttpGrant) -> Key {
        // Grants are few: their place in the list tells them apart.
        let place = self.session.grants.http.iter().position(|own| std::ptr::eq(own, grant));
        Key {
            grant: place.unwrap_or(usize::MAX),
            host: self.target.host.to_string(),
        }
    }

    async fn speak(&self, stream: impl Stream + 'static, permit: Permit, until: Instant) -> Result<Conn, EgressError> {
        let most = usize::try_from(self.session.bounds.limits.headers).unwrap_or(usize::MAX);
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder
            .max_headers(MOST_HEADERS)
            .max_header_size(most)
            .max_buf_size(most.clamp(8 << 10, 16 << 20) + (16 << 10));
        let handshake = builder.handshake(TokioIo::new(stream));
        let (sender, driver) = self
            .before(until, "a connection", handshake)
            .await?
            .map_err(|error| self.broken(&error))?;
        Ok(Conn::new(sender, driver, permit))
    }

    async fn transfer(
        &self,
        mut route: Route<'_>,
        mut parts: Parts,
        body: Outgoing,
        failed: &Arc<OnceLock<EgressError>>,
        counter: Arc<Counter>,
    ) -> Result<http::Response<Body>, EgressError> {
        head::set_length(&mut parts, &body);
        let repeatable = route.used && body.is_end_stream() && matches!(parts.method, Method::GET | Method::HEAD);
        let spare = repeatable.then(|| (parts.clone(), body.again()));
        let until = self.until(self.times.first_byte);
        let request = http::Request::from_parts(parts, body);
        let mut sent = self
            .before(until, "the request", route.conn.sender.try_send_request(request))
            .await?
            .map_err(parted);
        // The server may have closed an idle connection while the request was on its way.
        if route.used
            && let Err((_, message)) = &mut sent
            && let Some(request) = message
                .take()
                .or_else(|| spare.map(|(parts, body)| http::Request::from_parts(parts, body)))
        {
            let grant = [route.grant];
            self.session.pool.forget(&route.key);
            route = self.route(&grant).await?;
            sent = self
                .before(until, "the request", route.conn.sender.try_send_request(request))
                .await?
                .map_err(parted);
        }
        let response = sent.map_err(|(error, _)| match failed.get() {
            Some(cause) => cause.clone(),
            None => self.broken(&error),
        })?;
        self.receive(route, response, failed, counter)
    }

    /// Checks the head of a response, and bounds its body.
    fn receive(
        &self,
        route: Route<'_>,
        response: http::Response<Incoming>,
        failed: &Arc<OnceLock<EgressError>>,
        counter: Arc<Counter>,
    ) -> Result<http::Response<Body>, EgressError> {
        let bounds = &self.session.bounds;
        let (mut parts, body) = response.into_parts();
        if head::size(&parts.headers) > bounds.limits.headers {
            return Err(bounds.strike(Struck::Headers(bounds.limits.headers)).into());
        }
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(self.protocol("it speaks another protocol, which nobody asked for"));
        }
        if body.size_hint().lower() > bounds.limits.body {
            return Err(bounds.strike(Struck::Body(bounds.limits.body)).into());
        }
        head::drop_hop_by_hop(&mut parts.headers);
        parts.extensions.clear();
        let received = Received::new(
            body,
            self.session.pool.guard(route.key, route.conn),
            bounds.clone(),
            counter,
            failed.clone(),
        );
        let received = received.until(self.deadline, self.times.between_bytes, &self.to);
        Ok(http::Response::from_parts(parts, received.boxed_unsync()))
    }

    fn protocol(&self, cause: &str) -> EgressError {
        EgressError::Protocol {
            to: self.to.clone(),
            cause: cause.to_owned(),
        }
    }

    /// What went wrong on a connection: a struck bound, if that was it.
    fn broken(&self, error: &hyper::Error) -> EgressError {
        let bounds = &self.session.bounds;
        if let Some(struck) = bounds.struck() {
            return struck.into();
        }
        if error.is_parse_too_large() {
            return bounds.strike(Struck::Headers(bounds.limits.headers)).into();
        }
        self.protocol(&body::plain(error))
    }
}

type Unsent = hyper::client::conn::TrySendError<http::Request<Outgoing>>;

/// Why a request was not answered, and the request if none of it was sent.
fn parted(mut error: Unsent) -> (hyper::Error, Option<http::Request<Outgoing>>) {
    let request = error.take_message();
    (error.into_error(), request)
}

/// The first grant that allows one of the addresses, and the addresses that it allows.
fn choose<'a>(
    grants: &[&'a HttpGrant],
    host: &Host,
    addresses: &[std::net::IpAddr],
) -> Result<(&'a HttpGrant, Vec<std::net::IpAddr>), Refusal> {
    let mut first = None;
    for grant in grants {
        let mut allowed = Vec::new();
        for address in addresses {
            match grant.allow_address(host, *address) {
                Ok(()) => allowed.push(*address),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        if !allowed.is_empty() {
            return Ok((grant, allowed));
        }
    }
    Err(first.unwrap_or_else(|| Refusal::never("the host has no address")))
}

/// Names and values as they are sent, with what stands between them.
pub(crate) fn size(headers: &HeaderMap) -> u64 {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64)
        .sum()
}
