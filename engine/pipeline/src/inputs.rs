//! Inputs: declarations that make sense, and values that fit them. Not here: expressions in the values of fragments.

use airtight_model::{Diagnostic, Span};
use serde_json::Value as Json;

use crate::ast::{Input, InputType};
use crate::codes;
use crate::nearest::{nearest, quoted};
use crate::syntax;

/// A value that comes from outside the pipeline file.
#[derive(Debug, Clone, PartialEq)]
pub enum InputValue {
    /// Of `--input NAME=TEXT`: read as the declared type; a list or a map as YAML or JSON.
    Text(String),
    /// Of a file of inputs.
    Data(Json),
}

/// Checks what a declaration says of itself.
pub(crate) fn check<'r>(input: &Input, raw: &dyn Fn(Span) -> Option<&'r str>, found: &mut Vec<Diagnostic>) {
    let name = &input.name.text;
    for value in input
        .one_of
        .iter()
        .flatten()
        .filter(|value| !input.ty.takes(&value.value))
    {
        found.push(misfit(input, value.span, &value.value, raw(value.span)));
    }
    if input.one_of.as_ref().is_some_and(Vec::is_empty) {
        let message = format!("the input `{name}` takes none of an empty list");
        let help = "add values to `one-of:`, or remove it";
        found.push(Diagnostic::error(codes::INPUT_DECLARATION, input.name.span, message).help(help));
    }
    let Some(default) = &input.default else {
        return;
    };
    if let Some(required) = input.required.as_ref().filter(|required| required.value) {
        let message = format!("the input `{name}` has a default, so it is never missing");
        let help = "remove `required: true` or `default:`";
        found.push(Diagnostic::error(codes::INPUT_DECLARATION, required.span, message).help(help));
    }
    if let Err(diagnostic) = fit(input, &default.value, default.span, raw(default.span)) {
        found.push(*diagnostic);
    }
}

/// Whether a value fits an input; `raw` is how the file writes it.
pub(crate) fn fit(input: &Input, value: &Json, span: Span, raw: Option<&str>) -> Result<(), Box<Diagnostic>> {
    if !input.ty.takes(value) {
        return Err(Box::new(misfit(input, span, value, raw)));
    }
    let Some(one_of) = &input.one_of else {
        return Ok(());
    };
    if one_of.iter().any(|known| known.value == *value) {
        return Ok(());
    }
    let texts: Vec<String> = one_of.iter().map(|known| shown(&known.value)).collect();
    let all = quoted(texts.iter().map(String::as_str));
    let help = match nearest(&shown(value), texts.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`? it is one of {all}"),
        None => format!("write one of {all}"),
    };
    let message = format!("the input `{}` does not take `{}`", input.name.text, shown(value));
    Err(Box::new(
        Diagnostic::error(codes::INPUT_VALUE, span, message).help(help),
    ))
}

/// Reads a value from outside.
pub(crate) fn read(input: &Input, value: &InputValue) -> Result<Json, Box<Diagnostic>> {
    let span = input.name.span;
    let data = match value {
        InputValue::Data(data) => Some(data.clone()),
        InputValue::Text(text) => match input.ty {
            InputType::String => Some(Json::String(text.clone())),
            InputType::Boolean => text.parse::<bool>().ok().map(Json::from),
            InputType::Integer => text
                .parse::<i64>()
                .map(Json::from)
                .or_else(|_| text.parse::<u64>().map(Json::from))
                .ok(),
            InputType::Number => {
                let whole = text.parse::<i64>().map(Json::from).ok();
                whole.or_else(|| {
                    text.parse::<f64>()
                        .ok()
                        .and_then(serde_json::Number::from_f64)
                        .map(Json::Number)
                })
            }
            InputType::List | InputType::Map => syntax::parse_value(text),
        },
    };
    let shown_text = || {
        if let InputValue::Text(text) = value {
            Json::String(text.clone())
        } else {
            Json::Null
        }
    };
    let data = data.ok_or_else(|| Box::new(misfit(input, span, &shown_text(), None)))?;
    fit(input, &data, span, None)?;
    Ok(data)
}

fn misfit(input: &Input, span: Span, value: &Json, raw: Option<&str>) -> Diagnostic {
    let (name, word) = (&input.name.text, input.ty.word());
    let message = format!(
        "the input `{name}` takes a value of type `{word}`, not `{}`",
        shown(value)
    );
    let help = match (input.ty, value) {
        (InputType::String, Json::Number(_) | Json::Bool(_)) => {
            format!(
                "write it in quotes: `\"{}\"`",
                raw.map_or_else(|| value.to_string(), str::to_owned)
            )
        }
        (InputType::Boolean, _) => "write `true` or `false`".to_owned(),
        (InputType::Integer, _) => "write a whole number, such as `3`".to_owned(),
        (InputType::Number, _) => "write a number, such as `1.5`".to_owned(),
        (InputType::List, _) => "write a list, such as `[a, b]`".to_owned(),
        (InputType::Map, _) => "write a map, such as `{ a: 1 }`".to_owned(),
        (InputType::String, _) => "write a text".to_owned(),
    };
    Diagnostic::error(codes::INPUT_VALUE, span, message).help(help)
}

/// A value as a short text.
pub(crate) fn shown(value: &Json) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() > 60 {
        text.chars().take(59).chain(['…']).collect()
    } else {
        text
    }
}

/// The error for a value of an input that is not declared.
pub(crate) fn unknown<'a>(name: &str, declared: impl Iterator<Item = &'a str> + Clone, span: Span) -> Diagnostic {
    let help = match nearest(name, declared.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if declared.clone().next().is_none() => "there are no inputs: declare it under `inputs:`".to_owned(),
        None => format!("the inputs are {}", quoted(declared)),
    };
    Diagnostic::error(codes::INPUT_UNKNOWN, span, format!("there is no input `{name}`")).help(help)
}
