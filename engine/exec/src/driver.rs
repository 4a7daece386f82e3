//! The driver: takes a plan through the scheduler. One task on one thread decides, looks up and tells; only attempts
//! have tasks of their own. Not here: the order of steps (`scheduler`), what a request is made of (`prepare`), what an
//! attempt does (the runner).

mod attempt;
mod end;
mod export;
mod history;
mod look;
mod rewind;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use airtight_model::event::{CacheOutcome, Event, Subscriber};
use airtight_model::history::StepHistory;
use airtight_model::plan::{Evaluator, Plan};
use airtight_model::{ActionKey, BlobDigest, RunId, StepId};
use tokio::task::JoinSet;
use tokio::time::Instant;

use attempt::{Attempt, TaskEnd};
use rewind::Rewind;

use crate::cancel::Cancel;
use crate::ledger::Ledger;
use crate::ports::{Cache, Clock, Components, Trees};
use crate::prepare::{Ports, Prepared};
use crate::report::{Exported, Problem, RunReport, StepEnd};
use crate::runner::LazyRunner;
use crate::scheduler::{Policy, Reason, Scheduler, StepRules};
use crate::sources;

/// How long running attempts have to end after a cancel. Those that have not by then are abandoned.
pub const CANCEL_GRACE: Duration = Duration::from_millis(700);
/// The longest wait before an attempt is made again.
pub const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// After so many look-ups in a row the driver lets others on its thread go on.
const LOOKUPS_IN_A_ROW: u32 = 128;

/// What a run needs of the outside. Clones share it.
#[derive(Clone)]
pub struct Services {
    /// The action cache and the record of runs.
    pub cache: Arc<dyn Cache>,
    /// Trees and blobs.
    pub trees: Arc<dyn Trees>,
    /// Components that steps make.
    pub components: Arc<dyn Components>,
    /// What runs attempts, made when the first has to run.
    pub runner: Arc<LazyRunner>,
    /// What evaluates expressions.
    pub evaluator: Arc<dyn Evaluator>,
    /// Who is told what happens.
    pub events: Arc<dyn Subscriber>,
    /// A clock for durations.
    pub clock: Arc<dyn Clock>,
}

impl Services {
    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports {
            trees: &*self.trees,
            components: &*self.components,
            evaluator: &*self.evaluator,
        }
    }
}

/// How a plan is run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The run.
    pub run: RunId,
    /// The pipeline file's folder: sources are read and exports written below it.
    pub root: PathBuf,
    /// What is put before a step's name to name it across runs: something that tells pipelines of one store apart.
    pub identity: String,
    /// How many steps may run at a time; zero counts as one.
    pub jobs: usize,
    /// Whether steps that do not depend on a failed one still start.
    pub keep_going: bool,
    /// Whether steps are looked up. Without it every step runs, and what comes of it is kept all the same, so that the
    /// next run can use it.
    pub use_cache: bool,
    /// Whether a file of a source whose size and times have not changed may be taken for unchanged.
    pub stat_cache: bool,
    /// Whether standard output and standard error of hits are told again. Log lines, reports and denials always are.
    pub replay_streams: bool,
    /// Whether exports are written.
    pub export: bool,
}

impl RunOptions {
    /// The name of a step across runs.
    pub fn identity_of(&self, step: &str) -> String {
        format!("{}{step}", self.identity)
    }
}

/// A run of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Run;

impl Run {
    /// Runs a plan to its end. Raising `cancel` ends it within a second: running attempts are told, and nothing new
    /// starts. To be called in a tokio runtime with time; attempts run on its threads.
    pub async fn start(plan: Arc<Plan>, services: Services, options: RunOptions, cancel: Cancel) -> RunReport {
        Self::keeping(plan, services, options, cancel).await.0
    }

    /// As [`Run::start`], and keeps what the steps were given and made.
    pub(crate) async fn keeping(
        plan: Arc<Plan>,
        services: Services,
        options: RunOptions,
        cancel: Cancel,
    ) -> (RunReport, Ledger) {
        Driver::new(plan, services, options, cancel).drive().await
    }
}

/// A step that has to run: what it is made of, and what was made of it so far.
struct Pending {
    prepared: Prepared,
    key: ActionKey,
    cache: CacheOutcome,
    reason: String,
}

/// What is kept of a step from its first look-up to its end.
#[derive(Default)]
struct Track {
    begun: Option<Duration>,
    attempts: u32,
    /// Attempts that count against its `retry:`; those that met a lost blob do not.
    tried: u32,
    pending: Option<Pending>,
    /// Whether it has waited for another step that did the same. It does so once: if there is no result to hit then, it
    /// runs itself, so that steps which fail alike do not fail one after the other.
    followed: bool,
    /// What it did so far, once an attempt of it began.
    history: Option<StepHistory>,
}

