//! TLS as a client: which roots are trusted, what is shown of oneself. Not here: what is spoken inside.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use airtight_model::grant::{ClientCertificate, Host};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::EgressConfig;
use crate::error::EgressError;
use crate::wire::Stream;

/// The roots that the system trusts, read once a process.
#[derive(Debug, Default)]
pub(crate) struct SystemRoots(OnceLock<Arc<RootCertStore>>);

impl SystemRoots {
    pub(crate) fn get(&self) -> Arc<RootCertStore> {
        let load = || {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::debug!(%error, "a root of the system cannot be read");
            }
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.certs);
            Arc::new(roots)
        };
        self.0.get_or_init(load).clone()
    }
}

/// What tells one configuration from another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct TlsChoice {
    /// The file with the roots; the system's where there is none.
    pub(crate) ca: Option<String>,
    /// The file with the client's certificate, and the secret with its key.
    pub(crate) client: Option<(String, String)>,
    /// The protocol that is spoken inside.
    pub(crate) http: bool,
}

impl TlsChoice {
    pub(crate) fn new(ca: Option<&String>, client: Option<&ClientCertificate>, http: bool) -> Self {
        let client = client.map(|client| (client.certificate.clone(), client.key.clone()));
        Self {
            ca: ca.cloned(),
            client,
            http,
        }
    }
}

/// The configurations of a process, each made when it is first asked for.
#[derive(Debug, Default)]
pub(crate) struct Tls {
    pub(crate) roots: SystemRoots,
    made: Mutex<HashMap<TlsChoice, Arc<ClientConfig>>>,
}

impl Tls {
    /// The configuration of a choice.
    ///
    /// # Errors
    /// A file or secret that it names cannot be used; the text says which, and nothing of what is in it.
    pub(crate) fn config(&self, config: &EgressConfig, choice: &TlsChoice) -> Result<Arc<ClientConfig>, String> {
        let known = self
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(choice)
            .cloned();
        if let Some(made) = known {
            return Ok(made);
        }
        let made = Arc::new(self.make(config, choice)?);
        let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(all.entry(choice.clone()).or_insert(made).clone())
    }

    fn make(&self, config: &EgressConfig, choice: &TlsChoice) -> Result<ClientConfig, String> {
        let roots = match &choice.ca {
            None => self.roots.get(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(config, path)? {
                    roots
                        .add(certificate)
                        .map_err(|_| format!("a certificate of `{path}` cannot be trusted as a root"))?;
                }
                Arc::new(roots)
            }
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let mut made = match &choice.client {
            None => builder.with_no_client_auth(),
            Some((path, secret)) => {
                let key = config
                    .secrets
                    .get(secret)
                    .ok_or_else(|| format!("the secret `{secret}` was not read"))?;
                let key = PrivateKeyDer::from_pem_slice(key.bytes())
                    .map_err(|_| format!("the secret `{secret}` is not a private key in PEM"))?;
                builder
                    .with_client_auth_cert(certificates(config, path)?, key)
                    .map_err(|_| format!("the key `{secret}` does not fit the certificate `{path}`"))?
            }
        };
        if choice.http {
            made.alpn_protocols = vec![b"http/1.1".to_vec()];
        }
        Ok(made)
    }
}

fn certificates(config: &EgressConfig, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = config.files.get(path).ok_or_else(|| format!("`{path}` was not read"))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match all {
        Ok(all) if !all.is_empty() => Ok(all),
        _ => Err(format!("`{path}` has no certificates in PEM")),
    }
}

/// The name that a certificate has to have.
pub(crate) fn server_name(host: &Host) -> Result<ServerName<'static>, String> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| format!("no certificate can name `{name}`")),
        Host::Address(IpAddr::V4(address)) => Ok(ServerName::IpAddress((*address).into())),
        Host::Address(IpAddr::V6(address)) => Ok(ServerName::IpAddress((*address).into())),
    }
}

/// Begins TLS on a connection.
///
/// # Errors
/// The server's certificate is not trusted, it wants another one than it is shown, or it speaks no TLS.
pub(crate) async fn begin<S: Stream>(
    stream: S,
    config: Arc<ClientConfig>,
    host: &Host,
    deadline: Instant,
    to: &str,
) -> Result<TlsStream<S>, EgressError> {
    let failed = |cause: String| EgressError::Tls {
        to: to.to_owned(),
        cause: crate::record::shown(&cause),
    };
    let name = server_name(host).map_err(failed)?;
    match timeout_at(deadline, TlsConnector::from(config).connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(EgressError::TimedOut(format!("TLS with {to}"))),
    }
}
