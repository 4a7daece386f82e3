//! Registries to test against: Debian's `docker-registry`, with or without a login, and a server that answers whatever a test wants. Both
//! listen on this machine alone and end with the test. Not here: the client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::process::Process;

/// The variable that says that `docker-registry` has to be there: a test that is skipped for want of it is a test that failed.
const REQUIRED: &str = "AIRTIGHT_TEST_REGISTRY";
/// The login of [`Registry::with_login`].
pub const LOGIN: (&str, &str) = ("me", "s3cret");
/// It, as `htpasswd -B` writes it.
const HTPASSWD: &str = "me:$2y$04$Bp1hEQjZSddDtf9ukpADyenNF3M5Af3RbmfmdCKDrxmSZS6lme2py\n";

/// A running `docker-registry`. It is stopped when this is dropped.
#[derive(Debug)]
pub struct Registry {
    /// `127.0.0.1:PORT`.
    pub host: String,
    config: PathBuf,
    process: Option<Process>,
}

impl Registry {
    /// Starts one that everybody may use, with its files in a folder. None where the program is not installed and need not be.
    pub fn start(folder: &Path) -> Option<Self> {
        Self::start_with(folder, "")
    }

    /// Starts one that wants [`LOGIN`] for everything.
    pub fn with_login(folder: &Path) -> Option<Self> {
        let file = folder.join("htpasswd");
        std::fs::write(&file, HTPASSWD).expect("a file can be written");
        Self::start_with(
            folder,
            &format!("auth: {{ htpasswd: {{ realm: test, path: {} }} }}\n", file.display()),
        )
    }

    fn start_with(folder: &Path, more: &str) -> Option<Self> {
        let program = program()?;
        // It cannot choose a port by itself, and another process may take the one that was free a moment ago.
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let host = free.expect("there is a free port").to_string();
            let config = folder.join("registry.yml");
            let storage = folder.join("registry");
            let text = format!(
                "version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: \"{host}\" }}\n{more}",
                storage.display()
            );
            std::fs::write(&config, text).expect("a file can be written");
            let mut registry = Self {
                host,
                config,
                process: None,
            };
            if registry.go_on_with(&program) {
                return Some(registry);
            }
        }
        panic!("docker-registry does not start");
    }

    /// Stops it. What was pushed to it stays in its folder.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Starts it again at the same address.
    ///
    /// # Panics
    /// It does not start.
    pub fn go_on(&mut self) {
        let program = program().expect("it was there before");
        assert!(self.go_on_with(&program), "docker-registry does not start again");
    }

    fn go_on_with(&mut self, program: &Path) -> bool {
        let mut command = Command::new(program);
        command.arg("serve").arg(&self.config).env_clear();
        let mut process = Process::start(&mut command);
        let line = process.wait_for(|line| line.contains("listening on") || line.contains("address already in use"));
        let listens = line.contains("listening on");
        self.process = listens.then_some(process);
        listens
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("docker-registry"))
        .find(|file| file.is_file());
    assert!(
        found.is_some() || std::env::var_os(REQUIRED).is_none(),
        "{REQUIRED} is set and there is no docker-registry: on Debian, `apt-get install docker-registry`"
    );
    found
}

/// A request that a [`Fake`] got.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, `PUT` and so on.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The head's other lines.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// What the request shows of its sender.
    pub fn authorization(&self) -> Option<&str> {
        let lines = self.headers.iter().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value)
    }
}

/// What a [`Fake`] does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer: the status, lines of the head, the body.
    Answer(u16, Vec<String>, Vec<u8>),
    /// These bytes, whatever they are, and the connection closed.
    Raw(Vec<u8>),
    /// These bytes, and then silence for as long as the test lasts.
    Silence(Vec<u8>),
}

impl Reply {
    /// An answer with a body and nothing else.
    pub fn body(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(status, Vec::new(), body.into())
    }
}

/// A server that answers as a test wants. It ends when this is dropped.
#[derive(Debug)]
pub struct Fake {
    /// `127.0.0.1:PORT`.
    pub host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
    silent: Arc<Mutex<Vec<TcpStream>>>,
}

impl Fake {
    /// Starts one.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let fake = Self {
            host: listener.local_addr().expect("it is bound").to_string(),
            asked: Arc::default(),
            ended: Arc::default(),
            silent: Arc::default(),
        };
        let (asked, ended, silent) = (fake.asked.clone(), fake.ended.clone(), fake.silent.clone());
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let (asked, silent, answer) = (asked.clone(), silent.clone(), answer.clone());
                std::thread::spawn(move || serve(stream, &asked, &silent, &*answer));
            }
        });
        fake
    }

    /// All that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // So that it looks.
        let _ = TcpStream::connect(&self.host);
    }
}

fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<Asked>>,
    silent: &Mutex<Vec<TcpStream>>,
    answer: &(dyn Fn(&Asked) -> Reply + Send + Sync),
) {
    let Some(request) = read(&stream) else { return };
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request.clone());
    // Who is answered wrongly may go away in the middle.
    let _ = match answer(&request) {
        Reply::Raw(bytes) => stream.write_all(&bytes),
        Reply::Silence(bytes) => {
            let written = stream.write_all(&bytes);
            silent.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            written
        }
        Reply::Answer(status, headers, body) => {
            let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
            for line in headers {
                head.push_str(&line);
                head.push_str("\r\n");
            }
            head.push_str("connection: close\r\n\r\n");
            let body = if request.method == "HEAD" { Vec::new() } else { body };
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body))
        }
    };
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let first = lines.first()?.clone();
    let mut words = first.split(' ');
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        headers: lines.split_off(1),
        body,
    })
}
