//! wasmtime's engines: what is compiled how, and everything linked once. Not here: compiled components (`load`), and
//! anything of a single step.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use airtight_model::Limits;
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, Strategy};

use crate::cap::CAPABILITIES;
use crate::limits::{STACK_STEP, stack_steps};
use crate::state::State;

/// The stack that host functions have beyond a guest's own, in bytes.
const HOST_STACK: usize = 2 << 20;
/// What the interpreter is a target of.
const INTERPRETER: &str = if cfg!(target_endian = "big") {
    "pulley64be"
} else {
    "pulley64"
};

/// What runs guests. Both give the same results: `airtight verify` compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EngineKind {
    /// Native code, compiled by Cranelift.
    #[default]
    Cranelift,
    /// Wasmtime's portable interpreter.
    Interpreter,
}

/// What an engine is made for, within its kind: code that counts fuel is other code, and the stack is the engine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Flavour {
    pub(crate) fuel: bool,
    /// In steps of [`STACK_STEP`].
    pub(crate) stack: u32,
}

impl Flavour {
    pub(crate) fn of(limits: &Limits) -> Self {
        Self {
            fuel: limits.fuel.is_some(),
            stack: stack_steps(limits),
        }
    }
}

/// An engine with everything linked.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
}

type Slot = Arc<OnceLock<Result<Arc<Runtime>, String>>>;

/// The engines of one kind, each made when it is first needed. Those that differ in the stack only share native code.
#[derive(Default)]
pub(crate) struct Runtimes {
    kind: EngineKind,
    slots: Mutex<HashMap<Flavour, Slot>>,
}

impl Runtimes {
    pub(crate) fn new(kind: EngineKind) -> Self {
        Self {
            kind,
            slots: Mutex::default(),
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Flavour, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What kind they are.
    pub(crate) fn kind(&self) -> EngineKind {
        self.kind
    }

    /// The engine of that flavour.
    pub(crate) fn get(&self, flavour: Flavour) -> Result<Arc<Runtime>, String> {
        let slot = Arc::clone(self.slots().entry(flavour).or_default());
        let made = slot.get_or_init(|| {
            let made = Runtime::new(self.kind, flavour).map(Arc::new);
            made.map_err(|error| format!("{error:#}"))
        });
        made.clone()
    }

    /// The engines that there are.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Engine)) {
        for runtime in self.slots().values().filter_map(|slot| slot.get()?.as_ref().ok()) {
            visit(&runtime.engine);
        }
    }
}

impl Runtime {
    fn new(kind: EngineKind, flavour: Flavour) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(kind, flavour)?)?;
        let mut linker = Linker::new(&engine);
        for capability in CAPABILITIES {
            (capability.link)(&mut linker)?;
        }
        Ok(Self { engine, linker })
    }
}

/// Everything here that changes what code computes is part of the engine's semantics, and so of every key.
pub(crate) fn config(kind: EngineKind, flavour: Flavour) -> wasmtime::Result<Config> {
    let stack = flavour.stack as usize * STACK_STEP as usize;
    let mut config = Config::new();
    match kind {
        EngineKind::Cranelift => {}
        EngineKind::Interpreter => {
            config.target(INTERPRETER)?;
        }
    }
    config.strategy(Strategy::Cranelift);
    // One result on every machine: floats, relaxed SIMD, no shared memory between threads.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.shared_memory(false);
    config.concurrency_support(false);
    config.consume_fuel(flavour.fuel);
    config.epoch_interruption(true);
    config.max_wasm_stack(stack);
    config.async_stack_size(stack + HOST_STACK);
    config.parallel_compilation(true);
    Ok(config)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    fn hash(kind: EngineKind, fuel: bool, stack: u32) -> u64 {
        let engine = Engine::new(&config(kind, Flavour { fuel, stack }).unwrap()).unwrap();
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    // Native code is kept under this hash: what differs only in the stack finds the same code, nothing else does.
    #[test]
    fn engines_that_differ_in_the_stack_share_native_code() {
        let plain = hash(EngineKind::Cranelift, false, 64);
        assert_eq!(plain, hash(EngineKind::Cranelift, false, 1));
        assert_ne!(plain, hash(EngineKind::Cranelift, true, 64));
        assert_ne!(plain, hash(EngineKind::Interpreter, false, 64));
    }
}
