//! The sandbox from outside: small guests written as text, run as steps. Not here: the file system's own tests.
#![allow(clippy::unwrap_used)]

mod any_calls;
mod clocks;
mod commands;
mod engines;
mod functions;
mod guests;
mod inspecting;
mod limits;
mod native;
mod outside;
mod refusals;
mod secrets;
