//! Running a step: what is shared between all of them, and one attempt from its request to its report. Not here: deciding
//! when to run, and what is kept of a report.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use airtight_egress::Egress;
use airtight_model::step::Invocation;
use airtight_model::tree::MAX_NAME_LEN;
use airtight_model::{Action, BlobDigest, Outcome, ReadSet, StepReport, StepRequest, Usage};
use airtight_store::walk::MAX_PATH_LEN;
use airtight_store::{Store, StoreError};
use futures::FutureExt as _;
use wasmtime::UpdateDeadline;

use crate::cap::clock::ClockCtx;
use crate::cap::env::{self, Stdin};
use crate::cap::fs::FsCtx;
use crate::cap::http::HttpCtx;
use crate::cap::net::streams::Sending;
use crate::cap::poll::PollCtx;
use crate::cap::progress::ProgressCtx;
use crate::cap::random::RandomCtx;
use crate::cap::{Denials, Outside, printable};
use crate::compile::{CompileError, Compiler};
use crate::control::{Cancel, RunControl, Tracer};
use crate::engine::{EngineKind, Flavour, Runtimes};
use crate::function;
use crate::limits::{Limiter, Struck, doubled};
use crate::load::{ComponentSource, LoadError, Loaded, Loader};
use crate::output::{Kept, Said};
use crate::redact::Redact;
use crate::state::State;
use crate::ticker::Ticker;
use crate::verdict::{Stop, Verdict};
use crate::vfs::{CollectError, StruckLimit, Vfs};

/// How long a guest that has ended is waited for: what it wrote to a connection may still be on its way.
const LINGER: Duration = Duration::from_secs(5);

/// What a sandbox is made of.
pub struct SandboxConfig {
    /// The user's state folder, where native code is kept. Without one, components are compiled once a process.
    pub state_dir: Option<PathBuf>,
    /// Where inputs are read from and outputs go.
    pub store: Store,
    /// Where components come from.
    pub components: Arc<dyn ComponentSource>,
    /// The way out, for steps that were granted one.
    pub egress: Egress,
    /// What runs guests.
    pub engine: EngineKind,
    /// Where components are compiled.
    pub compiler: Compiler,
}

/// Runs steps. Making one costs nothing: the runtime starts with the first step that really runs.
pub struct Sandbox {
    store: Store,
    egress: Egress,
    runtimes: Arc<Runtimes>,
    loader: Arc<Loader>,
    ticker: Ticker,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// The report of the attempt.
    pub report: StepReport,
    /// A blob that was not there or was altered, met on the way: it has to be made again.
    pub lost: Option<BlobDigest>,
    /// Something about this machine that its user should know, told once: native code cannot be kept.
    pub warning: Option<String>,
}

/// How an attempt ended, with what only the host knows.
struct Ended {
    verdict: Box<Verdict>,
    lost: Option<BlobDigest>,
}

impl Ended {
    fn of_store(error: &StoreError) -> Self {
        Self {
            verdict: Box::new(Verdict::errored(error.to_string())),
            lost: error.lost_blob(),
        }
    }

    fn of_load(error: &LoadError) -> Self {
        let text = error.to_string();
        match error {
            LoadError::Store(cause) => Self {
                verdict: Box::new(Verdict::errored(text)),
                lost: cause.lost_blob(),
            },
            LoadError::Runtime(_) | LoadError::Panic(_) | LoadError::Compile(CompileError::Unreachable(_)) => {
                Verdict::errored(text).into()
            }
            // A component that takes the compiler down is at fault too, but no tool says so.
            LoadError::Compile(CompileError::Ended(_) | CompileError::Late) => Verdict::failed(text).into(),
            // The component is what the pipeline names: it is at fault, not the machine.
            LoadError::TooLarge | LoadError::Compile(_) | LoadError::Link(_) => {
                let help = "build the component again, or check it with `wasm-tools validate`".to_owned();
                Verdict::failed(text).with_help(Some(help)).into()
            }
        }
    }
}

impl From<Verdict> for Ended {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict: Box::new(verdict),
            lost: None,
        }
    }
}

impl Sandbox {
    /// A sandbox over a store.
    pub fn new(config: SandboxConfig) -> Self {
        let runtimes = Arc::new(Runtimes::new(config.engine));
        let loader = Loader::new(
            Arc::clone(&runtimes),
            config.components,
            config.state_dir,
            config.compiler,
        );
        Self {
            store: config.store,
            egress: config.egress,
            runtimes,
            loader: Arc::new(loader),
            ticker: Ticker::new(),
        }
    }

