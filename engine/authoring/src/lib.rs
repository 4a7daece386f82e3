//! Steps as projects: new ones from templates, sources built to components, and what a component says of itself. Not here: running a
//! step (`sandbox`), and moving one between machines (`registry`).
//!
//! [`templates::files`] gives the files of a new project. [`build`](build()) makes the component of one: it reads `step.yaml` and `wit/`,
//! has the language's own tools make a binary, and finishes that in process, so that no other tool for WebAssembly is needed.

mod build;
mod component;
mod embedded;
mod error;
mod files;
mod metadata;
mod project;
pub mod templates;
mod tools;
mod wit;

pub use build::{Adapt, Built, build};
pub use error::{Error, InFile};
pub use project::StepProject;
pub use tools::Tools;
