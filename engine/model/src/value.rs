//! Typed values of the component model, and their correspondence with the plain data of pipeline files and events.
//! Not here: expressions, and wasmtime's own value type.
//!
//! The correspondence (specified in `docs/formats/values.md`): `list` and `tuple` are lists; a `record` is a map by field name
//! (an absent `option` field is none); an `option` is the value or null; an `enum` case is its name; a `variant` case is
//! its name, or a map of that one name to what it carries; `flags` are a list of names; a `result` is a map of `ok` or
//! `err`; a `char` is a text of one character; numbers must fit exactly.

use serde_json::{Map, Number, Value as Json};

use crate::canonical::{Canonical, DecodeError, Decoder, Encoder};
use crate::component::WitType;

/// A typed value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `bool`
    Bool(bool),
    /// Any signed integer.
    Signed(i64),
    /// Any unsigned integer.
    Unsigned(u64),
    /// `f32`
    F32(f32),
    /// `f64`
    F64(f64),
    /// `char`
    Char(char),
    /// `string`
    String(String),
    /// `list<T>`
    List(Vec<Value>),
    /// `tuple<…>`
    Tuple(Vec<Value>),
    /// `record`: name and value, in declared order.
    Record(Vec<(String, Value)>),
    /// `variant`: the case and what it carries.
    Variant(String, Option<Box<Value>>),
    /// `enum`: the case.
    Enum(String),
    /// `option<T>`
    Option(Option<Box<Value>>),
    /// `result<T, E>`
    Result(Result<Option<Box<Value>>, Option<Box<Value>>>),
    /// `flags`: those that are set, in declared order.
    Flags(Vec<String>),
}

impl Canonical for Value {
    fn encode(&self, out: &mut Encoder) {
        match self {
            Self::Bool(x) => (out.uint(0), x.encode(out)).1,
            Self::Signed(x) => (out.uint(1), x.encode(out)).1,
            Self::Unsigned(x) => (out.uint(2), x.encode(out)).1,
            Self::F32(x) => (out.uint(3), out.raw(&canonical_f32(*x).to_le_bytes())).1,
            Self::F64(x) => (out.uint(4), out.raw(&canonical_f64(*x).to_le_bytes())).1,
            Self::Char(x) => (out.uint(5), u32::from(*x).encode(out)).1,
            Self::String(x) => (out.uint(6), x.encode(out)).1,
            Self::List(x) => (out.uint(7), x.encode(out)).1,
            Self::Tuple(x) => (out.uint(8), x.encode(out)).1,
            Self::Record(x) => (out.uint(9), x.encode(out)).1,
            Self::Variant(name, x) => (out.uint(10), name.encode(out), x.encode(out)).2,
            Self::Enum(name) => (out.uint(11), name.encode(out)).1,
            Self::Option(x) => (out.uint(12), x.encode(out)).1,
            Self::Result(Ok(x)) => (out.uint(13), x.encode(out)).1,
            Self::Result(Err(x)) => (out.uint(14), x.encode(out)).1,
            Self::Flags(x) => (out.uint(15), x.encode(out)).1,
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        fn items(from: &mut Decoder<'_>) -> Result<Vec<Value>, DecodeError> {
            (0..from.count()?).map(|_| from.nested()).collect()
        }
        Ok(match from.uint()? {
            0 => Self::Bool(Canonical::decode(from)?),
            1 => Self::Signed(Canonical::decode(from)?),
            2 => Self::Unsigned(Canonical::decode(from)?),
            3 => {
                let x = f32::from_le_bytes(from.array()?);
                if canonical_f32(x).to_bits() != x.to_bits() {
                    return Err(from.invalid("a NaN that is not the canonical one"));
                }
                Self::F32(x)
            }
            4 => {
                let x = f64::from_le_bytes(from.array()?);
                if canonical_f64(x).to_bits() != x.to_bits() {
                    return Err(from.invalid("a NaN that is not the canonical one"));
                }
                Self::F64(x)
            }
            5 => {
                Self::Char(char::from_u32(u32::decode(from)?).ok_or_else(|| from.invalid("a number that is no char"))?)
            }
            6 => Self::String(Canonical::decode(from)?),
            7 => Self::List(items(from)?),
            8 => Self::Tuple(items(from)?),
            9 => {
                let count = from.count()?;
                let fields = (0..count).map(|_| Ok((String::decode(from)?, from.nested()?)));
                Self::Record(fields.collect::<Result<_, DecodeError>>()?)
            }
            10 => Self::Variant(Canonical::decode(from)?, Canonical::decode(from)?),
            11 => Self::Enum(Canonical::decode(from)?),
            12 => Self::Option(Canonical::decode(from)?),
            13 => Self::Result(Ok(Canonical::decode(from)?)),
            14 => Self::Result(Err(Canonical::decode(from)?)),
            15 => Self::Flags(Canonical::decode(from)?),
            _ => return Err(from.invalid("an unknown ordinal of Value")),
        })
    }
}

fn canonical_f32(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(0x7fc0_0000) } else { x }
}

