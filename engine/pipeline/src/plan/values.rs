//! Values: inputs of all files, and templates with what is known put in. Not here: which templates a step has.

use airtight_model::plan::{Template as Planned, TextPart};
use airtight_model::{Diagnostic, Span};
use serde_json::{Map, Value as Json};

use super::PlanRequest;
use crate::ast::{At, Input};
use crate::check::Checked;
use crate::codes;
use crate::expr::{Compiled, Hop, Root, Roots, compile, evaluate};
use crate::inputs;
use crate::load::Included;
use crate::template::{Expression, Part, Template, TemplateKind, simplify};

/// The inputs of each file.
pub(super) fn inputs(checked: &Checked, request: &PlanRequest, found: &mut Vec<Diagnostic>) -> Vec<Map<String, Json>> {
    let mut all: Vec<Map<String, Json>> = Vec::with_capacity(checked.scopes.len());
    for scope in &checked.scopes {
        let values = match &scope.included {
            None => own_inputs(&scope.inputs, request, found),
            Some(included) => given_inputs(
                checked,
                &scope.inputs,
                included,
                &all[included.by],
                &request.event,
                found,
            ),
        };
        all.push(values);
    }
    all
}

fn own_inputs(declared: &[Input], request: &PlanRequest, found: &mut Vec<Diagnostic>) -> Map<String, Json> {
    for (name, _) in &request.inputs {
        if !declared.iter().any(|input| input.name.text == *name) {
            let names = declared.iter().map(|input| input.name.text.as_str());
            found.push(inputs::unknown(name, names, Span::default()));
        }
    }
    let mut values = Map::new();
    for input in declared {
        let name = &input.name.text;
        let given = request
            .inputs
            .iter()
            .rev()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value);
        let optional = input.required.as_ref().is_some_and(|required| !required.value);
        let value = match (given, &input.default) {
            (Some(given), _) => match inputs::read(input, given) {
                Ok(value) => value,
                Err(diagnostic) => {
                    found.push(*diagnostic);
                    continue;
                }
            },
            (None, Some(default)) => default.value.clone(),
            (None, None) if optional => Json::Null,
            (None, None) => {
                let message = format!("the input `{name}` has no value");
                let help = format!("add `--input {name}=VALUE`, or give it a `default:`");
                found.push(Diagnostic::error(codes::INPUT_MISSING, input.name.span, message).help(help));
                continue;
            }
        };
        values.insert(name.clone(), value);
    }
    values
}

/// What an include gives to the file that it includes.
fn given_inputs(
    checked: &Checked,
    declared: &[Input],
    included: &Included,
    outer: &Map<String, Json>,
    event: &Json,
    found: &mut Vec<Diagnostic>,
) -> Map<String, Json> {
    let values = Values::new(checked, outer, event, None);
    let mut all = Map::new();
    for input in declared {
        let name = &input.name.text;
        let given = included
            .inputs
            .iter()
            .find(|(given, _)| given.text == *name)
            .map(|(_, template)| template);
        let value = match given.map(|template| (template, values.render(template, None))) {
            None => input
                .default
                .as_ref()
                .map_or(Json::Null, |default| default.value.clone()),
            Some((template, Ok(Planned::Literal(value)))) => {
                if template.literal().is_none() {
                    found.extend(
                        inputs::fit(input, &value, template.span, None)
                            .err()
                            .map(|diagnostic| *diagnostic),
                    );
                }
                value
            }
            // `check` has seen to it that nothing here needs results.
            Some((_, Ok(_))) => Json::Null,
            Some((_, Err(diagnostic))) => {
                found.push(*diagnostic);
                Json::Null
            }
        };
        all.insert(name.clone(), value);
    }
    all
}

type Evaluated<T> = Result<T, Box<Diagnostic>>;

/// What expressions of a file can see before anything has run.
pub(super) struct Values<'a> {
    checked: &'a Checked,
    inputs: &'a Map<String, Json>,
    event: &'a Json,
    matrix: Option<&'a Map<String, Json>>,
}

impl<'a> Values<'a> {
    pub(super) fn new(
        checked: &'a Checked,
        inputs: &'a Map<String, Json>,
        event: &'a Json,
        matrix: Option<&'a Map<String, Json>>,
    ) -> Self {
        Self {
            checked,
            inputs,
            event,
            matrix,
        }
    }

    /// The value of an expression; none if it needs outcomes or results.
    pub(super) fn value(&self, expression: &Expression) -> Evaluated<Option<Json>> {
        let program = self.checked.programs.get(&expression.text);
        let fail = |why: &str| {
            let message = format!("the expression has no value: {why}");
            let help = "test with `has(…)` what may be missing, or give the input a default";
            Box::new(Diagnostic::error(codes::EXPRESSION_FAILS, expression.span, message).help(help))
        };
        let compiled = program.as_ref().as_ref().map_err(|rejected| fail(&rejected.message))?;
        if compiled.references.needs_steps() {
            return Ok(None);
        }
        let empty = Map::new();
        let matrix = self.matrix.unwrap_or(&empty);
        let roots = Roots {
            inputs: self.inputs,
            steps: &empty,
            matrix,
            event: self.event,
        };
        evaluate(&compiled.expr, roots).map(Some).map_err(|why| fail(&why))
    }

