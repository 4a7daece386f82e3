//! One step or cell of a plan. Not here: which steps are left out.

use std::sync::Arc;

use airtight_model::id::StepId;
use airtight_model::plan::{
    PlannedCall, PlannedMount, PlannedOutput, PlannedStep, PlannedUses, Retry, Template as Planned, TreeRef,
};
use airtight_model::step::{Class, Outcome};
use airtight_model::value::Value;
use airtight_model::{Diagnostic, Span};
use serde_json::Value as Json;

use super::values::Values;
use super::{Planner, source_id};
use crate::ast::{Condition, Mount, MountForm};
use crate::check::{Call, CheckedStep, Reference, Shown, Uses, parse_output, parse_step};
use crate::codes;
use crate::expr::{Hop, Root};
use crate::matrix::{Cell, Selector};
use crate::nearest::{nearest, quoted};
use crate::paths;
use crate::template::{Expression, Template};

/// The edges of a step.
#[derive(Default)]
struct Edges {
    needs: Vec<StepId>,
    after: Vec<StepId>,
    outcomes: Vec<StepId>,
}

impl CheckedStep {
    pub(super) fn has_deferred_mounts(&self) -> bool {
        self.mounts.iter().any(|shown| matches!(shown, Shown::Deferred))
    }
}

impl<'a> Planner<'a> {
    pub(super) fn step(
        &mut self,
        step: &'a CheckedStep,
        cell: &Cell,
        group: Option<u32>,
        stages: &[(usize, StepId)],
    ) -> PlannedStep {
        let checked = self.checked;
        let decl = &step.decl;
        let inputs = Arc::clone(&self.inputs[step.file]);
        let values = Values::new(checked, &inputs, self.event, Some(&cell.values));
        let fragment = (step.file > 0).then(|| checked.scopes[step.file].path.as_str());
        let mut make = Make {
            values,
            fragment,
            found: Vec::new(),
            skipped: false,
        };
        let condition = make.condition(decl.condition.as_ref());
        make.skipped = condition.as_deref() == Some("false");
        let call = make.call(step);
        let env = decl
            .env
            .iter()
            .map(|(name, value)| (name.text.clone(), make.text(value)))
            .collect();
        let cwd = make.cwd(decl.cwd.as_ref());
        let deferred = make.deferred(step);
        let Make { found, skipped, .. } = make;
        self.found.extend(found);

        let mut edges = Edges::default();
        self.expression_edges(step, &mut edges);
        let uses = self.uses(step, &mut edges);
        let mounts = self.mounts(step, deferred, skipped, &mut edges);
        for (before, selector, span) in &step.after {
            edges.after.extend(self.select_order(*before, selector, *span));
        }
        let earlier = step
            .rank
            .map_or(0, |rank| stages.partition_point(|(other, _)| *other < rank));
        edges.after.extend(stages[..earlier].iter().map(|(_, id)| *id));
        self.outcomes.push(edges.outcomes.clone());
        let (needs, after) = edges.finish();
        let (class, class_reason) = class(step);
        let matrix = decl.matrix.as_ref();
        let name = &decl.name.text;
        PlannedStep {
            name: if matrix.is_some() {
                format!("{name}[{}]", cell.label)
            } else {
                name.clone()
            },
            base: name.clone(),
            matrix: cell.values.clone(),
            group,
            max_parallel: matrix.and_then(|matrix| matrix.max_parallel),
            fail_fast: matrix.is_some_and(|matrix| matrix.fail_fast),
            uses,
            call,
            env,
            cwd,
            clock_base: decl.clock_base,
            grants: step.grants.clone(),
            mounts,
            outputs: decl.outputs.iter().map(output).collect(),
            limits: decl.limits,
            condition,
            needs,
            after,
            when: decl.when,
            allow_failure: decl.allow_failure,
            retry: decl.retry.as_ref().map(retry),
            stage: decl.stage.as_ref().map(|stage| stage.text.clone()),
            class,
            class_reason,
            span: decl.name.span,
        }
    }

