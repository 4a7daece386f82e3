//! `airtight run --watch`: runs again when a source or the pipeline changes. Not here: the run; which steps a change
//! touches is the cache's knowledge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use airtight_model::Plan;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::args::RunArgs;
use crate::commands::Context;
use crate::commands::run::{self, Signals};
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::project::Project;

/// How long it must be quiet before a change counts as complete: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(150);

/// Runs whenever something changes, until a signal comes.
pub(crate) fn watch(
    context: &Context,
    args: &RunArgs,
    runtime: &tokio::runtime::Runtime,
    signals: &Signals,
) -> Result<(), Failure> {
    let (sender, mut changes) = mpsc::unbounded_channel::<PathBuf>();
    let failed = |error: notify::Error| {
        Failure::infra("U0014", format!("cannot watch for changes: {error}"))
            .help("on Linux the limit is /proc/sys/fs/inotify/max_user_watches")
    };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        for path in event
            .into_iter()
            .filter(|event| !event.kind.is_access())
            .flat_map(|event| event.paths)
        {
            // The receiver goes only when the watch ends.
            let _ = sender.send(path);
        }
    })
    .map_err(failed)?;
    let mut watched: BTreeSet<PathBuf> = BTreeSet::new();
    loop {
        let mut interest = Interest::nothing();
        // A pipeline that is wrong has been reported; the next change may mend it.
        match context.project() {
            Ok(project) => match project.plan(context, &args.select) {
                Ok(plan) => {
                    let plan = Arc::new(plan);
                    interest = Interest::of(&project, &plan, context);
                    let ended = {
                        let start = run::Start {
                            project,
                            plan,
                            read: Vec::new(),
                        };
                        run::once(context, args, start, runtime, signals)
                    };
                    if let Err(failure) = ended
                        && !failure.message.is_empty()
                    {
                        output::note(&failure.render(context.settings.color));
                    }
                }
                Err(_) => interest = Interest::files(&project),
            },
            Err(failure) => {
                let file = context.settings.pipeline_file()?;
                if !failure.message.is_empty() {
                    output::note(&failure.render(context.settings.color));
                }
                interest.folders.extend(file.parent().map(Path::to_owned));
            }
        }
        for folder in &interest.folders {
            if watched.insert(folder.clone()) {
                watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
            }
        }
        if signals.number().is_none() {
            output::note("watching for changes; Ctrl-C ends");
        }
        let changed = runtime.block_on(next_change(&mut changes, &interest, signals));
        if !changed {
            return Err(Failure::reported(ErrorClass::Signal(signals.number().unwrap_or(2))));
        }
    }
}

/// Waits until something of interest has changed and it is quiet again. False: a signal came.
async fn next_change(changes: &mut mpsc::UnboundedReceiver<PathBuf>, interest: &Interest, signals: &Signals) -> bool {
    loop {
        let path = tokio::select! {
            () = signals.cancel.cancelled() => return false,
            path = changes.recv() => path,
        };
        match path {
            None => return false,
            Some(path) if interest.includes(&path) => break,
            Some(_) => {}
        }
    }
    while let Ok(Some(_)) = tokio::time::timeout(QUIET, changes.recv()).await {}
    !signals.cancel.is_cancelled()
}

/// Which paths matter.
struct Interest {
    folders: BTreeSet<PathBuf>,
    /// What the run itself writes, and what no source holds.
    without: Vec<PathBuf>,
}

impl Interest {
    fn nothing() -> Self {
        Self {
            folders: BTreeSet::new(),
            without: Vec::new(),
        }
    }

    fn files(project: &Project) -> Self {
        let folders = project
            .pipeline_files()
            .filter_map(|file| Some(file.parent()?.to_owned()))
            .collect();
        Self {
            folders,
            without: Vec::new(),
        }
    }

    fn of(project: &Project, plan: &Plan, context: &Context) -> Self {
        let mut interest = Self::files(project);
        for source in &plan.sources {
            let path = project.root.join(&source.path);
            let folder = if path.is_dir() {
                Some(path.as_path())
            } else {
                path.parent()
            };
            interest.folders.extend(folder.map(Path::to_owned));
        }
        interest.without = plan
            .exports
            .iter()
            .map(|export| project.root.join(&export.to))
            .collect();
        interest.without.extend(context.settings.store.clone().ok());
        interest
    }

    fn includes(&self, path: &Path) -> bool {
        let in_git = path.components().any(|part| part.as_os_str() == ".git");
        // An export is written beside its place first, under a name that starts with a dot.
        let beside = |without: &PathBuf| path.parent() == without.parent() && is_temporary(path);
        !in_git
            && !self
                .without
                .iter()
                .any(|without| path.starts_with(without) || beside(without))
    }
}

fn is_temporary(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(".airtight"))
}
