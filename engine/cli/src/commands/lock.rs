//! `airtight lock`, `update` and `add`: the lock is written where nothing widens, or where the author accepts it. Not
//! here: what widens (the pipeline), and holding a run against a lock (`accepted`).

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;

use airtight_model::OciRef;
use airtight_pipeline::lock::{self, Change, ChangeKind, Lock, LockedComponent};
use airtight_store::Store;

use crate::accepted;
use crate::args::{AcceptArgs, LockArgs, UpdateArgs};
use crate::commands::Context;
use crate::failure::Failure;
use crate::output;
use crate::project::Project;
use crate::registries;
use crate::settings::shown;
use crate::whole;

/// Writes the lock of the pipeline as it is.
pub(crate) fn lock(context: &Context, args: &LockArgs) -> Result<(), Failure> {
    let _lease = context.store().ok().map(Store::lease);
    let project = context.project_online(&[])?;
    let before = accepted::local_lock(context, &project.file)?;
    let now = Lock::of(&project.checked, before.as_ref());
    settle(context, &project, before, &now, &args.accept)
}

/// Takes over new digests of the components of some steps, or of all.
pub(crate) fn update(context: &Context, args: &UpdateArgs) -> Result<(), Failure> {
    let _lease = context.store().ok().map(Store::lease);
    let mut project = context.project_online(&[])?;
    let names: Vec<&str> = project.checked.step_names().collect();
    for step in &args.steps {
        if !names.contains(&step.as_str()) {
            let message = format!("there is no step `{step}`");
            return Err(Failure::user("U0005", message).help(format!("the steps are {}", names.join(", "))));
        }
    }
    let before = accepted::local_lock(context, &project.file)?.unwrap_or_default();
    let again: Vec<String> = match args.steps.is_empty() {
        true => before
            .components
            .iter()
            .map(|component| component.uses.clone())
            .collect(),
        false => project.checked.uses_of(&args.steps).collect(),
    };
    if again.iter().any(|uses| OciRef::is_meant(uses)) {
        project = context.project_online(&again)?;
    }
    let mut now = Lock::of(&project.checked, Some(&before));
    let meant = |uses: &str| args.steps.is_empty() || project.checked.uses_of(&args.steps).any(|of| of == uses);
    let mut known = before.clone();
    let mut repinned = Vec::new();
    for component in &mut now.components {
        let Some(old) = known.components.iter_mut().find(|old| old.uses == component.uses) else {
            continue;
        };
        if !meant(&component.uses) {
            *component = LockedComponent {
                place: component.place,
                ..old.clone()
            };
        } else if old.digest != component.digest && component.manifest.is_none() {
            // What a registry serves now in place of what it served is accepted line by line, as what widens.
            repinned.push(format!(
                "~ component {} is {}, was {}",
                old.uses, component.digest, old.digest
            ));
            old.digest = component.digest;
        }
    }
    repinned.iter().for_each(|line| output::note(line));
    let changes = lock::changes(&known, &now);
    let command = ["airtight update"]
        .into_iter()
        .chain(args.steps.iter().map(String::as_str));
    let command = command.collect::<Vec<_>>().join(" ");
    accept(&accepted::lock_file(&project.file), &changes, &command, &args.accept)?;
    write(context, &project.file, Some(&before), &now)
}

/// Shows what changes, has it accepted where it widens, and writes.
fn settle(
    context: &Context,
    project: &Project,
    before: Option<Lock>,
    now: &Lock,
    how: &AcceptArgs,
) -> Result<(), Failure> {
    let changes = lock::changes(&before.clone().unwrap_or_default(), now);
    accept(&accepted::lock_file(&project.file), &changes, "airtight lock", how)?;
    write(context, &project.file, before.as_ref(), now)
}

/// Shows changes, and has those accepted that widen.
///
/// # Errors
/// They widen and are not accepted.
pub(crate) fn accept(file: &Path, changes: &[Change], command: &str, how: &AcceptArgs) -> Result<(), Failure> {
    accepted::show(changes);
    let wider = changes.iter().filter(|change| change.kind == ChangeKind::Wider).count();
    if wider == 0 {
        return Ok(());
    }
    let refused = || accepted::refusal(&format!("this widens what {} says", shown(file)), changes, command);
    match how.accept.as_deref() {
        None => Err(refused()),
        Some("") if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() => {
            if confirmed(wider) {
                Ok(())
            } else {
                Err(refused())
            }
        }
        Some("") => {
            let failure = refused();
            Err(Failure {
                message: "`--accept` asks on a terminal, and this is none".to_owned(),
                ..failure
            })
        }
        Some(digest) if digest == lock::digest_of(changes).to_string() => Ok(()),
        Some(_) => {
            let failure = refused();
            Err(Failure {
                message: "that is not the digest of what widens now".to_owned(),
                ..failure
            })
        }
    }
}

fn confirmed(count: usize) -> bool {
    let lines = if count == 1 { "this line" } else { "these lines" };
    output::note(&format!("Accept {lines} that widen? Type `yes`:"));
    let mut answer = String::new();
    let mut input = std::io::stdin().lock();
    // Whatever is longer than an answer is none.
    let read = std::io::Read::take(&mut input, 64).read_line(&mut answer);
    read.is_ok() && answer.trim() == "yes"
}

/// Writes the lock if it says something else than before.
pub(crate) fn write(context: &Context, pipeline: &Path, before: Option<&Lock>, now: &Lock) -> Result<(), Failure> {
    let file = accepted::lock_file(pipeline);
    let name = shown(&file);
    let text = now.to_text();
    if before.is_some_and(|before| before.to_text() == text) {
        output::note(&format!("{name} is up to date"));
        return registries::keep(context, pipeline, now);
    }
    replace(&file, &text)?;
    registries::keep(context, pipeline, now)?;
    let (components, steps) = (now.components.len(), now.steps.len());
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    output::note(&format!(
        "wrote {name}: {}, {} with grants",
        plural(components, "component"),
        plural(steps, "step")
    ));
    Ok(())
}

/// Writes a file as a whole: who reads it sees the old text or the new one.
pub(crate) fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::infra("U0010", format!("cannot write {}: {error}", shown(file)));
    whole::write(file, |mut to| {
        to.write_all(text.as_bytes()).and_then(|()| to.sync_all())
    })
    .map_err(failed)
}
