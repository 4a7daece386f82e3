//! Expressions against the pipeline: whether what they refer to is there, and which edges they make. Not here: their
//! values.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use airtight_model::component::WitType;
use airtight_model::plan::When;
use airtight_model::{Diagnostic, Span};

use super::reference::{cell_problem, parse_step};
use super::{Call, Check, CheckedStep};
use crate::codes;
use crate::expr::{self, Compiled, Hop, Rejected, RejectedKind, Root};
use crate::matrix::Selector;
use crate::nearest::{nearest, quoted};
use crate::template::Expression;

/// How many expressions are kept; beyond it the keeping starts anew.
const MAX_KEPT: usize = 20_000;

/// An expression that has been read, or why it cannot be.
type Program = Arc<Result<Compiled, Rejected>>;

/// Expressions that have been read, by their text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programs(Arc<Mutex<HashMap<String, Program>>>);

impl Programs {
    /// Reads an expression, or remembers it.
    pub(crate) fn get(&self, text: &str) -> Program {
        // A poisoned map is still a map: entries are put in whole.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(text) {
            return Arc::clone(known);
        }
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        let compiled = Arc::new(expr::compile(text));
        kept.insert(text.to_owned(), Arc::clone(&compiled));
        compiled
    }
}

/// Where an expression stands, and so what it may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'s> {
    file: usize,
    step: Option<&'s CheckedStep>,
    results: bool,
}

impl<'s> Place<'s> {
    /// In a file, outside of steps: inputs and the event.
    pub(crate) fn inputs_of(file: usize) -> Self {
        Self {
            file,
            step: None,
            results: false,
        }
    }

    /// In a step, where results come too late.
    pub(crate) fn inputs_and_matrix(step: &'s CheckedStep) -> Self {
        Self {
            file: step.file,
            step: Some(step),
            results: false,
        }
    }

    /// In a step.
    pub(crate) fn step(step: &'s CheckedStep) -> Self {
        Self {
            results: true,
            ..Self::inputs_and_matrix(step)
        }
    }
}

/// The place of a word of an expression, if it can be told.
pub(crate) fn narrow(expression: &Expression, word: &str) -> Span {
    match expression
        .text
        .find(word)
        .filter(|_| expression.exact && !word.is_empty())
    {
        Some(at) => {
            let start = expression.span.start + at as u32;
            Span {
                start,
                end: start + word.len() as u32,
                ..expression.span
            }
        }
        None => expression.span,
    }
}

