//! What a component says of itself: its functions with their types, its imports, its kind. Decoded from the binary by
//! the sandbox, kept under the component's digest. Not here: the decoding, and anything that runs.

use std::sync::Arc;

use crate::canonical::{canonical_document, canonical_enum, canonical_record};
use crate::id::BlobDigest;
use crate::oci::Sha256Digest;
use crate::section::About;

/// A type of the component model, as far as values can cross from a pipeline file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WitType {
    /// `bool`
    Bool,
    /// `s8`, `s16`, `s32`, `s64`: the number of bits.
    Signed(u8),
    /// `u8`, `u16`, `u32`, `u64`: the number of bits.
    Unsigned(u8),
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `char`
    Char,
    /// `string`
    String,
    /// `list<T>`
    List(Box<WitType>),
    /// `option<T>`
    Option(Box<WitType>),
    /// `result<T, E>`
    Result(Box<ResultType>),
    /// `tuple<…>`
    Tuple(Vec<WitType>),
    /// `record`: fields in declared order.
    Record(Vec<Field>),
    /// `variant`: cases in declared order.
    Variant(Vec<Case>),
    /// `enum`: cases in declared order.
    Enum(Vec<String>),
    /// `flags`: names in declared order.
    Flags(Vec<String>),
    /// A type that no value of a pipeline file can have (resources, streams, futures): its WIT text.
    Unsupported(String),
}
canonical_enum!(WitType {
    0 = Bool, 1 = Signed(bits), 2 = Unsigned(bits), 3 = F32, 4 = F64, 5 = Char, 6 = String, 7 = List(item),
    8 = Option(item), 9 = Result(both), 10 = Tuple(items), 11 = Record(fields), 12 = Variant(cases), 13 = Enum(names),
    14 = Flags(names), 15 = Unsupported(text),
});

/// The two sides of a `result`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultType {
    /// The type of `ok`, if it carries a value.
    pub ok: Option<WitType>,
    /// The type of `err`, if it carries a value.
    pub err: Option<WitType>,
}
canonical_record!(ResultType { ok, err });

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name in kebab case.
    pub name: String,
    /// Its type.
    pub ty: WitType,
}
canonical_record!(Field { name, ty });

/// A case of a variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its name in kebab case.
    pub name: String,
    /// What it carries.
    pub ty: Option<WitType>,
}
canonical_record!(Case { name, ty });

impl std::fmt::Display for WitType {
    /// Writes the type as WIT would, with records and the like in line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |f: &mut std::fmt::Formatter<'_>, open: &str, texts: Vec<String>, close: &str| {
            write!(f, "{open}{}{close}", texts.join(", "))
        };
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Signed(bits) => write!(f, "s{bits}"),
            Self::Unsigned(bits) => write!(f, "u{bits}"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::Char => f.write_str("char"),
            Self::String => f.write_str("string"),
            Self::List(item) => write!(f, "list<{item}>"),
            Self::Option(item) => write!(f, "option<{item}>"),
            Self::Result(both) => match (&both.ok, &both.err) {
                (None, None) => f.write_str("result"),
                (Some(ok), None) => write!(f, "result<{ok}>"),
                (None, Some(err)) => write!(f, "result<_, {err}>"),
                (Some(ok), Some(err)) => write!(f, "result<{ok}, {err}>"),
            },
            Self::Tuple(items) => list(f, "tuple<", items.iter().map(ToString::to_string).collect(), ">"),
            Self::Record(fields) => list(
                f,
                "record { ",
                fields.iter().map(|x| format!("{}: {}", x.name, x.ty)).collect(),
                " }",
            ),
            Self::Variant(cases) => list(
                f,
                "variant { ",
                cases
                    .iter()
                    .map(|c| c.ty.as_ref().map_or(c.name.clone(), |ty| format!("{}({ty})", c.name)))
                    .collect(),
                " }",
            ),
            Self::Enum(names) => list(f, "enum { ", names.clone(), " }"),
            Self::Flags(names) => list(f, "flags { ", names.clone(), " }"),
            Self::Unsupported(text) => f.write_str(text),
        }
    }
}

/// A function that a component exports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionRef {
    /// The exported interface that holds it, with its package and version, or none for a function of the world.
    pub interface: Option<String>,
    /// Its name.
    pub name: String,
}
canonical_record!(FunctionRef { interface, name });

