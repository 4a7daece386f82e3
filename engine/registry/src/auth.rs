//! Who we are to a registry: its challenge answered with the login that is for it. A login is shown to the registry that it is for and to
//! the server of tokens that this registry names, over TLS, and to nobody else. Not here: where logins come from (`credentials`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use url::Url;

use crate::credentials::Login;
use crate::error::RegistryError;
use crate::wire::{Ask, Wire, name_of, protocol};

/// The largest answer of a server of tokens, in bytes.
const MAX_TOKEN: u64 = 1 << 20;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A name and password.
    Basic,
    /// A token from somewhere.
    Bearer {
        /// Where from.
        realm: String,
        /// For whom.
        service: Option<String>,
        /// What for, where the registry says so.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the challenges of an answer: a token is taken rather than a password.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let all = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let found: Vec<Self> = all.filter_map(|value| Self::parse(value.to_str().ok()?)).collect();
        let bearer = found.iter().find(|one| matches!(one, Self::Bearer { .. }));
        bearer.or_else(|| found.first()).cloned()
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let all = parameters(rest);
        let one = |name: &str| {
            let found = all.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        Some(Self::Bearer {
            realm: one("realm")?,
            service: one("service"),
            scope: one("scope"),
        })
    }
}

/// `name=value` and `name="value"`, separated by commas.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut chars = quoted.char_indices();
                let mut end = quoted.len();
                while let Some((at, c)) = chars.next() {
                    match c {
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        '\\' => value.extend(chars.next().map(|(_, c)| c)),
                        c => value.push(c),
                    }
                }
                (value, &quoted[end..])
            }
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        all.push((name.trim().to_owned(), value));
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    all
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

/// What to put into `Authorization` to answer a challenge of the registry at `base`. `scope` is what we want to do.
pub(crate) async fn answer(
    wire: &Wire,
    base: &Url,
    challenge: &Challenge,
    scope: &str,
    login: Option<&Login>,
) -> Result<String, RegistryError> {
    let to = name_of(base);
    let (realm, service, asked) = match (challenge, login) {
        (Challenge::Basic, Some(Login::Password(user, password))) => return Ok(basic(user, password)),
        (Challenge::Basic, _) => return Err(RegistryError::LoginNeeded { to }),
        (Challenge::Bearer { realm, service, scope }, _) => (realm, service, scope),
    };
    let mut url = Url::parse(realm)
        .ok()
        .filter(|url| url.has_host() && url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| protocol(&to, &format!("it sends us for a token to `{realm}`")))?;
    let same_place = url.scheme() == base.scheme() && name_of(&url) == name_of(base);
    if url.scheme() != "https"
        && !(url.scheme() == "http" && base.scheme() == "http" && (same_place || wire.may_be_plain(&url)))
    {
        return Err(protocol(
            &to,
            &format!("it sends us for a token to `{realm}`, without TLS"),
        ));
    }
    let scope = asked.as_deref().filter(|asked| asked.contains(scope)).unwrap_or(scope);
    let ask = match login {
        Some(Login::Token(token)) => {
            let mut form = vec![
                ("grant_type", "refresh_token"),
                ("client_id", "airtight"),
                ("refresh_token", token),
                ("scope", scope),
            ];
            form.extend(service.as_deref().map(|service| ("service", service)));
            let mut ask = Ask::new(Method::POST, url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            ask.body = Bytes::from(encoded(&form));
            ask
        }
        login => {
            let mut pairs = vec![("scope", scope)];
            pairs.extend(service.as_deref().map(|service| ("service", service)));
            let query = match url.query() {
                Some(before) if !before.is_empty() => format!("{before}&{}", encoded(&pairs)),
                _ => encoded(&pairs),
            };
            url.set_query(Some(&query));
            let ask = Ask::new(Method::GET, url);
            match login {
                Some(Login::Password(user, password)) => ask.header(header::AUTHORIZATION, &basic(user, password)),
                _ => ask,
            }
        }
    };
    let reply = wire.send(&ask).await?;
    if !reply.status.is_success() {
        if login.is_none() && matches!(reply.status.as_u16(), 401 | 403) {
            return Err(RegistryError::LoginNeeded { to });
        }
        return Err(match reply.status.as_u16() {
            400..=403 => RegistryError::Refused {
                to,
                said: reply.said().await,
                logged_in: login.is_some(),
            },
            status => protocol(&to, &format!("its server of tokens answered {status}")),
        });
    }
    let bytes = reply.bytes(MAX_TOKEN).await?;
    let token: Option<Token> = serde_json::from_slice(&bytes).ok();
    let token = token.and_then(|token| token.token.or(token.access_token));
    let sound = token.filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    sound
        .map(|token| format!("Bearer {token}"))
        .ok_or_else(|| protocol(&to, "its server of tokens gave none"))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The pairs as a form has them.
fn encoded(pairs: &[(&str, &str)]) -> String {
    let text = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}={}", text(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, value.parse().unwrap());
        }
        Challenge::read(&headers)
    }

    // As registries write them, with or without quotes, and several at once.
    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        };
        let docker =
            "Bearer realm=\"https://a.example/token\",service=\"r.example\",scope=\"repository:a/b:pull,push\"";
        let all = bearer(
            "https://a.example/token",
            Some("r.example"),
            Some("repository:a/b:pull,push"),
        );
        assert_eq!(read(&[docker]), Some(all.clone()));
        assert_eq!(read(&["Basic realm=\"x\"", docker]), Some(all));
        assert_eq!(
            read(&["bearer realm=https://a.example/t, service=x"]),
            Some(bearer("https://a.example/t", Some("x"), None))
        );
        assert_eq!(read(&["Basic realm=\"x\""]), Some(Challenge::Basic));
        assert_eq!(read(&["basic"]), Some(Challenge::Basic));
        assert_eq!(read(&["Bearer realm=\"a\\\"b"]), Some(bearer("a\"b", None, None)));
        for none in [
            "Bearer",
            "Bearer realm",
            "Bearer x=\"y\"",
            "Negotiate",
            "",
            "=",
            "Bearer =",
        ] {
            assert_eq!(read(&[none]), None, "{none}");
        }
        assert_eq!(encoded(&[("a", "x:y,z"), ("b", "é&")]), "a=x%3Ay%2Cz&b=%C3%A9%26");
    }
}
