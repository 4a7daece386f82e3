//! A run that is recognised as a whole: when nothing that an earlier run of hits depended on has changed, it is told again
//! without a plan and without look-ups. Not here: what planning depends on (the command line finds that out), or any look-up.
//!
//! Why that can never be a stale answer: an [`UnchangedRun`] lists the program, each file that planning read with its digest,
//! each component, each source and the store's generation. Sources and components are ingested anew, as for every run;
//! everything else is compared by content. What a run of hits tells is a function of these: the plan is one of the files and
//! arguments, a key one of the plan and the sources, and an entry of the cache under a key stays right as long as it is there,
//! which the generation says.

use std::sync::{Arc, Mutex, PoisonError};

use airtight_model::event::{CacheOutcome, Event, RunSummary, StepFinished, Subscriber};
use airtight_model::plan::PlannedSource;
use airtight_model::{Canonical, KnownSource, Node, Outcome, Span, Told, ToldEvent, UnchangedRun};
use tokio::task::JoinSet;

use crate::cancel::Cancel;
use crate::driver::RunOptions;
use crate::ports::{Clock, IngestOptions, Ingested, ServiceError, Trees};
use crate::report::RunReport;

/// How many bytes of what steps tell are kept: guests decide how much they say, and a run that says more is looked up.
const MOST_TOLD: usize = 16 << 20;

/// Listens to a run and keeps what its steps tell, for as long as nothing has run.
pub struct Listener {
    events: Arc<dyn Subscriber>,
    /// What was told, and how many bytes of it; none once something cannot be kept.
    told: Mutex<Option<(Told, usize)>>,
}

impl Listener {
    /// Hands every event on to `events`.
    pub fn new(events: Arc<dyn Subscriber>) -> Self {
        Self {
            events,
            told: Mutex::new(Some((Told::default(), 0))),
        }
    }

    /// What the steps told, if nothing ran.
    pub fn take(&self) -> Option<Told> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner).take();
        told.map(|(told, _)| told)
    }

    fn keep(&self, event: &Event) {
        let about_the_run = matches!(
            event,
            Event::RunStarted { .. }
                | Event::SourceStarted { .. }
                | Event::SourceFinished { .. }
                | Event::Exported { .. }
                | Event::RunFinished(_)
        );
        if about_the_run {
            return;
        }
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((events, bytes)) = &mut *told else { return };
        let kept = ToldEvent::of(event).filter(is_of_a_hit);
        let kept = kept.map(|kept| (kept.to_bytes().len(), kept));
        match kept {
            Some((size, kept)) if *bytes + size <= MOST_TOLD => {
                *bytes += size;
                events.events.push(kept);
            }
            _ => *told = None,
        }
    }
}

impl Subscriber for Listener {
    fn event(&self, event: &Event) {
        self.keep(event);
        self.events.event(event);
    }
}

/// Whether an end is one that only what is listed decides: of a hit, or of a step that was skipped.
fn is_of_a_hit(told: &ToldEvent) -> bool {
    match told {
        ToldEvent::Finished(end) => matches!(
            (end.outcome, end.cache),
            (Outcome::Succeeded, CacheOutcome::Full | CacheOutcome::Narrow) | (Outcome::Skipped, CacheOutcome::Off)
        ),
        _ => true,
    }
}

/// What of a run can be remembered beside what was told; none if it did not succeed from end to end.
pub fn summarised(report: &RunReport, plan: &airtight_model::Plan) -> Option<Summarised> {
    let summary = &report.summary;
    let sound = summary.success && summary.ran == 0 && report.problems.is_empty() && !report.cancelled;
    // A secret's value is read before a run; that it is there is not a thing to remember.
    if !sound || !plan.secrets.is_empty() || report.exports.len() != plan.exports.len() {
        return None;
    }
    let sources = report.sources.iter().map(|(id, read)| {
        let PlannedSource {
            name,
            path,
            exclude,
            gitignore,
            span: _,
        } = &plan.sources[id.index()];
        KnownSource {
            name: name.clone(),
            path: path.clone(),
            exclude: exclude.clone(),
            gitignore: *gitignore,
            node: read.node.clone(),
            files: read.files,
        }
    });
    // A warning is of the moment, and is told only by who reads the source.
    if report.sources.iter().any(|(_, read)| !read.warnings.is_empty()) {
        return None;
    }
    Some(Summarised {
        sources: sources.collect(),
        exports: report
            .exports
            .iter()
            .map(|done| (done.to.clone(), done.node.clone()))
            .collect(),
        pipeline: plan.name.clone(),
        steps: summary.steps as u64,
        full: summary.full as u64,
        narrow: summary.narrow as u64,
    })
}

/// The part of an [`UnchangedRun`] that the run itself knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summarised {
    /// The sources and what they were.
    pub sources: Vec<KnownSource>,
    /// What was exported.
    pub exports: Vec<(String, Node)>,
    /// The pipeline's name.
    pub pipeline: String,
    /// Steps in the plan.
    pub steps: u64,
    /// Steps that hit fully.
    pub full: u64,
    /// Steps that hit narrowly.
    pub narrow: u64,
}

