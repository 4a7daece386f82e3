//! Tests of the step file.

use super::*;

fn wrong(text: &str) -> Vec<String> {
    let found = parse_step_file(text).expect_err("something is wrong in it");
    found
        .into_iter()
        .map(|one| {
            let span = one.labels[0].span;
            format!(
                "{} {}..{} {}: {}",
                one.code,
                span.start,
                span.end,
                one.message,
                one.help.unwrap_or_default()
            )
        })
        .collect()
}

/// Everything that the format has arrives.
#[test]
fn a_whole_file_is_read() {
    let text = "step: 1\nname: looker\nversion: 1.2.3\nlanguage: cpp\nkind: command\ndescription: Looks\nlicense: MIT\n\
                source: https://example.com/x\nworld: step\nentry: src/./main.cc\nrequests:\n\
                - reason: Looks advisories up\n  grants: { http: [ \"https://example.com/v1\" ], clock: real }\n";
    let file = parse_step_file(text).expect("it is right");
    assert_eq!(
        (file.name.as_str(), file.language, file.kind),
        ("looker", Language::Cpp, StepKind::Command)
    );
    assert_eq!(file.version.expect("it has one").text, "1.2.3");
    assert_eq!(file.entry.expect("it has one").text, "src/main.cc");
    assert_eq!(file.requests.len(), 1);
    let request = &file.requests[0];
    assert_eq!(request.reason, "Looks advisories up");
    assert_eq!(request.grants.http[0].path, "/v1");
    assert!(request.grants.clock);
}

/// A file that lacks all says all, with the lines to add.
#[test]
fn what_is_missing_is_said_at_once() {
    assert_eq!(
        wrong("kind: function\n"),
        [
            "P0005 0..0 the file does not say which version of the format it is: add `step: 1`",
            "P0005 0..0 the step has no name: add `name: my-step`",
            "P0005 0..0 the file does not say what the step is written in: add `language: rust`",
        ]
    );
}

/// Wrong words, keys and values each have their place and mend.
#[test]
fn each_mistake_has_its_place_and_mend() {
    assert_eq!(
        wrong("step: 2\nname: x\nlanguage: pythn\nlicence: MIT\n"),
        [
            "P0007 6..7 this version of the format is not known: write `step: 1`, or use a newer engine",
            "P0010 26..31 `language:` does not take `pythn`: did you mean `python`? it is one of `rust`, `javascript`, \
             `typescript`, `python`, `c`, `cpp`, `go`, `zig` and 2 more",
            "P0004 32..39 a step file has no key `licence`: did you mean `license:`?",
        ]
    );
    assert_eq!(
        wrong("step: 1\nname: x\nlanguage: c\nentry: ../main.c\nversion: 1.0\n"),
        [
            "P0015 35..44 `../main.c` is not a file inside the project: write a path below the folder of `step.yaml`, for \
             example `src/main.c`",
            "P0006 54..57 `version:` takes a text, not a number: write it in quotes: `\"1.0\"`",
        ]
    );
}

/// A request without a reason, and one that names the asker's own files, are refused.
#[test]
fn a_request_has_a_reason_and_no_files() {
    let head = "step: 1\nname: x\nlanguage: c\n";
    let found = wrong(&format!("{head}requests: [ {{ grants: {{ random: real }} }} ]\n"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("says why"), "{found:?}");
    let ca = "requests: [ { reason: y, grants: { http: [ { url: \"https://example.com\", ca: ca.pem } ] } } ]\n";
    let found = wrong(&format!("{head}{ca}"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("cannot name certificates"), "{found:?}");
}
