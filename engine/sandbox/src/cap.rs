//! The capabilities, one module each. Not here: what a step was granted, and the store's data (`state`).

pub(crate) mod fs;
pub(crate) mod net;
