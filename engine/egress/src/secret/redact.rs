//! Takes the values of secrets out of streams of bytes, and watches requests for placeholders on the same way. Not here:
//! what their forms are (`forms`).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;
use zeroize::Zeroizing;

use super::matcher::Matcher;
use crate::config::SecretValue;
use crate::error::EgressError;
use crate::session::Body;

/// How long nothing has to come before what was held back of a response goes on. A value that a server splits by so long a
/// pause is one that it changes.
const QUIET: Duration = Duration::from_secs(10);

/// What is looked for, and what stands in its place.
pub(super) struct Replacements {
    pub(super) matcher: Matcher,
    /// By what a pattern belongs to.
    pub(super) with: Vec<String>,
}

/// Takes the values of a session's secrets, in every form in which they may appear, out of a stream of bytes. Holds back
/// what could be the beginning of one, so that a border between two chunks hides nothing.
pub struct Redactor {
    replacements: Option<Arc<Replacements>>,
    held: Zeroizing<Vec<u8>>,
    found: Option<usize>,
    /// Whether as much is held back whatever it is.
    evenly: bool,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(…)")
    }
}

impl Redactor {
    /// One for a single value.
    pub(crate) fn of(value: &SecretValue) -> Self {
        let forms = super::forms::forms(value.bytes()).into_iter().map(|form| (form, 0));
        Self::new(Arc::new(Replacements {
            matcher: Matcher::new(forms),
            with: vec!["[secret]".to_owned()],
        }))
    }

    pub(super) fn new(replacements: Arc<Replacements>) -> Self {
        Self {
            replacements: (!replacements.matcher.is_empty()).then_some(replacements),
            held: Zeroizing::default(),
            found: None,
            evenly: false,
        }
    }

    /// One whose reader can be told nothing by when it reads: who may guess what a value begins with, and sees whether the
    /// guess is held back, has the value byte by byte.
    fn evenly(replacements: Arc<Replacements>) -> Self {
        Self {
            evenly: true,
            ..Self::new(replacements)
        }
    }

    /// The bytes that can be let through, given the next chunk.
    pub fn push(&mut self, chunk: &[u8]) -> Vec<u8> {
        self.advance(chunk, false)
    }

    /// What was held back, at the end of the stream.
    pub fn finish(&mut self) -> Vec<u8> {
        self.advance(&[], true)
    }

    /// Whether anything was taken out so far.
    pub fn found(&self) -> bool {
        self.found.is_some()
    }

    /// What the first that was taken out belongs to.
    pub(super) fn first(&self) -> Option<usize> {
        self.found
    }

    /// A whole text, redacted.
    pub fn whole(&mut self, text: &[u8]) -> Vec<u8> {
        self.advance(text, true)
    }

    fn advance(&mut self, chunk: &[u8], last: bool) -> Vec<u8> {
        let Some(replacements) = &self.replacements else {
            return chunk.to_vec();
        };
        let Replacements { matcher, with } = &**replacements;
        // A copy of what was held would be one more place where a value is.
        let mut bytes = std::mem::take(&mut self.held);
        let text: &[u8] = if bytes.is_empty() {
            chunk
        } else {
            if bytes.capacity() - bytes.len() < chunk.len() {
                let mut larger = Zeroizing::new(Vec::with_capacity(bytes.len() + chunk.len()));
                larger.extend_from_slice(&bytes);
                bytes = larger;
            }
            bytes.extend_from_slice(chunk);
            &bytes
        };
        let mut out = Vec::with_capacity(text.len());
        let (mut begin, mut at) = (0, 0);
        while at < text.len() {
            let rest = &text[at..];
            let open = if self.evenly {
                rest.len() < matcher.longest()
            } else {
                matcher.may_go_on(rest)
            };
            if open && !last {
                break;
            }
            match matcher.at(rest) {
                Some(found) => {
                    self.found.get_or_insert(found.of);
                    out.extend_from_slice(&text[begin..at]);
                    out.extend_from_slice(with.get(found.of).map_or(b"", |with| with.as_bytes()));
                    at += found.len;
                    begin = at;
                }
                None => at += 1,
            }
        }
        out.extend_from_slice(&text[begin..at]);
        self.held = Zeroizing::new(text[at..].to_vec());
        out
    }
}

/// Takes values out of headers. A name that holds one goes with its value.
pub(super) fn headers(map: &mut HeaderMap, replacements: &Arc<Replacements>) {
    let clean = |text: &[u8]| {
        let mut redactor = Redactor::new(Arc::clone(replacements));
        let cleaned = redactor.whole(text);
        redactor.found().then_some(cleaned)
    };
    let names: Vec<_> = map
        .keys()
        .filter(|name| clean(name.as_str().as_bytes()).is_some())
        .cloned()
        .collect();
    for name in names {
        map.remove(name);
    }
    for value in map.values_mut() {
        if let Some(cleaned) = clean(value.as_bytes()) {
            *value = HeaderValue::from_bytes(&cleaned).unwrap_or_else(|_| HeaderValue::from_static(""));
        }
    }
}

