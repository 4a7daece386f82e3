//! What a step that was given the network and secrets does with them, against real servers: downloads that are pinned,
//! requests with a secret over TLS, a login at PostgreSQL; and what a person is told of what was not given. Not here: how
//! it is abused (`tests/hostile`).

#[allow(dead_code, reason = "shared with the tests of the login itself, which ask it more")]
#[path = "../../engine/egress/tests/secrets/database.rs"]
mod database;
mod servers;

use airtight_testkit::{Run, TestEnv};

use crate::{cache, outcome, pipeline};
use servers::{Authority, Server};

/// The SHA-256 of `the rules`, as `sha256sum` says it.
const SHA256: &str = "c53b0f3aaea46bbed466b1d0b62faf0e9f6ef346e74a62ab05d409088c1eb56c";

fn download(server: &Server, pin: &str) -> String {
    let port = server.port();
    format!(
        "steps:\n  rules:\n    uses: std/fetch\n    with: {{ url: \"http://127.0.0.1:{port}/rules.txt\" }}\n    \
         grants: {{ http: [ \"http://127.0.0.1:{port}\" ] }}\n    outputs: {{ file: {{ path: /out/rules.txt{pin} }} }}\n\
         export: {{ dist/rules.txt: rules.file }}\n"
    )
}

fn run(env: &TestEnv, code: i32, variables: &[(&str, &str)]) -> Run {
    let mut command = env.command(&["run", "--format", "json"]);
    command.envs(variables.iter().copied());
    env.finish(&mut command).expect(code)
}

// The network once, the cache from then on: that is what a pin is for.
#[test]
fn a_pinned_download_is_kept() {
    let server = Server::http("the rules");
    let env = pipeline(&[], &download(&server, &format!(", sha256: \"{SHA256}\"")));
    let first = run(&env, 0, &[]);
    assert_eq!(cache(&first, "rules"), "miss");
    assert_eq!(env.read("dist/rules.txt"), "the rules");
    assert_eq!(cache(&run(&env, 0, &[]), "rules"), "full");
    assert_eq!(server.heard().len(), 1);
    // Without the server: the step does not run.
    drop(server);
    assert_eq!(cache(&run(&env, 0, &[]), "rules"), "full");
}

#[test]
fn a_download_that_is_not_what_was_pinned_fails_and_leaves_nothing() {
    let server = Server::http("other rules");
    let env = pipeline(&[], &download(&server, &format!(", sha256: \"{SHA256}\"")));
    for _ in 0..2 {
        let run = run(&env, 1, &[]);
        assert_eq!(
            (outcome(&run, "rules").as_str(), cache(&run, "rules").as_str()),
            ("failed", "miss")
        );
        let told = env.run(&["run"]).expect(1).stderr;
        assert!(told.contains(SHA256), "{told}");
        assert!(!env.project().join("dist").exists());
    }
}

#[test]
fn a_download_without_a_pin_runs_again() {
    let server = Server::http("the rules");
    let env = pipeline(&[], &download(&server, ""));
    for times in 1..3 {
        assert_eq!(cache(&run(&env, 0, &[]), "rules"), "off");
        assert_eq!(server.heard().len(), times);
    }
}

/// Serves a file of ten bytes to two requests: the first answer breaks after five, the second one is the rest.
fn breaking() -> (std::net::SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = [
        "HTTP/1.1 200 OK\r\netag: \"v1\"\r\ncontent-length: 10\r\nconnection: close\r\n\r\n01234",
        "HTTP/1.1 206 Partial Content\r\netag: \"v1\"\r\ncontent-range: bytes 5-9/10\r\ncontent-length: 5\r\nconnection: close\r\n\r\n56789",
    ];
    let serve = move || {
        let answer = |text: &str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                head.push(byte[0]);
            }
            stream.write_all(text.as_bytes()).unwrap();
            String::from_utf8(head).unwrap()
        };
        answers.map(answer).to_vec()
    };
    (address, std::thread::spawn(serve))
}

