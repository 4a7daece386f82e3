//! A client of registries: looks an artifact up, takes its component, pushes one. Not here: the form of an artifact (`artifact`), and
//! single requests (`wire`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use airtight_model::{OciRef, Sha256Digest};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use sha2::{Digest, Sha256};
use url::Url;

use crate::artifact::{ACCEPT, Artifact, MANIFEST, MAX_MANIFEST, NewArtifact, sha256};
use crate::auth::{self, Challenge};
use crate::credentials::{self, DOCKER};
use crate::error::{RegistryError, cut};
use crate::wire::{Answer, Ask, Times, Wire, name_of, protocol, within};

/// The most redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// Where Docker's own registry answers.
const DOCKER_HOST: &str = "registry-1.docker.io";
/// The header in which a registry says what it served.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// What a client is told.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The folder with Docker's `config.json`.
    pub credentials: Option<PathBuf>,
    /// Registries that are spoken to without TLS, as `HOST` or `HOST:PORT`. This machine is always.
    pub plain: Vec<String>,
    /// How long a registry may take.
    pub times: Times,
}

/// What a push may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Push {
    /// Take a tag that is no version.
    pub any_tag: bool,
    /// Let a tag that is there name something else from now on.
    pub move_tag: bool,
}

/// What we may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Power {
    Pull,
    Push,
}

/// A client of registries.
#[derive(Debug)]
pub struct Client {
    wire: Wire,
    credentials: Option<PathBuf>,
    times: Times,
    /// What answered the challenge of a registry, by repository.
    known: Mutex<HashMap<(String, String, Power), String>>,
}

/// Where the requests about one reference go.
struct Place<'a> {
    client: &'a Client,
    reference: &'a OciRef,
    base: Url,
    power: Power,
}

impl Client {
    /// A client that asks nobody anything yet.
    pub fn new(config: Config) -> Self {
        Self {
            wire: Wire::new(config.times, config.plain),
            credentials: config.credentials,
            times: config.times,
            known: Mutex::default(),
        }
    }

    fn place<'a>(&'a self, reference: &'a OciRef, power: Power) -> Result<Place<'a>, RegistryError> {
        let host = if reference.host == DOCKER.0 {
            DOCKER_HOST
        } else {
            &reference.host
        };
        Ok(Place {
            client: self,
            reference,
            base: self.wire.base(host)?,
            power,
        })
    }

    /// Looks up what a reference names: its manifest, checked, and its config.
    ///
    /// # Errors
    /// See [`RegistryError`]: whatever does not fit what was asked for is one.
    pub async fn look_up(&self, reference: &OciRef) -> Result<Artifact, RegistryError> {
        let place = self.place(reference, Power::Pull)?;
        let bytes = place.manifest().await?;
        let artifact = Artifact::read(reference, &bytes)?;
        if let Some((digest, size)) = artifact.config {
            let answer = place.blob(&digest).await?;
            let to = answer.to.clone();
            let config = answer.bytes(size).await?;
            same(&to, "the config", digest, sha256(&config))?;
            artifact.check_config(reference, &config)?;
        }
        Ok(artifact)
    }

    /// Takes the component of an artifact, part by part: `take` says whether to go on. It is all there and as the manifest says only when
    /// this has ended well.
    ///
    /// # Errors
    /// See [`RegistryError`]; [`RegistryError::Stopped`] where `take` said so.
    pub async fn take(
        &self,
        reference: &OciRef,
        artifact: &Artifact,
        mut take: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), RegistryError> {
        let place = self.place(reference, Power::Pull)?;
        let answer = place.blob(&artifact.layer).await?;
        let to = answer.to.clone();
        let mut hasher = Sha256::new();
        let count = answer
            .each(artifact.size, |part| {
                hasher.update(part);
                take(part)
            })
            .await?;
        if count != artifact.size {
            let cause = format!(
                "the component has {count} bytes, and its manifest says {}",
                artifact.size
            );
            return Err(RegistryError::Size { to, cause });
        }
        let found = Sha256Digest::from_bytes(hasher.finalize().into());
        same(&to, "the component", artifact.layer, found)
    }

