//! From the `cel` crate's syntax tree to ours: the only file that knows the crate. Bounds come first, so that neither
//! its parser nor the drop of its trees can exhaust the stack. Not here: the meaning of names (`check`).

use cel::common::ast::{CallExpr, EntryExpr, Expr as Cel, IdedExpr, LiteralValue, operators};
use cel::parser::PrattParser;
use serde_json::Value as Json;

use super::function::{self, MACROS};
use super::{
    Compiled, Expr, Fold, Hop, MAX_DEPTH, MAX_EXPRESSION_BYTES, Operator, ROOTS, References, Rejected, RejectedKind,
    Root,
};
use crate::nearest::{nearest, quoted};

/// How many `?` an expression may have: the parser recurses on them without counting.
const MAX_CHOICES: usize = 50;
/// The parser's own bound.
const MAX_PARSER_DEPTH: u16 = 40;

/// Reads an expression.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn compile(text: &str) -> Result<Compiled, Rejected> {
    let fail = |message: String| Err(rejected(RejectedKind::Syntax, message, None));
    if text.trim().is_empty() {
        return fail("an expression is empty".to_owned());
    }
    if text.len() > MAX_EXPRESSION_BYTES {
        return fail(format!(
            "an expression has at most {MAX_EXPRESSION_BYTES} bytes, this one has {}",
            text.len()
        ));
    }
    if text.matches('?').count() > MAX_CHOICES {
        return fail(format!("an expression has at most {MAX_CHOICES} choices"));
    }
    let parser = PrattParser::new()
        .max_recursion_depth(MAX_PARSER_DEPTH)
        .enable_ident_escape_syntax(true);
    let tree = match parser.parse(text) {
        Ok(tree) => tree,
        Err(errors) => {
            let first = errors.errors.first();
            let message = first.map_or("it does not read as one", |error| error.msg.as_str());
            let message = message
                .trim_start_matches("Syntax error: ")
                .lines()
                .next()
                .unwrap_or_default();
            let message = message.replace("<EOF>", "the end");
            let offset = first.and_then(|error| offset_of(text, error.pos));
            return Err(Rejected {
                offset,
                ..rejected(RejectedKind::Syntax, format!("not an expression: {message}"), None)
            });
        }
    };
    let mut convert = Convert {
        bound: Vec::new(),
        references: References::default(),
        text,
    };
    let expr = convert.expr(&tree, 0)?;
    Ok(Compiled {
        expr,
        references: convert.references,
    })
}

fn rejected(kind: RejectedKind, message: impl Into<String>, help: Option<String>) -> Rejected {
    Rejected {
        kind,
        message: message.into(),
        help,
        offset: None,
    }
}

fn offset_of(text: &str, (line, column): (isize, isize)) -> Option<usize> {
    let line = usize::try_from(line - 1).ok()?;
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let offset = before + usize::try_from(column - 1).ok()?;
    text.is_char_boundary(offset).then_some(offset)
}

struct Convert<'t> {
    /// Variables of the comprehensions around.
    bound: Vec<String>,
    references: References,
    text: &'t str,
}

