//! Every rule finds what it is for. The secrets are made up, and put together at run time from pieces, so that this
//! repository itself scans clean.

use secret_scan::rules::RULES;
use secret_scan::text::{MAX_LINE, Scanner, Searched};

fn search(text: &str) -> Searched {
    Scanner::new(true)
        .search(text.as_bytes(), true)
        .expect("reading from memory cannot fail")
}

fn ids(text: &str) -> Vec<&'static str> {
    search(text).matches.iter().map(|found| RULES[found.rule].id).collect()
}

/// `length` characters of `alphabet` that look random and are the same on every run.
fn noise(alphabet: &str, length: usize) -> String {
    let alphabet = alphabet.as_bytes();
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ (length as u64) << 7 ^ (alphabet.len() as u64);
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(alphabet[(state >> 33) as usize % alphabet.len()])
        })
        .collect()
}

const ALNUM: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const HEX: &str = "0123456789abcdef";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BECH32: &str = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

fn an(length: usize) -> String {
    noise(ALNUM, length)
}

fn hex(length: usize) -> String {
    noise(HEX, length)
}

fn uuid() -> String {
    [hex(8), hex(4), hex(4), hex(4), hex(12)].join("-")
}

/// A text for each rule in which that rule, and no other, finds one secret.
fn samples() -> Vec<(&'static str, String)> {
    let quoted = |name: &str, value: String| format!("{name} = \"{value}\"");
    vec![
        (
            "private-key",
            format!("-----BEGIN {} KEY-----\n{}\n{}\n-----END", "EC PRIVATE", an(64), an(40)),
        ),
        ("age-secret-key", ["AGE-SECRET-", "KEY-1", &noise(BECH32, 58)].concat()),
        ("aws-access-key-id", ["AK", "IA", &noise(BASE32, 16)].concat()),
        ("aws-secret-access-key", quoted("aws_secret_access_key", an(40))),
        ("gcp-api-key", ["AI", "za", &an(35)].concat()),
        (
            "gcp-service-account-key",
            format!("\"private_key_{}\": \"{}\"", "id", hex(40)),
        ),
        ("gcp-oauth-client-secret", ["GOC", "SPX-", &an(28)].concat()),
        ("gcp-access-token", ["ya", "29.", &an(60)].concat()),
        (
            "azure-storage-key",
            ["AccountName=a;Account", "Key=", &an(86), "=="].concat(),
        ),
        (
            "azure-shared-access-key",
            ["SharedAccess", "Key=", &an(43), "="].concat(),
        ),
        (
            "azure-sas-signature",
            ["https://a.net/b?sv=2020&si", "g=", &an(43), "%3D"].concat(),
        ),
        ("azure-client-secret", [&an(3), "8", "Q~", &an(34)].concat()),
        ("azure-devops-token", [&an(76), "AZ", "DO", &an(4)].concat()),
        ("digitalocean-token", ["dop", "_v1_", &hex(64)].concat()),
        ("heroku-token", ["HR", "KU-", &an(60)].concat()),
        ("heroku-api-key", quoted("HEROKU_KEY", uuid())),
        (
            "cloudflare-origin-ca-key",
            ["v1", ".0-", &hex(24), "-", &hex(146)].concat(),
        ),
        ("alibaba-access-key-id", ["LT", "AI", &an(20)].concat()),
        ("fly-token", ["fo", "1_", &an(43)].concat()),
        ("netlify-token", ["nf", "p_", &an(36)].concat()),
        ("planetscale-token", ["pscale", "_tkn_", &an(43)].concat()),
        ("supabase-token", ["sb", "p_", &hex(40)].concat()),
        ("databricks-token", ["da", "pi", &hex(32)].concat()),
        ("terraform-cloud-token", [&an(14), ".atlas", "v1.", &an(67)].concat()),
        ("pulumi-token", ["pu", "l-", &hex(40)].concat()),
        ("vault-token", ["hv", "s.", &an(90)].concat()),
        ("doppler-token", ["dp.", "pt.", &an(43)].concat()),
        ("github-token", ["gh", "p_", &an(36)].concat()),
        (
            "github-fine-grained-token",
            ["github", "_pat_", &an(22), "_", &an(59)].concat(),
        ),
        ("gitlab-token", ["gl", "pat-", &an(20)].concat()),
        ("atlassian-token", ["ATA", "TT3", &an(186)].concat()),
        ("npm-token", ["np", "m_", &an(36)].concat()),
        ("npmrc-auth-token", ["//npm.host/:_auth", "Token=", &uuid()].concat()),
        ("pypi-token", ["pypi-", "AgEIcHlwaS5vcmc", &an(120)].concat()),
        ("crates-io-token", ["ci", "o", &an(32)].concat()),
        ("docker-hub-token", ["dckr", "_pat_", &an(27)].concat()),
        ("docker-config-auth", format!("{{\"au{}\": \"{}=\"}}", "th", an(43))),
        ("rubygems-token", ["ruby", "gems_", &hex(48)].concat()),
        ("nuget-key", ["oy", "2", &noise(LOWER, 43)].concat()),
        ("postman-key", ["PM", "AK-", &hex(24), "-", &hex(34)].concat()),
        ("linear-key", ["lin", "_api_", &an(40)].concat()),
        ("figma-token", ["fi", "gd_", &an(40)].concat()),
        ("airtable-token", ["pa", "t", &an(14), ".", &hex(64)].concat()),
        ("sentry-token", ["sntr", "yu_", &hex(64)].concat()),
        ("grafana-token", ["gl", "sa_", &an(32), "_", &hex(8)].concat()),
        ("new-relic-key", ["NR", "AK-", &noise(UPPER, 27)].concat()),
        (
            "dynatrace-token",
            ["dt0", "c01.", &noise(UPPER, 24), ".", &noise(UPPER, 64)].concat(),
        ),
        ("anthropic-key", ["sk-", "ant-api03-", &an(95)].concat()),
        ("openai-key", ["sk-", "proj-", &an(120)].concat()),
        ("hugging-face-token", ["h", "f_", &an(34)].concat()),
        ("stripe-key", ["sk", "_live_", &an(24)].concat()),
        ("stripe-test-key", ["sk", "_test_", &an(24)].concat()),
        ("stripe-webhook-secret", ["wh", "sec_", &an(32)].concat()),
        ("square-token", ["sq0", "csp-", &an(43)].concat()),
        ("shopify-token", ["shp", "at_", &hex(32)].concat()),
        ("twilio-api-key", ["S", "K", &hex(32)].concat()),
        ("twilio-auth-token", quoted("twilio_auth", hex(32))),
        ("sendgrid-key", ["S", "G.", &an(22), ".", &an(43)].concat()),
        ("mailgun-key", ["ke", "y-", &hex(32)].concat()),
        ("mailchimp-key", [&hex(32), "-u", "s12"].concat()),
        ("slack-token", ["xo", "xb-", "2345678901-2345678901-", &an(24)].concat()),
        (
            "slack-app-token",
            ["xa", "pp-1-", &noise(UPPER, 11), "-2345678901-", &noise(LOWER, 64)].concat(),
        ),
        (
            "slack-webhook",
            [
                "https://hooks.",
                "slack.com/services/T",
                &noise(UPPER, 8),
                "/B",
                &noise(UPPER, 8),
                "/",
                &an(24),
            ]
            .concat(),
        ),
        (
            "discord-webhook",
            ["https://discord.com/api/web", "hooks/234567890123456789/", &an(68)].concat(),
        ),
        (
            "teams-webhook",
            format!(
                "https://a.webhook.{}.com/webhookb2/{}@{}/IncomingWebhook/{}/{}",
                "office",
                uuid(),
                uuid(),
                hex(32),
                uuid()
            ),
        ),
        ("telegram-bot-token", ["234567890", ":A", "A", &an(33)].concat()),
        (
            "jwt",
            ["ey", "JhbGciOiJFUzI1NiJ9.e", "yJzdWIiOiI5ODcifQ.", &an(43)].concat(),
        ),
        (
            "database-url-password",
            ["postgres://app:", "kX9mQ2", "@db.internal/orders"].concat(),
        ),
        (
            "basic-auth-url",
            ["https://me:", "kX9mQ2", "@git.internal/r.git"].concat(),
        ),
        (
            "authorization-header",
            format!("Authori{}: Bearer {}", "zation", an(40)),
        ),
        ("generic-secret", quoted("session_secret", an(32))),
        ("generic-secret-unquoted", format!("SESSION_SEC{}={}", "RET", an(32))),
    ]
}

