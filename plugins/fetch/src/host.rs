//! What the logic needs from the outside besides files. The component's glue implements it over `wasi:http`, tests over
//! scripts. It holds no state and decides nothing.

use std::time::Duration;

use crate::request::Request;

/// Why a request had no answer, or an answer no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The step may not do that; the text says which rule and grant.
    Denied(String),
    /// It may go better the next time.
    Passing(String),
    /// It will not go better.
    Lasting(String),
}

/// The bytes of an answer, as they come.
pub trait Body {
    /// The next bytes; none at the end.
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure>;
}

/// An answer, when its headers are there.
pub struct Response {
    /// The status.
    pub status: u16,
    /// Headers in the order in which they came; names in any case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// What follows.
    pub body: Box<dyn Body>,
}

impl Response {
    /// The first value of a header, if it is a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok().map(str::trim)
    }
}

/// The host of the step.
pub trait Host {
    /// Sends a request without a body and waits for the headers of the answer.
    fn send(&mut self, request: &Request) -> Result<Response, Failure>;

    /// What stands for a secret in a request; the error says why there is none.
    fn placeholder(&mut self, secret: &str) -> Result<String, String>;

    /// Waits.
    fn wait(&mut self, time: Duration);

    /// Writes a warning to the log.
    fn warn(&mut self, message: &str);

    /// Says that `done` bytes of `total` of `task` are there.
    fn progress(&mut self, task: &str, done: u64, total: Option<u64>);

    /// Says that `task` has ended.
    fn finish(&mut self, task: &str);
}
