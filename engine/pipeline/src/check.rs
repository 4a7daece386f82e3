//! What the files of a pipeline mean together: every reference is looked up, every component found, every literal
//! compared with its type. All that is wrong is reported at once. Not here: values of inputs, and the plan (`plan`).

mod arguments;
mod component;
mod expression;
mod grants;
mod graph;
mod names;
mod places;
mod reference;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use airtight_model::component::{Catalog, FunctionSignature, ResolvedComponent};
use airtight_model::grant::Grants;
use airtight_model::plan::{PlannedSecret, PlannedSource};
use airtight_model::{Diagnostic, Severity, Span};

pub(crate) use expression::Programs;
pub(crate) use grants::secrets_of;
pub(crate) use reference::{Reference, cell_problem, parse_output, parse_step};

use crate::ast::{Axis, Condition, Input, Step};
use crate::codes;
use crate::load::{Included, Parsed, SourceFile};
use crate::matrix::{self, Cells, Selector};
use crate::template::Expression;

/// A pipeline without errors: everything that does not need the values of inputs is known.
#[derive(Debug, Clone)]
pub struct Checked {
    pub(crate) name: String,
    pub(crate) scopes: Vec<FileScope>,
    pub(crate) sources: Vec<PlannedSource>,
    pub(crate) secrets: Vec<PlannedSecret>,
    pub(crate) steps: Vec<CheckedStep>,
    pub(crate) exports: Vec<CheckedExport>,
    pub(crate) programs: Programs,
}

/// What expressions of a file see of it.
#[derive(Debug, Clone)]
pub(crate) struct FileScope {
    pub(crate) path: String,
    pub(crate) inputs: Vec<Input>,
    pub(crate) included: Option<Included>,
}

/// A step with what it refers to.
#[derive(Debug, Clone)]
pub(crate) struct CheckedStep {
    pub(crate) decl: Arc<Step>,
    pub(crate) file: usize,
    pub(crate) uses: Uses,
    pub(crate) call: Call,
    pub(crate) grants: Grants,
    /// The cells; none while inputs decide them. A step without a matrix has none of either.
    pub(crate) cells: Option<Arc<Cells>>,
    /// What the mounts show, in the order of `decl.mounts`.
    pub(crate) mounts: Vec<Shown>,
    pub(crate) after: Vec<(usize, Selector, Span)>,
    /// The position of its stage.
    pub(crate) rank: Option<usize>,
}

/// What a step runs.
#[derive(Debug, Clone)]
pub(crate) enum Uses {
    Component(ResolvedComponent, String),
    Output(Reference),
    /// It is not known, and that has been reported.
    Unknown,
}

/// How it is called.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Function(Option<Arc<FunctionSignature>>, String),
    Command,
    /// The component does not exist yet and the step does not say.
    Either,
    /// It is not known, and that has been reported.
    Unknown,
}

/// What a mount shows.
#[derive(Debug, Clone)]
pub(crate) enum Shown {
    Source(usize),
    Output(Reference),
    /// An expression says it.
    Deferred,
    /// It is not known, and that has been reported.
    Unknown,
}

/// A write to the user's tree.
#[derive(Debug, Clone)]
pub(crate) struct CheckedExport {
    pub(crate) to: String,
    pub(crate) from: Reference,
    pub(crate) span: Span,
}

/// Checks a pipeline.
///
/// The diagnostics are all that there are, those of [`crate::parse`] included, in the order of the files. The result is
/// none if there is an error among them. Where a file could not be read at all, only that is said: what it would have
/// brought is not missed elsewhere.
pub fn check(parsed: &Parsed, catalog: &dyn Catalog) -> (Option<Checked>, Vec<Diagnostic>) {
    if parsed.incomplete {
        let mut found = parsed.found.clone();
        sort(&mut found);
        return (None, found);
    }
    let mut check = Check::new(parsed, catalog);
    check.collect();
    check.scopes();
    check.sources();
    check.secrets();
    check.grants();
    check.stages();
    check.cells();
    check.components();
    let edges = check.references();
    check.exports();
    graph::check(&check, &edges);
    let Check {
        steps,
        sources,
        secrets,
        exports,
        scopes,
        programs,
        found,
        ..
    } = check;
    let mut found = found.into_inner();
    found.extend(parsed.found.iter().cloned());
    sort(&mut found);
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return (None, found);
    }
    let name = parsed
        .asts
        .first()
        .and_then(|ast| ast.name.as_ref())
        .map_or("pipeline", |name| &name.text)
        .to_owned();
    (
        Some(Checked {
            name,
            scopes,
            sources,
            secrets,
            steps,
            exports,
            programs,
        }),
        found,
    )
}

/// Puts diagnostics into the order of the files.
pub(crate) fn sort(found: &mut [Diagnostic]) {
    found.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
}

pub(crate) struct Check<'a> {
    parsed: &'a Parsed,
    catalog: &'a dyn Catalog,
    files: &'a [SourceFile],
    scopes: Vec<FileScope>,
    sources: Vec<PlannedSource>,
    source_at: HashMap<&'a str, usize>,
    secrets: Vec<PlannedSecret>,
    secret_at: HashMap<&'a str, usize>,
    steps: Vec<CheckedStep>,
    step_at: HashMap<&'a str, usize>,
    stage_names: Vec<String>,
    exports: Vec<CheckedExport>,
    programs: Programs,
    /// What is said of names of steps that are not there: many steps may name the same one.
    helped: RefCell<HashMap<String, String>>,
    found: RefCell<Vec<Diagnostic>>,
}