impl std::fmt::Display for FunctionRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.interface {
            Some(interface) => write!(f, "{interface}#{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A parameter of a function: a key of `with:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name in kebab case.
    pub name: String,
    /// Its type.
    pub ty: WitType,
}
canonical_record!(Parameter { name, ty });

/// The signature of an exported function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSignature {
    /// Which function.
    pub function: FunctionRef,
    /// Its parameters in declared order.
    pub parameters: Vec<Parameter>,
    /// Its result, if it has one. A `result<T, E>` here means: `ok` is the step's typed result, `err` fails the step.
    pub result: Option<WitType>,
    /// Its documentation, where the component carries it.
    pub docs: Option<String>,
}
canonical_record!(FunctionSignature {
    function,
    parameters,
    result,
    docs
});

impl FunctionSignature {
    /// The type of the step's typed result: the `ok` side of a `result`, else what the function returns.
    pub fn success(&self) -> Option<&WitType> {
        match &self.result {
            Some(WitType::Result(both)) => both.ok.as_ref(),
            other => other.as_ref(),
        }
    }
}

/// What kind of binary a step's component is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentKind {
    /// A component.
    Component,
    /// A core module for WASI preview 1, adapted when it is loaded.
    Module,
}
canonical_enum!(ComponentKind { 0 = Component, 1 = Module });

/// The interface summary of a component.
///
/// Stored as the document `ATcs` version 2 under the component's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSummary {
    /// Component or core module.
    pub kind: ComponentKind,
    /// For a core module: the digest of the adapter that makes it a component (part of the action's static key).
    pub adapter: Option<BlobDigest>,
    /// Size of the binary in bytes.
    pub size: u64,
    /// Whether it can be a command step: it exports `wasi:cli/run`, or is a preview-1 command.
    pub command: bool,
    /// The functions that a function step may call, in the order of the binary.
    pub functions: Vec<FunctionSignature>,
    /// The interfaces that it imports, with versions, sorted.
    pub imports: Vec<String>,
    /// Those of `imports` that Airtight does not provide: an error before the run.
    pub unknown_imports: Vec<String>,
    /// The producers that the binary names (language, processed-by), as `field: name version`, sorted.
    pub producers: Vec<String>,
    /// What else it says of itself.
    pub about: About,
}
canonical_record!(ComponentSummary {
    kind,
    adapter,
    size,
    command,
    functions,
    imports,
    unknown_imports,
    producers,
    about,
});
canonical_document!(ComponentSummary, *b"ATcs", 2);

impl ComponentSummary {
    /// The functions named `name`, in whatever interface.
    pub fn functions_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a FunctionSignature> + 'a {
        self.functions.iter().filter(move |f| f.function.name == name)
    }
}

/// A component that a pipeline names, found and decoded.
#[derive(Debug, Clone)]
pub struct ResolvedComponent {
    /// The digest of its binary.
    pub digest: BlobDigest,
    /// What it says of itself.
    pub summary: Arc<ComponentSummary>,
    /// The manifest that names it, where it comes from a registry.
    pub manifest: Option<Sha256Digest>,
}

/// Why a component that a pipeline names cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    /// There is no such file or standard component.
    #[error("{message}")]
    NotFound {
        /// What was looked for and not found.
        message: String,
        /// Names that are there and nearest to it, best first.
        nearest: Vec<String>,
    },
    /// It is there, but it is not a component that can be a step.
    #[error("{message}")]
    Unusable {
        /// What is wrong with it.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// It is in a registry, and what has to be known of it, or its bytes, are not here.
    #[error("{message}")]
    Elsewhere {
        /// What is missing.
        message: String,
        /// What brings it here.
        help: String,
    },
}

/// Finds the components that a pipeline's `uses:` names. Implemented where files and embedded components are known.
pub trait Catalog {
    /// Finds the component for the text of a `uses:` that is not a step's output: `std/NAME`, `oci://…` or a path, which is
    /// relative to the folder of the pipeline file that says it (`base`, itself relative to the pipeline's root).
    ///
    /// # Errors
    /// It is not there, or cannot be a step.
    fn resolve(&self, uses: &str, base: &str) -> Result<ResolvedComponent, CatalogError>;
}
