//! The value of an expression: exact integers of 64 bits, finite floats, maps in the order of their keys, and a bound on
//! the work. Not here: reading expressions (`convert`).

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Number, Value as Json};

use super::{Expr, Fold, Operator, Root};

/// How much work an expression may do: nodes that are evaluated, items and bytes that are made.
const MAX_WORK: u64 = 2_000_000;

/// What the roots stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roots<'a> {
    pub(crate) inputs: &'a Map<String, Json>,
    pub(crate) steps: &'a Map<String, Json>,
    pub(crate) matrix: &'a Map<String, Json>,
    pub(crate) event: &'a Json,
}

/// The value of an expression.
///
/// # Errors
/// Why it has none, as a sentence without a period.
pub(crate) fn evaluate(expr: &Expr, roots: Roots<'_>) -> Result<Json, String> {
    let mut run = Run {
        roots,
        bound: Vec::new(),
        left: MAX_WORK,
    };
    Ok(run.eval(expr)?.into_owned())
}

/// What kind of value this is, as messages say it.
pub(super) fn kind(x: &Json) -> &'static str {
    match x {
        Json::Null => "nothing",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// A map that is not in a value of its own, or a value.
enum Operand<'a> {
    Map(&'a Map<String, Json>),
    Value(Cow<'a, Json>),
}

struct Run<'a> {
    roots: Roots<'a>,
    bound: Vec<(&'a str, Json)>,
    left: u64,
}

type Evaluated<'a> = Result<Cow<'a, Json>, String>;

impl<'a> Run<'a> {
    fn spend(&mut self, work: usize) -> Result<(), String> {
        self.left = self.left.saturating_sub(work as u64);
        if self.left == 0 {
            Err("it takes too much work".to_owned())
        } else {
            Ok(())
        }
    }

    fn eval(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        self.spend(1)?;
        match expr {
            Expr::Literal(data) => Ok(Cow::Borrowed(data)),
            Expr::Root(Root::Event) => Ok(Cow::Borrowed(self.roots.event)),
            Expr::Root(_) | Expr::Select(..) | Expr::Index(..) => match self.operand(expr)? {
                Operand::Value(value) => Ok(value),
                Operand::Map(map) => {
                    self.spend(map.len())?;
                    Ok(Cow::Owned(Json::Object(map.clone())))
                }
            },
            Expr::Variable(name) => {
                let at = self.bound.iter().rposition(|(bound, _)| bound == name);
                let value = at
                    .map(|at| self.bound[at].1.clone())
                    .ok_or_else(|| format!("there is no `{name}`"))?;
                self.spend(weight(&value))?;
                Ok(Cow::Owned(value))
            }
            Expr::Has(of, field) => {
                let has = match self.operand(of)? {
                    Operand::Map(map) => map.get(field).is_some_and(|x| !x.is_null()),
                    Operand::Value(value) => value.get(field.as_str()).is_some_and(|x| !x.is_null()),
                };
                Ok(Cow::Owned(has.into()))
            }
            Expr::List(items) => {
                let items = items.iter().map(|item| self.eval(item).map(Cow::into_owned));
                Ok(Cow::Owned(Json::Array(items.collect::<Result<_, _>>()?)))
            }
            Expr::Map(entries) => self.map(entries),
            Expr::Not(x) => self.boolean(x).map(|x| Cow::Owned((!x).into())),
            Expr::Negate(x) => {
                let value = self.eval(x)?;
                arithmetic(Operator::Subtract, &Json::from(0), &value).map(Cow::Owned)
            }
            Expr::And(a, b) => self.logic(a, b, false),
            Expr::Or(a, b) => self.logic(a, b, true),
            Expr::If(condition, yes, no) => {
                if self.boolean(condition)? {
                    self.eval(yes)
                } else {
                    self.eval(no)
                }
            }
            Expr::Binary(operator, a, b) => {
                let (a, b) = (self.eval(a)?, self.eval(b)?);
                self.spend(weight(&a) + weight(&b))?;
                binary(*operator, &a, &b).map(Cow::Owned)
            }
            Expr::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    let value = self.eval(argument)?;
                    self.spend(weight(&value))?;
                    values.push(value);
                }
                // A replacement makes at most the product of its texts.
                if let [Json::String(x), _, Json::String(to)] = values.iter().map(|x| &**x).collect::<Vec<_>>()[..] {
                    self.spend(x.len().saturating_mul(to.len()))?;
                }
                if let [Json::Array(x), Json::String(by)] = values.iter().map(|x| &**x).collect::<Vec<_>>()[..] {
                    self.spend(x.len().saturating_mul(by.len()))?;
                }
                let values: Vec<&Json> = values.iter().map(|x| &**x).collect();
                function.call(&values).map(Cow::Owned)
            }
            // Strictly false is only the value false: an error or anything else is not.
            Expr::NotStrictlyFalse(x) => match self.eval(x) {
                Ok(value) => Ok(Cow::Owned((*value != Json::Bool(false)).into())),
                Err(_) => Ok(Cow::Owned(true.into())),
            },
            Expr::Fold(fold) => self.fold(fold),
        }
    }

    /// As [`Run::eval`], without a copy of what a root holds.
    fn operand(&mut self, expr: &'a Expr) -> Result<Operand<'a>, String> {
        match expr {
            Expr::Root(Root::Inputs) => Ok(Operand::Map(self.roots.inputs)),
            Expr::Root(Root::Steps) => Ok(Operand::Map(self.roots.steps)),
            Expr::Root(Root::Matrix) => Ok(Operand::Map(self.roots.matrix)),
            Expr::Select(of, field) => {
                self.spend(1)?;
                let of = self.operand(of)?;
                member(of, field).map(Operand::Value)
            }
            Expr::Index(of, index) => {
                let index = self.eval(index)?;
                let of = self.operand(of)?;
                match &*index {
                    Json::String(key) => member(of, key).map(Operand::Value),
                    Json::Number(number) => item(of, number).map(Operand::Value),
                    other => Err(format!("{} cannot be an index", kind(other))),
                }
            }
            other => self.eval(other).map(Operand::Value),
        }
    }

    fn boolean(&mut self, expr: &'a Expr) -> Result<bool, String> {
        let value = self.eval(expr)?;
        value
            .as_bool()
            .ok_or_else(|| format!("a condition is `true` or `false`, not {}", kind(&value)))
    }

    /// `&&` and `||`: either side alone decides, even when the other one fails.
    fn logic(&mut self, a: &'a Expr, b: &'a Expr, decisive: bool) -> Evaluated<'a> {
        let first = self.boolean(a);
        if first == Ok(decisive) {
            return Ok(Cow::Owned(decisive.into()));
        }
        let second = self.boolean(b);
        if second == Ok(decisive) {
            return Ok(Cow::Owned(decisive.into()));
        }
        first?;
        second.map(|x| Cow::Owned(x.into()))
    }

    fn map(&mut self, entries: &'a [(Expr, Expr)]) -> Evaluated<'a> {
        let mut map = Map::new();
        for (key, value) in entries {
            let key = self.eval(key)?.into_owned();
            let Json::String(key) = key else {
                return Err(format!("the keys of a map are texts, not {}", kind(&key)));
            };
            let value = self.eval(value)?.into_owned();
            if map.insert(key.clone(), value).is_some() {
                return Err(format!("the key `{key}` is there twice"));
            }
        }
        Ok(Cow::Owned(Json::Object(map)))
    }

    fn fold(&mut self, fold: &'a Fold) -> Evaluated<'a> {
        let range = match self.operand(&fold.range)? {
            Operand::Map(map) => keys(map),
            Operand::Value(value) => match value.into_owned() {
                Json::Array(items) => items,
                Json::Object(map) => keys(&map),
                other => return Err(format!("{} has no items", kind(&other))),
            },
        };
        self.spend(range.len())?;
        let mut accumulated = self.eval(&fold.init)?.into_owned();
        for item in range {
            self.bound.push((&fold.variable, item));
            let stepped = self.fold_step(fold, accumulated);
            self.bound.pop();
            let (value, more) = stepped?;
            accumulated = value;
            if !more {
                break;
            }
        }
        self.bound.push((&fold.accumulator, accumulated));
        let result = self.eval(&fold.result);
        self.bound.pop();
        result
    }

    fn fold_step(&mut self, fold: &'a Fold, accumulated: Json) -> Result<(Json, bool), String> {
        self.bound.push((&fold.accumulator, accumulated));
        let more = self.boolean(&fold.condition);
        let accumulated = self.bound.pop().map_or(Json::Null, |(_, value)| value);
        if !more? {
            return Ok((accumulated, false));
        }
        Ok((self.accumulate(fold, &fold.step, accumulated)?, true))
    }

    /// The accumulator's next value. Appending to it, which is what `map` and `filter` do, does not copy it.
    fn accumulate(&mut self, fold: &'a Fold, step: &'a Expr, accumulated: Json) -> Result<Json, String> {
        let is_accumulator = |expr: &Expr| matches!(expr, Expr::Variable(name) if *name == fold.accumulator);
        match (step, accumulated) {
            (step, accumulated) if is_accumulator(step) => Ok(accumulated),
            (Expr::Binary(Operator::Add, a, b), Json::Array(mut items)) if is_accumulator(a) => {
                let added = self.eval(b)?;
                self.spend(weight(&added))?;
                match added.into_owned() {
                    Json::Array(added) => items.extend(added),
                    other => return Err(format!("a list and {} cannot be added", kind(&other))),
                }
                Ok(Json::Array(items))
            }
            (Expr::If(condition, yes, no), accumulated) => {
                let chosen = if self.boolean(condition)? { yes } else { no };
                self.accumulate(fold, chosen, accumulated)
            }
            (step, accumulated) => {
                self.bound.push((&fold.accumulator, accumulated));
                let value = self.eval(step).map(Cow::into_owned);
                self.bound.pop();
                value
            }
        }
    }
}

/// The keys of a map, sorted: the order of iteration never depends on how the map was made.
fn keys(map: &Map<String, Json>) -> Vec<Json> {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    keys.into_iter().map(|key| Json::String(key.clone())).collect()
}

/// What a value costs to copy or compare.
fn weight(x: &Json) -> usize {
    match x {
        Json::String(text) => text.len() / 16,
        Json::Array(items) => items.iter().map(|x| 1 + weight(x)).sum(),
        Json::Object(map) => map.values().map(|x| 1 + weight(x)).sum(),
        _ => 0,
    }
}

fn member<'a>(of: Operand<'a>, name: &str) -> Evaluated<'a> {
    let missing = || format!("there is no `{name}`");
    match of {
        Operand::Map(map) => map.get(name).map(Cow::Borrowed).ok_or_else(missing),
        Operand::Value(Cow::Borrowed(Json::Object(map))) => map.get(name).map(Cow::Borrowed).ok_or_else(missing),
        Operand::Value(Cow::Owned(Json::Object(mut map))) => map.remove(name).map(Cow::Owned).ok_or_else(missing),
        Operand::Value(other) => Err(format!("there is no `{name}` in {}", kind(&other))),
    }
}

