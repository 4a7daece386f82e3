//! What a binary says of itself: its kind, imports, exports and types, without running or compiling any of it. Not here:
//! whether a pipeline may use it, and wasmtime.

mod about;
mod imports;
mod module;
mod types;

use airtight_model::component::{ComponentKind, ComponentSummary, FunctionRef, FunctionSignature, Parameter};
use wasmparser::Parser;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{Function, FunctionKind, Resolve, World, WorldItem, WorldKey};

pub use imports::why_unknown;

use crate::cap::cut;
use about::Remarks;

/// The largest binary that is looked at, in bytes.
pub const MAX_COMPONENT: usize = 512 << 20;
/// The most functions of a summary; a component that exports more is refused.
const MAX_FUNCTIONS: usize = 1_000;
/// The most imports of a summary; a component that imports more is refused.
const MAX_IMPORTS: usize = 1_000;
/// The longest name that is kept, in bytes.
const MAX_NAME: usize = 512;
/// The longest documentation of a function that is kept, in bytes.
const MAX_DOCS: usize = 16 << 10;
/// The most producers that are kept.
const MAX_PRODUCERS: usize = 64;

/// Why a binary cannot be a step's component.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// It is not WebAssembly at all.
    #[error("it is not WebAssembly")]
    NotWasm,
    /// It ends too early.
    #[error("it is truncated: {0}")]
    Truncated(String),
    /// It is larger than [`MAX_COMPONENT`], or has more names than a summary holds.
    #[error("it is too large: {0}")]
    TooLarge(String),
    /// It breaks WebAssembly's rules.
    #[error("it is not valid: {0}")]
    Invalid(String),
    /// It is a WIT package in binary form: types without code.
    #[error("it is a WIT package, which has nothing to run")]
    WitPackage,
    /// It is a core module without `_start`: a library.
    #[error("it is a core module without `_start`, which cannot be run by itself")]
    NotACommand,
    /// It is a core module that imports something other than preview 1.
    #[error("it is a core module that imports `{0}`; only modules for WASI preview 1 can be adapted")]
    ForeignModule(String),
    /// It is a component that exports no way to run.
    #[error("it exports no function that a step could call, and not `wasi:cli/run`")]
    NothingToRun,
    /// It is a component of WASI 0.3.
    #[error("it is made for WASI {0}, which is not available yet")]
    NewerWasi(String),
    /// It needs another version of `airtight:step` than there is.
    #[error("it needs `{import}`, and this version of Airtight provides `airtight:step@{provided}`")]
    StepVersion {
        /// What it imports.
        import: String,
        /// The version that there is.
        provided: String,
    },
}

impl InspectError {
    /// What to do about it.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotWasm => "name a component or a WASI preview 1 module, in binary form (`.wasm`)",
            Self::Truncated(_) => "build or download the file again",
            Self::TooLarge(_) => return None,
            Self::Invalid(_) => "build it again, or check it with `wasm-tools validate`",
            Self::WitPackage => "name the component that implements it",
            Self::NotACommand => "link it as a command (with a `main`), or build it as a component",
            Self::ForeignModule(_) => "build it for WASI, or make it a component",
            Self::NothingToRun => "export a function `run`, or `wasi:cli/run`",
            Self::NewerWasi(_) => "build it for WASI 0.2 (`wasm32-wasip2`)",
            Self::StepVersion { .. } => "build it against the WIT of this version",
        })
    }
}

/// Decodes what `bytes` says of itself.
///
/// # Errors
/// It cannot be the component of a step; the error says why. Imports that are not provided are no error here: they are
/// in the summary, and [`why_unknown`] explains each.
pub fn summarize(bytes: &[u8]) -> Result<ComponentSummary, InspectError> {
    if bytes.len() > MAX_COMPONENT {
        return Err(InspectError::TooLarge(format!("more than {} MiB", MAX_COMPONENT >> 20)));
    }
    if Parser::is_core_wasm(bytes) {
        return module::summarize(bytes);
    }
    if !Parser::is_component(bytes) {
        let magic = bytes.starts_with(b"\0asm");
        let cut_short = bytes.len() < 8 && !bytes.is_empty() && b"\0asm\x0d\0\x01\0".starts_with(bytes);
        return Err(match (magic, cut_short) {
            (_, true) => InspectError::Truncated("it ends within its first bytes".to_owned()),
            (true, _) => InspectError::Invalid("an unknown version of the binary format".to_owned()),
            (false, _) => InspectError::NotWasm,
        });
    }
    let remarks = remarks(bytes)?;
    match decode(bytes).map_err(|error| refused(&error.to_string(), &error.root_cause().to_string()))? {
        DecodedWasm::WitPackage(..) => Err(InspectError::WitPackage),
        DecodedWasm::Component(resolve, world) => component(bytes.len(), &resolve, &resolve.worlds[world], remarks),
    }
}

/// An error of the decoder, as ours.
fn refused(text: &str, root: &str) -> InspectError {
    let shown = if root.is_empty() { text } else { root };
    let shown = crate::cap::printable(shown, MAX_NAME);
    if shown.contains("unexpected end") {
        InspectError::Truncated(shown)
    } else {
        InspectError::Invalid(shown)
    }
}

