//! Names of components in registries: `oci://HOST[:PORT]/NAME[:TAG][@sha256:…]`, and the SHA-256 digests that registries go by. Not
//! here: asking a registry (`airtight_registry`).

use std::fmt;
use std::str::FromStr;

use crate::id::{BlobDigest, ParseDigestError};

/// What a reference begins with.
pub const SCHEME: &str = "oci://";
/// The longest name of a repository, as registries have it.
const MAX_NAME: usize = 255;
/// The longest tag.
const MAX_TAG: usize = 128;
/// The longest host with its port.
const MAX_HOST: usize = 260;

/// The SHA-256 of a manifest, a config or a layer. Written `sha256:` and 64 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest([u8; 32]);

impl Sha256Digest {
    /// Takes the 32 bytes of a digest that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `sha256:` and the first 12 digits: enough to tell digests apart on a screen.
    pub fn short(&self) -> String {
        self.to_string().chars().take("sha256:".len() + 12).collect()
    }
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The digits of every digest are written the same way.
        write!(f, "sha256:{}", BlobDigest::from_bytes(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Digest({})", self.short())
    }
}

impl FromStr for Sha256Digest {
    type Err = ParseDigestError;
    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        let fail = || ParseDigestError(text.chars().take(80).collect());
        let digits = text.strip_prefix("sha256:").ok_or_else(fail)?;
        digits.parse::<BlobDigest>().map(|digest| Self(*digest.as_bytes()))
    }
}

/// A component in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OciRef {
    /// The registry: a host, and a port where one is named. In lower case.
    pub host: String,
    /// The repository's name: `tools/clang`.
    pub name: String,
    /// The tag, if there is one.
    pub tag: Option<String>,
    /// The manifest's digest, if it is named: then it counts and the tag is for people.
    pub digest: Option<Sha256Digest>,
}

/// Why a text is no reference. The text says what is wrong; [`OciRefError::help`] what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OciRefError {
    /// It begins otherwise.
    #[error("`{0}` does not begin with `oci://`")]
    Scheme(String),
    /// No host, or one that cannot be.
    #[error("`{0}` has no host that can be one")]
    Host(String),
    /// No name, or one that registries refuse.
    #[error("`{0}` is no name that a registry takes")]
    Name(String),
    /// A tag that registries refuse.
    #[error("`{0}` is no tag that a registry takes")]
    Tag(String),
    /// A digest that does not read as one.
    #[error("`{0}` is no digest of a manifest")]
    Digest(String),
}

impl OciRefError {
    /// What to write instead.
    pub fn help(&self) -> String {
        match self {
            Self::Scheme(text) => format!("write `oci://{}`", text.trim_start_matches('/')),
            Self::Host(_) => {
                "write `oci://HOST/NAME:TAG`, such as `oci://registry.example.com/tools/clang:1.2.0`".into()
            }
            Self::Name(name) if name.chars().any(|c| c.is_ascii_uppercase()) => {
                format!("names are in lower case: write `{}`", name.to_ascii_lowercase())
            }
            Self::Name(_) => {
                "a name has lower-case letters and digits, single `.`, `_` and `-` between them, and `/`".into()
            }
            Self::Tag(_) => {
                "a tag has up to 128 letters, digits, `_`, `.` and `-`, and begins with one of the first three".into()
            }
            Self::Digest(_) => "write `@sha256:` and 64 lower-case hexadecimal digits".into(),
        }
    }
}

impl OciRef {
    /// Whether a text means a component in a registry, rightly written or not.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// The last part of the name.
    pub fn last(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }

    /// What a registry is asked for: the digest where there is one, else the tag.
    pub fn asked(&self) -> Option<String> {
        self.digest
            .map(|digest| digest.to_string())
            .or_else(|| self.tag.clone())
    }

    /// The same component by the digest of its manifest.
    #[must_use]
    pub fn pinned(&self, manifest: Sha256Digest) -> Self {
        Self {
            digest: Some(manifest),
            ..self.clone()
        }
    }
}

impl fmt::Display for OciRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for OciRef {
    type Err = OciRefError;