#[test]
fn every_rule_finds_its_own_kind_of_secret() {
    // One sample a rule, each found by exactly that rule: a rule that never matches, or that another one hides, fails.
    let samples = samples();
    for (id, text) in &samples {
        assert_eq!(ids(text), [*id], "{text}");
        assert_eq!(
            ids(&format!("let x = f(\n    {text}\n);\n")),
            [*id],
            "in other text: {text}"
        );
    }
    let covered: Vec<&str> = samples.iter().map(|(id, _)| *id).collect();
    let all: Vec<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(covered, all, "every rule has a sample, in the order of the table");
}

#[test]
fn examples_and_templates_are_passed_over() {
    // What documentation and templates are full of; each would be a false alarm.
    for text in [
        ["AKIAIOSFODNN7", "EXAMPLE"].concat(),
        ["wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "EXAMPLEKEY"].concat(),
        ["ghp_", &"x".repeat(36)].concat(),
        ["ghp_", &"0".repeat(36)].concat(),
        "postgres://user:password@localhost/db".to_owned(),
        "postgres://user:${DB_PASSWORD}@db/orders".to_owned(),
        "https://user:s3cr3t9@example.com/path".to_owned(),
        "password: ${{ secrets.DEPLOY_TOKEN }}".to_owned(),
        "password = os.environ[\"DB_PASSWORD\"]".to_owned(),
        "token = \"kubernetes.io/service-account-token\"".to_owned(),
        "Authorization: Bearer <your token>".to_owned(),
        "-----BEGIN PRIVATE KEY----- starts a key".to_owned(),
        "next_token = \"aGVsbG8gd29ybGQ5OTk5OTk5\"".to_owned(),
        "integrity: sha512-Zr5mK2x9Q8v7W6t5Y4u3I2o1P0a9S8d7F6g5H4j3K2l1".to_owned(),
    ] {
        assert!(ids(&text).is_empty(), "{text}: {:?}", ids(&text));
    }
}

#[test]
fn a_guess_is_not_made_when_entropy_is_off() {
    // Formats stay, guesses go.
    let scanner = Scanner::new(false);
    for (id, text) in samples() {
        let found = scanner
            .search(text.as_bytes(), true)
            .expect("reading from memory cannot fail")
            .matches;
        let is_guess = RULES.iter().any(|rule| rule.id == id && rule.is_guess());
        assert_eq!(found.is_empty(), is_guess, "{id}");
    }
}

#[test]
fn a_value_without_quotes_counts_only_in_settings() {
    // In program text `token = next` is everywhere.
    let text = format!("SESSION_SEC{}={}", "RET", an(32));
    let found = Scanner::new(true)
        .search(text.as_bytes(), false)
        .expect("reading from memory cannot fail");
    assert_eq!(found.matches, []);
}

#[test]
fn lines_and_columns_count_code_points_from_one() {
    // Editors and SARIF viewers jump there.
    let token = ["gh", "p_", &an(36)].concat();
    let found = search(&format!("één\n\n  ö {token} {token}x\r\n")).matches;
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].line, found[0].column, found[0].end_column), (3, 5, 45));
    assert_eq!((found[1].line, found[1].column), (3, 46));
    assert_eq!(found[0].secret, token.as_bytes());
}

