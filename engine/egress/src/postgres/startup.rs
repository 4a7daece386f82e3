//! What a step says first on a connection to PostgreSQL, and what the server is told instead. Not here: authentication.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::{Failure, protocol};

/// What the server itself allows.
const MAX_STARTUP: usize = 10_000;
/// How often a step may ask for encryption before it begins: once for each kind, as clients do.
const MAX_QUESTIONS: usize = 2;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// 3.0, and 3.2 of PostgreSQL 18.
const VERSIONS: [u32; 2] = [3 << 16, 3 << 16 | 2];

/// What a step wants of a new connection.
pub(super) enum Wanted {
    /// To talk.
    Session(Startup),
    /// To cancel a query of another connection.
    Cancel,
    /// What is not done: what it is, and the rule.
    Refused(&'static str, &'static str),
}

/// A start-up message.
pub(super) struct Startup {
    version: u32,
    parameters: Vec<(String, String)>,
}

/// Reads the first message. A question for encryption is answered with no: between the step and the host there is
/// nothing to encrypt.
pub(super) async fn read(guest: &mut DuplexStream) -> Result<Wanted, Failure> {
    for _ in 0..=MAX_QUESTIONS {
        let len = usize::try_from(guest.read_u32().await?).unwrap_or(usize::MAX);
        if !(8..=MAX_STARTUP).contains(&len) {
            return Err(protocol("the start-up message is none"));
        }
        let code = guest.read_u32().await?;
        let mut rest = vec![0; len - 8];
        guest.read_exact(&mut rest).await?;
        match code {
            SSL | GSS if rest.is_empty() => {
                guest.write_all(b"N").await?;
                guest.flush().await?;
            }
            CANCEL => return Ok(Wanted::Cancel),
            version if VERSIONS.contains(&version) => return parse(version, &rest),
            _ => return Err(protocol("the start-up message is not of version 3.0 of the protocol")),
        }
    }
    Err(protocol("the start-up message does not come"))
}

fn parse(version: u32, rest: &[u8]) -> Result<Wanted, Failure> {
    let broken = || protocol("the start-up message is broken");
    // Names and values by turns, each with a NUL at its end, and one NUL more.
    let text = std::str::from_utf8(rest).map_err(|_| protocol("the start-up message is not UTF-8"))?;
    let text = text.strip_suffix('\0').ok_or_else(broken)?;
    let mut parameters = Vec::new();
    let mut words = text.split_terminator('\0');
    while let Some(name) = words.next() {
        let value = words.next().ok_or_else(broken)?;
        if name.is_empty() || parameters.iter().any(|(other, _)| other == name) {
            return Err(broken());
        }
        parameters.push((name.to_owned(), value.to_owned()));
    }
    let off = |value: &str| matches!(value.to_ascii_lowercase().as_str(), "" | "false" | "off" | "no" | "0");
    for (name, value) in &parameters {
        if name == "replication" && !off(value) {
            let rule = "a connection that Airtight logs in does not replicate";
            return Ok(Wanted::Refused("replication", rule));
        }
        if name == "options" && !plain_options(value) {
            let rule = "the options of a connection that Airtight logs in are settings alone: `-c NAME=VALUE`";
            return Ok(Wanted::Refused("options", rule));
        }
    }
    Ok(Wanted::Session(Startup { version, parameters }))
}

/// Whether options only say settings, which a session may change by `SET` as well; others are switches of the server.
fn plain_options(options: &str) -> bool {
    let setting = |text: &str| {
        let name = text.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    let mut words = options.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let plain = match (word, word.strip_prefix("--"), word.strip_prefix("-c")) {
            ("-c", ..) => words.next().is_some_and(setting),
            (_, Some(rest), _) | (_, None, Some(rest)) => setting(rest),
            _ => false,
        };
        if !plain {
            return false;
        }
    }
    true
}

impl Startup {
    /// The message for the server: the grant's user, its database where it names one, and of the rest what is a setting.
    pub(super) fn to_server(&self, user: &str, database: Option<&str>) -> Vec<u8> {
        let mut body = self.version.to_be_bytes().to_vec();
        let mut push = |name: &str, value: &str| {
            for text in [name, value] {
                body.extend_from_slice(text.as_bytes());
                body.push(0);
            }
        };
        push("user", user);
        if let Some(database) = database {
            push("database", database);
        }
        for (name, value) in &self.parameters {
            let replaced = name == "user" || name == "replication" || (name == "database" && database.is_some());
            // Extensions of the protocol would be a talk that the host does not understand.
            if !replaced && !name.starts_with("_pq_.") {
                push(name, value);
            }
        }
        body.push(0);
        let len = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        [len.to_be_bytes().as_slice(), &body].concat()
    }
}
