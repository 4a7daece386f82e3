//! From axes, `exclude:` and `include:` to cells. Not here: values that inputs give, and finding a cell by its label.
//!
//! Entries of `exclude:` and `include:` find the rows that they fit by what they give for axes, in a table for each set
//! of axes that some entry gives: ten thousand entries over ten thousand rows are not a hundred million comparisons.

use std::collections::{HashMap, HashSet};

use airtight_model::{Diagnostic, Span};
use serde_json::{Map, Value as Json};

use super::{Cell, MAX_CELLS, label};
use crate::ast::{At, Matrix};
use crate::codes;
use crate::nearest::{nearest, quoted};
use crate::node::Name;

/// The longest value of an axis, as a text.
const MAX_VALUE: usize = 64;
/// How many values `include:` may add to the cells of a step together.
const MAX_ADDED: usize = 1_000_000;

/// The axes with their values.
type Axes<'a> = [(&'a Name, Vec<At<Json>>)];
type Row = Map<String, Json>;

/// Makes the cells of a matrix whose axes have these values.
pub(crate) fn expand(matrix: &Matrix, axes: &Axes<'_>, found: &mut Vec<Diagnostic>) -> Vec<Cell> {
    let before = found.len();
    for (name, values) in axes {
        check_axis(name, values, found);
    }
    let count = axes
        .iter()
        .try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()));
    if count.is_none_or(|count| count > MAX_CELLS) {
        found.push(too_many(matrix.span));
    }
    check_extras(matrix, axes, found);
    if found.len() > before {
        return Vec::new();
    }
    let mut rows: Vec<Row> = if axes.is_empty() { Vec::new() } else { vec![Map::new()] };
    for (name, values) in axes {
        let with = |row: &Row, value: &At<Json>| {
            let mut row = row.clone();
            row.insert(name.text.clone(), value.value.clone());
            row
        };
        rows = rows
            .iter()
            .flat_map(|row| values.iter().map(move |value| with(row, value)))
            .collect();
    }
    exclude(matrix, axes, &mut rows);
    let rows = include(matrix, axes, rows, found);
    if rows.is_empty() && found.len() == before {
        let found_now = Diagnostic::error(codes::MATRIX_SIZE, matrix.span, "the matrix has no cell");
        found.push(found_now.help("add an axis with values, or remove `matrix:`"));
    }
    rows.into_iter().map(|values| cell(values, axes)).collect()
}

fn too_many(span: Span) -> Diagnostic {
    let message = format!("a matrix has at most {MAX_CELLS} cells");
    Diagnostic::error(codes::MATRIX_SIZE, span, message).help("remove values, or split the step")
}

