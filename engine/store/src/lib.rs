//! The store: blobs, trees, the action cache, its index, ingest, export, leases and sweep. Not here: what a pipeline
//! or a component is, and any decision about when to run a step.

mod blob;
mod error;
mod store;
pub mod walk;

pub use blob::{Blob, Scratch};
pub use error::StoreError;
pub use store::Store;
