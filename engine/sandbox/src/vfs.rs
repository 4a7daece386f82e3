//! The virtual file system.
mod code;
pub use code::{Code, StruckLimit};

/// A node while it is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);
