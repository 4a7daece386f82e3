//! What the way out is made of. Not here: reading any of it from the machine.

use std::collections::HashMap;
use std::net::SocketAddr;

use zeroize::Zeroizing;

/// The value of a secret. Overwritten when it is dropped; never shown.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    /// Takes a value.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretValue(…)")
    }
}

/// What a process's way out is made of.
#[derive(Debug, Clone, Default)]
pub struct EgressConfig {
    /// The secrets by name.
    pub secrets: HashMap<String, SecretValue>,
    /// The files that grants name (`ca:`, `certificate:`), by their path in the pipeline file.
    pub files: HashMap<String, Vec<u8>>,
    /// The DNS servers that are asked instead of the system's.
    pub dns: Vec<SocketAddr>,
    /// Whether some step may reach out: only then is there anything to load.
    pub reaches_out: bool,
}
