//! wasmtime's engines: what is compiled how, and everything linked once. Not here: compiled components (`load`), and
//! anything of a single step.

use std::sync::OnceLock;

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, Strategy};

use crate::cap::CAPABILITIES;
use crate::state::State;

/// The stack of a guest, in bytes: half of what a native program has.
const MAX_WASM_STACK: usize = 4 << 20;
/// The stack that a guest and the host functions that it calls run on, in bytes.
const FIBER_STACK: usize = MAX_WASM_STACK + (2 << 20);

/// An engine with everything linked.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
}

/// The two engines, each made when it is first needed: code that counts fuel is other code.
#[derive(Default)]
pub(crate) struct Runtimes {
    plain: OnceLock<Result<Runtime, String>>,
    fuel: OnceLock<Result<Runtime, String>>,
}

impl Runtimes {
    /// The engine that counts fuel or not.
    pub(crate) fn get(&self, fuel: bool) -> Result<&Runtime, String> {
        let slot = if fuel { &self.fuel } else { &self.plain };
        slot.get_or_init(|| Runtime::new(fuel).map_err(|error| format!("{error:#}")))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The engines that there are.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Engine)) {
        for runtime in [&self.plain, &self.fuel]
            .into_iter()
            .filter_map(|slot| slot.get()?.as_ref().ok())
        {
            visit(&runtime.engine);
        }
    }
}

impl Runtime {
    fn new(fuel: bool) -> wasmtime::Result<Self> {
        let engine = Engine::new(&config(fuel))?;
        let mut linker = Linker::new(&engine);
        for capability in CAPABILITIES {
            (capability.link)(&mut linker)?;
        }
        Ok(Self { engine, linker })
    }
}

/// Everything here that changes what code computes is part of the engine's semantics, and so of every key.
fn config(fuel: bool) -> Config {
    let mut config = Config::new();
    config.strategy(Strategy::Cranelift);
    // One result on every machine: floats, relaxed SIMD, no shared memory between threads.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.shared_memory(false);
    config.concurrency_support(false);
    config.consume_fuel(fuel);
    config.epoch_interruption(true);
    config.max_wasm_stack(MAX_WASM_STACK);
    config.async_stack_size(FIBER_STACK);
    config.parallel_compilation(true);
    config
}
