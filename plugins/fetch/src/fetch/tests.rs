//! The download against a host that follows a script. Each test says what the server does and what has come of it.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::host::Body;
use crate::request::Request;

/// What the server does with one request.
struct Scene {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    chunks: VecDeque<Result<Vec<u8>, Failure>>,
}

struct Chunks(VecDeque<Result<Vec<u8>, Failure>>);

impl Body for Chunks {
    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.0.pop_front().transpose()
    }
}

#[derive(Default)]
struct Script {
    scenes: VecDeque<Result<Scene, Failure>>,
    seen: Vec<Request>,
    waited: Vec<u64>,
    finished: bool,
}

impl Host for Script {
    fn send(&mut self, request: &Request) -> Result<Response, Failure> {
        self.seen.push(request.clone());
        let scene = self.scenes.pop_front().expect("the script has an answer")?;
        Ok(Response {
            status: scene.status,
            headers: scene.headers,
            body: Box::new(Chunks(scene.chunks)),
        })
    }
    fn placeholder(&mut self, secret: &str) -> Result<String, String> {
        Ok(format!("placeholder-of-{secret}"))
    }
    fn wait(&mut self, time: Duration) {
        self.waited.push(time.as_secs());
    }
    fn warn(&mut self, _message: &str) {}
    fn progress(&mut self, _task: &str, _done: u64, _total: Option<u64>) {}
    fn finish(&mut self, _task: &str) {
        self.finished = true;
    }
}

fn answer(status: u16, headers: &[(&str, &str)], chunks: &[&str]) -> Result<Scene, Failure> {
    Ok(Scene {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
        chunks: chunks.iter().map(|chunk| Ok(chunk.as_bytes().to_vec())).collect(),
    })
}

/// An answer that breaks after its chunks.
fn broken(headers: &[(&str, &str)], chunks: &[&str]) -> Result<Scene, Failure> {
    let mut scene = answer(200, headers, chunks)?;
    scene.chunks.push_back(Err(Failure::Passing("reset".to_owned())));
    Ok(scene)
}

/// Runs the script and returns how it ended with what is in the file.
fn play(scenes: Vec<Result<Scene, Failure>>) -> (Result<(), String>, String, Script) {
    play_with(scenes, |_| {})
}

fn play_with(
    scenes: Vec<Result<Scene, Failure>>,
    change: impl FnOnce(&mut Options),
) -> (Result<(), String>, String, Script) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/file");
    let mut options = Options {
        url: "https://a.example/x/file?token=1".to_owned(),
        to: Some(file.to_str().unwrap().to_owned()),
        ..Options::default()
    };
    change(&mut options);
    let mut script = Script {
        scenes: scenes.into(),
        ..Script::default()
    };
    let done = run(&options, &mut script).map_err(|error| error.to_string());
    (done, std::fs::read_to_string(file).unwrap_or_default(), script)
}

fn sent<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let found = request.headers.iter().find(|(own, _)| own == name);
    found.map(|(_, value)| value.as_str())
}

const TAGGED: &[(&str, &str)] = &[("ETag", "\"v1\""), ("Content-Length", "10")];

#[test]
fn a_file_is_downloaded() {
    let (done, file, script) = play(vec![answer(200, &[("Content-Length", "10")], &["01234", "56789"])]);
    assert_eq!((done, file.as_str()), (Ok(()), "0123456789"));
    assert_eq!(script.seen[0].url.target(), "/x/file?token=1");
    assert_eq!(sent(&script.seen[0], "accept-encoding"), Some("identity"));
    assert!(script.finished);
}

#[test]
fn a_broken_transfer_is_taken_up_where_it_broke() {
    let (done, file, script) = play(vec![
        broken(TAGGED, &["01234"]),
        answer(206, &[("Content-Range", "bytes 5-9/10")], &["56789"]),
    ]);
    assert_eq!((done, file.as_str()), (Ok(()), "0123456789"));
    assert_eq!(sent(&script.seen[1], "range"), Some("bytes=5-"));
    assert_eq!(sent(&script.seen[1], "if-range"), Some("\"v1\""));
    assert_eq!(script.waited, [1]);
}

// Closing early without an error is how most transfers break.
#[test]
fn an_end_before_the_length_is_a_broken_transfer() {
    let (done, file, _) = play(vec![
        answer(200, TAGGED, &["01234"]),
        answer(206, &[("Content-Range", "bytes 5-9/10")], &["56789"]),
    ]);
    assert_eq!((done, file.as_str()), (Ok(()), "0123456789"));
}

// The file has changed in between: a mixture of the two must not come of it.
#[test]
fn a_file_that_has_changed_begins_again() {
    let (done, file, _) = play(vec![
        broken(TAGGED, &["old"]),
        answer(200, &[("ETag", "\"v2\"")], &["new file"]),
    ]);
    assert_eq!((done, file.as_str()), (Ok(()), "new file"));
}