struct Driver {
    services: Services,
    options: RunOptions,
    cancel: Cancel,
    scheduler: Scheduler,
    ledger: Ledger,
    tracks: Vec<Track>,
    ends: Vec<Option<StepEnd>>,
    tasks: JoinSet<TaskEnd>,
    attempts: HashMap<StepId, Attempt>,
    /// Steps that were looked up in vain and have not ended, by their key: who is to do the same waits for them.
    going: HashMap<ActionKey, StepId>,
    rewinds: HashMap<BlobDigest, Rewind>,
    /// Steps that run again because an output of theirs was lost, and the reason.
    forced: HashMap<StepId, String>,
    /// Counts what was made again: an attempt that began before may have met what was lost.
    epoch: u64,
    weighed: bool,
    begun: Duration,
    /// When running attempts are abandoned.
    deadline: Option<Instant>,
    exports: Vec<Exported>,
    exported: HashSet<usize>,
    problems: Vec<Problem>,
}

impl Driver {
    fn new(plan: Arc<Plan>, services: Services, options: RunOptions, cancel: Cancel) -> Self {
        let policy = Policy {
            jobs: options.jobs,
            keep_going: options.keep_going,
        };
        let scheduler = Scheduler::new(plan.steps.iter().map(StepRules::of).collect(), policy);
        let mut tracks = Vec::new();
        tracks.resize_with(plan.steps.len(), Track::default);
        Self {
            begun: services.clock.now(),
            ends: vec![None; plan.steps.len()],
            ledger: Ledger::new(plan),
            services,
            options,
            cancel,
            scheduler,
            tracks,
            tasks: JoinSet::new(),
            attempts: HashMap::new(),
            going: HashMap::new(),
            rewinds: HashMap::new(),
            forced: HashMap::new(),
            epoch: 0,
            weighed: false,
            deadline: None,
            exports: Vec::new(),
            exported: HashSet::new(),
            problems: Vec::new(),
        }
    }

    async fn drive(mut self) -> (RunReport, Ledger) {
        let plan = self.ledger.plan().clone();
        let (pipeline, steps) = (plan.name.clone(), plan.steps.len());
        let run = self.options.run.0.clone();
        self.emit(&Event::RunStarted {
            run,
            pipeline,
            steps,
            jobs: self.options.jobs.max(1),
        });
        let wanted = sources::needed(&plan, 0..steps, self.options.export);
        let problems = sources::ingest(&wanted, &mut self.ledger, &self.services, &self.options, &self.cancel).await;
        self.problems = problems;
        if self.problems.is_empty() && !self.cancel.is_cancelled() {
            self.problems = sources::check_globs(&mut self.ledger, &self.services);
        }
        if !self.problems.is_empty() {
            self.scheduler.cancel(Reason::NoSources);
        }
        loop {
            self.steps().await;
            // An export can find a blob lost, and then its step runs again.
            if !self.export().await {
                break;
            }
        }
        self.report()
    }

    /// Goes on until every step has ended.
    async fn steps(&mut self) {
        let mut in_a_row = 0;
        loop {
            self.obey_cancel();
            self.tell_ended();
            while let Some(step) = self.scheduler.next_start() {
                self.begin(step);
            }
            if let Some(step) = self.scheduler.next_ready() {
                self.look(step).await;
                while !self.tasks.is_empty()
                    && let Some(end) = self.tasks.try_join_next_with_id()
                {
                    self.take(end).await;
                }
                in_a_row += 1;
                if in_a_row % LOOKUPS_IN_A_ROW == 0 {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            if self.scheduler.is_done() {
                return;
            }
            self.wait().await;
        }
    }

    /// Waits for the next thing to happen: an attempt's end, a cancel, the end of patience after one.
    async fn wait(&mut self) {
        let (cancel, deadline) = (self.cancel.clone(), self.deadline);
        let patience = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = cancel.cancelled(), if deadline.is_none() => {}
            () = patience => self.abandon(),
            Some(end) = self.tasks.join_next_with_id() => self.take(end).await,
        }
    }

    fn obey_cancel(&mut self) {
        if self.deadline.is_none() && self.cancel.is_cancelled() {
            self.deadline = Some(Instant::now() + CANCEL_GRACE);
            self.scheduler.cancel(Reason::RunCancelled);
        }
    }

    fn emit(&self, event: &Event) {
        self.services.events.event(event);
    }

    fn warn(&self, message: String, help: Option<String>) {
        self.emit(&Event::Warning { message, help });
    }
}
