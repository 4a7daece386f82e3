//! Components ready to be instantiated: found, compiled or taken from the native code that is kept, and linked, once a
//! process however many steps ask at the same time. Not here: the folder of native code (`native`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use airtight_model::BlobDigest;
use airtight_store::{Store, StoreError};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::adapt;
use crate::compile::{CompileError, Compiler, Deadline, Job};
use crate::engine::{Flavour, Runtime, Runtimes};
use crate::inspect::MAX_COMPONENT;
use crate::native::{self, CodeName, NativeCode};
use crate::state::State;

/// Where components come from: the store, or what is embedded in the program.
pub trait ComponentSource: Send + Sync {
    /// The bytes of the component with that digest.
    ///
    /// # Errors
    /// It is not there ([`StoreError::lost_blob`]) or cannot be read.
    fn component(&self, digest: &BlobDigest) -> Result<Cow<'static, [u8]>, StoreError>;

    /// How many bytes it has.
    ///
    /// # Errors
    /// As [`ComponentSource::component`].
    fn size(&self, digest: &BlobDigest) -> Result<u64, StoreError>;
}

impl ComponentSource for Store {
    fn component(&self, digest: &BlobDigest) -> Result<Cow<'static, [u8]>, StoreError> {
        self.blob(digest)?.read_all().map(Cow::Owned)
    }

    fn size(&self, digest: &BlobDigest) -> Result<u64, StoreError> {
        Ok(self.blob(digest)?.size())
    }
}

/// A component that is ready.
pub(crate) struct Loaded {
    pub(crate) pre: InstancePre<State>,
    /// `wasi:cli/run`, where it is a command.
    pub(crate) run: Option<ComponentExportIndex>,
}

/// Why a component is not ready.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Store(Arc<StoreError>),
    #[error("the component is larger than {} MiB", MAX_COMPONENT >> 20)]
    TooLarge,
    #[error(transparent)]
    Compile(CompileError),
    #[error("the component cannot be linked: {0}")]
    Link(String),
    #[error("the runtime does not start: {0}")]
    Runtime(String),
    #[error("the compiler failed: {0}")]
    Panic(String),
}

type Loading = Shared<BoxFuture<'static, Result<Arc<Loaded>, LoadError>>>;

enum Slot {
    Ready(Arc<Loaded>),
    Loading(Loading, Arc<Deadline>),
}

/// What names a loaded component: its digest, its adapter, and the engine that it is for.
pub(crate) type Wanted = (BlobDigest, Option<BlobDigest>, Flavour);

/// The components of a process.
pub(crate) struct Loader {
    runtimes: Arc<Runtimes>,
    source: Arc<dyn ComponentSource>,
    state: Option<PathBuf>,
    compiler: Compiler,
    native: OnceLock<Option<NativeCode>>,
    warning: Mutex<Option<String>>,
    /// How large components are, as far as anyone asked.
    sizes: Mutex<HashMap<BlobDigest, u64>>,
    slots: Mutex<HashMap<Wanted, Slot>>,
}