fn item<'a>(of: Operand<'a>, index: &Number) -> Evaluated<'a> {
    let Operand::Value(value) = of else {
        return Err("the keys of a map are texts".to_owned());
    };
    let outside = || format!("there is no item {index}");
    let at = index
        .as_u64()
        .and_then(|x| usize::try_from(x).ok())
        .ok_or_else(outside)?;
    match value {
        Cow::Borrowed(Json::Array(items)) => items.get(at).map(Cow::Borrowed).ok_or_else(outside),
        Cow::Owned(Json::Array(mut items)) if at < items.len() => Ok(Cow::Owned(items.swap_remove(at))),
        Cow::Owned(Json::Array(_)) => Err(outside()),
        other => Err(format!("{} has no items", kind(&other))),
    }
}

fn binary(operator: Operator, a: &Json, b: &Json) -> Result<Json, String> {
    match operator {
        Operator::Equal => Ok(equal(a, b).into()),
        Operator::NotEqual => Ok((!equal(a, b)).into()),
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
            let order = order(a, b).ok_or_else(|| mismatch(operator, a, b))?;
            Ok(match operator {
                Operator::Less => order.is_lt(),
                Operator::LessEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                _ => order.is_ge(),
            }
            .into())
        }
        Operator::In => match (a, b) {
            (a, Json::Array(items)) => Ok(items.iter().any(|item| equal(a, item)).into()),
            (Json::String(key), Json::Object(map)) => Ok(map.contains_key(key).into()),
            _ => Err(mismatch(operator, a, b)),
        },
        Operator::Add => match (a, b) {
            (Json::String(x), Json::String(y)) => Ok(format!("{x}{y}").into()),
            (Json::Array(x), Json::Array(y)) => Ok(x.iter().chain(y).cloned().collect()),
            _ => arithmetic(operator, a, b),
        },
        _ => arithmetic(operator, a, b),
    }
}

