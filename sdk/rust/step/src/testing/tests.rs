//! Tests of the host for tests.

use super::*;
use crate::report::{self, Severity, TestOutcome};
use crate::secret::{JwtAlgorithm, SecretError};
use crate::{ArtifactError, Progress, Secret};

/// What a step says through any interface is there for a test to look at.
#[test]
fn a_host_collects_what_a_step_says() {
    let host = Host::new();
    report::Finding::new("rule", Severity::Error, "bad")
        .at("/in/a")
        .line(2)
        .column(3)
        .fingerprint("f")
        .add();
    report::TestCase::failed("suite", "name", "why")
        .took(std::time::Duration::from_millis(2))
        .add();
    report::Metric::new("size", 2.5).unit("bytes").add();
    report::Annotation::new(Severity::Note, "title", "text").add();
    report::set_summary("first");
    report::set_summary("*last*");
    {
        let mut progress = Progress::of("scan", 10);
        progress.add(3);
        progress.add(4);
    }
    let location = report::Location {
        path: "/in/a".to_owned(),
        line: Some(2),
        column: Some(3),
    };
    assert_eq!(host.findings()[0].location, Some(location));
    assert_eq!(host.findings()[0].fingerprint.as_deref(), Some("f"));
    assert_eq!(host.test_cases()[0].outcome, TestOutcome::Failed("why".to_owned()));
    assert_eq!(host.test_cases()[0].duration_us, Some(2000));
    assert_eq!(host.metrics()[0].unit.as_deref(), Some("bytes"));
    assert_eq!(host.annotations()[0].title, "title");
    assert_eq!(host.summary().as_deref(), Some("*last*"));
    let task = Task {
        name: "scan".to_owned(),
        done: 7,
        total: Some(10),
        finished: true,
    };
    assert_eq!(host.tasks(), [task]);
}

/// A step's absolute paths are files of the test's own.
#[test]
fn the_steps_paths_are_below_a_folder_of_the_host() {
    let host = Host::new();
    host.write("/in/sub/a.txt", "text");
    assert_eq!(
        std::fs::read_to_string(crate::path("/in/sub/a.txt")).expect("it is there"),
        "text"
    );
    std::fs::write(crate::path("/out/x"), "y").expect("/out is there");
    assert_eq!(host.read_to_string("/out/x"), "y");
    let root = host.root();
    drop(host);
    assert!(!root.exists(), "the folder is gone with its host");
    assert_eq!(crate::path("/in"), Path::new("/in"));
}

/// A second host takes the place of the first for as long as it is there, and another thread has none of them.
#[test]
fn the_last_host_of_a_thread_is_its_host() {
    let first = Host::new();
    {
        let second = Host::new();
        crate::info!("to the second");
        assert_eq!(second.messages(), ["to the second"]);
    }
    crate::info!("to the first");
    std::thread::spawn(|| assert!(current().is_none()))
        .join()
        .expect("the thread ends");
    assert_eq!(first.messages(), ["to the first"]);
}

/// Marks are kept by the step's path, and refused as Airtight refuses them.
#[test]
fn executables_are_files_that_are_there() {
    let host = Host::new();
    host.write("/out/tool", "");
    assert_eq!(crate::set_executable("/out/tool", true), Ok(()));
    assert_eq!(crate::set_executable("/out/none", true), Err(ArtifactError::NoEntry));
    assert_eq!(crate::set_executable("/out", true), Err(ArtifactError::NotAFile));
    assert_eq!(host.executables(), ["/out/tool"]);
    assert_eq!(crate::set_executable("/out/tool", false), Ok(()));
    assert!(host.executables().is_empty());
}

/// What can be computed with a secret in a test is what Airtight computes (RFC 4231, test case 2; the token is that of the RFC's
/// way to sign, checked with another implementation).
#[test]
fn secrets_really_compute() {
    let host = Host::new();
    assert!(matches!(Secret::open("key"), Err(SecretError::Denied(text)) if text.contains("`key`")));
    host.secret("key", "Jefe");
    let key = Secret::open("key").expect("it is granted");
    let mac = key.hmac_sha256(b"what do ya want for nothing?").expect("it computes");
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert!(!key.placeholder().contains("Jefe"));
    assert_eq!(format!("{key:?}"), "Secret(\"key\")");

    host.secret("jwt", "your-256-bit-secret");
    let jwt = Secret::open("jwt").expect("it is granted");
    let claims = r#"{"sub":"1234567890","name":"John Doe","iat":1516239022}"#;
    assert_eq!(
        jwt.jwt_sign(JwtAlgorithm::Hs256, None, claims).expect("it signs"),
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.\
         SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
    );
    assert!(matches!(
        jwt.jwt_sign(JwtAlgorithm::Hs256, Some("a\"b"), "[]"),
        Err(SecretError::Invalid(_))
    ));
    assert!(matches!(
        jwt.jwt_sign(JwtAlgorithm::Rs256, None, claims),
        Err(SecretError::Invalid(_))
    ));
}
