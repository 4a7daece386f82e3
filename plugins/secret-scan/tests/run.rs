//! The scan as a whole, over real folders: verdict, reports, SARIF, baseline, and that no secret is ever written.
#![allow(clippy::unwrap_used)]

use std::fs;

use secret_scan::run::{Failure, Notice, Reported, Reporter, Settings, Summary, run};
use tempfile::TempDir;

/// Keeps all that the scan says, as text.
#[derive(Default)]
struct Kept {
    findings: Vec<String>,
    notices: Vec<Notice>,
    rest: String,
}

impl Reporter for Kept {
    fn finding(&mut self, finding: &Reported<'_>) {
        self.findings.push(format!(
            "{}:{}:{} {} {} {}",
            finding.path, finding.line, finding.column, finding.rule.id, finding.message, finding.fingerprint
        ));
    }
    fn notice(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
    }
    fn progress(&mut self, _done: u64, _total: u64) {}
    fn summary(&mut self, line: &str, markdown: &str) {
        self.rest = format!("{line}\n{markdown}");
    }
}

/// Made up, and put together at run time so that this file scans clean.
fn secrets() -> [String; 2] {
    [
        ["gh", "p_", "kR7wQ2zX9mB4vN8cL1pT6yH3jF5dS0aG7uE2"].concat(),
        ["glp", "at-", "Zk3vR8qW1xY6tB9nM4cP"].concat(),
    ]
}

/// A folder with two secrets and clean files, and a scan of it.
fn fixture() -> (TempDir, Settings) {
    let dir = tempfile::tempdir().unwrap();
    let [github, gitlab] = secrets();
    fs::create_dir_all(dir.path().join("src/b dir")).unwrap();
    fs::write(dir.path().join("src/clean.txt"), "nothing\n").unwrap();
    fs::write(dir.path().join("src/b dir/conf.txt"), format!("first\nkey: {github}\n")).unwrap();
    fs::write(dir.path().join("src/a.txt"), format!("{gitlab}\n")).unwrap();
    let settings = Settings {
        paths: vec![dir.path().join("src").to_str().unwrap().to_owned()],
        sarif: Some(dir.path().join("out/findings.sarif").to_str().unwrap().to_owned()),
        baseline: None,
        exclude: Vec::new(),
        entropy: true,
        fail: true,
    };
    (dir, settings)
}

/// The lines of a message that are entries for the baseline.
fn entries(message: &str) -> Vec<&str> {
    message
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("{\"fingerprint\""))
        .collect()
}

#[test]
fn findings_fail_the_step_and_are_listed_by_path() {
    // The message is what a person sees first: where, which rule, how to accept.
    let (_dir, settings) = fixture();
    let mut kept = Kept::default();
    let message = run(&settings, &mut kept).unwrap_err().to_string();
    let root = &settings.paths[0];
    assert!(message.starts_with("2 secrets were found:\n"), "{message}");
    let first = message
        .find(&format!("{root}/a.txt:1:1 gitlab-token (glpa…, 26 characters)"))
        .unwrap();
    let second = message
        .find(&format!(
            "{root}/b dir/conf.txt:2:6 github-token (ghp_…, 40 characters)"
        ))
        .unwrap();
    assert!(first < second);
    assert_eq!(entries(&message).len(), 2);
    assert_eq!(kept.findings.len(), 2);
}

#[test]
fn no_secret_is_ever_written() {
    // Not in the message, the reports or the SARIF log: logs are public more often than repositories.
    let (_dir, settings) = fixture();
    let mut kept = Kept::default();
    let message = run(&settings, &mut kept).unwrap_err().to_string();
    let sarif = fs::read_to_string(settings.sarif.unwrap()).unwrap();
    let said = [
        message,
        sarif,
        kept.findings.concat(),
        format!("{:?}", kept.notices),
        kept.rest,
    ]
    .concat();
    for secret in secrets() {
        assert!(said.contains(&secret[..4]));
        assert!(!said.contains(&secret[..8]));
        assert!(!said.contains(&secret[secret.len() - 6..]));
    }
}

#[test]
fn the_printed_entries_make_the_scan_pass() {
    // Pasting what the message offers accepts the findings, and SARIF shows them as suppressed.
    let (dir, mut settings) = fixture();
    let message = run(&settings, &mut Kept::default()).unwrap_err().to_string();
    let baseline = dir.path().join("baseline.json");
    fs::write(
        &baseline,
        format!("{{\"version\": 1, \"findings\": [{}]}}", entries(&message).join(",")),
    )
    .unwrap();
    settings.baseline = Some(baseline.to_str().unwrap().to_owned());
    let mut kept = Kept::default();
    let summary = run(&settings, &mut kept).unwrap();
    assert_eq!(
        summary,
        Summary {
            files: 3,
            bytes: 8 + 52 + 27,
            findings: 0,
            baselined: 2
        }
    );
    assert!(kept.findings.is_empty() && kept.notices.is_empty());
    let sarif = fs::read_to_string(settings.sarif.unwrap()).unwrap();
    assert_eq!(sarif.matches("\"kind\": \"external\"").count(), 2);
}

