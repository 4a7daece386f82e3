//! Matrices: the cells of a step, in order. Not here: what a cell's steps refer to.

use std::collections::HashMap;

use airtight_model::{Diagnostic, Span};
use serde_json::{Map, Value as Json};

use crate::ast::{At, Matrix};
use crate::codes;
use crate::nearest::nearest;
use crate::node::Name;

/// The most cells of one step.
pub const MAX_CELLS: usize = 1_000;
/// The longest value of an axis, as a text.
const MAX_VALUE: usize = 64;

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// `os=linux,arch=x86`: the axes in the order of the file.
    pub(crate) label: String,
    /// `matrix` in expressions: the axes, and what `include:` adds.
    pub(crate) values: Map<String, Json>,
    /// The axes as texts.
    axes: Vec<(String, String)>,
}

impl Cell {
    /// What a step without a matrix has.
    pub(crate) fn none() -> Self {
        Self {
            label: String::new(),
            values: Map::new(),
            axes: Vec::new(),
        }
    }
}

/// Makes the cells of a matrix whose axes have these values.
pub(crate) fn expand(matrix: &Matrix, axes: &[(&Name, Vec<At<Json>>)], found: &mut Vec<Diagnostic>) -> Vec<Cell> {
    let before = found.len();
    for (name, values) in axes {
        check_axis(name, values, found);
    }
    let count = axes
        .iter()
        .try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()));
    if count.is_none_or(|count| count > MAX_CELLS) {
        let message = format!("a matrix has at most {MAX_CELLS} cells");
        found
            .push(Diagnostic::error(codes::MATRIX_SIZE, matrix.span, message).help("remove values, or split the step"));
    }
    check_extras(matrix, axes, found);
    if found.len() > before {
        return Vec::new();
    }
    let mut rows: Vec<Map<String, Json>> = if axes.is_empty() { Vec::new() } else { vec![Map::new()] };
    for (name, values) in axes {
        let with = |row: &Map<String, Json>, value: &At<Json>| {
            let mut row = row.clone();
            row.insert(name.text.clone(), value.value.clone());
            row
        };
        rows = rows
            .iter()
            .flat_map(|row| values.iter().map(move |value| with(row, value)))
            .collect();
    }
    rows.retain(|row| !matrix.exclude.iter().any(|entry| matches(row, &entry.value, axes)));
    include(matrix, axes, &mut rows, found);
    if rows.is_empty() && found.len() == before {
        let found_now = Diagnostic::error(codes::MATRIX_SIZE, matrix.span, "the matrix has no cell");
        found.push(found_now.help("add an axis with values, or remove `matrix:`"));
    }
    rows.into_iter().map(|values| cell(values, axes)).collect()
}

fn cell(values: Map<String, Json>, axes: &[(&Name, Vec<At<Json>>)]) -> Cell {
    let texts = axes
        .iter()
        .filter_map(|(name, _)| Some((name.text.clone(), text_of(values.get(&name.text)?))));
    let texts: Vec<(String, String)> = texts.collect();
    let label = texts
        .iter()
        .map(|(name, text)| format!("{name}={text}"))
        .collect::<Vec<_>>()
        .join(",");
    Cell {
        label,
        values,
        axes: texts,
    }
}

