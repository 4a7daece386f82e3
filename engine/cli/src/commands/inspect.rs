//! `airtight inspect`: what a component says of itself. Not here: the decoding (the sandbox).

use std::path::{Path, PathBuf};

use airtight_model::About;
use airtight_model::component::{ComponentKind, ComponentSummary, FunctionSignature, ResolvedComponent, WitType};
use airtight_model::{Catalog, CatalogError, OciRef};
use serde_json::{Value as Json, json};

use crate::args::{Format, InspectArgs};
use crate::commands::Context;
use crate::display::Paint;
use crate::escape;
use crate::failure::Failure;
use crate::output;
use crate::registries;
use crate::settings::shown;

/// Prints a component's interface.
pub(crate) fn inspect(context: &Context, args: &InspectArgs) -> Result<(), Failure> {
    let component = find(context, &args.component)?;
    let format = if args.json { Format::Json } else { args.format };
    let text = match format {
        Format::Json => format!("{}\n", as_json(&component)),
        Format::Text => as_text(&args.component, &component, Paint(context.settings.color_stdout)),
    };
    output::data(text.as_bytes()).map_err(Failure::closed_output)
}

/// Finds the component that an argument names.
fn find(context: &Context, component: &str) -> Result<ResolvedComponent, Failure> {
    let (folder, named) = place(&context.settings.folder, component)?;
    let mut catalog = context.catalog_at(&folder)?;
    if OciRef::is_meant(&named) {
        let _ = registries::parse_named(&named)?;
        catalog = catalog.reaching(context.remote()?);
    }
    let found = catalog.resolve(&named, "");
    catalog.failure().map_or_else(|| found.map_err(failure), Err)
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
        CatalogError::Elsewhere { message, help } => Failure::pipeline("C0001", message).help(help),
    }
}

/// The folder that a component is looked for in, and what `uses:` would say of it there.
fn place(folder: &Path, component: &str) -> Result<(PathBuf, String), Failure> {
    if component.starts_with("std/") || OciRef::is_meant(component) {
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
    about(&summary.about, paint, &mut lines);
    for producer in &summary.producers {
        lines.push(format!("  made by  {}", escape::line(producer)));
    }
    if summary.command {
        lines.push("  command  exports wasi:cli/run: give it `args:`, `env:` and `stdin:`".to_owned());
    }
    for function in &summary.functions {
        lines.push(format!("  function {}", escape::line(&signature(function))));
        docs(function.docs.as_deref(), paint, &mut lines);
    }
    types(&summary.about, paint, &mut lines);
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
    for request in &summary.about.requests {
        let grants = request.grants.lines().join(", ");
        lines.push(format!("  asks for {}", escape::line(&grants)));
        docs(Some(&request.reason), paint, &mut lines);
    }
    lines.join("\n") + "\n"
}

/// What the component says of itself beside its interface.
fn about(about: &About, paint: Paint, lines: &mut Vec<String>) {
    let fields = [
        ("name", &about.name),
        ("version", &about.version),
        ("about", &about.description),
        ("licence", &about.licenses),
        ("authors", &about.authors),
        ("source", &about.source),
        ("revision", &about.revision),
        ("homepage", &about.homepage),
        ("world", &about.world),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            lines.push(format!("  {name:<8} {}", escape::line(value)));
        }
    }
    docs(about.docs.as_deref(), paint, lines);
}

fn docs(docs: Option<&str>, paint: Paint, lines: &mut Vec<String>) {
    for line in docs.iter().flat_map(|docs| docs.lines()) {
        lines.push(format!("           {}", paint.dim(&escape::line(line))));
    }
}

/// The types that the component has words about.
fn types(about: &About, paint: Paint, lines: &mut Vec<String>) {
    for (name, ty) in &about.types {
        lines.push(format!("  type     {}", escape::line(name)));
        docs(ty.docs.as_deref(), paint, lines);
        for (member, said) in &ty.members {
            let said = format!("{member}: {}", said.lines().collect::<Vec<_>>().join(" "));
            lines.push(format!("           - {}", paint.dim(&escape::line(&said))));
        }
    }
}

/// Imports that mean something beyond the sandbox, with the capability that each is.
const POWERS: [(&str, &str); 3] = [
    ("wasi:http/", "http"),
    ("wasi:sockets/", "net"),
    ("airtight:step/secret", "secrets"),
];

/// What the imports mean as capabilities, by name.
fn capabilities(summary: &ComponentSummary) -> Vec<&'static str> {
    let asks = |prefix: &str| summary.imports.iter().any(|import| import.starts_with(prefix));
    POWERS
        .into_iter()
        .filter_map(|(prefix, name)| asks(prefix).then_some(name))
        .collect()
}

/// What the imports mean as capabilities. Importing is not using, and without a grant each of them only refuses.
fn powers(summary: &ComponentSummary) -> String {
    // A module imports all of preview 1, which has sockets that are open already and nothing else.
    match capabilities(summary).as_slice() {
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
    let about = &summary.about;
    let capabilities = capabilities(summary);
    json!({
        "v": 1,
        "digest": component.digest.to_string(),
        "kind": match summary.kind { ComponentKind::Component => "component", ComponentKind::Module => "module" },
        "size": summary.size,
        "command": summary.command,
        "functions": functions.collect::<Vec<_>>(),
        "imports": summary.imports,
        "unknown_imports": summary.unknown_imports,
        "capabilities": capabilities,
        "pure": capabilities.is_empty(),
        "producers": summary.producers,
        "about": {
            "name": about.name,
            "version": about.version,
            "description": about.description,
            "licenses": about.licenses,
            "authors": about.authors,
            "source": about.source,
            "revision": about.revision,
            "homepage": about.homepage,
            "world": about.world,
            "docs": about.docs,
        },
        "types": about.types,
        "requests": about.requests.iter()
            .map(|request| json!({ "grants": request.grants, "reason": request.reason })).collect::<Vec<_>>(),
    })
}
