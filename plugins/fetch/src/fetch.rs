//! The download: tries, redirects, and the file. Pure but for files and the [`Host`].

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::host::{Failure, Host, Response};
use crate::range::Part;
use crate::request::{self, Asker, Header};
use crate::retry;
use crate::url::Url;

/// How many redirects are followed.
const REDIRECTS: usize = 10;

/// How much is read of what a server says to an error.
const ERROR_BYTES: usize = 4 << 10;

/// The call's parameters.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What to download.
    pub url: String,
    /// The file to write.
    pub to: Option<String>,
    /// Headers to send.
    pub headers: Vec<Header>,
    /// The name of a secret.
    pub secret: Option<String>,
    /// How often to try again.
    pub retries: Option<u32>,
    /// For how many seconds nothing may arrive.
    pub timeout: Option<u32>,
}

/// How a try that did not succeed goes on.
enum Setback {
    /// It may go better: why, and what the server asks for.
    Again(String, Option<String>),
    /// It will not.
    Over(Error),
}

impl From<Error> for Setback {
    fn from(error: Error) -> Self {
        Self::Over(error)
    }
}

/// A download that is under way.
struct Download<'a> {
    first: Url,
    to: PathBuf,
    task: String,
    headers: &'a [Header],
    bearer: Option<String>,
    timeout: u32,
    part: Part,
}

fn wrong(name: &'static str, problem: impl Into<String>) -> Error {
    Error::Parameter {
        name,
        problem: problem.into(),
    }
}

fn at_most(name: &'static str, value: Option<u32>, default: u32, most: u32) -> Result<u32, Error> {
    match value.unwrap_or(default) {
        value if value <= most => Ok(value),
        _ => Err(wrong(name, format!("it is at most {most}"))),
    }
}

/// Where to write, and under which name that is shown.
fn target(url: &Url, to: Option<&str>) -> Result<(PathBuf, String), Error> {
    let to = match to {
        Some(to) if to.starts_with('/') && !to.ends_with('/') => PathBuf::from(to),
        Some(to) => {
            return Err(wrong(
                "to",
                format!("`{to}` is not the absolute path of a file, as in `/out/NAME`"),
            ));
        }
        None => Path::new("/out").join(url.file_name().map_err(|problem| wrong("url", problem))?),
    };
    let task = to
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok((to, task))
}

/// Downloads.
///
/// # Errors
/// See [`Error`]. What was written before an error stays; the step fails, so that no output is made of it.
pub fn run(options: &Options, host: &mut dyn Host) -> Result<(), Error> {
    let first = Url::parse(&options.url).map_err(|problem| wrong("url", problem))?;
    let (to, task) = target(&first, options.to.as_deref())?;
    request::check(&options.headers)?;
    let retries = at_most("retries", options.retries, 4, 20)?;
    let timeout = at_most("timeout", options.timeout, 60, 3600)?.max(1);
    let own_authorization = |header: &Header| header.name.eq_ignore_ascii_case("authorization");
    let bearer = match &options.secret {
        Some(_) if options.headers.iter().any(own_authorization) => {
            return Err(wrong(
                "secret",
                "`headers` has an `Authorization` already: leave one of them out",
            ));
        }
        Some(name) => Some(host.placeholder(name).map_err(|problem| wrong("secret", problem))?),
        None => None,
    };
    let mut download = Download {
        first,
        to,
        task,
        headers: &options.headers,
        bearer,
        timeout,
        part: Part::default(),
    };
    let done = download.tries(retries, host);
    host.finish(&download.task);
    done
}