#[test]
fn a_broken_download_is_taken_up_where_it_broke() {
    let (address, served) = breaking();
    let env = pipeline(
        &[],
        &format!(
            "steps:\n  get: {{ uses: std/fetch, with: {{ url: \"http://{address}/file\" }}, grants: {{ http: [ \"http://{address}\" ] }}, \
             outputs: {{ file: /out/file }} }}\nexport: {{ dist/file: get.file }}\n"
        ),
    );
    let run = run(&env, 0, &[]);
    assert_eq!(env.read("dist/file"), "0123456789", "{}", run.text());
    let heard = served.join().unwrap();
    assert!(!heard[0].contains("range:"), "{heard:?}");
    assert!(
        heard[1].contains("range: bytes=5-\r\n") && heard[1].contains("if-range: \"v1\"\r\n"),
        "{heard:?}"
    );
}

/// A step that posts with a secret to `https://localhost`.
fn post(server: &Server, more: &str) -> String {
    let port = server.port();
    format!(
        "secrets: {{ api-token: {{ env: API_TOKEN }}, my-key: {{ file: certs/me.key }} }}\nsteps:\n  post:\n    uses: ./outside.wasm\n    \
         with: {{ acts: [ \"secret|api-token\", \"http|POST|https://localhost:{port}/v1/deploy|authorization=Bearer $api-token|body={{}}\" ] }}\n    \
         grants:\n      http: [ {{ url: \"https://localhost:{port}/v1\", methods: [ POST ], addresses: [ \"127.0.0.0/8\", \"::1\" ], ca: certs/ca.pem{more} }} ]\n      \
         secrets: {{ api-token: {{ to: [ \"https://localhost:{port}\" ], in: [ bearer ] }} }}\n"
    )
}

const TOKEN: &str = "a-token-that-nobody-may-see";

#[test]
fn a_secret_goes_over_tls_to_the_host_that_it_was_granted_for() {
    let authority = Authority::new();
    let server = Server::https("deployed", &authority, false);
    let text = post(&server, "").replace(", my-key: { file: certs/me.key }", "");
    let env = pipeline(&["outside"], &text);
    env.write("certs/ca.pem", authority.pem());
    let run = run(&env, 0, &[("API_TOKEN", TOKEN)]);
    let result = run.step("post")["result"].as_str().unwrap().to_owned();
    assert!(result.starts_with("200") && result.ends_with("deployed"), "{result}");
    assert!(!run.text().contains(TOKEN), "{}", run.text());
    let heard = server.heard();
    assert!(heard[0].starts_with("POST /v1/deploy HTTP/1.1\r\n"), "{heard:?}");
    assert!(
        heard[0].contains(&format!("authorization: Bearer {TOKEN}\r\n")),
        "{heard:?}"
    );
    // Effectful: it is done again, and never from the cache.
    assert_eq!(cache(&run, "post"), "off");
}

// The same server without the project's own authority is a stranger.
#[test]
fn a_server_of_an_unknown_authority_gets_nothing() {
    let server = Server::https("deployed", &Authority::new(), false);
    let text = post(&server, "").replace(", my-key: { file: certs/me.key }", "");
    let env = pipeline(&["outside"], &text);
    env.write("certs/ca.pem", Authority::new().pem());
    let run = run(&env, 1, &[("API_TOKEN", TOKEN)]);
    let cause = run.step("post")["cause"].as_str().unwrap().to_owned();
    assert!(cause.contains("Tls"), "{cause}");
    assert!(server.heard().is_empty());
}

