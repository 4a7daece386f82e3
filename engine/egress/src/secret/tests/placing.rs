//! Where a value may stand in a request, and where not.

use http::Request;

use super::*;
use crate::secret::body::PARSING;

const API: &str = "https://api.example.com/v1";

fn request(url: &str) -> http::request::Builder {
    Request::builder().method("POST").uri(url)
}

fn bearer(url: &str, placeholder: &str) -> Request<Body> {
    request(url)
        .header("authorization", format!("Bearer {placeholder}"))
        .body(full(b""))
        .unwrap()
}

fn denied(result: Result<Request<Vec<u8>>, EgressError>) -> String {
    match result.unwrap_err() {
        EgressError::Denied(refusal) => format!("{refusal}; {}", refusal.allow.clone().unwrap_or_default()),
        other => panic!("{other}"),
    }
}

fn invalid(result: Result<Request<Vec<u8>>, EgressError>) -> String {
    match result.unwrap_err() {
        EgressError::Invalid(text) => text,
        other => panic!("{other}"),
    }
}

// A placeholder means nothing outside of its session, and cannot be guessed from another.
#[test]
fn every_session_has_another_placeholder() {
    let (one, two) = (
        placed(&[SecretPlace::Bearer], b"s3cr3t-value"),
        placed(&[SecretPlace::Bearer], b"s3cr3t-value"),
    );
    assert_ne!(one.placeholder, two.placeholder);
    let (prefix, digits) = one.placeholder.split_at("airtight-secret-".len());
    assert_eq!(prefix, "airtight-secret-");
    assert!(digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    assert_eq!(one.vault.environment(), [("TOKEN".to_owned(), one.placeholder.clone())]);
    let other = sent(&one.vault, bearer(API, &two.placeholder)).unwrap();
    assert_eq!(other.headers()["authorization"], format!("Bearer {}", two.placeholder));
}

// The place that is granted gets the value; the use is recorded without it.
#[test]
fn a_bearer_token_is_put_in_and_recorded() {
    let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
    let request = sent(&own.vault, bearer(API, &own.placeholder)).unwrap();
    assert_eq!(request.headers()["authorization"], "Bearer s3cr3t-value");
    assert!(request.headers()["authorization"].is_sensitive());
    let (denials, uses) = own.record.read();
    assert_eq!(denials, []);
    assert_eq!(uses[0].request, "token in bearer to https://api.example.com");
    assert_eq!(uses[0].capability, "secrets");
}

// Another host, scheme or port is another origin: nothing is sent, and the refusal says what would allow it.
#[test]
fn another_origin_gets_nothing() {
    for url in [
        "https://evil.example.com/",
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com.evil.com/",
    ] {
        let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
        let text = denied(sent(&own.vault, bearer(url, &own.placeholder)));
        assert!(text.contains("is not granted for"), "{text}");
        let (denials, uses) = own.record.read();
        assert!(uses.is_empty());
        assert!(
            denials[0].request.starts_with("token in bearer to "),
            "{}",
            denials[0].request
        );
        assert!(
            denials[0]
                .allow
                .as_ref()
                .unwrap()
                .starts_with("secrets: { token: { to: [")
        );
    }
}

// A place that was not granted is refused with the line that would grant it.
#[test]
fn another_place_is_refused_and_taught() {
    let own = placed(&[SecretPlace::Query("key".to_owned())], b"s3cr3t-value");
    let text = denied(sent(&own.vault, bearer(API, &own.placeholder)));
    assert!(text.contains("in: [{ query: \"key\" }, bearer]"), "{text}");
    let header = request(API)
        .header("x-api-key", &own.placeholder)
        .body(full(b""))
        .unwrap();
    let text = denied(sent(&own.vault, header));
    assert!(text.contains("{ header: \"x-api-key\" }"), "{text}");
    let query = request(&format!("{API}?a=b&other={}", own.placeholder))
        .body(full(b""))
        .unwrap();
    assert!(denied(sent(&own.vault, query)).contains("{ query: \"other\" }"));
    let body = request(API)
        .header("content-type", "application/json")
        .body(full(format!("{{\"token\": \"{}\"}}", own.placeholder).as_bytes()))
        .unwrap();
    assert!(denied(sent(&own.vault, body)).contains("{ body: \"/POINTER\" }"));
}

// No grant can name these, and no encoding hides a placeholder in them.
#[test]
fn the_path_the_host_and_names_never_hold_a_secret() {
    let all = [
        SecretPlace::Bearer,
        SecretPlace::Header("x-key".to_owned()),
        SecretPlace::Header("host".to_owned()),
        SecretPlace::Query("key".to_owned()),
    ];
    let own = placed(&all, b"s3cr3t-value");
    let placeholder = own.placeholder.as_str();
    let encoded = format!("%61{}", &placeholder[1..]);
    let hex: String = placeholder.bytes().map(|byte| format!("{byte:02X}")).collect();
    for url in [
        format!("https://api.example.com/{placeholder}"),
        format!("https://api.example.com/x/{encoded}?key=1"),
        format!("https://api.example.com/?{placeholder}=1"),
        format!("https://api.example.com/?{encoded}=1"),
        format!("https://api.example.com/?key={encoded}"),
        format!("https://api.example.com/?key={hex}"),
    ] {
        let text = denied(sent(&own.vault, request(&url).body(full(b"")).unwrap()));
        assert!(text.ends_with("; "), "{url}: {text}");
    }
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("x{placeholder}"));
    for (name, value) in [
        ("host", placeholder),
        (placeholder, "x"),
        ("x-key", &hex),
        ("x-key", &base64),
    ] {
        let text = denied(sent(
            &own.vault,
            request(API).header(name, value).body(full(b"")).unwrap(),
        ));
        assert!(text.ends_with("; "), "{name}: {text}");
    }
}