/// A scalar as it stands in a label.
fn text_of(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn check_axis(name: &Name, values: &[At<Json>], found: &mut Vec<Diagnostic>) {
    if values.is_empty() {
        let message = format!("the axis `{}` has no value", name.text);
        found.push(Diagnostic::error(codes::MATRIX_SIZE, name.span, message).help("give it a value, or remove it"));
    }
    let mut seen: HashMap<String, Span> = HashMap::new();
    for value in values {
        let text = text_of(&value.value);
        let scalar = matches!(value.value, Json::String(_) | Json::Number(_) | Json::Bool(_));
        let plain = !text.is_empty()
            && text.len() <= MAX_VALUE
            && !text.contains(['[', ']', ',', '=', '/', '*'])
            && !text.contains("${")
            && !text.chars().any(char::is_control);
        if !scalar || !plain {
            let message = format!("a value of the axis `{}` cannot name a cell", name.text);
            let help = format!(
                "write a text of 1 to {MAX_VALUE} bytes without `[`, `]`, `,`, `=`, `/` and `*`, a number or a boolean"
            );
            found.push(Diagnostic::error(codes::MATRIX_INVALID, value.span, message).help(help));
        } else if let Some(first) = seen.insert(text.clone(), value.span) {
            let message = format!("the axis `{}` has the value `{text}` twice", name.text);
            let twice = Diagnostic::error(codes::MATRIX_DUPLICATE, value.span, message).label(first, "first here");
            found.push(twice.help("remove one of them"));
        }
    }
}

/// Checks the names and values that `include:` and `exclude:` give for axes.
fn check_extras(matrix: &Matrix, axes: &[(&Name, Vec<At<Json>>)], found: &mut Vec<Diagnostic>) {
    for entry in &matrix.exclude {
        for (key, value) in &entry.value {
            let Some((name, values)) = axes.iter().find(|(name, _)| name.text == key.text) else {
                let names = axes.iter().map(|(name, _)| name.text.as_str());
                let help = match nearest(&key.text, names.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the axes are {}", crate::nearest::quoted(names)),
                };
                let message = format!("there is no axis `{}` to exclude by", key.text);
                found.push(Diagnostic::error(codes::MATRIX_INVALID, key.span, message).help(help));
                continue;
            };
            if !values.iter().any(|known| known.value == *value) {
                let message = format!("the axis `{}` has no value `{}` to exclude", name.text, text_of(value));
                let texts: Vec<String> = values.iter().map(|known| text_of(&known.value)).collect();
                let help = format!(
                    "its values are {}",
                    crate::nearest::quoted(texts.iter().map(String::as_str))
                );
                found.push(Diagnostic::error(codes::MATRIX_INVALID, key.span, message).help(help));
            }
        }
    }
    for entry in &matrix.include {
        for (name, _) in axes {
            if let Some((key, value)) = entry.value.iter().find(|(key, _)| key.text == name.text) {
                check_axis(
                    name,
                    &[At {
                        value: value.clone(),
                        span: key.span,
                    }],
                    found,
                );
            }
        }
    }
}

fn matches(row: &Map<String, Json>, entry: &[(Name, Json)], axes: &[(&Name, Vec<At<Json>>)]) -> bool {
    let is_axis = |key: &Name| axes.iter().any(|(name, _)| name.text == key.text);
    entry
        .iter()
        .filter(|(key, _)| is_axis(key))
        .all(|(key, value)| row.get(&key.text) == Some(value))
}

/// An entry whose axes fit cells adds its other keys to them; else it is a cell of its own and must give every axis.
fn include(
    matrix: &Matrix,
    axes: &[(&Name, Vec<At<Json>>)],
    rows: &mut Vec<Map<String, Json>>,
    found: &mut Vec<Diagnostic>,
) {
    for entry in &matrix.include {
        let extra = |key: &Name| !axes.iter().any(|(name, _)| name.text == key.text);
        let adds = entry.value.iter().any(|(key, _)| extra(key));
        let fits = rows.iter().any(|row| matches(row, &entry.value, axes));
        if fits && !adds {
            let found_now = Diagnostic::error(codes::MATRIX_DUPLICATE, entry.span, "the matrix has this cell already");
            found.push(found_now.help("remove it, or add a key to it"));
        } else if fits {
            for row in rows.iter_mut().filter(|row| matches(row, &entry.value, axes)) {
                row.extend(entry.value.iter().map(|(key, value)| (key.text.clone(), value.clone())));
            }
        } else if let Some((axis, _)) = axes
            .iter()
            .find(|(name, _)| !entry.value.iter().any(|(key, _)| key.text == name.text))
        {
            let message = format!("a new cell needs a value for the axis `{}`", axis.text);
            let help = format!("add `{}: VALUE`", axis.text);
            found.push(Diagnostic::error(codes::MATRIX_INVALID, entry.span, message).help(help));
        } else if rows.len() >= MAX_CELLS {
            let message = format!("a matrix has at most {MAX_CELLS} cells");
            found.push(
                Diagnostic::error(codes::MATRIX_SIZE, entry.span, message).help("remove values, or split the step"),
            );
            return;
        } else {
            rows.push(
                entry
                    .value
                    .iter()
                    .map(|(key, value)| (key.text.clone(), value.clone()))
                    .collect(),
            );
        }
    }
}

/// Which cells of a step a reference means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// None is named: right for a step without a matrix.
    Step,
    /// `[*]`
    All,
    /// `[os=linux]`
    Cell(String),
}

/// Finds the cell that a text such as `os=linux,arch=x86` means: axes in any order, those that do not matter left out.
///
/// # Errors
/// The labels of the cells that could be meant: none fits, or several do.
pub(crate) fn find_cell(cells: &[Cell], text: &str) -> Result<usize, Vec<usize>> {
    if let Some(exact) = cells.iter().position(|cell| cell.label == text) {
        return Ok(exact);
    }
    let wanted: Option<Vec<(&str, &str)>> = text.split(',').map(|pair| pair.trim().split_once('=')).collect();
    let Some(wanted) = wanted else {
        return Err(Vec::new());
    };
    let has = |cell: &Cell, (name, value): &(&str, &str)| {
        cell.axes.iter().any(|(n, v)| n == name.trim() && v == value.trim())
    };
    let fits: Vec<usize> = (0..cells.len())
        .filter(|i| wanted.iter().all(|pair| has(&cells[*i], pair)))
        .collect();
    if let [one] = fits.as_slice() {
        Ok(*one)
    } else {
        Err(fits)
    }
}