fn mismatch(operator: Operator, a: &Json, b: &Json) -> String {
    format!("`{}` does not go between {} and {}", operator.sign(), kind(a), kind(b))
}

fn integer(x: &Number) -> Option<i128> {
    x.as_i64().map(i128::from).or_else(|| x.as_u64().map(i128::from))
}

fn arithmetic(operator: Operator, a: &Json, b: &Json) -> Result<Json, String> {
    let (Json::Number(x), Json::Number(y)) = (a, b) else {
        return Err(mismatch(operator, a, b));
    };
    if let (Some(x), Some(y)) = (integer(x), integer(y)) {
        // Both have at most 64 bits, so no product leaves 128.
        let value = match operator {
            Operator::Add => x + y,
            Operator::Subtract => x - y,
            Operator::Multiply => x.checked_mul(y).unwrap_or(i128::MAX),
            Operator::Divide | Operator::Modulo if y == 0 => return Err("a division by zero".to_owned()),
            Operator::Divide => x / y,
            Operator::Modulo => x % y,
            _ => return Err(mismatch(operator, a, b)),
        };
        let fits = i64::try_from(value)
            .map(Json::from)
            .or_else(|_| u64::try_from(value).map(Json::from));
        return fits.map_err(|_| "the number has more than 64 bits".to_owned());
    }
    let (Some(x), Some(y)) = (x.as_f64(), y.as_f64()) else {
        return Err(mismatch(operator, a, b));
    };
    let value = match operator {
        Operator::Add => x + y,
        Operator::Subtract => x - y,
        Operator::Multiply => x * y,
        Operator::Divide => x / y,
        _ => return Err("`%` takes whole numbers".to_owned()),
    };
    Number::from_f64(value)
        .map(Json::Number)
        .ok_or_else(|| "the number is not finite".to_owned())
}

