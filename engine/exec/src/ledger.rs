//! What a run has so far: the sources' trees, the results of steps, and what expressions can refer to. Not here: how
//! they came about.

use std::collections::HashMap;
use std::sync::Arc;

use airtight_model::plan::{
    Evaluator, OutputRef, Plan, PlannedCall, PlannedStep, PlannedUses, Scope, Template, TreeRef,
};
use airtight_model::{ActionResult, BlobDigest, Node, Outcome, SourceId, StepId};
use serde_json::{Map, Value as Json, json};

use crate::ports::{Filtered, Ingested, ServiceError, Trees};

/// What made a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Producer {
    Source(SourceId),
    Step(StepId),
}

/// The sources and results of a run.
pub(crate) struct Ledger {
    plan: Arc<Plan>,
    sources: Vec<Option<Ingested>>,
    results: Vec<Option<Arc<ActionResult>>>,
    scope: Scope,
    /// Whether any expression is left that could refer to a step.
    dynamic: bool,
    filtered: HashMap<Node, HashMap<Vec<String>, Filtered>>,
}

impl Ledger {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let scope = Scope {
            inputs: Arc::new(plan.inputs.clone()),
            event: Arc::new(plan.event.clone()),
            ..Scope::default()
        };
        let dynamic = plan.steps.iter().any(is_dynamic);
        let (sources, results) = (vec![None; plan.sources.len()], vec![None; plan.steps.len()]);
        Self {
            plan,
            sources,
            results,
            scope,
            dynamic,
            filtered: HashMap::new(),
        }
    }

    pub(crate) fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    pub(crate) fn step(&self, step: StepId) -> &PlannedStep {
        &self.plan.steps[step.index()]
    }

    pub(crate) fn set_source(&mut self, source: SourceId, read: Ingested) {
        self.sources[source.index()] = Some(read);
    }

    pub(crate) fn source(&self, source: SourceId) -> Option<&Node> {
        self.sources[source.index()].as_ref().map(|read| &read.node)
    }

    /// The sources that were read.
    pub(crate) fn sources_read(&self) -> Vec<(SourceId, Ingested)> {
        let read = self.sources.iter().enumerate();
        read.filter_map(|(i, read)| Some((SourceId(u32::try_from(i).ok()?), read.clone()?)))
            .collect()
    }

    /// Records how a step ended, and its result if it succeeded.
    pub(crate) fn set_step(&mut self, step: StepId, outcome: Outcome, result: Option<Arc<ActionResult>>) {
        if self.dynamic {
            let typed = result.as_ref().and_then(|result| result.result.as_ref());
            let typed = typed.map_or(Json::Null, airtight_model::Value::to_data);
            let entry = json!({ "outcome": outcome.word(), "result": typed });
            let name = self.plan.steps[step.index()].name.clone();
            Arc::make_mut(&mut self.scope.steps).insert(name, entry);
        }
        self.results[step.index()] = result;
    }

    pub(crate) fn result(&self, step: StepId) -> Option<&Arc<ActionResult>> {
        self.results[step.index()].as_ref()
    }

    /// What the expressions of a step can refer to.
    pub(crate) fn scope(&self, step: StepId) -> Scope {
        let matrix: &Map<String, Json> = &self.step(step).matrix;
        Scope {
            matrix: Arc::new(matrix.clone()),
            ..self.scope.clone()
        }
    }

    /// Whether the condition of a step holds; a condition that is no condition is an error, as text.
    pub(crate) fn condition(&self, step: StepId, evaluator: &dyn Evaluator) -> Result<bool, String> {
        match self.step(step).condition.as_deref() {
            None => Ok(true),
            Some("false") => Ok(false),
            Some(text) => match evaluator
                .evaluate(text, &self.scope(step))
                .map_err(|error| error.to_string())?
            {
                Json::Bool(holds) => Ok(holds),
                other => Err(format!("`{text}` is `{other}`, and a condition is `true` or `false`")),
            },
        }
    }

    /// A tree or file by reference; as the error, the name of what is not there.
    pub(crate) fn node(&self, from: &TreeRef, trees: &dyn Trees) -> Result<Node, NodeError> {
        match from {
            TreeRef::Source(source) => {
                let name = || NodeError::Absent(format!("source `{}`", self.plan.sources[source.index()].name));
                self.source(*source).cloned().ok_or_else(name)
            }
            TreeRef::Output(output) => self.output(output).cloned(),
            TreeRef::Cells(cells) => {
                let cells = cells
                    .iter()
                    .map(|(label, output)| Ok((label.clone(), self.output(output)?.clone())));
                Ok(trees.cells(&cells.collect::<Result<Vec<_>, NodeError>>()?)?)
            }
        }
    }

    pub(crate) fn output(&self, output: &OutputRef) -> Result<&Node, NodeError> {
        let node = self
            .result(output.step)
            .and_then(|result| result.output(&output.output));
        let name = || format!("output `{}` of `{}`", output.output, self.step(output.step).name);
        node.ok_or_else(|| NodeError::Absent(name()))
    }

    /// The part of a node that matches globs; asked for once in a run.
    pub(crate) fn filter(&mut self, node: Node, globs: &[String], trees: &dyn Trees) -> Result<Filtered, ServiceError> {
        let known = self.filtered.get(&node).and_then(|known| known.get(globs));
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let filtered = trees.filter(&node, globs)?;
        let known = self.filtered.entry(node).or_default();
        known.insert(globs.to_vec(), filtered.clone());
        Ok(filtered)
    }

    /// Forgets parts of trees that were made in this run: one of them was lost.
    pub(crate) fn forget_filtered(&mut self) {
        self.filtered.clear();
    }

    /// How the pipeline file names what is mounted or exported.
    pub(crate) fn describe(&self, from: &TreeRef) -> String {
        let step = |step: StepId| &self.step(step).name;
        match from {
            TreeRef::Source(source) => self.plan.sources[source.index()].name.clone(),
            TreeRef::Output(output) => format!("{}.{}", step(output.step), output.output),
            TreeRef::Cells(cells) => cells.first().map_or_else(String::new, |(_, output)| {
                format!("{}[*].{}", self.step(output.step).base, output.output)
            }),
        }
    }

    /// All trees and files that a step is given.
    pub(crate) fn given(&self, step: StepId) -> Vec<TreeRef> {
        let step = self.step(step);
        let mut all: Vec<TreeRef> = step.mounts.iter().map(|mount| mount.from.clone()).collect();
        if let PlannedUses::Output(output) = &step.uses {
            all.push(TreeRef::Output(output.clone()));
        }
        all
    }

    /// Which of those that made `given` made this blob, if it is one of theirs.
    pub(crate) fn producer(&self, given: &[TreeRef], blob: &BlobDigest, trees: &dyn Trees) -> Option<Producer> {
        let mut makers: Vec<(Producer, Option<&Node>)> = Vec::new();
        for from in given {
            match from {
                TreeRef::Source(source) => makers.push((Producer::Source(*source), self.source(*source))),
                TreeRef::Output(output) => makers.push((Producer::Step(output.step), self.output(output).ok())),
                TreeRef::Cells(cells) => {
                    makers.extend(cells.iter().map(|(_, x)| (Producer::Step(x.step), self.output(x).ok())));
                }
            }
        }
        let mut makers = makers.into_iter();
        makers
            .find(|(_, node)| node.is_some_and(|node| trees.holds(node, blob)))
            .map(|(producer, _)| producer)
    }
}

/// Why there is no tree or file for a reference.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// Its source or step has not made it.
    #[error("{0} is not there")]
    Absent(String),
    #[error(transparent)]
    Service(#[from] ServiceError),
}

fn is_dynamic(step: &PlannedStep) -> bool {
    let call = match &step.call {
        PlannedCall::Function { with, .. } => with.iter().any(|(_, template)| !is_literal(template)),
        PlannedCall::Command { args, stdin } => args.iter().chain(stdin).any(|template| !is_literal(template)),
        PlannedCall::Either => false,
    };
    call || step.condition.is_some() || step.env.iter().any(|(_, template)| !is_literal(template))
}

fn is_literal(template: &Template) -> bool {
    match template {
        Template::Literal(_) => true,
        Template::Expression(_) | Template::Text(_) => false,
        Template::List(items) => items.iter().all(is_literal),
        Template::Map(entries) => entries.iter().all(|(_, item)| is_literal(item)),
    }
}
