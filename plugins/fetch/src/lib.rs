//! The standard component `std/fetch`: downloads one file over HTTP, takes broken transfers up again and follows redirects
//! with care. The contract is `wit/world.wit`; [`run`] is its function, over the [`Host`] that the glue to the component
//! model provides. It deliberately checks no digest: the pipeline's pin does, outside of the sandbox.

#[cfg(target_arch = "wasm32")]
mod component;
mod error;
mod fetch;
mod host;
mod range;
mod request;
mod retry;
mod url;

pub use error::Error;
pub use fetch::{Options, run};
pub use host::{Body, Failure, Host, Response};
pub use request::{Header, Request};
pub use url::Url;
