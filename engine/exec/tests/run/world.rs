//! Everything around the driver, and what tests ask of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use airtight_exec::{Cancel, LazyRunner, Monotonic, Run, RunOptions, RunReport, Services, StepRunner};
use airtight_model::event::{Event, StepFinished};
use airtight_model::plan::Plan;
use airtight_model::{Outcome, RunId};

use crate::fakes::{Act, FakeComponents, FakeEvaluator, FakeRunner, MemoryCache, MemoryTrees, Recorder};

pub(crate) struct World {
    pub(crate) trees: Arc<MemoryTrees>,
    pub(crate) cache: Arc<MemoryCache>,
    pub(crate) components: Arc<FakeComponents>,
    pub(crate) runner: Arc<FakeRunner>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) options: RunOptions,
    pub(crate) cancel: Cancel,
    /// How often a runner was made.
    pub(crate) made: Arc<AtomicUsize>,
}

impl World {
    pub(crate) fn new() -> Self {
        let trees = Arc::new(MemoryTrees::default());
        let options = RunOptions {
            run: RunId("1".to_owned()),
            root: ".".into(),
            identity: "test/".to_owned(),
            jobs: 4,
            keep_going: false,
            use_cache: true,
            stat_cache: true,
            replay_streams: true,
            export: true,
        };
        Self {
            cache: Arc::new(MemoryCache::new(trees.clone())),
            components: Arc::default(),
            runner: Arc::new(FakeRunner::new(trees.clone())),
            recorder: Arc::default(),
            options,
            cancel: Cancel::new(),
            made: Arc::default(),
            trees,
        }
    }

    /// Lets the attempts of a step do these in turn.
    pub(crate) fn acts(self, program: &str, acts: impl IntoIterator<Item = Act>) -> Self {
        self.set_acts(program, acts);
        self
    }

    pub(crate) fn set_acts(&self, program: &str, acts: impl IntoIterator<Item = Act>) {
        self.runner
            .acts
            .lock()
            .unwrap()
            .insert(program.to_owned(), acts.into_iter().collect());
    }

    pub(crate) fn options(mut self, change: impl FnOnce(&mut RunOptions)) -> Self {
        change(&mut self.options);
        self
    }

    pub(crate) fn services(&self) -> Services {
        let (runner, made) = (self.runner.clone(), self.made.clone());
        let make = move || -> Result<Arc<dyn StepRunner>, _> {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(runner.clone())
        };
        Services {
            cache: self.cache.clone(),
            trees: self.trees.clone(),
            components: self.components.clone(),
            runner: Arc::new(LazyRunner::new(make)),
            evaluator: Arc::new(FakeEvaluator),
            events: self.recorder.clone(),
            clock: Arc::new(Monotonic::new()),
        }
    }

    pub(crate) async fn run(&self, plan: &Arc<Plan>) -> RunReport {
        self.run_with(plan, self.services()).await
    }

    pub(crate) async fn run_with(&self, plan: &Arc<Plan>, services: Services) -> RunReport {
        self.recorder.events.lock().unwrap().clear();
        self.runner.runs.lock().unwrap().clear();
        Run::start(plan.clone(), services, self.options.clone(), self.cancel.clone()).await
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.recorder.events.lock().unwrap().clone()
    }

    /// The names of the steps that ran, in the order in which they began.
    pub(crate) fn ran(&self) -> Vec<String> {
        self.runner.names()
    }

    /// All ends of a step that were told.
    pub(crate) fn finished(&self, step: &str) -> Vec<StepFinished> {
        let end = |event: Event| match event {
            Event::StepFinished(end) if end.step == step => Some(*end),
            _ => None,
        };
        self.events().into_iter().filter_map(end).collect()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let warning = |event| {
            if let Event::Warning { message, .. } = event {
                Some(message)
            } else {
                None
            }
        };
        self.events().into_iter().filter_map(warning).collect()
    }
}

/// The outcomes of all steps, in the order of the plan.
pub(crate) fn outcomes(report: &RunReport) -> Vec<Outcome> {
    report.steps.iter().map(|end| end.outcome).collect()
}

/// Why a step did not succeed.
pub(crate) fn cause<'a>(report: &'a RunReport, step: &str) -> &'a str {
    let end = report
        .steps
        .iter()
        .find(|end| end.name == step)
        .expect("the plan has the step");
    end.cause.as_deref().expect("it has a cause")
}