    /// Pushes an artifact under a tag; what the registry has already is not sent again. Returns the digest of its manifest.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn push(&self, reference: &OciRef, new: &NewArtifact, how: Push) -> Result<Sha256Digest, RegistryError> {
        let tag = reference.tag.clone().unwrap_or_default();
        if !how.any_tag && !is_version(&tag) {
            return Err(RegistryError::NotAVersion(tag));
        }
        let place = self.place(reference, Power::Push)?;
        let digest = new.digest();
        match place.manifest().await {
            Ok(there) if sha256(&there) == digest => return Ok(digest),
            Ok(there) if !how.move_tag => {
                let there = sha256(&there);
                return Err(RegistryError::TagTaken { tag, there });
            }
            Ok(_) | Err(RegistryError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
        for blob in [&new.config, &new.layer] {
            place.push_blob(blob).await?;
        }
        let mut ask =
            Ask::new(Method::PUT, place.url(&format!("manifests/{tag}"))?).header(header::CONTENT_TYPE, MANIFEST);
        ask.body = new.manifest.clone();
        let answer = place.send(ask).await?;
        if answer.status != StatusCode::CREATED {
            return Err(place.refusal(answer).await);
        }
        if let Some(said) = answer.header(CONTENT_DIGEST)
            && said != digest.to_string()
        {
            let cause = format!("it took the manifest for {}", cut(said));
            return Err(protocol(&answer.to, &cause));
        }
        Ok(digest)
    }
}

/// Whether a tag is a version: three numbers and what may follow them. Tags have no `+`, for which others write `_`.
fn is_version(tag: &str) -> bool {
    semver::Version::parse(tag).is_ok() || semver::Version::parse(&tag.replacen('_', "+", 1)).is_ok()
}

fn same(to: &str, what: &'static str, expected: Sha256Digest, found: Sha256Digest) -> Result<(), RegistryError> {
    if expected == found {
        return Ok(());
    }
    Err(RegistryError::OtherBytes {
        to: to.to_owned(),
        what,
        expected,
        found,
    })
}

impl Place<'_> {
    fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        let path = format!("v2/{}/{rest}", self.reference.name);
        self.base
            .join(&path)
            .map_err(|error| protocol(&name_of(&self.base), &error.to_string()))
    }

    /// The bytes of the manifest that the reference names: those of its digest, where it has one.
    async fn manifest(&self) -> Result<Vec<u8>, RegistryError> {
        let asked = self.reference.asked().unwrap_or_default();
        let ask = Ask::new(Method::GET, self.url(&format!("manifests/{asked}"))?).header(header::ACCEPT, ACCEPT);
        let answer = self.send(ask).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(answer).await);
        }
        let (to, said) = (answer.to.clone(), answer.header(CONTENT_DIGEST).map(str::to_owned));
        let bytes = answer.bytes(MAX_MANIFEST).await?;
        let found = sha256(&bytes);
        let said = said.and_then(|said| said.parse::<Sha256Digest>().ok());
        if let Some(expected) = self.reference.digest.or(said) {
            same(&to, "the manifest", expected, found)?;
        }
        Ok(bytes)
    }

    /// The answer that holds a blob.
    async fn blob(&self, digest: &Sha256Digest) -> Result<Answer, RegistryError> {
        let ask = Ask::new(Method::GET, self.url(&format!("blobs/{digest}"))?);
        let answer = self.send(ask).await?;
        match answer.status {
            StatusCode::OK => Ok(answer),
            _ => Err(self.refusal(answer).await),
        }
    }

    async fn push_blob(&self, bytes: &Bytes) -> Result<(), RegistryError> {
        let digest = sha256(bytes);
        let head = self
            .send(Ask::new(Method::HEAD, self.url(&format!("blobs/{digest}"))?))
            .await?;
        match head.status {
            StatusCode::OK => return Ok(()),
            StatusCode::NOT_FOUND => {}
            _ => return Err(self.refusal(head).await),
        }
        let begun = self.send(Ask::new(Method::POST, self.url("blobs/uploads/")?)).await?;
        if begun.status != StatusCode::ACCEPTED {
            return Err(self.refusal(begun).await);
        }
        let mut to = self.leads_to(&self.base, &begun)?;
        to.query_pairs_mut().append_pair("digest", &digest.to_string());
        let mut ask = Ask::new(Method::PUT, to).header(header::CONTENT_TYPE, "application/octet-stream");
        ask.body = bytes.clone();
        let answer = self.send(ask).await?;
        match answer.status {
            StatusCode::CREATED => Ok(()),
            _ => Err(self.refusal(answer).await),
        }
    }

    /// Sends a request with the login that the registry wants, and follows where it leads to what is only read.
    async fn send(&self, mut ask: Ask) -> Result<Answer, RegistryError> {
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.send_once(&mut ask).await?;
            let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            if !is_redirect || ![Method::GET, Method::HEAD].contains(&ask.method) {
                return Ok(answer);
            }
            ask.url = self.leads_to(&ask.url, &answer)?;
        }
        Err(protocol(
            &name_of(&self.base),
            "it leads from one place to another without an end",
        ))
    }

    async fn send_once(&self, ask: &mut Ask) -> Result<Answer, RegistryError> {
        let key = (self.reference.host.clone(), self.reference.name.clone(), self.power);
        // Elsewhere we are nobody.
        if !self.is_registry(&ask.url) {
            ask.headers.remove(header::AUTHORIZATION);
            return self.client.wire.send(ask).await;
        }
        let known = || self.client.known.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = known().get(&key).cloned();
        let authorised = |ask: &Ask, value: &str| ask.clone().header(header::AUTHORIZATION, value);
        let answer = match &shown {
            Some(value) => self.client.wire.send(&authorised(ask, value)).await?,
            None => self.client.wire.send(ask).await?,
        };
        if answer.status != StatusCode::UNAUTHORIZED || shown.is_some() {
            return Ok(answer);
        }
        let Some(challenge) = Challenge::read(&answer.headers) else {
            return Ok(answer);
        };
        drop(answer);
        let value = self.answer_to(&challenge).await?;
        let answer = self.client.wire.send(&authorised(ask, &value)).await?;
        known().insert(key, value);
        Ok(answer)
    }

    async fn answer_to(&self, challenge: &Challenge) -> Result<String, RegistryError> {
        let to = name_of(&self.base);
        // A program that holds logins may ask its user first.
        let (folder, host) = (self.client.credentials.clone(), self.reference.host.clone());
        let login = tokio::task::spawn_blocking(move || credentials::login(folder.as_deref(), &host));
        let login = within(self.client.times.total, &to, "the program that holds its login", login)
            .await?
            .map_err(|error| protocol(&to, &error.to_string()))??;
        let actions = match self.power {
            Power::Pull => "pull",
            Power::Push => "pull,push",
        };
        let scope = format!("repository:{}:{actions}", self.reference.name);
        auth::answer(&self.client.wire, &self.base, challenge, &scope, login.as_ref()).await
    }

    fn is_registry(&self, url: &Url) -> bool {
        url.scheme() == self.base.scheme() && name_of(url) == name_of(&self.base)
    }

    /// Where an answer leads: with TLS, or without it from where there was none.
    fn leads_to(&self, from: &Url, answer: &Answer) -> Result<Url, RegistryError> {
        let said = answer.header(header::LOCATION).unwrap_or_default();
        let wrong = || protocol(&answer.to, &format!("it leads to `{}`", cut(said)));
        let url = from.join(said).map_err(|_| wrong())?;
        let plain = from.scheme() == "http" && url.scheme() == "http" && self.client.wire.may_be_plain(&url);
        let sound = url.has_host() && url.username().is_empty() && url.password().is_none();
        if said.is_empty() || !sound || !(url.scheme() == "https" || plain) {
            return Err(wrong());
        }
        Ok(url)
    }

    /// What an answer means that is not what was wanted.
    async fn refusal(&self, answer: Answer) -> RegistryError {
        let (to, status) = (name_of(&self.base), answer.status);
        let key = (self.reference.host.clone(), self.reference.name.clone(), self.power);
        let shown = {
            let known = self.client.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&key).cloned()
        };
        // A token that was given to nobody is no login.
        let logged_in = shown.is_some_and(|shown| shown.starts_with("Basic ")) || {
            let login = credentials::login(self.client.credentials.as_deref(), &self.reference.host);
            login.is_ok_and(|login| login.is_some())
        };
        match status.as_u16() {
            401 if !logged_in => RegistryError::LoginNeeded { to },
            401 | 403 => RegistryError::Refused {
                to,
                said: answer.said().await,
                logged_in,
            },
            404 => RegistryError::NotFound(self.reference.to_string()),
            number => {
                let said = answer.said().await;
                let said = if said.is_empty() { said } else { format!(": {said}") };
                protocol(&to, &format!("it answered {number}{said}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A tag cannot hold the `+` of a version's build, for which `_` stands.
    #[test]
    fn versions_are_told_from_other_tags() {
        for tag in ["1.2.3", "0.0.0", "1.0.0-rc.1", "1.0.0_build5", "1.0.0-rc.1_b"] {
            assert!(is_version(tag), "{tag}");
        }
        for tag in ["", "latest", "1", "1.2", "v1.2.3", "1.2.3.4", "01.2.3", "1.0.0__"] {
            assert!(!is_version(tag), "{tag}");
        }
    }
}