/// What is done about what is found in a body.
pub(super) enum Finding {
    /// It is replaced: values in a response.
    Replace,
    /// The stream ends in an error: placeholders in a request. Given what the first one belongs to.
    Refuse(Box<dyn Fn(usize) -> EgressError + Send>),
}

/// A body that is looked through while it goes on.
pub(super) struct Filtered {
    inner: Body,
    /// Runs while there is nothing to read and something is held back.
    quiet: Option<Pin<Box<Sleep>>>,
    replacements: Arc<Replacements>,
    redactor: Redactor,
    finding: Finding,
    trailers: Option<HeaderMap>,
    done: bool,
}

impl Filtered {
    pub(super) fn new(inner: Body, replacements: &Arc<Replacements>, finding: Finding) -> Self {
        let redactor = match finding {
            Finding::Replace => Redactor::evenly(Arc::clone(replacements)),
            // A guest knows its placeholders.
            Finding::Refuse(_) => Redactor::new(Arc::clone(replacements)),
        };
        Self {
            inner,
            quiet: None,
            replacements: Arc::clone(replacements),
            redactor,
            finding,
            trailers: None,
            done: false,
        }
    }

    /// What was held back, when nothing has followed for a while: a server that sends an event and waits is heard.
    fn poll_quiet(&mut self, cx: &mut Context<'_>) -> Poll<Vec<u8>> {
        if self.redactor.held.is_empty() || matches!(self.finding, Finding::Refuse(_)) {
            return Poll::Pending;
        }
        let quiet = self.quiet.get_or_insert_with(|| Box::pin(tokio::time::sleep(QUIET)));
        ready!(quiet.as_mut().poll(cx));
        self.quiet = None;
        Poll::Ready(self.redactor.finish())
    }

    /// The error that ends a request's body.
    fn refusal(&mut self) -> Option<EgressError> {
        match &self.finding {
            Finding::Replace => None,
            Finding::Refuse(error) => self.redactor.first().map(error),
        }
    }

    /// Trailers, looked through.
    fn look_through(&mut self, mut trailers: HeaderMap) -> Result<HeaderMap, EgressError> {
        match &self.finding {
            Finding::Replace => headers(&mut trailers, &self.replacements),
            Finding::Refuse(error) => {
                for (name, value) in &trailers {
                    for text in [name.as_str().as_bytes(), value.as_bytes()] {
                        if let Some((_, found)) = self.replacements.matcher.find_all(text).first() {
                            return Err(error(found.of));
                        }
                    }
                }
            }
        }
        Ok(trailers)
    }
}

impl HttpBody for Filtered {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let this = self.get_mut();
        loop {
            if this.done {
                return Poll::Ready(this.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            let frame = match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => return this.poll_quiet(cx).map(|bytes| Some(Ok(Frame::data(bytes.into())))),
            };
            this.quiet = None;
            let bytes = match frame.transpose() {
                Err(error) => {
                    this.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(chunk) => this.redactor.push(&chunk),
                    Err(other) => {
                        this.done = true;
                        if let Ok(trailers) = other.into_trailers() {
                            match this.look_through(trailers) {
                                Ok(trailers) => this.trailers = Some(trailers),
                                Err(error) => return Poll::Ready(Some(Err(error))),
                            }
                        }
                        this.redactor.finish()
                    }
                },
                Ok(None) => {
                    this.done = true;
                    this.redactor.finish()
                }
            };
            if let Some(error) = this.refusal() {
                this.done = true;
                this.trailers = None;
                return Poll::Ready(Some(Err(error)));
            }
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self.finding {
            Finding::Replace => self.done && self.trailers.is_none(),
            // Known to be empty from the beginning, or not known.
            Finding::Refuse(_) => {
                self.inner.is_end_stream() && self.redactor.held.is_empty() && self.trailers.is_none()
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.finding {
            Finding::Replace => SizeHint::default(),
            // What was held back is still to come.
            Finding::Refuse(_) => {
                let held = self.redactor.held.len() as u64;
                let inner = self.inner.size_hint();
                let mut hint = SizeHint::new();
                if let Some(upper) = inner.upper() {
                    hint.set_upper(upper.saturating_add(held));
                }
                hint.set_lower(inner.lower().saturating_add(held));
                hint
            }
        }
    }
}
