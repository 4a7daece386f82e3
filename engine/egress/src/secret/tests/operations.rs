//! Operations, against the vectors that their standards publish.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::super::operation::{aws, jwt};
use super::super::{AwsRequest, JwtAlgorithm, SecretError};
use super::*;

/// The keys of RFC 7515, A.2 and A.3, and of RFC 8037, A.1, as the DER of PKCS #8 in base64.
const RSA: &str = "\
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSX\
xbbqY913EeZ8dCn5VrD7io8ImtxLaYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNnjuygxmj3\
AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKj\
lnAqH2QbgtPr8jkiGUkftoaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAEC\
ggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe\
46sui395IW/GO+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M/V51gfpRLI9JYanr\
C4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneuf\
uBiB4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0KpLttoLhyt3SmqdEf/kgHePDdtzEafpAu\
+cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqElMGA\
g+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7\
vMVgePsLq6XtON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNwkgMTP1FZ1wKB\
gAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgw\
o59dkpN75gJLVds29+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/evpitUf+4JYbLpvNXWcY\
052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcGyoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+\
CCoRjaZjOYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd+DlcxyVuuM9s\
QLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\
03k2+ZQwVK0JKSHuLFkuQ3U=";
const P256: &str = "\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIffH1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/\
zc4ncPbEXUGDy+5v20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt";
const ED25519: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";

fn pem(base64: &str) -> Vec<u8> {
    let kind = "PRIVATE KEY";
    format!("-----BEGIN {kind}-----\n{base64}\n-----END {kind}-----\n").into_bytes()
}