#[test]
fn a_client_certificate_is_shown_to_the_host_that_it_was_granted_for() {
    let authority = Authority::new();
    let server = Server::https("deployed", &authority, true);
    let more = ", client-certificate: { certificate: certs/me.pem, key: my-key }";
    let env = pipeline(&["outside"], &post(&server, more));
    let (certificate, key) = authority.sign("me");
    env.write("certs/ca.pem", authority.pem())
        .write("certs/me.pem", certificate.pem());
    env.write("certs/me.key", key.serialize_pem());
    let run = run(&env, 0, &[("API_TOKEN", TOKEN)]);
    assert!(
        run.step("post")["result"].as_str().unwrap().starts_with("200"),
        "{}",
        run.text()
    );
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn a_missing_secret_is_said_before_anything_runs() {
    let server = Server::http("x");
    let text = post(&server, "").replace(", my-key: { file: certs/me.key }", "");
    let env = pipeline(&["outside"], &text);
    env.write("certs/ca.pem", Authority::new().pem());
    let run = env.run(&["run"]);
    assert_ne!(run.code, Some(0));
    assert!(run.stderr.contains("API_TOKEN"), "{}", run.text());
    assert!(server.heard().is_empty());
}

// The guest speaks the wire protocol and has no password; the host proves that it knows it.
#[test]
fn a_step_asks_a_database_without_its_password() {
    let Some(database) = database::database() else { return };
    let port = database.port;
    for (user, rest) in [("app", "tls: false"), ("encrypted", "tls: true, ca: certs/db.pem")] {
        let env = pipeline(
            &["outside"],
            &format!(
                "secrets: {{ db-password: {{ file: ~/password }} }}\nsteps:\n  ask:\n    uses: ./outside.wasm\n    \
                 with: {{ acts: [ \"postgres|127.0.0.1:{port}|select concat(current_user, ' at ', current_database(), ' says ', 40 + 2)\" ] }}\n    \
                 grants: {{ net: [ {{ to: \"tcp://127.0.0.1:{port}\", login: {{ postgres: {{ user: {user}, password: db-password, database: orders, {rest} }} }} }} ] }}\n"
            ),
        );
        std::fs::write(env.root().join("home/password"), database::PASSWORD).unwrap();
        env.write("certs/db.pem", &database.ca);
        let run = run(&env, 0, &[]);
        let result = run.step("ask")["result"].as_str().unwrap().to_owned();
        assert!(result.contains(&format!("{user} at orders says 42")), "{result}");
        assert!(!run.text().contains(database::PASSWORD));
    }
}

// What a person reads of a refusal: what, by which rule, and the lines to add.
#[test]
fn a_denial_teaches_the_lines_that_would_allow_it() {
    let env = pipeline(
        &["outside"],
        "steps:\n  deploy:\n    uses: ./outside.wasm\n    with: { acts: [ \"http|POST|https://api.example.com/v1/deploy?token=1|body=x\" ] }\n    \
         grants: { http: [ \"https://api.example.com\" ] }\n",
    );
    let told = env.run(&["run"]).expect(5).stderr;
    assert!(told.contains("POST https://api.example.com/v1/deploy"), "{told}");
    assert!(told.contains("methods: [GET, HEAD, POST]"), "{told}");
    assert!(told.contains("airtight.yaml:"), "{told}");
    assert!(!told.contains("token=1"), "{told}");
    // The least that would have been enough.
    let proposed = env.run(&["plan", "--suggest-grants"]).expect(0);
    let line = "{ url: \"https://api.example.com/v1\", methods: [POST] }";
    assert!(proposed.stdout.contains(line), "{}", proposed.text());
}

#[test]
fn questions_are_answered_from_the_pipeline_and_the_runs() {
    let server = Server::http("the rules");
    let env = pipeline(&[], &download(&server, ""));
    let _ = run(&env, 0, &[]);
    let host = format!("127.0.0.1:{}", server.port());
    let asked = env.run(&["query", "reach", &host]).expect(0);
    assert!(asked.stdout.contains("rules"), "{}", asked.text());
    let asked = env.run(&["query", "reach", "api.example.com"]).expect(0);
    assert!(!asked.stdout.contains("rules"), "{}", asked.text());
}

// Whoever could make the process dump its core would have the secret.
#[test]
fn a_process_that_holds_a_secret_leaves_no_core() {
    let (tell, told) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel();
    let server = Server::waiting(
        "done",
        Box::new(move || {
            let _ = tell.send(());
            let _ = wait.recv_timeout(std::time::Duration::from_secs(60));
        }),
    );
    let port = server.port();
    let env = pipeline(
        &["outside"],
        &format!(
            "secrets: {{ api-token: {{ env: API_TOKEN }} }}\nsteps:\n  hold:\n    uses: ./outside.wasm\n    \
             with: {{ acts: [ \"secret|api-token\", \"http|GET|http://127.0.0.1:{port}/|authorization=Bearer $api-token\" ] }}\n    \
             grants:\n      http: [ \"http://127.0.0.1:{port}\" ]\n      secrets: {{ api-token: {{ to: [ \"http://127.0.0.1:{port}\" ], in: [ bearer ] }} }}\n"
        ),
    );
    let mut command = env.command(&["run"]);
    let mut child = command
        .env("API_TOKEN", TOKEN)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    told.recv_timeout(std::time::Duration::from_secs(60))
        .expect("the request comes");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap()
        .to_owned();
    go.send(()).unwrap();
    assert!(child.wait().unwrap().success());
    let soft = core.trim_start_matches("Max core file size").split_whitespace().next();
    assert_eq!(soft, Some("0"), "{core}");
    assert!(server.heard()[0].contains(TOKEN));
}
