//! Identities: content digests and dense indices, each a type of its own. Not here: how anything is stored under them.

use std::fmt;
use std::str::FromStr;

use crate::canonical::{Canonical, DecodeError, Decoder, Encoder};

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a digest: expected 64 lower-case hexadecimal digits")]
pub struct ParseDigestError(pub String);

fn parse_hex(text: &str) -> Result<[u8; 32], ParseDigestError> {
    let fail = || ParseDigestError(text.chars().take(80).collect());
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return Err(fail());
    }
    let mut out = [0u8; 32];
    for (slot, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let mut byte = 0u8;
        for digit in pair {
            byte = (byte << 4)
                | match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => return Err(fail()),
                };
        }
        *slot = byte;
    }
    Ok(out)
}

/// The digits of a digest.
fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out
}

macro_rules! digest_type {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the 32 bytes of a digest that was computed elsewhere.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes of the digest.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first 12 hexadecimal digits: enough to tell digests apart on a screen.
            pub fn short(&self) -> String {
                let digits = hex(&self.0);
                std::str::from_utf8(&digits[..12]).unwrap_or_default().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Thousands of them are shown in a run: digit by digit through the formatter they are its most costly part.
                f.write_str(std::str::from_utf8(&hex(&self.0)).unwrap_or_default())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseDigestError;
            fn from_str(text: &str) -> Result<Self, ParseDigestError> {
                parse_hex(text).map(Self)
            }
        }

        impl Canonical for $name {
            fn encode(&self, out: &mut Encoder) {
                out.raw(&self.0);
            }
            fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                Ok(Self(from.array()?))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}

digest_type! {
    /// The plain BLAKE3 of a blob's bytes (what `b3sum` prints).
    BlobDigest;
    /// The plain BLAKE3 of a tree's canonical encoding, under which it is stored as a blob.
    TreeDigest;
    /// The full key of an action: the static key and the mounted trees.
    ActionKey;
    /// The static key of an action: all that a guest can observe and is not in a mounted tree.
    StaticKey;
    /// The digest of a directory's listing: its sorted names and kinds.
    ListingDigest;
}

impl BlobDigest {
    /// Computes the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl TreeDigest {
    /// The same bytes, as the digest of the blob that holds the tree's encoding.
    pub const fn as_blob(&self) -> BlobDigest {
        BlobDigest(self.0)
    }
}

macro_rules! index_type {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in the vector that owns what this names.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

index_type! {
    /// A step's position in [`crate::plan::Plan::steps`].
    StepId;
    /// A source's position in [`crate::plan::Plan::sources`].
    SourceId;
}

/// One run of a plan: unique on a machine, ordered by start time. Never part of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct RunId(pub String);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // A digest's text form round-trips and agrees with other BLAKE3 tools.
    #[test]
    fn a_digest_prints_as_b3sum_does_and_parses_back() {
        let digest = BlobDigest::of(b"");
        assert_eq!(
            digest.to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(digest.to_string().parse::<BlobDigest>().unwrap(), digest);
    }

    // Upper case, short, long and non-ASCII texts are refused, never a panic.
    #[test]
    fn what_is_not_a_digest_is_refused() {
        for text in ["", "af", &"AF".repeat(32), &"é".repeat(32), &"a".repeat(65)] {
            assert!(text.parse::<BlobDigest>().is_err(), "{text}");
        }
    }
}
