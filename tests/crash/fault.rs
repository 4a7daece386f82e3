//! Every system call that concerns the store, native code or the exports fails once. Not here: how it is made to (`inject`), and the
//! same at the store's own interface (the store's suite).

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::dice::{Dice, rounds};
use crate::inject::{self, Fault, Traced};
use crate::lab::{Lab, VARIANTS, reference};

/// What meets the fault.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    /// A run in an empty store.
    RunFromNothing,
    /// A run after one of another variant: some steps hit, most do not, the exports are replaced.
    RunAfterAnother,
    /// A run in which every step hits and the exports are there.
    RunAgain,
    /// A sweep that takes all it can.
    Sweep,
    /// A look at all that is in the store, of which nothing is wrong.
    Verify,
    /// An output of the last run as a file.
    Get,
}

const WORKS: [Work; 6] = [
    Work::RunFromNothing,
    Work::RunAfterAnother,
    Work::RunAgain,
    Work::Sweep,
    Work::Verify,
    Work::Get,
];
/// The output that is got, and where it is exported.
const GOT: (&str, &str) = ("joined.joined", "dist/joined");
const ERRORS: [i32; 3] = [libc::ENOSPC, libc::EIO, libc::EMFILE];

/// The folders whose files count.
fn folders(lab: &Lab) -> Vec<PathBuf> {
    let mut all = vec![lab.store().to_owned()];
    all.extend(["dist", "parts", ".parts.airtight-0", "report.xml", "got"].map(|path| lab.project(path)));
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    all.iter().map(real).collect()
}

fn prepare(lab: &Lab, work: Work, variant: u64) -> Command {
    let before = match work {
        Work::RunFromNothing => None,
        Work::RunAfterAnother => Some((variant + 1) % VARIANTS),
        Work::RunAgain | Work::Sweep | Work::Verify | Work::Get => Some(variant),
    };
    if work == Work::RunFromNothing || work == Work::Sweep {
        lab.clear();
    }
    if let Some(before) = before {
        lab.fill(before);
        lab.assert_right(before, "before a fault");
    }
    lab.fill(variant);
    match work {
        Work::Sweep => lab.command(&["cache", "sweep", "--keep", "0"]),
        Work::Verify => lab.command(&["cache", "verify"]),
        Work::Get => {
            let _ = fs::remove_file(lab.project("got/file"));
            lab.command(&["artifact", "get", GOT.0, "got/file"])
        }
        Work::RunFromNothing | Work::RunAfterAnother | Work::RunAgain => lab.run_command(),
    }
}

/// What was got is all of it or nothing.
#[track_caller]
fn assert_got(lab: &Lab, variant: u64, traced: &Traced, what: &str) {
    let (_, expected) = &reference(variant)[GOT.1];
    let found = fs::read(lab.project("got/file")).ok();
    let right = found.is_none() || found == *expected;
    assert!(right, "{what}: what was got is none of the output");
    assert!(traced.run.code != Some(0) || found.is_some(), "{what}: nothing was got");
}

/// The program ended by itself, right or with an error that says what failed.
#[track_caller]
fn assert_clear(lab: &Lab, (work, variant, fault): (Work, u64, Fault), traced: &Traced, what: &str) {
    let run = &traced.run;
    assert!(!traced.hung, "{what}: it hangs\n{}", run.text());
    match run.code {
        Some(0) if matches!(work, Work::Sweep | Work::Verify | Work::Get) => {}
        Some(0) => lab.assert_exported(variant, what),
        None => assert_eq!(fault, Fault::Kill, "{what}: it was ended by a signal\n{}", run.text()),
        Some(1 | 4) => {
            let said = run.text();
            let clear = said.contains("cannot ") || said.contains("error[S");
            assert!(clear, "{what}: it does not say what failed\n{said}");
            assert!(!said.contains("panicked"), "{what}\n{said}");
        }
        Some(_) => panic!("{what}: it ends otherwise\n{}", run.text()),
    }
}

/// The numbers below `count` in an order that jumps about and comes to each once.
fn scattered(k: u64, count: u64) -> u64 {
    let divides = |a: u64, b: u64| {
        let (mut a, mut b) = (a, b);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    };
    let golden = (count as f64 * 0.618) as u64;
    let step = (golden.max(1)..).find(|step| divides(*step, count) == 1).unwrap_or(1);
    (k % count) * step % count
}

