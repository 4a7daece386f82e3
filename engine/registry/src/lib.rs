//! Components in registries: OCI artifacts in the form that `wkg` and others use, pushed and pulled, and nothing that a registry says
//! believed. Not here: what is done with a component, where it is kept, and any variable of the environment.
//!
//! The client is our own, over the HTTP that the engine has anyway: every body has a bound and every wait an end, and a login goes to the
//! registry that it is for and to nobody else.

mod artifact;
mod auth;
mod client;
mod credentials;
mod describe;
mod error;
mod wire;

pub use artifact::{Artifact, MAX_LAYER, MAX_MANIFEST, NewArtifact};
pub use client::{Client, Config, Push};
pub use describe::{Described, describe};
pub use error::RegistryError;
pub use wire::Times;
