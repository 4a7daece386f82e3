//! Components compiled in the child: the same results, and limits that end it.

use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airtight_model::{Limits, Outcome, StepReport};
use airtight_sandbox::{CompileChild, Compiler, EngineKind};
use libtest_mimic::Trial;

use crate::guests::{Host, command};
use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "a_component_compiled_in_the_child_runs",
            a_component_compiled_in_the_child_runs,
        ),
        trial(
            "a_compile_bomb_ends_at_its_limit_and_the_child_goes_on",
            a_compile_bomb_ends_at_its_limit,
        ),
        trial(
            "what_is_no_component_is_told_as_in_this_process",
            what_is_no_component_is_told,
        ),
        trial(
            "a_child_that_crashes_fails_the_step_and_hangs_nothing",
            a_child_that_crashes_fails_the_step,
        ),
        trial(
            "code_from_the_child_is_kept_and_found_again",
            code_from_the_child_is_kept,
        ),
    ]
}

fn start(mode: &str) -> Compiler {
    let program = std::env::current_exe().unwrap();
    Compiler::Child(Arc::new(CompileChild::start(&program, &[mode]).unwrap()))
}

fn run_all(host: &Host, requests: &[airtight_model::StepRequest]) -> Vec<StepReport> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(futures::future::join_all(
        requests.iter().map(|request| host.run(request)),
    ))
}

fn a_component_compiled_in_the_child_runs() {
    let host = Host::with_compiler(None, EngineKind::Cranelift, start("compile-child"));
    let module = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32))) (memory (export "memory") 1)
            (func (export "_start") (call $exit (i32.const 7))))"#,
    );
    // Several at once, one of them a core module that the child adapts, one that counts fuel.
    let printing = command(&[], "", "(call $print (i32.const 0) (i32.const 4))");
    let mut fueled = host.command(&printing);
    fueled.limits.fuel = Some(1_000_000);
    let requests = [host.command(&printing), host.command(&module.unwrap()), fueled];
    let reports = run_all(&host, &requests);
    assert_eq!(reports[0].outcome, Outcome::Succeeded, "{:?}", reports[0].cause);
    assert_eq!(reports[0].stdout.size, 4);
    assert_eq!(reports[1].exit_code, Some(7), "{:?}", reports[1].cause);
    assert_eq!(reports[2].outcome, Outcome::Succeeded, "{:?}", reports[2].cause);
}

/// Takes minutes to compile.
fn bomb() -> Vec<u8> {
    let body = "(local.set 0 (i32.add (i32.mul (local.get 0) (local.get 1)) (i32.rotl (local.get 1) (local.get 0))))";
    let body = body.repeat(100_000);
    let functions: String = (0..20)
        .map(|i| format!("(func $f{i} (param i32 i32) (result i32) {body} (local.get 0)) "))
        .collect();
    command(&[], &functions, "")
}

fn a_compile_bomb_ends_at_its_limit() {
    let host = Host::with_compiler(None, EngineKind::Cranelift, start("compile-child"));
    let mut request = host.command(&bomb());
    request.limits.compile_ms = 300;
    let began = Instant::now();
    let report = &run_all(&host, &[request])[0];
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(
        report.cause.as_deref(),
        Some("the component takes longer than its limit of 300ms to compile")
    );
    assert_eq!(
        report.help.as_deref(),
        Some("raise it in the step: `limits: { compile: 600ms }`")
    );
    assert!(!report.cacheable);
    wait_until_no_worker_is_left();
    let report = &run_all(&host, &[host.command(&command(&[], "", ""))])[0];
    assert_eq!(report.outcome, Outcome::Succeeded, "{:?}", report.cause);
}

/// Every child here leads a session of its own, in which what it forked is; so workers are gone when each session has one
/// process. Children of other tests that compile meanwhile come to an end too.
fn wait_until_no_worker_is_left() {
    let program = std::env::current_exe().unwrap();
    let sessions = || -> Option<Vec<String>> {
        let mut sessions = Vec::new();
        for entry in std::fs::read_dir("/proc").ok()?.flatten() {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let mut words = command.split(|byte| *byte == 0);
            let ours = words.next() == Some(program.as_os_str().as_encoded_bytes());
            if ours && words.next() == Some(b"compile-child") {
                let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
                // After the name in parentheses: state, parent, group, session.
                let (_, rest) = stat.rsplit_once(')')?;
                sessions.push(rest.split_whitespace().nth(3)?.to_owned());
            }
        }
        Some(sessions)
    };
    let began = Instant::now();
    loop {
        if let Some(mut found) = sessions() {
            let count = found.len();
            found.sort();
            found.dedup();
            if found.len() == count {
                return;
            }
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "a worker goes on without its step"
        );
        std::thread::yield_now();
    }
}

fn what_is_no_component_is_told() {
    let bad = b"\0asm\x0d\0\x01\0\xff\xff\xff".to_vec();
    let told = |compiler| {
        let host = Host::with_compiler(None, EngineKind::Cranelift, compiler);
        let report = run_all(&host, &[host.command(&bad)]).remove(0);
        (report.outcome, report.cause, report.help)
    };
    let (here, there) = (told(Compiler::InProcess), told(start("compile-child")));
    assert_eq!(here, there);
    assert_eq!(here.0, Outcome::Failed);
    assert!(here.1.unwrap().starts_with("the component does not compile: "));
}

/// A child that takes what it is sent and ends.
pub(crate) fn crash() {
    // SAFETY: standard input is the connection to the test.
    let control = UnixStream::from(unsafe { OwnedFd::from_raw_fd(0) });
    let mut byte = [0];
    let _ = std::io::Read::read(&mut &control, &mut byte);
    std::process::abort();
}

fn a_child_that_crashes_fails_the_step() {
    let host = Host::with_compiler(None, EngineKind::Cranelift, start("crash"));
    let request = host.command(&command(&[], "", ""));
    for _ in 0..2 {
        let report = &run_all(&host, std::slice::from_ref(&request))[0];
        assert!(
            matches!(report.outcome, Outcome::Failed | Outcome::Errored),
            "{report:?}"
        );
        let cause = report.cause.as_deref().unwrap();
        assert!(
            cause.starts_with("the compiler ended before it was done: ")
                || cause.starts_with("the process that compiles cannot be reached: "),
            "{cause}"
        );
        assert!(!report.cacheable);
    }
}

fn code_from_the_child_is_kept() {
    let state = tempfile::tempdir().unwrap();
    let guest = command(&[], "", "(call $print (i32.const 0) (i32.const 4))");
    let runs = |compiler| {
        let host = Host::with_compiler(Some(state.path()), EngineKind::Cranelift, compiler);
        let mut request = host.command(&guest);
        request.limits = Limits::DEFAULT;
        run_all(&host, &[request]).remove(0)
    };
    assert_eq!(runs(start("compile-child")).outcome, Outcome::Succeeded);
    // A child that only crashes is not asked.
    let report = runs(start("crash"));
    assert_eq!(report.outcome, Outcome::Succeeded, "{:?}", report.cause);
}
