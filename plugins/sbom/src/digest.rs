//! Digests as lock files write them, in the form that CycloneDX wants: the algorithm's name and lower-case hexadecimal.

/// A digest of a package's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest {
    /// CycloneDX's name of the algorithm.
    pub(crate) algorithm: &'static str,
    /// Lower-case hexadecimal.
    pub(crate) hex: String,
}

/// The algorithm names of lock files and of CycloneDX, and the digests' length in bytes.
const ALGORITHMS: [(&str, &str, usize); 5] = [
    ("md5", "MD5", 16),
    ("sha1", "SHA-1", 20),
    ("sha256", "SHA-256", 32),
    ("sha384", "SHA-384", 48),
    ("sha512", "SHA-512", 64),
];

/// A digest in hexadecimal. The error says what is wrong.
pub(crate) fn from_hex(algorithm: &str, hex: &str) -> Result<Digest, String> {
    let (name, length) = known(algorithm)?;
    if hex.len() != 2 * length || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!(
            "`{hex}` is no {algorithm} digest: {} hexadecimal digits are expected",
            2 * length
        ));
    }
    Ok(Digest {
        algorithm: name,
        hex: hex.to_ascii_lowercase(),
    })
}

/// The digests of a subresource integrity text: `sha512-BASE64`, several separated by spaces, each with options after a
/// `?`. The error says what is wrong.
pub(crate) fn from_integrity(text: &str) -> Result<Vec<Digest>, String> {
    text.split_whitespace()
        .map(|one| {
            let wrong = || format!("`{one}` is no integrity text, as `sha512-…` with base64 after it");
            let one_hash = one.split('?').next().unwrap_or(one);
            let (algorithm, encoded) = one_hash.split_once('-').ok_or_else(wrong)?;
            let bytes = base64(encoded).ok_or_else(wrong)?;
            from_hex(
                algorithm,
                &bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            )
        })
        .collect()
}

fn known(algorithm: &str) -> Result<(&'static str, usize), String> {
    ALGORITHMS
        .iter()
        .find(|(theirs, ..)| *theirs == algorithm)
        .map(|(_, name, length)| (*name, *length))
        .ok_or_else(|| format!("the digest algorithm `{algorithm}` is unknown"))
}

/// Decodes standard base64 with padding.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            // The eight bits above those that wait for the next digit.
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn integrity_texts_become_hexadecimal() {
        // The SHA-1 and SHA-256 of nothing, in one text with an option.
        let text = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=?opt";
        let digests = from_integrity(text).unwrap();
        assert_eq!(digests[0].hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(digests[1].algorithm, "SHA-256");
        assert!(digests[1].hex.starts_with("e3b0c44298fc1c14"));
    }

    #[test]
    fn malformed_digests_are_refused() {
        // Wrong length, alphabet, padding, algorithm.
        for text in [
            "sha512",
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBw==",
            "sha1-!!!!",
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk",
            "crc-AAAA",
        ] {
            assert!(from_integrity(text).is_err(), "{text}");
        }
        assert!(from_hex("sha256", "abc").is_err());
        assert!(from_hex("sha1", &"g".repeat(40)).is_err());
    }
}
