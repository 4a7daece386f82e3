//! `airtight plan`: what a run would do. Not here: looking anything up in the cache (`explain` does), or the graph's
//! forms (`graph`).

use airtight_model::plan::{PlannedCall, PlannedStep, PlannedUses, Template, TextPart, TreeRef};
use airtight_model::{Grants, Limits, Plan};
use serde_json::{Value as Json, json};

use crate::args::{Format, PlanArgs};
use crate::commands::{Context, suggest};
use crate::display::Paint;
use crate::escape;
use crate::failure::Failure;
use crate::output;

/// Prints the plan.
pub(crate) fn plan(context: &Context, args: &PlanArgs) -> Result<(), Failure> {
    let project = context.project()?;
    let plan = project.plan(context, &args.select)?;
    if let Some(run) = &args.suggest_grants {
        return suggest::suggest(context, &project, &plan, run);
    }
    let text = match args.format {
        Format::Json => format!("{}\n", as_json(&plan)),
        Format::Text => as_text(&plan, Paint(context.settings.color_stdout), context.settings.verbose),
    };
    output::data(text.as_bytes()).map_err(Failure::closed_output)?;
    if args.format == Format::Text && context.settings.verbose > 0 {
        project.show_left_out(context, &plan)?;
    }
    Ok(())
}

/// A tree by reference, as the pipeline file writes it.
pub(crate) fn tree_ref(plan: &Plan, tree: &TreeRef) -> String {
    match tree {
        TreeRef::Source(id) => plan.sources[id.index()].name.clone(),
        TreeRef::Output(output) => format!("{}.{}", plan.steps[output.step.index()].name, output.output),
        TreeRef::Cells(cells) => match cells.first() {
            Some((_, first)) => format!("{}[*].{}", plan.steps[first.step.index()].base, first.output),
            None => "nothing".to_owned(),
        },
    }
}

fn uses(plan: &Plan, step: &PlannedStep) -> String {
    match &step.uses {
        PlannedUses::Component { component, program } => format!("{program} ({})", component.digest.short()),
        PlannedUses::Output(output) => tree_ref(plan, &TreeRef::Output(output.clone())),
    }
}