fn able(operation: SecretOperation, value: &[u8]) -> OneSecret {
    session(grant(&[], &[operation]), value)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// RFC 4231, test cases 1, 2 and 6.
#[test]
fn hmac_is_as_rfc_4231_has_it() {
    for (key, message, expected) in [
        (
            vec![0x0b; 20],
            "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            vec![0xaa; 131],
            "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ] {
        let own = able(SecretOperation::HmacSha256, &key);
        let handle = own.vault.open("token").unwrap();
        assert_eq!(
            hex(&own.vault.hmac_sha256(&handle, message.as_bytes()).unwrap()),
            expected
        );
        let (_, uses) = own.record.read();
        assert_eq!(uses[0].request, "token for hmac-sha256");
    }
}

// An operation that was not granted is refused with the line that would grant it.
#[test]
fn an_operation_that_is_not_granted_is_refused() {
    let own = able(SecretOperation::HmacSha256, b"s3cr3t-value");
    let handle = own.vault.open("token").unwrap();
    let error = own
        .vault
        .jwt_sign(&handle, JwtAlgorithm::Hs256, None, "{}")
        .unwrap_err();
    assert!(matches!(error, SecretError::Denied(_)));
    let request = aws_request("https://api.example.com/");
    assert!(matches!(
        own.vault.aws_sigv4(&handle, &request),
        Err(SecretError::Denied(_))
    ));
    let (denials, uses) = own.record.read();
    assert!(uses.is_empty());
    assert_eq!(denials[0].request, "token for jwt-sign");
    let line =
        r#"secrets: { token: { to: ["https://api.example.com"], operations: [hmac-sha256, jwt-sign], env: TOKEN } }"#;
    assert_eq!(denials[0].allow.as_deref(), Some(line));
}

// RFC 7515 A.1 and A.2, RFC 8037 A.4: these signatures are the same every time.
#[test]
fn signatures_are_as_the_rfcs_have_them() {
    let claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let symmetric = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    for (key, algorithm, message, expected) in [
        (
            URL_SAFE_NO_PAD.decode(symmetric).unwrap(),
            JwtAlgorithm::Hs256,
            format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{claims}"),
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            pem(RSA),
            JwtAlgorithm::Rs256,
            format!("eyJhbGciOiJSUzI1NiJ9.{claims}"),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9\
             CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOL\
             n6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtV\
             rBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            pem(ED25519),
            JwtAlgorithm::EdDsa,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ] {
        let signature = jwt::signature_of("token", &key, algorithm, message.as_bytes()).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(signature), expected, "{algorithm:?}");
    }
}

// RFC 7515 A.3: such a signature is another one every time, and the public key of the RFC confirms it.
#[test]
fn an_ecdsa_signature_is_confirmed_by_the_public_key() {
    let point = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72bfocs3-257rn0s2ldbqkLJK2KRiMohYjlrQ";
    let point = [vec![4], URL_SAFE_NO_PAD.decode(point).unwrap()].concat();
    let own = able(SecretOperation::JwtSign, &pem(P256));
    let handle = own.vault.open("token").unwrap();
    let token = own
        .vault
        .jwt_sign(&handle, JwtAlgorithm::Es256, Some("key \"1\""), r#"{"iss": "joe"}"#)
        .unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    public
        .verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.decode(header).unwrap(),
        br#"{"alg":"ES256","typ":"JWT","kid":"key \"1\""}"#
    );
    assert_eq!(URL_SAFE_NO_PAD.decode(claims).unwrap(), br#"{"iss": "joe"}"#);
}

// A key that does not go with the algorithm, and claims that are none, sign nothing; no error shows the key.
#[test]
fn keys_and_claims_that_do_not_fit_are_refused() {
    use JwtAlgorithm::{EdDsa, Es256, Hs256, Rs256};
    for (key, algorithms) in [
        (pem(RSA), [Hs256, Es256, EdDsa].as_slice()),
        (pem(P256), &[Hs256, Rs256, EdDsa]),
        (pem(ED25519), &[Hs256, Rs256, Es256]),
        (b"s3cr3t-value".to_vec(), &[Rs256, Es256, EdDsa]),
        (pem("s3cr3t-value"), &[Rs256, Es256, EdDsa]),
    ] {
        let own = able(SecretOperation::JwtSign, &key);
        let handle = own.vault.open("token").unwrap();
        for algorithm in algorithms {
            let error = own.vault.jwt_sign(&handle, *algorithm, None, "{}").unwrap_err();
            assert!(
                matches!(&error, SecretError::Invalid(text) if !text.contains("s3cr3t")),
                "{error}"
            );
        }
    }
    let own = able(SecretOperation::JwtSign, b"s3cr3t-value");
    let handle = own.vault.open("token").unwrap();
    for claims in ["", "[]", "1", "\"x\"", "{", "{}{}"] {
        let error = own.vault.jwt_sign(&handle, Hs256, None, claims).unwrap_err();
        assert!(matches!(error, SecretError::Invalid(_)), "{claims}");
    }
}

const KEYS: &str =
    r#"{"access-key-id": "AKIDEXAMPLE", "secret-access-key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}"#;
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn aws_request(url: &str) -> AwsRequest {
    AwsRequest {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: Vec::new(),
        body_sha256: EMPTY.to_owned(),
        region: "us-east-1".to_owned(),
        service: "service".to_owned(),
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let own = headers.iter().find(|(own, _)| own == name);
    own.map_or("", |(_, value)| value)
}

// From the signing test suite of Amazon's: the query's order, a session's token, a body and headers of the guest's.
#[test]
fn sigv4_is_as_the_test_suite_has_it() {
    let now = UNIX_EPOCH + Duration::from_secs(1_440_938_160);
    let signature = |keys: &str, request: &AwsRequest| {
        let headers = aws::sign("token", &SecretValue::new(keys.as_bytes().to_vec()), request, now).unwrap();
        assert_eq!(header(&headers, "x-amz-date"), "20150830T123600Z");
        let authorization = header(&headers, "authorization").to_owned();
        let (rest, signature) = authorization.rsplit_once("Signature=").unwrap();
        assert!(
            rest.contains("Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"),
            "{rest}"
        );
        signature.to_owned()
    };
    let ordered = aws_request("https://example.amazonaws.com/?Param2=value2&Param1=value1");
    assert_eq!(
        signature(KEYS, &ordered),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"
    );
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"; // airtight:allow-secret
    let with_token = KEYS.replace('}', &format!(r#", "session-token": "{token}"}}"#));
    let vanilla = aws_request("https://example.amazonaws.com/");
    assert_eq!(
        signature(&with_token, &vanilla),
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
    );
    let digest = "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e";
    let form = AwsRequest {
        method: "POST".to_owned(),
        headers: vec![
            (
                "Content-Type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            ),
            ("Content-Length".to_owned(), "13".to_owned()),
            ("X-Amz-Content-Sha256".to_owned(), digest.to_owned()),
        ],
        body_sha256: digest.to_owned(),
        ..aws_request("https://example.amazonaws.com/")
    };
    assert_eq!(
        signature(KEYS, &form),
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"
    );
}

// From the documentation of Amazon S3, whose paths are signed as they are sent and whose bodies' digests are headers.
#[test]
fn sigv4_for_s3_is_as_its_documentation_has_it() {
    let now = UNIX_EPOCH + Duration::from_secs(1_369_353_600);
    let keys =
        r#"{"access-key-id": "AKIAIOSFODNN7EXAMPLE", "secret-access-key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}"#;
    let header_of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let get = AwsRequest {
        headers: vec![header_of("range", "bytes=0-9")],
        service: "s3".to_owned(),
        ..aws_request("https://examplebucket.s3.amazonaws.com/test.txt")
    };
    let put = AwsRequest {
        method: "PUT".to_owned(),
        headers: vec![
            header_of("date", "Fri, 24 May 2013 00:00:00 GMT"),
            header_of("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        body_sha256: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072".to_owned(),
        service: "s3".to_owned(),
        ..aws_request("https://examplebucket.s3.amazonaws.com/test%24file.text")
    };
    for (request, expected) in [
        (get, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        (put, "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
    ] {
        let headers = aws::sign("token", &SecretValue::new(keys.as_bytes().to_vec()), &request, now).unwrap();
        assert!(header(&headers, "authorization").ends_with(expected), "{headers:?}");
        assert_eq!(header(&headers, "x-amz-content-sha256"), request.body_sha256);
    }
}

// The token of a session is a piece of the secret: a guest sends what stands for it, and only in its own header.
#[test]
fn a_sessions_token_is_never_handed_out() {
    let value = KEYS.replace('}', r#", "session-token": "the-t0ken-of-a-session"}"#);
    let own = able(SecretOperation::AwsSigv4, value.as_bytes());
    let handle = own.vault.open("token").unwrap();
    let headers = own
        .vault
        .aws_sigv4(&handle, &aws_request("https://api.example.com/"))
        .unwrap();
    assert!(!format!("{headers:?}").contains("t0ken"), "{headers:?}");
    let stand_in = header(&headers, "x-amz-security-token");
    let request = |name: &str, url: &str| {
        http::Request::builder()
            .uri(url)
            .header(name, stand_in)
            .body(full(b""))
            .unwrap()
    };
    let one = sent(&own.vault, request("x-amz-security-token", "https://api.example.com/")).unwrap();
    assert_eq!(one.headers()["x-amz-security-token"], "the-t0ken-of-a-session");
    assert!(sent(&own.vault, request("x-other", "https://api.example.com/")).is_err());
    assert!(sent(&own.vault, request("x-amz-security-token", "https://evil.example.com/")).is_err());
    let mut redactor = own.vault.redactor();
    let out = redactor.whole(b"the-t0ken-of-a-session wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY AKIDEXAMPLE");
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.ends_with(" AKIDEXAMPLE") && !out.contains("t0ken") && !out.contains("wJal"),
        "{out}"
    );
}

// A signature for another host would be as good as the key there.
#[test]
fn a_request_to_another_host_is_not_signed() {
    let own = able(SecretOperation::AwsSigv4, KEYS.as_bytes());
    let handle = own.vault.open("token").unwrap();
    for url in [
        "https://evil.example.com/",
        "http://api.example.com/",
        "https://api.example.com:444/",
    ] {
        let error = own.vault.aws_sigv4(&handle, &aws_request(url)).unwrap_err();
        assert!(
            matches!(&error, SecretError::Denied(text) if text.contains("secrets: { token: ")),
            "{error}"
        );
    }
    assert_eq!(own.record.read().0.len(), 3);
    for url in [
        "",
        "/x",
        "https://user@api.example.com/",
        "ftp://api.example.com/",
        "https://api.example.com:x/",
    ] {
        assert!(
            matches!(
                own.vault.aws_sigv4(&handle, &aws_request(url)),
                Err(SecretError::Invalid(_))
            ),
            "{url}"
        );
    }
}

// Each of these would end a line of what is signed and begin one that says something else.
#[test]
fn nothing_of_a_request_can_begin_another_line_of_what_is_signed() {
    let own = able(SecretOperation::AwsSigv4, KEYS.as_bytes());
    let handle = own.vault.open("token").unwrap();
    let good = || aws_request("https://api.example.com/");
    let with = |name: &str, value: &str| AwsRequest {
        headers: vec![(name.to_owned(), value.to_owned())],
        ..good()
    };
    let text = "x\ny".to_owned();
    for request in [
        AwsRequest {
            method: text.clone(),
            ..good()
        },
        AwsRequest {
            region: text.clone(),
            ..good()
        },
        AwsRequest {
            service: text.clone(),
            ..good()
        },
        AwsRequest {
            region: "us/east".to_owned(),
            ..good()
        },
        AwsRequest {
            body_sha256: format!("{EMPTY}\n"),
            ..good()
        },
        AwsRequest {
            body_sha256: EMPTY.to_uppercase(),
            ..good()
        },
        with("x-a", "b\nc"),
        with("x\na", "b"),
        with("Host", "evil.example.com"),
        with("X-Amz-Date", "20150830T123600Z"),
        with("x-amz-security-token", "x"),
        with("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ] {
        assert!(
            matches!(own.vault.aws_sigv4(&handle, &request), Err(SecretError::Invalid(_))),
            "{request:?}"
        );
    }
    for value in [
        "plain",
        "{}",
        "[]",
        r#"{"access-key-id": "x"}"#,
        r#"{"access-key-id": 1, "secret-access-key": "y"}"#,
    ] {
        let own = able(SecretOperation::AwsSigv4, value.as_bytes());
        let handle = own.vault.open("token").unwrap();
        assert!(
            matches!(own.vault.aws_sigv4(&handle, &good()), Err(SecretError::Invalid(_))),
            "{value}"
        );
    }
}

proptest::proptest! {
    // Whatever a guest asks to have signed, it gets headers that can be sent or an error, and never the key.
    #[test]
    fn any_request_is_signed_or_refused(
        method in "[A-Z]{0,8}|.{0,4}",
        path in "(/|//|[a-z]|%[0-9a-fA-F]{0,2}|\\.|\\.\\.|[ -~]|é|\u{0}|\\+){0,12}",
        query in proptest::option::of("([a-z]|=|&|%[0-9a-fA-F]{0,2}|[ -~]|ü){0,12}"),
        headers in proptest::collection::vec(("[a-zA-Z-]{0,8}|.{0,3}", "[ -~\t]{0,12}|.{0,4}"), 0..4),
        service in "s3|service|.{0,3}",
        signed in proptest::bool::ANY,
    ) {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let own = able(SecretOperation::AwsSigv4, KEYS.as_bytes());
        let handle = own.vault.open("token").unwrap();
        let request = AwsRequest {
            method,
            url: format!("https://api.example.com{path}{query}"),
            headers,
            body_sha256: if signed { EMPTY } else { "UNSIGNED-PAYLOAD" }.to_owned(),
            region: "us-east-1".to_owned(),
            service,
        };
        match own.vault.aws_sigv4(&handle, &request) {
            Ok(made) => {
                for (name, value) in &made {
                    proptest::prop_assert!(name.parse::<http::HeaderName>().is_ok());
                    proptest::prop_assert!(value.parse::<http::HeaderValue>().is_ok(), "{}", value);
                }
                let shown = made.iter().any(|(name, value)| [name, value].iter().any(|text| text.contains("wJalrXUtnFEMI")));
                proptest::prop_assert!(!shown);
            }
            Err(error) => proptest::prop_assert!(!error.to_string().contains("wJalrXUtnFEMI")),
        }
    }

    // Any claims and any key are a token or an error, which shows nothing of the key.
    #[test]
    fn any_claims_are_signed_or_refused(claims in "\\{\"[a-z]\":[0-9\"a]{0,6}\\}|.{0,20}", id in proptest::option::of(".{0,8}"), pem in proptest::bool::ANY) {
        let key = if pem { pem_of_canary() } else { b"c4nary-of-a-key".to_vec() };
        let own = able(SecretOperation::JwtSign, &key);
        let handle = own.vault.open("token").unwrap();
        for algorithm in [JwtAlgorithm::Hs256, JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa] {
            let text = match own.vault.jwt_sign(&handle, algorithm, id.as_deref(), &claims) {
                Ok(token) => token,
                Err(error) => error.to_string(),
            };
            proptest::prop_assert!(!text.contains("c4nary"));
        }
    }
}

fn pem_of_canary() -> Vec<u8> {
    pem(&base64::engine::general_purpose::STANDARD.encode("c4nary-of-a-key"))
}
