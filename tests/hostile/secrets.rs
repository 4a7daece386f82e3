//! Theft of secrets: a step that was granted one uses it and never sees it, and it is nowhere afterwards. The value of the
//! secret `token` is a canary that is looked for in all that the program wrote and printed; the step may send it to
//! 127.0.0.1 as a bearer token.

use serde_json::json;

use crate::harness::{CANARY_SECRET, Case, Surroundings, fetch, hostile, outside};
use crate::servers::start;

fn with_secrets(around: &mut Surroundings) {
    start(around);
    around.top = "secrets: { token: { env: TOKEN }, other: { env: OTHER } }\n".to_owned();
    around.variables.push(("TOKEN".to_owned(), CANARY_SECRET.to_owned()));
    around
        .variables
        .push(("OTHER".to_owned(), CANARY_SECRET.chars().rev().collect()));
}

const GRANT: &str = "http: [ { url: \"http://127.0.0.1:[PORT]\", methods: [ GET, POST ] }, { url: \"http://127.0.0.2:[PORT]\" } ], \
    secrets: { token: { to: [ \"http://127.0.0.1:[PORT]\" ], in: [ bearer ] } }";
const BEARER: &str = "authorization=Bearer $token";

/// Sends the secret where it may go, and fails with all that comes back.
fn echo(path: &str) -> Case {
    let act = format!("http|GET|http://127.0.0.1:[PORT]/{path}|{BEARER}");
    outside(GRANT, &["secret|token", &act, "fail|$last"])
        .stopped("refused: ")
        .heard()
}

/// Sends the placeholder where the secret may not go.
fn sends(act: &str) -> Case {
    outside(GRANT, &["secret|token", act]).denied("ErrorCode::HttpRequestDenied")
}

/// Does something with the placeholder, and fails.
fn does(acts: &[&str]) -> Case {
    let mut all = vec!["secret|token"];
    all.extend_from_slice(acts);
    outside(GRANT, &all).fails("refused: ").heard()
}

