//! The standard component `std/sbom`: a CycloneDX bill of materials from the lock files of a source tree. The contract
//! is `wit/world.wit`; [`run`] is its function, over the [`Host`] that the glue to the component model provides. It
//! deliberately reads nothing but lock files and asks no registry.

mod cargo_lock;
#[cfg(target_arch = "wasm32")]
mod component;
mod cyclonedx;
mod digest;
mod error;
mod find;
mod go_sum;
mod inventory;
mod licence;
mod package_lock;
mod package_lock_v1;
mod purl;
mod requirements;
mod run;

pub use error::Error;
pub use inventory::Warning;
pub use run::{Host, Options, Summary, run};
