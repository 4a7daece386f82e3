//! Plans: the resolved graph of a run. The pipeline makes one, the scheduler runs it. Not here: the file's text and
//! its checks, or the state of a run.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::component::{FunctionSignature, ResolvedComponent};
use crate::diagnostic::Span;
use crate::grant::Grants;
use crate::id::{SourceId, StepId};
use crate::step::{Class, Limits, Outcome, Pin};

/// The resolved graph.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The pipeline's name.
    pub name: String,
    /// The steps: matrix cells are steps of their own. [`StepId`] is the position.
    pub steps: Vec<PlannedStep>,
    /// The sources that selected steps use. [`SourceId`] is the position.
    pub sources: Vec<PlannedSource>,
    /// What is written to the user's tree at the end.
    pub exports: Vec<PlannedExport>,
    /// The values of the pipeline's inputs, by name.
    pub inputs: serde_json::Map<String, Json>,
    /// The event that the run is for, or null.
    pub event: Json,
    /// The secrets that selected steps use, in the order of the file.
    pub secrets: Vec<PlannedSecret>,
}

/// Where the value of a secret comes from. The value itself is in no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A variable of the environment of `airtight`.
    Env(String),
    /// A file: absolute, relative to the pipeline file's folder, or below `~/`. One line end at its end is not part of it.
    File(String),
    /// The standard output of a program and its arguments, without one line end at its end.
    Command(Vec<String>),
}

/// A declared secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSecret {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    pub source: SecretSource,
    /// Where the file says so.
    pub span: Span,
}

/// A folder or file of the user's tree that becomes a tree before steps read it.
#[derive(Debug, Clone)]
pub struct PlannedSource {
    /// Its name in the pipeline file.
    pub name: String,
    /// The path, relative to the pipeline file's folder, normal, `/`-separated; `.` is that folder.
    pub path: String,
    /// Globs of paths, relative to the source, that are left out.
    pub exclude: Vec<String>,
    /// Whether `.gitignore` files inside the source count.
    pub gitignore: bool,
    /// Where the file says so.
    pub span: Span,
}

/// An output of a step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputRef {
    /// The step.
    pub step: StepId,
    /// The output's name.
    pub output: String,
}

/// A tree or file by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeRef {
    /// A source.
    Source(SourceId),
    /// An output.
    Output(OutputRef),
    /// An output of every cell of a matrix step: a folder with an entry for each cell, named by its label
    /// (`os=linux,arch=x86`).
    Cells(Vec<(String, OutputRef)>),
}

/// A value that may hold expressions, evaluated when the step becomes ready. Expressions over inputs, matrix and event
/// alone are already evaluated: what is left needs results or outcomes of other steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// Plain data.
    Literal(Json),
    /// The value of one expression (CEL text), with its type.
    Expression(String),
    /// A text made of literal texts and expressions.
    Text(Vec<TextPart>),
    /// A list with templates in it.
    List(Vec<Template>),
    /// A map with templates in it, in the order of the file.
    Map(Vec<(String, Template)>),
}

/// A part of a text template.
#[derive(Debug, Clone, PartialEq)]
pub enum TextPart {
    /// As it stands.
    Literal(String),
    /// The text of an expression's value.
    Expression(String),
}

/// What a step runs.
#[derive(Debug, Clone)]
pub enum PlannedUses {
    /// A component that is known now.
    Component {
        /// The component, found and decoded.
        component: ResolvedComponent,
        /// The program's name for a command: the last segment of `uses:` without `.wasm`.
        program: String,
    },
    /// A component that an earlier step makes; checked when it exists.
    Output(OutputRef),
}

/// How a step's component is called.
#[derive(Debug, Clone)]
pub enum PlannedCall {
    /// A function.
    Function {
        /// Its signature; none while the component does not exist yet (then `name` is looked up when it does).
        signature: Option<Arc<FunctionSignature>>,
        /// The name that the pipeline gives, `run` if it gives none.
        name: String,
        /// The arguments by parameter name.
        with: Vec<(String, Template)>,
    },
    /// `wasi:cli/run`.
    Command {
        /// The arguments after the program's name.
        args: Vec<Template>,
        /// Standard input.
        stdin: Option<Template>,
    },
    /// A component that does not exist yet and a pipeline that gives neither `with:`, `function:`, `args:` nor `stdin:`:
    /// a command if the component is one, else its function `run` without arguments.
    Either,
}

/// A mount of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedMount {
    /// The absolute, normal path of the guest.
    pub at: String,
    /// What is mounted.
    pub from: TreeRef,
    /// Globs, relative to the mounted tree: if there are any, only matching files and their parent folders are seen.
    pub paths: Vec<String>,
    /// Whether the guest sees a private copy that it may change.
    pub writable: bool,
    /// Where the file says so.
    pub span: Span,
}

/// A declared output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedOutput {
    /// Its name.
    pub name: String,
    /// The absolute, normal path of the guest where it is taken from.
    pub path: String,
    /// What it has to be.
    pub pin: Option<Pin>,
    /// Where the file says so.
    pub span: Span,
}

