//! From what a language's tools made to a component with the project's world. Not here: making it, and what is said of it (`metadata`).

use std::fmt::Write as _;

use airtight_pipeline::StepKind;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Function, Resolve, Type, TypeDef, TypeDefKind, WorldItem};

use crate::build::{Adapt, Workshop};
use crate::error::Error;

/// The deepest type that is compared.
const MAX_DEPTH: usize = 64;

/// Makes a component of a binary; one that is a component is left as it is.
pub(crate) fn finish(shop: &Workshop<'_>, wasm: &[u8], adapt: &Adapt<'_>) -> Result<Vec<u8>, Error> {
    if !Parser::is_core_wasm(wasm) {
        return Ok(wasm.to_vec());
    }
    let not_made = |reason: &str, help: &str| {
        Error::project(
            "A0013",
            format!("what was built cannot be made a component: {reason}"),
            help,
        )
    };
    let module = Module::of(wasm).map_err(|error| not_made(&error, "build it again"))?;
    if module.is_command {
        return adapt(wasm).map_err(|error| {
            not_made(
                &error,
                "build it for WASI preview 1 (`wasm32-wasip1`), or as a component",
            )
        });
    }
    let mut wasm = wasm.to_vec();
    if !module.has_world {
        let wit = shop.wit()?;
        embed_component_metadata(&mut wasm, &wit.resolve, wit.world, StringEncoding::UTF8)
            .map_err(|error| not_made(&format!("{error:#}"), "check the world in `wit/`"))?;
    }
    let encode = || {
        let mut encoder = ComponentEncoder::default().module(&wasm)?;
        if module.uses_preview1 {
            encoder = encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )?;
        }
        encoder.encode()
    };
    encode().map_err(|error| {
        not_made(
            &reason(&error),
            "export what the world in `wit/` says, with the names and types that it says",
        )
    })
}

/// The causes of an error in one line, each once.
fn reason(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        let cause = cause.trim().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        if !text.contains(&cause) {
            let _ = write!(text, "{}{cause}", if text.is_empty() { "" } else { ": " });
        }
    }
    text
}

/// What has to be known of a core module.
struct Module {
    is_command: bool,
    has_world: bool,
    uses_preview1: bool,
}

impl Module {
    fn of(wasm: &[u8]) -> Result<Self, String> {
        let mut module = Self {
            is_command: false,
            has_world: false,
            uses_preview1: false,
        };
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.map_err(|error| error.to_string())? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(|error| error.to_string())?;
                        module.uses_preview1 |= import.module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        module.is_command |= export.map_err(|error| error.to_string())?.name == "_start";
                    }
                }
                Payload::CustomSection(section) => module.has_world |= section.name().starts_with("component-type"),
                _ => {}
            }
        }
        // A command with a world of its own is not one of preview 1 alone.
        module.is_command &= !module.has_world;
        Ok(module)
    }
}

/// Checks that a component has what its project says: the exports of its world with their types, or `wasi:cli/run`.
pub(crate) fn check(shop: &Workshop<'_>, wasm: &[u8]) -> Result<(), Error> {
    let other = |message: String, help: &str| Error::project("A0014", message, help);
    let decoded = decode(wasm).map_err(|error| {
        other(
            format!("what was built is no component: {}", reason(&error)),
            "build it again",
        )
    })?;
    let DecodedWasm::Component(built, world) = decoded else {
        return Err(other(
            "what was built is a WIT package, which has nothing to run".to_owned(),
            "build the component that implements it",
        ));
    };
    let exports = &built.worlds[world].exports;
    let has_run = || {
        exports
            .keys()
            .any(|key| built.name_world_key(key).starts_with("wasi:cli/run@0.2"))
    };
    match (shop.project.file.kind, shop.wit) {
        (StepKind::Command, _) if has_run() => Ok(()),
        (StepKind::Command, _) => Err(other(
            "what was built is no program: it does not export `wasi:cli/run`".to_owned(),
            "build it with a `main`, or say `kind: function` in `step.yaml`",
        )),
        // The SDK for Rust derives the world; what is exported is what there is.
        (StepKind::Function, None) => Ok(()),
        (StepKind::Function, Some(wit)) => {
            let wanted = &wit.resolve.worlds[wit.world];
            for (key, item) in &wanted.exports {
                let name = wit.resolve.name_world_key(key);
                let found = exports.iter().find(|(key, _)| built.name_world_key(key) == name);
                let Some((_, found)) = found else {
                    return Err(other(
                        format!("what was built has another world: it does not export `{name}`"),
                        "export it, or take it out of the world in `wit/`",
                    ));
                };
                same_item(&name, (&wit.resolve, item), (&built, found))?;
            }
            Ok(())
        }
    }
}

