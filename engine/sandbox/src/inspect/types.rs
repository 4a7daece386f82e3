//! WIT types as the model says them. Not here: values.

use airtight_model::WitType;
use airtight_model::component::{Case, Field, ResultType};
use wit_parser::{Resolve, Type, TypeDefKind};

/// The most types of one summary, counted where they stand: a type that is used twice counts twice.
const MAX_TYPES: usize = 20_000;
/// How deep types may lie in one another.
const MAX_DEPTH: usize = 48;

/// What is left for the types of a summary.
pub(super) struct Budget {
    types: usize,
    depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            types: MAX_TYPES,
            depth: MAX_DEPTH,
        }
    }
}

/// The model's form of a type. What no pipeline file can give, or is too large, is [`WitType::Unsupported`].
pub(super) fn convert(resolve: &Resolve, ty: &Type, budget: &mut Budget) -> WitType {
    if budget.types == 0 || budget.depth == 0 {
        return WitType::Unsupported("a type that is too large".to_owned());
    }
    budget.types -= 1;
    budget.depth -= 1;
    let converted = match ty {
        Type::Bool => WitType::Bool,
        Type::U8 => WitType::Unsigned(8),
        Type::U16 => WitType::Unsigned(16),
        Type::U32 => WitType::Unsigned(32),
        Type::U64 => WitType::Unsigned(64),
        Type::S8 => WitType::Signed(8),
        Type::S16 => WitType::Signed(16),
        Type::S32 => WitType::Signed(32),
        Type::S64 => WitType::Signed(64),
        Type::F32 => WitType::F32,
        Type::F64 => WitType::F64,
        Type::Char => WitType::Char,
        Type::String => WitType::String,
        Type::ErrorContext => WitType::Unsupported("error-context".to_owned()),
        Type::Id(id) => defined(
            resolve,
            &resolve.types[*id].kind,
            resolve.types[*id].name.as_deref(),
            budget,
        ),
    };
    budget.depth += 1;
    converted
}

fn defined(resolve: &Resolve, kind: &TypeDefKind, name: Option<&str>, budget: &mut Budget) -> WitType {
    let mut boxed = |ty: &Type| Box::new(convert(resolve, ty, budget));
    match kind {
        TypeDefKind::Type(ty) => *boxed(ty),
        TypeDefKind::List(ty) => WitType::List(boxed(ty)),
        TypeDefKind::Option(ty) => WitType::Option(boxed(ty)),
        TypeDefKind::Result(both) => WitType::Result(Box::new(ResultType {
            ok: both.ok.as_ref().map(|ty| *boxed(ty)),
            err: both.err.as_ref().map(|ty| *boxed(ty)),
        })),
        TypeDefKind::Tuple(tuple) => WitType::Tuple(tuple.types.iter().map(|ty| *boxed(ty)).collect()),
        TypeDefKind::Record(record) => WitType::Record(
            record
                .fields
                .iter()
                .map(|field| Field {
                    name: field.name.clone(),
                    ty: *boxed(&field.ty),
                })
                .collect(),
        ),
        TypeDefKind::Variant(variant) => WitType::Variant(
            variant
                .cases
                .iter()
                .map(|case| Case {
                    name: case.name.clone(),
                    ty: case.ty.as_ref().map(|ty| *boxed(ty)),
                })
                .collect(),
        ),
        TypeDefKind::Enum(cases) => WitType::Enum(cases.cases.iter().map(|case| case.name.clone()).collect()),
        TypeDefKind::Flags(flags) => WitType::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect()),
        other => {
            WitType::Unsupported(name.map_or(other.as_str().to_owned(), |name| format!("{} {name}", other.as_str())))
        }
    }
}
