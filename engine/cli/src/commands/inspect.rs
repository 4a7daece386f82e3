//! `airtight inspect`: what a component says of itself. Not here: the decoding (the sandbox).

use std::path::{Path, PathBuf};

use airtight_model::component::{ComponentKind, ComponentSummary, FunctionSignature, ResolvedComponent, WitType};
use airtight_model::{Catalog, CatalogError};
use serde_json::{Value as Json, json};

use crate::args::{Format, InspectArgs};
use crate::commands::Context;
use crate::display::Paint;
use crate::escape;
use crate::failure::Failure;
use crate::output;
use crate::settings::shown;

/// Prints a component's interface.
pub(crate) fn inspect(context: &Context, args: &InspectArgs) -> Result<(), Failure> {
    let (folder, named) = place(&context.settings.folder, &args.component)?;
    let component = context.catalog_at(&folder)?.resolve(&named, "").map_err(failure)?;
    let text = match args.format {
        Format::Json => format!("{}\n", as_json(&component)),
        Format::Text => as_text(&args.component, &component, Paint(context.settings.color_stdout)),
    };
    output::data(text.as_bytes()).map_err(Failure::closed_output)
}

/// Why a component that an argument names cannot be looked at.
pub(super) fn failure(error: CatalogError) -> Failure {
    match error {
        CatalogError::NotFound { message, nearest } => {
            let failure = Failure::user("C0001", message);
            match nearest.first() {
                Some(nearest) => failure.help(format!("did you mean `{nearest}`?")),
                None => failure,
            }
        }
        CatalogError::Unusable { message, help } => Failure::pipeline("C0002", message).help_or_not(help),
    }
}

/// The folder that a component is looked for in, and what `uses:` would say of it there.
fn place(folder: &Path, component: &str) -> Result<(PathBuf, String), Failure> {
    if component.starts_with("std/") {
        return Ok((folder.to_owned(), component.to_owned()));
    }
    let path = folder.join(component);
    match (path.parent(), path.file_name().and_then(|name| name.to_str())) {
        (Some(parent), Some(name)) => Ok((parent.to_owned(), format!("./{name}"))),
        _ => Err(
            Failure::user("C0001", format!("{} is not the path of a component", shown(&path)))
                .help("name a `.wasm` file, or a standard component such as `std/archive`"),
        ),
    }
}

fn kind(summary: &ComponentSummary) -> &'static str {
    match summary.kind {
        ComponentKind::Component => "component",
        ComponentKind::Module => "core module for WASI preview 1, adapted when it is loaded",
    }
}

fn signature(function: &FunctionSignature) -> String {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|p| format!("{}: {}", p.name, p.ty))
        .collect();
    let result = function.result.as_ref().map_or(String::new(), |ty| format!(" -> {ty}"));
    format!("{}: func({}){result}", function.function, parameters.join(", "))
}

fn as_text(name: &str, component: &ResolvedComponent, paint: Paint) -> String {
    let summary = &component.summary;
    let mut lines = vec![format!("{}  {}", paint.bold(&escape::line(name)), kind(summary))];
    lines.push(format!("  digest   {}", component.digest));
    lines.push(format!("  size     {} bytes", summary.size));
    for producer in &summary.producers {
        lines.push(format!("  made by  {}", escape::line(producer)));
    }
    if summary.command {
        lines.push("  command  exports wasi:cli/run: give it `args:`, `env:` and `stdin:`".to_owned());
    }
    for function in &summary.functions {
        lines.push(format!("  function {}", escape::line(&signature(function))));
        for line in function.docs.iter().flat_map(|docs| docs.lines()) {
            lines.push(format!("           {}", paint.dim(&escape::line(line))));
        }
    }
    if !summary.functions.is_empty() && summary.functions.iter().all(|function| function.docs.is_none()) {
        lines.push("           (the component carries no documentation)".to_owned());
    }
    if summary.imports.is_empty() {
        lines.push("  imports  nothing".to_owned());
    }
    for import in &summary.imports {
        let unknown = if summary.unknown_imports.contains(import) {
            "  (Airtight does not have it)"
        } else {
            ""
        };
        lines.push(format!("  imports  {}{}", escape::line(import), paint.red(unknown)));
    }
    lines.push(format!("  powers   {}", powers(summary)));
    lines.join("\n") + "\n"
}

/// What the imports mean as capabilities. Importing is not using, and without a grant each of them only refuses.
fn powers(summary: &ComponentSummary) -> String {
    let asks = |prefix: &str| summary.imports.iter().any(|import| import.starts_with(prefix));
    let names: Vec<&str> = [("wasi:http/", "http"), ("wasi:sockets/", "net")]
        .into_iter()
        .filter_map(|(prefix, name)| asks(prefix).then_some(name))
        .collect();
    match names.as_slice() {
        [] => "none: it is pure by construction".to_owned(),
        names => format!("imports {}, refused unless granted", names.join(" and ")),
    }
}

fn type_json(ty: &WitType) -> Json {
    Json::String(ty.to_string())
}

fn as_json(component: &ResolvedComponent) -> Json {
    let summary = &component.summary;
    let functions = summary.functions.iter().map(|function| {
        json!({
            "interface": function.function.interface,
            "name": function.function.name,
            "parameters": function.parameters.iter()
                .map(|parameter| json!({ "name": parameter.name, "type": type_json(&parameter.ty) })).collect::<Vec<_>>(),
            "result": function.result.as_ref().map(type_json),
            "docs": function.docs,
        })
    });
    json!({
        "v": 1,
        "digest": component.digest.to_string(),
        "kind": match summary.kind { ComponentKind::Component => "component", ComponentKind::Module => "module" },
        "size": summary.size,
        "command": summary.command,
        "functions": functions.collect::<Vec<_>>(),
        "imports": summary.imports,
        "unknown_imports": summary.unknown_imports,
        "producers": summary.producers,
    })
}
