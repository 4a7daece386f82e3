//! Runs of the driver with everything around it made of memory: what a plan does, step by step. Not here: the real
//! store and the sandbox (the end-to-end tests), or the scheduler by itself (its unit tests).
#![allow(clippy::unwrap_used)]

mod caching;
mod calls;
mod cancel;
mod draft;
mod events_doc;
mod explain;
mod exports;
mod failures;
mod fakes;
mod on_a_store;
mod order;
mod pins;
mod rewind;
mod same;
mod sources;
mod speed;
mod verify;
mod world;
