//! The values of Airtight and their canonical encoding: digests, trees, components' interfaces, plans, actions,
//! read sets, results, events and diagnostics. Not here: any I/O, any async code, and anything that knows YAML,
//! SQLite or WebAssembly.

pub mod action;
pub mod canonical;
pub mod component;
pub mod diagnostic;
pub mod event;
pub mod grant;
pub mod history;
pub mod id;
pub mod oci;
pub mod plan;
pub mod readset;
pub mod result;
pub mod section;
pub mod step;
pub mod tree;
pub mod unchanged;
pub mod value;

pub use action::{Action, KeySink};
pub use canonical::{Canonical, DecodeError, Decoder, Encoder};
pub use component::{
    Catalog, CatalogError, ComponentKind, ComponentSummary, FunctionRef, FunctionSignature, Parameter,
    ResolvedComponent, WitType,
};
pub use diagnostic::{Diagnostic, Label, Severity, Span};
pub use event::{CacheOutcome, Event};
pub use grant::Grants;
pub use id::{ActionKey, BlobDigest, RunId, SourceId, StaticKey, StepId, TreeDigest};
pub use oci::{OciRef, OciRefError, Sha256Digest};
pub use plan::Plan;
pub use readset::{Fact, Observation, ReadSet};
pub use result::{ActionResult, Captured};
pub use section::{About, StepSection};
pub use step::{
    Class, Denial, Limits, Mount, NetLimits, Outcome, OutputSpec, Pin, StepReport, StepRequest, Usage, Use,
};
pub use tree::{Node, NodeKind, Tree, TreeEntry};
pub use unchanged::{KnownFile, KnownSource, Told, ToldEvent, UnchangedRun};
pub use value::Value;