/// A source that was read just now, whether or not it is what it was.
pub type Read = (PlannedSource, Ingested);

/// Reads the sources of a remembered run, as its next run would. All that was read is returned, for a run that has to be made
/// after all, and whether each is what it was.
pub async fn read_sources(
    sources: &[KnownSource],
    trees: &Arc<dyn Trees>,
    options: &RunOptions,
    cancel: &Cancel,
) -> (Vec<Read>, bool) {
    let mut tasks: JoinSet<Option<(Read, bool)>> = JoinSet::new();
    for known in sources.iter().cloned() {
        let (trees, root, cancel, stat_cache) =
            (trees.clone(), options.root.clone(), cancel.clone(), options.stat_cache);
        tasks.spawn_blocking(move || {
            let KnownSource {
                name,
                path,
                exclude,
                gitignore,
                node,
                files,
            } = known;
            let source = PlannedSource {
                name,
                path,
                exclude,
                gitignore,
                span: Span::default(),
            };
            let asked = IngestOptions {
                root: &root,
                stat_cache,
                cancel: &cancel,
            };
            let read = trees.ingest(&source, asked).ok()?;
            let same = read.node == node && read.files == files && read.warnings.is_empty();
            Some(((source, read), same))
        });
    }
    let (mut all, mut same) = (Vec::new(), true);
    loop {
        let next = tokio::select! {
            biased;
            () = cancel.cancelled() => return (Vec::new(), false),
            next = tasks.join_next() => next,
        };
        match next {
            None => return (all, same),
            Some(Ok(Some((read, is_same)))) => {
                all.push(read);
                same &= is_same;
            }
            // What is wrong with it is told by the run that has to be made.
            Some(Ok(None) | Err(_)) => same = false,
        }
    }
}

/// Writes the exports of a remembered run, where they are not there any more. Returns for each whether it was there.
///
/// # Errors
/// One cannot be written, or a blob of it is lost: the run has to be made.
pub fn export(run: &UnchangedRun, trees: &dyn Trees, options: &RunOptions) -> Result<Vec<bool>, ServiceError> {
    let write = |(to, node): &(String, Node)| trees.export(node, &options.root, to);
    run.exports.iter().map(write).collect()
}

/// Tells a remembered run again, as a run of its own.
pub fn tell(run: &UnchangedRun, told: Told, unchanged: &[bool], options: &RunOptions, to: &Telling<'_>) {
    let emit = |event: &Event| to.events.event(event);
    emit(&Event::RunStarted {
        run: options.run.0.clone(),
        pipeline: run.pipeline.clone(),
        steps: run.steps as usize,
        jobs: options.jobs.max(1),
    });
    for source in &run.sources {
        emit(&Event::SourceStarted {
            source: source.name.clone(),
        });
        emit(&Event::SourceFinished {
            source: source.name.clone(),
            digest: source.node.describe(),
            files: source.files,
            duration_us: 0,
        });
    }
    let mut skipped = 0;
    for told in told.events {
        skipped += usize::from(matches!(&told, ToldEvent::Finished(end) if is_skipped(end)));
        emit(&told.into_event());
    }
    for ((place, node), unchanged) in run.exports.iter().zip(unchanged) {
        emit(&Event::Exported {
            to: place.clone(),
            digest: node.describe(),
            unchanged: *unchanged,
        });
    }
    if let Some(message) = &to.warning {
        emit(&Event::Warning {
            message: message.clone(),
            help: None,
        });
    }
    emit(&Event::RunFinished(RunSummary {
        steps: run.steps as usize,
        full: run.full as usize,
        narrow: run.narrow as usize,
        skipped,
        success: true,
        duration_us: to.clock.now().as_micros() as u64,
        ..RunSummary::default()
    }));
}

fn is_skipped(end: &StepFinished) -> bool {
    end.outcome == Outcome::Skipped
}

/// To whom a remembered run is told.
pub struct Telling<'a> {
    /// Who is told.
    pub events: &'a dyn Subscriber,
    /// A clock that began with the run.
    pub clock: &'a dyn Clock,
    /// What went wrong that fails nothing.
    pub warning: Option<String>,
}

#[cfg(test)]
mod tests {
    use airtight_model::event::Stream;

    use super::*;

    struct Nobody;

    impl Subscriber for Nobody {
        fn event(&self, _: &Event) {}
    }

    // A guest says how much is replayed; what is kept of it in memory has a bound, and what is over it is not remembered in part.
    #[test]
    fn a_run_that_says_too_much_is_not_remembered() {
        let said = |times: usize| {
            let listener = Listener::new(Arc::new(Nobody));
            for _ in 0..times {
                listener.event(&Event::StepOutput {
                    step: "s".to_owned(),
                    stream: Stream::Stdout,
                    text: "x".repeat(1 << 20),
                    cached: true,
                });
            }
            listener.take().map(|told| told.events.len())
        };
        assert_eq!(said(15), Some(15));
        assert_eq!(said(17), None);
        assert_eq!(said(40), None);
    }
}
