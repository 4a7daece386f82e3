//! `airtight plan --suggest-grants`: the least grants that cover what steps did, and were refused, when they were last
//! recorded, and which of their present grants they did not use. Not here: deciding over a request.

mod least;

use airtight_model::Plan;
use airtight_model::history::{RunHistory, StepHistory};
use airtight_model::plan::PlannedStep;

use crate::commands::Context;
use crate::commands::query::instant;
use crate::escape;
use crate::failure::Failure;
use crate::output;
use crate::project::Project;

/// Prints a suggestion for each step of the plan that was recorded: in the run with that name, or its `last`.
pub(crate) fn suggest(context: &Context, project: &Project, plan: &Plan, run: &str) -> Result<(), Failure> {
    let histories = context
        .store()?
        .histories(&project.identity())
        .map_err(Failure::store)?;
    if run != "last" && !histories.iter().any(|(_, history)| history.run == run) {
        let runs: Vec<String> = histories
            .iter()
            .map(|(_, history)| format!("`{}`", history.run))
            .collect();
        let failure = Failure::user(
            "U0025",
            format!("there is no record of a run `{run}` in which a step ran"),
        );
        return Err(match runs.is_empty() {
            true => failure.help("run the pipeline: `airtight run`"),
            false => failure.help(format!("there are {}", runs.join(", "))),
        });
    }
    let mut lines = Vec::new();
    for step in &plan.steps {
        let recorded = histories.iter().find_map(|(at, history)| {
            let wanted = run == "last" || history.run == run;
            let step = history
                .steps
                .iter()
                .find(|one| one.step == step.name)
                .filter(|_| wanted)?;
            Some((*at, history, step))
        });
        match recorded {
            Some((at, history, did)) => lines.extend(one(project, step, did, (at, history))),
            None if !step.grants.is_empty() => lines.push(format!(
                "# {} ({}): there is no record of it, run it first",
                escape::line(&step.name),
                project.place(step.span)
            )),
            None => {}
        }
    }
    if lines.is_empty() {
        lines.push("# no step used a grant or was refused one".to_owned());
    }
    output::data_line(&lines.join("\n")).map_err(Failure::closed_output)
}

/// The lines for one step: none where it has no grants, used none and was refused nothing.
fn one(project: &Project, step: &PlannedStep, did: &StepHistory, run: (u64, &RunHistory)) -> Vec<String> {
    let least = least::least(&step.grants, did);
    if step.grants.is_empty() && least.lines.is_empty() && least.notes.is_empty() {
        return Vec::new();
    }
    let (at, history) = run;
    let mut lines = vec![format!(
        "# {} ({}), from run {} of {}, which {}",
        escape::line(&step.name),
        escape::line(&project.place(step.span)),
        escape::line(&history.run),
        instant(at),
        did.outcome.word()
    )];
    if least.lines.is_empty() {
        let needs = if least.notes.is_empty() {
            ": it needs no `grants:`"
        } else {
            ""
        };
        lines.push(format!("# it used no grant{needs}"));
    } else {
        lines.push("grants:".to_owned());
        lines.extend(least.lines.iter().map(|line| format!("  {}", escape::line(line))));
    }
    lines.extend(least.notes.iter().map(|note| format!("# {}", escape::line(note))));
    if !did.complete {
        lines.push("# what it did is not known in full: look at what the suggestion leaves out".to_owned());
    }
    lines
}