/// A template as the pipeline file writes it.
fn template(template: &Template) -> String {
    match template {
        Template::Literal(Json::String(text)) => text.clone(),
        Template::Literal(data) => data.to_string(),
        Template::Expression(expression) => format!("${{{expression}}}"),
        Template::Text(parts) => parts
            .iter()
            .map(|part| match part {
                TextPart::Literal(text) => text.clone(),
                TextPart::Expression(expression) => format!("${{{expression}}}"),
            })
            .collect(),
        Template::List(items) => format!("[{}]", items.iter().map(self::template).collect::<Vec<_>>().join(", ")),
        Template::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, item)| format!("{key}: {}", self::template(item)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn call(step: &PlannedStep) -> String {
    let keyed = |with: &[(String, Template)]| {
        with.iter()
            .map(|(key, value)| format!("{key}: {}", template(value)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    match &step.call {
        PlannedCall::Function { name, with, .. } => format!("{name}({})", keyed(with)),
        PlannedCall::Command { args, .. } => args.iter().map(template).collect::<Vec<_>>().join(" "),
        PlannedCall::Either => String::new(),
    }
}

fn as_text(plan: &Plan, paint: Paint, verbose: u8) -> String {
    let mut lines = Vec::new();
    for step in &plan.steps {
        lines.push(format!(
            "{}  {}",
            paint.bold(&escape::line(&step.name)),
            paint.dim(step.class.word())
        ));
        let mut detail = |word: &str, text: &str| {
            if !text.is_empty() {
                lines.push(format!("  {:<8} {}", word, escape::line(text)));
            }
        };
        detail("uses", &uses(plan, step));
        detail("calls", &call(step));
        for mount in &step.mounts {
            let writable = if mount.writable {
                " (a private copy that it may change)"
            } else {
                ""
            };
            let only = if mount.paths.is_empty() {
                String::new()
            } else {
                format!(", only {}", mount.paths.join(" "))
            };
            detail(
                "sees",
                &format!("{} from {}{only}{writable}", mount.at, tree_ref(plan, &mount.from)),
            );
        }
        for output in &step.outputs {
            let pin = output.pin.map_or(String::new(), |pin| format!(", {pin}"));
            detail("makes", &format!("{} at {}{pin}", output.name, output.path));
        }
        for grant in granted(&step.grants) {
            detail("may", &grant);
        }
        let names = |ids: &[airtight_model::StepId]| {
            ids.iter()
                .map(|id| plan.steps[id.index()].name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        };
        detail("needs", &names(&step.needs));
        detail("after", &names(&step.after));
        detail("if", step.condition.as_deref().unwrap_or_default());
        detail("class", &format!("{}: {}", step.class.word(), step.class_reason));
        if verbose > 0 {
            detail("limits", &limits(&step.limits));
        }
    }
    for export in &plan.exports {
        lines.push(format!(
            "export {} from {}",
            escape::line(&export.to),
            escape::line(&tree_ref(plan, &export.from))
        ));
    }
    let count = plan.steps.len();
    lines.push(format!("{count} step{}", if count == 1 { "" } else { "s" }));
    lines.join("\n") + "\n"
}

/// Each item that a step is granted, as the pipeline file would say it.
fn granted(grants: &Grants) -> Vec<String> {
    let all = Grants::default().widenings(grants);
    all.iter().map(ToString::to_string).collect()
}

fn limits(limits: &Limits) -> String {
    let named = airtight_pipeline::limit_texts(limits);
    let texts: Vec<String> = named.iter().map(|(name, text)| format!("{name} {text}")).collect();
    texts.join(", ")
}

fn grants_json(grants: &Grants) -> Json {
    let texts = |items: Vec<String>| Json::from(items);
    json!({
        "http": texts(grants.http.iter().map(ToString::to_string).collect()),
        "net": texts(grants.net.iter().map(ToString::to_string).collect()),
        "secrets": texts(grants.secrets.iter().map(ToString::to_string).collect()),
        "clock": grants.clock,
        "random": grants.random,
    })
}

fn as_json(plan: &Plan) -> Json {
    let names = |ids: &[airtight_model::StepId]| -> Vec<&str> {
        ids.iter().map(|id| plan.steps[id.index()].name.as_str()).collect()
    };
    let steps = plan.steps.iter().map(|step| {
        let component = match &step.uses {
            PlannedUses::Component { component, .. } => Some(component.digest.to_string()),
            PlannedUses::Output(_) => None,
        };
        json!({
            "step": step.name,
            "class": step.class.word(),
            "class_reason": step.class_reason,
            "uses": uses(plan, step),
            "component": component,
            "calls": call(step),
            "mounts": step.mounts.iter().map(|mount| json!({
                "at": mount.at,
                "from": tree_ref(plan, &mount.from),
                "paths": mount.paths,
                "writable": mount.writable,
            })).collect::<Vec<_>>(),
            "outputs": step.outputs.iter().map(|output| (output.name.clone(), output.path.clone().into()))
                .collect::<serde_json::Map<_, _>>(),
            "pins": step.outputs.iter().filter_map(|output| Some((output.name.clone(), output.pin?.to_string().into())))
                .collect::<serde_json::Map<_, _>>(),
            "grants": grants_json(&step.grants),
            "limits": airtight_pipeline::limit_texts(&step.limits).into_iter().map(|(name, text)| (name.to_owned(), text.into()))
                .collect::<serde_json::Map<_, _>>(),
            "needs": names(&step.needs),
            "after": names(&step.after),
            "if": step.condition,
            "stage": step.stage,
        })
    });
    json!({
        "v": 1,
        "name": plan.name,
        "inputs": plan.inputs,
        "steps": steps.collect::<Vec<_>>(),
        "exports": plan.exports.iter().map(|export| (export.to.clone(), tree_ref(plan, &export.from).into()))
            .collect::<serde_json::Map<_, _>>(),
    })
}