impl Loader {
    pub(crate) fn new(
        runtimes: Arc<Runtimes>,
        source: Arc<dyn ComponentSource>,
        state: Option<PathBuf>,
        compiler: Compiler,
    ) -> Self {
        Self {
            runtimes,
            source,
            state,
            compiler,
            native: OnceLock::new(),
            warning: Mutex::default(),
            sizes: Mutex::default(),
            slots: Mutex::default(),
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Wanted, Slot>> {
        self.slots.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What is to be told about keeping native code, once.
    pub(crate) fn take_warning(&self) -> Option<String> {
        self.warning
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take()
    }

    /// How many bytes a component has. None where its bytes are not to be had: native code may do without them.
    pub(crate) fn size(&self, digest: &BlobDigest) -> Option<u64> {
        let sizes = || self.sizes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(size) = sizes().get(digest) {
            return Some(*size);
        }
        let size = self.source.size(digest).ok()?;
        sizes().insert(*digest, size);
        Some(size)
    }

    /// The component, for someone who waits `compile_ms` for it. Compiling goes on for those who wait longer, and in the
    /// background up to the longest of their limits when nobody waits any more: the next one has it.
    ///
    /// # Errors
    /// It is not there or cannot be made ready. The next call tries again.
    pub(crate) async fn load(self: &Arc<Self>, wanted: Wanted, compile_ms: u64) -> Result<Arc<Loaded>, LoadError> {
        let loading = {
            let mut slots = self.slots();
            match slots.get(&wanted) {
                Some(Slot::Ready(loaded)) => return Ok(Arc::clone(loaded)),
                Some(Slot::Loading(loading, deadline)) => {
                    deadline.extend(compile_ms);
                    loading.clone()
                }
                None => {
                    let deadline = Arc::new(Deadline::new(compile_ms));
                    let loading = self.begin(wanted, Arc::clone(&deadline));
                    slots.insert(wanted, Slot::Loading(loading.clone(), deadline));
                    loading
                }
            }
        };
        loading.await
    }

    fn begin(self: &Arc<Self>, wanted: Wanted, deadline: Arc<Deadline>) -> Loading {
        let loader = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            let make = std::panic::AssertUnwindSafe(|| loader.make(wanted, &deadline));
            let result = std::panic::catch_unwind(make)
                .unwrap_or_else(|_| Err(LoadError::Panic("it ended without an answer".to_owned())));
            let mut slots = loader.slots();
            match &result {
                Ok(loaded) => slots.insert(wanted, Slot::Ready(Arc::clone(loaded))),
                Err(_) => slots.remove(&wanted),
            };
            result
        });
        task.map(|result| result.unwrap_or_else(|error| Err(LoadError::Panic(error.to_string()))))
            .boxed()
            .shared()
    }

    fn make(&self, (digest, adapter, flavour): Wanted, deadline: &Deadline) -> Result<Arc<Loaded>, LoadError> {
        let (runtime, component) = self.component(&digest, adapter.as_ref(), flavour, deadline)?;
        let link = |error: wasmtime::Error| LoadError::Link(format!("{error:#}"));
        let pre = runtime.linker.instantiate_pre(&component).map_err(link)?;
        let run = component
            .get_export_index(None, "wasi:cli/run@0.2.0")
            .and_then(|interface| component.get_export_index(Some(&interface), "run"));
        Ok(Arc::new(Loaded { pre, run }))
    }

    fn component(
        &self,
        digest: &BlobDigest,
        adapter: Option<&BlobDigest>,
        flavour: Flavour,
        deadline: &Deadline,
    ) -> Result<(Arc<Runtime>, Component), LoadError> {
        let runtime = self.runtimes.get(flavour).map_err(LoadError::Runtime)?;
        let name = CodeName::new(digest, adapter, &runtime.engine);
        let native = self.native();
        if let Some(component) = native.and_then(|native| native.load(name, &runtime.engine)) {
            return Ok((runtime, component));
        }
        let bytes = self
            .source
            .component(digest)
            .map_err(|error| LoadError::Store(Arc::new(error)))?;
        if bytes.len() > MAX_COMPONENT {
            return Err(LoadError::TooLarge);
        }
        let job = Job {
            kind: self.runtimes.kind(),
            flavour,
            adapt: adapter.is_some(),
            bytes: &bytes,
        };
        let code = match &self.compiler {
            Compiler::Child(child) => child.compile(&job, deadline),
            Compiler::InProcess => compile_here(&runtime.engine, &job),
        };
        let code = code.map_err(LoadError::Compile)?;
        drop(bytes);
        if let Some(Err(error)) = native.map(|native| native.keep(name, &code)) {
            self.warn(&error);
        }
        let ready = native::ready(&runtime.engine, &code);
        let component = ready.map_err(|error| LoadError::Runtime(format!("{error:#}")))?;
        Ok((runtime, component))
    }

    fn native(&self) -> Option<&NativeCode> {
        let open = |state: &Path| NativeCode::open(state).map_err(|error| self.warn(&error)).ok();
        self.native
            .get_or_init(|| self.state.as_deref().and_then(open))
            .as_ref()
    }

    fn warn(&self, warning: &dyn std::fmt::Display) {
        let mut slot = self.warning.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.get_or_insert_with(|| warning.to_string());
    }
}

/// Compiles in this process.
fn compile_here(engine: &wasmtime::Engine, job: &Job<'_>) -> Result<Vec<u8>, CompileError> {
    let adapted = job.adapt.then(|| adapt::adapt_preview1(job.bytes)).transpose();
    let adapted = adapted.map_err(CompileError::Adapt)?;
    let code = engine.precompile_component(adapted.as_deref().unwrap_or(job.bytes));
    code.map_err(|error| CompileError::Compile(format!("{error:#}")))
}