// A call that fails costs the run at most, never truth: afterwards nothing in the store is wrong, and the next run is right.
#[test]
fn a_system_call_that_fails_costs_work_and_never_truth() {
    let mut dice = Dice::of_test("fault");
    let lab = Lab::new();
    lab.assert_right(0, "undisturbed");
    let folders = folders(&lab);
    let rounds = rounds(18, 600);
    let (mut injected, mut failed, begin) = (0u64, 0u64, dice.next() >> 16);
    let mut calls = [0; WORKS.len()];
    for round in 0..rounds {
        let which = (round % WORKS.len() as u64) as usize;
        let (work, variant) = (WORKS[which], dice.below(VARIANTS));
        let mut command = prepare(&lab, work, variant);
        if calls[which] == 0 {
            let traced = inject::run(&mut command, &folders, &[], None);
            assert_eq!(traced.run.code, Some(0), "{}", traced.run.text());
            calls[which] = traced.calls;
            command = prepare(&lab, work, variant);
        }
        let n = scattered(begin + round / WORKS.len() as u64, calls[which]);
        let fault = match dice.below(8) {
            0 => Fault::Short,
            1 => Fault::Torn,
            2 => Fault::Lasting(libc::ENOSPC),
            3 => Fault::Kill,
            _ => Fault::Once(*dice.pick(&ERRORS)),
        };
        let traced = inject::run(&mut command, &folders, &[], Some((n, fault)));
        let call = traced.failed.as_deref().unwrap_or("nothing");
        let of = calls[which];
        let what = format!("round {round}, {work:?}, variant {variant}, call {n} of {of}, {fault:?}: {call}");
        injected += u64::from(traced.failed.is_some());
        failed += u64::from(traced.run.code != Some(0));
        assert_clear(&lab, (work, variant, fault), &traced, &what);
        if work == Work::Get {
            assert_got(&lab, variant, &traced, &what);
        }
        lab.assert_sound(&what);
        // No file was altered, so nothing that a run reported as kept may be lost.
        if matches!(work, Work::RunAgain | Work::Sweep | Work::Verify | Work::Get) {
            let print = lab.print(&mut lab.command(&["artifact", "cat", GOT.0]));
            let (_, expected) = &reference(variant)[GOT.1];
            assert!(
                print.0 == Some(0) && Some(print.1) == *expected,
                "{what}: {} is lost",
                GOT.0
            );
        }
        if work == Work::Verify {
            lab.assert_hits(variant, &what);
        }
        lab.assert_right(variant, &what);
        lab.assert_hits(variant, &what);
        if dice.once_in(5) {
            lab.assert_swept_clean(&what);
        }
    }
    eprintln!(
        "fault: {rounds} rounds, {injected} faults met, {failed} commands failed for them; calls of each: {calls:?}"
    );
}

// A lock that cannot be taken, or cannot be released, is no reason to wait for ever, nor one that others wait for when the program has
// ended.
#[test]
fn a_lock_that_fails_is_waited_for_by_nobody() {
    let mut dice = Dice::of_test("locks");
    let lab = Lab::new();
    lab.assert_right(0, "undisturbed");
    let folders = folders(&lab);
    // A lock of the index that is not released is waited for, 20 seconds at a time: that is for the long form.
    let (rounds, begin) = (rounds(4, 20), dice.next() >> 16);
    let names: &[&str] = if rounds == 4 { &["flock"] } else { &["flock", "fcntl"] };
    let mut calls = [0; 2];
    for round in 0..rounds {
        let which = (round % 2) as usize;
        let (work, variant) = ([Work::RunAfterAnother, Work::RunAgain][which], dice.below(VARIANTS));
        let mut command = prepare(&lab, work, variant);
        if calls[which] == 0 {
            calls[which] = inject::run(&mut command, &folders, names, None).calls;
            command = prepare(&lab, work, variant);
        }
        let n = scattered(begin + round / 2, calls[which]);
        let fault = Fault::Once(*dice.pick(&[libc::EIO, libc::EAGAIN, libc::ENOLCK]));
        let traced = inject::run(&mut command, &folders, names, Some((n, fault)));
        let call = traced.failed.as_deref().unwrap_or("nothing");
        let what = format!(
            "round {round}, {work:?}, variant {variant}, call {n} of {}, {call}",
            calls[which]
        );
        assert_clear(&lab, (work, variant, fault), &traced, &what);
        lab.assert_sound(&what);
        lab.assert_right(variant, &what);
        lab.assert_hits(variant, &what);
    }
    eprintln!("locks: {rounds} rounds; calls of each: {calls:?}");
}