    /// Runs one attempt of a step. Whatever the guest does, there is a report. Has to be called within a Tokio runtime.
    /// Dropping the future ends the attempt.
    pub async fn run(&self, request: &StepRequest, control: &RunControl) -> Ran {
        let started = Instant::now();
        let mut ran = match self.loaded(request, &control.cancel).await {
            Ok(loaded) => self.attempt(request, control, &loaded).await,
            Err(ended) => bare(ended),
        };
        ran.report.usage.duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        ran.warning = self.loader.take_warning();
        ran
    }

    async fn loaded(&self, request: &StepRequest, cancel: &Cancel) -> Result<Arc<Loaded>, Ended> {
        if cancel.is_cancelled() {
            return Err(Verdict::stopped(Stop::Cancelled).into());
        }
        let limits = &request.limits;
        if self
            .loader
            .size(&request.component)
            .is_some_and(|size| size > limits.component)
        {
            return Err(Verdict::struck(Struck::Component(limits.component)).into());
        }
        let wanted = (request.component, request.adapter, Flavour::of(limits));
        let compile = Duration::from_millis(limits.compile_ms);
        tokio::select! {
            biased;
            loaded = self.loader.load(wanted, limits.compile_ms) => loaded.map_err(|error| match error {
                LoadError::Compile(CompileError::Late) => Verdict::struck(Struck::Compile(limits.compile_ms)).into(),
                other => Ended::of_load(&other),
            }),
            () = cancel.cancelled() => Err(Verdict::stopped(Stop::Cancelled).into()),
            // It may go on for a step that gives it more time.
            () = tokio::time::sleep(compile) => Err(Verdict::struck(Struck::Compile(limits.compile_ms)).into()),
        }
    }

    async fn attempt(&self, request: &StepRequest, control: &RunControl, loaded: &Loaded) -> Ran {
        let trace = Tracer::new(control.trace.clone());
        let outside = Outside::new(&self.egress, request);
        let redact = Redact::new(&outside.session, &request.grants);
        let said = Said::new(
            self.store.clone(),
            request.limits.log,
            Arc::clone(&control.sink),
            redact,
        );
        let said = said.with_trace(trace.clone());
        let (state, stdin) = match self.prepare(request, outside, &said, &trace) {
            Ok(prepared) => prepared,
            Err(ended) => return bare(ended),
        };
        let (verdict, state) = self.guest(request, &control.cancel, loaded, state).await;
        said.finish();
        let fault = stdin
            .fault()
            .or_else(|| said.fault())
            .or_else(|| state.fs.vfs.take_host_error());
        Finish {
            request,
            said,
            state,
            fault,
        }
        .report(verdict)
    }

    fn prepare(
        &self,
        request: &StepRequest,
        outside: Outside,
        said: &Said,
        trace: &Tracer,
    ) -> Result<(State, Stdin), Ended> {
        let blob = match &request.invocation {
            Invocation::Command(_, Some(digest)) => {
                Some(self.store.blob(digest).map_err(|error| Ended::of_store(&error))?)
            }
            _ => None,
        };
        let stdin = Stdin::new(blob);
        let vfs = Vfs::new(self.store.clone(), &request.mounts, request.limits);
        let vfs = vfs.map_err(|error| Ended::from(Verdict::errored(error.to_string())))?;
        let mut table = wasmtime::component::ResourceTable::new();
        table.set_max_capacity(usize::try_from(request.limits.handles).unwrap_or(usize::MAX));
        let mut clock = ClockCtx::new(request.clock_base, request.grants.clock);
        clock.trace = trace.clone();
        let mut random = RandomCtx::new(seed(request)?, request.limits.random);
        random.trace = trace.clone();
        let state = State {
            table,
            limiter: Limiter::new(&request.limits),
            wasi: env::context(request, &outside.session, stdin.clone(), said),
            fs: FsCtx::traced(vfs, trace.clone()),
            clock,
            poll: PollCtx {
                outside: request.grants.reaches_out(),
            },
            random,
            http: HttpCtx::new(&outside.session, request.limits.net.headers),
            progress: ProgressCtx::default(),
            denials: Denials::default(),
            said: said.clone(),
            outside,
            sending: Sending::default(),
        };
        Ok((state, stdin))
    }

