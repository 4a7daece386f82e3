//! Servers on loopback that are as hostile as the guests: a web server that gives back what it was told in every form, and
//! a name server that gives every address and changes its mind. Not here: what they are asked.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What servers have heard: requests as they came.
pub(crate) type Heard = Arc<Mutex<Vec<String>>>;

/// Stands between what was heard in one run and in the next.
pub(crate) const ANOTHER_RUN: &str = "another run";

/// A server's thread, which ends with it.
struct Thread {
    stop: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        (self.wake)();
        if let Some(handle) = self.handle.take() {
            // Its panic was shown when it happened.
            let _ = handle.join();
        }
    }
}

/// A web server.
pub(crate) struct Web {
    pub(crate) address: SocketAddr,
    _thread: Thread,
}

impl Web {
    /// A server at an address that says what it is when it is asked for nothing else.
    pub(crate) fn at(address: SocketAddr, name: &'static str, heard: &Heard) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, heard) = (stop.clone(), heard.clone());
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let heard = heard.clone();
                std::thread::spawn(move || {
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
                    // A guest that goes away in the middle is what this is for.
                    let _ = answer(stream, name, &heard);
                });
            }
        };
        let wake = move || drop(TcpStream::connect(address));
        Self {
            address,
            _thread: Thread {
                stop,
                wake: Box::new(wake),
                handle: Some(std::thread::spawn(serve)),
            },
        }
    }
}

/// Reads one request: its head and as much body as it says.
fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next());
            let wanted: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
            let chunked = head.contains("transfer-encoding: chunked");
            if body.len() >= wanted && (!chunked || body.ends_with("0\r\n\r\n")) {
                return Ok(text);
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(text),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    let found = request.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    });
    found.unwrap_or_default()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= group.len() { digit as char } else { '=' });
        }
    }
    out
}

fn hex(bytes: &[u8], before: &str) -> String {
    bytes.iter().map(|byte| format!("{before}{byte:02x}")).collect()
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn answer(mut stream: TcpStream, name: &str, heard: &Heard) -> std::io::Result<()> {
    let request = request(&mut stream)?;
    if request.is_empty() {
        return Ok(());
    }
    heard.lock().unwrap().push(format!("{name}: {request}"));
    let target = request.split(' ').nth(1).unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let told = header(&request, "authorization");
    let token = told.strip_prefix("Bearer ").unwrap_or(told);
    let text = match path.split('/').nth(1).unwrap_or_default() {
        "echo" => reply("200 OK", "", &request),
        "echo-header" => reply("200 OK", &format!("x-told: {told}\r\n"), ""),
        "echo-hex" => reply("200 OK", "", &hex(token.as_bytes(), "")),
        "echo-percent" => reply("200 OK", "", &hex(token.as_bytes(), "%")),
        "echo-base64" => reply("200 OK", "", &base64(format!("x{told}").as_bytes())),
        "echo-json" => reply(
            "200 OK",
            "content-type: application/json\r\n",
            &serde_json::json!({ "t": token }).to_string(),
        ),
        "echo-error" => reply("403 Forbidden", "", &format!("not with {token}\n")),
        "echo-reason" => format!("HTTP/1.1 418 {token}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        "encoded" => reply("200 OK", "content-encoding: gzip\r\n", "not really"),
        "redirect" => reply(
            "302 Found",
            &format!("location: {}\r\n", query.replace("[TOKEN]", token)),
            "",
        ),
        "endless" => return endless(&mut stream),
        "headers" => return flood(&mut stream),
        "drip" => return drip(&mut stream, token),
        _ => reply("200 OK", "", name),
    };
    stream.write_all(text.as_bytes())
}

/// One byte at a time, each in a chunk of its own.
fn drip(stream: &mut TcpStream, text: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")?;
    for byte in format!("before {text} after").bytes() {
        stream.write_all(&[b"1\r\n", &[byte][..], b"\r\n"].concat())?;
        stream.flush()?;
    }
    stream.write_all(b"0\r\n\r\n")
}

fn endless(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
    loop {
        stream.write_all(&[b'x'; 8192])?;
    }
}

fn flood(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
    loop {
        stream.write_all(b"x-flood: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")?;
    }
}

/// A name server: `a-10-0-0-1.example.com` is at 10.0.0.1, `b-HEX.example.com` at the IPv6 address of those digits, and
/// `rebind…` at 127.0.0.1 when it is asked first and at 127.0.0.2 from then on (`turned…`: the other way round).
pub(crate) struct Names {
    pub(crate) address: SocketAddr,
    _thread: Thread,
}

impl Names {
    pub(crate) fn new(heard: &Heard) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, heard) = (stop.clone(), heard.clone());
        let serve = move || {
            let mut bytes = [0; 2048];
            while let Ok((count, from)) = socket.recv_from(&mut bytes) {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                if let Some(reply) = resolve(&bytes[..count], &heard) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        };
        let wake = move || drop(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"", address)));
        Self {
            address,
            _thread: Thread {
                stop,
                wake: Box::new(wake),
                handle: Some(std::thread::spawn(serve)),
            },
        }
    }
}

