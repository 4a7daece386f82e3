//! The secrets of one session: their placeholders, what they may be opened for, and what looks for them. Not here: where
//! a value may stand in a request (`place`), what is computed with one (`operation`), and taking values out of what
//! comes back (`redact`).

use std::collections::BTreeSet;
use std::sync::Arc;

use airtight_model::grant::{Grants, HttpTarget, Origin, Refusal, SecretGrant, SecretPlace};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::forms::forms;
use super::matcher::Matcher;
use super::redact::{self, Filtered, Finding, Redactor, Replacements};
use super::{SecretError, SecretHandle, operation};
use crate::config::{EgressConfig, SecretValue};
use crate::error::EgressError;
use crate::record::Record;
use crate::session::Body;

/// What every placeholder begins with. No character of a placeholder is changed by an encoding of URLs, forms or JSON.
pub(super) const PREFIX: &str = "airtight-secret-";
/// The header that Amazon's services read a session's token from.
pub(super) const AWS_TOKEN_HEADER: &str = "x-amz-security-token";

/// A secret of the session, or the part of one that is sent by itself.
pub(super) struct Entry {
    /// Its name in the pipeline file.
    pub(super) name: String,
    /// What the guest may do with it; none where only the host uses it.
    pub(super) grant: Option<SecretGrant>,
    pub(super) placeholder: String,
    /// None where there is no usable one.
    pub(super) value: Option<SecretValue>,
    /// Whether it is a part: it cannot be opened.
    pub(super) part: bool,
}

pub(super) struct Inner {
    pub(super) grants: Arc<Grants>,
    pub(super) config: Arc<EgressConfig>,
    pub(super) record: Record,
    pub(super) entries: Vec<Entry>,
    /// Placeholders, in every form.
    pub(super) placeholders: Arc<Replacements>,
    /// Values, in every form.
    pub(super) values: Arc<Replacements>,
}

/// The secrets of one session. Clones are the same.
#[derive(Clone)]
pub(crate) struct Vault(pub(super) Arc<Inner>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

/// The origin of a request as grants say it.
pub(super) fn origin_of(target: &HttpTarget) -> String {
    let origin = Origin {
        scheme: target.scheme,
        host: airtight_model::grant::HostPattern::Exact(target.host.clone()),
        port: target.port,
    };
    origin.to_string()
}

fn new_placeholder() -> Option<String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{PREFIX}{hex}"))
}

/// The secrets that grants name: with what the guest may do, and without where only the host uses them.
fn named(grants: &Grants) -> Vec<(String, Option<SecretGrant>)> {
    let mut all: Vec<_> = grants
        .secrets
        .iter()
        .map(|grant| (grant.name.clone(), Some(grant.clone())))
        .collect();
    let keys = grants.http.iter().filter_map(|grant| Some(&grant.client.as_ref()?.key));
    let passwords = grants
        .net
        .iter()
        .filter_map(|grant| Some(&grant.login.as_ref()?.password));
    let own: BTreeSet<&String> = keys.chain(passwords).collect();
    for name in own {
        if !all.iter().any(|(other, _)| other == name) {
            all.push((name.clone(), None));
        }
    }
    all
}

fn entries(grants: &Grants, config: &EgressConfig) -> Option<Vec<Entry>> {
    let mut all = Vec::new();
    for (name, grant) in named(grants) {
        let value = config
            .secrets
            .get(&name)
            .filter(|value| !value.bytes().is_empty())
            .cloned();
        let parts = match (&grant, &value) {
            (Some(grant), Some(value)) => operation::parts(grant, value),
            _ => Vec::new(),
        };
        all.push(Entry {
            name: name.clone(),
            grant,
            placeholder: new_placeholder()?,
            value,
            part: false,
        });
        for (grant, value) in parts {
            all.push(Entry {
                name: name.clone(),
                grant,
                placeholder: new_placeholder()?,
                value: Some(value),
                part: true,
            });
        }
    }
    Some(all)
}

/// What stands where a value was: the placeholder, unless a value is a piece of it.
fn replacement(entry: &Entry, values: &[Zeroizing<Vec<u8>>]) -> String {
    let fits = |text: &&str| {
        let within = |value: &Zeroizing<Vec<u8>>| text.as_bytes().windows(value.len()).any(|part| part == &***value);
        !values.iter().any(within)
    };
    let candidates = [entry.placeholder.as_str(), "[secret]", "***", "---"];
    candidates.into_iter().find(fits).unwrap_or_default().to_owned()
}

impl Vault {
    /// The secrets that the grants name, with placeholders of their own.
    pub(crate) fn new(grants: Arc<Grants>, config: Arc<EgressConfig>, record: Record) -> Self {
        // Without randomness there are no placeholders, and so no secrets: nothing is put in anywhere.
        let entries = entries(&grants, &config).unwrap_or_default();
        let of_values: Vec<Vec<Zeroizing<Vec<u8>>>> = entries
            .iter()
            .map(|entry| {
                entry
                    .value
                    .as_ref()
                    .map(|value| forms(value.bytes()))
                    .unwrap_or_default()
            })
            .collect();
        let all: Vec<Zeroizing<Vec<u8>>> = of_values.iter().flatten().cloned().collect();
        let values = Replacements {
            with: entries.iter().map(|entry| replacement(entry, &all)).collect(),
            matcher: numbered(of_values),
        };
        let placeholders = Replacements {
            with: Vec::new(),
            matcher: numbered(
                entries
                    .iter()
                    .map(|entry| forms(entry.placeholder.as_bytes()))
                    .collect(),
            ),
        };
        Self(Arc::new(Inner {
            grants,
            config,
            record,
            entries,
            placeholders: Arc::new(placeholders),
            values: Arc::new(values),
        }))
    }

