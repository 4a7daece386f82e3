//! From a checked pipeline, the values of its inputs and an event to a plan. Not here: what a file says by itself
//! (`check`), and what steps give (the scheduler evaluates that).

mod select;
mod step;
mod values;

use std::collections::HashMap;
use std::sync::Arc;

use airtight_model::id::{SourceId, StepId};
use airtight_model::plan::{OutputRef, Plan, PlannedExport, PlannedStep, TreeRef};
use airtight_model::{Diagnostic, Span};
use serde_json::{Map, Value as Json};

use crate::ast::Axis;
use crate::check::{Checked, CheckedStep, Reference, Uses, cell_problem, sort};
use crate::codes;
use crate::evaluator::CelEvaluator;
use crate::inputs::InputValue;
use crate::matrix::{self, Cells, Selector};
use values::Values;

/// The most steps of a plan, cells counted.
pub const MAX_STEPS: usize = 100_000;
/// The most edges of a plan: what steps wait for, added up. Stages and matrices multiply: each of 10,000 cells that comes
/// after each of 10,000 others would be a hundred million, and a gigabyte.
const MAX_EDGES: usize = 10_000_000;
/// How many edges a cell in a mounted folder of cells counts as, which has a name beside its edge.
const EDGES_OF_CELL: usize = 10;

/// What a run asks of a pipeline.
#[derive(Debug, Clone, Default)]
pub struct PlanRequest {
    /// Values of inputs, in order: a later one for the same name replaces an earlier one.
    pub inputs: Vec<(String, InputValue)>,
    /// The event that the run is for; null if there is none.
    pub event: Json,
    /// Steps to run, with what they need: names of steps or of cells. None: all.
    pub only: Vec<String>,
}

/// Makes a plan.
///
/// # Errors
/// Everything that is wrong with the values, all at once.
pub fn plan(checked: &Checked, request: &PlanRequest) -> Result<Plan, Vec<Diagnostic>> {
    let mut found = Vec::new();
    let inputs = values::inputs(checked, request, &mut found);
    if !found.is_empty() {
        sort(&mut found);
        return Err(found);
    }
    let mut planner = Planner {
        checked,
        step_at: checked.step_names().enumerate().map(|(at, name)| (name, at)).collect(),
        inputs: inputs.into_iter().map(Arc::new).collect(),
        event: &request.event,
        cells: Vec::new(),
        first: Vec::new(),
        found,
        used: Vec::new(),
        outcomes: Vec::new(),
    };
    planner.cells();
    // A matrix that failed has no cells; the rest is looked at all the same, so that everything is said at once.
    let plan = if planner.first.len() == checked.steps.len() {
        planner.plan()
    } else {
        planner.empty()
    };
    let plan = select::select(plan, checked, &planner, request);
    let mut found = planner.found;
    match plan {
        Ok(plan) if found.is_empty() => Ok(plan),
        Ok(_) => {
            sort(&mut found);
            Err(found)
        }
        Err(unknown) => {
            found.extend(unknown);
            Err(found)
        }
    }
}

impl Checked {
    /// An evaluator for plans of this pipeline, which has read its expressions already.
    pub fn evaluator(&self) -> CelEvaluator {
        CelEvaluator {
            programs: self.programs.clone(),
        }
    }

    /// The names of the declared inputs with their defaults, in the order of the file.
    pub fn inputs(&self) -> impl Iterator<Item = (&str, Option<&Json>)> {
        let declared = self.scopes.first().into_iter().flat_map(|scope| &scope.inputs);
        declared.map(|input| {
            (
                input.name.text.as_str(),
                input.default.as_ref().map(|default| &default.value),
            )
        })
    }

    /// The components that steps use and that are known, by the text of `uses:`, in the order of the files.
    pub fn components(&self) -> impl Iterator<Item = (&str, &airtight_model::ResolvedComponent)> {
        self.steps.iter().filter_map(|step| match &step.uses {
            Uses::Component(component, _) => Some((step.decl.uses.as_ref()?.text.as_str(), component)),
            Uses::Output(_) | Uses::Unknown => None,
        })
    }

    /// The names of the steps, in the order of the files.
    pub fn step_names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.decl.name.text.as_str())
    }
}