/// The name and type that a message asks for, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    Some((labels.join("."), kind, at + 4))
}

fn address_of(name: &str, before: usize) -> Option<IpAddr> {
    let label = name.split('.').next()?;
    let here = |last: u8| Some(Ipv4Addr::new(127, 0, 0, last).into());
    if label.starts_with("rebind") {
        return here(if before == 0 { 1 } else { 2 });
    }
    if label.starts_with("turned") {
        return here(if before == 0 { 2 } else { 1 });
    }
    match label.split_once('-')? {
        ("a", digits) => digits.replace('-', ".").parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        ("b", digits) => u128::from_str_radix(digits, 16)
            .ok()
            .map(|number| IpAddr::V6(number.into())),
        _ => None,
    }
}

fn resolve(message: &[u8], heard: &Heard) -> Option<Vec<u8>> {
    let (name, kind, end) = question(message)?;
    let asked = format!("names: {name}");
    let mut heard = heard.lock().unwrap();
    let of_this_run = heard.iter().rev().take_while(|own| *own != ANOTHER_RUN);
    let before = of_this_run.filter(|own| **own == asked).count();
    let data = match (address_of(&name, before), kind) {
        (Some(IpAddr::V4(address)), 1) => address.octets().to_vec(),
        (Some(IpAddr::V6(address)), 28) => address.octets().to_vec(),
        _ => Vec::new(),
    };
    if !data.is_empty() {
        heard.push(asked);
    }
    let mut reply = message[..2].to_vec();
    reply.extend_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(!data.is_empty()), 0, 0, 0, 0]);
    reply.extend_from_slice(&message[12..end]);
    if !data.is_empty() {
        reply.extend_from_slice(&[0xc0, 12]);
        reply.extend_from_slice(&kind.to_be_bytes());
        reply.extend_from_slice(&[0, 1, 0, 0, 0, 0, 0, u8::try_from(data.len()).ok()?]);
        reply.extend_from_slice(&data);
    }
    Some(reply)
}

/// Two web servers at the same port of two loopback addresses (the second is the one that nobody may reach), and a name
/// server. In cases: `[PORT]`, and `[DNS]` for the name server's port.
pub(crate) fn start(around: &mut crate::harness::Surroundings) {
    let heard = Heard::default();
    let (near, far) = (0..100)
        .find_map(|_| {
            let probe = TcpListener::bind("127.0.0.2:0").unwrap();
            let port = probe.local_addr().unwrap().port();
            drop(probe);
            let free = TcpListener::bind(("127.0.0.1", port)).is_ok();
            free.then(|| {
                let at = |last: u8| SocketAddr::from(([127, 0, 0, last], port));
                (Web::at(at(1), "near", &heard), Web::at(at(2), "far", &heard))
            })
        })
        .expect("two addresses have a port in common that is free");
    let names = Names::new(&heard);
    around
        .replaced
        .push(("[PORT]".to_owned(), near.address.port().to_string()));
    around
        .replaced
        .push(("[DNS]".to_owned(), names.address.port().to_string()));
    around
        .variables
        .push(("AIRTIGHT_DNS".to_owned(), names.address.to_string()));
    around.heard = Some(heard);
    around
        .servers
        .extend([Box::new(near) as Box<dyn std::any::Any>, Box::new(far), Box::new(names)]);
}
