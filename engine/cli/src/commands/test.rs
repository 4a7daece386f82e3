//! `airtight test`: builds a project of a step and runs its cases in the sandbox, each as a step of a pipeline that is made for it. Not
//! here: what a case is (`case`), and whether it did what is expected (`compare`).

mod case;
mod compare;

use std::path::PathBuf;
use std::sync::Arc;

use airtight_authoring::StepProject;
use airtight_exec::Run;
use airtight_model::event::{Event, Subscriber};

use crate::args::{RunArgs, SelectArgs, TestArgs};
use crate::commands::run::{self, Signals};
use crate::commands::{Context, build};
use crate::confine;
use crate::display::Paint;
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;
use crate::project::Project;
use crate::secrets;
use crate::settings::shown;

use case::Case;
use compare::Verdict;

/// Passes on what a person has to know and nothing of the steps: what they do is compared.
struct Warnings;

impl Subscriber for Warnings {
    fn event(&self, event: &Event) {
        if let Event::Warning { message, .. } = event {
            output::note(&format!("warning: {}", escape::line(message)));
        }
    }
}

/// Runs the cases.
pub(crate) fn test(context: &Context, args: &TestArgs) -> Result<(), Failure> {
    let step = build::open(context, &args.project)?;
    let cases = case::read(&step, &args.cases)?;
    if args.no_build {
        let component = step.component();
        if !component.is_file() {
            return Err(Failure::pipeline("A0022", format!("there is no {}", shown(&component)))
                .help("build it: `airtight test` without `--no-build`"));
        }
    } else {
        build::make(context, &step, None)?;
    }
    let project = pipeline(context, &step, &cases)?;
    let ran = attempt(context, args, &step, &project)?;
    let store = context.store()?;
    let paint = Paint(context.settings.color_stdout);
    let mut failed = 0;
    for (case, end) in cases.iter().zip(&ran.steps) {
        let verdict = if args.bless {
            compare::bless(store, case, end)?
        } else {
            compare::compare(store, case, end)?
        };
        let name = escape::line(&case.name);
        let line = match &verdict {
            Verdict::Passed => format!("{} {name}", paint.green("passed ")),
            Verdict::Blessed => format!("{} {name}", paint.green("blessed")),
            Verdict::Failed(lines) => {
                failed += 1;
                let lines: Vec<String> = lines.iter().map(|line| format!("\n  {}", escape::line(line))).collect();
                format!("{} {name}{}", paint.red("failed "), lines.concat())
            }
        };
        output::data_line(&line).map_err(Failure::closed_output)?;
    }
    let passed = cases.len() - failed;
    output::data_line(&format!("{passed} passed, {failed} failed")).map_err(Failure::closed_output)?;
    if failed > 0 {
        output::note("if what the step does is right, write it down: `airtight test --bless`");
        return Err(Failure::reported(ErrorClass::StepFailed));
    }
    Ok(())
}

/// The pipeline with a step for each case.
fn pipeline(context: &Context, step: &StepProject, cases: &[Case]) -> Result<Project, Failure> {
    let text = case::pipeline(step, cases);
    // Named so that messages about arguments say where they come from.
    Project::of_text(context, step.root.join("cases.yaml"), text)
}

/// Runs the pipeline to its end.
fn attempt(
    context: &Context,
    args: &TestArgs,
    step: &StepProject,
    project: &Project,
) -> Result<airtight_exec::RunReport, Failure> {
    let as_run = RunArgs {
        keep_going: true,
        ..RunArgs::of(SelectArgs::default())
    };
    let runtime = run::runtime(run::jobs(&as_run))?;
    let signals = Signals::listen(&runtime);
    let plan = Arc::new(project.plan(context, &as_run.select)?);
    let store = context.store()?;
    let _lease = store.lease().map_err(Failure::store)?;
    let written: Vec<PathBuf> = if args.bless {
        vec![step.root.join("cases").join("expected")]
    } else {
        Vec::new()
    };
    confine::prepare(context, project, &plan, &written);
    let egress = secrets::egress(&context.settings, project, &plan, &context.vault, &signals.cancel)?;
    let services = run::services(context, project, Vec::new(), egress, Arc::new(Warnings))?;
    let options = run::options(&project.root, &step.root.join("step.yaml"), &as_run, 0);
    let report = runtime.block_on(Run::start(plan, services, options, signals.cancel.clone()));
    let flushed = store.flush().map_err(Failure::store);
    runtime.shutdown_background();
    if !report.problems.is_empty() || report.cancelled {
        run::verdict(project, &report, &signals)?;
    }
    flushed?;
    Ok(report)
}
