//! The client against a real registry, and against one that does whatever a hostile one could.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod hostile;
mod login;
mod real;

use airtight_model::OciRef;
use airtight_registry::{Artifact, Client, Config, NewArtifact, RegistryError, Times, describe};
use bytes::Bytes;
use std::time::Duration;

/// A client that nobody is told of.
fn client() -> Client {
    Client::new(Config::default())
}

/// A client that waits no longer than a test should for what never comes.
fn impatient() -> Client {
    let soon = Duration::from_millis(300);
    Client::new(Config {
        times: Times {
            connect: soon,
            idle: soon,
            total: Duration::from_secs(60),
        },
        ..Config::default()
    })
}

fn reference(host: &str, rest: &str) -> OciRef {
    format!("oci://{host}/{rest}").parse().unwrap()
}

/// A component that says something of itself.
fn component(version: &str) -> Bytes {
    let text = format!(
        "(component $scan (@custom \"version\" \"{version}\") (@custom \"description\" \"Looks for secrets\") (@custom \"licenses\" \"Apache-2.0\"))"
    );
    wat::parse_str(text).unwrap().into()
}

fn artifact(wasm: &Bytes, reference: &OciRef) -> NewArtifact {
    NewArtifact::of(wasm.clone(), &describe(wasm), reference)
}

/// Looks up and takes.
async fn pull(client: &Client, reference: &OciRef) -> Result<(Artifact, Vec<u8>), RegistryError> {
    let artifact = client.look_up(reference).await?;
    let mut bytes = Vec::new();
    client
        .take(reference, &artifact, |part| {
            bytes.extend_from_slice(part);
            true
        })
        .await?;
    Ok((artifact, bytes))
}

/// Waits for something in a runtime of its own.
fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}
