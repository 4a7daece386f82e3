//! The store's tests through its public face: every driver, damage of every kind, the action cache, ingest and export.
#![allow(clippy::unwrap_used)]

mod cache;
mod conformance;
mod damage;
mod export;
mod generation;
mod ingest;
mod many;
mod support;
mod upkeep;