impl Check<'_> {
    /// Checks an expression; what is wrong is reported.
    pub(super) fn expression(&self, expression: &Expression, place: &Place<'_>) -> Option<Program> {
        let program = self.programs.get(&expression.text);
        let compiled = match &*program {
            Ok(compiled) => compiled,
            Err(rejected) => {
                self.rejected(expression, rejected);
                return None;
            }
        };
        for (root, hops) in &compiled.references.0 {
            match (root, hops.first()) {
                (Root::Inputs, Some(Hop::Name(name))) => self.input_reference(expression, place, name),
                (Root::Matrix, first) => self.matrix_reference(expression, place, first),
                (Root::Steps, _) if !place.results => {
                    let help = "use `inputs`, `matrix` or `event`: this must be known before any step runs";
                    let message = "results and outcomes of steps cannot be used here";
                    self.error(codes::EXPRESSION_PLACE, narrow(expression, "steps"), message, help);
                }
                (Root::Steps, _) => self.step_reference(expression, hops),
                _ => {}
            }
        }
        Some(program)
    }

    /// As [`Check::expression`], and adds an edge for each step that it refers to.
    pub(super) fn expression_edges(&self, expression: &Expression, place: &Place<'_>, edges: &mut Vec<(usize, Span)>) {
        let Some(program) = self.expression(expression, place) else {
            return;
        };
        for (root, hops) in program.iter().flat_map(|compiled| &compiled.references.0) {
            if let (Root::Steps, Some(Hop::Name(name))) = (root, hops.first())
                && let Some((name, _)) = parse_step(name)
                && let Some(step) = self.step_at.get(name)
            {
                edges.push((*step, narrow(expression, name)));
            }
        }
    }

    fn rejected(&self, expression: &Expression, rejected: &Rejected) {
        let code = match rejected.kind {
            RejectedKind::Syntax => codes::EXPRESSION_SYNTAX,
            RejectedKind::Name => codes::EXPRESSION_NAME,
            RejectedKind::Function => codes::EXPRESSION_FUNCTION,
        };
        let offset = rejected
            .offset
            .filter(|at| expression.exact && *at <= expression.text.len());
        let span = offset.map_or(expression.span, |at| {
            let word = expression.text[at..]
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .map(char::len_utf8)
                .sum();
            let rest = expression.text.len() - at;
            let len = std::cmp::max(word, 1).min(rest);
            let start = expression.span.start + at as u32;
            Span {
                start,
                end: start + len as u32,
                ..expression.span
            }
        });
        let diagnostic = Diagnostic::error(code, span, rejected.message.clone());
        let help = rejected.help.clone().or_else(|| {
            (code == codes::EXPRESSION_SYNTAX)
                .then(|| "expressions are CEL, such as `inputs.channel == 'staging'`".to_owned())
        });
        self.report(if let Some(help) = help {
            diagnostic.help(help)
        } else {
            diagnostic
        });
    }

    fn input_reference(&self, expression: &Expression, place: &Place<'_>, name: &str) {
        let inputs = self
            .scopes
            .get(place.file)
            .map_or(self.parsed.asts[place.file].inputs.as_slice(), |scope| &scope.inputs);
        let names = inputs.iter().map(|input| input.name.text.as_str());
        if names.clone().any(|known| known == name) {
            return;
        }
        let help = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{}`?", member("inputs", near)),
            None if inputs.is_empty() => format!("add `inputs: {{ {name}: {{ type: string }} }}` to this file"),
            None => format!("the inputs of this file are {}", quoted(names)),
        };
        self.error(
            codes::EXPRESSION_NAME,
            narrow(expression, name),
            format!("there is no input `{name}`"),
            help,
        );
    }

    fn matrix_reference(&self, expression: &Expression, place: &Place<'_>, hop: Option<&Hop>) {
        let Some(matrix) = place.step.and_then(|step| step.decl.matrix.as_ref()) else {
            let message = "there is no matrix here";
            let help = "add `matrix:` to the step, or use `inputs`";
            return self.error(codes::EXPRESSION_NAME, narrow(expression, "matrix"), message, help);
        };
        let Some(Hop::Name(name)) = hop else {
            return;
        };
        let axes = matrix.axes.iter().map(|(axis, _)| axis.text.as_str());
        let added = matrix
            .include
            .iter()
            .flat_map(|entry| entry.value.iter().map(|(key, _)| key.text.as_str()));
        let names = axes.chain(added);
        if names.clone().any(|known| known == name) {
            return;
        }
        let help = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{}`?", member("matrix", near)),
            None => format!("the matrix has {}", quoted(names)),
        };
        self.error(
            codes::EXPRESSION_NAME,
            narrow(expression, name),
            format!("the matrix has no `{name}`"),
            help,
        );
    }

    fn step_reference(&self, expression: &Expression, hops: &[Hop]) {
        let Some(Hop::Name(full)) = hops.first() else {
            let help = "write `steps.NAME.result` or `steps.NAME.outcome`";
            return self.error(
                codes::EXPRESSION_NAME,
                narrow(expression, "steps"),
                "a step must be named as it stands",
                help,
            );
        };
        let Some((name, selector)) = parse_step(full) else {
            let help = self.step_help(full);
            return self.error(
                codes::UNKNOWN_STEP,
                narrow(expression, full),
                format!("there is no step `{full}`"),
                help,
            );
        };
        let Some(at) = self.step_named(name, narrow(expression, name), || None) else {
            return;
        };
        let step = &self.steps[at];
        let unknown_cells = step.decl.matrix.is_some() && step.cells.as_ref().is_none_or(|cells| cells.is_empty());
        if selector == Selector::All {
            let first = step
                .cells
                .as_ref()
                .and_then(|cells| cells.first())
                .map_or("AXIS=VALUE", |cell| cell.label.as_str());
            let help = format!("write `steps[\"{name}[{first}]\"]`");
            let message = format!("an expression names one cell of the step `{name}`");
            return self.error(codes::UNKNOWN_CELL, narrow(expression, full), message, help);
        }
        if !unknown_cells && let Some((message, help)) = cell_problem(name, step.cells.as_deref(), &selector, "") {
            let help = match (&selector, step.cells.as_ref().and_then(|cells| cells.first())) {
                (Selector::Step, Some(cell)) => format!("write `steps[\"{name}[{}]\"]`", cell.label),
                _ => help,
            };
            return self.error(codes::UNKNOWN_CELL, narrow(expression, full), message, help);
        }
        match hops.get(1) {
            Some(Hop::Name(what)) if what == "outcome" => {}
            Some(Hop::Name(what)) if what == "result" => self.result_reference(expression, step, &hops[2..]),
            Some(Hop::Name(what)) => {
                let help = match nearest(what, ["result", "outcome"]) {
                    Some(near) => format!("did you mean `{}.{near}`?", member("steps", full)),
                    None => format!("write `{0}.result` or `{0}.outcome`", member("steps", full)),
                };
                let message = format!("a step has a result and an outcome, not `{what}`");
                self.error(codes::EXPRESSION_NAME, narrow(expression, what), message, help);
            }
            _ => {
                let help = format!("write `{0}.result` or `{0}.outcome`", member("steps", full));
                self.error(
                    codes::EXPRESSION_NAME,
                    narrow(expression, name),
                    "a step is no value by itself",
                    help,
                );
            }
        }
    }

    fn result_reference(&self, expression: &Expression, step: &CheckedStep, hops: &[Hop]) {
        let name = &step.decl.name.text;
        let missing = |why: &str| {
            let help = format!(
                "use `{}`, or an output of the step as a mount",
                member("steps", name) + ".outcome"
            );
            self.error(
                codes::EXPRESSION_RESULT,
                narrow(expression, "result"),
                format!("the step `{name}` has no result: {why}"),
                help,
            );
        };
        match &step.call {
            Call::Command => missing("it is a command"),
            Call::Function(Some(signature), function) => match signature.success() {
                None => missing(&format!("its function `{function}` returns nothing")),
                Some(ty) => {
                    if let Err((field, message, help)) = follow(ty, hops) {
                        self.error(codes::EXPRESSION_RESULT, narrow(expression, field), message, help);
                    }
                }
            },
            Call::Function(None, _) | Call::Either | Call::Unknown => {}
        }
    }

    /// Warns of a condition on a failure that a step with the default `when:` never gets to see.
    pub(super) fn unreachable_condition(&self, step: &CheckedStep, expression: &Expression) {
        let failures = ["'failed'", "'errored'", "'denied'", "'timed-out'", "'cancelled'"];
        let looks = failures
            .iter()
            .any(|word| expression.text.replace('"', "'").contains(word));
        let program = self.programs.get(&expression.text);
        let Ok(compiled) = &*program else {
            return;
        };
        let of = compiled
            .references
            .0
            .iter()
            .find_map(|(root, hops)| match (root, hops.as_slice()) {
                (Root::Steps, [Hop::Name(name), Hop::Name(what)]) if what == "outcome" => Some(name),
                _ => None,
            });
        if let Some(name) = of.filter(|_| looks && step.decl.when == When::OnSuccess) {
            let message = format!("this step runs only if `{name}` has not failed, so the condition may never hold");
            let diagnostic = Diagnostic::warning(codes::CONDITION_UNREACHABLE, expression.span, message);
            self.report(diagnostic.help("add `when: always`"));
        }
    }
}

