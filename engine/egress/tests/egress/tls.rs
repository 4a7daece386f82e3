//! HTTPS with a certification authority of our own, client certificates, and servers that are not who they say.

use std::collections::HashMap;
use std::sync::Arc;

use airtight_egress::{Egress, EgressConfig, EgressError, SecretValue, Session};
use airtight_model::NetLimits;
use airtight_model::grant::{ClientCertificate, Grants, HttpGrant};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use crate::support::*;

type Ca = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Ca {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a name, and its key, both in PEM.
fn certificate(ca: &Ca, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, ca).unwrap(), key)
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server for `name` that says `ok`; with `clients`, only to who has a certificate of theirs.
async fn https(ca: &Ca, name: &str, clients: Option<&Ca>) -> Server {
    let (certificate, key) = certificate(ca, name);
    let builder = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(ca.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::tcp(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            let mut bytes = [0; 1024];
            while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await;
            }
        }
    })
    .await
}

/// A grant for `localhost` at the server, with the roots of `ca.pem`.
fn grant(server: &Server) -> HttpGrant {
    let mut grant = http(&url(server));
    grant.ca = Some("ca.pem".to_owned());
    grant
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}/", server.address.port())
}

fn session_of(grants: &Grants, files: &[(&str, String)], secrets: &[(&str, String)]) -> Session {
    let files: HashMap<String, Vec<u8>> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone().into_bytes()))
        .collect();
    let secrets = secrets
        .iter()
        .map(|(name, text)| ((*name).to_owned(), SecretValue::new(text.clone().into_bytes())))
        .collect();
    let config = EgressConfig {
        files,
        secrets,
        ..EgressConfig::default()
    };
    Egress::new(config).session(grants, NetLimits::DEFAULT)
}

// Roots of a grant are trusted for that grant.
#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_granted() {
    let ca = authority("ours");
    let server = https(&ca, "localhost", None).await;
    let session = session_of(&grants([grant(&server)]), &[("ca.pem", ca.pem())], &[]);
    for _ in 0..2 {
        assert_eq!(get(&session, &url(&server)).await.unwrap(), (200, "ok".to_owned()));
    }
}

// Everything else about a certificate that is wrong is an error before anything is sent.
#[tokio::test]
async fn a_server_that_is_not_who_it_says_gets_nothing() {
    let (ca, other) = (authority("ours"), authority("theirs"));
    for (server, files, what) in [
        (
            https(&other, "localhost", None).await,
            vec![("ca.pem", ca.pem())],
            "another authority",
        ),
        (
            https(&ca, "example.com", None).await,
            vec![("ca.pem", ca.pem())],
            "another name",
        ),
        (https(&ca, "localhost", None).await, vec![], "no file"),
        (
            https(&ca, "localhost", None).await,
            vec![("ca.pem", "rubbish".to_owned())],
            "not a certificate",
        ),
        (
            Server::says("HTTP/1.1 200 OK\r\n\r\n").await,
            vec![("ca.pem", ca.pem())],
            "no TLS",
        ),
    ] {
        let session = session_of(&grants([grant(&server)]), &files, &[]);
        let times = airtight_egress::Traffic {
            connect: Some(std::time::Duration::from_millis(500)),
            ..Default::default()
        };
        let error = session.send(request("GET", &url(&server)), times).await.err().unwrap();
        assert!(
            matches!(error, EgressError::Tls { .. } | EgressError::TimedOut(_)),
            "{what}: {error}"
        );
    }
    // The system does not know an authority of ours.
    let server = https(&ca, "localhost", None).await;
    let mut grant = grant(&server);
    grant.ca = None;
    let error = get(&session_of(&grants([grant]), &[], &[]), &url(&server))
        .await
        .unwrap_err();
    assert!(matches!(error, EgressError::Tls { .. }), "{error}");
}

// The step's host shows its certificate; its key is a secret that the step never sees.
#[tokio::test]
async fn a_client_certificate_is_shown() {
    let (ca, clients) = (authority("ours"), authority("clients"));
    let server = https(&ca, "localhost", Some(&clients)).await;
    let (me, key) = certificate(&clients, "me");
    let files = [("ca.pem", ca.pem()), ("me.pem", me.pem())];
    let mut grant = grant(&server);
    grant.client = Some(ClientCertificate {
        certificate: "me.pem".to_owned(),
        key: "my-key".to_owned(),
    });
    let with = grants([grant.clone()]);
    let session = session_of(&with, &files, &[("my-key", key.serialize_pem())]);
    assert_eq!(get(&session, &url(&server)).await.unwrap().1, "ok");

    grant.client = None;
    let session = session_of(&grants([grant]), &files, &[]);
    assert!(
        get(&session, &url(&server)).await.is_err(),
        "the server wants a certificate"
    );

    let wrong = KeyPair::generate().unwrap().serialize_pem();
    for secrets in [
        vec![("my-key", wrong.clone())],
        vec![("my-key", "word".to_owned())],
        vec![],
    ] {
        let error = get(&session_of(&with, &files, &secrets), &url(&server))
            .await
            .unwrap_err();
        assert!(matches!(error, EgressError::Tls { .. }), "{error}");
        let text = format!("{error} {error:?}");
        assert!(!text.contains("word") && !text.contains(&wrong[40..80]), "{text}");
    }
}

// A name and its address are two hosts: a certificate for the one is not for the other.
#[tokio::test]
async fn an_address_needs_a_certificate_for_the_address() {
    let ca = authority("ours");
    let named = https(&ca, "localhost", None).await;
    let addressed = https(&ca, "127.0.0.1", None).await;
    for (server, works) in [(&named, false), (&addressed, true)] {
        let url = format!("https://{}/", server.address);
        let mut grant = http(&url);
        grant.ca = Some("ca.pem".to_owned());
        let session = session_of(&grants([grant]), &[("ca.pem", ca.pem())], &[]);
        assert_eq!(get(&session, &url).await.is_ok(), works, "{url}");
    }
}
