//! Tests of secrets by handle, over one session's vault. Not here: a real server (`tests/`).
#![allow(clippy::unwrap_used)]

mod operations;
mod placing;
mod redaction;

use std::collections::HashMap;
use std::sync::Arc;

use airtight_model::grant::{Grants, HttpTarget, Origin, SecretGrant, SecretOperation, SecretPlace};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Frame;

use super::vault::Vault;
use crate::config::{EgressConfig, SecretValue};
use crate::error::EgressError;
use crate::record::Record;
use crate::session::Body;

/// A session that has one secret, `token`.
struct OneSecret {
    vault: Vault,
    record: Record,
    placeholder: String,
}

fn origin(text: &str) -> Origin {
    text.parse().unwrap()
}

fn grant(places: &[SecretPlace], operations: &[SecretOperation]) -> SecretGrant {
    SecretGrant {
        name: "token".to_owned(),
        to: vec![origin("https://api.example.com")],
        places: places.to_vec(),
        operations: operations.to_vec(),
        env: Some("TOKEN".to_owned()),
    }
}

fn session(grant: SecretGrant, value: &[u8]) -> OneSecret {
    let grants = Grants {
        secrets: vec![grant],
        ..Grants::default()
    };
    session_of(grants, value)
}

fn session_of(grants: Grants, value: &[u8]) -> OneSecret {
    let config = EgressConfig {
        secrets: HashMap::from([("token".to_owned(), SecretValue::new(value.to_vec()))]),
        ..EgressConfig::default()
    };
    let record = Record::default();
    let vault = Vault::new(Arc::new(grants), Arc::new(config), record.clone());
    let placeholder = vault
        .open("token")
        .map_or_else(|_| String::new(), |handle| vault.placeholder(&handle));
    OneSecret {
        vault,
        record,
        placeholder,
    }
}

fn placed(places: &[SecretPlace], value: &[u8]) -> OneSecret {
    session(grant(places, &[]), value)
}

fn target(url: &str) -> HttpTarget {
    let (Origin { scheme, host, port }, path) = Origin::with_path(url).unwrap();
    let airtight_model::grant::HostPattern::Exact(host) = host else {
        panic!("an exact host");
    };
    HttpTarget {
        method: "POST".to_owned(),
        scheme,
        host,
        port,
        path,
    }
}

fn chunks(parts: &[&[u8]]) -> Body {
    let frames: Vec<Result<Frame<Bytes>, EgressError>> = parts
        .iter()
        .map(|part| Ok(Frame::data(Bytes::copy_from_slice(part))))
        .collect();
    Frames(frames.into_iter()).boxed_unsync()
}

/// Frames that are there at once.
struct Frames(std::vec::IntoIter<Result<Frame<Bytes>, EgressError>>);

impl hyper::body::Body for Frames {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        std::task::Poll::Ready(self.0.next())
    }
}

fn full(bytes: &[u8]) -> Body {
    Full::new(Bytes::copy_from_slice(bytes))
        .map_err(|never| match never {})
        .boxed_unsync()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// What a request is like when it is sent: its parts, and its body.
fn sent(vault: &Vault, request: http::Request<Body>) -> Result<http::Request<Vec<u8>>, EgressError> {
    let (mut parts, body) = request.into_parts();
    let origin = format!(
        "{}/",
        parts
            .uri
            .to_string()
            .splitn(4, '/')
            .take(3)
            .collect::<Vec<_>>()
            .join("/")
    );
    block_on(async {
        let body = vault.put_in(&target(&origin), &mut parts, body).await?;
        let body = body.collect().await?.to_bytes().to_vec();
        Ok(http::Request::from_parts(parts, body))
    })
}