fn cell(values: Row, axes: &Axes<'_>) -> Cell {
    let texts = axes
        .iter()
        .filter_map(|(name, _)| Some((name.text.clone(), text_of(values.get(&name.text)?))));
    let texts: Vec<(String, String)> = texts.collect();
    Cell {
        label: label(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
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
fn check_extras(matrix: &Matrix, axes: &Axes<'_>, found: &mut Vec<Diagnostic>) {
    let known: Vec<HashSet<String>> = if matrix.exclude.is_empty() {
        Vec::new()
    } else {
        let values = |values: &[At<Json>]| values.iter().map(|value| key([&value.value].into_iter())).collect();
        axes.iter().map(|(_, all)| values(all)).collect()
    };
    for entry in &matrix.exclude {
        for (name, value) in &entry.value {
            let Some(at) = axes.iter().position(|(axis, _)| axis.text == name.text) else {
                let names = axes.iter().map(|(name, _)| name.text.as_str());
                let help = match nearest(&name.text, names.clone()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the axes are {}", quoted(names)),
                };
                let message = format!("there is no axis `{}` to exclude by", name.text);
                found.push(Diagnostic::error(codes::MATRIX_INVALID, name.span, message).help(help));
                continue;
            };
            if !known[at].contains(&key([value].into_iter())) {
                let message = format!("the axis `{}` has no value `{}` to exclude", name.text, text_of(value));
                let texts: Vec<String> = axes[at].1.iter().map(|known| text_of(&known.value)).collect();
                let help = format!("its values are {}", quoted(texts.iter().map(String::as_str)));
                found.push(Diagnostic::error(codes::MATRIX_INVALID, name.span, message).help(help));
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

/// What a row or an entry has for some axes, as one text. JSON tells `1` from `"1"` and writes no line's end itself.
fn key<'a>(values: impl Iterator<Item = &'a Json>) -> String {
    let mut key = String::new();
    for value in values {
        key.push_str(&value.to_string());
        key.push('\n');
    }
    key
}

/// The positions of the axes that an entry gives, and what it gives for them.
fn given(entry: &[(Name, Json)], axes: &Axes<'_>) -> (Vec<usize>, String) {
    let value = |name: &str| entry.iter().find(|(key, _)| key.text == name).map(|(_, value)| value);
    let given = axes
        .iter()
        .enumerate()
        .filter_map(|(at, (name, _))| Some((at, value(&name.text)?)));
    let (at, values): (Vec<usize>, Vec<&Json>) = given.unzip();
    (at, key(values.into_iter()))
}

/// What a row has for these axes.
fn row_key(row: &Row, at: &[usize], axes: &Axes<'_>) -> String {
    // Every row has a value for every axis.
    key(at.iter().filter_map(|at| row.get(&axes[*at].0.text)))
}

fn exclude(matrix: &Matrix, axes: &Axes<'_>, rows: &mut Vec<Row>) {
    let mut out: HashMap<Vec<usize>, HashSet<String>> = HashMap::new();
    for entry in &matrix.exclude {
        let (at, key) = given(&entry.value, axes);
        out.entry(at).or_default().insert(key);
    }
    rows.retain(|row| !out.iter().any(|(at, keys)| keys.contains(&row_key(row, at, axes))));
}

/// Rows with tables by what they have for some axes.
struct Rows<'a> {
    axes: &'a Axes<'a>,
    rows: Vec<Row>,
    tables: HashMap<Vec<usize>, HashMap<String, Vec<usize>>>,
    labels: HashSet<String>,
}

impl<'a> Rows<'a> {
    fn new(rows: Vec<Row>, axes: &'a Axes<'a>) -> Self {
        let mut all = Self {
            axes,
            labels: HashSet::new(),
            rows: Vec::with_capacity(rows.len()),
            tables: HashMap::new(),
        };
        for row in rows {
            all.push(row);
        }
        all
    }

    /// Adds a row, unless there is one whose cell would have the same name.
    fn push(&mut self, row: Row) -> bool {
        let texts = self
            .axes
            .iter()
            .filter_map(|(name, _)| Some((name.text.as_str(), text_of(row.get(&name.text)?))));
        let texts: Vec<(&str, String)> = texts.collect();
        let new = self
            .labels
            .insert(label(texts.iter().map(|(name, text)| (*name, text.as_str()))));
        if new {
            for (at, table) in &mut self.tables {
                table
                    .entry(row_key(&row, at, self.axes))
                    .or_default()
                    .push(self.rows.len());
            }
            self.rows.push(row);
        }
        new
    }

    /// The rows that an entry fits.
    fn fitting(&mut self, entry: &[(Name, Json)]) -> Vec<usize> {
        let (at, key) = given(entry, self.axes);
        let (rows, axes) = (&self.rows, self.axes);
        let table = self.tables.entry(at).or_insert_with_key(|at| {
            let mut table: HashMap<String, Vec<usize>> = HashMap::new();
            for (position, row) in rows.iter().enumerate() {
                table.entry(row_key(row, at, axes)).or_default().push(position);
            }
            table
        });
        table.get(&key).cloned().unwrap_or_default()
    }
}

/// An entry whose axes fit cells adds its other keys to them; else it is a cell of its own and must give every axis.
fn include(matrix: &Matrix, axes: &Axes<'_>, rows: Vec<Row>, found: &mut Vec<Diagnostic>) -> Vec<Row> {
    if matrix.include.is_empty() {
        return rows;
    }
    let mut rows = Rows::new(rows, axes);
    let mut added = 0;
    for At { value: entry, span } in &matrix.include {
        let extra = |key: &Name| !axes.iter().any(|(name, _)| name.text == key.text);
        let extras = entry.iter().filter(|(key, _)| extra(key)).count();
        let fits = rows.fitting(entry);
        let missing = axes
            .iter()
            .find(|(name, _)| !entry.iter().any(|(key, _)| key.text == name.text));
        if !fits.is_empty() && extras == 0 {
            found.push(there_already(*span));
        } else if !fits.is_empty() {
            added += extras.saturating_mul(fits.len());
            if added > MAX_ADDED {
                let message = format!("`include:` adds more than {MAX_ADDED} values to cells");
                found
                    .push(Diagnostic::error(codes::MATRIX_SIZE, *span, message).help("remove keys, or split the step"));
                return rows.rows;
            }
            for at in fits {
                let row = &mut rows.rows[at];
                let extras = entry.iter().filter(|(key, _)| extra(key));
                row.extend(extras.map(|(key, value)| (key.text.clone(), value.clone())));
            }
        } else if let Some((axis, _)) = missing {
            let message = format!("a new cell needs a value for the axis `{}`", axis.text);
            let help = format!("add `{}: VALUE`", axis.text);
            found.push(Diagnostic::error(codes::MATRIX_INVALID, *span, message).help(help));
        } else if rows.rows.len() >= MAX_CELLS {
            found.push(too_many(*span));
            return rows.rows;
        } else if !rows.push(
            entry
                .iter()
                .map(|(key, value)| (key.text.clone(), value.clone()))
                .collect(),
        ) {
            // `1` and `"1"` are two values with one name.
            found.push(there_already(*span));
        }
    }
    rows.rows
}

fn there_already(span: Span) -> Diagnostic {
    let found = Diagnostic::error(codes::MATRIX_DUPLICATE, span, "the matrix has this cell already");
    found.help("remove it, or add a key to it")
}