impl Download<'_> {
    fn tries(&mut self, retries: u32, host: &mut dyn Host) -> Result<(), Error> {
        let mut failed = 0;
        loop {
            let (why, asked) = match self.once(host) {
                Ok(()) => return Ok(()),
                Err(Setback::Over(error)) => return Err(error),
                Err(Setback::Again(why, asked)) => (why, asked),
            };
            failed += 1;
            let url = self.first.to_string();
            if failed > retries {
                return Err(Error::GaveUp {
                    url,
                    tries: failed,
                    why,
                });
            }
            let pause = retry::pause(failed, asked.as_deref());
            host.warn(&format!("{why}; trying again in {} s", pause.as_secs()));
            host.wait(pause);
        }
    }

    /// One try, from the first URL on: where a redirect leads may be good for a short time only.
    fn once(&mut self, host: &mut dyn Host) -> Result<(), Setback> {
        let mut url = self.first.clone();
        // What another origin says of where to go next is no reason to send a credential there, not even back home.
        let mut home = true;
        for _ in 0..=REDIRECTS {
            let asker = Asker {
                headers: self.headers,
                bearer: self.bearer.as_deref(),
                timeout: self.timeout,
            };
            home = home && url.same_origin(&self.first);
            let request = request::to(&url, home, asker, &self.part);
            let response = host.send(&request).map_err(|failure| setback(&url, failure))?;
            match response.status {
                200 => return self.whole(response, &url, host),
                206 => return self.rest(response, &url, host),
                301 | 302 | 303 | 307 | 308 => url = redirect(&url, &response)?,
                416 if self.part.bytes > 0 => {
                    // What is there is not a part of what the server has now.
                    self.part = Part::default();
                    return Err(Setback::Again(format!("`{url}` has no such range any more"), None));
                }
                status if retry::passes(status) => {
                    let asked = response.header("retry-after").map(str::to_owned);
                    return Err(Setback::Again(format!("`{url}` answered {status}"), asked));
                }
                _ => return Err(refused(&url, response).into()),
            }
        }
        let (url, problem) = (self.first.to_string(), format!("more than {REDIRECTS} times"));
        Err(Error::Redirect { url, problem }.into())
    }

    /// Takes the whole file.
    fn whole(&mut self, response: Response, url: &Url, host: &mut dyn Host) -> Result<(), Setback> {
        let parent = self.to.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(parent).map_err(|source| self.io("make the folder of", source))?;
        let file = File::create(&self.to).map_err(|source| self.io("write", source))?;
        self.part = Part::begin(&response);
        self.take(response, file, url, host)
    }

    /// Takes what is missing of the file.
    fn rest(&mut self, response: Response, url: &Url, host: &mut dyn Host) -> Result<(), Setback> {
        if self.part.bytes == 0 || !self.part.goes_on(&response) {
            self.part = Part::default();
            return Err(Setback::Again(
                format!("`{url}` answered with another part than was asked for"),
                None,
            ));
        }
        let mut options = File::options();
        let file = options
            .append(true)
            .open(&self.to)
            .map_err(|source| self.io("write", source))?;
        self.take(response, file, url, host)
    }

    fn take(&mut self, mut response: Response, mut file: File, url: &Url, host: &mut dyn Host) -> Result<(), Setback> {
        host.progress(&self.task, self.part.bytes, self.part.total);
        loop {
            let chunk = match response.body.next() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(failure) => return Err(setback(url, failure)),
            };
            file.write_all(&chunk).map_err(|source| self.io("write", source))?;
            self.part.bytes += chunk.len() as u64;
            host.progress(&self.task, self.part.bytes, self.part.total);
        }
        match self.part.total {
            Some(total) if self.part.bytes < total => {
                let why = format!("`{url}` ended after {} of {total} bytes", self.part.bytes);
                Err(Setback::Again(why, None))
            }
            Some(total) if self.part.bytes > total => {
                self.part = Part::default();
                Err(Setback::Again(
                    format!("`{url}` sent more than the {total} bytes that it said"),
                    None,
                ))
            }
            _ => Ok(()),
        }
    }

    fn io(&self, verb: &'static str, source: std::io::Error) -> Error {
        let path = self.to.display().to_string();
        Error::Io { verb, path, source }
    }
}

fn setback(url: &Url, failure: Failure) -> Setback {
    let url = url.to_string();
    match failure {
        Failure::Passing(why) => Setback::Again(format!("`{url}`: {why}"), None),
        Failure::Denied(rule) => Error::Denied { url, rule }.into(),
        Failure::Lasting(why) => Error::Broken { url, why }.into(),
    }
}

fn redirect(url: &Url, response: &Response) -> Result<Url, Error> {
    let refused = |problem: String| Error::Redirect {
        url: url.to_string(),
        problem,
    };
    let location = response
        .header("location")
        .ok_or_else(|| refused("to nowhere".to_owned()))?;
    let next = url
        .join(location)
        .map_err(|problem| refused(format!("to what cannot be followed: {problem}")))?;
    if url.secure && !next.secure {
        return Err(refused(format!("to `{next}`, which is not encrypted")));
    }
    Ok(next)
}

/// The error for a status, with the first line of what the server says to it.
fn refused(url: &Url, mut response: Response) -> Error {
    let mut said = Vec::new();
    while said.len() < ERROR_BYTES {
        match response.body.next() {
            Ok(Some(chunk)) => said.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    said.truncate(ERROR_BYTES);
    let text = String::from_utf8_lossy(&said);
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default();
    let line: String = line.chars().take(200).collect();
    Error::Status {
        url: url.to_string(),
        status: response.status,
        says: if line.is_empty() { line } else { format!(": {line}") },
    }
}

#[cfg(test)]
mod tests;
