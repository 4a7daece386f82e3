//! From a planned step to its request: trees by digest, templates rendered, arguments checked against the signature. A
//! run and an explanation both come through here. Not here: what is done with the request.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use airtight_model::component::{ComponentSummary, FunctionSignature, WitType};
use airtight_model::plan::{EvaluationError, Evaluator, PlannedCall, PlannedMount, PlannedUses, Scope, Template};
use airtight_model::step::{Invocation, Limits};
use airtight_model::{Action, BlobDigest, Mount, Node, Outcome, OutputSpec, StepId, StepRequest, Value};
use serde_json::Value as Json;

use crate::ledger::{Ledger, NodeError};
use crate::ports::{ComponentError, Components, ServiceError, Trees};

/// A step that could be looked up and run.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) action: Action,
    limits: Limits,
    /// The bytes of standard input, to be put into the store if it runs.
    pub(crate) stdin: Option<Vec<u8>>,
}

impl Prepared {
    /// What a runner is asked. A step that hits never needs it.
    pub(crate) fn request(&self) -> StepRequest {
        self.action.request(self.limits)
    }
}

/// Why a step cannot be looked up or run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct Refusal {
    /// `Failed` where the pipeline or what a step made is wrong, `Errored` where the host is.
    pub(crate) outcome: Outcome,
    pub(crate) cause: String,
    pub(crate) help: Option<String>,
    /// The blob that has to be made again, if that is what is wrong.
    pub(crate) lost: Option<BlobDigest>,
}

impl Refusal {
    pub(crate) fn user(cause: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Failed,
            cause: cause.into(),
            help: Some(help.into()),
            lost: None,
        }
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        let outcome = if matches!(error, ServiceError::User { .. }) {
            Outcome::Failed
        } else {
            Outcome::Errored
        };
        let help = error.help().map(str::to_owned);
        Self {
            outcome,
            cause: error.to_string(),
            help,
            lost: error.lost_blob(),
        }
    }
}

impl From<NodeError> for Refusal {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Service(error) => error.into(),
            absent @ NodeError::Absent(_) => Self {
                outcome: Outcome::Errored,
                cause: absent.to_string(),
                help: None,
                lost: None,
            },
        }
    }
}

impl From<EvaluationError> for Refusal {
    fn from(error: EvaluationError) -> Self {
        let help = format!("change the expression `${{{}}}`", error.expression);
        Self::user(error.to_string(), help)
    }
}

/// What is asked while a step is prepared.
#[derive(Clone, Copy)]
pub(crate) struct Ports<'a> {
    pub(crate) trees: &'a dyn Trees,
    pub(crate) components: &'a dyn Components,
    pub(crate) evaluator: &'a dyn Evaluator,
}

/// Makes the request of a step whose predecessors have ended.
pub(crate) fn prepare(id: StepId, ledger: &mut Ledger, ports: Ports<'_>) -> Result<Prepared, Refusal> {
    let plan = ledger.plan().clone();
    let step = &plan.steps[id.index()];
    let mounts = step.mounts.iter().map(|mount| resolve(mount, ledger, ports.trees));
    let mounts = mounts.collect::<Result<Vec<_>, _>>()?;
    let component = component(&step.uses, ledger, ports.components)?;
    let render = Render {
        ledger,
        id,
        scope: OnceCell::new(),
        evaluator: ports.evaluator,
    };
    let (invocation, stdin) = invocation(&step.call, &component, &render)?;
    let env = step.env.iter().map(|(name, template)| {
        let value = render.text(template, || format!("`env.{name}`"))?;
        Ok((name.clone(), value))
    });
    let outputs = step.outputs.iter().map(|x| OutputSpec {
        name: x.name.clone(),
        path: x.path.clone(),
        pin: x.pin,
    });
    let request = StepRequest {
        component: component.digest,
        adapter: component.summary.adapter,
        invocation,
        program: component.program,
        env: env.collect::<Result<_, Refusal>>()?,
        cwd: step.cwd.clone(),
        clock_base: step.clock_base,
        grants: step.grants.clone(),
        mounts,
        outputs: outputs.collect(),
        limits: step.limits,
    };
    Ok(Prepared {
        action: Action::taking(request),
        limits: step.limits,
        stdin,
    })
}

