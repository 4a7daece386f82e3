//! `airtight graph`: the steps and their edges as text, Graphviz or Mermaid. Not here: layout.

use std::fmt::Write;

use airtight_model::Plan;
use airtight_model::id::StepId;
use airtight_model::plan::{PlannedStep, TreeRef};

use crate::args::{GraphArgs, GraphFormat};
use crate::commands::Context;
use crate::escape;
use crate::failure::Failure;
use crate::output;

/// Prints the graph.
pub(crate) fn graph(context: &Context, args: &GraphArgs) -> Result<(), Failure> {
    let project = context.project()?;
    let plan = project.plan(context, &args.select)?;
    let text = match args.format {
        GraphFormat::Text => text(&plan),
        GraphFormat::Dot => dot(&plan),
        GraphFormat::Mermaid => mermaid(&plan),
    };
    output::data(text.as_bytes()).map_err(Failure::closed_output)
}

fn name(plan: &Plan, id: StepId) -> String {
    escape::line(&plan.steps[id.index()].name).into_owned()
}

/// The sources that a step mounts, each once.
fn sources<'a>(plan: &'a Plan, step: &PlannedStep) -> Vec<&'a str> {
    let ids = step.mounts.iter().filter_map(|mount| match &mount.from {
        TreeRef::Source(id) => Some(plan.sources[id.index()].name.as_str()),
        TreeRef::Output(_) | TreeRef::Cells(_) => None,
    });
    let mut names: Vec<&str> = ids.collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn text(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        let _ = writeln!(out, "{}", escape::line(&step.name));
        let needs: Vec<String> = step.needs.iter().map(|id| name(plan, *id)).collect();
        let after: Vec<String> = step
            .after
            .iter()
            .filter(|id| !step.needs.contains(id))
            .map(|id| name(plan, *id))
            .collect();
        for (word, names) in [("needs", needs), ("after", after)] {
            if !names.is_empty() {
                let _ = writeln!(out, "  {word} {}", names.join(", "));
            }
        }
        let sources = sources(plan, step);
        if !sources.is_empty() {
            let _ = writeln!(out, "  reads {}", escape::line(&sources.join(", ")));
        }
    }
    out
}

/// A text as a double-quoted string of Graphviz or Mermaid.
fn quoted(text: &str, quote: &str) -> String {
    format!("\"{}\"", escape::line(text).replace('\\', "\\\\").replace('"', quote))
}

fn dot(plan: &Plan) -> String {
    let quoted = |text: &str| quoted(text, "\\\"");
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box];\n",
        quoted(&plan.name)
    );
    for source in &plan.sources {
        let _ = writeln!(
            out,
            "  {} [shape=folder, label={}];",
            quoted(&format!("source {}", source.name)),
            quoted(&source.name)
        );
    }
    for step in &plan.steps {
        let _ = writeln!(out, "  {};", quoted(&step.name));
        for source in sources(plan, step) {
            let _ = writeln!(
                out,
                "  {} -> {};",
                quoted(&format!("source {source}")),
                quoted(&step.name)
            );
        }
        for id in &step.needs {
            let _ = writeln!(
                out,
                "  {} -> {};",
                quoted(&plan.steps[id.index()].name),
                quoted(&step.name)
            );
        }
        for id in step.after.iter().filter(|id| !step.needs.contains(id)) {
            let _ = writeln!(
                out,
                "  {} -> {} [style=dashed];",
                quoted(&plan.steps[id.index()].name),
                quoted(&step.name)
            );
        }
    }
    out.push_str("}\n");
    out
}

fn mermaid(plan: &Plan) -> String {
    let quoted = |text: &str| quoted(text, "#quot;");
    let mut out = String::from("flowchart LR\n");
    for (i, source) in plan.sources.iter().enumerate() {
        let _ = writeln!(out, "  source{i}[({})]", quoted(&source.name));
    }
    for (i, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(out, "  step{i}[{}]", quoted(&step.name));
        for mounted in sources(plan, step) {
            let at = plan.sources.iter().position(|source| source.name == mounted);
            let _ = writeln!(out, "  source{} --> step{i}", at.expect("the name comes from the plan"));
        }
        for id in &step.needs {
            let _ = writeln!(out, "  step{} --> step{i}", id.0);
        }
        for id in step.after.iter().filter(|id| !step.needs.contains(id)) {
            let _ = writeln!(out, "  step{} -.-> step{i}", id.0);
        }
    }
    out
}
