//! The sandbox: runs one step of a component with what it was given and nothing else, and says what came of it. The only
//! user of wasmtime. Not here: pipeline files, deciding when a step runs, and keeping results.
//!
//! [`summarize`] decodes what a binary says of itself, without the runtime. [`Sandbox::run`] runs one attempt.

mod adapt;
mod bindings;
mod cap;
mod compile;
mod confine;
mod control;
mod engine;
mod function;
mod inspect;
mod limits;
mod load;
mod native;
mod output;
mod redact;
mod sandbox;
mod state;
mod ticker;
mod verdict;
pub mod vfs;

pub use adapt::{adapt_preview1, preview1_adapter_digest};
pub use compile::{CompileChild, Compiler, serve_compiler};
pub use confine::{ConfineRules, Confined, confine, no_core_dumps};
pub use control::{Cancel, RunControl, Silent, StepSink, TraceSink};
pub use engine::EngineKind;
pub use inspect::{InspectError, MAX_COMPONENT, summarize, why_unknown};
pub use load::ComponentSource;
pub use sandbox::{Ran, Sandbox, SandboxConfig};
