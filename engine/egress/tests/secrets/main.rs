//! Secrets on the way out, against real servers on this machine: requests over HTTP, and logins at a PostgreSQL. Not here:
//! everything else of the way out (`egress`).
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod database;
mod postgres;
#[path = "../egress/support.rs"]
#[allow(dead_code, reason = "shared with another program, which uses the rest")]
mod support;
mod web;