/// `inputs.name`, or `inputs["na-me"]` where CEL needs it.
fn member(root: &str, name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain {
        format!("{root}.{name}")
    } else {
        format!("{root}[\"{name}\"]")
    }
}

/// Follows fields and indices into a type. What is not known before the step has run is taken as it is.
fn follow<'h>(ty: &WitType, hops: &'h [Hop]) -> Result<(), (&'h str, String, String)> {
    let Some((hop, rest)) = hops.split_first() else {
        return Ok(());
    };
    let Hop::Name(field) = hop else {
        return if let WitType::List(item) = ty {
            follow(item, rest)
        } else {
            Ok(())
        };
    };
    let unknown = |names: Vec<&str>, what: &str| {
        let help = match nearest(field, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the {what}s are {}", quoted(names.iter().copied())),
        };
        Err((field.as_str(), format!("the result has no {what} `{field}`"), help))
    };
    match ty {
        WitType::Option(inner) => follow(inner, hops),
        WitType::Record(fields) => match fields.iter().find(|known| known.name == *field) {
            Some(known) => follow(&known.ty, rest),
            None => unknown(fields.iter().map(|field| field.name.as_str()).collect(), "field"),
        },
        WitType::Variant(cases) => match cases.iter().find(|known| known.name == *field) {
            Some(known) => known.ty.as_ref().map_or(Ok(()), |ty| follow(ty, rest)),
            None => unknown(cases.iter().map(|case| case.name.as_str()).collect(), "case"),
        },
        WitType::Result(both) => match field.as_str() {
            "ok" => both.ok.as_ref().map_or(Ok(()), |ty| follow(ty, rest)),
            "err" => both.err.as_ref().map_or(Ok(()), |ty| follow(ty, rest)),
            _ => unknown(vec!["ok", "err"], "side"),
        },
        WitType::List(_) => Err((
            field.as_str(),
            format!("a `{ty}` has no field `{field}`: its items may"),
            format!("write `[0].{field}`, or `.map(x, x.{field})`"),
        )),
        other => Err((
            field.as_str(),
            format!("a `{other}` has no field `{field}`"),
            format!("leave `.{field}` out"),
        )),
    }
}