fn resolve(mount: &PlannedMount, ledger: &mut Ledger, trees: &dyn Trees) -> Result<Mount, Refusal> {
    let mut node = ledger.node(&mount.from, trees)?;
    if matches!(node, Node::Symlink(_)) {
        let cause = format!(
            "`{}` is a symbolic link, which cannot be mounted",
            ledger.describe(&mount.from)
        );
        return Err(Refusal::user(
            cause,
            "declare the folder or file that it points to as the output",
        ));
    }
    if !mount.paths.is_empty() {
        let filtered = ledger.filter(node, &mount.paths, trees)?;
        if let Some(glob) = filtered.unmatched.first() {
            let (message, help) = unmatched(glob, mount, ledger);
            return Err(Refusal::user(message, help));
        }
        node = filtered.node;
    }
    Ok(Mount {
        at: mount.at.clone(),
        node,
        writable: mount.writable,
    })
}

/// What is said of a glob that matches nothing, and the mend.
pub(crate) fn unmatched(glob: &str, mount: &PlannedMount, ledger: &Ledger) -> (String, String) {
    let message = format!(
        "`{glob}` matches nothing in `{}`, mounted at `{}`",
        ledger.describe(&mount.from),
        mount.at
    );
    (message, format!("change or remove `{glob}` under `paths:`"))
}

/// A component that is there.
struct Found {
    digest: BlobDigest,
    summary: Arc<ComponentSummary>,
    program: String,
    /// How the pipeline file names it, where a step made it and nothing of it was checked before.
    made: Option<String>,
}

fn component(uses: &PlannedUses, ledger: &Ledger, components: &dyn Components) -> Result<Found, Refusal> {
    let output = match uses {
        PlannedUses::Component { component, program } => {
            let (summary, program) = (component.summary.clone(), program.clone());
            return Ok(Found {
                digest: component.digest,
                summary,
                program,
                made: None,
            });
        }
        PlannedUses::Output(output) => output,
    };
    let name = format!("{}.{}", ledger.step(output.step).name, output.output);
    let Node::File { blob, .. } = ledger.output(output)? else {
        let cause = format!("`{name}` is a folder or a link, and a component is one file");
        return Err(Refusal::user(cause, "let the output be the path of the `.wasm` file"));
    };
    let summary = components.summary(blob).map_err(|error| match error {
        ComponentError::Service(error) => Refusal::from(error),
        ComponentError::Unusable { message, help } => {
            let cause = format!("`{name}` cannot be a step: {message}");
            Refusal {
                outcome: Outcome::Failed,
                cause,
                help,
                lost: None,
            }
        }
    })?;
    if let Some(import) = summary.unknown_imports.first() {
        let cause = format!("`{name}` imports `{import}`, which Airtight does not provide");
        return Err(Refusal::user(cause, format!("build `{name}` without that import")));
    }
    Ok(Found {
        digest: *blob,
        summary,
        program: output.output.clone(),
        made: Some(name),
    })
}

type Call = (Invocation, Option<Vec<u8>>);

fn invocation(call: &PlannedCall, component: &Found, render: &Render<'_>) -> Result<Call, Refusal> {
    match call {
        PlannedCall::Function {
            signature: Some(signature),
            with,
            ..
        } => Ok((function(signature, with, render)?, None)),
        PlannedCall::Function {
            signature: None,
            name,
            with,
        } => Ok((function(named(name, component)?, with, render)?, None)),
        PlannedCall::Command { args, stdin } => command(args, stdin.as_ref(), component, render),
        PlannedCall::Either if component.summary.command => Ok((Invocation::Command(Vec::new(), None), None)),
        PlannedCall::Either => Ok((function(named("run", component)?, &[], render)?, None)),
    }
}

fn command(
    args: &[Template],
    stdin: Option<&Template>,
    component: &Found,
    render: &Render<'_>,
) -> Result<Call, Refusal> {
    if let Some(name) = component.made.as_ref().filter(|_| !component.summary.command) {
        let cause = format!("`{name}` is no command: it does not export `wasi:cli/run`");
        return Err(Refusal::user(
            cause,
            format!("call one of its functions: {}", functions(&component.summary)),
        ));
    }
    let args = args.iter().enumerate();
    let args = args.map(|(i, arg)| render.text(arg, || format!("item {} of `args:`", i + 1)));
    let args = args.collect::<Result<_, _>>()?;
    let stdin = stdin
        .map(|stdin| render.text(stdin, || "`stdin:`".to_owned()))
        .transpose()?
        .map(String::into_bytes);
    Ok((Invocation::Command(args, stdin.as_deref().map(BlobDigest::of)), stdin))
}