    /// The values of an axis that an expression gives.
    pub(super) fn list(&self, expression: &Expression) -> Evaluated<Vec<At<Json>>> {
        match self.value(expression)? {
            Some(Json::Array(items)) => Ok(items
                .into_iter()
                .map(|value| At {
                    value,
                    span: expression.span,
                })
                .collect()),
            _ => {
                let found = Diagnostic::error(codes::EXPRESSION_TYPE, expression.span, "an axis takes a list");
                Err(Box::new(found.help("give it an input of the type `list`")))
            }
        }
    }

    /// Puts what is known into a template. Expressions that are left see the inputs of the file at `fragment`.
    pub(super) fn render(&self, template: &Template, fragment: Option<&str>) -> Evaluated<Planned> {
        Ok(simplify(match &template.kind {
            TemplateKind::Literal(data) => Planned::Literal(data.clone()),
            TemplateKind::Expression(expression) => match self.value(expression)? {
                Some(data) => Planned::Literal(data),
                None => Planned::Expression(self.left(expression, fragment)?),
            },
            TemplateKind::Text(parts) => {
                let parts = parts.iter().map(|part| match part {
                    Part::Literal(text) => Ok(TextPart::Literal(text.clone())),
                    Part::Expression(expression) => match self.value(expression)? {
                        Some(data) => text_of(&data, expression.span).map(TextPart::Literal),
                        None => Ok(TextPart::Expression(self.left(expression, fragment)?)),
                    },
                });
                Planned::Text(parts.collect::<Evaluated<_>>()?)
            }
            TemplateKind::List(items) => Planned::List(
                items
                    .iter()
                    .map(|item| self.render(item, fragment))
                    .collect::<Evaluated<_>>()?,
            ),
            TemplateKind::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, item)| Ok((key.text.clone(), self.render(item, fragment)?)));
                Planned::Map(entries.collect::<Evaluated<_>>()?)
            }
        }))
    }

    /// As [`Values::render`], for a place that takes a text.
    pub(super) fn text(&self, template: &Template, fragment: Option<&str>) -> Evaluated<Planned> {
        Ok(match self.render(template, fragment)? {
            text @ Planned::Literal(Json::String(_)) => text,
            Planned::Literal(data) => Planned::Literal(Json::String(text_of(&data, template.span)?)),
            Planned::Expression(expression) => Planned::Text(vec![TextPart::Expression(expression)]),
            other => other,
        })
    }

    /// The text of an expression that is left for later.
    pub(super) fn left(&self, expression: &Expression, fragment: Option<&str>) -> Evaluated<String> {
        let Some(path) = fragment else {
            return Ok(expression.text.clone());
        };
        let program = self.checked.programs.get(&expression.text);
        let uses_inputs = |compiled: &Compiled| compiled.references.0.iter().any(|(root, _)| *root == Root::Inputs);
        if !program.as_ref().as_ref().is_ok_and(uses_inputs) {
            return Ok(expression.text.clone());
        }
        let text = qualified(&expression.text, path);
        let below = |(root, hops): &(Root, Vec<Hop>)| {
            *root != Root::Inputs || hops.first() == Some(&Hop::Name(path.to_owned()))
        };
        if compile(&text).is_ok_and(|compiled| compiled.references.0.iter().all(below)) {
            return Ok(text);
        }
        let message = "the expression mixes inputs and results in a way that an included file cannot";
        let help = "use the input in an expression of its own";
        Err(Box::new(
            Diagnostic::error(codes::EXPRESSION_PLACE, expression.span, message).help(help),
        ))
    }
}

/// A scalar as a text.
fn text_of(data: &Json, span: Span) -> Evaluated<String> {
    match data {
        Json::String(text) => Ok(text.clone()),
        Json::Bool(_) | Json::Number(_) => Ok(data.to_string()),
        other => {
            let kind = if other.is_null() { "nothing" } else { "a list or map" };
            let found = Diagnostic::error(codes::EXPRESSION_TYPE, span, format!("{kind} cannot stand in a text"));
            Err(Box::new(found.help("give it a text, a number or a boolean")))
        }
    }
}

/// Makes `inputs` of an included file's expression what it is in the plan: the map under the file's path, which is no
/// input's name.
fn qualified(text: &str, path: &str) -> String {
    let mut out = String::with_capacity(text.len() + path.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let len = if matches!(first, '"' | '\'' | '`') {
            quoted_len(rest, first)
        } else if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (token, tail) = rest.split_at(len);
        out.push_str(token);
        if token == "inputs" && before != '.' {
            // JSON's texts are texts of CEL.
            out.push_str(&format!("[{}]", Json::from(path)));
        }
        if !first.is_whitespace() {
            before = first;
        }
        rest = tail;
    }
    out
}

fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Only the root is renamed: not fields of that name, not texts.
    #[test]
    fn inputs_of_a_fragment_are_qualified() {
        assert_eq!(
            qualified(
                "inputs.a == 'inputs' && steps.x.result.inputs && inputs['b']",
                "ci/a.yaml"
            ),
            "inputs[\"ci/a.yaml\"].a == 'inputs' && steps.x.result.inputs && inputs[\"ci/a.yaml\"]['b']"
        );
    }
}