    fn uses(&mut self, step: &CheckedStep, edges: &mut Edges) -> PlannedUses {
        let component = |component: &airtight_model::ResolvedComponent, program: &String| PlannedUses::Component {
            component: component.clone(),
            program: program.clone(),
        };
        match &step.uses {
            Uses::Component(found, program) => component(found, program),
            Uses::Output(reference) => {
                let tree = self.tree_ref(reference);
                edges.needs.extend(tree.iter().flat_map(steps_of));
                let first = StepId(self.first[reference.step]);
                let output = airtight_model::plan::OutputRef {
                    step: first,
                    output: reference.output.clone(),
                };
                PlannedUses::Output(if let Some(TreeRef::Output(output)) = tree {
                    output
                } else {
                    output
                })
            }
            // `check` gives no pipeline with such a step.
            Uses::Unknown => PlannedUses::Output(airtight_model::plan::OutputRef {
                step: StepId(0),
                output: String::new(),
            }),
        }
    }

    fn mounts(
        &mut self,
        step: &CheckedStep,
        deferred: Vec<Option<String>>,
        skipped: bool,
        edges: &mut Edges,
    ) -> Vec<PlannedMount> {
        let mut mounts = Vec::with_capacity(step.decl.mounts.len());
        for ((mount, shown), deferred) in step.decl.mounts.iter().zip(&step.mounts).zip(deferred) {
            let from = match shown {
                Shown::Source(at) => Some(TreeRef::Source(source_id(*at))),
                Shown::Output(reference) => self.tree_ref(reference),
                Shown::Deferred => {
                    let before = self.found.len();
                    let late = deferred.and_then(|text| self.late_reference(mount, &text));
                    if skipped {
                        self.found.truncate(before);
                    }
                    late
                }
                Shown::Unknown => None,
            };
            let Some(from) = from else {
                continue;
            };
            edges.needs.extend(steps_of(&from));
            mounts.push(PlannedMount {
                at: mount.at.text.clone(),
                from,
                paths: mount.paths.iter().map(|glob| glob.text.clone()).collect(),
                writable: mount.writable,
                span: mount.at.span,
            });
        }
        mounts.sort_by(|a, b| a.at.cmp(&b.at));
        mounts
    }

    /// Finds what an expression says that a mount shows.
    fn late_reference(&mut self, mount: &Mount, text: &str) -> Option<TreeRef> {
        let span = mount.from.span;
        let checked = self.checked;
        let is_output = match mount.form {
            MountForm::Source => false,
            MountForm::Output => true,
            MountForm::Either => text.contains(['.', '[']),
        };
        if !is_output {
            let at = checked.sources.iter().position(|source| source.name == text);
            if at.is_none() {
                let names = checked.sources.iter().map(|source| source.name.as_str());
                let help = format!("the sources are {}", quoted(names));
                self.error(
                    codes::UNKNOWN_SOURCE,
                    span,
                    format!("there is no source `{text}`"),
                    help,
                );
            }
            return at.map(|at| TreeRef::Source(source_id(at)));
        }
        let Some((name, selector, output)) = parse_output(text) else {
            self.error(
                codes::BAD_REFERENCE,
                span,
                format!("`{text}` is not an output of a step"),
                "make it `step.output`",
            );
            return None;
        };
        let Some(step) = self.step_at.get(name).copied() else {
            let names = checked.step_names();
            let help = nearest(name, names).map_or_else(
                || format!("the steps are {}", quoted(checked.step_names())),
                |near| format!("did you mean `{near}`?"),
            );
            self.error(codes::UNKNOWN_STEP, span, format!("there is no step `{name}`"), help);
            return None;
        };
        let outputs = &checked.steps[step].decl.outputs;
        if !outputs.iter().any(|known| known.name.text == output) {
            let help = format!(
                "its outputs are {}",
                quoted(outputs.iter().map(|output| output.name.text.as_str()))
            );
            self.error(
                codes::UNKNOWN_OUTPUT,
                span,
                format!("the step `{name}` has no output `{output}`"),
                help,
            );
            return None;
        }
        self.tree_ref(&Reference {
            step,
            selector,
            output: output.to_owned(),
            span,
        })
    }

    fn select_order(&mut self, step: usize, selector: &Selector, span: Span) -> Vec<StepId> {
        match selector {
            Selector::Step => self.ids(step).collect(),
            selector => self.select(step, selector, "", span),
        }
    }