// Basic credentials are decoded, replaced and encoded again, in the user and in the password.
#[test]
fn basic_credentials_are_encoded_again() {
    use base64::Engine as _;
    let encode = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let own = placed(&[SecretPlace::Basic], "pä:ss/wörd".as_bytes());
    let basic = |credentials: String| {
        let value = format!("Basic {}", encode(credentials));
        request(API).header("authorization", value).body(full(b"")).unwrap()
    };
    let one = sent(&own.vault, basic(format!("user:{}", own.placeholder))).unwrap();
    assert_eq!(
        one.headers()["authorization"],
        format!("Basic {}", encode("user:pä:ss/wörd".to_owned())).as_str()
    );
    assert!(invalid(sent(&own.vault, basic(format!("{}:x", own.placeholder)))).contains("colon"));
    let own = placed(&[SecretPlace::Bearer], b"password");
    assert!(denied(sent(&own.vault, basic(format!("user:{}", own.placeholder)))).contains("basic"));
    assert_eq!(
        own.record.read().0[0].request,
        "token in basic to https://api.example.com"
    );
}

// A query's other parameters stay as they are; the value is encoded.
#[test]
fn a_query_parameter_is_percent_encoded() {
    let own = placed(&[SecretPlace::Query("the key".to_owned())], "a b&c=d/ü+".as_bytes());
    let url = format!("https://api.example.com/v1?x=%7e+y&the+key=pre-{}&z", own.placeholder);
    let one = sent(&own.vault, request(&url).body(full(b"")).unwrap()).unwrap();
    assert_eq!(
        one.uri(),
        "https://api.example.com/v1?x=%7e+y&the+key=pre-a%20b%26c%3Dd%2F%C3%BC%2B&z"
    );
}

// A field of a JSON body is set by its pointer; everything else stays byte for byte, and the length is known.
#[test]
fn a_field_of_a_json_body_is_set() {
    let own = placed(&[SecretPlace::Body("/auth/to~1ken/1".to_owned())], b"q\"uo\\te\n");
    let text = |value: &str| format!("{{ \"n\": 1.10, \"auth\": {{\"to/ken\": [0, \"a {value}\"] }} }}\n");
    for kind in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.x+json",
    ] {
        let one = request(API)
            .header("content-type", kind)
            .body(full(text(&own.placeholder).as_bytes()))
            .unwrap();
        let one = sent(&own.vault, one).unwrap();
        assert_eq!(String::from_utf8(one.into_body()).unwrap(), text("q\\\"uo\\\\te\\n"));
    }
    let (mut parts, body) = request(API)
        .header("content-type", "application/json")
        .body(chunks(&[
            b"{\"auth\":{\"to/ken\":[0,\"",
            own.placeholder.as_bytes(),
            b"\"]}}",
        ]))
        .unwrap()
        .into_parts();
    let body = block_on(own.vault.put_in(&target("https://api.example.com/"), &mut parts, body)).unwrap();
    assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(25 + 12));
}