/// Which outcomes of the steps named in `after:` (and of data edges) let a step run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// Only if none failed (the default).
    #[default]
    OnSuccess,
    /// Only if at least one failed.
    OnFailure,
    /// In any case.
    Always,
}

/// Which attempts are made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How often at most, beyond the first attempt.
    pub times: u32,
    /// The outcomes that are worth another attempt.
    pub on: Vec<Outcome>,
    /// The wait before the second attempt in milliseconds, doubled for each that follows, at most a minute.
    pub backoff_ms: u64,
}

/// A step of the plan.
#[derive(Debug, Clone)]
pub struct PlannedStep {
    /// Its name, with the cell for a step of a matrix: `compile[os=linux]`.
    pub name: String,
    /// The name in the file.
    pub base: String,
    /// The cell's values by axis; empty without a matrix.
    pub matrix: serde_json::Map<String, Json>,
    /// The matrix group that it belongs to, as a position that the cells of one step share.
    pub group: Option<u32>,
    /// How many cells of the group may run at a time; none: as many as there are workers.
    pub max_parallel: Option<u32>,
    /// Whether a failed cell cancels the rest of its group.
    pub fail_fast: bool,
    /// What it runs.
    pub uses: PlannedUses,
    /// How that is called.
    pub call: PlannedCall,
    /// Environment, in the order of the file.
    pub env: Vec<(String, Template)>,
    /// The working directory.
    pub cwd: String,
    /// Wall clock at the start, in seconds since 1970.
    pub clock_base: u64,
    /// Mounts, ascending by path.
    pub mounts: Vec<PlannedMount>,
    /// Outputs, in the order of the file.
    pub outputs: Vec<PlannedOutput>,
    /// What it is given beside its mounts.
    pub grants: Grants,
    /// Bounds.
    pub limits: Limits,
    /// `if:`, where it needs results or outcomes; a condition that is known to be false is `Some("false")`.
    pub condition: Option<String>,
    /// Steps whose outputs or results it uses, ascending, each once.
    pub needs: Vec<StepId>,
    /// Steps that it only follows, ascending, each once (`after:` and earlier stages).
    pub after: Vec<StepId>,
    /// Which outcomes of those let it run.
    pub when: When,
    /// Whether its failure fails the run.
    pub allow_failure: bool,
    /// Which attempts are made again.
    pub retry: Option<Retry>,
    /// Its stage, a label.
    pub stage: Option<String>,
    /// Its class and the reason for it.
    pub class: Class,
    /// Why it has that class, as a sentence without a period.
    pub class_reason: String,
    /// Where the file says so: the step's name.
    pub span: Span,
}

impl PlannedStep {
    /// The order of the keys of a step in messages and graphs: all steps that it waits for, ascending, each once.
    pub fn predecessors(&self) -> Vec<StepId> {
        let mut all: Vec<StepId> = self.needs.iter().chain(&self.after).copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// A write to the user's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedExport {
    /// The path to write, relative to the pipeline file's folder, normal, inside it.
    pub to: String,
    /// What is written there.
    pub from: TreeRef,
    /// Where the file says so.
    pub span: Span,
}

/// What expressions can refer to when a step becomes ready.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// `inputs`
    pub inputs: Arc<serde_json::Map<String, Json>>,
    /// `event`
    pub event: Arc<Json>,
    /// `matrix`
    pub matrix: Arc<serde_json::Map<String, Json>>,
    /// `steps`: by the name in the file, `{ "outcome": …, "result": … }`; for a matrix step, by the cell's whole name.
    pub steps: Arc<serde_json::Map<String, Json>>,
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{expression}`: {message}")]
pub struct EvaluationError {
    /// The expression's text.
    pub expression: String,
    /// What went wrong.
    pub message: String,
}

/// Evaluates what a plan leaves for later. Implemented by the pipeline, used by the scheduler's driver.
pub trait Evaluator: Send + Sync {
    /// The value of an expression.
    ///
    /// # Errors
    /// It does not parse, refers to what is not there, or fails.
    fn evaluate(&self, expression: &str, scope: &Scope) -> Result<Json, EvaluationError>;

    /// The data of a template.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`], or a list or map in the middle of a text.
    fn render(&self, template: &Template, scope: &Scope) -> Result<Json, EvaluationError> {
        match template {
            Template::Literal(data) => Ok(data.clone()),
            Template::Expression(expression) => self.evaluate(expression, scope),
            Template::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        TextPart::Literal(literal) => text.push_str(literal),
                        TextPart::Expression(expression) => match self.evaluate(expression, scope)? {
                            Json::String(value) => text.push_str(&value),
                            value @ (Json::Bool(_) | Json::Number(_)) => text.push_str(&value.to_string()),
                            value => {
                                let kind = if value.is_null() { "nothing" } else { "a list or map" };
                                let message = format!("{kind} cannot stand in the middle of a text");
                                return Err(EvaluationError {
                                    expression: expression.clone(),
                                    message,
                                });
                            }
                        },
                    }
                }
                Ok(Json::String(text))
            }
            Template::List(items) => items.iter().map(|item| self.render(item, scope)).collect(),
            Template::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), self.render(item, scope)?)));
                entries.collect::<Result<_, _>>().map(Json::Object)
            }
        }
    }
}
