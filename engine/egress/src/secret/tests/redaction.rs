//! Taking values out of what comes back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use http::{HeaderMap, Response};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::super::redact::Redactor;
use super::*;

const VALUE: &str = "s3cr3t/välue+\"with\\all\" <of> it";

fn redacted(redactor: &mut Redactor, parts: &[&[u8]]) -> Vec<u8> {
    let mut out: Vec<u8> = parts.iter().flat_map(|part| redactor.push(part)).collect();
    out.extend(redactor.finish());
    out
}

/// The ways to write a value that are promised, made without the code that looks for them.
fn written(value: &str) -> Vec<String> {
    let percent = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let json = serde_json::to_string(value).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let ascii: String = json
        .chars()
        .map(|c| {
            if c.is_ascii() {
                c.to_string()
            } else {
                format!("\\u{:04x}", u32::from(c))
            }
        })
        .collect();
    let upper: String = value.bytes().map(percent).collect();
    let mut all = vec![
        value.to_owned(),
        upper.replace("%20", "+"),
        upper.bytes().map(char::from).collect(),
        value.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
        value.bytes().map(|byte| format!("{byte:02X}")).collect(),
        json.replace('/', "\\/"),
        ascii,
        json,
    ];
    for (before, after) in [
        ("", ""),
        ("x", ""),
        ("xy", ""),
        ("user:", ""),
        ("user", ":rest"),
        ("", "zz"),
        ("a", "z"),
    ] {
        let text = format!("{before}{value}{after}");
        all.extend([STANDARD.encode(&text), STANDARD_NO_PAD.encode(&text)]);
        all.extend([URL_SAFE.encode(&text), URL_SAFE_NO_PAD.encode(&text)]);
    }
    all
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// How much of a value's base64, at any place of a group, is left in a text: the most digits in a row.
fn longest_left(text: &[u8], form: &[u8]) -> usize {
    (0..form.len())
        .flat_map(|a| (a + 1..=form.len()).map(move |b| (a, b)))
        .filter(|(a, b)| contains(text, &form[*a..*b]))
        .map(|(a, b)| b - a)
        .max()
        .unwrap_or(0)
}

// Each promised form is taken out of a body, alone and in the middle of other text.
#[test]
fn every_promised_form_is_taken_out() {
    let own = placed(&[SecretPlace::Bearer], VALUE.as_bytes());
    for form in written(VALUE) {
        let text = format!("[{form}]");
        let mut redactor = own.vault.redactor();
        let out = redacted(&mut redactor, &[text.as_bytes()]);
        assert!(redactor.found(), "{form}");
        assert!(contains(&out, own.placeholder.as_bytes()), "{form}");
        // What stands beside a value in base64 shares a digit with it at either end, and may be nearly all of a short one.
        assert!(
            longest_left(&out, form.as_bytes()) <= 12,
            "{form} left {}",
            String::from_utf8_lossy(&out)
        );
    }
}

// A key of many lines is found by each of them; the marks around it are in every such file and are not.
#[test]
fn each_line_of_a_value_is_taken_out() {
    let own = placed(
        &[],
        b"-----BEGIN PRIVATE KEY-----\r\nAAAAbbbbCCCCdddd\r\nEEEEffff\nshort\n-----END PRIVATE KEY-----",
    );
    let mut redactor = own.vault.redactor();
    let out = redacted(
        &mut redactor,
        &[b"-----BEGIN PRIVATE KEY----- AAAAbbbbCCCCdddd, EEEEffff, short"],
    );
    let out = String::from_utf8(out).unwrap();
    assert_eq!(
        out,
        format!("-----BEGIN PRIVATE KEY----- {0}, {0}, short", own.placeholder)
    );
}

// A value that is short would be found everywhere in another form: it is looked for as it is.
#[test]
fn a_short_value_is_taken_out_as_it_is() {
    let own = placed(&[], b"pass");
    let mut redactor = own.vault.redactor();
    let out = redacted(&mut redactor, &[b"a pass, 70617373"]);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        format!("a {}, 70617373", own.placeholder)
    );
}

// What only the host uses is not the step's to open or to place, and is taken out of texts like every other.
#[test]
fn a_secret_for_the_host_alone_is_taken_out_and_not_opened() {
    let login = airtight_model::grant::PostgresLogin {
        user: "app".to_owned(),
        password: "token".to_owned(),
        database: None,
        tls: true,
        ca: None,
    };
    let grants = Grants {
        net: vec![airtight_model::grant::NetGrant {
            transport: airtight_model::grant::Transport::Tcp,
            host: "db.example.com".parse().unwrap(),
            port: 5432,
            addresses: Vec::new(),
            login: Some(login),
        }],
        ..Grants::default()
    };
    let own = session_of(grants, b"s3cr3t-value");
    assert!(
        own.vault
            .open("token")
            .unwrap_err()
            .to_string()
            .contains("no `secrets:` grant")
    );
    assert_eq!(own.vault.environment(), []);
    let mut redactor = own.vault.redactor();
    let out = String::from_utf8(redactor.whole(b"it is s3cr3t-value")).unwrap();
    let placeholder = out.strip_prefix("it is ").unwrap();
    let request = http::Request::builder()
        .uri("https://api.example.com/")
        .header("x-a", placeholder);
    assert!(matches!(
        sent(&own.vault, request.body(full(b"")).unwrap()),
        Err(EgressError::Denied(_))
    ));
}