#[test]
fn the_comment_allows_its_own_line_only() {
    // An exception must not spread.
    let token = ["gh", "p_", &an(36)].concat();
    let found = search(&format!("{token} # airtight:allow-secret\n{token}\n")).matches;
    assert_eq!(
        found.iter().map(|found| found.allowed).collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn a_secret_is_found_once_wherever_it_lies_in_a_large_file() {
    // Around every border of the buffers and of the segments of long lines, with and without line breaks.
    let token = ["gh", "p_", &an(36)].concat();
    let borders = [
        0,
        MAX_LINE,
        4 * MAX_LINE,
        (1 << 20) - (32 << 10),
        1 << 20,
        (1 << 20) + (32 << 10),
        (1 << 20) + (64 << 10),
    ];
    for (filler, lines) in [(". ".to_owned(), false), (format!("{}\n", ".".repeat(79)), true)] {
        let size = 2_400_000;
        for border in borders {
            for shift in [0, 20, 41] {
                let at = (border + MAX_LINE).saturating_sub(shift);
                let mut text = filler.repeat(size / filler.len());
                text.insert_str(at, &format!(" {token} "));
                let found = search(&text).matches;
                assert_eq!(found.len(), 1, "at {at}, lines: {lines}");
                let before = &text[..=at];
                let line = before.matches('\n').count() + 1;
                let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1;
                assert_eq!(
                    (found[0].line, found[0].column),
                    (line as u64, column as u64),
                    "at {at}, lines: {lines}"
                );
            }
        }
    }
}

#[test]
fn binary_files_are_not_searched_and_utf16_is() {
    // A zero byte makes a file binary, unless a byte order mark says what the zeros are.
    let token = ["gh", "p_", &an(36)].concat();
    let binary = format!("\0{token}");
    assert_eq!(search(&binary), Searched::default());
    for little in [true, false] {
        let units = format!("\u{feff}key: {token}\r\n");
        let bytes: Vec<u8> = units
            .encode_utf16()
            .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
            .collect();
        let found = Scanner::new(true)
            .search(bytes.as_slice(), false)
            .expect("reading from memory cannot fail")
            .matches;
        assert_eq!(found.len(), 1, "little endian: {little}");
        assert_eq!((found[0].line, found[0].column), (1, 6));
    }
}

#[test]
fn a_hostile_file_is_searched_in_linear_time_and_bounded() {
    // Keywords without end, on one line: a search that looked at the line for each would not come back. And more
    // secrets than anybody reads: the search ends and says so.
    for pattern in [
        "token=",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "eyJ",
        "://a:",
        "sk-ant-",
    ] {
        let text = pattern.repeat(300_000 / pattern.len());
        assert!(search(&text).matches.len() <= 1, "{pattern}");
    }
    let token = ["gh", "p_", &an(36)].concat();
    let found = search(&format!("{token}\n").repeat(2_000));
    assert!(found.truncated);
    assert_eq!(found.matches.len(), 1_000);
}
