//! `airtight explain`: what a step's key is made of, whether it would hit, and why not. Not here: the look-up.

use std::sync::Arc;

use airtight_egress::{Egress, EgressConfig};
use airtight_exec::{Cancel, Verdict, explain_step};
use airtight_model::event::{Event, Subscriber};
use airtight_model::{Plan, StepId};
use airtight_store::{ChangedField, Explained};

use crate::args::{ExplainArgs, RunArgs};
use crate::commands::{Context, run};
use crate::display::Paint;
use crate::escape;
use crate::failure::{ErrorClass, Failure};
use crate::output;

struct Silent;

impl Subscriber for Silent {
    fn event(&self, _: &Event) {}
}

/// Explains a step.
pub(crate) fn explain(context: &Context, args: &ExplainArgs) -> Result<(), Failure> {
    let project = context.project()?;
    let plan = Arc::new(project.plan(context, &args.select)?);
    let step = find(&plan, &args.step)?;
    let services = run::services(
        context,
        &project,
        Vec::new(),
        Egress::new(EgressConfig::default()),
        Arc::new(Silent),
    )?;
    let as_run = RunArgs::of(args.select.clone());
    let options = run::options(&project.root, &project.file, &as_run, context.settings.verbose);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::infra("U0012", format!("cannot start: {error}")))?;
    let report = runtime.block_on(explain_step(plan.clone(), step, &services, &options, &Cancel::new()));
    if !report.problems.is_empty() {
        let found: Vec<_> = report
            .problems
            .iter()
            .map(|problem| problem.diagnostic.clone())
            .collect();
        project.report(&found);
        return Err(Failure::reported(ErrorClass::Pipeline));
    }
    let paint = Paint(context.settings.color_stdout);
    let mut lines = vec![format!(
        "{}  {}",
        paint.bold(&escape::line(&report.step)),
        verdict(&plan, &report.verdict, paint)
    )];
    lines.push(format!("  class {}: {}", report.class.word(), report.class_reason));
    for before in &report.upstream {
        lines.push(format!(
            "  uses  {}: {}",
            escape::line(&before.name),
            verdict(&plan, &before.verdict, paint)
        ));
    }
    if let Some(explained) = &report.explained {
        lines.push(format!("  key   {}", explained.key));
        lines.extend(
            explained
                .inputs
                .0
                .iter()
                .map(|(path, text)| format!("    {} = {}", escape::line(path), escape::line(text))),
        );
        lines.extend(since_last(explained));
    }
    output::data_line(&lines.join("\n")).map_err(Failure::closed_output)
}

/// What has changed since the step last ran or hit, field by field.
fn since_last(explained: &Explained) -> Vec<String> {
    let Some(changed) = &explained.since_last else {
        return vec!["  since the last run: there is no record of one".to_owned()];
    };
    if changed.is_empty() {
        return vec!["  since the last run: nothing".to_owned()];
    }
    let text = |value: &Option<String>| {
        value
            .as_ref()
            .map_or("nothing".to_owned(), |text| escape::line(text).into_owned())
    };
    let field = |one: &ChangedField| {
        format!(
            "    {}: {} → {}",
            escape::line(&one.path),
            text(&one.before),
            text(&one.after)
        )
    };
    std::iter::once("  since the last run:".to_owned())
        .chain(changed.iter().map(field))
        .collect()
}

/// The step with that name.
pub(crate) fn find(plan: &Plan, name: &str) -> Result<StepId, Failure> {
    let cells: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.base == name && step.name != name)
        .map(|step| step.name.as_str())
        .collect();
    let at = plan.steps.iter().position(|step| step.name == name);
    match (at, cells.as_slice()) {
        (Some(at), _) => Ok(StepId(u32::try_from(at).expect("a plan has fewer steps than that"))),
        (None, []) => {
            let names: Vec<String> = plan
                .steps
                .iter()
                .take(20)
                .map(|step| format!("`{}`", step.name))
                .collect();
            Err(Failure::user("U0005", format!("there is no step `{name}`"))
                .help(format!("there are {}", names.join(", "))))
        }
        (None, cells) => Err(Failure::user("U0005", format!("`{name}` has {} cells", cells.len()))
            .help(format!("name one, for example `airtight explain '{}'`", cells[0]))),
    }
}

fn verdict(plan: &Plan, verdict: &Verdict, paint: Paint) -> String {
    match verdict {
        Verdict::Full => paint.green("would hit fully: nothing that it is given has changed"),
        Verdict::Narrow => {
            paint.green("would hit narrowly: something that it is given has changed, nothing that it read")
        }
        Verdict::Runs(reason) => format!("{}: {}", paint.yellow("would run"), escape::line(reason)),
        Verdict::Skipped => paint.dim("would be skipped: its condition is false"),
        Verdict::Unknown(steps) => {
            let names: Vec<_> = steps
                .iter()
                .map(|id| escape::line(&plan.steps[id.index()].name).into_owned())
                .collect();
            format!("depends on what {} will make", names.join(", "))
        }
        Verdict::Refused(reason, help) => {
            let help = help
                .as_ref()
                .map_or(String::new(), |help| format!(" (help: {})", escape::line(help)));
            format!("{}: {}{help}", paint.red("would not start"), escape::line(reason))
        }
    }
}