fn canonical_f64(x: f64) -> f64 {
    if x.is_nan() {
        f64::from_bits(0x7ff8_0000_0000_0000)
    } else {
        x
    }
}

/// Where data does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}expected {expected}, found {found}", self.place())]
pub struct Mismatch {
    /// The way from the argument to the place: field names and indices.
    pub path: Vec<String>,
    /// What the type asks for.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Mismatch {
    fn place(&self) -> String {
        if self.path.is_empty() {
            String::new()
        } else {
            format!("at `{}`: ", self.path.join("."))
        }
    }

    fn at(mut self, step: impl ToString) -> Self {
        self.path.insert(0, step.to_string());
        self
    }
}

fn shown(data: &Json) -> String {
    let text = match data {
        Json::Null => return "nothing".to_owned(),
        Json::Object(_) => return "a map".to_owned(),
        Json::Array(_) => return "a list".to_owned(),
        other => other.to_string(),
    };
    if text.chars().count() > 60 {
        format!("`{}…`", text.chars().take(60).collect::<String>())
    } else {
        format!("`{text}`")
    }
}

impl Value {
    /// Reads plain data as a value of type `ty`.
    ///
    /// # Errors
    /// The first place where the data does not fit.
    pub fn from_data(data: &Json, ty: &WitType) -> Result<Self, Mismatch> {
        let mismatch = || Mismatch {
            path: Vec::new(),
            expected: expectation(ty),
            found: shown(data),
        };
        match (ty, data) {
            (WitType::Bool, Json::Bool(x)) => Ok(Self::Bool(*x)),
            (WitType::Signed(bits), Json::Number(number)) => {
                let x = number
                    .as_i64()
                    .filter(|x| fits_signed(*x, *bits))
                    .ok_or_else(mismatch)?;
                Ok(Self::Signed(x))
            }
            (WitType::Unsigned(bits), Json::Number(number)) => {
                let x = number
                    .as_u64()
                    .filter(|x| *bits == 64 || *x >> *bits == 0)
                    .ok_or_else(mismatch)?;
                Ok(Self::Unsigned(x))
            }
            (WitType::F64, Json::Number(x)) => x.as_f64().map(Self::F64).ok_or_else(mismatch),
            (WitType::F32, Json::Number(x)) => x.as_f64().map(|x| Self::F32(x as f32)).ok_or_else(mismatch),
            (WitType::Char, Json::String(text)) => {
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => Ok(Self::Char(one)),
                    _ => Err(mismatch()),
                }
            }
            (WitType::String, Json::String(text)) => Ok(Self::String(text.clone())),
            (WitType::List(item), Json::Array(items)) => list_from(items, item).map(Self::List),
            (WitType::Tuple(types), Json::Array(items)) if types.len() == items.len() => {
                let pairs = items.iter().zip(types).enumerate();
                let items = pairs.map(|(i, (x, ty))| Self::from_data(x, ty).map_err(|e| e.at(i)));
                Ok(Self::Tuple(items.collect::<Result<_, _>>()?))
            }
            (WitType::Option(_), Json::Null) => Ok(Self::Option(None)),
            (WitType::Option(item), data) => Ok(Self::Option(Some(Box::new(Self::from_data(data, item)?)))),
            (WitType::Enum(names), Json::String(text)) if names.contains(text) => Ok(Self::Enum(text.clone())),
            (WitType::Flags(names), Json::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    if !item.as_str().is_some_and(|x| names.iter().any(|name| name == x)) {
                        let expected = format!("one of {}", quoted(names));
                        return Err(Mismatch {
                            path: vec![i.to_string()],
                            expected,
                            found: shown(item),
                        });
                    }
                }
                let set = names
                    .iter()
                    .filter(|name| items.iter().any(|x| x.as_str() == Some(name)));
                Ok(Self::Flags(set.cloned().collect()))
            }
            (WitType::Record(fields), Json::Object(map)) => {
                let known = |key: &&String| !fields.iter().any(|f| f.name == **key);
                if let Some(key) = map.keys().find(known) {
                    let names: Vec<String> = fields.iter().map(|f| f.name.clone()).collect();
                    let expected = format!("one of the fields {}", quoted(&names));
                    return Err(Mismatch {
                        path: Vec::new(),
                        expected,
                        found: format!("the field `{key}`"),
                    });
                }
                let fields = fields.iter().map(|field| {
                    let data = map.get(&field.name).unwrap_or(&Json::Null);
                    let value = Self::from_data(data, &field.ty).map_err(|e| e.at(&field.name))?;
                    Ok((field.name.clone(), value))
                });
                Ok(Self::Record(fields.collect::<Result<_, Mismatch>>()?))
            }
            (WitType::Variant(cases), data) => variant_from(cases, data).ok_or_else(mismatch)?,
            (WitType::Result(both), Json::Object(map)) if map.len() == 1 => {
                let side = |ty: &Option<WitType>, data: &Json| match (ty, data) {
                    (None, Json::Null) => Ok(None),
                    (None, _) => Err(mismatch()),
                    (Some(ty), data) => Ok(Some(Box::new(Self::from_data(data, ty)?))),
                };
                match (map.get("ok"), map.get("err")) {
                    (Some(data), None) => Ok(Self::Result(Ok(side(&both.ok, data).map_err(|e| e.at("ok"))?))),
                    (None, Some(data)) => Ok(Self::Result(Err(side(&both.err, data).map_err(|e| e.at("err"))?))),
                    _ => Err(mismatch()),
                }
            }
            _ => Err(mismatch()),
        }
    }

    /// The value as plain data. Floats that JSON cannot say become null.
    pub fn to_data(&self) -> Json {
        let boxed = |x: &Option<Box<Value>>| x.as_ref().map_or(Json::Null, |x| x.to_data());
        let single = |key: &str, data: Json| Json::Object(Map::from_iter([(key.to_owned(), data)]));
        match self {
            Self::Bool(x) => Json::Bool(*x),
            Self::Signed(x) => Json::from(*x),
            Self::Unsigned(x) => Json::from(*x),
            Self::F32(x) => Number::from_f64(f64::from(*x)).map_or(Json::Null, Json::Number),
            Self::F64(x) => Number::from_f64(*x).map_or(Json::Null, Json::Number),
            Self::Char(x) => Json::String(x.to_string()),
            Self::String(x) | Self::Enum(x) | Self::Variant(x, None) => Json::String(x.clone()),
            Self::List(items) | Self::Tuple(items) => items.iter().map(Self::to_data).collect(),
            Self::Record(fields) => Json::Object(fields.iter().map(|(k, v)| (k.clone(), v.to_data())).collect()),
            Self::Variant(name, Some(x)) => single(name, x.to_data()),
            Self::Option(x) => boxed(x),
            Self::Result(Ok(x)) => single("ok", boxed(x)),
            Self::Result(Err(x)) => single("err", boxed(x)),
            Self::Flags(names) => names.iter().cloned().map(Json::String).collect(),
        }
    }
}

