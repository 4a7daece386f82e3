//! Bodies that are what they said to be, and end: on the way out and on the way back. Not here: secrets in them.

use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pool::Guard;
use crate::bounds::Bounds;
use crate::error::{EgressError, Struck};
use crate::record::{Counter, shown};

type Boxed = crate::session::Body;

/// A guest's body, held to the length that it told. Trailers are dropped: no one was told to expect them.
pub(super) struct Told {
    inner: Boxed,
    left: Option<u64>,
}

fn longer() -> EgressError {
    EgressError::Invalid("its body is longer than its `content-length`".to_owned())
}

fn shorter() -> EgressError {
    EgressError::Invalid("its body is shorter than its `content-length`".to_owned())
}

impl Told {
    /// # Errors
    /// The body is known to be of another length.
    pub(super) fn new(inner: Boxed, declared: Option<u64>) -> Result<Self, EgressError> {
        match (declared, inner.size_hint().exact()) {
            (Some(told), Some(known)) if told < known => Err(longer()),
            (Some(told), Some(known)) if told > known => Err(shorter()),
            _ => Ok(Self { inner, left: declared }),
        }
    }
}

impl Body for Told {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        loop {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if let Some(left) = &mut self.left {
                        let Some(rest) = left.checked_sub(data.len() as u64) else {
                            return Poll::Ready(Some(Err(longer())));
                        };
                        *left = rest;
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                None if self.left.is_some_and(|left| left > 0) => {
                    self.left = None;
                    return Poll::Ready(Some(Err(shorter())));
                }
                end => return Poll::Ready(end),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_none_or(|left| left == 0) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None => self.inner.size_hint(),
        }
    }
}

/// A body on its way out: counted, and its failure kept for who waits for the response.
pub(crate) struct Outgoing {
    inner: Boxed,
    sent: u64,
    bounds: Arc<Bounds>,
    counter: Arc<Counter>,
    failed: Arc<OnceLock<EgressError>>,
}

impl Outgoing {
    pub(super) fn new(
        inner: Boxed,
        bounds: Arc<Bounds>,
        counter: Arc<Counter>,
        failed: Arc<OnceLock<EgressError>>,
    ) -> Self {
        Self {
            inner,
            sent: 0,
            bounds,
            counter,
            failed,
        }
    }

    /// The same body once more, for one that is empty.
    pub(super) fn again(&self) -> Self {
        let empty = Empty::new().map_err(|never| match never {}).boxed_unsync();
        Self::new(empty, self.bounds.clone(), self.counter.clone(), self.failed.clone())
    }

    fn fail(&self, error: EgressError) -> EgressError {
        self.failed.get_or_init(|| error).clone()
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(self.fail(error)))),
            Some(Ok(frame)) => frame,
        };
        let count = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.sent += count;
        self.counter.sent(count);
        let limit = self.bounds.limits.body;
        if self.sent > limit {
            let struck = self.bounds.strike(Struck::Body(limit));
            return Poll::Ready(Some(Err(self.fail(struck.into()))));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body on its way back: counted, bounded in size and time. The connection goes back to the pool at its end, and is
/// closed when the body is dropped before.
pub(super) struct Received {
    inner: Incoming,
    conn: Option<Guard>,
    received: u64,
    bounds: Arc<Bounds>,
    counter: Arc<Counter>,
    failed: Arc<OnceLock<EgressError>>,
    to: String,
    deadline: Option<Pin<Box<Sleep>>>,
    between: Option<(Duration, Pin<Box<Sleep>>)>,
    ended: bool,
}

impl Received {
    pub(super) fn new(
        inner: Incoming,
        conn: Guard,
        bounds: Arc<Bounds>,
        counter: Arc<Counter>,
        failed: Arc<OnceLock<EgressError>>,
    ) -> Self {
        let conn = if inner.is_end_stream() {
            conn.give_back();
            None
        } else {
            Some(conn)
        };
        Self {
            inner,
            conn,
            received: 0,
            bounds,
            counter,
            failed,
            to: String::new(),
            deadline: None,
            between: None,
            ended: false,
        }
    }

    pub(super) fn until(mut self, deadline: Instant, between: Option<Duration>, to: &str) -> Self {
        self.deadline = Some(Box::pin(sleep_until(deadline)));
        self.between = between.and_then(|time| {
            let first = Instant::now().checked_add(time)?;
            Some((time, Box::pin(sleep_until(first))))
        });
        to.clone_into(&mut self.to);
        self
    }

    /// Ends the body with an error, and the connection with it.
    fn end(&mut self, error: EgressError) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        self.ended = true;
        self.conn = None;
        Poll::Ready(Some(Err(error)))
    }

    fn late(&mut self, cx: &mut Context<'_>) -> bool {
        let whole = self
            .deadline
            .as_mut()
            .is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready());
        let part = self
            .between
            .as_mut()
            .is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready());
        whole || part
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        if let Some((time, sleep)) = &mut self.between
            && let Some(next) = Instant::now().checked_add(*time)
        {
            sleep.as_mut().reset(next);
        }
        let limits = self.bounds.limits;
        if let Some(trailers) = frame.trailers_ref()
            && super::size(trailers) > limits.headers
        {
            let struck = self.bounds.strike(Struck::Headers(limits.headers));
            return self.end(struck.into());
        }
        let count = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.received += count;
        self.counter.received(count);
        if self.received > limits.body {
            let struck = self.bounds.strike(Struck::Body(limits.body));
            return self.end(struck.into());
        }
        // Who knows the length does not ask for more.
        if self.inner.is_end_stream() {
            self.done();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    /// The end, as it should be.
    fn done(&mut self) {
        self.ended = true;
        if let Some(conn) = self.conn.take() {
            conn.give_back();
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if let Some(struck) = self.bounds.struck() {
            return self.end(struck.into());
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                // A server that always has a next byte does not get more time for it.
                if self
                    .deadline
                    .as_mut()
                    .is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready())
                {
                    let text = format!("the answer of {}", self.to);
                    return self.end(EgressError::TimedOut(text));
                }
                self.take(frame)
            }
            Poll::Ready(Some(Err(error))) => {
                let error = match (self.bounds.struck(), self.failed.get()) {
                    (Some(struck), _) => struck.into(),
                    (None, Some(cause)) => cause.clone(),
                    (None, None) if error.is_parse_too_large() => {
                        self.bounds.strike(Struck::Headers(self.bounds.limits.headers)).into()
                    }
                    (None, None) => EgressError::Protocol {
                        to: self.to.clone(),
                        cause: plain(&error),
                    },
                };
                self.end(error)
            }
            Poll::Ready(None) => {
                self.done();
                Poll::Ready(None)
            }
            Poll::Pending if self.late(cx) => {
                let text = format!("the answer of {}", self.to);
                self.end(EgressError::TimedOut(text))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What is wrong with an answer, in words.
pub(super) fn plain(error: &hyper::Error) -> String {
    if error.is_incomplete_message() {
        return "the connection ended before the answer did".to_owned();
    }
    if error.is_canceled() || error.is_closed() {
        return "the connection was closed".to_owned();
    }
    match error.source() {
        Some(cause) => shown(&format!("{error}: {cause}")),
        None => shown(&error.to_string()),
    }
}
