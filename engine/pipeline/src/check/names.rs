//! The names of a pipeline: steps, sources, inputs and stages of all files together. Not here: what refers to them.

use std::collections::HashMap;
use std::sync::Arc;

use airtight_model::grant::Grants;
use airtight_model::plan::PlannedSource;
use airtight_model::{Diagnostic, Span};

use super::expression::Place;
use super::{Call, Check, CheckedStep, FileScope, Uses};
use crate::codes;
use crate::glob;
use crate::inputs;
use crate::nearest::{nearest, quoted};
use crate::node::Name;
use crate::paths;

impl<'a> Check<'a> {
    /// Puts the steps of all files together.
    pub(super) fn collect(&mut self) {
        for (file, ast) in self.parsed.asts.iter().enumerate() {
            for decl in &ast.steps {
                if let Some(first) = self.step_at.get(decl.name.text.as_str()) {
                    self.collision("step", &decl.name, self.steps[*first].decl.name.span);
                    continue;
                }
                self.step_at.insert(&decl.name.text, self.steps.len());
                self.steps.push(CheckedStep {
                    decl: Arc::clone(decl),
                    file,
                    uses: Uses::Unknown,
                    call: Call::Unknown,
                    grants: Grants::default(),
                    cells: None,
                    mounts: Vec::new(),
                    after: Vec::new(),
                    rank: None,
                });
            }
        }
    }

    pub(super) fn collision(&self, what: &str, name: &Name, first: Span) {
        let message = format!("two files have a {what} named `{}`", name.text);
        let diagnostic = Diagnostic::error(codes::NAME_COLLISION, name.span, message).label(first, "first here");
        self.report(diagnostic.help("give one of them another name"));
    }

    /// Checks the inputs of each file, and what includes give for them.
    pub(super) fn scopes(&mut self) {
        for (file, ast) in self.parsed.asts.iter().enumerate() {
            let raw = |span: Span| self.raw(span);
            ast.inputs
                .iter()
                .for_each(|input| inputs::check(input, &raw, &mut self.found.borrow_mut()));
            let included = self.parsed.included[file].clone();
            let path = self.files[file].path.clone();
            self.scopes.push(FileScope {
                path,
                inputs: ast.inputs.clone(),
                included,
            });
        }
        for scope in &self.scopes {
            let Some(included) = &scope.included else {
                continue;
            };
            for (name, template) in &included.inputs {
                let place = Place::inputs_of(included.by);
                template.expressions(&mut |expression| drop(self.expression(expression, &place)));
                let declared = scope.inputs.iter().find(|input| input.name.text == name.text);
                let Some(input) = declared else {
                    let names = scope.inputs.iter().map(|input| input.name.text.as_str());
                    self.report(inputs::unknown(&name.text, names, name.span));
                    continue;
                };
                if let Some(data) = template.literal()
                    && let Err(diagnostic) = inputs::fit(input, &data, template.span, self.raw(template.span))
                {
                    self.report(*diagnostic);
                }
            }
            for input in &scope.inputs {
                let given = included.inputs.iter().any(|(name, _)| name.text == input.name.text);
                let optional =
                    input.default.is_some() || input.required.as_ref().is_some_and(|required| !required.value);
                if !given && !optional {
                    let message = format!("the input `{}` of `{}` has no value", input.name.text, scope.path);
                    let help = format!(
                        "write `{{ file: {}, inputs: {{ {}: VALUE }} }}`",
                        included.place.text, input.name.text
                    );
                    let diagnostic = Diagnostic::error(codes::INPUT_MISSING, included.place.span, message);
                    self.report(diagnostic.label(input.name.span, "declared here").help(help));
                }
            }
        }
    }

    pub(super) fn sources(&mut self) {
        for (file, ast) in self.parsed.asts.iter().enumerate() {
            for source in &ast.sources {
                if let Some(first) = self.source_at.get(source.name.text.as_str()) {
                    self.collision("source", &source.name, self.sources[*first].span);
                    continue;
                }
                self.globs(&source.exclude);
                let path = source.path.as_ref().and_then(|path| self.host_path(file, path));
                self.source_at.insert(&source.name.text, self.sources.len());
                self.sources.push(PlannedSource {
                    name: source.name.text.clone(),
                    path: path.unwrap_or_default(),
                    exclude: source.exclude.iter().map(|glob| glob.text.clone()).collect(),
                    gitignore: source.gitignore,
                    span: source.name.span,
                });
            }
        }
    }

    pub(super) fn globs(&self, globs: &[Name]) {
        for name in globs {
            if let Err(why) = glob::compile(&name.text) {
                let message = format!("`{}` is not a glob: {why}", name.text);
                let help = "write a relative path in which `*` stands for a part of a name and `**` for any folders";
                self.error(codes::BAD_GLOB, name.span, message, help);
            }
        }
    }

    /// A path of a file, relative to the root; reports it if it cannot be one.
    pub(super) fn host_path(&self, file: usize, path: &Name) -> Option<String> {
        if path.text.contains("${") {
            let help = "write the path itself: it must be known from the file alone";
            self.error(
                codes::EXPRESSION_PLACE,
                path.span,
                "a path of the pipeline's folder cannot hold an expression",
                help,
            );
            return None;
        }
        match paths::join_host(self.base(file), &path.text) {
            Ok(path) => Some(path),
            Err(problem) => {
                let help = problem.mend.map_or_else(
                    || "write a path relative to this file, inside the pipeline's folder".to_owned(),
                    |mend| format!("write `{mend}`"),
                );
                self.error(
                    codes::BAD_HOST_PATH,
                    path.span,
                    format!("the path `{}` {}", path.text, problem.reason),
                    help,
                );
                None
            }
        }
    }

    /// Gives each step the position of its stage: that in `stages:`, or that of the stage's first step.
    pub(super) fn stages(&mut self) {
        let declared = self.parsed.asts.first().and_then(|ast| ast.stages.as_ref());
        let mut rank_of: HashMap<String, usize> = HashMap::new();
        for name in declared.into_iter().flatten() {
            if rank_of.insert(name.text.clone(), self.stage_names.len()).is_none() {
                self.stage_names.push(name.text.clone());
            } else {
                self.error(
                    codes::DUPLICATE_KEY,
                    name.span,
                    format!("the stage `{}` is there twice", name.text),
                    "remove one of them",
                );
            }
        }
        for index in 0..self.steps.len() {
            let Some(stage) = &self.steps[index].decl.stage else {
                continue;
            };
            let rank = match rank_of.get(&stage.text) {
                Some(rank) => *rank,
                None if declared.is_some() => {
                    let help = match nearest(&stage.text, self.stage_names.iter().map(String::as_str)) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("the stages are {}", quoted(self.stage_names.iter().map(String::as_str))),
                    };
                    self.error(
                        codes::UNKNOWN_STAGE,
                        stage.span,
                        format!("there is no stage `{}`", stage.text),
                        help,
                    );
                    continue;
                }
                None => {
                    rank_of.insert(stage.text.clone(), self.stage_names.len());
                    self.stage_names.push(stage.text.clone());
                    self.stage_names.len() - 1
                }
            };
            self.steps[index].rank = Some(rank);
        }
    }
}