    /// Whether the session has no secret: then nothing has to be put in or taken out.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The value of a secret that the host itself uses: the key of a client certificate, the password of a login.
    pub(crate) fn value(&self, name: &str) -> Option<&SecretValue> {
        self.0
            .config
            .secrets
            .get(name)
            .filter(|value| !value.bytes().is_empty())
    }

    /// Takes values out of what comes back: headers at once, the body and its trailers as they are read. A body that may
    /// change has no `content-length`.
    ///
    /// # Errors
    /// The response is encoded: what is in it cannot be seen.
    pub(crate) fn take_out(
        &self,
        target: &HttpTarget,
        mut response: http::Response<Body>,
    ) -> Result<http::Response<Body>, EgressError> {
        let values = &self.0.values;
        if values.matcher.is_empty() {
            return Ok(response);
        }
        let plain = |header, plain: &str| {
            let named = response.headers().get_all(header).iter();
            let mut words = named.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
            words.all(|word| word.trim_ascii().is_empty() || word.trim_ascii().eq_ignore_ascii_case(plain.as_bytes()))
        };
        let empty = target.method == "HEAD" || response.body().is_end_stream();
        if !empty && (!plain(CONTENT_ENCODING, "identity") || !plain(TRANSFER_ENCODING, "chunked")) {
            return Err(EgressError::Protocol {
                to: origin_of(target),
                cause: "it is encoded, and a step that has secrets is only given what can be looked through".to_owned(),
            });
        }
        // A reason is a text of the server's that nothing else looks at.
        response.extensions_mut().clear();
        redact::headers(response.headers_mut(), values);
        if !empty {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        Ok(response.map(|body| {
            if body.is_end_stream() {
                body
            } else {
                Filtered::new(body, values, Finding::Replace).boxed_unsync()
            }
        }))
    }

    /// See [`crate::Session::secret`].
    pub(crate) fn open(&self, name: &str) -> Result<SecretHandle, SecretError> {
        let entry = self.0.entries.iter().find(|entry| entry.name == name && !entry.part);
        match entry {
            Some(Entry {
                grant: Some(_),
                value: Some(_),
                ..
            }) => Ok(SecretHandle { name: name.to_owned() }),
            Some(Entry { grant: Some(_), .. }) => Err(SecretError::Invalid(format!(
                "the secret `{name}` has no value, or an empty one"
            ))),
            _ => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                let line = format!("secrets: {{ {name}: {{ to: [\"https://HOST\"], in: [bearer] }} }}");
                let nameable = !name.is_empty() && name.len() <= 128 && name.chars().all(plain);
                let rule = "no `secrets:` grant names that secret";
                let refusal = if nameable {
                    Refusal::unless(rule, line)
                } else {
                    Refusal::never(rule)
                };
                self.0.record.denied("secrets", name, &refusal);
                Err(denied(&refusal))
            }
        }
    }

    /// See [`crate::Session::placeholder`].
    pub(crate) fn placeholder(&self, secret: &SecretHandle) -> String {
        let own = self
            .0
            .entries
            .iter()
            .find(|entry| entry.name == secret.name && !entry.part);
        own.map(|entry| entry.placeholder.clone()).unwrap_or_default()
    }

    /// See [`crate::Session::environment`].
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let named = |entry: &Entry| {
            let name = entry.grant.as_ref()?.env.clone()?;
            (!entry.part).then(|| (name, entry.placeholder.clone()))
        };
        self.0.entries.iter().filter_map(named).collect()
    }

    /// See [`crate::Session::redactor`].
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(Arc::clone(&self.0.values))
    }
}

/// A refusal as the guest reads it.
pub(super) fn denied(refusal: &Refusal) -> SecretError {
    SecretError::Denied(match &refusal.allow {
        Some(line) => format!("{}; under `grants:`, this would allow it: {line}", refusal.rule),
        None => refusal.rule.clone(),
    })
}

/// Where the session's token of a secret for Amazon's services may stand.
pub(super) fn token_grant(grant: &SecretGrant) -> SecretGrant {
    SecretGrant {
        places: vec![SecretPlace::Header(AWS_TOKEN_HEADER.to_owned())],
        operations: Vec::new(),
        env: None,
        ..grant.clone()
    }
}

fn numbered(all: Vec<Vec<Zeroizing<Vec<u8>>>>) -> Matcher {
    let texts = all.into_iter().enumerate();
    Matcher::new(texts.flat_map(|(of, forms)| forms.into_iter().map(move |form| (form, of))))
}