fn order(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => order_numbers(x, y),
        (Json::String(x), Json::String(y)) => Some(x.cmp(y)),
        (Json::Bool(x), Json::Bool(y)) => Some(x.cmp(y)),
        _ => None,
    }
}

fn order_numbers(x: &Number, y: &Number) -> Option<Ordering> {
    match (integer(x), integer(y)) {
        (Some(x), Some(y)) => Some(x.cmp(&y)),
        _ => x.as_f64()?.partial_cmp(&y.as_f64()?),
    }
}

/// Equality: numbers by value, whatever they are written as; lists and maps by what is in them.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(x), Json::Number(y)) => order_numbers(x, y) == Some(Ordering::Equal),
        (Json::Array(x), Json::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y)),
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| equal(x, y)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::expr::compile;

    fn run(text: &str) -> Result<Json, String> {
        let map = |value: Json| if let Json::Object(map) = value { map } else { Map::new() };
        let inputs = map(json!({ "name": "ab", "n": 3, "list": [3, 1], "map": { "b": 2, "a": 1 }, "big": u64::MAX }));
        let steps = map(json!({ "x": { "outcome": "succeeded", "result": { "file-count": 7 } } }));
        let event = json!({ "ref": "main", "tags": ["v1"] });
        let compiled = compile(text).map_err(|x| x.message)?;
        evaluate(
            &compiled.expr,
            Roots {
                inputs: &inputs,
                steps: &steps,
                matrix: &Map::new(),
                event: &event,
            },
        )
    }

    // The language is CEL on plain data: a table of what people write.
    #[test]
    fn expressions_have_the_values_of_cel() {
        for (text, value) in [
            ("1 + 2 * 3 - 4 / 2 % 3", json!(5)),
            ("-7 / 2", json!(-3)),
            ("-inputs.n", json!(-3)),
            ("1.5 + 1", json!(2.5)),
            ("1 == 1.0 && 1 != 2 && [1] == [1.0]", json!(true)),
            ("'a' + \"b\" == inputs.name", json!(true)),
            ("inputs.list + [2]", json!([3, 1, 2])),
            ("size(inputs.list) + inputs.name.size()", json!(4)),
            ("inputs.map.a < inputs.map['b'] ? 'yes' : 'no'", json!("yes")),
            (
                "'a' in inputs.map && 3 in inputs.list && !('z' in inputs.map)",
                json!(true),
            ),
            ("has(inputs.map.a) && !has(inputs.map.z)", json!(true)),
            ("inputs.map.map(k, k)", json!(["a", "b"])),
            ("inputs.map.exists(k, inputs.map[k] == 2)", json!(true)),
            ("inputs.list.filter(x, x > 1).map(x, x * 10)", json!([30])),
            (
                "inputs.list.all(x, x > 0) && inputs.list.exists_one(x, x == 1)",
                json!(true),
            ),
            ("[[1, 2], [3]].map(x, x.map(y, y + 1))", json!([[2, 3], [4]])),
            ("inputs.missing == 1 || true", json!(true)),
            ("false && inputs.missing", json!(false)),
            (
                "steps.x.result.`file-count` + steps['x'].result['file-count']",
                json!(14),
            ),
            ("event.ref.startsWith('ma') && event.tags[0] == 'v1'", json!(true)),
            (
                "'a,b'.split(',').join('+').replace('a', 'c').upperAscii()",
                json!("C+B"),
            ),
            ("int('12') + int(1.9) + int(inputs.n)", json!(16)),
            ("string(1) + string(true) + string(1.5)", json!("1true1.5")),
            ("{'a': 1, 'b': [null]}", json!({ "a": 1, "b": [null] })),
            ("inputs.big", json!(u64::MAX)),
            ("9223372036854775807", json!(i64::MAX)),
            ("'é'.size()", json!(1)),
        ] {
            assert_eq!(run(text), Ok(value), "{text}");
        }
    }

    // What has no value is an error in words, never a panic, a wrapped number or an infinity.
    #[test]
    fn what_has_no_value_is_an_error() {
        for text in [
            "inputs.missing",
            "inputs.map.z",
            "inputs.list[2]",
            "inputs.list[-1]",
            "inputs.n.x",
            "1 / 0",
            "1 % 0",
            "1e308 * 10.0",
            "9223372036854775807 * 9223372036854775807",
            "inputs.big + inputs.big",
            "'a' + 1",
            "1 < 'a'",
            "!1",
            "1 ? 2 : 3",
            "{1: 2}",
            "{'a': 1, 'a': 2}",
            "int('x')",
            "int(1e300)",
            "bool('maybe')",
            "'a'.replace('', 'b')",
            "inputs.n.map(x, x)",
            "1.5 % 1.0",
            "[1].join(',')",
            "-'a'",
            "inputs.n in inputs.n",
        ] {
            assert!(run(text).is_err(), "{text}");
        }
    }

    // Neither work nor memory is without bound, however little text asks for it.
    #[test]
    fn work_is_bounded() {
        let ten = "[1,2,3,4,5,6,7,8,9,10]";
        let mut nested = "1".to_owned();
        for i in 0..9 {
            nested = format!("{ten}.map(x{i}, {nested})");
        }
        assert_eq!(run(&nested), Err("it takes too much work".to_owned()));
        let mut doubled = "'xxxxxxxxxxxxxxxx'".to_owned();
        for _ in 0..40 {
            doubled = format!("[{doubled}].map(x, x + x)[0]");
        }
        assert!(run(&doubled).is_err());
    }

    // Hostile texts end in an error, whatever they nest: brackets, signs, choices, chains.
    #[test]
    fn hostile_texts_are_refused() {
        let texts = [
            "(".repeat(1999),
            "[".repeat(1000),
            "!".repeat(1999),
            "-!".repeat(999),
            "a?b:".repeat(499),
            "1+".repeat(999) + "1",
            "inputs".to_owned() + &".a".repeat(900),
            "{'a':".repeat(300),
            "\u{0}".to_owned(),
            "'".to_owned(),
            "1 +".to_owned(),
            "x".repeat(3000),
            "b'x'".to_owned(),
            "a.b{c: 1}".to_owned(),
            "timestamp('x')".to_owned(),
            "now()".to_owned(),
            "[1].map(inputs, 1)".to_owned(),
            "size()".to_owned(),
            "'x'.size(1)".to_owned(),
            "has(1)".to_owned(),
            "é".to_owned(),
        ];
        for text in texts {
            assert!(compile(&text).is_err(), "{text}");
        }
    }

    // References are what checks and edges go by: each way from a root, to its end.
    #[test]
    fn references_are_the_ways_from_roots() {
        let compiled =
            compile("steps['a-b'].result.x[0].y == inputs.n && event.tags.exists(t, t == matrix.os)").unwrap();
        let shown: Vec<String> = compiled
            .references
            .0
            .iter()
            .map(|(root, hops)| format!("{root:?} {hops:?}"))
            .collect();
        assert_eq!(
            shown,
            [
                r#"Inputs [Name("n")]"#,
                r#"Steps [Name("a-b"), Name("result"), Name("x"), Index, Name("y")]"#,
                r#"Matrix [Name("os")]"#,
                r#"Event [Name("tags")]"#,
            ]
        );
    }
}
