//! The pipeline file as plain, spanned data: every key and value with the bytes that say it. Nothing is known here of
//! pipelines, and nothing of how YAML is read (`syntax`).

use std::borrow::Cow;

use airtight_model::Span;
use serde_json::{Map, Value as Json};

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node<'t> {
    /// Its bytes: those of a scalar with its quotes; of a list or map, from its first to its last scalar.
    pub(crate) span: Span,
    /// What it is.
    pub(crate) kind: Kind<'t>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind<'t> {
    /// Nothing: an empty value, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text: where it can be, the file's own bytes.
    Text(Cow<'t, str>),
    /// A list.
    List(Vec<Node<'t>>),
    /// A map, in the order of the file; keys are unique.
    Map(Vec<Entry<'t>>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry<'t> {
    /// The key.
    pub(crate) key: Key<'t>,
    /// The value.
    pub(crate) value: Node<'t>,
}

/// A key of a map with its place.
#[derive(Debug, Clone)]
pub(crate) struct Key<'t> {
    /// The text.
    pub(crate) text: Cow<'t, str>,
    /// Its bytes.
    pub(crate) span: Span,
}

impl Key<'_> {
    /// The key as a name of its own.
    pub(crate) fn name(&self) -> Name {
        Name {
            text: self.text.clone().into_owned(),
            span: self.span,
        }
    }
}

/// A text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The text.
    pub(crate) text: String,
    /// Its bytes.
    pub(crate) span: Span,
}

impl<'t> Node<'t> {
    /// What kind of value this is, as messages say it.
    pub(crate) fn word(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// The entries of a map.
    pub(crate) fn entries(&self) -> Option<&[Entry<'t>]> {
        if let Kind::Map(entries) = &self.kind {
            Some(entries)
        } else {
            None
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Kind::Text(text) = &self.kind {
            Some(text)
        } else {
            None
        }
    }

    /// The same without places.
    pub(crate) fn to_data(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(x) => Json::Bool(*x),
            Kind::Number(x) => Json::Number(x.clone()),
            Kind::Text(x) => Json::String(x.clone().into_owned()),
            Kind::List(items) => items.iter().map(Self::to_data).collect(),
            Kind::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.text.clone().into_owned(), entry.value.to_data()));
                Json::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }
}
