//! Hostile guests: each case is a small component, or a list of acts of a guest that does what it is told, with a sentence
//! of what it tries. All run through the real program; each has to be refused with the right outcome, leave the host as it
//! was, leave no secret anywhere, and not be kept. Not here: what friendly guests may rely on (`end-to-end`).
#![allow(clippy::unwrap_used)]

mod addresses;
mod bombs;
mod components;
mod contracts;
mod floods;
mod harness;
mod listing;
mod mounts;
mod paths;
mod requests;
mod secrets;
mod servers;
mod store;
mod terminal;