// What was checked has to be what is sent: fields that are there twice, escapes, names of fields and other places.
#[test]
fn tricks_with_json_are_refused() {
    let own = placed(&[SecretPlace::Body("/token".to_owned())], b"s3cr3t-value");
    let p = own.placeholder.as_str();
    let escaped = format!("\\u0061{}", &p[1..]);
    for text in [
        format!("{{\"note\":\"{p}\",\"token\":\"x\"}}"),
        format!("{{\"note\":\"{p}\",\"note\":\"x\",\"token\":\"{escaped}\"}}"),
        format!("{{\"note\":\"{p}\",\"note\":\"x\",\"token\":\"{p}\"}}"),
        format!("{{\"token\":\"{escaped}\"}}"),
        format!("{{\"{p}\":\"x\"}}"),
        format!("{{\"token\":{{\"{p}\":1}}}}"),
        format!("{{\"token\":\"{p}\""),
        format!("[\"{p}\"]"),
        format!("\"{p}\""),
        p.to_owned(),
    ] {
        let one = request(API)
            .header("content-type", "application/json")
            .body(full(text.as_bytes()))
            .unwrap();
        denied(sent(&own.vault, one));
    }
    let plain = request(API)
        .header("content-type", "text/plain")
        .body(full(p.as_bytes()))
        .unwrap();
    denied(sent(&own.vault, plain));
    assert!(
        own.record
            .read()
            .1
            .iter()
            .all(|used| used.request.starts_with("token in body /token to "))
    );
}

