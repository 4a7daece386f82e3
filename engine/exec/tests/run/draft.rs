//! Plans for tests, written short.

use std::sync::Arc;

use airtight_model::component::{ComponentKind, ComponentSummary, FunctionRef, FunctionSignature, Parameter};
use airtight_model::plan::{
    OutputRef, Plan, PlannedCall, PlannedExport, PlannedMount, PlannedOutput, PlannedSource, PlannedStep, PlannedUses,
    Template, TreeRef, When,
};
use airtight_model::{BlobDigest, Class, Limits, ResolvedComponent, SourceId, Span, StepId, WitType};
use serde_json::{Map, Value as Json, json};

/// A place in the file that tells tests what a problem points at.
pub(crate) fn span(start: u32) -> Span {
    Span {
        file: 0,
        start,
        end: start + 1,
    }
}

pub(crate) fn command_summary() -> ComponentSummary {
    ComponentSummary {
        kind: ComponentKind::Component,
        adapter: None,
        size: 1,
        command: true,
        functions: Vec::new(),
        imports: Vec::new(),
        unknown_imports: Vec::new(),
        producers: Vec::new(),
        about: airtight_model::About::default(),
    }
}

/// A function with parameters and a `string` as its result.
pub(crate) fn signature(name: &str, parameters: &[(&str, WitType)]) -> FunctionSignature {
    let parameter = |(name, ty): &(&str, WitType)| Parameter {
        name: (*name).to_owned(),
        ty: ty.clone(),
    };
    FunctionSignature {
        function: FunctionRef {
            interface: None,
            name: name.to_owned(),
        },
        parameters: parameters.iter().map(parameter).collect(),
        result: Some(WitType::String),
        docs: None,
    }
}

/// A plan in the making.
pub(crate) struct Draft {
    plan: Plan,
}

impl Draft {
    pub(crate) fn new() -> Self {
        let plan = Plan {
            name: "test".to_owned(),
            steps: Vec::new(),
            sources: Vec::new(),
            exports: Vec::new(),
            inputs: Map::new(),
            event: Json::Null,
            secrets: Vec::new(),
        };
        Self { plan }
    }

    /// Adds a step: a pure command of its name with one output, `out`; `change` makes it another.
    pub(crate) fn step(mut self, name: &str, change: impl FnOnce(&mut PlannedStep)) -> Self {
        let component = ResolvedComponent {
            digest: BlobDigest::of(b"component"),
            summary: Arc::new(command_summary()),
            manifest: None,
        };
        let mut step = PlannedStep {
            name: name.to_owned(),
            base: name.split('[').next().unwrap().to_owned(),
            matrix: Map::new(),
            group: None,
            max_parallel: None,
            fail_fast: false,
            uses: PlannedUses::Component {
                component,
                program: name.to_owned(),
            },
            call: PlannedCall::Command {
                args: Vec::new(),
                stdin: None,
            },
            env: Vec::new(),
            cwd: "/".to_owned(),
            clock_base: 0,
            grants: Default::default(),
            mounts: Vec::new(),
            outputs: vec![PlannedOutput {
                name: "out".to_owned(),
                path: "/out/out".to_owned(),
                pin: None,
                span: span(0),
            }],
            limits: Limits::DEFAULT,
            condition: None,
            needs: Vec::new(),
            after: Vec::new(),
            when: When::OnSuccess,
            allow_failure: false,
            retry: None,
            stage: None,
            class: Class::Pure,
            class_reason: "it is given nothing but its mounts".to_owned(),
            span: span(self.plan.steps.len() as u32),
        };
        change(&mut step);
        self.plan.steps.push(step);
        self
    }

    pub(crate) fn source(mut self, name: &str) -> Self {
        let span = span(100 + self.plan.sources.len() as u32);
        let (name, path) = (name.to_owned(), name.to_owned());
        self.plan.sources.push(PlannedSource {
            name,
            path,
            exclude: Vec::new(),
            gitignore: true,
            span,
        });
        self
    }

    pub(crate) fn export(mut self, to: &str, from: TreeRef) -> Self {
        self.plan.exports.push(PlannedExport {
            to: to.to_owned(),
            from,
            span: span(200),
        });
        self
    }

    pub(crate) fn input(mut self, name: &str, value: Json) -> Self {
        self.plan.inputs.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn done(self) -> Arc<Plan> {
        Arc::new(self.plan)
    }
}

pub(crate) fn ids(of: &[u32]) -> Vec<StepId> {
    of.iter().copied().map(StepId).collect()
}

/// The output `out` of a step.
pub(crate) fn out_ref(step: u32) -> OutputRef {
    OutputRef {
        step: StepId(step),
        output: "out".to_owned(),
    }
}

pub(crate) fn output_of(step: u32) -> TreeRef {
    TreeRef::Output(out_ref(step))
}

pub(crate) fn source(source: u32) -> TreeRef {
    TreeRef::Source(SourceId(source))
}

/// Mounts something, with the data edge that this means.
pub(crate) fn mount(step: &mut PlannedStep, at: &str, from: TreeRef) {
    match &from {
        TreeRef::Source(_) => {}
        TreeRef::Output(output) => step.needs.push(output.step),
        TreeRef::Cells(cells) => step.needs.extend(cells.iter().map(|(_, output)| output.step)),
    }
    step.mounts.push(PlannedMount {
        at: at.to_owned(),
        from,
        paths: Vec::new(),
        writable: false,
        span: span(300),
    });
}

pub(crate) fn args(args: &[&str]) -> PlannedCall {
    let args = args.iter().map(|arg| match arg.strip_prefix('=') {
        Some(expression) => Template::Expression(expression.to_owned()),
        None => Template::Literal(json!(arg)),
    });
    PlannedCall::Command {
        args: args.collect(),
        stdin: None,
    }
}

/// Makes a step a call of a function.
pub(crate) fn call(step: &mut PlannedStep, signature: FunctionSignature, with: &[(&str, Template)]) {
    let with = with
        .iter()
        .map(|(name, template)| ((*name).to_owned(), template.clone()))
        .collect();
    let name = signature.function.name.clone();
    step.call = PlannedCall::Function {
        signature: Some(Arc::new(signature)),
        name,
        with,
    };
}
