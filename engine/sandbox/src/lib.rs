//! The sandbox: runs one step of a component with what it was given and nothing else, and says what came of it. The only
//! user of wasmtime. Not here: pipeline files, deciding when a step runs, and keeping results.

mod bindings;
mod cap;
pub mod vfs;