// A body that is too large to look into is sent as it is, and watched all the same.
#[test]
fn a_large_json_body_is_watched() {
    let own = placed(&[SecretPlace::Body("/token".to_owned())], b"s3cr3t-value");
    let filling = "x".repeat(1 << 20);
    for (token, fine) in [("none", true), (own.placeholder.as_str(), false)] {
        let text = format!(r#"{{"filling": "{filling}", "token": "{token}"}}"#);
        let one = request(API)
            .header("content-type", "application/json")
            .body(full(text.as_bytes()))
            .unwrap();
        match sent(&own.vault, one) {
            Ok(one) => assert!(fine && one.body() == text.as_bytes()),
            Err(error) => assert!(!fine && error.to_string().contains("1 MiB"), "{error}"),
        }
    }
}

// Each placeholder in a body costs the host a pointer and a copy of the value, so they are counted.
#[test]
fn a_body_holds_a_hundred_placeholders_at_most() {
    let own = placed(&[SecretPlace::Body("/token".to_owned())], b"s3cr3t-value");
    for (count, fine) in [(100, true), (101, false)] {
        let one = request(API)
            .header("content-type", "application/json")
            .body(full(
                format!(r#"{{"token":"{}"}}"#, own.placeholder.repeat(count)).as_bytes(),
            ))
            .unwrap();
        let result = sent(&own.vault, one);
        if fine {
            let wanted = format!(r#"{{"token":"{}"}}"#, "s3cr3t-value".repeat(count));
            assert_eq!(*result.unwrap().body(), wanted.as_bytes());
        } else {
            assert!(denied(result).contains("more than 100 placeholders"));
        }
    }
}

// A parsed body is many times as large as its text, so that two requests do not have theirs parsed at once.
#[tokio::test]
async fn json_bodies_are_parsed_one_at_a_time() {
    let own = placed(&[SecretPlace::Body("/token".to_owned())], b"s3cr3t-value");
    let (mut parts, body) = request(API)
        .header("content-type", "application/json")
        .body(full(format!(r#"{{"token":"{}"}}"#, own.placeholder).as_bytes()))
        .unwrap()
        .into_parts();
    let target = target("https://api.example.com/");
    let another = PARSING.acquire().await.unwrap();
    let mut filled = std::pin::pin!(own.vault.put_in(&target, &mut parts, body));
    let first = std::future::poll_fn(|cx| std::task::Poll::Ready(filled.as_mut().poll(cx).is_pending()));
    assert!(first.await);
    drop(another);
    let body = filled.await.unwrap().collect().await.unwrap().to_bytes();
    assert_eq!(body, br#"{"token":"s3cr3t-value"}"#.as_slice());
}

// A streamed body ends in an error where a placeholder shows, wherever its chunks end; up to there it goes on.
#[test]
fn a_placeholder_across_chunks_ends_the_request() {
    let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
    let text = [b"before ".as_slice(), own.placeholder.as_bytes(), b" after"].concat();
    for cut in 1..text.len() {
        let (a, b) = text.split_at(cut);
        denied(sent(&own.vault, request(API).body(chunks(&[a, b])).unwrap()));
    }
    assert_eq!(own.record.read().0.len(), 1);
    assert_eq!(
        own.record.read().0[0].request,
        "token in the body to https://api.example.com"
    );
    let other = [b"before ", &own.placeholder.as_bytes()[..40], b" after"].concat();
    let one = sent(
        &own.vault,
        request(API).body(chunks(&[&other[..20], &other[20..]])).unwrap(),
    )
    .unwrap();
    assert_eq!(*one.body(), other);
}

// A value that would begin another header is refused, whoever wrote it.
#[test]
fn values_with_line_ends_are_refused_in_headers() {
    for value in ["a\r\nx: y", "a\nb", "a\rb", "a\0b"] {
        for place in [
            SecretPlace::Bearer,
            SecretPlace::Header("authorization".to_owned()),
            SecretPlace::Basic,
        ] {
            let own = placed(std::slice::from_ref(&place), value.as_bytes());
            let basic = base64::Engine::encode(
                &base64::engine::general_purpose::STANDARD,
                format!("u:{}", own.placeholder),
            );
            let header = match place {
                SecretPlace::Basic => format!("Basic {basic}"),
                _ => format!("Bearer {}", own.placeholder),
            };
            let one = request(API).header("authorization", header).body(full(b"")).unwrap();
            let text = invalid(sent(&own.vault, one));
            assert!(!text.contains(value) && text.contains("token"), "{text}");
        }
    }
    let own = placed(&[SecretPlace::Query("k".to_owned())], b"\xff\xfe-not-text");
    let one = request(&format!("{API}?k={}", own.placeholder))
        .body(full(b""))
        .unwrap();
    assert!(invalid(sent(&own.vault, one)).contains("UTF-8"));
}

// There is nothing to put in, and so nothing is sent that would look as if there were.
#[test]
fn a_secret_without_a_value_is_not_opened() {
    let empty = placed(&[SecretPlace::Bearer], b"");
    assert!(
        empty
            .vault
            .open("token")
            .unwrap_err()
            .to_string()
            .contains("has no value")
    );
    let own = placed(&[SecretPlace::Bearer], b"s3cr3t-value");
    let refused = own.vault.open("other").unwrap_err().to_string();
    assert!(
        refused.contains("secrets: { other: { to: [\"https://HOST\"], in: [bearer] } }"),
        "{refused}"
    );
    assert!(own.vault.open("x\n}: {").is_err());
    let (denials, _) = own.record.read();
    assert_eq!((denials[0].request.as_str(), &denials[1].allow), ("other", &None));
}

proptest::proptest! {
    // A request without a placeholder is nobody's business: it is sent as the guest made it.
    #[test]
    fn requests_without_placeholders_stay_as_they_are(
        path in "(/[a-z0-9%.~-]{0,8}){1,3}",
        query in proptest::option::of("[a-zA-Z0-9=&%+;:@/?~._-]{0,40}"),
        header in "[ -~]{0,60}",
        basic in "[A-Za-z0-9+/=]{0,40}",
        parts in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..80), 0..6),
        json in proptest::bool::ANY,
    ) {
        let places = [SecretPlace::Bearer, SecretPlace::Basic, SecretPlace::Body("/a".to_owned())];
        let own = placed(&places, b"s3cr3t-value");
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let make = |body| {
            request(&format!("https://api.example.com{path}{query}"))
                .header("x-a", header.trim())
                .header("authorization", format!("Basic {basic}"))
                .header("content-type", if json { "application/json" } else { "text/plain" })
                .body(body)
                .unwrap()
        };
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let one = sent(&own.vault, make(chunks(&slices))).unwrap();
        let plain = make(full(b""));
        proptest::prop_assert_eq!(one.uri(), plain.uri());
        proptest::prop_assert_eq!(one.headers(), plain.headers());
        proptest::prop_assert_eq!(one.body(), &parts.concat());
        proptest::prop_assert!(own.record.read().1.is_empty());
    }
}
