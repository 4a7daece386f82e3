//! `airtight run`: plan, services, subscribers, signals, exit code. Not here: the run (`airtight_exec`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use airtight_egress::Egress;
use airtight_exec::unchanged::Read;
use airtight_exec::{Cancel, Monotonic, Problem, ProblemClass, Run, RunOptions, RunReport, Services};
use airtight_model::diagnostic::Diagnostic;
use airtight_model::event::Subscriber;
use airtight_model::{Outcome, Plan, RunId};

use crate::args::{Format, Progress, Report, RunArgs};
use crate::commands::Context;
use crate::confine;
use crate::display::{Fanout, JUnit, JsonLines, Places, Text, TextOptions};
use crate::failure::{ErrorClass, Failure};
use crate::project::{self, Project, run_suffix};
use crate::runner::{self, BuiltComponents};
use crate::secrets;
use crate::settings::shown;
use crate::unchanged::{self, Heard, Looked};
use crate::watch;

/// Runs the pipeline, once or whenever something changes.
pub(crate) fn run(context: &Context, args: &RunArgs) -> Result<(), Failure> {
    let runtime = runtime(jobs(args))?;
    let signals = Signals::listen(&runtime);
    let ended = if args.watch {
        watch::watch(context, args, &runtime, &signals)
    } else {
        match unchanged::look(context, args, &runtime, &signals) {
            Looked::Told(ended) => ended,
            Looked::Make(read) => context.project().and_then(|project| {
                let plan = Arc::new(project.plan(context, &args.select)?);
                let start = Start { project, plan, read };
                once(context, args, start, &runtime, &signals)
            }),
        }
    };
    // What was abandoned after a cancel is not waited for.
    runtime.shutdown_background();
    ended
}

/// How many steps may run at a time.
pub(crate) fn jobs(args: &RunArgs) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    args.jobs.map_or_else(processors, |jobs| jobs as usize)
}

/// The threads of a run.
pub(crate) fn runtime(workers: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers.max(1))
        .enable_all()
        .build();
    built.map_err(|error| Failure::infra("U0012", format!("cannot start threads: {error}")))
}

/// Signals that end a run: the first cancels it, the second ends the process.
#[derive(Clone)]
pub(crate) struct Signals {
    pub(crate) cancel: Cancel,
    number: Arc<std::sync::atomic::AtomicU8>,
}

impl Signals {
    pub(crate) fn listen(runtime: &tokio::runtime::Runtime) -> Self {
        use std::sync::atomic::Ordering;
        use tokio::signal::unix::{SignalKind, signal};
        let signals = Self {
            cancel: Cancel::new(),
            number: Arc::default(),
        };
        let shared = signals.clone();
        runtime.spawn(async move {
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            let mut first = true;
            loop {
                let number = tokio::select! {
                    _ = interrupt.recv() => 2u8,
                    _ = terminate.recv() => 15u8,
                };
                if !first {
                    end_now(number);
                }
                first = false;
                shared.number.store(number, Ordering::SeqCst);
                shared.cancel.cancel();
            }
        });
        signals
    }

    /// The signal that came.
    pub(crate) fn number(&self) -> Option<u8> {
        match self.number.load(std::sync::atomic::Ordering::SeqCst) {
            0 => None,
            number => Some(number),
        }
    }
}

/// Someone asked twice: nothing is waited for. What the store has of this run is complete or will not be believed.
#[expect(clippy::exit, reason = "a second signal must end the process even if a thread hangs")]
fn end_now(number: u8) -> ! {
    std::process::exit(128 + i32::from(number))
}

/// What a run, or an explanation, needs of this machine.
pub(crate) fn services(
    context: &Context,
    project: &Project,
    read: Vec<Read>,
    egress: Egress,
    events: Arc<dyn Subscriber>,
) -> Result<Services, Failure> {
    let store = context.store()?.clone();
    let backend = Arc::new(airtight_exec::StoreServices::with_sources(store.clone(), read));
    Ok(Services {
        cache: backend.clone(),
        trees: backend,
        components: Arc::new(BuiltComponents {
            catalog: project.catalog.clone(),
            store: store.clone(),
        }),
        runner: Arc::new(runner::lazy(
            store,
            context.settings.state.clone(),
            egress,
            events.clone(),
        )),
        evaluator: Arc::new(project.checked.evaluator()),
        events,
        clock: Arc::new(Monotonic::new()),
    })
}

/// The options of a run.
pub(crate) fn options(root: &Path, file: &Path, args: &RunArgs, verbose: u8) -> RunOptions {
    RunOptions {
        run: new_run(file),
        root: root.to_owned(),
        identity: project::identity(root, file),
        jobs: jobs(args),
        keep_going: args.keep_going,
        use_cache: !args.no_cache,
        stat_cache: !args.no_stat_cache,
        replay_streams: args.format == Format::Json || verbose > 1,
        export: true,
    }
}

/// A name that sorts by time and ends with the pipeline's suffix.
fn new_run(file: &Path) -> RunId {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let suffix = run_suffix(file).unwrap_or_default();
    RunId(format!("{:012x}-{:x}{suffix}", now.as_millis(), std::process::id()))
}

