//! The bounds of an attempt: what a guest may take of the host's memory, and how striking a bound is told. Not here: the
//! bounds of the virtual file system, which keeps its own.

use airtight_model::Limits;
use wasmtime::ResourceLimiter;

/// The most table elements of an attempt, all tables together. Each takes a pointer of the host.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 10_000_000;
/// The most core instances, tables and memories of an attempt, each.
pub(crate) const MAX_INSTANCES: usize = 1_000;
/// How much a guest may hand over in one call, in bytes of the host.
pub(crate) const HOSTCALL_BYTES: usize = 64 << 20;

/// A bound that an attempt struck. Always ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Struck {
    #[error("it needs more memory than its limit of {} allows", bytes(*.0))]
    Memory(u64),
    #[error("its tables grew beyond {MAX_TABLE_ELEMENTS} elements")]
    Tables,
    #[error("it wrote more than its limit of {} to standard output, standard error and its log", bytes(*.0))]
    Log(u64),
    #[error("it holds more handles than its limit of {0} allows")]
    Handles(u32),
    #[error("it ran out of its fuel of {0}")]
    Fuel(u64),
    #[error("it handed over more than {} in one call", bytes(HOSTCALL_BYTES as u64))]
    Hostcall,
    #[error("it made more than {count} reports or {} of them", bytes(*.size))]
    Reports { count: usize, size: u64 },
    #[error("it asked for more than {} of random bytes in one call", bytes(*.0))]
    Random(u64),
    #[error(transparent)]
    Net(#[from] airtight_egress::Struck),
}

impl Struck {
    /// The text that raises the bound, where a pipeline file can.
    pub(crate) fn help(self) -> Option<String> {
        let line = |text: String| Some(format!("raise it in the step: `limits: {{ {text} }}`"));
        match self {
            Self::Memory(limit) => line(format!("memory: {}", doubled(limit))),
            Self::Log(limit) => line(format!("log: {}", doubled(limit))),
            Self::Handles(limit) => line(format!("handles: {}", limit.saturating_mul(2))),
            Self::Fuel(limit) => line(format!("fuel: {}", limit.saturating_mul(2))),
            Self::Net(struck) => line(format!("net: {{ {} }}", net_line(struck))),
            Self::Tables | Self::Hostcall | Self::Reports { .. } | Self::Random(_) => None,
        }
    }
}

/// The line under `net:` that raises a bound.
fn net_line(struck: airtight_egress::Struck) -> String {
    use airtight_egress::Struck as Net;
    match struck {
        Net::Requests(limit) => format!("requests: {}", limit.saturating_mul(2)),
        Net::Connections(limit) => format!("connections: {}", limit.saturating_mul(2)),
        Net::Lookups(limit) => format!("lookups: {}", limit.saturating_mul(2)),
        Net::Headers(limit) => format!("headers: {}", doubled(limit)),
        Net::Body(limit) => format!("body: {}", doubled(limit)),
        Net::Total(limit) => format!("total: {}", doubled(limit)),
    }
}

/// A size as a pipeline file would say it: `256MiB`.
pub(crate) fn bytes(size: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units
        .iter()
        .find(|(_, shift)| size > 0 && size.trailing_zeros() >= *shift)
    {
        Some((unit, shift)) => format!("{}{unit}", size >> shift),
        None => format!("{size} bytes"),
    }
}

/// Twice a size, as a pipeline file would say it.
pub(crate) fn doubled(size: u64) -> String {
    let twice = size.saturating_mul(2);
    let text = bytes(twice);
    text.strip_suffix(" bytes").map_or(text.clone(), ToOwned::to_owned)
}

/// Counts what the instances of an attempt take.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: u64,
    memory: u64,
    peak: u64,
    elements: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.memory,
            memory: 0,
            peak: 0,
            elements: 0,
        }
    }

    /// The most linear memory that there was at a time, in bytes.
    pub(crate) fn peak(&self) -> u64 {
        self.peak
    }
}

impl ResourceLimiter for Limiter {
    // A growth beyond what the module itself declares fails as the specification says, the same on every machine.
    // Any other growth that fails would let the guest observe this machine, so it ends the attempt.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let after = self.memory.saturating_add(desired.saturating_sub(current) as u64);
        if after > self.limit {
            return Err(Struck::Memory(self.limit).into());
        }
        self.memory = after;
        self.peak = self.peak.max(after);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Struck::Memory(self.limit).into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.elements = self.elements.saturating_add(desired.saturating_sub(current));
        if self.elements > MAX_TABLE_ELEMENTS {
            Err(Struck::Tables.into())
        } else {
            Ok(true)
        }
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Struck::Tables.into())
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_INSTANCES
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // The mend that a message proposes is a line that the pipeline file accepts.
    #[test]
    fn a_struck_limit_names_the_line_that_raises_it() {
        assert_eq!(
            Struck::Memory(1 << 30).help().unwrap(),
            "raise it in the step: `limits: { memory: 2GiB }`"
        );
        assert_eq!(
            Struck::Log(1000).help().unwrap(),
            "raise it in the step: `limits: { log: 2000 }`"
        );
        assert_eq!(
            Struck::Memory(64 << 20).to_string(),
            "it needs more memory than its limit of 64MiB allows"
        );
    }

    // What the module declares is the specification's failure; the pipeline's limit ends the attempt.
    #[test]
    fn growth_beyond_the_declared_maximum_fails_and_beyond_the_limit_traps() {
        let mut limiter = Limiter::new(&Limits {
            memory: 1 << 20,
            ..Limits::DEFAULT
        });
        assert!(limiter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(!limiter.memory_growing(1 << 16, 1 << 21, Some(1 << 17)).unwrap());
        assert!(limiter.memory_growing(1 << 16, 1 << 21, None).is_err());
        assert_eq!(limiter.peak(), 1 << 16);
    }
}
