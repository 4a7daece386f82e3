//! Typed values across the border: the model's to wasmtime's by the function's own types, and back, bounded. Not here:
//! checking a pipeline's data against a type (the model does), and the call.

use airtight_model::Value;
use wasmtime::component::{Type, Val};

/// The most values that a typed result may hold, each item of a list counted.
const MAX_VALUES: usize = 1_000_000;
/// The most bytes of all texts of a typed result.
const MAX_TEXT: usize = 16 << 20;
/// How deep a typed result may be nested.
const MAX_DEPTH: usize = 64;

/// A value that does not cross.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// The argument has another type than the parameter.
    #[error("the argument `{0}` does not have the type that the function asks for")]
    Argument(String),
    /// A number of arguments that is not that of the parameters.
    #[error("the function takes {expected} arguments, and {given} are given")]
    Count {
        /// How many it takes.
        expected: usize,
        /// How many there are.
        given: usize,
    },
    /// The result is too large or too deep.
    #[error("its result is larger than {MAX_VALUES} values or {} MiB of text", MAX_TEXT >> 20)]
    TooLarge,
    /// The result holds a resource, a stream or a future.
    #[error("its result holds something that is not data")]
    NotData,
}

/// The arguments as the parameters ask for them.
pub(crate) fn lower<'a>(
    arguments: &[Value],
    parameters: impl ExactSizeIterator<Item = (&'a str, Type)>,
) -> Result<Vec<Val>, ValueError> {
    if arguments.len() != parameters.len() {
        return Err(ValueError::Count {
            expected: parameters.len(),
            given: arguments.len(),
        });
    }
    let pairs = arguments.iter().zip(parameters);
    pairs
        .map(|(value, (name, ty))| to_val(value, &ty).ok_or_else(|| ValueError::Argument(name.to_owned())))
        .collect()
}

fn to_val(value: &Value, ty: &Type) -> Option<Val> {
    Some(match (value, ty) {
        (Value::Bool(x), Type::Bool) => Val::Bool(*x),
        (Value::Signed(x), ty) => match ty {
            Type::S8 => Val::S8(i8::try_from(*x).ok()?),
            Type::S16 => Val::S16(i16::try_from(*x).ok()?),
            Type::S32 => Val::S32(i32::try_from(*x).ok()?),
            Type::S64 => Val::S64(*x),
            _ => return None,
        },
        (Value::Unsigned(x), ty) => match ty {
            Type::U8 => Val::U8(u8::try_from(*x).ok()?),
            Type::U16 => Val::U16(u16::try_from(*x).ok()?),
            Type::U32 => Val::U32(u32::try_from(*x).ok()?),
            Type::U64 => Val::U64(*x),
            _ => return None,
        },
        (Value::F32(x), Type::Float32) => Val::Float32(if x.is_nan() { f32::NAN } else { *x }),
        (Value::F64(x), Type::Float64) => Val::Float64(if x.is_nan() { f64::NAN } else { *x }),
        (Value::Char(x), Type::Char) => Val::Char(*x),
        (Value::String(x), Type::String) => Val::String(x.clone()),
        (Value::List(items), Type::List(list)) => {
            let item = list.ty();
            Val::List(items.iter().map(|x| to_val(x, &item)).collect::<Option<_>>()?)
        }
        (Value::Tuple(items), Type::Tuple(tuple)) if items.len() == tuple.types().len() => Val::Tuple(
            items
                .iter()
                .zip(tuple.types())
                .map(|(x, ty)| to_val(x, &ty))
                .collect::<Option<_>>()?,
        ),
        (Value::Record(fields), Type::Record(record)) if fields.len() == record.fields().len() => {
            let pairs = fields.iter().zip(record.fields());
            let field = |((name, x), field): (&(String, Value), wasmtime::component::types::Field<'_>)| {
                (*name == field.name).then_some(())?;
                Some((name.clone(), to_val(x, &field.ty)?))
            };
            Val::Record(pairs.map(field).collect::<Option<_>>()?)
        }
        (Value::Variant(name, x), Type::Variant(variant)) => {
            let ty = variant.cases().find(|case| case.name == name)?.ty;
            Val::Variant(name.clone(), payload(x, ty)?)
        }
        (Value::Enum(name), Type::Enum(cases)) if cases.names().any(|known| known == name) => Val::Enum(name.clone()),
        (Value::Option(None), Type::Option(_)) => Val::Option(None),
        (Value::Option(Some(x)), Type::Option(option)) => Val::Option(Some(Box::new(to_val(x, &option.ty())?))),
        (Value::Result(Ok(x)), Type::Result(both)) => Val::Result(Ok(payload(x, both.ok())?)),
        (Value::Result(Err(x)), Type::Result(both)) => Val::Result(Err(payload(x, both.err())?)),
        (Value::Flags(set), Type::Flags(flags)) if set.iter().all(|name| flags.names().any(|known| known == name)) => {
            Val::Flags(set.clone())
        }
        _ => return None,
    })
}

