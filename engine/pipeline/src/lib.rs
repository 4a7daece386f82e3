//! The pipeline file: text → nodes → its own shape → checked pipeline → plan. Pure: files come in as texts, components
//! through a [`Catalog`](airtight_model::Catalog). Not here: any I/O, running anything, and how diagnostics look.
//!
//! ```text
//! parse(path, text, read) → Parsed          one file at a time: syntax, keys, kinds of values
//! check(&parsed, &catalog) → Checked        all files together: references, components, types
//! plan(&checked, &request) → Plan           with the values of inputs and an event
//! ```
//!
//! Beside it stand the lock ([`lock`]: what the author has accepted) and the policy ([`policy`]: what no pipeline may go
//! beyond).
//!
//! The format is specified in `docs/formats/pipeline.md`, the correspondence of values in `docs/formats/values.md`, and
//! the codes in `docs/diagnostics.md`.

mod ast;
mod check;
mod codes;
mod edit;
mod evaluator;
mod expr;
pub mod glob;
mod inputs;
mod keys;
mod limits;
mod load;
pub mod lock;
mod lower;
mod matrix;
mod nearest;
mod node;
mod paths;
mod plan;
pub mod policy;
mod schema;
pub mod step_file;
mod suffix;
mod syntax;
mod template;
mod units;

pub use check::{Checked, check};
pub use codes::CODES;
pub use edit::{EditError, add_step};
pub use evaluator::CelEvaluator;
pub use expr::MAX_EXPRESSION_BYTES;
pub use inputs::InputValue;
pub use limits::limit_texts;
pub use load::{MAX_FILES, Parsed, Reader, SourceFile, parse};
pub use matrix::MAX_CELLS;
pub use plan::{MAX_STEPS, PlanRequest, plan};
pub use schema::{narrowed_schema, schema};
pub use step_file::{Language, StepFile, StepKind, parse_step_file};
pub use syntax::{MAX_FILE_BYTES, parse_value as parse_data};
