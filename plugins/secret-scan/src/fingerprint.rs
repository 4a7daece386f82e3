//! How a finding is named and shown without its secret.
//!
//! It is deliberately slow: a fingerprint stands in a committed baseline file, and a short password must not be found
//! from it by trying a dictionary at the speed of a plain hash.

use sha2::Sha256;

/// Iterations of PBKDF2. Part of the fingerprint's definition: a change makes every baseline stale.
pub const ITERATIONS: u32 = 2_000;

/// What begins the salt; its number is the version of the construction.
pub const SALT_PREFIX: &str = "airtight-secret-scan/1";

/// Most characters of a secret that are ever shown.
const SHOWN_CHARS: usize = 4;

/// The fingerprint of `secret`, found by `rule` in `path`: the lower-case hex of 16 bytes of PBKDF2-HMAC-SHA256 with
/// [`ITERATIONS`] and the salt [`SALT_PREFIX`] NUL rule NUL path.
pub fn fingerprint(rule: &str, path: &str, secret: &[u8]) -> String {
    let mut salt = Vec::with_capacity(SALT_PREFIX.len() + rule.len() + path.len() + 2);
    salt.extend_from_slice(SALT_PREFIX.as_bytes());
    salt.push(0);
    salt.extend_from_slice(rule.as_bytes());
    salt.push(0);
    salt.extend_from_slice(path.as_bytes());
    let mut out = [0_u8; 16];
    pbkdf2::pbkdf2_hmac::<Sha256>(secret, &salt, ITERATIONS, &mut out);
    out.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Shows a secret without giving it away: its first characters (four at most, and at most a quarter of it) and its
/// length in characters.
pub fn redacted(secret: &[u8]) -> String {
    let text = String::from_utf8_lossy(secret);
    let length = text.chars().count();
    let shown: String = text
        .chars()
        .take(SHOWN_CHARS.min(length / 4))
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .collect();
    format!("{shown}…, {length} characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_documented_construction() {
        // Computed with Python: hashlib.pbkdf2_hmac("sha256", b"s3cr3t", b"airtight-secret-scan/1\0r\0a/b", 2000, 16).hex()
        assert_eq!(fingerprint("r", "a/b", b"s3cr3t"), "232599d2bc67373b628253a06eb6ad60");
    }

    #[test]
    fn rule_path_and_secret_each_change_the_fingerprint() {
        // The parts are separated, so that moving a byte from one to the next is another fingerprint.
        let first = fingerprint("ab", "c", b"d");
        assert_ne!(first, fingerprint("a", "bc", b"d"));
        assert_ne!(first, fingerprint("ab", "cd", b""));
        assert_ne!(first, fingerprint("ab", "c", b"e"));
    }

    #[test]
    fn a_redacted_secret_shows_at_most_a_quarter_of_it() {
        // A short password must not be half shown.
        assert_eq!(redacted(b"abcdefghijklmnopqrst"), "abcd…, 20 characters");
        assert_eq!(redacted(b"abcdefgh"), "ab…, 8 characters");
        assert_eq!(redacted(b"abc"), "…, 3 characters");
        assert_eq!(redacted(b"\x1b[31mabcdefghijklmnopq"), "?[31…, 22 characters");
    }
}
