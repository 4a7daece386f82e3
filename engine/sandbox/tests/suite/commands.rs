//! Command steps: exit codes, arguments, environment, standard streams, preview-1 modules, and what they may say.

use airtight_model::step::{Invocation, LogLevel, Report};
use airtight_model::{Outcome, OutputSpec};
use airtight_sandbox::summarize;

use crate::guests::{Host, command, component};

const EXIT: &str = r#"(import "wasi:cli/exit@0.2.12" "exit-with-code" (func $exit_with_code (param i32)))
(import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32)))"#;

// Every way in which a command can end.
#[tokio::test]
async fn exit_codes_are_kept() {
    let host = Host::new();
    let cases = [
        ("", Outcome::Succeeded, None),
        ("(return (i32.const 1))", Outcome::Failed, Some(1)),
        ("(call $exit (i32.const 0))", Outcome::Succeeded, None),
        ("(call $exit (i32.const 1))", Outcome::Failed, Some(1)),
        ("(call $exit_with_code (i32.const 0))", Outcome::Succeeded, None),
        ("(call $exit_with_code (i32.const 42))", Outcome::Failed, Some(42)),
    ];
    for (body, outcome, code) in cases {
        let guest = command(&["wasi:cli/exit@0.2.12"], EXIT, body);
        let report = host.run(&host.command(&guest)).await;
        assert_eq!((report.outcome, report.exit_code), (outcome, code), "{body}");
        assert_eq!(report.cause.is_some(), outcome == Outcome::Failed);
    }
}

/// A preview-1 command: prints its standard input, then its arguments' bytes, and ends with code 3.
const PREVIEW1: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $print (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16))))
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 1024))
    (i32.store (i32.const 4) (i32.const 512))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)))
    (call $print (i32.const 1024) (i32.load (i32.const 16)))
    (drop (call $sizes (i32.const 24) (i32.const 28)))
    (drop (call $args (i32.const 2048) (i32.const 4096)))
    (call $print (i32.const 4096) (i32.load (i32.const 28)))
    (call $exit (i32.const 3))))"#;

/// A preview-1 command whose allocator is Go's: its heap begins at a number in its own variables, it believes that nobody else
/// grows its memory, and it carries the descriptions that Go's linker writes. Prints a byte for each of eight pages that it
/// takes and fills, and fails if one is not what it wrote there.
fn go_like() -> Vec<u8> {
    let mut words = vec![2048u64];
    words.extend([2048, 8, 8].repeat(6));
    words.extend([0; 5]);
    words.extend([3000; 10]);
    words.push(4096);
    let words: String = words
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .map(|byte| format!("\\{byte:02x}"))
        .collect();
    let text = format!(
        r#"(module (@custom "go:buildid" (before first) "x")
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global (mut i32) (i32.const 0))
  (func (export "_start") (local $end i32) (local $have i32) (local $first i32) (local $i i32)
    (local.set $end (i32.and (i32.add (i32.load (i32.const 1296)) (i32.const 65535)) (i32.const -65536)))
    (local.set $first (local.get $end))
    (local.set $have (i32.shl (memory.size) (i32.const 16)))
    (i32.store (i32.const 0) (i32.const 2048)) (i32.store (i32.const 4) (i32.const 1))
    (loop $more
      (local.set $end (i32.add (local.get $end) (i32.const 65536)))
      (if (i32.gt_u (local.get $end) (local.get $have)) (then
        (drop (memory.grow (i32.shr_u (i32.sub (local.get $end) (local.get $have)) (i32.const 16))))
        (local.set $have (local.get $end))))
      (memory.fill (i32.sub (local.get $end) (i32.const 65536)) (i32.const 0xaa) (i32.const 65536))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 8))))
    (loop $check
      (if (i32.ne (i32.load (local.get $first)) (i32.const 0xaaaaaaaa)) (then unreachable))
      (local.set $first (i32.add (local.get $first) (i32.const 4)))
      (br_if $check (i32.lt_u (local.get $first) (local.get $end)))))
  (data (i32.const 1024) "{words}") (data (i32.const 2048) "\f1\ff\ff\ff\00\00\01\08"))"#
    );
    wat::parse_str(text).unwrap()
}

// Every program of Go's own toolchain is such a one, and broke when it first grew: it and the adapter wrote over each other.
#[tokio::test]
async fn a_program_that_takes_all_new_memory_for_its_own_shares_none_with_the_adapter() {
    let host = Host::new();
    let report = host.run(&host.command(&go_like())).await;
    assert_eq!((report.outcome, report.cause.clone()), (Outcome::Succeeded, None));
    assert_eq!(host.bytes(&report.stdout), [0xf1; 8]);
}

// A core module for preview 1 runs unchanged, with arguments, standard input and its exit code.
#[tokio::test]
async fn a_preview_1_module_runs_as_a_command_and_keeps_its_exit_code() {
    let host = Host::new();
    let module = wat::parse_str(PREVIEW1).unwrap();
    let stdin = host.store.put_blob(b"hello ").unwrap();
    let arguments = vec!["one".to_owned(), "two".to_owned()];
    let report = host
        .run(&host.request(&module, Invocation::Command(arguments, Some(stdin))))
        .await;
    assert_eq!(host.bytes(&report.stdout), b"hello guest\0one\0two\0");
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, Some(3)));
    assert_eq!(
        *host.heard.stdout.lock().unwrap(),
        b"hello guest\0one\0two\0",
        "the sink heard it too"
    );
}

