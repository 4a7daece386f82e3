//! References to steps and their outputs: `step`, `step.output`, `step[cell].output`, `step[*].output`. Not here:
//! references in expressions.

use airtight_model::Span;

use super::{Check, CheckedStep};
use crate::codes;
use crate::matrix::{Cells, Selector};
use crate::nearest::{nearest, quoted};
use crate::node::Name;

/// For how many names of steps that are not there a near one is looked for. A search looks at all names, so that a
/// large pipeline whose references are all wrong would be looked through as often as it is large.
const MAX_SEARCHES: usize = 100;

/// An output of a step, found.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) step: usize,
    pub(crate) selector: Selector,
    pub(crate) output: String,
    pub(crate) span: Span,
}

/// Takes `step` or `step[cell]` apart.
pub(crate) fn parse_step(text: &str) -> Option<(&str, Selector)> {
    match text.split_once('[') {
        None => (!text.is_empty()).then_some((text, Selector::Step)),
        Some((name, rest)) => {
            let cell = rest.strip_suffix(']')?.trim();
            let selector = if cell == "*" {
                Selector::All
            } else {
                Selector::Cell(cell.to_owned())
            };
            (!name.is_empty() && !cell.is_empty() && !cell.contains(['[', ']'])).then_some((name, selector))
        }
    }
}

/// Takes `step.output` or `step[cell].output` apart.
pub(crate) fn parse_output(text: &str) -> Option<(&str, Selector, &str)> {
    // A cell's values may have dots, names of outputs may not.
    let (step, output) = text.rsplit_once('.')?;
    let (name, selector) = parse_step(step)?;
    (!output.is_empty() && !name.contains(['.', '/', ' ']) && !output.contains(['/', ' ', ']', '[']))
        .then_some((name, selector, output))
}

/// Why a selector does not fit a step: the message and the mend. `then` is what follows the cell, such as `.output`.
pub(crate) fn cell_problem(
    name: &str,
    cells: Option<&Cells>,
    selector: &Selector,
    then: &str,
) -> Option<(String, String)> {
    let Some(cells) = cells else {
        return (*selector != Selector::Step).then(|| {
            (
                format!("the step `{name}` has no matrix, so it has no cells"),
                format!("write `{name}{then}`"),
            )
        });
    };
    let first = cells.first().map_or("*", |cell| cell.label.as_str());
    match selector {
        Selector::All => None,
        Selector::Step => {
            let help =
                format!("write `{name}[*]{then}` for all cells, or one of them, such as `{name}[{first}]{then}`");
            Some((format!("the step `{name}` has a matrix: a cell must be named"), help))
        }
        Selector::Cell(text) => match cells.find(text) {
            Ok(_) => None,
            Err(fits) if fits.is_empty() => {
                let labels = cells.iter().map(|cell| cell.label.as_str());
                let help = match nearest(text, labels.clone()) {
                    Some(near) => format!("did you mean `{name}[{near}]{then}`?"),
                    None => format!("the cells are {}", quoted(labels)),
                };
                Some((format!("the step `{name}` has no cell `{text}`"), help))
            }
            Err(fits) => {
                let labels = quoted(fits.iter().map(|at| cells[*at].label.as_str()));
                Some((
                    format!("`{text}` means several cells of the step `{name}`"),
                    format!("write one of {labels}"),
                ))
            }
        },
    }
}

impl Check<'_> {
    /// Finds a step by name, or reports that it is not there.
    pub(super) fn step_named(&self, name: &str, span: Span, help: impl FnOnce() -> Option<String>) -> Option<usize> {
        let found = self.step_at.get(name).copied();
        if found.is_none() {
            let help = help().unwrap_or_else(|| self.step_help(name));
            self.error(codes::UNKNOWN_STEP, span, format!("there is no step `{name}`"), help);
        }
        found
    }

    pub(super) fn step_help(&self, name: &str) -> String {
        if let Some(known) = self.helped.borrow().get(name) {
            return known.clone();
        }
        if self.helped.borrow().len() >= MAX_SEARCHES {
            return "write the name of a step".to_owned();
        }
        let names = self.steps.iter().map(|step| step.decl.name.text.as_str());
        let help = match nearest(name, names.clone()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the steps are {}", quoted(names)),
        };
        self.helped.borrow_mut().insert(name.to_owned(), help.clone());
        help
    }

    /// Finds what `after:` names.
    pub(super) fn find_step(&self, name: &Name) -> Option<(usize, Selector)> {
        let Some((text, selector)) = parse_step(&name.text) else {
            let message = format!("`{}` is not the name of a step", name.text);
            self.error(
                codes::BAD_REFERENCE,
                name.span,
                message,
                "write `step`, or `step[cell]` for one cell of a matrix",
            );
            return None;
        };
        let output = || {
            let (step, _) = text.split_once('.')?;
            self.step_at
                .contains_key(step)
                .then(|| format!("write `{step}`: an order is between steps"))
        };
        let step = self.step_named(text, name.span, output)?;
        // The name alone means all cells: an order needs no folder of them.
        if selector != Selector::Step {
            self.check_cell(&self.steps[step], &selector, "", name.span)?;
        }
        Some((step, selector))
    }

    fn check_cell(&self, step: &CheckedStep, selector: &Selector, then: &str, span: Span) -> Option<()> {
        if step.decl.matrix.is_some() && step.cells.as_ref().is_none_or(|cells| cells.is_empty()) {
            // Inputs decide the cells, or the matrix is wrong and that has been said.
            return Some(());
        }
        let Some((message, help)) = cell_problem(&step.decl.name.text, step.cells.as_deref(), selector, then) else {
            return Some(());
        };
        self.error(codes::UNKNOWN_CELL, span, message, help);
        None
    }

    /// Finds an output.
    pub(super) fn find_output(&self, text: &str, span: Span) -> Option<Reference> {
        let Some((name, selector, output)) = parse_output(text) else {
            let message = format!("`{text}` is not an output of a step");
            let help = match self.step_at.get(text).map(|at| &self.steps[*at].decl) {
                Some(step) => match step.outputs.as_slice() {
                    [] => format!("the step `{text}` declares no outputs: add `outputs: {{ NAME: /out/NAME }}` to it"),
                    outputs => format!("write `{text}.{}`", outputs[0].name.text),
                },
                None => "write `step.output`".to_owned(),
            };
            self.error(codes::BAD_REFERENCE, span, message, help);
            return None;
        };
        let step = self.step_named(name, span, || None)?;
        let found = &self.steps[step];
        let outputs = found.decl.outputs.iter().map(|output| output.name.text.as_str());
        if !outputs.clone().any(|known| known == output) {
            let help = match nearest(output, outputs.clone()) {
                Some(near) => format!("did you mean `{name}.{near}`?"),
                None if outputs.clone().next().is_none() => {
                    format!("add `outputs: {{ {output}: /out/{output} }}` to the step `{name}`")
                }
                None => format!("its outputs are {}", quoted(outputs)),
            };
            self.error(
                codes::UNKNOWN_OUTPUT,
                span,
                format!("the step `{name}` has no output `{output}`"),
                help,
            );
            return None;
        }
        self.check_cell(found, &selector, &format!(".{output}"), span)?;
        Some(Reference {
            step,
            selector,
            output: output.to_owned(),
            span,
        })
    }
}