// A value that is a piece of the placeholder would be put back by it.
#[test]
fn what_stands_in_place_of_a_value_does_not_hold_it() {
    let own = placed(&[], b"secret");
    let out = redacted(&mut own.vault.redactor(), &[b"a secret!"]);
    assert_eq!(String::from_utf8(out).unwrap(), "a ***!");
}

// What cannot be the beginning of a value goes on at once: a guest that waits for an answer is not kept waiting.
#[test]
fn only_the_beginning_of_a_value_is_held_back() {
    let own = placed(&[], VALUE.as_bytes());
    let mut redactor = own.vault.redactor();
    assert_eq!(redactor.push(b"data: 1\n\n"), b"data: 1\n\n");
    assert_eq!(redactor.push(b"data: s3cr"), b"data: ");
    assert_eq!(redactor.push(b"udely"), b"s3crudely");
    assert_eq!(redactor.finish(), b"");
    assert!(!redactor.found());
}

/// Frames, then silence.
struct Waiting(Option<Bytes>);

impl hyper::body::Body for Waiting {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        match self.0.take() {
            Some(bytes) => std::task::Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => std::task::Poll::Pending,
        }
    }
}

// A step that has a server send it guesses must not see, by what is held back, which is the beginning of the value.
#[test]
fn when_a_response_is_read_says_nothing_of_a_value() {
    let own = placed(&[], b"s3cr3t-value");
    let read = |text: &'static str| {
        let clock = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        clock.block_on(async {
            let body = Waiting(Some(Bytes::from_static(text.as_bytes()))).boxed_unsync();
            let response = own
                .vault
                .take_out(&target("https://api.example.com/"), Response::new(body))
                .unwrap();
            let mut body = response.into_body();
            let begin = tokio::time::Instant::now();
            let mut read = Vec::new();
            let mut times = Vec::new();
            while read.len() < text.len() {
                read.extend(body.frame().await.unwrap().unwrap().into_data().unwrap());
                times.push((begin.elapsed(), read.len()));
            }
            assert_eq!(read, text.as_bytes());
            times
        })
    };
    let long = "0123456789".repeat(30);
    let (right, wrong): (&'static str, &'static str) = (
        Box::leak(format!("{long} s3cr3t-valu").into_boxed_str()),
        Box::leak(format!("{long} x3cr3t-valu").into_boxed_str()),
    );
    assert_eq!(read(right), read(wrong));
    assert_eq!(read("s"), read("x"));
    assert!(read("x")[0].0 <= std::time::Duration::from_secs(11));
}

// A response is looked through as a whole: headers, their names, the body across chunks, and trailers.
#[test]
fn a_response_is_looked_through_everywhere() {
    let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", "ends s3cr3t-value".parse().unwrap());
    let frames = vec![
        Ok(Frame::data(Bytes::from_static(b"you said s3cr3"))),
        Ok(Frame::data(Bytes::from_static(b"t-value, and s3cr"))),
        Ok(Frame::trailers(trailers)),
    ];
    let mut response = Response::builder()
        .header("content-length", "31")
        .header("x-echo", "it was s3cr3t-value!")
        .header("s3cr3t-value", "as a name")
        .body(Frames(frames.into_iter()).boxed_unsync())
        .unwrap();
    response.extensions_mut().insert("a reason with s3cr3t-value");
    let response = own
        .vault
        .take_out(&target("https://api.example.com/"), response)
        .unwrap();
    assert!(response.extensions().is_empty());
    let p = &own.placeholder;
    assert_eq!(response.headers()["x-echo"], format!("it was {p}!").as_str());
    assert_eq!(response.headers().len(), 1);
    let collected = block_on(response.into_body().collect()).unwrap();
    assert_eq!(collected.trailers().unwrap()["x-end"], format!("ends {p}").as_str());
    assert_eq!(collected.to_bytes(), format!("you said {p}, and s3cr"));
}

// What is encoded cannot be looked through, where there is anything.
#[test]
fn an_encoded_response_is_an_error() {
    let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
    for (name, value, fine) in [
        ("content-encoding", "gzip", false),
        ("content-encoding", "identity, br", false),
        ("transfer-encoding", "gzip, chunked", false),
        ("content-encoding", "Identity", true),
        ("transfer-encoding", "chunked", true),
    ] {
        let response = Response::builder().header(name, value).body(full(b"x")).unwrap();
        let response = own.vault.take_out(&target("https://api.example.com/"), response);
        assert_eq!(response.is_ok(), fine, "{name}: {value}");
    }
    let empty = Response::builder()
        .header("content-encoding", "gzip")
        .body(full(b""))
        .unwrap();
    assert!(own.vault.take_out(&target("https://api.example.com/"), empty).is_ok());
}

