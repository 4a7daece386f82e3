//! Puts the sandbox behind the scheduler's ports: attempts, and the components that steps make. Not here: what either does.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use airtight_egress::Egress;
use airtight_exec::{ComponentError, Components, LazyRunner, RunnerControl, StepRunner};
use airtight_model::event::{Event, Stream, Subscriber};
use airtight_model::step::{LogLine, Report};
use airtight_model::{BlobDigest, CatalogError, ComponentSummary, StepReport, StepRequest};
use airtight_sandbox::{ComponentSource, EngineKind, RunControl, Sandbox, SandboxConfig};
use airtight_store::{Store, StoreError};
use async_trait::async_trait;

use crate::catalog::FileCatalog;
use crate::confine;
use crate::std_components;

/// The bytes of components: embedded ones, else blobs of the store.
struct ComponentBytes(Store);

impl ComponentSource for ComponentBytes {
    fn component(&self, digest: &BlobDigest) -> Result<Cow<'static, [u8]>, StoreError> {
        match std_components::by_digest(digest) {
            Some(found) => Ok(Cow::Borrowed(found.wasm)),
            None => self.0.blob(digest)?.read_all().map(Cow::Owned),
        }
    }

    fn size(&self, digest: &BlobDigest) -> Result<u64, StoreError> {
        match std_components::by_digest(digest) {
            Some(found) => Ok(found.wasm.len() as u64),
            None => Ok(self.0.blob(digest)?.size()),
        }
    }
}

/// A runner that starts the sandbox when the first step has to run.
pub(crate) fn lazy(
    store: Store,
    state_dir: Option<PathBuf>,
    egress: Egress,
    events: Arc<dyn Subscriber>,
) -> LazyRunner {
    LazyRunner::new(move || {
        // Read before the process is confined, which may hide them.
        egress.load();
        // Before anything of the sandbox starts a thread: what is restricted is inherited.
        let compiler = confine::enter(&*events);
        let components = Arc::new(ComponentBytes(store.clone()));
        let config = SandboxConfig {
            state_dir: state_dir.clone(),
            store: store.clone(),
            components,
            egress: egress.clone(),
            engine: EngineKind::Cranelift,
            compiler,
        };
        Ok(Arc::new(SandboxRunner {
            sandbox: Sandbox::new(config),
            events: events.clone(),
        }) as Arc<dyn StepRunner>)
    })
}

/// A runner with the interpreter over another store, for comparison.
pub(crate) fn elsewhere(
    store: Store,
    state_dir: PathBuf,
    egress: Egress,
    events: Arc<dyn Subscriber>,
) -> Arc<dyn StepRunner> {
    let compiler = confine::enter(&*events);
    let components = Arc::new(ComponentBytes(store.clone()));
    let config = SandboxConfig {
        state_dir: Some(state_dir),
        store,
        components,
        egress,
        engine: EngineKind::Interpreter,
        compiler,
    };
    Arc::new(SandboxRunner {
        sandbox: Sandbox::new(config),
        events,
    })
}

struct SandboxRunner {
    sandbox: Sandbox,
    events: Arc<dyn Subscriber>,
}

#[async_trait]
impl StepRunner for SandboxRunner {
    async fn run(&self, request: StepRequest, control: RunnerControl) -> StepReport {
        let cancel = airtight_sandbox::Cancel::new();
        let sink = Arc::new(Sink(control.sink.clone()));
        let inner = RunControl {
            cancel: cancel.clone(),
            sink,
            trace: control
                .trace
                .clone()
                .map(|trace| Arc::new(Trace(trace)) as Arc<dyn airtight_sandbox::TraceSink>),
        };
        let run = self.sandbox.run(&request, &inner);
        tokio::pin!(run);
        let ran = tokio::select! {
            ran = &mut run => ran,
            () = control.cancel.cancelled() => {
                cancel.cancel();
                run.await
            }
        };
        if let Some(blob) = ran.lost {
            control.sink.lost(blob);
        }
        if let Some(message) = ran.warning {
            self.events.event(&Event::Warning { message, help: None });
        }
        ran.report
    }
}

/// The sandbox's sink as the scheduler's.
struct Sink(Arc<dyn airtight_exec::StepSink>);

impl airtight_sandbox::StepSink for Sink {
    fn stdout(&self, chunk: &[u8]) {
        self.0.output(Stream::Stdout, chunk);
    }

    fn stderr(&self, chunk: &[u8]) {
        self.0.output(Stream::Stderr, chunk);
    }

    fn log(&self, line: &LogLine) {
        self.0.log(line);
    }

    fn progress(&self, task: &str, done: u64, total: Option<u64>) {
        self.0.progress(task, done, total);
    }

    fn report(&self, report: &Report) {
        self.0.report(report);
    }
}

/// The sandbox's listener as the scheduler's.
struct Trace(Arc<dyn airtight_exec::TraceSink>);

impl airtight_sandbox::TraceSink for Trace {
    fn call(&self, line: &str) {
        self.0.call(line);
    }
}

/// Decodes components that steps make, and brings those back that files hold.
pub(crate) struct BuiltComponents {
    pub(crate) catalog: Arc<FileCatalog>,
    pub(crate) store: Store,
}

impl Components for BuiltComponents {
    fn summary(&self, component: &BlobDigest) -> Result<Arc<ComponentSummary>, ComponentError> {
        // Only where nothing is known of it yet: it may be large, and to start it nobody needs it.
        let mut failed = None;
        let read = || {
            let bytes = self.store.blob(component).and_then(|blob| blob.read_all());
            bytes.map_err(|error| {
                let message = error.to_string();
                failed = Some(error);
                CatalogError::Unusable { message, help: None }
            })
        };
        let summary = self.catalog.summary(component, read);
        if let Some(error) = failed {
            return Err(ComponentError::Service(error.into()));
        }
        summary.map_err(|error| match error {
            CatalogError::Unusable { message, help } => ComponentError::Unusable { message, help },
            CatalogError::NotFound { message, .. } | CatalogError::Elsewhere { message, .. } => {
                ComponentError::Unusable { message, help: None }
            }
        })
    }

    fn restore(&self, component: &BlobDigest) -> bool {
        self.catalog.restore(component)
    }
}