    /// The edges of expressions: a result is needed, an outcome is only waited for.
    fn expression_edges(&mut self, step: &CheckedStep, edges: &mut Edges) {
        let decl = &step.decl;
        let checked = self.checked;
        let mut expressions: Vec<&Expression> = Vec::new();
        let with = decl
            .with
            .iter()
            .flat_map(|with| &with.value)
            .map(|(_, template)| template);
        let args = decl.args.iter().flat_map(|args| &args.value);
        let env = decl.env.iter().map(|(_, template)| template);
        for template in with.chain(args).chain(env).chain(&decl.stdin) {
            template.expressions(&mut |expression| expressions.push(expression));
        }
        if let Some(Condition::Expression(expression)) = &decl.condition {
            expressions.push(expression);
        }
        for expression in expressions {
            let program = checked.programs.get(&expression.text);
            let Ok(compiled) = &*program else {
                continue;
            };
            if fragment_inputs_left(step, compiled) {
                self.used[step.file] = true;
            }
            for (root, hops) in &compiled.references.0 {
                let (Root::Steps, [Hop::Name(full), rest @ ..]) = (root, hops.as_slice()) else {
                    continue;
                };
                let found = parse_step(full).and_then(|(name, selector)| Some((*self.step_at.get(name)?, selector)));
                let Some((at, selector)) = found else {
                    continue;
                };
                let ids = self.select(at, &selector, "", expression.span);
                let outcome = matches!(rest.first(), Some(Hop::Name(what)) if what == "outcome");
                if outcome {
                    edges.outcomes.extend(ids)
                } else {
                    edges.needs.extend(ids)
                }
            }
        }
    }
}

/// Whether an expression of an included file sees its inputs when the step becomes ready.
fn fragment_inputs_left(step: &CheckedStep, compiled: &crate::expr::Compiled) -> bool {
    let inputs = compiled.references.0.iter().any(|(root, _)| *root == Root::Inputs);
    step.file > 0 && inputs && compiled.references.needs_steps()
}

impl Edges {
    fn finish(mut self) -> (Vec<StepId>, Vec<StepId>) {
        self.needs.sort_unstable();
        self.needs.dedup();
        self.after.append(&mut self.outcomes);
        self.after.sort_unstable();
        self.after.dedup();
        self.after.retain(|id| self.needs.binary_search(id).is_err());
        (self.needs, self.after)
    }
}

/// The steps that a tree comes from.
pub(super) fn steps_of(tree: &TreeRef) -> Vec<StepId> {
    match tree {
        TreeRef::Source(_) => Vec::new(),
        TreeRef::Output(output) => vec![output.step],
        TreeRef::Cells(cells) => cells.iter().map(|(_, output)| output.step).collect(),
    }
}

/// The class of a step and why.
fn class(step: &CheckedStep) -> (Class, String) {
    let outputs = &step.decl.outputs;
    let pinned = !outputs.is_empty() && outputs.iter().all(|output| output.pin.is_some());
    let typed = matches!(&step.call, Call::Function(Some(signature), _) if signature.success().is_some());
    let known = matches!(&step.call, Call::Function(Some(_), _) | Call::Command);
    match Class::of(&step.grants, pinned, typed) {
        (Class::FixedOutput, _) if !known => (
            Class::Effectful,
            "its component does not exist yet, and may return a typed result, which nothing pins".to_owned(),
        ),
        class => class,
    }
}

fn output(output: &crate::ast::Output) -> PlannedOutput {
    PlannedOutput {
        name: output.name.text.clone(),
        path: output.path.text.clone(),
        pin: output.pin,
        span: output.name.span,
    }
}

fn retry(retry: &crate::ast::Retry) -> Retry {
    let on: Vec<Outcome> = retry.on.iter().map(|on| on.value).collect();
    let on = if on.is_empty() {
        vec![Outcome::Errored, Outcome::TimedOut]
    } else {
        on
    };
    Retry {
        times: retry.times,
        on,
        backoff_ms: retry.backoff_ms,
    }
}

/// Puts values into the templates of one step.
struct Make<'a> {
    values: Values<'a>,
    fragment: Option<&'a str>,
    found: Vec<Diagnostic>,
    /// The step will not run: what has no value does not matter.
    skipped: bool,
}

