//! The compiler and the interpreter give the same results, and host calls can be heard. Not here: comparing runs of a
//! pipeline (`airtight verify`).

use std::sync::{Arc, Mutex};

use airtight_model::{Limits, Outcome, StepReport, StepRequest, Usage};
use airtight_sandbox::{EngineKind, RunControl, TraceSink};

use crate::guests::{Host, command};

#[derive(Default)]
struct Calls(Mutex<Vec<String>>);

impl TraceSink for Calls {
    fn call(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// Runs on an engine; says what came of it, its output and the host calls.
async fn observed(kind: EngineKind, guest: &[u8], limits: Limits) -> (StepReport, Vec<u8>, Vec<String>) {
    let host = Host::with_engine(kind);
    let request = StepRequest {
        limits,
        ..host.command(guest)
    };
    let calls = Arc::new(Calls::default());
    let control = RunControl {
        trace: Some(Arc::clone(&calls) as Arc<dyn TraceSink>),
        ..host.control.clone()
    };
    let mut report = host.sandbox.run(&request, &control).await.report;
    let stdout = host.bytes(&report.stdout);
    report.usage = Usage::default();
    let calls = std::mem::take(&mut *calls.0.lock().unwrap());
    (report, stdout, calls)
}

async fn assert_same(guest: &[u8], limits: Limits) -> StepReport {
    let compiled = observed(EngineKind::Cranelift, guest, limits).await;
    let interpreted = observed(EngineKind::Interpreter, guest, limits).await;
    assert_eq!(compiled, interpreted);
    compiled.0
}

const SEEDED: &str = r#"(import "wasi:random/random@0.2.12" "get-random-u64" (func $random (result i64)))
(import "wasi:clocks/monotonic-clock@0.2.12" "now" (func $now (result i64)))"#;

// Floats with their NaNs, relaxed vectors, randomness and time: all that could differ between two compilers.
#[tokio::test]
async fn the_interpreter_computes_what_native_code_does() {
    let vectors = "(v128.const f32x4 nan -0 1e30 3) (v128.const f32x4 2 inf -1e30 nan) (v128.const f32x4 1 2 3 4)";
    let body = format!(
        "(i64.store (i32.const 1024) (call $random))
         (i64.store (i32.const 1032) (call $now))
         (f64.store (i32.const 1040) (f64.div (f64.load (i32.const 4096)) (f64.load (i32.const 4096))))
         (f32.store (i32.const 1048) (f32.sub (f32.const inf) (f32.const inf)))
         (f64.store (i32.const 1056) (f64.sqrt (f64.const -1)))
         (v128.store (i32.const 1072) (f32x4.relaxed_madd {vectors}))
         (v128.store (i32.const 1088) (i8x16.relaxed_swizzle (v128.const i64x2 1 2) (v128.const i8x16 0 1 2 99 -1 5 6 7 8 9 10 11 12 13 14 15)))
         (v128.store (i32.const 1104) (i32x4.relaxed_trunc_f32x4_s (v128.const f32x4 nan 1e20 -1e20 7.9)))
         (f32.store (i32.const 1120) (f32.demote_f64 (f64.reinterpret_i64 (i64.const 0x7ff4000000000001))))
         (call $print (i32.const 1024) (i32.const 128))"
    );
    let guest = command(
        &["wasi:random/random@0.2.12", "wasi:clocks/monotonic-clock@0.2.12"],
        SEEDED,
        &body,
    );
    let report = assert_same(&guest, Limits::DEFAULT).await;
    assert_eq!((report.outcome, report.stdout.size), (Outcome::Succeeded, 128));
}

// Fuel is spent on the same instructions, so it runs out at the same one.
#[tokio::test]
async fn fuel_is_the_same_on_both_engines() {
    let body = "(local $i i32) (loop $again (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (i32.store (i32.const 16) (local.get $i)) (call $print (i32.const 16) (i32.const 8)) (br $again))";
    let guest = command(&[], "", body);
    for fuel in [9_997, 10_000, 12_345] {
        let limits = Limits {
            fuel: Some(fuel),
            ..Limits::DEFAULT
        };
        let report = assert_same(&guest, limits).await;
        assert_eq!(report.outcome, Outcome::Failed);
        assert!(report.stdout.size > 0);
    }
}

// A trap is the same failure on both: neither tells where in its own code it was.
#[tokio::test]
async fn traps_are_the_same_on_both_engines() {
    for body in [
        "unreachable",
        "(drop (i32.load (i32.const -1)))",
        "(drop (i32.div_s (i32.const 1) (i32.load (i32.const 4096))))",
        "(drop (i32.trunc_f32_s (f32.const nan)))",
        "(drop (memory.grow (i32.const 30000)))",
    ] {
        let report = assert_same(&command(&[], "", body), Limits::DEFAULT).await;
        assert_eq!(report.outcome, Outcome::Failed, "{body}");
    }
}

// What is heard of host calls is enough to tell two runs apart, and holds no bytes of the guest's output.
#[tokio::test]
async fn host_calls_are_heard_in_order() {
    let body = "(drop (call $now)) (drop (call $random)) (call $print (i32.const 0) (i32.const 4)) (drop (call $now))";
    let imports = ["wasi:random/random@0.2.12", "wasi:clocks/monotonic-clock@0.2.12"];
    let guest = command(&imports, SEEDED, body);
    let (report, _, calls) = observed(EngineKind::Cranelift, &guest, Limits::DEFAULT).await;
    assert_eq!(report.outcome, Outcome::Succeeded);
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert_eq!(calls[0], "monotonic-clock now: 1000000000");
    assert!(calls[1].starts_with("random get-random-u64: 8 bytes "), "{calls:?}");
    assert!(calls[2].starts_with("stdout write: 4 bytes "), "{calls:?}");
    assert_eq!(calls[3], "monotonic-clock now: 1000001000");
}
