//! What a plan is held against before anything runs: the lock beside the pipeline file (or one from a trusted place) and
//! the policies of the machine and of the command. Not here: the comparison (the pipeline), or writing a lock
//! (`commands::lock`).

mod trusted;

use std::path::{Path, PathBuf};

use airtight_model::{Diagnostic, Plan};
use airtight_pipeline::lock::{self, Change, ChangeKind, Lock};
use airtight_pipeline::policy::{Asked, Policy};

use crate::args::SelectArgs;
use crate::commands::Context;
use crate::diagnostics::{self, SourceFile};
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::project::{Project, read_text};
use crate::settings::{SYSTEM_POLICY, is_there, shown};

/// Refuses what the author has not accepted and what a policy does not allow. What is wrong has been printed if this
/// fails.
pub(crate) fn hold(context: &Context, project: &Project, select: &SelectArgs, plan: &mut Plan) -> Result<(), Failure> {
    hold_lock(context, project, select)?;
    let given = select.policy.iter().map(|file| context.settings.folder.join(file));
    let system = context.settings.policy.clone();
    if system.is_none() {
        context.reading.absent(Path::new(SYSTEM_POLICY));
    }
    let asked = Asked::of(plan);
    for file in system.into_iter().chain(given) {
        hold_policy((context, project), &file, &asked, plan)?;
    }
    Ok(())
}

/// The lock beside a pipeline file: `airtight.lock` for `airtight.yaml`, `ci.lock` for `ci.yaml`.
pub(crate) fn lock_file(pipeline: &Path) -> PathBuf {
    pipeline.with_extension("lock")
}

/// The lock beside a pipeline file, if there is one. What is wrong with it has been printed if this fails.
pub(crate) fn local_lock(context: &Context, pipeline: &Path) -> Result<Option<Lock>, Failure> {
    let file = lock_file(pipeline);
    if !is_there(&file) {
        context.reading.absent(&file);
        return Ok(None);
    }
    read_lock(context, &file).map(Some)
}

fn read_lock(context: &Context, file: &Path) -> Result<Lock, Failure> {
    let text = read_text(file, "lock").map_err(|failure| failure.help("write it anew with `airtight lock`"))?;
    context.reading.text(file, &text);
    Lock::parse(&text, 0).map_err(|found| {
        output::note(&diagnostics::render(
            &found,
            &[source(file, text)],
            context.settings.color,
        ));
        Failure::reported(ErrorClass::Pipeline)
    })
}

fn source(file: &Path, text: String) -> SourceFile {
    SourceFile {
        name: file.display().to_string(),
        text,
    }
}

/// Refuses what the author has not accepted: it is known before the values of inputs are.
pub(crate) fn hold_lock(context: &Context, project: &Project, select: &SelectArgs) -> Result<(), Failure> {
    let name = lock_file(&project.file);
    let (accepted, strict, trusted) = match &select.lock_from {
        // The local lock is whoever wrote the pipeline: it does not count here.
        Some(file) => {
            let file = context.settings.folder.join(file);
            (Some(read_lock(context, &file)?), true, Some(file))
        }
        None => (local_lock(context, &project.file)?, select.locked, None),
    };
    let Some(accepted) = accepted else {
        if !select.locked {
            return Ok(());
        }
        let message = format!("there is no {}, which `--locked` asks for", shown(&name));
        return Err(Failure::pipeline("P0102", message).help("write it with `airtight lock`"));
    };
    let now = Lock::of(&project.checked, Some(&accepted));
    let changes = lock::changes(&accepted, &now);
    let refused: Vec<&Change> = changes
        .iter()
        .filter(|change| match change.kind {
            ChangeKind::Wider => true,
            ChangeKind::New => strict,
            ChangeKind::Harmless => false,
        })
        .collect();
    if refused.is_empty() {
        return match trusted {
            Some(file) => trusted::hold(project, &now, &file),
            None => Ok(()),
        };
    }
    let found: Vec<Diagnostic> = refused
        .iter()
        .map(|change| Diagnostic {
            help: None,
            ..change.diagnostic()
        })
        .collect();
    project.report(&found);
    Err(match trusted {
        Some(file) => {
            let message = format!("the pipeline wants more than {} allows", shown(&file));
            Failure::pipeline("P0101", message).help("nothing of it runs here; its author can take it back")
        }
        None => refusal(
            &format!("the pipeline wants more than {} says", shown(&name)),
            &changes,
            "airtight lock",
        ),
    })
}

/// The refusal of changes, with the command that accepts them.
pub(crate) fn refusal(message: &str, changes: &[Change], command: &str) -> Failure {
    let wider = changes.iter().any(|change| change.kind == ChangeKind::Wider);
    let help = match wider {
        true => format!("accept it: `{command} --accept={}`", lock::digest_of(changes)),
        false => format!("list it: `{command}`"),
    };
    Failure::pipeline(if wider { "P0101" } else { "P0102" }, message).help(help)
}

/// Prints changes: `+` what is more, `-` what is less or of no matter.
pub(crate) fn show(changes: &[Change]) {
    for change in changes {
        let sign = match change.kind {
            ChangeKind::Wider | ChangeKind::New => '+',
            ChangeKind::Harmless => '-',
        };
        output::note(&format!("{sign} {}", escape::line(&change.line)));
    }
}

fn hold_policy(
    (context, project): (&Context, &Project),
    file: &Path,
    asked: &Asked,
    plan: &mut Plan,
) -> Result<(), Failure> {
    let text = read_text(file, "policy").map_err(|failure| Failure { help: None, ..failure })?;
    context.reading.text(file, &text);
    let index = project.next_file();
    let policy = Policy::parse(&text, index).map_err(|found| {
        project.report_with(&found, &[source(file, text.clone())]);
        Failure::reported(ErrorClass::Pipeline)
    })?;
    policy.apply(&project.checked, asked, plan).map_err(|found| {
        project.report_with(&found, &[source(file, text)]);
        Failure::reported(ErrorClass::Denied)
    })
}
