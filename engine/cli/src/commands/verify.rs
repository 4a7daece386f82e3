//! `airtight verify`: brings the pipeline to date, runs its pure steps again elsewhere and compares. Not here: the comparison
//! (`airtight_exec::verify`).

mod differences;
mod elsewhere;

use std::sync::Arc;

use airtight_exec::{SameOrNot, Verified, VerifyOptions};
use airtight_store::{OpenOptions, Store};
use serde_json::json;

use crate::args::{Format, RunArgs, VerifyArgs};
use crate::commands::run::{self, Signals};
use crate::commands::{Context, explain};
use crate::confine;
use crate::display::Paint;
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::secrets;

use elsewhere::Elsewhere;

/// Verifies the steps that were named, or all.
pub(crate) fn verify(context: &Context, args: &VerifyArgs) -> Result<(), Failure> {
    let mut select = args.select.clone();
    select.only.extend(args.steps.iter().cloned());
    let as_run = RunArgs {
        jobs: args.jobs,
        ..RunArgs::of(select)
    };
    let jobs = run::jobs(&as_run);
    let runtime = run::runtime(jobs)?;
    let signals = Signals::listen(&runtime);
    let project = context.project()?;
    let plan = Arc::new(project.plan(context, &as_run.select)?);
    let steps = args
        .steps
        .iter()
        .map(|name| explain::find(&plan, name))
        .collect::<Result<Vec<_>, _>>()?;
    confine::prepare(context, &project, &plan, &[]);
    let egress = secrets::egress(&context.settings, &project, &plan, &context.vault, &signals.cancel)?;
    let store = context.store()?;
    let _lease = store.lease().map_err(Failure::store)?;
    let folder = tempfile::Builder::new().prefix("airtight-verify-").tempdir();
    let folder = folder.map_err(|error| Failure::infra("U0010", format!("cannot make a temporary folder: {error}")))?;
    let other = Store::open(&folder.path().join("store"), OpenOptions::default()).map_err(Failure::store)?;
    let second = Elsewhere::new(
        store.clone(),
        other.clone(),
        folder.path().join("state"),
        egress.clone(),
    );
    let subscribers = run::subscribers(context, &as_run, project.places(&plan));
    let services = run::services(context, &project, Vec::new(), egress, subscribers.all)?;
    let mut options = run::options(&project.root, &project.file, &as_run, context.settings.verbose);
    options.export = false;
    let again = VerifyOptions {
        steps,
        fetch: args.fetch,
        // Another schedule: one after another where they ran side by side, and the other way round.
        jobs: if jobs > 1 { 1 } else { 2 },
        second: Arc::new(second),
    };
    let shown = Shown {
        paint: Paint(context.settings.color_stdout),
        format: args.format,
        stores: (store.clone(), other),
    };
    let tell = |one: &Verified| shown.print(one);
    let report = runtime.block_on(airtight_exec::verify(
        plan,
        services,
        options,
        again,
        signals.cancel.clone(),
        &tell,
    ));
    let flushed = store.flush().map_err(Failure::store);
    // What was abandoned after a cancel is not waited for.
    runtime.shutdown_background();
    run::verdict(&project, &report.run, &signals)?;
    flushed?;
    if signals.cancel.is_cancelled() {
        return Err(Failure::reported(ErrorClass::Signal(signals.number().unwrap_or(2))));
    }
    shown.conclude(&report.steps)
}

/// What is printed.
struct Shown {
    paint: Paint,
    format: Format,
    stores: (Store, Store),
}

impl Shown {
    fn print(&self, one: &Verified) {
        let text = match self.format {
            Format::Json => self.as_json(one),
            Format::Text => self.as_text(one),
        };
        // A reader that has gone away ends the output, not the verification.
        let _ = output::data_line(&text);
    }

    fn as_text(&self, one: &Verified) -> String {
        let step = self.paint.bold(&escape::line(&one.step));
        match &one.verdict {
            SameOrNot::Same => format!("{} {step}", self.paint.green("same     ")),
            SameOrNot::Skipped(why) => format!("{} {step} ({})", self.paint.dim("skipped  "), escape::line(why)),
            SameOrNot::Different(differences, call) => {
                let mut lines = vec![format!("{} {step}", self.paint.red("different"))];
                lines.extend(differences::lines(differences, (&self.stores.0, &self.stores.1)));
                lines.extend(differences::call(call.as_ref()));
                lines.join("\n  ")
            }
        }
    }

    fn as_json(&self, one: &Verified) -> String {
        let (verdict, detail) = match &one.verdict {
            SameOrNot::Same => ("same", Vec::new()),
            SameOrNot::Skipped(why) => ("skipped", vec![why.clone()]),
            SameOrNot::Different(differences, call) => {
                let mut lines = differences::lines(differences, (&self.stores.0, &self.stores.1));
                lines.extend(differences::call(call.as_ref()));
                ("different", lines)
            }
        };
        json!({ "v": 1, "step": one.step, "verdict": verdict, "detail": detail }).to_string()
    }

    fn conclude(&self, steps: &[Verified]) -> Result<(), Failure> {
        let count = |test: fn(&SameOrNot) -> bool| steps.iter().filter(|step| test(&step.verdict)).count();
        let same = count(|verdict| *verdict == SameOrNot::Same);
        let skipped = count(|verdict| matches!(verdict, SameOrNot::Skipped(_)));
        let different = count(|verdict| matches!(verdict, SameOrNot::Different(..)));
        if self.format == Format::Text {
            let conditions = "the interpreter, another store, another order";
            output::note(&format!(
                "verified with {conditions}: {same} the same, {different} different, {skipped} skipped"
            ));
        }
        if different > 0 {
            return Err(Failure::reported(ErrorClass::StepFailed));
        }
        Ok(())
    }
}
