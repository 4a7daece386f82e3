//! The store: blobs, trees, the action cache, its index, ingest, export, leases and sweep. Not here: what a pipeline
//! or a component is, and any decision about when to run a step.

mod archive;
mod blob;
mod cache;
mod copy;
mod disk;
mod driver;
mod error;
mod evaluate;
mod export;
mod fault;
mod filter;
mod foreign;
mod generation;
mod history;
mod ingest;
mod large;
mod memory;
mod outboard;
mod pins;
mod reason;
mod scratch;
mod segments;
mod store;
mod sweep;
mod trees;
pub mod walk;

pub use archive::Archived;
pub use blob::Blob;
pub use cache::{Explained, Lookup, MAX_READ_SETS, PublishOutcome};
pub use error::StoreError;
pub use evaluate::{Difference, Verdict, evaluate};
pub use export::{ExportError, Exported};
pub use fault::FaultPlan;
pub use filter::Filtered;
pub use generation::Generation;
pub use ingest::{IngestError, IngestRequest, Ingested, LeftOut, LeftOutReason, LinkProblem};
pub use pins::Pinned;
pub use reason::{ChangedField, MissReason};
pub use scratch::{MAX_IN_MEMORY, Scratch};
pub use store::{Lease, OpenOptions, Store};
pub use sweep::{KEPT_RUNS, RunOutputs, Stats, SweepLimits, Swept, Verified};
