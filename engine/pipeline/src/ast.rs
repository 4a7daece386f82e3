//! The pipeline file as it is written: permissive, spanned, one file at a time. References are still texts, and nothing
//! has been looked up. Not here: reading it from nodes (`lower`), and what it means (`check`).

use std::sync::Arc;

use airtight_model::Span;
use airtight_model::grant::{HttpGrant, NetGrant, SecretGrant};
use airtight_model::plan::{SecretSource, When};
use airtight_model::step::{Limits, Outcome, Pin};
use serde_json::Value as Json;

use crate::node::Name;
use crate::template::{Expression, Template};

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// One file.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    pub(crate) name: Option<Name>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) sources: Vec<Source>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) stages: Option<Vec<Name>>,
    pub(crate) steps: Vec<Arc<Step>>,
    pub(crate) includes: Vec<Include>,
    pub(crate) exports: Vec<Export>,
}

/// What kind of value an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputType {
    String,
    Number,
    Integer,
    Boolean,
    List,
    Map,
}

impl InputType {
    pub(crate) const WORDS: [(&'static str, Self); 6] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("list", Self::List),
        ("map", Self::Map),
    ];

    /// The word in the file.
    pub(crate) fn word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, ty)| *ty == self)
            .map_or("string", |(word, _)| word)
    }

    /// Whether a value is of this type.
    pub(crate) fn takes(self, data: &Json) -> bool {
        match self {
            Self::String => data.is_string(),
            Self::Number => data.is_number(),
            Self::Integer => data.is_i64() || data.is_u64(),
            Self::Boolean => data.is_boolean(),
            Self::List => data.is_array(),
            Self::Map => data.is_object(),
        }
    }
}

/// A declared input.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) name: Name,
    pub(crate) ty: InputType,
    pub(crate) default: Option<At<Json>>,
    pub(crate) one_of: Option<Vec<At<Json>>>,
    pub(crate) required: Option<At<bool>>,
}

/// A declared source.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) name: Name,
    pub(crate) path: Option<Name>,
    pub(crate) exclude: Vec<Name>,
    pub(crate) gitignore: bool,
}

/// A declared secret: where its value comes from, as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    pub(crate) name: Name,
    pub(crate) source: Option<At<SecretSource>>,
}

/// `grants:`
#[derive(Debug, Clone, Default)]
pub(crate) struct Granted {
    pub(crate) http: Vec<HttpItem>,
    pub(crate) net: Vec<NetItem>,
    pub(crate) secrets: Vec<SecretItem>,
    pub(crate) clock: Option<Span>,
    pub(crate) random: bool,
    /// Whether something was wrong in it, which has been reported: then what it lacks may be what was wrong.
    pub(crate) faulty: bool,
}

/// An item of `http:`. Paths in the grant are empty until they are checked.
#[derive(Debug, Clone)]
pub(crate) struct HttpItem {
    pub(crate) grant: HttpGrant,
    pub(crate) ca: Option<Name>,
    pub(crate) certificate: Option<Name>,
    pub(crate) key: Option<Name>,
}

/// An item of `net:`. Paths in the grant are empty until they are checked.
#[derive(Debug, Clone)]
pub(crate) struct NetItem {
    pub(crate) grant: NetGrant,
    pub(crate) ca: Option<Name>,
    pub(crate) password: Option<Name>,
}

/// An entry of `secrets:` under `grants:`.
#[derive(Debug, Clone)]
pub(crate) struct SecretItem {
    pub(crate) grant: SecretGrant,
    pub(crate) name: Name,
    /// The places of `to:`, in its order.
    pub(crate) to: Vec<Span>,
    pub(crate) env: Option<Name>,
}

/// An included file.
#[derive(Debug, Clone)]
pub(crate) struct Include {
    pub(crate) file: Name,
    pub(crate) inputs: Vec<(Name, Template)>,
}

/// A write to the user's tree.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) to: Name,
    pub(crate) from: Name,
}

/// A step.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) name: Name,
    pub(crate) uses: Option<Name>,
    pub(crate) function: Option<Name>,
    pub(crate) with: Option<At<Vec<(Name, Template)>>>,
    pub(crate) args: Option<At<Vec<Template>>>,
    pub(crate) env: Vec<(Name, Template)>,
    pub(crate) stdin: Option<Template>,
    pub(crate) cwd: Option<Template>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) grants: Granted,
    pub(crate) limits: Limits,
    pub(crate) clock_base: u64,
    /// Where `clock:` is.
    pub(crate) clock: Option<Span>,
    pub(crate) condition: Option<Condition>,
    pub(crate) after: Vec<Name>,
    pub(crate) when: When,
    pub(crate) stage: Option<Name>,
    pub(crate) allow_failure: bool,
    pub(crate) retry: Option<Retry>,
    /// In a box: few steps have one, and it is a fifth of a step.
    pub(crate) matrix: Option<Box<Matrix>>,
}

/// `if:`
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Literal(bool),
    Expression(Expression),
}

/// What a mount's text may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountForm {
    /// The short form: a source or an output.
    Either,
    /// `source:`
    Source,
    /// `output:`
    Output,
}

/// A mount.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    pub(crate) at: Name,
    pub(crate) form: MountForm,
    pub(crate) from: Template,
    pub(crate) paths: Vec<Name>,
    pub(crate) writable: bool,
}

/// A declared output.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) name: Name,
    pub(crate) path: Name,
    pub(crate) pin: Option<Pin>,
}

/// `retry:`
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    pub(crate) times: u32,
    pub(crate) on: Vec<At<Outcome>>,
    pub(crate) backoff_ms: u64,
}

/// `matrix:`
#[derive(Debug, Clone)]
pub(crate) struct Matrix {
    pub(crate) span: Span,
    pub(crate) axes: Vec<(Name, Axis)>,
    pub(crate) include: Vec<At<Vec<(Name, Json)>>>,
    pub(crate) exclude: Vec<At<Vec<(Name, Json)>>>,
    pub(crate) max_parallel: Option<u32>,
    pub(crate) fail_fast: bool,
    /// Whether an axis is missing because it was wrong, which has been reported.
    pub(crate) faulty: bool,
}

/// The values of an axis.
#[derive(Debug, Clone)]
pub(crate) enum Axis {
    Values(Vec<At<Json>>),
    /// A list that inputs or the event give.
    Expression(Expression),
}