/// For each step the steps that it waits for, with the place that says so.
pub(crate) type Edges = Vec<Vec<(usize, Span)>>;

impl<'a> Check<'a> {
    fn new(parsed: &'a Parsed, catalog: &'a dyn Catalog) -> Self {
        Self {
            parsed,
            catalog,
            files: &parsed.files,
            scopes: Vec::new(),
            sources: Vec::new(),
            source_at: HashMap::new(),
            secrets: Vec::new(),
            secret_at: HashMap::new(),
            steps: Vec::new(),
            step_at: HashMap::new(),
            stage_names: Vec::new(),
            exports: Vec::new(),
            programs: Programs::default(),
            helped: RefCell::default(),
            found: RefCell::default(),
        }
    }

    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    fn error(&self, code: &'static str, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report(Diagnostic::error(code, span, message).help(help));
    }

    /// The bytes of a place.
    fn raw(&self, span: Span) -> Option<&'a str> {
        self.files
            .get(span.file as usize)?
            .text
            .get(span.start as usize..span.end as usize)
    }

    /// The folder of a file, relative to the root.
    fn base(&self, file: usize) -> &'a str {
        crate::paths::folder_of(&self.files[file].path)
    }

    /// Expands the matrices that the file alone decides.
    fn cells(&mut self) {
        let mut steps = std::mem::take(&mut self.steps);
        for step in &mut steps {
            let Some(matrix) = &step.decl.matrix else {
                continue;
            };
            let mut axes = Vec::with_capacity(matrix.axes.len());
            for (name, axis) in &matrix.axes {
                match axis {
                    Axis::Values(values) => axes.push((name, values.clone())),
                    Axis::Expression(expression) => {
                        self.expression(expression, &expression::Place::inputs_of(step.file));
                    }
                }
            }
            if matrix.faulty {
                step.cells = Some(Arc::default());
            } else if axes.len() == matrix.axes.len() {
                let cells = matrix::expand(matrix, &axes, &mut self.found.borrow_mut());
                step.cells = Some(Arc::new(Cells::new(cells)));
            }
        }
        self.steps = steps;
    }

    /// Looks up everything that steps refer to, and gives the edges between them.
    fn references(&mut self) -> Edges {
        let mut edges: Edges = vec![Vec::new(); self.steps.len()];
        let mut shown = Vec::with_capacity(self.steps.len());
        let mut after = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            let edges = &mut edges[index];
            if let Uses::Output(reference) = &step.uses {
                edges.push((reference.step, reference.span));
            }
            shown.push(self.mounts(step, edges));
            self.outputs(step);
            after.push(self.after(step, edges));
            self.expressions(step, edges);
            self.arguments(step);
            self.retry(step);
        }
        for ((step, shown), after) in self.steps.iter_mut().zip(shown).zip(after) {
            step.mounts = shown;
            step.after = after;
        }
        edges
    }

    fn after(&self, step: &CheckedStep, edges: &mut Vec<(usize, Span)>) -> Vec<(usize, Selector, Span)> {
        let mut all = Vec::with_capacity(step.decl.after.len());
        for name in &step.decl.after {
            if let Some((before, selector)) = self.find_step(name) {
                edges.push((before, name.span));
                all.push((before, selector, name.span));
            }
        }
        all
    }

    /// Checks the expressions of a step but those of its mounts, and adds the edges that they make.
    fn expressions(&self, step: &CheckedStep, edges: &mut Vec<(usize, Span)>) {
        let place = expression::Place::step(step);
        let decl = &step.decl;
        let mut each = |expression: &Expression| self.expression_edges(expression, &place, edges);
        let with = decl
            .with
            .iter()
            .flat_map(|with| &with.value)
            .map(|(_, template)| template);
        let args = decl.args.iter().flat_map(|args| &args.value);
        let env = decl.env.iter().map(|(_, template)| template);
        let templates = with.chain(args).chain(env).chain(&decl.stdin);
        templates.for_each(|template| template.expressions(&mut each));
        if let Some(Condition::Expression(expression)) = &decl.condition {
            each(expression);
            self.unreachable_condition(step, expression);
        }
        if let Some(cwd) = &decl.cwd {
            let early = expression::Place::inputs_and_matrix(step);
            cwd.expressions(&mut |expression| drop(self.expression(expression, &early)));
            if let Some(path) = cwd.literal_text() {
                self.guest_path(path, cwd.span);
            }
        }
    }

    fn retry(&self, step: &CheckedStep) {
        // What answers a step from outside may answer otherwise the next time.
        if !step.grants.is_empty() || step.decl.grants.faulty {
            return;
        }
        for on in step.decl.retry.iter().flat_map(|retry| &retry.on) {
            if !matches!(
                on.value,
                airtight_model::Outcome::Errored | airtight_model::Outcome::TimedOut
            ) {
                let message = format!(
                    "`{}` is a pure step: after `{}`, another attempt would do the same",
                    step.decl.name.text,
                    on.value.word()
                );
                self.error(
                    codes::RETRY_PURE,
                    on.span,
                    message,
                    "write `on: [ errored, timed-out ]`, or remove `retry:`",
                );
            }
        }
    }
}