impl Convert<'_> {
    fn expr(&mut self, tree: &IdedExpr, depth: u32) -> Result<Expr, Rejected> {
        if depth > MAX_DEPTH {
            return Err(rejected(
                RejectedKind::Syntax,
                format!("an expression nests at most {MAX_DEPTH} deep"),
                None,
            ));
        }
        if let Some((root, hops)) = self.way(tree) {
            self.references.0.insert((root, hops));
        }
        self.plain(tree, depth)
    }

    /// As [`Convert::expr`], for what is a part of a way that is already recorded.
    fn inner(&mut self, tree: &IdedExpr, depth: u32) -> Result<Expr, Rejected> {
        if self.way(tree).is_some() && depth <= MAX_DEPTH {
            self.plain(tree, depth)
        } else {
            self.expr(tree, depth)
        }
    }

    fn plain(&mut self, tree: &IdedExpr, depth: u32) -> Result<Expr, Rejected> {
        let below = depth + 1;
        match &tree.expr {
            Cel::Literal(value) => literal(value).map(Expr::Literal),
            Cel::Ident(name) => self.name(name),
            Cel::Select(select) => {
                let of = Box::new(self.inner(&select.operand, below)?);
                let field = select.field.clone();
                Ok(if select.test {
                    Expr::Has(of, field)
                } else {
                    Expr::Select(of, field)
                })
            }
            Cel::Call(call) => self.call(call, below),
            Cel::List(list) => list
                .elements
                .iter()
                .map(|x| self.expr(x, below))
                .collect::<Result<_, _>>()
                .map(Expr::List),
            Cel::Map(map) => {
                let mut entries = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        entries.push((self.expr(&entry.key, below)?, self.expr(&entry.value, below)?));
                    }
                }
                Ok(Expr::Map(entries))
            }
            Cel::Comprehension(fold) => {
                let range = self.expr(&fold.iter_range, below)?;
                if ROOTS.contains(&fold.iter_var.as_str()) {
                    let message = format!("`{}` cannot be the name of a variable", fold.iter_var);
                    return Err(rejected(
                        RejectedKind::Name,
                        message,
                        Some("give the variable another name".to_owned()),
                    ));
                }
                let init = self.expr(&fold.accu_init, below)?;
                self.bound.extend([fold.iter_var.clone(), fold.accu_var.clone()]);
                let condition = self.expr(&fold.loop_cond, below);
                let step = self.expr(&fold.loop_step, below);
                let result = self.expr(&fold.result, below);
                self.bound.truncate(self.bound.len() - 2);
                let (variable, accumulator) = (fold.iter_var.clone(), fold.accu_var.clone());
                let (condition, step, result) = (condition?, step?, result?);
                Ok(Expr::Fold(Box::new(Fold {
                    range,
                    variable,
                    accumulator,
                    init,
                    condition,
                    step,
                    result,
                })))
            }
            Cel::Struct(_) | Cel::Unspecified => Err(rejected(
                RejectedKind::Syntax,
                "expressions have no structures",
                Some("write a map: `{'key': value}`".to_owned()),
            )),
        }
    }

    fn name(&self, name: &str) -> Result<Expr, Rejected> {
        if self.bound.iter().any(|bound| bound == name) {
            return Ok(Expr::Variable(name.to_owned()));
        }
        if let Some(root) = root(name) {
            return Ok(Expr::Root(root));
        }
        let known = ROOTS
            .iter()
            .copied()
            .chain(self.bound.iter().map(String::as_str))
            .filter(|x| !x.starts_with('@'));
        let help = match (self.dashed(name), nearest(name, known)) {
            (Some(mended), _) => format!("write `{mended}`: `-` subtracts"),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!(
                "names begin with {}; a text stands in quotes: `'{name}'`",
                quoted(ROOTS)
            ),
        };
        Err(Rejected {
            offset: self.find_word(name),
            ..rejected(
                RejectedKind::Name,
                format!("there is no `{name}` in expressions"),
                Some(help),
            )
        })
    }

    /// The way that was meant when a name with `-` was read as a subtraction: `steps.a-b.result` is
    /// `steps["a-b"].result`.
    fn dashed(&self, name: &str) -> Option<String> {
        let at = self.find_word(name)?;
        let part = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let before: usize = self.text[..at].chars().rev().take_while(part).count();
        let after: usize = self.text[at..].chars().take_while(part).count();
        let way = &self.text[at - before..at + after];
        let (first, rest) = way.split_once('.')?;
        root(first).filter(|_| rest.contains('-'))?;
        let segment = |segment: &str| {
            if segment.contains('-') {
                format!("[\"{segment}\"]")
            } else {
                format!(".{segment}")
            }
        };
        Some(first.to_owned() + &rest.split('.').map(segment).collect::<String>())
    }

    fn find_word(&self, word: &str) -> Option<usize> {
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let mut found = self.text.match_indices(word).filter(|(at, _)| {
            !inside(self.text[..*at].chars().next_back())
                && !inside(self.text[at + word.len()..].chars().next().filter(|c| *c != '.'))
        });
        found.next().map(|(at, _)| at)
    }

    fn call(&mut self, call: &CallExpr, depth: u32) -> Result<Expr, Rejected> {
        let name = call.func_name.as_str();
        if name == operators::INDEX && call.args.len() == 2 {
            let of = Box::new(self.inner(&call.args[0], depth)?);
            return Ok(Expr::Index(of, Box::new(self.expr(&call.args[1], depth)?)));
        }
        let receiver = call.target.as_deref();
        let mut arguments = Vec::with_capacity(call.args.len() + 1);
        for argument in receiver.into_iter().chain(&call.args) {
            arguments.push(self.expr(argument, depth)?);
        }
        if receiver.is_none() {
            arguments = match operator(name, arguments) {
                Ok(expr) => return Ok(expr),
                Err(arguments) => arguments,
            };
        }
        match function::find(name, receiver.is_some(), arguments.len()) {
            Ok(function) => Ok(Expr::Call(function, arguments)),
            Err(form) => Err(self.unknown_function(name, form)),
        }
    }

    fn unknown_function(&self, name: &str, form: Option<String>) -> Rejected {
        let offset = self.text.find(name);
        let (message, help) = match form {
            Some(form) => (format!("`{name}` is called in another way"), format!("write `{form}`")),
            None if matches!(name, "timestamp" | "duration" | "now") || name.starts_with("get") => (
                format!("there is no function `{name}`"),
                "there are no functions of time: a result must not depend on it".to_owned(),
            ),
            None if MACROS.contains(&name) => (
                format!("`{name}` is called in another way"),
                "write `list.map(x, …)`, `has(a.b)`".to_owned(),
            ),
            None => {
                let help = match nearest(name, function::names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => {
                        let names: Vec<String> = function::names().map(|x| format!("`{x}`")).collect();
                        format!("the functions are {}", names.join(", "))
                    }
                };
                (format!("there is no function `{name}`"), help)
            }
        };
        Rejected {
            offset,
            ..rejected(RejectedKind::Function, message, Some(help))
        }
    }

    /// The way from a root that an expression is, if it is one.
    fn way(&self, tree: &IdedExpr) -> Option<(Root, Vec<Hop>)> {
        let mut hops = Vec::new();
        let mut at = tree;
        loop {
            match &at.expr {
                Cel::Ident(name) => {
                    if self.bound.iter().any(|bound| bound == name) {
                        return None;
                    }
                    hops.reverse();
                    return Some((root(name)?, hops));
                }
                Cel::Select(select) => {
                    hops.push(Hop::Name(select.field.clone()));
                    at = &select.operand;
                }
                Cel::Call(call) if call.func_name == operators::INDEX && call.args.len() == 2 => {
                    hops.push(match &call.args[1].expr {
                        Cel::Literal(LiteralValue::String(text)) => Hop::Name(text.inner().to_owned()),
                        _ => Hop::Index,
                    });
                    at = &call.args[0];
                }
                _ => return None,
            }
        }
    }
}