/// Checks that an export has the type that is wanted.
fn same_item(name: &str, wanted: (&Resolve, &WorldItem), found: (&Resolve, &WorldItem)) -> Result<(), Error> {
    let differs = |name: &str, wanted: String, found: String| {
        Error::project(
            "A0014",
            format!("what was built has another world: `{name}` is `{found}`, and `wit/` says `{wanted}`"),
            "build it against the world in `wit/`, or write there what it really is",
        )
    };
    let same = |name: &str, wanted: (&Resolve, &Function), found: (&Resolve, &Function)| {
        let (wanted, found) = (signature(wanted.0, wanted.1), signature(found.0, found.1));
        if wanted == found {
            Ok(())
        } else {
            Err(differs(name, wanted, found))
        }
    };
    match (wanted.1, found.1) {
        (WorldItem::Function(a), WorldItem::Function(b)) => same(name, (wanted.0, a), (found.0, b)),
        (WorldItem::Interface { id: a, .. }, WorldItem::Interface { id: b, .. }) => {
            for (function, a) in &wanted.0.interfaces[*a].functions {
                let name = format!("{name}#{function}");
                match found.0.interfaces[*b].functions.get(function) {
                    Some(b) => same(&name, (wanted.0, a), (found.0, b))?,
                    None => return Err(differs(&name, signature(wanted.0, a), "not there".to_owned())),
                }
            }
            Ok(())
        }
        (WorldItem::Type { .. }, _) => Ok(()),
        _ => Err(differs(name, "of one kind".to_owned(), "of another".to_owned())),
    }
}

/// A signature with its types written out, so that two from different places can be compared.
fn signature(resolve: &Resolve, function: &Function) -> String {
    let mut text = String::from("func(");
    for (i, parameter) in function.params.iter().enumerate() {
        let _ = write!(text, "{}{}: ", if i == 0 { "" } else { ", " }, parameter.name);
        write_type(resolve, &parameter.ty, MAX_DEPTH, &mut text);
    }
    text.push(')');
    if let Some(result) = &function.result {
        text.push_str(" -> ");
        write_type(resolve, result, MAX_DEPTH, &mut text);
    }
    text
}

fn write_type(resolve: &Resolve, ty: &Type, depth: usize, out: &mut String) {
    let Some(depth) = depth.checked_sub(1) else {
        out.push('…');
        return;
    };
    match ty {
        Type::Id(id) => write_def(resolve, &resolve.types[*id], depth, out),
        Type::ErrorContext => out.push_str("error-context"),
        plain => out.push_str(&format!("{plain:?}").to_lowercase()),
    }
}

fn write_def(resolve: &Resolve, def: &TypeDef, depth: usize, out: &mut String) {
    let inner = |out: &mut String, ty: Option<&Type>| match ty {
        Some(ty) => write_type(resolve, ty, depth, out),
        None => out.push('_'),
    };
    let list = |out: &mut String, open: &str, items: Vec<(Option<&str>, Option<&Type>)>, close: &str| {
        out.push_str(open);
        for (i, (name, ty)) in items.into_iter().enumerate() {
            out.push_str(if i == 0 { "" } else { ", " });
            match (name, ty) {
                (Some(name), Some(ty)) => {
                    let _ = write!(out, "{name}: ");
                    inner(out, Some(ty));
                }
                (Some(name), None) => out.push_str(name),
                (None, ty) => inner(out, ty),
            }
        }
        out.push_str(close);
    };
    match &def.kind {
        TypeDefKind::Type(ty) => inner(out, Some(ty)),
        TypeDefKind::List(ty) => list(out, "list<", vec![(None, Some(ty))], ">"),
        TypeDefKind::Option(ty) => list(out, "option<", vec![(None, Some(ty))], ">"),
        TypeDefKind::Result(both) => list(
            out,
            "result<",
            vec![(None, both.ok.as_ref()), (None, both.err.as_ref())],
            ">",
        ),
        TypeDefKind::Tuple(tuple) => list(
            out,
            "tuple<",
            tuple.types.iter().map(|ty| (None, Some(ty))).collect(),
            ">",
        ),
        TypeDefKind::Record(record) => {
            let fields = record
                .fields
                .iter()
                .map(|field| (Some(field.name.as_str()), Some(&field.ty)));
            list(out, "record { ", fields.collect(), " }");
        }
        TypeDefKind::Variant(variant) => {
            let cases = variant
                .cases
                .iter()
                .map(|case| (Some(case.name.as_str()), case.ty.as_ref()));
            list(out, "variant { ", cases.collect(), " }");
        }
        TypeDefKind::Enum(cases) => {
            let cases = cases.cases.iter().map(|case| (Some(case.name.as_str()), None));
            list(out, "enum { ", cases.collect(), " }");
        }
        TypeDefKind::Flags(flags) => {
            let flags = flags.flags.iter().map(|flag| (Some(flag.name.as_str()), None));
            list(out, "flags { ", flags.collect(), " }");
        }
        // What no value of a pipeline file can have is compared by its name.
        other => {
            let _ = write!(out, "{} {}", other.as_str(), def.name.as_deref().unwrap_or("_"));
        }
    }
}
