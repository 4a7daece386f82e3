//! Whether a match is a secret or only looks like one: entropy, placeholders, telling names.
//!
//! Deliberately plain rules over the text of one match; nothing here looks at other lines or learns.

/// Shannon entropy of `text` in bits a byte: 0 for one repeated byte, 6 for even base64.
pub fn entropy(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in text {
        counts[usize::from(byte)] += 1;
    }
    let length = text.len() as f64;
    counts.iter().filter(|&&count| count > 0).fold(0.0, |sum, &count| {
        let share = f64::from(count) / length;
        sum - share * share.log2()
    })
}

/// Parts of well-known examples and placeholders that no random token has by chance.
const PLACEHOLDER_PARTS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "redacted",
    "replaceme",
    "replace_me",
    "replace-me",
    "xxxxxx",
    "dummy",
    "sample",
    "insert",
    "your_",
    "your-",
    "yourtoken",
    "yourkey",
    "notreal",
    "not-a-real",
    "abcdefgh",
    "01234567",
    "12345678",
    "deadbeefdeadbeef",
    "......",
    "******",
    // The account key of the storage emulator, and the subject of the token that explains JWT.
    "eby8vdm02xnocqflquwjpllmetlcdxj1ouzft50u",
    "eyjzdwiioiixmjm0nty3odkwii",
];

/// Parts that make a guess from a name a wrong one.
const WORDS: &[&str] = &[
    "test",
    "fake",
    "mock",
    "demo",
    "todo",
    "null",
    "undefined",
    "default",
    "string",
    "secret",
    "password",
    "passwd",
    "token",
    "lorem",
    "hello",
    "admin",
    "hidden",
    "enter",
    "some",
    "required",
    "optional",
    "invalid",
    "missing",
    "foobar",
    "value",
    "mypass",
    "my-",
    "my_",
    "letmein",
    "qwerty",
];

/// What begins a value that stands for a secret kept elsewhere, or for no secret at all.
const REFERENCES: &[&str] = &[
    "$",
    "%",
    "{",
    "<",
    "@",
    "&",
    "*",
    "!",
    "#",
    "/",
    "./",
    "../",
    "~/",
    "http:",
    "https:",
    "file:",
    "env:",
    "env.",
    "arn:",
    "vault:",
    "ref:",
    "secretref",
    "process.env",
    "os.environ",
    "op:",
    "sha1",
    "sha256",
    "sha384",
    "sha512",
    "md5",
    "urn:",
    "data:",
    "var.",
    "local.",
    "module.",
    "ssm:",
    "projects/",
];

/// Last words of a name that make it a property of a secret, not the secret.
const PROPERTIES: &[&str] = &[
    "id",
    "ids",
    "name",
    "names",
    "url",
    "uri",
    "path",
    "file",
    "filename",
    "dir",
    "type",
    "kind",
    "field",
    "header",
    "param",
    "length",
    "len",
    "count",
    "size",
    "limit",
    "prefix",
    "suffix",
    "label",
    "title",
    "text",
    "hint",
    "help",
    "message",
    "msg",
    "regex",
    "pattern",
    "format",
    "policy",
    "expiry",
    "expires",
    "ttl",
    "age",
    "class",
    "style",
    "ref",
    "arn",
    "index",
    "version",
    "algorithm",
    "alg",
    "digest",
    "fingerprint",
    "checksum",
    "scope",
    "scopes",
    "endpoint",
    "issuer",
    "audience",
    "source",
    "provider",
    "store",
    "manager",
    "placeholder",
    "description",
    "error",
    "status",
    "env",
    "var",
    "variable",
    "role",
    "group",
    "rules",
    "validator",
    "reset",
    "link",
    "page",
    "limiter",
    "bucket",
    "selector",
];

/// Passwords of URLs that stand for one.
const URL_PLACEHOLDERS: &[&str] = &[
    "pass",
    "password",
    "passwd",
    "passw0rd",
    "pwd",
    "pw",
    "secret",
    "token",
    "user",
    "username",
    "root",
    "admin",
    "postgres",
    "mysql",
    "mongo",
    "redis",
    "guest",
    "test",
    "foo",
    "bar",
    "baz",
    "xxx",
    "key",
    "apikey",
    "api_key",
    "hunter2",
    "mypassword",
    "mypass",
    "pass123",
    "password123",
    "123",
    "1234",
    "12345",
    "123456",
    "p4ss",
    "abc",
    "pat",
];

/// Whether a string of a known format is a well-known example or made of too little to be random.
pub fn is_placeholder(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    PLACEHOLDER_PARTS.iter().any(|part| lower.contains(part)) || is_monotone(&lower)
}

