//! The scheduler (a pure state machine) and the driver that takes a plan through it: inputs, look-ups, attempts,
//! results, exports and events. Not here: WebAssembly (behind [`StepRunner`]), expressions (behind
//! [`airtight_model::plan::Evaluator`]), and what the store does (behind [`Cache`] and [`Trees`]).
//!
//! ```text
//! Run::start ─ sources ─→ scheduler.next_ready ─→ prepare ─→ cache.lookup ─ hit ──→ replay ─────────┐
//!                              ↑                                  └ miss → queue → attempt → publish ┤
//!                              └──────────────────────────── scheduler.finish ←──────────────────────┘
//! ```

mod adapter;
mod cancel;
pub mod codes;
mod driver;
mod explain;
mod ledger;
mod lines;
mod pins;
mod ports;
mod prepare;
mod report;
mod runner;
pub mod scheduler;
mod sink;
mod sources;
pub mod unchanged;
mod verify;

pub use adapter::StoreServices;
pub use cancel::Cancel;
pub use driver::{CANCEL_GRACE, MAX_BACKOFF, Run, RunOptions, Services};
pub use explain::{ExplainReport, Upstream, Verdict, explain_step};
pub use lines::MAX_LINE;
pub use ports::{
    Cache, Clock, ComponentError, Components, Filtered, IngestOptions, Ingested, Monotonic, RecordedStep, RunRecord,
    ServiceError, StepRecord, Trees,
};
pub use report::{Exported, Problem, ProblemClass, RunReport, StepEnd};
pub use runner::{LazyRunner, RunnerControl, RunnerError, StepRunner, StepSink, TraceSink};
pub use scheduler::Scheduler;
pub use verify::{CallDifference, Difference, SameOrNot, Verified, VerifyOptions, VerifyReport, verify};