    /// Runs the guest to its end, or until it is stopped.
    async fn guest(&self, request: &StepRequest, cancel: &Cancel, loaded: &Loaded, state: State) -> (Verdict, State) {
        let limit = request.limits.time_ms;
        let deadline = limit.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
        let late = Stop::TimedOut(limit.unwrap_or_default());
        let mut store = wasmtime::Store::new(loaded.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(usize::try_from(request.limits.call).unwrap_or(usize::MAX));
        store.set_max_component_handles(usize::try_from(request.limits.handles).unwrap_or(usize::MAX));
        store.set_epoch_deadline(1);
        let watched = cancel.clone();
        store.epoch_deadline_callback(move |context| {
            if watched.is_cancelled() {
                return Err(Stop::Cancelled.into());
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(late.into());
            }
            if let Some(struck) = context.data().outside.session.struck() {
                return Err(Struck::Net(struck).into());
            }
            Ok(UpdateDeadline::Yield(1))
        });
        let running = self.ticker.run(&self.runtimes);
        let call = std::panic::AssertUnwindSafe(call(&mut store, loaded, request)).catch_unwind();
        let ended = tokio::select! {
            biased;
            ended = call => ended,
            () = cancel.cancelled() => Ok(Err(Stop::Cancelled.into())),
            () = until(deadline) => Ok(Err(late.into())),
        };
        drop(running);
        let verdict = match ended {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(error)) => Verdict::of_error(&error, &request.limits),
            Err(_) => Verdict::errored("the sandbox itself failed: this is a bug of Airtight"),
        };
        let state = store.into_data();
        if verdict.outcome == Outcome::Succeeded {
            // Its writes are done for the guest, so they are done.
            tokio::select! {
                () = state.sending.done() => {}
                () = cancel.cancelled() => {}
                () = until(deadline) => {}
                () = tokio::time::sleep(LINGER) => {}
            }
        }
        (verdict, state)
    }
}

/// What the randomness of an attempt comes from: the step's key, or the system where the step sees the world anyway.
fn seed(request: &StepRequest) -> Result<[u8; 32], Ended> {
    if !request.grants.real_random() {
        return Ok(*Action::new(request).static_key().as_bytes());
    }
    let mut seed = [0; 32];
    let given = rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty());
    match given {
        Ok(count) if count == seed.len() => Ok(seed),
        _ => Err(Verdict::errored("the system gives no randomness").into()),
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Instantiates the component and calls what is asked for.
async fn call(store: &mut wasmtime::Store<State>, loaded: &Loaded, request: &StepRequest) -> wasmtime::Result<Verdict> {
    if let Some(fuel) = request.limits.fuel {
        store.set_fuel(fuel)?;
    }
    match &request.invocation {
        Invocation::Command(..) => {
            let Some(run) = &loaded.run else {
                return Ok(Verdict::errored(
                    "the component is no command: it does not export `wasi:cli/run`",
                ));
            };
            let instance = loaded.pre.instantiate_async(&mut *store).await?;
            let run = instance.get_typed_func::<(), (Result<(), ()>,)>(&mut *store, run)?;
            let (ended,) = run.call_async(store, ()).await?;
            Ok(Verdict::exited(i32::from(ended.is_err())))
        }
        Invocation::Function(function, arguments) => {
            let component = loaded.pre.component();
            let interface = function
                .interface
                .as_deref()
                .map(|name| component.get_export_index(None, name));
            let index = match interface {
                Some(None) => None,
                Some(Some(interface)) => component.get_export_index(Some(&interface), &function.name),
                None => component.get_export_index(None, &function.name),
            };
            let Some(index) = index else {
                return Ok(Verdict::errored(format!(
                    "the component does not export the function `{function}`"
                )));
            };
            let instance = loaded.pre.instantiate_async(&mut *store).await?;
            let Some(callee) = instance.get_func(&mut *store, index) else {
                return Ok(Verdict::errored(format!("`{function}` is not a function")));
            };
            let ty = callee.ty(&*store);
            let arguments = match function::lower(arguments, ty.params()) {
                Ok(arguments) => arguments,
                Err(error) => return Ok(Verdict::errored(error.to_string())),
            };
            let mut results = vec![wasmtime::component::Val::Bool(false); ty.results().len()];
            callee.call_async(&mut *store, &arguments, &mut results).await?;
            let result = results.first().map(function::lift).transpose()?;
            // Before it is cut: half a secret is one too.
            let redact = store.data().said.redact();
            Ok(Verdict::returned(result.map(|result| redact.value(result))))
        }
    }
}

/// The report of an attempt that never had a guest.
fn bare(ended: Ended) -> Ran {
    Ran {
        report: report(*ended.verdict, Kept::default()),
        lost: ended.lost,
        warning: None,
    }
}

fn report(verdict: Verdict, kept: Kept) -> StepReport {
    let Verdict {
        outcome,
        cause,
        help,
        exit_code,
        result,
    } = verdict;
    let Kept {
        stdout,
        stderr,
        log,
        reports,
    } = kept;
    StepReport {
        outcome,
        cause,
        help,
        exit_code,
        result,
        outputs: Vec::new(),
        stdout,
        stderr,
        log,
        reports,
        denials: Vec::new(),
        uses: Vec::new(),
        usage: Usage::default(),
        reads: ReadSet::default(),
        cacheable: false,
    }
}

/// The text that raises a bound of the file system.
fn struck_help(struck: StruckLimit) -> Option<String> {
    let line = match struck {
        StruckLimit::Output(limit) => format!("output: {}", doubled(limit)),
        StruckLimit::Files(limit) => format!("files: {}", limit.saturating_mul(2)),
        StruckLimit::Handles(limit) => format!("handles: {}", limit.saturating_mul(2)),
        StruckLimit::Name(limit) => format!("name: {}", (limit as usize).saturating_mul(2).min(MAX_NAME_LEN)),
        StruckLimit::Listings(_) => return None,
    };
    Some(format!("raise it in the step: `limits: {{ {line} }}`"))
}

/// What is left when the guest has ended.
struct Finish<'a> {
    request: &'a StepRequest,
    said: Said,
    state: State,
    /// What went wrong with the host's disk.
    fault: Option<StoreError>,
}

