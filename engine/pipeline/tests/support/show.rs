//! Diagnostics and plans as plain text, for golden files. Not here: how the command line shows them.

use std::fmt::Write;

use airtight_model::component::FunctionSignature;
use airtight_model::plan::{Plan, PlannedCall, PlannedStep, PlannedUses, Template, TextPart, TreeRef};
use airtight_model::step::Limits;
use airtight_model::{Diagnostic, Severity, Span};
use airtight_pipeline::SourceFile;

/// The diagnostics, one after the other.
pub(crate) fn diagnostics(found: &[Diagnostic], files: &[SourceFile]) -> String {
    let mut out = String::new();
    for diagnostic in found {
        let severity = if diagnostic.severity == Severity::Error {
            "error"
        } else {
            "warning"
        };
        let first = diagnostic
            .labels
            .first()
            .map_or(String::new(), |label| place(label.span, files));
        writeln!(out, "{severity}[{}] {first}: {}", diagnostic.code, diagnostic.message).expect("a String takes it");
        for label in diagnostic.labels.iter().skip(1) {
            writeln!(out, "  at {}: {}", place(label.span, files), label.text).expect("a String takes it");
        }
        if let Some(help) = &diagnostic.help {
            writeln!(out, "  help: {help}").expect("a String takes it");
        }
    }
    out
}

/// `file:line:column "text"`.
fn place(span: Span, files: &[SourceFile]) -> String {
    let Some(file) = files.get(span.file as usize) else {
        return "nowhere".to_owned();
    };
    let before = &file.text[..span.start as usize];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let text = &file.text[span.start as usize..span.end as usize];
    let text = text.lines().next().unwrap_or_default();
    format!("{}:{line}:{column} \"{text}\"", file.path)
}

/// The plan, a step a paragraph.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut out = format!("pipeline {}\n", plan.name);
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    if !plan.inputs.is_empty() {
        line(format!("inputs {}", serde_json::Value::Object(plan.inputs.clone())));
    }
    for source in &plan.sources {
        line(format!(
            "source {} {} exclude {:?} gitignore {}",
            source.name, source.path, source.exclude, source.gitignore
        ));
    }
    for secret in &plan.secrets {
        line(format!("secret {} from {:?}", secret.name, secret.source));
    }
    for step in &plan.steps {
        show_step(plan, step, &mut line);
    }
    for export in &plan.exports {
        line(format!("export {} <- {}", export.to, tree(plan, &export.from)));
    }
    out
}

fn show_step(plan: &Plan, step: &PlannedStep, line: &mut dyn FnMut(String)) {
    let names = |ids: &[airtight_model::StepId]| -> Vec<&str> {
        ids.iter().map(|id| plan.steps[id.index()].name.as_str()).collect()
    };
    line(format!(
        "step {} ({}: {})",
        step.name,
        step.class.word(),
        step.class_reason
    ));
    match &step.uses {
        PlannedUses::Component { component, program } => line(format!("  uses {program} {}", component.digest.short())),
        PlannedUses::Output(output) => line(format!(
            "  uses {}.{}",
            plan.steps[output.step.index()].name,
            output.output
        )),
    }
    show_call(&step.call, line);
    for (name, value) in &step.env {
        line(format!("  env {name}={}", template(value)));
    }
    for mount in &step.mounts {
        let writable = if mount.writable { " writable" } else { "" };
        let paths = if mount.paths.is_empty() {
            String::new()
        } else {
            format!(" paths {:?}", mount.paths)
        };
        line(format!(
            "  mount {} <- {}{paths}{writable}",
            mount.at,
            tree(plan, &mount.from)
        ));
    }
    for output in &step.outputs {
        let pin = output.pin.map_or(String::new(), |pin| format!(" {pin}"));
        line(format!("  output {} {}{pin}", output.name, output.path));
    }
    for widening in airtight_model::Grants::default().widenings(&step.grants) {
        line(format!("  grant {widening}"));
    }
    if !step.needs.is_empty() {
        line(format!("  needs {:?}", names(&step.needs)));
    }
    if !step.after.is_empty() {
        line(format!("  after {:?}", names(&step.after)));
    }
    let mut rest = |shown: bool, text: String| {
        if shown {
            line(format!("  {text}"));
        }
    };
    rest(step.cwd != "/", format!("cwd {}", step.cwd));
    rest(step.clock_base != 946_684_800, format!("clock {}", step.clock_base));
    rest(step.limits != Limits::DEFAULT, format!("{:?}", step.limits));
    rest(
        step.condition.is_some(),
        format!("if {}", step.condition.as_deref().unwrap_or_default()),
    );
    rest(
        step.when != airtight_model::plan::When::OnSuccess,
        format!("when {:?}", step.when),
    );
    rest(step.allow_failure, "allow-failure".to_owned());
    rest(step.retry.is_some(), format!("{:?}", step.retry));
    rest(
        step.stage.is_some(),
        format!("stage {}", step.stage.as_deref().unwrap_or_default()),
    );
    rest(
        step.group.is_some(),
        format!(
            "group {:?} max-parallel {:?} fail-fast {}",
            step.group, step.max_parallel, step.fail_fast
        ),
    );
    rest(
        !step.matrix.is_empty(),
        format!("matrix {}", serde_json::Value::Object(step.matrix.clone())),
    );
}

fn show_call(call: &PlannedCall, line: &mut dyn FnMut(String)) {
    match call {
        PlannedCall::Function { signature, name, with } => {
            let known = signature.as_deref().map_or("unknown".to_owned(), signature_text);
            line(format!("  function {name} {known}"));
            for (name, value) in with {
                line(format!("    {name}: {}", template(value)));
            }
        }
        PlannedCall::Command { args, stdin } => {
            line(format!(
                "  command {}",
                args.iter().map(template).collect::<Vec<_>>().join(" ")
            ));
            if let Some(stdin) = stdin {
                line(format!("    stdin {}", template(stdin)));
            }
        }
        PlannedCall::Either => line("  command or function".to_owned()),
    }
}

fn signature_text(signature: &FunctionSignature) -> String {
    format!("of {} parameters", signature.parameters.len())
}

fn tree(plan: &Plan, tree: &TreeRef) -> String {
    let output = |output: &airtight_model::plan::OutputRef| {
        format!("{}.{}", plan.steps[output.step.index()].name, output.output)
    };
    match tree {
        TreeRef::Source(source) => format!("source {}", plan.sources[source.index()].name),
        TreeRef::Output(one) => output(one),
        TreeRef::Cells(cells) => {
            let cells: Vec<String> = cells
                .iter()
                .map(|(label, one)| format!("{label}: {}", output(one)))
                .collect();
            format!("{{{}}}", cells.join("; "))
        }
    }
}

fn template(template: &Template) -> String {
    let part = |part: &TextPart| match part {
        TextPart::Literal(text) => text.clone(),
        TextPart::Expression(text) => format!("${{{text}}}"),
    };
    match template {
        Template::Literal(data) => data.to_string(),
        Template::Expression(text) => format!("${{{text}}}"),
        Template::Text(parts) => format!("\"{}\"", parts.iter().map(part).collect::<String>()),
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