hostile! { with_secrets;
    /// Has a server echo the request.
    echoed => echo("echo").fails("refused: 200");
    /// Has a server echo the secret in a header.
    echoed_in_a_header => echo("echo-header").fails("refused: 200");
    /// Has a server echo the secret in hexadecimal digits.
    echoed_in_hex => echo("echo-hex").fails("refused: 200");
    /// Has a server echo the secret with percent signs.
    echoed_with_percent => echo("echo-percent").fails("refused: 200");
    /// Has a server echo the secret in base64, at another border than its own.
    echoed_in_base64 => echo("echo-base64").fails("refused: 200");
    /// Has a server echo the secret in JSON.
    echoed_in_json => echo("echo-json").fails("refused: 200");
    /// Has a server echo the secret one byte at a time.
    echoed_in_drops => echo("drip").fails("before");
    /// Has a server refuse with the secret in the text.
    echoed_in_an_error => echo("echo-error").fails("refused: 403");
    /// Has a server put the secret into the reason of its status.
    echoed_in_the_reason => echo("echo-reason");
    /// Has a server redirect to a URL with the secret in it.
    echoed_in_a_redirect => echo("redirect/x?http://127.0.0.2:[PORT]/[TOKEN]").fails("refused: 302");
    /// Has a server compress what it sends, so that nobody could look through it.
    echoed_compressed => echo("encoded").stopped("refused: ErrorCode");
    /// Downloads what refuses with the secret in the text, which is the cause of the failure.
    download_of_an_error => fetch(GRANT, json!({ "url": "http://127.0.0.1:[PORT]/echo-error/file", "secret": "token" }))
        .fails("answered 403").heard();
    /// Has a redirect lead a download with the secret to another host.
    download_that_is_redirected => fetch(GRANT, json!({ "url": "http://127.0.0.1:[PORT]/redirect/f?http://127.0.0.2:[PORT]/echo-error/f", "secret": "token" }))
        .fails("answered 403: not with").heard();
    /// Has a redirect with the secret in it lead to another host.
    download_that_carries_it_along => fetch(GRANT, json!({ "url": "http://127.0.0.1:[PORT]/redirect/f?http://127.0.0.2:[PORT]/[TOKEN]", "secret": "token", "retries": 0 }))
        .stopped("").heard();

    /// Sends the secret to another host.
    another_host => sends("http|GET|http://127.0.0.2:[PORT]/[[NAME]]|authorization=Bearer $token");
    /// Sends the secret in another header.
    another_header => sends("http|GET|http://127.0.0.1:[PORT]/[[NAME]]|x-api-key=$token");
    /// Sends the secret in the right header, but not as a bearer token.
    another_form => sends("http|GET|http://127.0.0.1:[PORT]/[[NAME]]|authorization=$token");
    /// Sends the secret with something around it.
    something_around => sends("http|GET|http://127.0.0.1:[PORT]/[[NAME]]|authorization=Bearer x$token");
    /// Sends the secret in the query.
    query => sends("http|GET|http://127.0.0.1:[PORT]/?[[NAME]]=$token");
    /// Sends the secret in the path.
    path => sends("http|GET|http://127.0.0.1:[PORT]/[[NAME]]/$token");
    /// Sends the secret in the body.
    body => sends("http|POST|http://127.0.0.1:[PORT]/|body={\"[[NAME]]\": \"$token\"}").heard();
    /// Sends the secret in the name of a header.
    header_name => outside(GRANT, &["secret|token", "http|GET|http://127.0.0.1:[PORT]/[[NAME]]|$token=x"]).stopped("refused: ");
    /// Sends the secret in the name of the host.
    host_name => outside(GRANT, &["secret|token", "http|GET|http://$token.example.com:[PORT]/"]).denied("");
    /// Sends the secret to the right place by another method.
    another_method => sends("http|PUT|http://127.0.0.1:[PORT]/[[NAME]]|authorization=Bearer $token");
    /// Opens a secret that it was not granted.
    another_secret => outside(GRANT, &["secret|other"]).denied("denied: ");
    /// Opens a secret that nobody has.
    no_secret => outside(GRANT, &["secret|nothing"]).denied("denied: ");
    /// Opens a secret with a name that is none.
    odd_secret => outside(GRANT, &["secret|../../token\0"]).stopped("refused: ");
    /// Opens a secret by a name of a hundred thousand letters.
    long_secret => outside(GRANT, &["secret|LONG:100000"]).stopped("refused: ");
    /// Reads the secret from its environment.
    environment => does(&["env|TOKEN"]);
    /// Computes with a secret that is only for requests.
    hmac => outside(GRANT, &["secret|token", "hmac|token|x"]).denied("denied: ");
    /// Signs with a secret that is only for requests.
    jwt => outside(GRANT, &["secret|token", "jwt|token|{}"]).denied("denied: ");
    /// Signs a request with a secret that is only for requests.
    aws => outside(GRANT, &["secret|token", "aws|token|http://127.0.0.1:[PORT]/"]).denied("denied: ");
    /// Signs a request to another host.
    aws_for_another_host => outside("http: [ \"http://127.0.0.1:[PORT]\" ], secrets: { token: { to: [ \"http://127.0.0.1:[PORT]\" ], operations: [ aws-sigv4 ] } }",
        &["secret|token", "aws|token|http://127.0.0.2:[PORT]/"]).stopped("refused: ");

    /// Writes the placeholder into a file.
    in_a_file => does(&["write|/out/f|$token", "fail|x"]);
    /// Names a file by the placeholder.
    in_a_name => does(&["write|/out/$token|x", "fail|x"]);
    /// Says the placeholder everywhere where a step can say something.
    in_what_it_says => does(&["say|$token", "fail|x"]);
    /// Fails with the placeholder.
    in_an_error => does(&["fail|$token"]);
    /// Says everywhere what a server gave back.
    in_what_it_says_of_an_echo => does(&["http|GET|http://127.0.0.1:[PORT]/echo|authorization=Bearer $token", "say|$last", "write|/out/f|$last", "fail|$last"]);
    /// Looks for the secret in its memory, after it was sent and echoed.
    in_its_memory => does(&["http|GET|http://127.0.0.1:[PORT]/echo|authorization=Bearer $token", "scan|canary-secr|et-Zm9v/+&%"]).fails("not in the memory");
}

// The other side of all of the above: the secret does arrive where it was granted, and only there.
#[test]
fn the_granted_host_hears_the_secret_and_no_other_does() {
    GROUP.check("echoed");
    let heard = GROUP.heard();
    let with: Vec<&String> = heard.iter().filter(|request| request.contains(CANARY_SECRET)).collect();
    assert!(!with.is_empty(), "no server heard it: the cases show nothing");
    for request in with {
        assert!(request.starts_with("near: GET /"), "{request}");
        assert!(
            request.contains(&format!("authorization: Bearer {CANARY_SECRET}\r\n")),
            "{request}"
        );
        assert_eq!(request.matches(CANARY_SECRET).count(), 1, "{request}");
    }
    let reversed: String = CANARY_SECRET.chars().rev().collect();
    assert!(!heard.iter().any(|request| request.contains(&reversed)));
}
