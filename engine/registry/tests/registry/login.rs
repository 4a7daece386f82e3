//! Logins: taken from Docker's files, shown to whom they are for, and to nobody else.

use airtight_registry::{Client, Config, Push, RegistryError};
use airtight_testkit::{Fake, LOGIN, Registry, Reply};
use base64::Engine as _;

use crate::{artifact, client, component, pull, reference, wait};

/// A client whose folder of logins has one for a host.
fn with_login(folder: &std::path::Path, host: &str, (user, password): (&str, &str)) -> Client {
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    let text = format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{auth}\"}}}}}}");
    std::fs::write(folder.join("config.json"), text).unwrap();
    Client::new(Config {
        credentials: Some(folder.to_owned()),
        ..Config::default()
    })
}

// None, a wrong one and the right one.
#[test]
fn a_registry_that_wants_a_login_gets_the_one_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let Some(registry) = Registry::with_login(folder.path()) else {
        return;
    };
    let tagged = reference(&registry.host, "scan:1.0.0");
    let new = artifact(&component("1.0.0"), &tagged);
    wait(async {
        let needed = client().push(&tagged, &new, Push::default()).await.unwrap_err();
        assert!(
            matches!(&needed, RegistryError::LoginNeeded { to } if *to == registry.host),
            "{needed}"
        );
        assert!(
            needed
                .help()
                .unwrap()
                .contains(&format!("docker login {}", registry.host))
        );
        let wrong = with_login(folder.path(), &registry.host, (LOGIN.0, "wrong"));
        let refused = wrong.push(&tagged, &new, Push::default()).await.unwrap_err();
        assert!(
            matches!(refused, RegistryError::Refused { logged_in: true, .. }),
            "{refused}"
        );
        let right = with_login(folder.path(), &registry.host, LOGIN);
        let _ = right.push(&tagged, &new, Push::default()).await.unwrap();
        assert_eq!(pull(&right, &tagged).await.unwrap().1, component("1.0.0"));
        assert!(matches!(
            pull(&client(), &tagged).await,
            Err(RegistryError::LoginNeeded { .. })
        ));
    });
}

// The way of the large registries: a token from another server, for which the login is shown there.
#[test]
fn a_token_is_got_with_the_login_and_shown_to_the_registry() {
    let tokens = Fake::start(|asked| {
        assert!(
            asked.path.contains("scope=repository%3Atools%2Fscan%3Apull"),
            "{asked:?}"
        );
        assert!(asked.path.contains("service=here"), "{asked:?}");
        match asked.authorization() {
            Some(_) => Reply::body(200, "{\"token\": \"t0ken\"}"),
            None => Reply::body(401, ""),
        }
    });
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"here\"", tokens.host);
    let registry = Fake::start(move |asked| match asked.authorization() {
        Some("Bearer t0ken") => Reply::body(404, ""),
        _ => Reply::Answer(401, vec![format!("www-authenticate: {realm}")], Vec::new()),
    });
    let folder = tempfile::tempdir().unwrap();
    let tagged = reference(&registry.host, "tools/scan:1.0.0");
    wait(async {
        assert!(matches!(
            client().look_up(&tagged).await,
            Err(RegistryError::LoginNeeded { .. })
        ));
        let client = with_login(folder.path(), &registry.host, LOGIN);
        assert!(matches!(client.look_up(&tagged).await, Err(RegistryError::NotFound(_))));
    });
    let shown: Vec<_> = registry
        .asked()
        .iter()
        .filter_map(|asked| asked.authorization().map(str::to_owned))
        .collect();
    assert_eq!(shown, ["Bearer t0ken"]);
}

// Where the registry leads to for a blob, and where it wants one to be sent, is told nothing of who we are.
#[test]
fn a_login_is_not_shown_elsewhere() {
    let elsewhere = Fake::start(|_| Reply::body(404, ""));
    let other = elsewhere.host.clone();
    let registry = Fake::start(move |asked| {
        if asked.authorization().is_none() {
            return Reply::Answer(401, vec!["www-authenticate: Basic realm=\"x\"".to_owned()], Vec::new());
        }
        match (asked.method.as_str(), asked.path.contains("/blobs/")) {
            ("GET", false) => Reply::Answer(307, vec![format!("location: http://{other}/manifest")], Vec::new()),
            ("HEAD", true) => Reply::body(404, ""),
            ("POST", true) => Reply::Answer(202, vec![format!("location: http://{other}/upload")], Vec::new()),
            _ => Reply::body(500, ""),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let client = with_login(folder.path(), &registry.host, LOGIN);
    let tagged = reference(&registry.host, "scan:1.0.0");
    wait(async {
        assert!(client.look_up(&tagged).await.is_err());
        let new = artifact(&component("1.0.0"), &tagged);
        assert!(client.push(&tagged, &new, Push::default()).await.is_err());
    });
    assert!(registry.asked().iter().any(|asked| asked.authorization().is_some()));
    let asked = elsewhere.asked();
    assert!(
        asked
            .iter()
            .any(|asked| asked.path.starts_with("/upload?digest=sha256%3A")),
        "{asked:?}"
    );
    assert!(asked.iter().all(|asked| asked.authorization().is_none()), "{asked:?}");
}
