//! The scheduler (a pure state machine) and the driver that takes a plan through it: inputs, look-ups, attempts,
//! results, exports and events. Not here: WebAssembly (behind [`StepRunner`]), expressions (behind
//! [`airtight_model::plan::Evaluator`]), and what the store does (behind [`Cache`] and [`Trees`]).
//!
//! ```text
//! Run::start ─ sources ─→ scheduler.next_ready ─→ prepare ─→ cache.lookup ─ hit ──→ replay ─────────┐
//!                              ↑                                  └ miss → queue → attempt → publish ┤
//!                              └──────────────────────────── scheduler.finish ←──────────────────────┘
//! ```

mod cancel;
mod ports;
mod runner;

pub use cancel::Cancel;
pub use ports::{
    Cache, Clock, ComponentError, Components, Filtered, Hit, IngestOptions, Ingested, Lookup, Miss, Monotonic, RunRecord,
    ServiceError, StepRecord, Trees,
};
pub use runner::{LazyRunner, RunnerControl, RunnerError, StepRunner, StepSink};
