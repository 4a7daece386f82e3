//! Matrices: the cells of a step and how a reference finds one. Not here: how cells are made (`matrix::expand`), and what
//! a cell's steps refer to.

mod expand;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, LazyLock, OnceLock};

use serde_json::{Map, Value as Json};

pub(crate) use expand::expand;

/// The most cells of one step. Axes multiply, so this is what a slip of the pen runs into; ten such steps fill a plan.
pub const MAX_CELLS: usize = 10_000;

/// A cell.
#[derive(Debug, PartialEq)]
pub(crate) struct Cell {
    /// `os=linux,arch=x86`: the axes in the order of the file.
    pub(crate) label: String,
    /// `matrix` in expressions: the axes, and what `include:` adds.
    pub(crate) values: Map<String, Json>,
    /// The axes as texts.
    axes: Vec<(String, String)>,
}

/// The cells of a step, in order. Their labels differ.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    list: Vec<Cell>,
    /// Positions by label, made when one is first looked for.
    at: OnceLock<HashMap<String, usize>>,
}

impl Deref for Cells {
    type Target = [Cell];

    fn deref(&self) -> &[Cell] {
        &self.list
    }
}

impl Cells {
    pub(crate) fn new(list: Vec<Cell>) -> Self {
        Self {
            list,
            at: OnceLock::new(),
        }
    }

    /// What a step without a matrix has: one cell without a name.
    pub(crate) fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Cells>> = LazyLock::new(|| {
            Arc::new(Cells::new(vec![Cell {
                label: String::new(),
                values: Map::new(),
                axes: Vec::new(),
            }]))
        });
        Arc::clone(&NONE)
    }

    fn labelled(&self, label: &str) -> Option<usize> {
        let make = || {
            let labels = self.list.iter().enumerate();
            labels.map(|(at, cell)| (cell.label.clone(), at)).collect()
        };
        self.at.get_or_init(make).get(label).copied()
    }

    /// Finds the cell that a text such as `os=linux,arch=x86` means: axes in any order, those that do not matter left
    /// out.
    ///
    /// # Errors
    /// The positions of the cells that could be meant: none fits, or several do.
    pub(crate) fn find(&self, text: &str) -> Result<usize, Vec<usize>> {
        if let Some(exact) = self.labelled(text) {
            return Ok(exact);
        }
        let wanted: Option<Vec<(&str, &str)>> = text.split(',').map(|pair| pair.trim().split_once('=')).collect();
        let Some(wanted) = wanted else {
            return Err(Vec::new());
        };
        let wanted: Vec<(&str, &str)> = wanted.iter().map(|(name, value)| (name.trim(), value.trim())).collect();
        // All axes in another order are a label too. Thousands of references to thousands of cells come this way.
        if let Some(label) = self.in_order(&wanted) {
            return self.labelled(&label).ok_or(Vec::new());
        }
        let has = |cell: &Cell, (name, value): &(&str, &str)| cell.axes.iter().any(|(n, v)| n == name && v == value);
        let fits: Vec<usize> = (0..self.list.len())
            .filter(|i| wanted.iter().all(|pair| has(&self.list[*i], pair)))
            .collect();
        if let [one] = fits.as_slice() {
            Ok(*one)
        } else {
            Err(fits)
        }
    }

    /// The label of these axes, if they are all that there are.
    fn in_order(&self, wanted: &[(&str, &str)]) -> Option<String> {
        let axes = &self.list.first()?.axes;
        if axes.len() != wanted.len() {
            return None;
        }
        let value = |name: &str| wanted.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let pairs: Option<Vec<_>> = axes
            .iter()
            .map(|(name, _)| Some((name.as_str(), value(name)?)))
            .collect();
        Some(label(pairs?.into_iter()))
    }
}

fn label<'a>(axes: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<String> = axes.map(|(name, text)| format!("{name}={text}")).collect();
    pairs.join(",")
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cells(count: usize) -> Cells {
        let cell = |i: usize| {
            let axes = vec![
                ("a".to_owned(), (i / 100).to_string()),
                ("b".to_owned(), (i % 100).to_string()),
            ];
            Cell {
                label: label(axes.iter().map(|(name, text)| (name.as_str(), text.as_str()))),
                values: Map::new(),
                axes,
            }
        };
        Cells::new((0..count).map(cell).collect())
    }

    // A cell is found by its label, by its axes in any order, and by as many of them as tell it from the others.
    #[test]
    fn a_cell_is_found_by_what_tells_it_from_the_others() {
        let cells = cells(300);
        for text in ["a=1,b=7", "b=7,a=1", " b = 7 , a = 1 "] {
            assert_eq!(cells.find(text), Ok(107), "{text}");
        }
        assert_eq!(cells.find("a=9,b=9"), Err(vec![]));
        assert_eq!(cells.find("b=9,a=9"), Err(vec![]));
        assert_eq!(cells.find("b=7"), Err(vec![7, 107, 207]));
        assert_eq!(cells.find("b=7,b=7"), Err(vec![7, 107, 207]));
        assert_eq!(cells.find("a"), Err(vec![]));
        assert_eq!(super::Cells::new(vec![]).find("a=1"), Err(vec![]));
        assert_eq!(cells.find("a=2,b=99"), Ok(299));
    }
}