#[test]
fn the_fingerprint_stays_when_the_secret_moves_within_its_file_or_the_mount_moves() {
    // Otherwise every edit above a finding would make the baseline stale.
    let (dir, settings) = fixture();
    let before = run(&settings, &mut Kept::default()).unwrap_err().to_string();
    let [_, gitlab] = secrets();
    fs::write(dir.path().join("src/a.txt"), format!("\n\n  moved {gitlab}\n")).unwrap();
    fs::rename(dir.path().join("src"), dir.path().join("elsewhere")).unwrap();
    let paths = vec![dir.path().join("elsewhere").to_str().unwrap().to_owned()];
    let after = run(&Settings { paths, ..settings }, &mut Kept::default())
        .unwrap_err()
        .to_string();
    assert_eq!(entries(&before), entries(&after));
}

#[test]
fn a_baseline_entry_that_matches_nothing_is_reported() {
    // Exceptions that nobody needs any more should not stay for the next secret.
    let (dir, mut settings) = fixture();
    let baseline = dir.path().join("baseline.json");
    let entry = r#"{"fingerprint": "00", "rule": "jwt", "path": "gone.txt", "reason": "old"}"#;
    fs::write(&baseline, format!("{{\"version\": 1, \"findings\": [{entry}]}}")).unwrap();
    settings.baseline = Some(baseline.to_str().unwrap().to_owned());
    settings.fail = false;
    let mut kept = Kept::default();
    let summary = run(&settings, &mut kept).unwrap();
    assert_eq!((summary.findings, summary.baselined), (2, 0));
    assert!(
        kept.notices[0].message.contains("`00` (jwt in gone.txt)"),
        "{:?}",
        kept.notices
    );
}

#[test]
fn the_sarif_log_has_what_viewers_need_and_is_the_same_every_time() {
    // Rules by index, encoded relative paths, regions, fingerprints; no time, no machine.
    let (_dir, settings) = fixture();
    let path = settings.sarif.clone().unwrap();
    run(&settings, &mut Kept::default()).unwrap_err();
    let first = fs::read_to_string(&path).unwrap();
    run(&settings, &mut Kept::default()).unwrap_err();
    assert_eq!(first, fs::read_to_string(&path).unwrap());
    let log: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let result = &run["results"][1];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "b%20dir/conf.txt");
    let base = place["artifactLocation"]["uriBaseId"].as_str().unwrap();
    assert!(
        run["originalUriBaseIds"][base]["uri"]
            .as_str()
            .unwrap()
            .ends_with("/src/")
    );
    assert_eq!(place["region"]["startLine"], 2);
    assert_eq!(place["region"]["endColumn"], 46);
    assert_eq!(
        result["partialFingerprints"]["airtightSecretScan/v1"]
            .as_str()
            .unwrap()
            .len(),
        32
    );
}

#[test]
fn excluded_files_are_not_searched() {
    // The glob is relative to the path that is searched.
    let (_dir, settings) = fixture();
    let summary = run(
        &Settings {
            exclude: vec!["**/conf.txt".into(), "a.txt".into()],
            ..settings
        },
        &mut Kept::default(),
    );
    assert_eq!(summary.unwrap().files, 1);
}

#[test]
fn mistakes_in_the_arguments_are_explained() {
    // A scan that looked at nothing must not pass.
    let (dir, settings) = fixture();
    let none = Settings {
        paths: Vec::new(),
        ..settings.clone()
    };
    assert!(matches!(run(&none, &mut Kept::default()), Err(Failure::NoPaths)));
    let missing = Settings {
        baseline: Some("/no/such.json".into()),
        ..settings.clone()
    };
    let message = run(&missing, &mut Kept::default()).unwrap_err().to_string();
    assert!(
        message.starts_with("the baseline file `/no/such.json` cannot be read"),
        "{message}"
    );
    let wrong = dir.path().join("wrong.json");
    fs::write(&wrong, "{}").unwrap();
    let wrong = Settings {
        baseline: Some(wrong.to_str().unwrap().into()),
        ..settings
    };
    let message = run(&wrong, &mut Kept::default()).unwrap_err().to_string();
    assert!(message.contains("\"version\": 1"), "{message}");
}

#[test]
fn a_message_lists_the_first_twenty_findings() {
    // A thousand lines of them would hide what to do.
    let dir = tempfile::tempdir().unwrap();
    let [github, _] = secrets();
    let text: String = (0..25).map(|n| format!("{github}{n}\n")).collect();
    fs::write(dir.path().join("all.txt"), text).unwrap();
    let paths = vec![dir.path().to_str().unwrap().to_owned()];
    let settings = Settings {
        paths,
        sarif: None,
        baseline: None,
        exclude: Vec::new(),
        entropy: true,
        fail: true,
    };
    let message = run(&settings, &mut Kept::default()).unwrap_err().to_string();
    assert_eq!(message.matches("all.txt:").count(), 20);
    assert!(message.contains("\n  and 5 more\n"), "{message}");
}