fn root(name: &str) -> Option<Root> {
    // An absolute name, `.inputs`, is the same.
    match name.trim_start_matches('.') {
        "inputs" => Some(Root::Inputs),
        "steps" => Some(Root::Steps),
        "matrix" => Some(Root::Matrix),
        "event" => Some(Root::Event),
        _ => None,
    }
}

fn literal(value: &LiteralValue) -> Result<Json, Rejected> {
    Ok(match value {
        LiteralValue::Boolean(x) => Json::Bool(*x.inner()),
        LiteralValue::Int(x) => Json::from(*x.inner()),
        LiteralValue::UInt(x) => Json::from(*x.inner()),
        LiteralValue::Double(x) => {
            let number = serde_json::Number::from_f64(*x.inner());
            Json::Number(number.ok_or_else(|| rejected(RejectedKind::Syntax, "a number must be finite", None))?)
        }
        LiteralValue::String(x) => Json::String(x.inner().to_owned()),
        LiteralValue::Null => Json::Null,
        LiteralValue::Bytes(_) => {
            let help = Some("write a text, without the `b`".to_owned());
            return Err(rejected(RejectedKind::Syntax, "expressions have no bytes", help));
        }
    })
}

/// The operator of a call, or its arguments back.
fn operator(name: &str, mut arguments: Vec<Expr>) -> Result<Expr, Vec<Expr>> {
    let mut last = || arguments.pop().map(Box::new);
    let binary = match name {
        operators::LOGICAL_NOT => return last().map(Expr::Not).ok_or(arguments),
        operators::NEGATE => return last().map(Expr::Negate).ok_or(arguments),
        operators::NOT_STRICTLY_FALSE => return last().map(Expr::NotStrictlyFalse).ok_or(arguments),
        operators::CONDITIONAL => {
            return match (last(), last(), last()) {
                (Some(no), Some(yes), Some(condition)) => Ok(Expr::If(condition, yes, no)),
                _ => Err(arguments),
            };
        }
        operators::LOGICAL_AND | operators::LOGICAL_OR => {
            let or = name == operators::LOGICAL_OR;
            return match (last(), last()) {
                (Some(b), Some(a)) => Ok(if or { Expr::Or(a, b) } else { Expr::And(a, b) }),
                _ => Err(arguments),
            };
        }
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        operators::MODULO => Operator::Modulo,
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::NotEqual,
        operators::LESS => Operator::Less,
        operators::LESS_EQUALS => Operator::LessEqual,
        operators::GREATER => Operator::Greater,
        operators::GREATER_EQUALS => Operator::GreaterEqual,
        operators::IN => Operator::In,
        _ => return Err(arguments),
    };
    match (last(), last()) {
        (Some(b), Some(a)) => Ok(Expr::Binary(binary, a, b)),
        _ => Err(arguments),
    }
}