impl Make<'_> {
    fn keep<T>(&mut self, value: Result<T, Box<Diagnostic>>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(diagnostic) => {
                if !self.skipped {
                    self.found.push(*diagnostic);
                }
                None
            }
        }
    }

    fn text(&mut self, template: &Template) -> Planned {
        let text = self.values.text(template, self.fragment);
        self.keep(text).unwrap_or(Planned::Literal(Json::String(String::new())))
    }

    fn condition(&mut self, condition: Option<&Condition>) -> Option<String> {
        match condition? {
            Condition::Literal(holds) => (!holds).then(|| "false".to_owned()),
            Condition::Expression(expression) => {
                let value = self.values.value(expression);
                match self.keep(value)? {
                    Some(Json::Bool(holds)) => (!holds).then(|| "false".to_owned()),
                    Some(other) => {
                        let message = format!("`if:` takes `true` or `false`, not `{}`", crate::inputs::shown(&other));
                        let help = "compare it with something, such as `inputs.channel == 'staging'`";
                        self.found
                            .push(Diagnostic::error(codes::EXPRESSION_TYPE, expression.span, message).help(help));
                        None
                    }
                    None => {
                        let left = self.values.left(expression, self.fragment);
                        self.keep(left)
                    }
                }
            }
        }
    }

    fn call(&mut self, step: &CheckedStep) -> PlannedCall {
        let decl = &step.decl;
        match &step.call {
            Call::Function(signature, name) => {
                let mut with = Vec::new();
                for (key, template) in decl.with.iter().flat_map(|with| &with.value) {
                    let rendered = self.values.render(template, self.fragment);
                    let Some(rendered) = self.keep(rendered) else {
                        continue;
                    };
                    let parameter = signature
                        .iter()
                        .flat_map(|s| &s.parameters)
                        .find(|p| p.name == key.text);
                    if let (Planned::Literal(data), Some(parameter), None) = (&rendered, parameter, template.literal())
                        && let Err(mismatch) = Value::from_data(data, &parameter.ty)
                        && !self.skipped
                    {
                        let message = format!("`{}`: {mismatch}", key.text);
                        let found = Diagnostic::error(codes::EXPRESSION_TYPE, template.place(&mismatch.path), message);
                        self.found
                            .push(found.help(format!("`{}` takes `{}`", key.text, parameter.ty)));
                    }
                    with.push((key.text.clone(), rendered));
                }
                PlannedCall::Function {
                    signature: signature.clone(),
                    name: name.clone(),
                    with,
                }
            }
            Call::Command => {
                let args = decl
                    .args
                    .iter()
                    .flat_map(|args| &args.value)
                    .map(|template| self.text(template))
                    .collect();
                PlannedCall::Command {
                    args,
                    stdin: decl.stdin.as_ref().map(|template| self.text(template)),
                }
            }
            Call::Either | Call::Unknown => PlannedCall::Either,
        }
    }

    fn cwd(&mut self, cwd: Option<&Template>) -> String {
        let Some(template) = cwd else {
            return "/".to_owned();
        };
        let Planned::Literal(Json::String(path)) = self.text(template) else {
            return "/".to_owned();
        };
        if let Err(problem) = paths::check_guest(&path)
            && !self.skipped
        {
            let message = format!("the path `{path}` {}", problem.reason);
            let help = problem
                .mend
                .map_or("make it an absolute path, such as `/src`".to_owned(), |mend| {
                    format!("make it `{mend}`")
                });
            self.found
                .push(Diagnostic::error(codes::BAD_GUEST_PATH, template.span, message).help(help));
        }
        path
    }

    /// What expressions say that mounts show, for the mounts that have one.
    fn deferred(&mut self, step: &CheckedStep) -> Vec<Option<String>> {
        let mut all = Vec::with_capacity(step.mounts.len());
        for (mount, shown) in step.decl.mounts.iter().zip(&step.mounts) {
            let text = matches!(shown, Shown::Deferred).then(|| self.text(&mount.from));
            all.push(if let Some(Planned::Literal(Json::String(text))) = text {
                Some(text)
            } else {
                None
            });
        }
        all
    }
}