/// The function that the pipeline names, by its name alone or as `interface#name`.
fn named<'a>(name: &str, component: &'a Found) -> Result<&'a FunctionSignature, Refusal> {
    let matches = |f: &&FunctionSignature| f.function.name == name || f.function.to_string() == name;
    let mut found = component.summary.functions.iter().filter(matches);
    let shown = component.made.as_deref().unwrap_or(&component.program);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            let cause = format!("`{shown}` has several functions `{name}`");
            Err(Refusal::user(
                cause,
                format!("name one with `function:`: {}", functions(&component.summary)),
            ))
        }
        (None, _) => {
            let cause = format!("`{shown}` has no function `{name}`");
            let help = match (component.summary.functions.is_empty(), component.summary.command) {
                (false, _) => format!("name one with `function:`: {}", functions(&component.summary)),
                (true, true) => "call it as a command, with `args:`".to_owned(),
                (true, false) => "export a function, or `wasi:cli/run`, from it".to_owned(),
            };
            Err(Refusal::user(cause, help))
        }
    }
}

fn functions(summary: &ComponentSummary) -> String {
    let names: Vec<String> = summary.functions.iter().map(|f| format!("`{}`", f.function)).collect();
    if names.is_empty() {
        "it has none".to_owned()
    } else {
        names.join(", ")
    }
}

fn function(
    signature: &FunctionSignature,
    with: &[(String, Template)],
    render: &Render<'_>,
) -> Result<Invocation, Refusal> {
    let parameters = || {
        let shown: Vec<String> = signature
            .parameters
            .iter()
            .map(|p| format!("`{}: {}`", p.name, p.ty))
            .collect();
        if shown.is_empty() {
            "it has no parameters".to_owned()
        } else {
            format!("it takes {}", shown.join(", "))
        }
    };
    if let Some((key, _)) = with
        .iter()
        .find(|(key, _)| !signature.parameters.iter().any(|p| p.name == *key))
    {
        let cause = format!("`{}` has no parameter `{key}`", signature.function);
        return Err(Refusal::user(
            cause,
            format!("remove `{key}` under `with:`: {}", parameters()),
        ));
    }
    let mut arguments = Vec::with_capacity(signature.parameters.len());
    for parameter in &signature.parameters {
        let data = match with.iter().find(|(key, _)| *key == parameter.name) {
            Some((_, template)) => render.data(template)?,
            None if matches!(parameter.ty, WitType::Option(_)) => Cow::Owned(Json::Null),
            None => {
                let cause = format!("`{}` needs the parameter `{}`", signature.function, parameter.name);
                return Err(Refusal::user(
                    cause,
                    format!("add `{}:` under `with:`: {}", parameter.name, parameters()),
                ));
            }
        };
        let value = Value::from_data(&data, &parameter.ty).map_err(|mismatch| {
            let help = format!(
                "the parameter `{}` of `{}` is a `{}`",
                parameter.name, signature.function, parameter.ty
            );
            Refusal::user(format!("`with.{}`: {mismatch}", parameter.name), help)
        })?;
        arguments.push(value);
    }
    Ok(Invocation::Function(signature.function.clone(), arguments))
}

/// Renders the templates of one step.
struct Render<'a> {
    ledger: &'a Ledger,
    id: StepId,
    /// What expressions see, made for the first of them: most steps have none left.
    scope: OnceCell<Scope>,
    evaluator: &'a dyn Evaluator,
}

impl Render<'_> {
    fn data<'t>(&self, template: &'t Template) -> Result<Cow<'t, Json>, Refusal> {
        match template {
            Template::Literal(data) => Ok(Cow::Borrowed(data)),
            other => {
                let scope = self.scope.get_or_init(|| self.ledger.scope(self.id));
                Ok(Cow::Owned(self.evaluator.render(other, scope)?))
            }
        }
    }

    /// A text, number or truth value as text; `place` names it in the error.
    fn text(&self, template: &Template, place: impl Fn() -> String) -> Result<String, Refusal> {
        let data = self.data(template)?;
        let kind = match &*data {
            Json::String(text) => return Ok(text.clone()),
            Json::Bool(_) | Json::Number(_) => return Ok(data.to_string()),
            Json::Null => "nothing",
            Json::Array(_) => "a list",
            Json::Object(_) => "a map",
        };
        let cause = format!("{} is {kind}, and a text is needed", place());
        Err(Refusal::user(
            cause,
            format!("let {} be a text, a number, `true` or `false`", place()),
        ))
    }
}
