//! Crash safety, shown on the real program: a pipeline that writes a lot is killed at random instants, its store is altered, its
//! system calls fail, several of it and sweeps run at once. Whatever happens, no wrong byte is served, nothing hangs, and what was
//! reported as kept is there. Each test prints its seed and takes it from AIRTIGHT_CRASH_SEED; AIRTIGHT_CRASH_ROUNDS says how often
//! (`cargo xtask crash`), without it each takes a few seconds. Not here: damage that has a test of its own (`end-to-end`,
//! and the store's suite).
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod alter;
mod dice;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod fault;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod inject;
mod kept;
mod kill;
mod lab;
mod race;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[test]
fn system_calls_fail_on_another_machine_only() {
    eprintln!("fault: skipped: system calls are made to fail on Linux on x86-64 only");
}