fn component(
    size: usize,
    resolve: &Resolve,
    world: &World,
    remarks: Remarks,
) -> Result<ComponentSummary, InspectError> {
    if world.imports.len() > MAX_IMPORTS || world.exports.len() > MAX_FUNCTIONS {
        return Err(InspectError::TooLarge("too many imports or exports".to_owned()));
    }
    let mut imports: Vec<String> = world
        .imports
        .iter()
        .filter(|(_, item)| !matches!(item, WorldItem::Type { .. }))
        .map(|(key, _)| cut(resolve.name_world_key(key), MAX_NAME))
        .collect();
    imports.sort();
    imports.dedup();
    let unknown_imports: Vec<String> = imports
        .iter()
        .filter(|name| !imports::is_provided(name))
        .cloned()
        .collect();
    let (mut functions, command) = exports(resolve, world)?;
    if functions.is_empty() && !command {
        let newer = world
            .exports
            .keys()
            .chain(world.imports.keys())
            .map(|key| resolve.name_world_key(key));
        return Err(match newer.filter_map(|name| imports::newer_wasi(&name)).next() {
            Some(version) => InspectError::NewerWasi(version),
            None => InspectError::NothingToRun,
        });
    }
    if let Some(version) = unknown_imports.iter().find_map(|name| imports::newer_wasi(name)) {
        return Err(InspectError::NewerWasi(version));
    }
    if let Some(import) = unknown_imports
        .iter()
        .find(|name| imports::is_step_of_another_version(name))
    {
        return Err(InspectError::StepVersion {
            import: import.clone(),
            provided: imports::step_version(),
        });
    }
    let (producers, section, about) = remarks.finish();
    for function in &mut functions {
        let known = section.functions.get(&function.function.to_string());
        if let Some(docs) = known.and_then(|known| known.docs.clone()) {
            function.docs = Some(docs);
        }
    }
    Ok(ComponentSummary {
        kind: ComponentKind::Component,
        adapter: None,
        size: size as u64,
        command,
        functions,
        imports,
        unknown_imports,
        producers,
        about,
    })
}

/// The functions that a function step may call, and whether it is a command.
fn exports(resolve: &Resolve, world: &World) -> Result<(Vec<FunctionSignature>, bool), InspectError> {
    let (mut functions, mut command) = (Vec::new(), false);
    let mut budget = types::Budget::default();
    for (key, item) in &world.exports {
        match item {
            WorldItem::Function(function) => functions.extend(signature(resolve, None, function, &mut budget)),
            WorldItem::Interface { id, .. } => {
                let name = resolve.name_world_key(key);
                command |= imports::is_provided_version("wasi:cli/run", &name);
                if is_wasi(resolve, key) {
                    continue;
                }
                for function in resolve.interfaces[*id].functions.values() {
                    functions.extend(signature(resolve, Some(&name), function, &mut budget));
                }
            }
            WorldItem::Type { .. } => {}
        }
        if functions.len() > MAX_FUNCTIONS {
            return Err(InspectError::TooLarge(format!(
                "it exports more than {MAX_FUNCTIONS} functions"
            )));
        }
    }
    Ok((functions, command))
}

fn is_wasi(resolve: &Resolve, key: &WorldKey) -> bool {
    let WorldKey::Interface(id) = key else { return false };
    let package = resolve.interfaces[*id].package;
    package.is_some_and(|package| resolve.packages[package].name.namespace == "wasi")
}

/// The signature of a function that can be called by itself: no method of a resource, and not async.
fn signature(
    resolve: &Resolve,
    interface: Option<&str>,
    function: &Function,
    budget: &mut types::Budget,
) -> Option<FunctionSignature> {
    if function.kind != FunctionKind::Freestanding {
        return None;
    }
    let mut ty = |ty: &wit_parser::Type| types::convert(resolve, ty, budget);
    let parameter = |param: &wit_parser::Param| (cut(param.name.clone(), MAX_NAME), ty(&param.ty));
    let parameters = function
        .params
        .iter()
        .map(parameter)
        .map(|(name, ty)| Parameter { name, ty })
        .collect();
    Some(FunctionSignature {
        function: FunctionRef {
            interface: interface.map(ToOwned::to_owned),
            name: function.name.clone(),
        },
        parameters,
        result: function
            .result
            .as_ref()
            .map(|result| types::convert(resolve, result, budget)),
        docs: function.docs.contents.clone().map(|docs| cut(docs, MAX_DOCS)),
    })
}

/// What the custom sections of the binary, and of the modules in it, say. Also walks the whole structure, so that a file that
/// was cut is found here.
fn remarks(bytes: &[u8]) -> Result<Remarks, InspectError> {
    let mut remarks = Remarks::default();
    for payload in Parser::new(0).parse_all(bytes) {
        remarks.take(&payload.map_err(|error| refused(error.message(), ""))?);
    }
    Ok(remarks)
}