// The length of a body that is not sent says how long it would be.
#[test]
fn the_length_is_kept_where_there_is_no_body() {
    let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
    let response = Response::builder()
        .header("content-length", "31")
        .body(full(b""))
        .unwrap();
    let response = own
        .vault
        .take_out(&target("https://api.example.com/"), response)
        .unwrap();
    assert_eq!(response.headers()["content-length"], "31");
}

// No value shows where someone prints what is made of it.
#[test]
fn nothing_prints_a_value() {
    let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
    let text = format!(
        "{:?} {:?} {:?}",
        own.vault,
        own.vault.redactor(),
        own.vault.value("token")
    );
    assert!(!text.contains("s3cr3t"), "{text}");
}

/// A text of a server's that has the value in it, in one of the forms, again and again.
fn texts() -> impl Strategy<Value = (String, Vec<u8>, Vec<usize>)> {
    "[a-cA-C/+\"\\\\ <é-]{8,20}".prop_flat_map(|value| {
        let forms = written(&value);
        let piece = prop_oneof![
            3 => (0..forms.len()).prop_map(move |at| forms[at].clone().into_bytes()),
            2 => "[a-cA-C/+ %2]{0,12}".prop_map(String::into_bytes),
            1 => proptest::collection::vec(any::<u8>(), 0..8),
            2 => (0..value.len()).prop_map({
                let value = value.clone();
                move |end| value.as_bytes()[..end].to_vec()
            }),
        ];
        let text = proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
        (Just(value), text, proptest::collection::vec(0..400_usize, 0..8))
    })
}

proptest! {
    // Few letters make many patterns that begin with one another: each is found as by looking for every one everywhere.
    #[test]
    fn the_leftmost_and_longest_is_found(
        patterns in proptest::collection::vec("[ab]{0,5}", 0..12),
        text in "[abc]{0,40}",
    ) {
        let numbered = patterns.iter().map(|pattern| (Zeroizing::new(pattern.clone().into_bytes()), 0));
        let matcher = super::super::matcher::Matcher::new(numbered);
        let longest = |text: &str| {
            let fits = patterns.iter().filter(|pattern| !pattern.is_empty() && text.starts_with(pattern.as_str()));
            fits.map(String::len).max()
        };
        let mut expected = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let found = longest(&text[at..]);
            expected.extend(found.map(|len| (at, len)));
            at += found.unwrap_or(1);
        }
        let found = matcher.find_all(text.as_bytes());
        prop_assert_eq!(found.iter().map(|(at, found)| (*at, found.len)).collect::<Vec<_>>(), expected);
        for end in 1..=text.len() {
            let goes_on = patterns.iter().any(|pattern| pattern.len() > end && pattern.starts_with(&text[..end]));
            prop_assert_eq!(matcher.may_go_on(&text.as_bytes()[..end]), goes_on);
        }
    }

    // A border between two chunks hides nothing and changes nothing.
    #[test]
    fn chunks_are_redacted_as_the_whole((value, text, cuts) in texts()) {
        let own = placed(&[], value.as_bytes());
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        let mut parts = Vec::new();
        let mut begin = 0;
        for cut in cuts {
            parts.push(&text[begin..cut]);
            begin = cut;
        }
        parts.push(&text[begin..]);
        let whole = redacted(&mut own.vault.redactor(), &[&text]);
        prop_assert_eq!(&redacted(&mut own.vault.redactor(), &parts), &whole);
        let response = Response::new(chunks(&parts));
        let response = own.vault.take_out(&target("https://api.example.com/"), response).unwrap();
        prop_assert_eq!(&block_on(response.into_body().collect()).unwrap().to_bytes(), &whole);
    }

    // No form that is looked for is left in what a guest is given.
    #[test]
    fn nothing_of_a_value_is_left((value, text, _) in texts()) {
        let own = placed(&[], value.as_bytes());
        let response = Response::builder().body(full(&text)).unwrap();
        let response = own.vault.take_out(&target("https://api.example.com/"), response).unwrap();
        let out = block_on(response.into_body().collect()).unwrap().to_bytes();
        // A piece of a value that the placeholder happens to complete was there before, and is not the value.
        let text = String::from_utf8_lossy(&out).into_owned();
        for form in super::super::forms::forms(value.as_bytes()) {
            let form = String::from_utf8_lossy(&form).into_owned();
            prop_assert!(!text.split(&own.placeholder).any(|run| run.contains(&form)));
        }
    }
}
