//! The one way out of a sandbox: names are looked up, addresses checked, connections opened, requests sent and secrets put
//! into them here, by what a step was granted and nothing else. Not here: WebAssembly, and where the values of secrets
//! come from (the command line reads them).

mod bounds;
mod config;
mod error;
mod names;
mod postgres;
mod record;
mod secret;
mod session;
mod socket;
mod tls;
mod web;
mod wire;

pub use config::{EgressConfig, SecretValue};
pub use error::{EgressError, Struck};
pub use secret::{AwsRequest, JwtAlgorithm, Redactor, SecretError, SecretHandle};
pub use session::{Body, Egress, Session, Traffic};
pub use socket::{Connection, Datagrams};