fn list_from(items: &[Json], ty: &WitType) -> Result<Vec<Value>, Mismatch> {
    items
        .iter()
        .enumerate()
        .map(|(i, x)| Value::from_data(x, ty).map_err(|e| e.at(i)))
        .collect()
}

fn variant_from(cases: &[crate::component::Case], data: &Json) -> Option<Result<Value, Mismatch>> {
    match data {
        Json::String(name) => {
            let case = cases.iter().find(|case| case.name == *name && case.ty.is_none())?;
            Some(Ok(Value::Variant(case.name.clone(), None)))
        }
        Json::Object(map) if map.len() == 1 => {
            let (name, data) = map.iter().next()?;
            let case = cases.iter().find(|case| case.name == *name)?;
            let ty = case.ty.as_ref()?;
            let value = Value::from_data(data, ty).map_err(|e| e.at(name));
            Some(value.map(|x| Value::Variant(case.name.clone(), Some(Box::new(x)))))
        }
        _ => None,
    }
}

fn fits_signed(x: i64, bits: u8) -> bool {
    bits >= 64 || (-(1i64 << (bits - 1))..(1i64 << (bits - 1))).contains(&x)
}

fn quoted(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a person should write for a type, as part of a sentence.
fn expectation(ty: &WitType) -> String {
    match ty {
        WitType::Bool => "`true` or `false`".to_owned(),
        WitType::Signed(bits) => format!("a whole number of {bits} bits"),
        WitType::Unsigned(bits) => format!("a whole number of {bits} bits, not negative"),
        WitType::F32 | WitType::F64 => "a number".to_owned(),
        WitType::Char => "one character".to_owned(),
        WitType::String => "a text".to_owned(),
        WitType::List(item) => format!("a list of `{item}`"),
        WitType::Enum(names) => format!("one of {}", quoted(names)),
        WitType::Option(item) => expectation(item),
        WitType::Unsupported(text) => format!("a `{text}`, which no pipeline can give"),
        other => format!("a `{other}`"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // One value has one encoding: a NaN with other bits than the canonical one is refused, and encoding makes it canonical.
    #[test]
    fn a_nan_has_one_encoding() {
        let canonical = Value::F64(f64::NAN).to_bytes();
        assert_eq!(Value::F64(-f64::NAN).to_bytes(), canonical);
        let mut from = Decoder::new(&canonical);
        assert!(matches!(Value::decode(&mut from).unwrap(), Value::F64(x) if x.is_nan()));
        let mut other = canonical;
        other[1] = 1;
        assert!(Value::decode(&mut Decoder::new(&other)).is_err());
    }

    // A value that a pipeline gives must fit its type exactly: a number out of range, a name that is no case and a field
    // too many are told with their place.
    #[test]
    fn data_that_does_not_fit_is_told_with_its_place() {
        let field = |name: &str, ty| crate::component::Field {
            name: name.to_owned(),
            ty,
        };
        let ty = WitType::Record(vec![
            field("level", WitType::Enum(vec!["low".to_owned(), "high".to_owned()])),
            field("counts", WitType::List(Box::new(WitType::Unsigned(8)))),
        ]);
        let told = |data: Json| Value::from_data(&data, &ty).unwrap_err().to_string();
        let too_large = told(serde_json::json!({ "level": "low", "counts": [1, 256] }));
        assert_eq!(
            too_large,
            "at `counts.1`: expected a whole number of 8 bits, not negative, found `256`"
        );
        let no_case = told(serde_json::json!({ "level": "mid", "counts": [] }));
        assert_eq!(no_case, "at `level`: expected one of `low`, `high`, found `\"mid\"`");
        let too_many = told(serde_json::json!({ "level": "low", "counts": [], "more": 1 }));
        assert_eq!(
            too_many,
            "expected one of the fields `level`, `counts`, found the field `more`"
        );
    }

    // What a step returned, as data, reads back as the same value: options, variants, flags and results included.
    #[test]
    fn a_value_survives_the_way_through_data() {
        let ty = WitType::Tuple(vec![
            WitType::Option(Box::new(WitType::Char)),
            WitType::Flags(vec!["a".to_owned(), "b".to_owned()]),
            WitType::Variant(vec![
                crate::component::Case {
                    name: "none".to_owned(),
                    ty: None,
                },
                crate::component::Case {
                    name: "size".to_owned(),
                    ty: Some(WitType::Signed(64)),
                },
            ]),
            WitType::Result(Box::new(crate::component::ResultType {
                ok: None,
                err: Some(WitType::String),
            })),
        ]);
        let value = Value::Tuple(vec![
            Value::Option(Some(Box::new(Value::Char('é')))),
            Value::Flags(vec!["b".to_owned()]),
            Value::Variant("size".to_owned(), Some(Box::new(Value::Signed(i64::MIN)))),
            Value::Result(Err(Some(Box::new(Value::String("no".to_owned()))))),
        ]);
        assert_eq!(Value::from_data(&value.to_data(), &ty).unwrap(), value);
        let bytes = value.to_bytes();
        assert_eq!(Value::decode(&mut Decoder::new(&bytes)).unwrap(), value);
    }
}
