//! SCRAM-SHA-256 (RFC 5802, RFC 7677) with a server of PostgreSQL's: the server has to prove that it knows the password,
//! and no weaker way of authentication is taken. Not here: the mathematics (`postgres_protocol`).

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Failure, Message, Stream, authentication, protocol};
use crate::config::SecretValue;
use crate::secret::Redactor;

/// How large a message of the server's may be before the step is logged in.
const MAX_MESSAGE: usize = 64 << 10;
/// How many messages the server may send before that.
const MAX_MESSAGES: usize = 64;
/// What RFC 7677 asks for at least. A server that asks for fewer would learn more of the password from a proof.
const MIN_ITERATIONS: u32 = 4096;

/// How far it is.
enum Progress {
    Begun,
    First(ScramSha256),
    Proved(ScramSha256),
    Verified,
}

/// Authenticates; what the step is told is a version of the protocol, if the server says one, and that it is logged in.
pub(super) async fn authenticate(
    server: &mut Box<dyn Stream>,
    password: &SecretValue,
    mut binding: Option<Vec<u8>>,
    redactor: &mut Redactor,
) -> Result<Vec<u8>, Failure> {
    let mut told = Vec::new();
    let mut progress = Progress::Begun;
    for _ in 0..MAX_MESSAGES {
        let message = read(server).await?;
        match message.kind {
            b'R' => {}
            b'E' => {
                let body = redactor.whole(&message.body);
                return Err(Failure::Server(Message { body, ..message }.bytes()));
            }
            // Which version is spoken. A notice before the login is for nobody.
            b'v' => {
                told.extend(message.bytes());
                continue;
            }
            b'N' => continue,
            _ => return Err(protocol("the server says something else than how to log in")),
        }
        let (code, data) = message
            .body
            .split_first_chunk()
            .ok_or_else(|| protocol("the server's message is cut off"))?;
        let step = step(progress, u32::from_be_bytes(*code), data, password, &mut binding)?;
        progress = match step {
            Step::Say(answer, next) => {
                server.write_all(&answer).await?;
                server.flush().await?;
                next
            }
            Step::Wait(next) => next,
            Step::LoggedIn => {
                told.extend(message.bytes());
                return Ok(told);
            }
        };
    }
    Err(protocol("the server does not come to an end with the login"))
}

/// What comes next.
enum Step {
    Say(Vec<u8>, Progress),
    Wait(Progress),
    LoggedIn,
}

fn step(
    progress: Progress,
    code: u32,
    data: &[u8],
    password: &SecretValue,
    binding: &mut Option<Vec<u8>>,
) -> Result<Step, Failure> {
    match (code, progress) {
        (10, Progress::Begun) => {
            let (mechanism, scram) = begin(data, password, binding.take())?;
            let first = scram.message();
            let len = u32::try_from(first.len()).unwrap_or(u32::MAX);
            let body = [mechanism.as_bytes(), b"\0", &len.to_be_bytes(), first].concat();
            Ok(Step::Say(Message { kind: b'p', body }.bytes(), Progress::First(scram)))
        }
        (11, Progress::First(mut scram)) => {
            check_iterations(data)?;
            // The library's text may quote the server's: it is left out.
            scram
                .update(data)
                .map_err(|_| authentication("the server's challenge is not one"))?;
            let body = scram.message().to_vec();
            Ok(Step::Say(Message { kind: b'p', body }.bytes(), Progress::Proved(scram)))
        }
        (12, Progress::Proved(mut scram)) => {
            let unknown = |_| authentication("the server does not prove that it knows the password");
            scram.finish(data).map_err(unknown)?;
            Ok(Step::Wait(Progress::Verified))
        }
        (0, Progress::Verified) => Ok(Step::LoggedIn),
        (0, _) => Err(authentication(
            "the server lets anyone in without proving that it knows the password",
        )),
        (3, _) => Err(authentication(
            "the server asks for the password itself, which is only sent as a SCRAM proof",
        )),
        (5, _) => Err(authentication(
            "the server asks for an MD5 of the password, and only SCRAM-SHA-256 is done",
        )),
        _ => Err(authentication(
            "the server asks for another way to log in than SCRAM-SHA-256",
        )),
    }
}

fn begin(
    offered: &[u8],
    password: &SecretValue,
    binding: Option<Vec<u8>>,
) -> Result<(&'static str, ScramSha256), Failure> {
    let offers = |name: &str| offered.split(|byte| *byte == 0).any(|own| own == name.as_bytes());
    let (mechanism, binding) = match binding {
        Some(binding) if offers(SCRAM_SHA_256_PLUS) => {
            (SCRAM_SHA_256_PLUS, ChannelBinding::tls_server_end_point(binding))
        }
        // Says that the host could have bound it: a server that could too knows that somebody is in between.
        Some(_) => (SCRAM_SHA_256, ChannelBinding::unrequested()),
        None => (SCRAM_SHA_256, ChannelBinding::unsupported()),
    };
    if !offers(mechanism) {
        return Err(authentication("the server does not offer SCRAM-SHA-256"));
    }
    Ok((mechanism, ScramSha256::new(password.bytes(), binding)))
}

fn check_iterations(challenge: &[u8]) -> Result<(), Failure> {
    let text = std::str::from_utf8(challenge).unwrap_or_default();
    let count = text
        .split(',')
        .find_map(|part| part.strip_prefix("i="))
        .and_then(|count| count.parse::<u32>().ok());
    match count {
        Some(count) if count >= MIN_ITERATIONS => Ok(()),
        _ => Err(authentication(format!(
            "the server asks for fewer than {MIN_ITERATIONS} iterations"
        ))),
    }
}

async fn read(server: &mut Box<dyn Stream>) -> Result<Message, Failure> {
    let closed = |_| Failure::Told("08006", "the server closed the connection during the login".to_owned());
    let kind = server.read_u8().await.map_err(closed)?;
    let len = usize::try_from(server.read_u32().await.map_err(closed)?).unwrap_or(usize::MAX);
    if !(4..=MAX_MESSAGE).contains(&len) {
        return Err(protocol("a message of the server's is too large or too small"));
    }
    let mut body = vec![0; len - 4];
    server.read_exact(&mut body).await.map_err(closed)?;
    Ok(Message { kind, body })
}
