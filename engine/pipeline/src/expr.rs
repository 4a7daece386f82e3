//! Expressions: CEL, read by the `cel` crate's parser and evaluated here. Its own interpreter is not used: it iterates
//! maps in a random order, has functions of time, no bound on its work, and panics. Not here: `${…}` (`template`).

mod convert;
mod eval;
mod function;

use std::collections::BTreeSet;

pub(crate) use convert::compile;
pub(crate) use eval::{Roots, evaluate};
use function::Function;
use serde_json::Value as Json;

/// The longest expression, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 2_000;
/// How deep an expression may nest.
const MAX_DEPTH: u32 = 100;

/// What expressions can refer to.
pub(crate) const ROOTS: [&str; 4] = ["inputs", "steps", "matrix", "event"];

/// The names that expressions begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Root {
    Inputs,
    Steps,
    Matrix,
    Event,
}

/// An expression, ready to be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Literal(Json),
    Root(Root),
    Variable(String),
    Select(Box<Expr>, String),
    Has(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Call(Function, Vec<Expr>),
    NotStrictlyFalse(Box<Expr>),
    Fold(Box<Fold>),
}

/// What `all`, `exists`, `exists_one`, `map` and `filter` come down to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fold {
    pub(crate) range: Expr,
    pub(crate) variable: String,
    pub(crate) accumulator: String,
    pub(crate) init: Expr,
    pub(crate) condition: Expr,
    pub(crate) step: Expr,
    pub(crate) result: Expr,
}

/// A binary operator that evaluates both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

impl Operator {
    pub(crate) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::In => "in",
        }
    }
}

/// A way from a root: `steps.build.result.size` is `build`, `result`, `size`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hop {
    /// A field or a literal key.
    Name(String),
    /// An index that is a number or not known before the evaluation.
    Index,
}

/// What an expression refers to, each once, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References(pub(crate) BTreeSet<(Root, Vec<Hop>)>);

impl References {
    /// Whether it needs outcomes or results of steps.
    pub(crate) fn needs_steps(&self) -> bool {
        self.0.iter().any(|(root, _)| *root == Root::Steps)
    }
}

/// An expression with what it refers to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compiled {
    pub(crate) expr: Expr,
    pub(crate) references: References,
}

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) kind: RejectedKind,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
    /// The offset in the text, where it is known.
    pub(crate) offset: Option<usize>,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RejectedKind {
    Syntax,
    Name,
    Function,
}