/// Who is told what happens.
pub(crate) struct Subscribers {
    pub(crate) all: Arc<dyn Subscriber>,
    reports: Vec<Arc<JUnit>>,
}

/// Makes the subscribers that the arguments ask for.
pub(crate) fn subscribers(context: &Context, args: &RunArgs, places: Places) -> Subscribers {
    let mut all: Vec<Arc<dyn Subscriber>> = Vec::new();
    let settings = &context.settings;
    match args.format {
        Format::Json => all.push(Arc::new(JsonLines::new())),
        Format::Text => all.push(Arc::new(Text::new(TextOptions {
            progress: args.progress,
            terminal: settings.terminal && args.progress == Progress::Auto,
            color: settings.color,
            verbose: settings.verbose,
            raw: args.raw,
            places,
        }))),
    }
    let path = |file: &PathBuf| settings.folder.join(file);
    let reports: Vec<Arc<JUnit>> = args
        .report
        .iter()
        .map(|Report::JUnit(file)| Arc::new(JUnit::new(path(file))))
        .collect();
    all.extend(reports.iter().cloned().map(|report| report as Arc<dyn Subscriber>));
    let all: Arc<dyn Subscriber> = if all.len() == 1 {
        all.remove(0)
    } else {
        Arc::new(Fanout(all))
    };
    Subscribers { all, reports }
}

impl Subscribers {
    /// Whether everyone could be told everything.
    pub(crate) fn ended(&self) -> Result<(), Failure> {
        let failed = self.reports.iter().find_map(|report| report.error());
        failed.map_or(Ok(()), |(path, error)| {
            Err(Failure::infra(
                "U0013",
                format!("cannot write the report {}: {error}", shown(&path)),
            ))
        })
    }
}

/// What a run begins with.
pub(crate) struct Start {
    pub(crate) project: Project,
    pub(crate) plan: Arc<Plan>,
    /// Sources that were read a moment ago.
    pub(crate) read: Vec<Read>,
}

/// Runs a plan once.
pub(crate) fn once(
    context: &Context,
    args: &RunArgs,
    start: Start,
    runtime: &tokio::runtime::Runtime,
    signals: &Signals,
) -> Result<(), Failure> {
    let Start { project, plan, read } = start;
    let project = &project;
    let store = context.store()?;
    let _lease = store.lease().map_err(Failure::store)?;
    let subscribers = subscribers(context, args, project.places(&plan));
    let heard = unchanged::counts(context, args)
        .then(|| Heard::of(store, subscribers.all.clone()))
        .flatten();
    let events = heard.as_ref().map_or_else(|| subscribers.all.clone(), Heard::events);
    let reports: Vec<PathBuf> = args.report.iter().map(|Report::JUnit(file)| file.clone()).collect();
    confine::prepare(context, project, &plan, &reports);
    let egress = secrets::egress(&context.settings, project, &plan, &context.vault, &signals.cancel)?;
    let services = services(context, project, read, egress, events)?;
    let options = options(&project.root, &project.file, args, context.settings.verbose);
    let report = runtime.block_on(Run::start(plan.clone(), services, options, signals.cancel.clone()));
    if let Some(heard) = &heard {
        unchanged::remember(context, args, &plan, &report, heard);
    }
    let flushed = store.flush().map_err(Failure::store);
    let verdict = verdict(project, &report, signals);
    subscribers.ended()?;
    verdict.and(flushed)
}

/// What the run means for the process.
pub(crate) fn verdict(project: &Project, report: &RunReport, signals: &Signals) -> Result<(), Failure> {
    if !report.problems.is_empty() {
        let found: Vec<Diagnostic> = report
            .problems
            .iter()
            .map(|problem| problem.diagnostic.clone())
            .collect();
        project.report(&found);
    }
    if report.cancelled {
        return Err(Failure::reported(ErrorClass::Signal(signals.number().unwrap_or(2))));
    }
    let of_user = |problem: &Problem| problem.class == ProblemClass::User;
    if let Some(problem) = report.problems.first() {
        let class = if report.problems.iter().all(of_user) {
            ErrorClass::Pipeline
        } else {
            ErrorClass::Infra
        };
        tracing::debug!(code = problem.diagnostic.code, "the run had problems outside of steps");
        return Err(Failure::reported(class));
    }
    if report.summary.success {
        return Ok(());
    }
    let counts = report
        .steps
        .iter()
        .filter(|step| !step.allow_failure)
        .map(|step| step.outcome);
    let outcomes: Vec<Outcome> = counts.collect();
    let class = if outcomes
        .iter()
        .any(|outcome| matches!(outcome, Outcome::Failed | Outcome::TimedOut))
    {
        ErrorClass::StepFailed
    } else if outcomes.contains(&Outcome::Denied) {
        ErrorClass::Denied
    } else if outcomes.contains(&Outcome::Errored) {
        ErrorClass::Infra
    } else {
        ErrorClass::StepFailed
    };
    Err(Failure::reported(class))
}
