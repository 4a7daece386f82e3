//! The part of a plan that a run asks for, and only the sources and secrets that it uses. Not here: making the plan.

use airtight_model::id::StepId;
use airtight_model::plan::{Plan, PlannedUses, TreeRef};
use airtight_model::{Diagnostic, Span};

use super::step::steps_of;
use super::{PlanRequest, Planner, renumbered, source_id};
use crate::check::{Checked, parse_step, secrets_of};
use crate::codes;
use crate::matrix::Selector;
use crate::nearest::{nearest, quoted};

/// Leaves out of a plan what the request does not ask for.
pub(super) fn select(
    plan: Plan,
    checked: &Checked,
    planner: &Planner<'_>,
    request: &PlanRequest,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut plan = plan;
    if !planner.found.is_empty() {
        return Ok(plan);
    }
    if !request.only.is_empty() {
        let mut found = Vec::new();
        let mut wanted = Vec::new();
        for name in &request.only {
            match find(name, checked, planner) {
                Ok(ids) => wanted.extend(ids),
                Err(help) => {
                    let message = format!("there is no step `{name}`");
                    found.push(Diagnostic::error(codes::UNKNOWN_SELECTION, Span::default(), message).help(help));
                }
            }
        }
        if !found.is_empty() {
            return Err(found);
        }
        plan = restrict(plan, &wanted, planner);
    }
    Ok(used_secrets(used_sources(plan)))
}

fn find(name: &str, checked: &Checked, planner: &Planner<'_>) -> Result<Vec<StepId>, String> {
    let unknown = || {
        nearest(name, checked.step_names()).map_or_else(
            || format!("the steps are {}", quoted(checked.step_names())),
            |near| format!("did you mean `{near}`?"),
        )
    };
    let (base, selector) = parse_step(name).ok_or_else(unknown)?;
    let step = planner.step_at.get(base).copied().ok_or_else(unknown)?;
    if planner.first.len() != checked.steps.len() {
        return Ok(Vec::new());
    }
    let Selector::Cell(text) = selector else {
        return Ok(planner.ids(step).collect());
    };
    let at = planner.cells[step].find(&text);
    let labels = || {
        planner.cells[step]
            .iter()
            .map(|cell| cell.label.as_str())
            .filter(|label| !label.is_empty())
    };
    let at = at.map_err(|_| match labels().next() {
        Some(_) => format!("its cells are {}", quoted(labels())),
        None => format!("the step has no cells: write `{base}`"),
    })?;
    // A step has at most MAX_CELLS cells.
    Ok(vec![StepId(planner.first[step] + at as u32)])
}

/// Keeps the wanted steps and all that they need, whose outcomes they look at included.
fn restrict(mut plan: Plan, wanted: &[StepId], planner: &Planner<'_>) -> Plan {
    let mut kept = vec![false; plan.steps.len()];
    let mut open: Vec<StepId> = wanted.to_vec();
    while let Some(id) = open.pop() {
        if std::mem::replace(&mut kept[id.index()], true) {
            continue;
        }
        open.extend(&plan.steps[id.index()].needs);
        open.extend(&planner.outcomes[id.index()]);
    }
    let place = renumbered(&kept);
    let moved = |id: &StepId| place[id.index()].map(StepId);
    let mut at = 0;
    plan.steps.retain(|_| {
        at += 1;
        kept[at - 1]
    });
    for step in &mut plan.steps {
        step.needs = step.needs.iter().filter_map(moved).collect();
        step.after = step.after.iter().filter_map(moved).collect();
        if let PlannedUses::Output(output) = &mut step.uses {
            output.step = moved(&output.step).unwrap_or(output.step);
        }
        step.mounts
            .iter_mut()
            .for_each(|mount| move_steps(&mut mount.from, &moved));
    }
    plan.exports
        .retain(|export| steps_of(&export.from).iter().all(|id| kept[id.index()]));
    plan.exports
        .iter_mut()
        .for_each(|export| move_steps(&mut export.from, &moved));
    plan
}

fn move_steps(tree: &mut TreeRef, moved: &dyn Fn(&StepId) -> Option<StepId>) {
    match tree {
        TreeRef::Source(_) => {}
        TreeRef::Output(output) => output.step = moved(&output.step).unwrap_or(output.step),
        TreeRef::Cells(cells) => {
            cells
                .iter_mut()
                .for_each(|(_, output)| output.step = moved(&output.step).unwrap_or(output.step));
        }
    }
}

/// Drops the sources that no step mounts.
fn used_sources(mut plan: Plan) -> Plan {
    let mut used = vec![false; plan.sources.len()];
    for mount in plan.steps.iter().flat_map(|step| &step.mounts) {
        if let TreeRef::Source(source) = &mount.from {
            used[source.index()] = true;
        }
    }
    let place = renumbered(&used);
    for mount in plan.steps.iter_mut().flat_map(|step| &mut step.mounts) {
        if let TreeRef::Source(source) = &mut mount.from {
            *source = place[source.index()].map_or(*source, |at| source_id(at as usize));
        }
    }
    let mut at = 0;
    plan.sources.retain(|_| {
        at += 1;
        used[at - 1]
    });
    plan
}

/// Drops the secrets that no step uses: their values are not even read.
fn used_secrets(mut plan: Plan) -> Plan {
    let mut used: Vec<String> = plan
        .steps
        .iter()
        .flat_map(|step| secrets_of(&step.grants))
        .map(str::to_owned)
        .collect();
    used.sort_unstable();
    plan.secrets.retain(|secret| used.binary_search(&secret.name).is_ok());
    plan
}