fn payload(value: &Option<Box<Value>>, ty: Option<Type>) -> Option<Option<Box<Val>>> {
    match (value, ty) {
        (None, None) => Some(None),
        (Some(x), Some(ty)) => Some(Some(Box::new(to_val(x, &ty)?))),
        _ => None,
    }
}

/// A result as data.
pub(crate) fn lift(val: &Val) -> Result<Value, ValueError> {
    Lift {
        values: MAX_VALUES,
        text: MAX_TEXT,
    }
    .value(val, MAX_DEPTH)
}

struct Lift {
    values: usize,
    text: usize,
}

impl Lift {
    fn text(&mut self, text: &str) -> Result<String, ValueError> {
        self.text = self.text.checked_sub(text.len()).ok_or(ValueError::TooLarge)?;
        Ok(text.to_owned())
    }

    fn boxed(&mut self, val: &Option<Box<Val>>, depth: usize) -> Result<Option<Box<Value>>, ValueError> {
        val.as_ref().map(|val| self.value(val, depth).map(Box::new)).transpose()
    }

    fn value(&mut self, val: &Val, depth: usize) -> Result<Value, ValueError> {
        let depth = depth.checked_sub(1).ok_or(ValueError::TooLarge)?;
        self.values = self.values.checked_sub(1).ok_or(ValueError::TooLarge)?;
        Ok(match val {
            Val::Bool(x) => Value::Bool(*x),
            Val::S8(x) => Value::Signed((*x).into()),
            Val::S16(x) => Value::Signed((*x).into()),
            Val::S32(x) => Value::Signed((*x).into()),
            Val::S64(x) => Value::Signed(*x),
            Val::U8(x) => Value::Unsigned((*x).into()),
            Val::U16(x) => Value::Unsigned((*x).into()),
            Val::U32(x) => Value::Unsigned((*x).into()),
            Val::U64(x) => Value::Unsigned(*x),
            Val::Float32(x) => Value::F32(*x),
            Val::Float64(x) => Value::F64(*x),
            Val::Char(x) => Value::Char(*x),
            Val::String(x) => Value::String(self.text(x)?),
            Val::List(items) => Value::List(items.iter().map(|x| self.value(x, depth)).collect::<Result<_, _>>()?),
            Val::Tuple(items) => Value::Tuple(items.iter().map(|x| self.value(x, depth)).collect::<Result<_, _>>()?),
            Val::Record(fields) => {
                let field = |(name, x): &(String, Val)| Ok((name.clone(), self.value(x, depth)?));
                Value::Record(fields.iter().map(field).collect::<Result<_, ValueError>>()?)
            }
            Val::Variant(name, x) => Value::Variant(name.clone(), self.boxed(x, depth)?),
            Val::Enum(name) => Value::Enum(name.clone()),
            Val::Option(x) => Value::Option(self.boxed(x, depth)?),
            Val::Result(Ok(x)) => Value::Result(Ok(self.boxed(x, depth)?)),
            Val::Result(Err(x)) => Value::Result(Err(self.boxed(x, depth)?)),
            Val::Flags(set) => Value::Flags(set.clone()),
            _ => return Err(ValueError::NotData),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // A guest cannot make the host keep what it likes as a result.
    #[test]
    fn a_result_that_is_too_large_or_too_deep_is_refused() {
        let wide = Val::List(vec![Val::Bool(true); MAX_VALUES]);
        assert_eq!(lift(&wide), Err(ValueError::TooLarge));
        let deep = (0..MAX_DEPTH).fold(Val::Bool(true), |inner, _| Val::Option(Some(Box::new(inner))));
        assert_eq!(lift(&deep), Err(ValueError::TooLarge));
        assert_eq!(lift(&Val::String("x".repeat(MAX_TEXT + 1))), Err(ValueError::TooLarge));
        assert!(lift(&Val::String("x".repeat(1000))).is_ok());
    }

    // An argument that was not checked against the type is an error, never a wrong number.
    #[test]
    fn an_argument_of_another_type_is_an_error() {
        let parameters = || [("a", Type::U8)].into_iter();
        assert_eq!(lower(&[Value::Unsigned(255)], parameters()).unwrap(), [Val::U8(255)]);
        assert!(lower(&[Value::Unsigned(256)], parameters()).is_err());
        assert!(lower(&[Value::Signed(1)], parameters()).is_err());
        assert_eq!(
            lower(&[], parameters()).unwrap_err(),
            ValueError::Count { expected: 1, given: 0 }
        );
    }
}
