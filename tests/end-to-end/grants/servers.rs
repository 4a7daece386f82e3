//! A web server for what grants allow: over TLS where it is asked to be, with a certification authority of the test's own.
//! Not here: hostile servers (`tests/hostile`).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;

/// A certification authority.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate in PEM.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a name and its key.
    pub(super) fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    fn config(&self, clients: bool) -> rustls::ServerConfig {
        let provider = || Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if clients {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(self.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.sign("localhost");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder.with_single_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

/// A server on loopback that answers every request with one text, and remembers what it heard.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What to do with a connection before it is answered.
type Before = Box<dyn Fn() + Send>;

impl Server {
    pub(super) fn http(answer: &'static str) -> Self {
        Self::start(answer, None, Box::new(|| {}))
    }

    /// A server that waits for something before it answers.
    pub(super) fn waiting(answer: &'static str, before: Before) -> Self {
        Self::start(answer, None, before)
    }

    /// A server for `localhost`; with `clients`, only for those who have a certificate of the authority.
    pub(super) fn https(answer: &'static str, authority: &Authority, clients: bool) -> Self {
        Self::start(answer, Some(Arc::new(authority.config(clients))), Box::new(|| {}))
    }

    fn start(answer: &'static str, tls: Option<Arc<rustls::ServerConfig>>, before: Before) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, stop) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let (list, stopped) = (heard.clone(), stop.clone());
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                // A client that goes away, or that is not let in, is part of the tests.
                let _ = match &tls {
                    None => exchange(stream, answer, &list, &before),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                        exchange(rustls::StreamOwned::new(connection, stream), answer, &list, &before)
                    }
                };
            }
        };
        Self {
            address,
            heard,
            stop,
            thread: Some(std::thread::spawn(serve)),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests so far, as they came.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
        if let Some(thread) = self.thread.take() {
            // What went wrong in it was shown when it did.
            let _ = thread.join();
        }
    }
}

fn exchange(
    mut stream: impl Read + Write,
    answer: &str,
    heard: &Mutex<Vec<String>>,
    before: &Before,
) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap_or(0)) {
                heard.lock().unwrap().push(text);
                break;
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
    before();
    let length = answer.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
    )?;
    stream.flush()
}