/// Whether the last 16 bytes or more hold fewer than eight different ones.
fn is_monotone(text: &str) -> bool {
    let tail = &text.as_bytes()[text.len().saturating_sub(24)..];
    let mut seen = [false; 256];
    tail.iter().for_each(|&byte| seen[usize::from(byte)] = true);
    tail.len() >= 16 && seen.iter().filter(|&&there| there).count() < 8
}

/// Whether `password` at `host` stands in for one (templates, the hosts and passwords of documentation).
pub fn is_url_placeholder(password: &str, host: &str) -> bool {
    let lower = password.to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    let documentation = ["example.com", "example.org", "example.net"]
        .iter()
        .any(|&name| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')))
        || [".example", ".invalid", ".test"].iter().any(|&end| host.ends_with(end));
    documentation
        || URL_PLACEHOLDERS.contains(&lower.as_str())
        || ["${", "$(", "{{", "<", "%s", "%(", "%v", "...", "***", "xxx", "…"]
            .iter()
            .any(|&part| lower.contains(part))
        || lower.starts_with(['$', '{', ':', '['])
        || is_placeholder(password)
}

/// Whether `value`, assigned to `name`, is a secret.
pub fn is_assigned_secret(name: &str, value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    if names_a_property(name)
        || is_placeholder(value)
        || WORDS.iter().any(|&word| lower.contains(word))
        || REFERENCES.iter().any(|&start| lower.starts_with(start))
        || ["${", "$(", "{{", "}}", "<", ">", "(", ")", "\\", "://", "::"]
            .iter()
            .any(|&part| value.contains(part))
        || !value.is_ascii()
        || is_made_of_words(&lower)
    {
        return false;
    }
    let (letters, digits) = (
        value.bytes().any(|b| b.is_ascii_alphabetic()),
        value.bytes().filter(u8::is_ascii_digit).count(),
    );
    let bits = entropy(value.as_bytes());
    if is_for_people(name) {
        let symbols = value
            .bytes()
            .any(|b| b.is_ascii_punctuation() && !matches!(b, b'_' | b'-' | b'.'));
        letters && (digits > 0 || symbols) && bits >= if value.len() < 12 { 2.5 } else { 3.0 }
    } else {
        let hex = value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        letters && digits >= 2 && value.len() >= 16 && bits >= if hex { 3.0 } else { 3.5 }
    }
}

/// Names of what a person types, which is shorter and less random than what a machine makes.
fn is_for_people(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["password", "passwd", "passphrase", "pwd"]
        .iter()
        .any(|&word| lower.contains(word))
}

fn names_a_property(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let squeezed: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    squeezed.contains("publickey")
        || squeezed.contains("publishable")
        || ["nexttoken", "pagetoken", "continuationtoken", "pagination"]
            .iter()
            .any(|&part| squeezed.contains(part))
        || PROPERTIES.contains(&last_word(name).as_str())
}

/// The last word of a name in snake, kebab, dotted or camel case, in lower case.
fn last_word(name: &str) -> String {
    let name = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let word = name
        .rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    // `tokenURL` ends in `URL`, `tokenId` in `Id`, `TOKEN` in itself.
    let bytes = word.as_bytes();
    let mut start = bytes.len();
    while start > 0 && bytes[start - 1].is_ascii_uppercase() {
        start -= 1;
    }
    if start == bytes.len() {
        while start > 0 && !bytes[start - 1].is_ascii_uppercase() {
            start -= 1;
        }
        start = start.saturating_sub(1);
    }
    word[start..].to_ascii_lowercase()
}

/// Whether `lower` is several parts that are each a word, a word and a number, or a short number: an identifier, a host
/// name, a path.
fn is_made_of_words(lower: &str) -> bool {
    let mut parts = 0;
    lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .all(|part| {
            parts += 1;
            let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = part.len() - letters.len();
            digits <= 4 && letters.len() <= 20 && letters.bytes().all(|b| b.is_ascii_alphabetic())
        })
        && parts != 1
}

/// Fewest base64 characters after the header of a private key that make it one.
const MIN_PEM_BODY: usize = 48;

/// The base64 of the private key that `text` continues with, without what is between its characters; `None` if there is
/// no body. `text` starts right after the header; escaped line breaks (`\n`), quotes, `+` of string literals at line ends
/// and armour headers (`Proc-Type: …`) are stepped over.
pub fn pem_body(text: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    for line in split_pem_lines(text) {
        let line = line.trim_ascii().trim_ascii_start();
        let line = trim_literal(line);
        if line.starts_with(b"-----") {
            break;
        }
        if line.is_empty() || line.contains(&b':') {
            continue;
        }
        let end = line.iter().position(|&b| !is_base64(b)).unwrap_or(line.len());
        body.extend_from_slice(&line[..end]);
        if end < line.len() {
            break;
        }
    }
    (body.len() >= MIN_PEM_BODY && !is_placeholder(&String::from_utf8_lossy(&body))).then_some(body)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Cuts at line breaks and at the escaped ones of string literals.
fn split_pem_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let cut = text
            .windows(2)
            .position(|pair| pair[0] == b'\n' || pair == b"\\n" || pair == b"\\r");
        match cut {
            Some(at) => {
                rest = Some(&text[at + if text[at] == b'\n' { 1 } else { 2 }..]);
                Some(&text[..at])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

/// Takes quotes, commas, `+`, comment signs and continuation marks off both ends of a line.
fn trim_literal(mut line: &[u8]) -> &[u8] {
    while let [b'"' | b'\'' | b'`' | b'#' | b'*' | b' ' | b'\t', rest @ ..] = line {
        line = rest;
    }
    while let [rest @ .., b'"' | b'\'' | b'`' | b',' | b';' | b'\\' | b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_in_bits_a_byte() {
        // The ends of the scale and one point between.
        assert!(entropy(b"aaaaaaaa").abs() < 1e-9);
        assert!((entropy(b"abcdabcd") - 2.0).abs() < 1e-9);
        assert!((entropy(b"0123456789abcdef") - 4.0).abs() < 1e-9);
    }

    #[test]
    fn last_words_are_found_in_every_case() {
        // A property of a secret is told by the last word of the name.
        for (name, word) in [
            ("token_url", "url"),
            ("tokenUrl", "url"),
            ("tokenURL", "url"),
            ("TOKEN", "token"),
            ("secret.name.", "name"),
            ("Secret", "secret"),
            ("", ""),
        ] {
            assert_eq!(last_word(name), word, "{name}");
        }
    }

    #[test]
    fn values_that_stand_for_a_secret_are_none() {
        // What real code bases assign to such names without giving anything away.
        for (name, value) in [
            ("password", "changeme123"),
            ("token", "${{ github.token }}"),
            ("api_key", "process.env.API_KEY9"),
            ("secret", "kubernetes.io/service-account-token"),
            ("token_url", "https://login.host/oauth2/v2"),
            ("secretName", "orders-db-7f9c4b2d8e"),
            ("password", "required"),
            ("client_secret", "your-client-secret-1"),
            ("token", "aaaaaaaaaaaaaaaaaaaaaaaaa1"),
            ("public_key", "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE"),
        ] {
            assert!(!is_assigned_secret(name, value), "{name} = {value}");
        }
    }

    #[test]
    fn random_values_of_telling_names_are_secrets() {
        // Built from pieces, so that this file scans clean.
        for (name, pieces) in [
            ("db_password", ["kX9#", "mQ2vLp"]),
            ("apiKey", ["9f8a7c6b5d4e", "3f2a1b0c9d8e7f6a"]),
            ("SECRET_KEY", ["q7W9zR2tY5uP8", "sD4fG6hJ1kL3x"]),
        ] {
            assert!(is_assigned_secret(name, &pieces.concat()), "{name}");
        }
    }

    #[test]
    fn a_pem_header_alone_is_no_key() {
        // Documentation names the header, elides the body, or shows a public part after it.
        assert_eq!(pem_body(b"` starts a key."), None);
        assert_eq!(pem_body(b"\n...\n-----END PRIVATE KEY-----"), None);
        assert_eq!(pem_body(b"\nMIIEvQ\n-----END PRIVATE KEY-----"), None);
    }

    #[test]
    fn a_pem_body_is_found_in_files_and_in_literals() {
        // The same key as a file, in JSON, and as lines of string literals is one secret.
        let (a, b) = (
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw",
            "ggSjAgEAAoIBAQC7VJTUt9Us8cKjMzEfYyji",
        );
        let body = Some([a, b].concat().into_bytes());
        for text in [
            format!("\n{a}\r\n{b}\n-----END"),
            format!("\\n{a}\\n{b}\\n-----END"),
            format!("\",\n  \"{a}\",\n  \"{b}\",\n  \"-----END"),
            format!("\nProc-Type: 4,ENCRYPTED\n\n{a}\n{b}"),
        ] {
            assert_eq!(pem_body(text.as_bytes()), body, "{text}");
        }
    }
}