pub(crate) struct Planner<'a> {
    checked: &'a Checked,
    step_at: HashMap<&'a str, usize>,
    /// By file.
    inputs: Vec<Arc<Map<String, Json>>>,
    event: &'a Json,
    /// By step: its cells; one nameless cell without a matrix.
    cells: Vec<Arc<Cells>>,
    /// By step: the id of its first cell.
    first: Vec<u32>,
    found: Vec<Diagnostic>,
    /// Files whose inputs an expression needs when a step becomes ready.
    used: Vec<bool>,
    /// By planned step: the steps whose outcomes it looks at.
    outcomes: Vec<Vec<StepId>>,
}

impl<'a> Planner<'a> {
    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Diagnostic::error(code, span, message).help(help));
    }

    fn empty(&self) -> Plan {
        Plan {
            name: self.checked.name.clone(),
            steps: Vec::new(),
            sources: Vec::new(),
            exports: Vec::new(),
            inputs: Map::new(),
            event: Json::Null,
            secrets: Vec::new(),
        }
    }

    /// Makes the cells of all steps, and so their ids.
    fn cells(&mut self) {
        self.used = vec![false; self.inputs.len()];
        let checked = self.checked;
        let mut next = 0usize;
        for step in &checked.steps {
            let cells = match (&step.decl.matrix, &step.cells) {
                (None, _) => Cells::none(),
                (Some(_), Some(cells)) => Arc::clone(cells),
                (Some(_), None) => Arc::new(Cells::new(self.dynamic_cells(step))),
            };
            if next + cells.len() > MAX_STEPS {
                let message = format!("a plan has at most {MAX_STEPS} steps");
                self.error(
                    codes::TOO_LARGE,
                    step.decl.name.span,
                    message,
                    "remove values from a matrix",
                );
                return;
            }
            // At most MAX_STEPS.
            self.first.push(next as u32);
            next += cells.len();
            self.cells.push(cells);
        }
    }

    fn dynamic_cells(&mut self, step: &CheckedStep) -> Vec<matrix::Cell> {
        let Some(matrix) = &step.decl.matrix else {
            return Vec::new();
        };
        let values = Values::new(self.checked, &self.inputs[step.file], self.event, None);
        let mut axes = Vec::with_capacity(matrix.axes.len());
        for (name, axis) in &matrix.axes {
            match axis {
                Axis::Values(items) => axes.push((name, items.clone())),
                Axis::Expression(expression) => match values.list(expression) {
                    Ok(items) => axes.push((name, items)),
                    Err(diagnostic) => self.found.push(*diagnostic),
                },
            }
        }
        if axes.len() < matrix.axes.len() {
            Vec::new()
        } else {
            matrix::expand(matrix, &axes, &mut self.found)
        }
    }

    fn plan(&mut self) -> Plan {
        let checked = self.checked;
        let stages = self.stages();
        let mut steps = Vec::with_capacity(self.cells.iter().map(|cells| cells.len()).sum());
        let (mut groups, mut edges) = (0u32, 0usize);
        for (index, step) in checked.steps.iter().enumerate() {
            let group = step.decl.matrix.is_some().then_some(groups);
            groups += u32::from(group.is_some());
            let cells = Arc::clone(&self.cells[index]);
            for cell in cells.iter() {
                let planned = self.step(step, cell, group, &stages);
                edges += edges_of(&planned);
                if edges > MAX_EDGES {
                    let message = format!("the steps wait for more than {MAX_EDGES} others, added up");
                    let help = "put a step between: let it come after the one side, and the other side after it";
                    self.error(codes::TOO_LARGE, step.decl.name.span, message, help);
                    return self.empty();
                }
                steps.push(planned);
            }
        }
        if checked.steps.iter().any(CheckedStep::has_deferred_mounts) {
            self.late_cycles(&steps);
        }
        let exports = checked.exports.iter().filter_map(|export| {
            let from = self.tree_ref(&export.from)?;
            Some(PlannedExport {
                to: export.to.clone(),
                from,
                span: export.span,
            })
        });
        let exports: Vec<PlannedExport> = exports.collect();
        let mut inputs = self.inputs.first().map(|inputs| Map::clone(inputs)).unwrap_or_default();
        for (file, used) in self.used.iter().enumerate().skip(1) {
            if *used {
                inputs.insert(
                    checked.scopes[file].path.clone(),
                    Json::Object(Map::clone(&self.inputs[file])),
                );
            }
        }
        Plan {
            name: checked.name.clone(),
            steps,
            sources: checked.sources.clone(),
            exports,
            inputs,
            event: self.event.clone(),
            secrets: checked.secrets.clone(),
        }
    }

    /// The ids of the steps of stages, ascending by stage.
    fn stages(&self) -> Vec<(usize, StepId)> {
        let mut all: Vec<(usize, StepId)> = Vec::new();
        for (index, step) in self.checked.steps.iter().enumerate() {
            all.extend(
                step.rank
                    .into_iter()
                    .flat_map(|rank| self.ids(index).map(move |id| (rank, id))),
            );
        }
        all.sort_unstable();
        all
    }

    /// The ids of a step's cells.
    fn ids(&self, step: usize) -> impl Iterator<Item = StepId> + use<> {
        let first = self.first[step];
        (first..first + self.cells[step].len() as u32).map(StepId)
    }

    /// The steps that a selector means; an error has been reported if there are none.
    fn select(&mut self, step: usize, selector: &Selector, then: &str, span: Span) -> Vec<StepId> {
        let decl = &self.checked.steps[step].decl;
        let cells = decl.matrix.is_some().then_some(&*self.cells[step]);
        if cells.is_some_and(|cells| cells.is_empty()) {
            return Vec::new();
        }
        if let Some((message, help)) = cell_problem(&decl.name.text, cells, selector, then) {
            self.error(codes::UNKNOWN_CELL, span, message, help);
            return Vec::new();
        }
        match selector {
            Selector::Step | Selector::All => self.ids(step).collect(),
            Selector::Cell(text) => {
                let at = self.cells[step].find(text).ok();
                at.map(|at| StepId(self.first[step] + at as u32)).into_iter().collect()
            }
        }
    }

    fn tree_ref(&mut self, reference: &Reference) -> Option<TreeRef> {
        let Reference {
            step,
            selector,
            output,
            span,
        } = reference;
        let ids = self.select(*step, selector, &format!(".{output}"), *span);
        let of = |step: StepId| OutputRef {
            step,
            output: output.clone(),
        };
        if *selector == Selector::All && self.checked.steps[*step].decl.matrix.is_some() {
            let labels = self.cells[*step].iter().map(|cell| cell.label.clone());
            return Some(TreeRef::Cells(labels.zip(ids.into_iter().map(of)).collect()));
        }
        ids.first().map(|id| TreeRef::Output(of(*id)))
    }

    /// Cycles that only the values of inputs make: a mount whose step an expression chooses.
    fn late_cycles(&mut self, steps: &[PlannedStep]) {
        let mut waits: Vec<usize> = steps.iter().map(|step| step.predecessors().len()).collect();
        let mut followers: HashMap<StepId, Vec<usize>> = HashMap::new();
        for (index, step) in steps.iter().enumerate() {
            for before in step.predecessors() {
                followers.entry(before).or_default().push(index);
            }
        }
        let mut ready: Vec<usize> = (0..steps.len()).filter(|index| waits[*index] == 0).collect();
        let mut done = 0;
        while let Some(index) = ready.pop() {
            done += 1;
            for next in followers.get(&StepId(index as u32)).into_iter().flatten() {
                waits[*next] -= 1;
                if waits[*next] == 0 {
                    ready.push(*next);
                }
            }
        }
        let stuck = (0..steps.len())
            .find(|index| waits[*index] > 0)
            .filter(|_| done < steps.len());
        if let Some(index) = stuck {
            let message = format!("with these inputs, the step `{}` waits for itself", steps[index].name);
            self.error(
                codes::CYCLE,
                steps[index].span,
                message,
                "choose another step in its mounts",
            );
        }
    }
}

/// What a step adds to the edges of its plan.
fn edges_of(step: &PlannedStep) -> usize {
    let cells = step.mounts.iter().map(|mount| match &mount.from {
        TreeRef::Cells(cells) => cells.len(),
        TreeRef::Source(_) | TreeRef::Output(_) => 0,
    });
    step.needs.len() + step.after.len() + EDGES_OF_CELL * cells.sum::<usize>()
}

/// Where a source or step of a plan went when steps were left out.
pub(crate) fn renumbered(kept: &[bool]) -> Vec<Option<u32>> {
    let mut next = 0u32;
    let place = |kept: &bool| {
        kept.then(|| {
            next += 1;
            next - 1
        })
    };
    kept.iter().map(place).collect()
}

/// A source's position as an id.
pub(crate) fn source_id(at: usize) -> SourceId {
    // A file has at most a million values, so there are fewer sources.
    SourceId(at as u32)
}
