//! The bounds of an attempt: what a guest may take of the host's memory, and how striking a bound is told. Not here: the
//! bounds of the virtual file system, which keeps its own.

use airtight_model::Limits;
use wasmtime::ResourceLimiter;

use crate::verdict::time;

/// The most core instances, tables and memories of an attempt, each.
pub(crate) const MAX_INSTANCES: usize = 1_000;
/// The largest stack that a guest can have, in bytes.
pub(crate) const MAX_STACK: u64 = 64 << 20;
/// Stacks are counted in steps of this many bytes.
pub(crate) const STACK_STEP: u64 = 64 << 10;

/// A bound that an attempt struck. Always ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Struck {
    #[error("it needs more memory than its limit of {} allows", bytes(*.0))]
    Memory(u64),
    #[error("its tables need more than their limit of {0} elements")]
    Tables(u64),
    #[error("it needs more stack than its limit of {} allows", bytes(*.0))]
    Stack(u64),
    #[error("it has more than {MAX_INSTANCES} instances, memories or tables")]
    Instances,
    #[error("it wrote more than its limit of {} to standard output, standard error and its log", bytes(*.0))]
    Log(u64),
    #[error("it holds more handles than its limit of {0} allows")]
    Handles(u32),
    #[error("it ran out of its fuel of {0}")]
    Fuel(u64),
    #[error("it handed over more than its limit of {} in one call", bytes(*.0))]
    Hostcall(u64),
    #[error("it made more than {count} reports or {} of them", bytes(*.size))]
    Reports { count: usize, size: u64 },
    #[error("it asked for more than its limit of {} of random bytes in one call", bytes(*.0))]
    Random(u64),
    #[error(transparent)]
    Net(#[from] airtight_egress::Struck),
    #[error("the component has more bytes than its limit of {} allows", bytes(*.0))]
    Component(u64),
    #[error("the component takes longer than its limit of {} to compile", time(*.0))]
    Compile(u64),
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
            Self::Tables(limit) => line(format!("tables: {}", limit.saturating_mul(2))),
            // Nothing beyond the largest stack can be asked for.
            Self::Stack(limit) if limit >= MAX_STACK => None,
            Self::Stack(limit) => line(format!("stack: {}", typed(limit.saturating_mul(2).min(MAX_STACK)))),
            Self::Hostcall(limit) => line(format!("call: {}", doubled(limit))),
            Self::Random(limit) => line(format!("random: {}", doubled(limit))),
            Self::Component(limit) => line(format!("component: {}", doubled(limit))),
            Self::Compile(limit) => line(format!("compile: {}", time(limit.saturating_mul(2)))),
            Self::Instances | Self::Reports { .. } => None,
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

/// A size to be typed into a pipeline file.
fn typed(size: u64) -> String {
    let text = bytes(size);
    text.strip_suffix(" bytes").map_or(text.clone(), ToOwned::to_owned)
}

/// Twice a size, to be typed into a pipeline file.
pub(crate) fn doubled(size: u64) -> String {
    typed(size.saturating_mul(2))
}

/// The stack of an attempt in steps of 64 KiB: what an engine is made for.
pub(crate) fn stack_steps(limits: &Limits) -> u32 {
    let steps = limits.stack.clamp(STACK_STEP, MAX_STACK).div_ceil(STACK_STEP);
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// Counts what the instances of an attempt take.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: u64,
    memory: u64,
    peak: u64,
    elements: u64,
    tables: u64,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.memory,
            memory: 0,
            peak: 0,
            elements: 0,
            tables: limits.tables,
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
        self.elements = self.elements.saturating_add(desired.saturating_sub(current) as u64);
        if self.elements > self.tables {
            Err(Struck::Tables(self.tables).into())
        } else {
            Ok(true)
        }
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Struck::Tables(self.tables).into())
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