    fn from_str(text: &str) -> Result<Self, OciRefError> {
        let shown = |part: &str| part.chars().take(80).collect::<String>();
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| OciRefError::Scheme(shown(text)))?;
        let (host, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_host(host) {
            return Err(OciRefError::Host(shown(text)));
        }
        let (rest, digest) = match rest.split_once('@') {
            None => (rest, None),
            Some((rest, digest)) => {
                let read = digest.parse().map_err(|_| OciRefError::Digest(shown(digest)))?;
                (rest, Some(read))
            }
        };
        let (name, tag) = match rest.split_once(':') {
            None => (rest, None),
            Some((name, tag)) if is_tag(tag) => (name, Some(tag.to_owned())),
            Some((_, tag)) => return Err(OciRefError::Tag(shown(tag))),
        };
        if name.len() > MAX_NAME || !name.split('/').all(is_part) {
            return Err(OciRefError::Name(shown(name)));
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            name: name.to_owned(),
            tag,
            digest,
        })
    }
}

/// Whether it is a name or address, and a port that is a number.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let good_port = port.is_none_or(|port| {
        port.parse::<u16>()
            .is_ok_and(|number| number > 0 && !port.starts_with('+'))
    });
    let named = |host: &str| {
        host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let good_host = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => named(host),
    };
    text.len() <= MAX_HOST && good_port && good_host
}

/// Whether it is a part of a name: letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_part(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| word(*byte));
    let separators = text
        .split(|c: char| c.is_ascii() && word(c as u8))
        .filter(|part| !part.is_empty());
    let good = |part: &str| matches!(part, "." | "_" | "__") || part.bytes().all(|byte| byte == b'-');
    ends(bytes.first()) && ends(bytes.last()) && separators.into_iter().all(good)
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    text.len() <= MAX_TAG
        && bytes.first().is_some_and(|byte| word(*byte))
        && bytes.iter().all(|byte| word(*byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    // What is read is written the same way again, but for the case of the host.
    #[test]
    fn references_read_and_write_the_same() {
        for text in [
            "oci://example.com/a:1.2.3",
            "oci://localhost:5000/tools/clang-19/c__d:v1",
            "oci://[::1]:5000/a",
            "oci://127.0.0.1:80/a.b/c---d:1.0.0-rc.1_build",
            &format!("oci://example.com/a:1@{DIGEST}"),
            &format!("oci://example.com/a@{DIGEST}"),
        ] {
            assert_eq!(text.parse::<OciRef>().unwrap().to_string(), text);
        }
        assert_eq!("oci://Example.COM/a".parse::<OciRef>().unwrap().host, "example.com");
        let both: OciRef = format!("oci://example.com/a:1@{DIGEST}").parse().unwrap();
        assert_eq!(both.asked().as_deref(), Some(DIGEST));
    }

    // Each kind of mistake is named as what it is.
    #[test]
    fn what_is_no_reference_says_which_part_is_wrong() {
        let error = |text: &str| text.parse::<OciRef>().unwrap_err();
        assert!(matches!(error("example.com/a:1"), OciRefError::Scheme(_)));
        for host in [
            "",
            "a b",
            "-a",
            "a..b",
            "a:0",
            "a:x",
            "a:70000",
            "[::1",
            "user@host",
            "a:+1",
        ] {
            assert!(
                matches!(error(&format!("oci://{host}/a:1")), OciRefError::Host(_)),
                "{host}"
            );
        }
        for name in [
            "", "A", "a//b", "a/", "-a", "a-", "a..b", "a___b", "a b", "é", "../a", "a%2f",
        ] {
            assert!(
                matches!(error(&format!("oci://h/{name}")), OciRefError::Name(_)),
                "{name}"
            );
        }
        for tag in ["", "-1", ".1", "1+2", "a b", "1:2", &"x".repeat(129)] {
            assert!(
                matches!(error(&format!("oci://h/a:{tag}")), OciRefError::Tag(_)),
                "{tag}"
            );
        }
        for digest in ["", "sha256:", "sha512:00", &DIGEST.to_uppercase(), &DIGEST[..70]] {
            assert!(
                matches!(error(&format!("oci://h/a@{digest}")), OciRefError::Digest(_)),
                "{digest}"
            );
        }
        assert_eq!(
            error("oci://h/Tools/A").help(),
            "names are in lower case: write `tools/a`"
        );
    }
}
