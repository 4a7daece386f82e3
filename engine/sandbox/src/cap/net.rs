//! Sockets and name lookup: every use is refused and recorded.

/// The answer of a name lookup. None is ever made: lookups are refused.
#[derive(Debug)]
pub enum ResolveAddressStream {}
