//! Core modules for WASI preview 1, made components when they are loaded: with wasmtime's adapter, and beside it one of
//! ours for `proc_exit`, because wasmtime's passes on only whether the code was zero. Not here: telling what a binary is
//! (`inspect`).

mod go;

use std::sync::OnceLock;

use airtight_model::BlobDigest;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, Module, TypeSection,
    ValType,
};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};

/// The module that a preview-1 command imports everything from.
pub(crate) const PREVIEW1: &str = WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
/// The module that `proc_exit` is imported from instead. As long as [`PREVIEW1`], so that it fits in its place.
const EXIT: &str = "airtight_snapshot_exit";
/// The function that is moved.
const PROC_EXIT: &str = "proc_exit";
/// Says what our part of the adapting is. Raise it with every change to it.
const OURS: &[u8] = b"airtight exit adapter v2";

const _: () = assert!(EXIT.len() == PREVIEW1.len());

/// The digest of what makes a preview-1 command a component. Part of the key of a step that is one.
pub fn preview1_adapter_digest() -> BlobDigest {
    static DIGEST: OnceLock<BlobDigest> = OnceLock::new();
    *DIGEST.get_or_init(|| BlobDigest::of(&[WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER, OURS].concat()))
}

/// Makes a component of a preview-1 command.
///
/// # Errors
/// It imports what the adapter does not have, or is no command; the text says what.
pub fn adapt_preview1(module: &[u8]) -> Result<Vec<u8>, String> {
    let roomy = go::with_room(module);
    let (module, exits) = move_exit(roomy.as_deref().unwrap_or(module))?;
    let exit = if exits { Some(exit_adapter()?) } else { None };
    let encode = || {
        let mut encoder = ComponentEncoder::default()
            .module(&module)?
            .adapter(PREVIEW1, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)?;
        if let Some(exit) = &exit {
            encoder = encoder.adapter(EXIT, exit)?;
        }
        encoder.encode()
    };
    encode().map_err(|error| format!("{error:#}"))
}

/// The module with its imports of `proc_exit` named so that our adapter answers them, and whether it has any.
fn move_exit(module: &[u8]) -> Result<(Vec<u8>, bool), String> {
    let (mut moved, mut exits) = (module.to_vec(), false);
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(section) = payload.map_err(|error| error.to_string())? else {
            continue;
        };
        for import in section.into_imports() {
            let import = import.map_err(|error| error.to_string())?;
            if import.module == PREVIEW1 && import.name == PROC_EXIT {
                // The name is a piece of `module`, so this is its place.
                let at = import.module.as_ptr().addr() - module.as_ptr().addr();
                moved[at..at + EXIT.len()].copy_from_slice(EXIT.as_bytes());
                exits = true;
            }
        }
        break;
    }
    Ok((moved, exits))
}

/// A module that exports `proc_exit` and calls `wasi:cli/exit#exit-with-code`. Its interface is taken from wasmtime's
/// adapter, so that the two agree on it.
fn exit_adapter() -> Result<Vec<u8>, String> {
    const INTERFACE: &str = "wasi:cli/exit@";
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (_, theirs) = metadata::decode(WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER).map_err(|error| text(&error))?;
    let mut resolve = theirs.resolve;
    let mut world = resolve.worlds[theirs.world].clone();
    "exit-adapter".clone_into(&mut world.name);
    world.exports.clear();
    let is_exit = |key: &wit_parser::WorldKey| resolve.name_world_key(key).starts_with(INTERFACE);
    world.imports.retain(|key, _| is_exit(key));
    let interface = world.imports.keys().next().map(|key| resolve.name_world_key(key));
    let interface = interface.ok_or("the adapter has no `wasi:cli/exit`")?;
    let (name, package) = (world.name.clone(), world.package);
    let world = resolve.worlds.alloc(world);
    if let Some(package) = package {
        resolve.packages[package].worlds.insert(name, world);
    }
    let mut module = exit_module(&interface);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(|error| text(&error))?;
    Ok(module)
}

fn exit_module(interface: &str) -> Vec<u8> {
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut codes) = (ExportSection::new(), CodeSection::new());
    types.ty().function([ValType::I32], []);
    imports.import(interface, "exit-with-code", EntityType::Function(0));
    functions.function(0);
    exports.export(PROC_EXIT, ExportKind::Func, 1);
    let mut body = Function::new([]);
    // An exit code has eight bits, as everywhere.
    body.instructions()
        .local_get(0)
        .i32_const(0xff)
        .i32_and()
        .call(0)
        .unreachable()
        .end();
    codes.function(&body);
    let mut module = Module::new();
    module
        .section(&types)
        .section(&imports)
        .section(&functions)
        .section(&exports)
        .section(&codes);
    module.finish()
}