// What the environment holds is what the pipeline file says, in its order, and nothing of the host's.
#[tokio::test]
async fn a_guest_sees_only_the_environment_that_it_was_given() {
    let host = Host::new();
    let guest = command(
        &["wasi:cli/environment@0.2.12"],
        r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $env (param i32)))"#,
        "(call $env (i32.const 16)) (call $print (i32.const 65536) (i32.sub (global.get $next) (i32.const 65536)))",
    );
    let mut request = host.command(&guest);
    assert!(host.run(&request).await.stdout.size < 8, "nothing is inherited");
    request.env = vec![
        ("B".to_owned(), "second".to_owned()),
        ("A".to_owned(), "first".to_owned()),
    ];
    let report = host.run(&request).await;
    let text = String::from_utf8_lossy(&host.bytes(&report.stdout)).into_owned();
    let (second, first) = (text.find("second").unwrap(), text.find("first").unwrap());
    assert!(second < first && !text.contains("PATH"), "{text:?}");
}

const SAY: &str = r#"(import "airtight:step/log@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))
(import "airtight:step/progress@0.1.0" "update" (func $update (param i32 i32 i64 i32 i64)))
(import "airtight:step/progress@0.1.0" "finish" (func $finish (param i32 i32)))
(import "airtight:step/report@0.1.0" "add-metric" (func $metric (param i32 i32 f64 i32 i32 i32)))
(import "airtight:step/report@0.1.0" "set-summary" (func $summary (param i32 i32)))
(import "airtight:step/artifact@0.1.0" "set-executable" (func $executable (param i32 i32 i32 i32)))
(data (i32.const 32) "message/no/file")"#;

const SAYING: [&str; 4] = [
    "airtight:step/log@0.1.0",
    "airtight:step/progress@0.1.0",
    "airtight:step/report@0.1.0",
    "airtight:step/artifact@0.1.0",
];

// What a step says through Airtight's own interfaces is in the report, and the sink hears it while it runs.
#[tokio::test]
async fn log_progress_and_reports_arrive_live_and_in_the_report() {
    let host = Host::new();
    let body = r"
      (call $log (i32.const 3) (i32.const 32) (i32.const 7) (i32.const 0) (i32.const 0))
      (call $update (i32.const 32) (i32.const 7) (i64.const 1) (i32.const 1) (i64.const 2))
      (call $finish (i32.const 32) (i32.const 3))
      (call $finish (i32.const 32) (i32.const 7))
      (call $metric (i32.const 32) (i32.const 7) (f64.const 1.5) (i32.const 0) (i32.const 0) (i32.const 0))
      (call $summary (i32.const 32) (i32.const 3))
      (call $summary (i32.const 32) (i32.const 7))
      (call $executable (i32.const 39) (i32.const 8) (i32.const 1) (i32.const 16))
      (call $print (i32.const 16) (i32.const 2))";
    let report = host.run(&host.command(&command(&SAYING, SAY, body))).await;
    assert_eq!(report.cause, None);
    assert_eq!(
        (report.log[0].level, report.log[0].message.as_str()),
        (LogLevel::Warn, "message")
    );
    assert_eq!(report.reports.len(), 2, "a later summary replaces an earlier one");
    assert!(matches!(&report.reports[1], Report::Summary(summary) if summary.markdown == "message"));
    let lines = host.heard.lines.lock().unwrap().clone();
    assert_eq!(
        lines,
        [
            "log message",
            "progress message 1 Some(2)",
            "finished message",
            "report",
            "report",
            "report"
        ]
    );
    assert_eq!(
        host.bytes(&report.stdout),
        [1, 0],
        "marking what is not there is `no-entry`"
    );
}

// What a step declares and does not make fails it.
#[tokio::test]
async fn an_output_that_was_not_made_fails_the_step() {
    let host = Host::new();
    let mut request = host.command(&command(&[], "", ""));
    request.outputs = vec![OutputSpec {
        name: "app".to_owned(),
        path: "/out/app.wasm".to_owned(),
        pin: None,
    }];
    let report = host.run(&request).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.cause.unwrap().contains("/out/app.wasm"));
}

// What a component does not say in its summary cannot be said at link time either: an error, with the import's name.
#[tokio::test]
async fn a_component_with_a_foreign_import_is_an_error_and_not_a_crash() {
    let host = Host::new();
    let wit = "interface db { query: func(); } world w { import db; export run: func(); }";
    let guest = component(
        wit,
        r#"(module (import "test:guest/db" "query" (func $q)) (func (export "run") (call $q)))"#,
    );
    assert_eq!(summarize(&guest).unwrap().unknown_imports, ["test:guest/db"]);
    let report = host.run(&host.function(&guest, vec![])).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.cause.unwrap().contains("test:guest/db"));
    let ran = host
        .sandbox
        .run(&host.function(b"not wasm", vec![]), &host.control)
        .await;
    assert_eq!(ran.report.outcome, Outcome::Failed);
}

// A blob that is gone is named, so that it can be made again.
#[tokio::test]
async fn a_missing_blob_is_named() {
    let host = Host::new();
    let gone = airtight_model::BlobDigest::of(b"gone");
    let mut request = host.command(&command(&[], "", ""));
    request.invocation = Invocation::Command(Vec::new(), Some(gone));
    let ran = host.sandbox.run(&request, &host.control).await;
    assert_eq!((ran.report.outcome, ran.lost), (Outcome::Errored, Some(gone)));
    request.component = gone;
    let ran = host.sandbox.run(&request, &host.control).await;
    assert_eq!((ran.report.outcome, ran.lost), (Outcome::Errored, Some(gone)));
}
