//! Sources into the store, all at once and each once, before the first step. Not here: how files are read (the store).

use std::sync::Arc;

use airtight_model::event::Event;
use airtight_model::plan::{Plan, TreeRef};
use airtight_model::{Diagnostic, SourceId};
use tokio::task::JoinSet;

use crate::cancel::Cancel;
use crate::driver::{RunOptions, Services};
use crate::ledger::Ledger;
use crate::ports::{IngestOptions, Ingested, ServiceError};
use crate::prepare::unmatched;
use crate::report::{Problem, ProblemClass};

/// The sources that steps mount or that are exported, ascending. A step whose condition is known to be false mounts
/// nothing.
pub(crate) fn needed(plan: &Plan, steps: impl Iterator<Item = usize>, exports: bool) -> Vec<SourceId> {
    let steps = steps
        .map(|i| &plan.steps[i])
        .filter(|step| step.condition.as_deref() != Some("false"));
    let mounted = steps.flat_map(|step| step.mounts.iter().map(|mount| &mount.from));
    let exported = plan.exports.iter().filter(|_| exports).map(|export| &export.from);
    let mut sources: Vec<SourceId> = mounted
        .chain(exported)
        .filter_map(|from| {
            if let TreeRef::Source(source) = from {
                Some(*source)
            } else {
                None
            }
        })
        .collect();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// Brings sources into the store. All problems are returned, not the first; none where the run was cancelled meanwhile.
pub(crate) async fn ingest(
    sources: &[SourceId],
    ledger: &mut Ledger,
    services: &Services,
    options: &RunOptions,
    cancel: &Cancel,
) -> Vec<Problem> {
    let mut tasks = JoinSet::new();
    for &source in sources {
        let name = ledger.plan().sources[source.index()].name.clone();
        services.events.event(&Event::SourceStarted { source: name });
        let begun = services.clock.now();
        let read = reader(source, ledger.plan(), services, options, cancel, options.stat_cache);
        let clock = services.clock.clone();
        tasks.spawn_blocking(move || (source, read(), clock.now().saturating_sub(begun)));
    }
    let mut problems = Vec::new();
    while let Some(read) = next(&mut tasks, cancel).await {
        let Ok((source, read, took)) = read else { continue };
        let plan = ledger.plan().clone();
        let planned = &plan.sources[source.index()];
        match read {
            Ok(read) => {
                for message in &read.warnings {
                    let message = format!("source `{}`: {message}", planned.name);
                    services.events.event(&Event::Warning { message, help: None });
                }
                let (source_name, digest) = (planned.name.clone(), read.node.describe());
                let duration_us = took.as_micros() as u64;
                let finished = Event::SourceFinished {
                    source: source_name,
                    digest,
                    files: read.files,
                    duration_us,
                };
                services.events.event(&finished);
                ledger.set_source(source, read);
            }
            Err(_) if cancel.is_cancelled() => {}
            Err(error) => problems.push(Problem::of(&error, planned.span, &format!("source `{}`", planned.name))),
        }
    }
    // They end in any order; the user reads them in the order of the file.
    problems.sort_by_key(|problem| problem.diagnostic.labels.first().map(|label| label.span));
    problems
}

async fn next<T: 'static>(tasks: &mut JoinSet<T>, cancel: &Cancel) -> Option<Result<T, tokio::task::JoinError>> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        next = tasks.join_next() => next,
    }
}

type Reader = Box<dyn FnOnce() -> Result<Ingested, ServiceError> + Send>;

fn reader(
    source: SourceId,
    plan: &Arc<Plan>,
    services: &Services,
    options: &RunOptions,
    cancel: &Cancel,
    stat_cache: bool,
) -> Reader {
    let (plan, trees, root, cancel) = (
        plan.clone(),
        services.trees.clone(),
        options.root.clone(),
        cancel.clone(),
    );
    Box::new(move || {
        let options = IngestOptions {
            root: &root,
            stat_cache,
            cancel: &cancel,
        };
        trees.ingest(&plan.sources[source.index()], options)
    })
}

/// Reads a source a second time, from its first byte to its last, because a blob of it was lost.
pub(crate) async fn again(
    source: SourceId,
    plan: &Arc<Plan>,
    services: &Services,
    options: &RunOptions,
    cancel: &Cancel,
) -> Option<Result<Ingested, ServiceError>> {
    let mut tasks = JoinSet::new();
    tasks.spawn_blocking(reader(source, plan, services, options, cancel, false));
    next(&mut tasks, cancel).await?.ok()
}

/// Globs under `paths:` that match nothing in their source: an error before anything runs.
pub(crate) fn check_globs(ledger: &mut Ledger, services: &Services) -> Vec<Problem> {
    let plan = ledger.plan().clone();
    let mut problems = Vec::new();
    for step in plan
        .steps
        .iter()
        .filter(|step| step.condition.as_deref() != Some("false"))
    {
        for mount in step.mounts.iter().filter(|mount| !mount.paths.is_empty()) {
            let TreeRef::Source(source) = mount.from else { continue };
            let Some(node) = ledger.source(source).cloned() else {
                continue;
            };
            // What cannot be read is told when the step is prepared, and mended there if it is lost.
            let Ok(filtered) = ledger.filter(node, &mount.paths, &*services.trees) else {
                continue;
            };
            for glob in &filtered.unmatched {
                let (message, help) = unmatched(glob, mount, ledger);
                let message = format!("step `{}`: {message}", step.name);
                let diagnostic = Diagnostic::error(crate::codes::UNMATCHED_GLOB, mount.span, message).help(help);
                problems.push(Problem {
                    diagnostic,
                    class: ProblemClass::User,
                });
            }
        }
    }
    problems
}