#[test]
fn a_part_that_was_not_asked_for_is_not_taken() {
    for range in ["bytes 4-9/10", "bytes 5-9/11", "bytes 0-9/10", "nonsense"] {
        let (done, file, script) = play(vec![
            broken(TAGGED, &["01234"]),
            answer(206, &[("Content-Range", range)], &["other"]),
            answer(200, TAGGED, &["0123456789"]),
        ]);
        assert_eq!((done, file.as_str()), (Ok(()), "0123456789"), "{range}");
        assert_eq!(sent(&script.seen[2], "range"), None, "{range}");
    }
}

#[test]
fn a_weak_tag_is_no_reason_to_go_on() {
    let (_, file, script) = play(vec![
        broken(&[("ETag", "W/\"v1\"")], &["01234"]),
        answer(200, &[], &["whole"]),
    ]);
    assert_eq!(sent(&script.seen[1], "range"), None);
    assert_eq!(file, "whole");
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let (done, _, script) = play(vec![
        answer(503, &[("Retry-After", "9")], &[]),
        Err(Failure::Passing("refused".to_owned())),
        answer(200, &[], &["x"]),
    ]);
    assert_eq!((done, script.waited), (Ok(()), vec![9, 2]));
    let (done, _, script) = play(vec![answer(404, &[], &["\n  no such file\nmore"])]);
    assert_eq!(
        done.unwrap_err(),
        "`https://a.example/x/file` answered 404: no such file"
    );
    assert!(script.waited.is_empty());
}

#[test]
fn it_gives_up_after_the_tries_that_it_has() {
    let all = || (0..3).map(|_| answer(500, &[], &[])).collect();
    let (done, _, script) = play_with(all(), |options| options.retries = Some(2));
    let text = done.unwrap_err();
    assert!(
        text.contains("after 3 tries") && text.contains("answered 500"),
        "{text}"
    );
    assert_eq!(script.waited, [1, 2]);
}

#[test]
fn a_redirect_is_a_new_request_without_credentials_elsewhere() {
    let (done, file, script) = play_with(
        vec![
            answer(302, &[("Location", "../y")], &[]),
            answer(307, &[("Location", "https://b.example/z?signed=1")], &[]),
            answer(307, &[("Location", "https://a.example/delete")], &[]),
            answer(200, &[], &["there"]),
        ],
        |options| options.secret = Some("token".to_owned()),
    );
    assert_eq!((done, file.as_str()), (Ok(()), "there"));
    let urls: Vec<String> = script.seen.iter().map(|request| request.url.to_string()).collect();
    assert_eq!(
        urls,
        [
            "https://a.example/x/file",
            "https://a.example/y",
            "https://b.example/z",
            "https://a.example/delete"
        ]
    );
    assert_eq!(
        sent(&script.seen[1], "authorization"),
        Some("Bearer placeholder-of-token")
    );
    assert_eq!(sent(&script.seen[2], "authorization"), None);
    assert_eq!(sent(&script.seen[3], "authorization"), None);
}

#[test]
fn a_redirect_that_leads_nowhere_good_is_not_followed() {
    for location in [
        "http://a.example/x",
        "ftp://a.example/x",
        "https://user@b.example/",
        "x\u{7}",
    ] {
        let (done, _, script) = play(vec![answer(301, &[("Location", location)], &[])]);
        assert!(done.unwrap_err().contains("redirects"), "{location}");
        assert_eq!(script.seen.len(), 1);
    }
    let round = || (0..11).map(|_| answer(302, &[("Location", "/x/file")], &[])).collect();
    let (done, _, script) = play(round());
    assert!(done.unwrap_err().contains("more than 10 times"));
    assert_eq!(script.seen.len(), 11);
}

// A refusal is the pipeline's to mend, not the network's: waiting does not help.
#[test]
fn a_refusal_is_said_with_the_url_that_was_refused() {
    let (done, _, script) = play(vec![
        answer(302, &[("Location", "https://cdn.example/f?signature=s")], &[]),
        Err(Failure::Denied("no grant".to_owned())),
    ]);
    assert_eq!(
        done.unwrap_err(),
        "the step may not request `https://cdn.example/f`: no grant"
    );
    assert!(script.waited.is_empty());
}

#[test]
fn parameters_are_checked_before_anything_is_sent() {
    for change in [
        (|o: &mut Options| o.url = "ftp://x/y".to_owned()) as fn(&mut Options),
        |o| o.to = Some("relative".to_owned()),
        |o| o.to = Some("/out/".to_owned()),
        |o| {
            o.to = None;
            o.url = "https://a.example/".to_owned();
        },
        |o| o.retries = Some(21),
        |o| o.timeout = Some(3601),
        |o| {
            o.headers = vec![Header {
                name: "Host".to_owned(),
                value: "b".to_owned(),
            }];
        },
        |o| {
            o.secret = Some("s".to_owned());
            o.headers = vec![Header {
                name: "Authorization".to_owned(),
                value: "x".to_owned(),
            }];
        },
    ] {
        let (done, _, script) = play_with(Vec::new(), change);
        assert!(done.unwrap_err().starts_with("parameter `"));
        assert!(script.seen.is_empty());
    }
}