impl Finish<'_> {
    fn report(mut self, verdict: Verdict) -> Ran {
        let (refused, uses) = self.state.outside.session.record();
        self.state.denials.extend(refused);
        self.state.denials.redact(self.said.redact());
        let mut verdict = self.judged(verdict.redacted(self.said.redact()));
        let mut outputs = Vec::new();
        if verdict.outcome == Outcome::Succeeded {
            match self.state.fs.vfs.collect(&self.request.outputs) {
                Ok(collected) => outputs = collected,
                Err(error) => verdict = self.uncollected(error),
            }
        }
        let denials = self.state.denials.take();
        let written = self.said.written();
        let kept = self.said.keep().unwrap_or_else(|error| {
            verdict = Verdict::errored(error.to_string());
            outputs.clear();
            Kept::default()
        });
        let mut report = report(verdict, kept);
        report.outputs = outputs;
        report.denials = denials;
        report.uses = uses;
        self.state.own_uses(&self.request.grants, &mut report.uses);
        report.usage.memory = self.state.limiter.peak();
        let files = self.state.fs.vfs.usage();
        report.usage.read = files.read;
        report.usage.written = files.written + written;
        report.reads = self.state.fs.vfs.read_set();
        report.cacheable = report.outcome == Outcome::Succeeded && self.fault.is_none();
        Ran {
            report,
            lost: self.fault.and_then(|fault| fault.lost_blob()),
            warning: None,
        }
    }

    fn uncollected(&mut self, error: CollectError) -> Verdict {
        let text = error.to_string();
        match error {
            CollectError::Missing { nearest, .. } => {
                let made: Vec<String> = nearest
                    .iter()
                    .map(|path| format!("`{}`", printable(path, MAX_PATH_LEN)))
                    .collect();
                let help = (!made.is_empty()).then(|| format!("what it made: {}", made.join(", ")));
                Verdict::failed(text).with_help(help)
            }
            CollectError::Unreachable { .. } => Verdict::failed(text),
            CollectError::Store(error) => {
                self.fault.get_or_insert(error);
                Verdict::errored(text)
            }
        }
    }

    /// The verdict with what the guest could not know: faults of the host, struck bounds of the file system, refusals.
    fn judged(&mut self, verdict: Verdict) -> Verdict {
        if matches!(verdict.outcome, Outcome::Cancelled | Outcome::TimedOut) {
            return verdict;
        }
        // A guest that swallowed the fault may believe that it succeeded; what it made of it is not believed.
        if let Some(fault) = &self.fault {
            return Verdict::errored(fault.to_string());
        }
        if let Some(struck) = self.state.fs.vfs.struck() {
            return Verdict::failed(struck.to_string()).with_help(struck_help(struck));
        }
        if let Some(struck) = self.state.outside.session.struck() {
            let struck = Struck::Net(struck);
            return Verdict::failed(struck.to_string()).with_help(struck.help());
        }
        if verdict.outcome == Outcome::Failed && verdict.help.is_none() && !self.state.denials.is_empty() {
            return verdict.denied(self.state.denials.allow());
        }
        verdict
    }
}
