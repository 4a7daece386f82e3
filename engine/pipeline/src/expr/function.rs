//! The functions of expressions: those of CEL without time and bytes, and a few on texts. Not here: operators.

use serde_json::Value as Json;

/// A function; a receiver is its first argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    String,
    Int,
    Double,
    Bool,
    StartsWith,
    EndsWith,
    Contains,
    Split,
    Join,
    Replace,
    Trim,
    LowerAscii,
    UpperAscii,
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `f(x)`
    Plain,
    /// `x.f(…)`
    Receiver,
    /// Either.
    Both,
}

/// Name, function, form, number of arguments with the receiver.
const FUNCTIONS: &[(&str, Function, Form, usize)] = &[
    ("size", Function::Size, Form::Both, 1),
    ("string", Function::String, Form::Plain, 1),
    ("int", Function::Int, Form::Plain, 1),
    ("double", Function::Double, Form::Plain, 1),
    ("bool", Function::Bool, Form::Plain, 1),
    ("startsWith", Function::StartsWith, Form::Receiver, 2),
    ("endsWith", Function::EndsWith, Form::Receiver, 2),
    ("contains", Function::Contains, Form::Receiver, 2),
    ("split", Function::Split, Form::Receiver, 2),
    ("join", Function::Join, Form::Receiver, 2),
    ("replace", Function::Replace, Form::Receiver, 3),
    ("trim", Function::Trim, Form::Receiver, 1),
    ("lowerAscii", Function::LowerAscii, Form::Receiver, 1),
    ("upperAscii", Function::UpperAscii, Form::Receiver, 1),
];

/// The macros that the parser takes apart, for suggestions.
pub(super) const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];

/// Every name that can be called.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, ..)| *name).chain(MACROS)
}

/// Finds a function.
///
/// # Errors
/// How it is to be called, if the name is right and the call is not; else none.
pub(super) fn find(name: &str, receiver: bool, arguments: usize) -> Result<Function, Option<String>> {
    let Some((name, function, form, count)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
        return Err(None);
    };
    let fits = match form {
        Form::Plain => !receiver,
        Form::Receiver => receiver,
        Form::Both => true,
    };
    if fits && arguments == *count {
        return Ok(*function);
    }
    let rest = ["a", "b"][..count - 1].join(", ");
    Err(Some(if *form == Form::Plain {
        format!("{name}(x)")
    } else {
        format!("x.{name}({rest})")
    }))
}

impl Function {
    fn name(self) -> &'static str {
        FUNCTIONS
            .iter()
            .find(|(_, function, ..)| *function == self)
            .map_or("", |(name, ..)| name)
    }

    /// The value.
    ///
    /// # Errors
    /// Arguments of another kind, or a text that is no number.
    pub(super) fn call(self, arguments: &[&Json]) -> Result<Json, String> {
        match (self, arguments) {
            (Self::Size, [Json::String(x)]) => Ok(x.chars().count().into()),
            (Self::Size, [Json::Array(x)]) => Ok(x.len().into()),
            (Self::Size, [Json::Object(x)]) => Ok(x.len().into()),
            (Self::String, [Json::String(x)]) => Ok(x.clone().into()),
            (Self::String, [x @ (Json::Number(_) | Json::Bool(_))]) => Ok(x.to_string().into()),
            (Self::Int, [x]) => to_int(x),
            (Self::Double, [x]) => to_double(x),
            (Self::Bool, [Json::Bool(x)]) => Ok((*x).into()),
            (Self::Bool, [Json::String(x)]) if x == "true" || x == "false" => Ok((x == "true").into()),
            (Self::StartsWith, [Json::String(x), Json::String(y)]) => Ok(x.starts_with(y.as_str()).into()),
            (Self::EndsWith, [Json::String(x), Json::String(y)]) => Ok(x.ends_with(y.as_str()).into()),
            (Self::Contains, [Json::String(x), Json::String(y)]) => Ok(x.contains(y.as_str()).into()),
            (Self::Split, [Json::String(x), Json::String(y)]) => Ok(x.split(y.as_str()).map(Json::from).collect()),
            (Self::Join, [Json::Array(items), Json::String(by)]) => {
                let texts: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
                texts
                    .map(|texts| texts.join(by).into())
                    .ok_or_else(|| "`join` takes a list of texts".to_owned())
            }
            // An empty pattern would put the new text between all characters: nobody means that.
            (Self::Replace, [Json::String(x), Json::String(from), Json::String(to)]) if !from.is_empty() => {
                Ok(x.replace(from.as_str(), to).into())
            }
            (Self::Trim, [Json::String(x)]) => Ok(x.trim().into()),
            (Self::LowerAscii, [Json::String(x)]) => Ok(x.to_ascii_lowercase().into()),
            (Self::UpperAscii, [Json::String(x)]) => Ok(x.to_ascii_uppercase().into()),
            _ => {
                let kinds: Vec<&str> = arguments.iter().map(|x| super::eval::kind(x)).collect();
                Err(format!("`{}` cannot take {}", self.name(), kinds.join(" and ")))
            }
        }
    }
}

fn to_int(x: &Json) -> Result<Json, String> {
    let fail = || format!("`{x}` is no whole number of 64 bits");
    match x {
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(x), _) => Ok(x.into()),
            // The bounds are exact in a float; between them the cast is exact after truncation.
            (None, Some(x))
                if number.is_f64() && x > -9_223_372_036_854_775_808.0 && x < 9_223_372_036_854_775_808.0 =>
            {
                Ok((x as i64).into())
            }
            _ => Err(fail()),
        },
        Json::String(text) => text.parse::<i64>().map(Json::from).map_err(|_| fail()),
        _ => Err(fail()),
    }
}

fn to_double(x: &Json) -> Result<Json, String> {
    let value = match x {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    let number = value.and_then(serde_json::Number::from_f64);
    number
        .map(Json::Number)
        .ok_or_else(|| format!("`{x}` is no finite number"))
}
