//! Values with `${…}` in them, with the places of the expressions. Not here: what the expressions mean (`expr`).

use airtight_model::plan::{Template as Planned, TextPart};
use airtight_model::{Diagnostic, Span};
use serde_json::{Map, Value as Json};

use crate::codes;
use crate::node::{Entry, Kind, Name, Node};

/// An expression with its place: exact where the file's text allows it, else that of the scalar that holds it.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    /// CEL.
    pub(crate) text: String,
    /// Its bytes.
    pub(crate) span: Span,
    /// Whether `span` is exactly the text, so that an offset in the text is an offset in the file.
    pub(crate) exact: bool,
}

/// A value that may hold expressions.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) span: Span,
    pub(crate) kind: TemplateKind,
}

#[derive(Debug, Clone)]
pub(crate) enum TemplateKind {
    /// A scalar without expressions.
    Literal(Json),
    /// A scalar that is one expression.
    Expression(Expression),
    /// A text with expressions in it.
    Text(Vec<Part>),
    List(Vec<Template>),
    Map(Vec<(Name, Template)>),
}

/// A part of a text.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(String),
    Expression(Expression),
}

impl Template {
    /// Reads a node; `text` is its file.
    pub(crate) fn read(node: &Node, text: &str, found: &mut Vec<Diagnostic>) -> Self {
        let kind = match &node.kind {
            Kind::Text(scalar) => read_text(scalar, node.span, text, found),
            Kind::List(items) => TemplateKind::List(items.iter().map(|item| Self::read(item, text, found)).collect()),
            Kind::Map(entries) => {
                let read = |entry: &Entry, found: &mut Vec<Diagnostic>| {
                    (entry.key.name(), Self::read(&entry.value, text, found))
                };
                TemplateKind::Map(entries.iter().map(|entry| read(entry, found)).collect())
            }
            _ => TemplateKind::Literal(node.to_data()),
        };
        Self { span: node.span, kind }
    }

    /// Every expression in it.
    pub(crate) fn expressions<'a>(&'a self, each: &mut dyn FnMut(&'a Expression)) {
        match &self.kind {
            TemplateKind::Literal(_) => {}
            TemplateKind::Expression(expression) => each(expression),
            TemplateKind::Text(parts) => {
                for part in parts {
                    if let Part::Expression(expression) = part {
                        each(expression);
                    }
                }
            }
            TemplateKind::List(items) => items.iter().for_each(|item| item.expressions(each)),
            TemplateKind::Map(entries) => entries.iter().for_each(|(_, item)| item.expressions(each)),
        }
    }

    /// The value, if there is no expression in it.
    pub(crate) fn literal(&self) -> Option<Json> {
        match &self.kind {
            TemplateKind::Literal(data) => Some(data.clone()),
            TemplateKind::Expression(_) | TemplateKind::Text(_) => None,
            TemplateKind::List(items) => items
                .iter()
                .map(Self::literal)
                .collect::<Option<Vec<_>>>()
                .map(Json::Array),
            TemplateKind::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|(key, item)| Some((key.text.clone(), item.literal()?)));
                pairs.collect::<Option<Map<_, _>>>().map(Json::Object)
            }
        }
    }

    /// The text, if it is one without an expression.
    pub(crate) fn literal_text(&self) -> Option<&str> {
        match &self.kind {
            TemplateKind::Literal(Json::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The place that a path of keys and indices leads to, as far as it leads.
    pub(crate) fn place(&self, path: &[String]) -> Span {
        let Some((first, rest)) = path.split_first() else {
            return self.span;
        };
        let next = match &self.kind {
            TemplateKind::List(items) => first.parse::<usize>().ok().and_then(|i| items.get(i)),
            TemplateKind::Map(entries) => entries.iter().find(|(key, _)| key.text == *first).map(|(_, item)| item),
            _ => None,
        };
        next.map_or(self.span, |item| item.place(rest))
    }
}

/// Puts parts that are known together: a list or map of literals is a literal, neighbouring literal texts are one.
pub(crate) fn simplify(template: Planned) -> Planned {
    match template {
        Planned::List(items) if items.iter().all(|item| matches!(item, Planned::Literal(_))) => {
            Planned::Literal(items.into_iter().filter_map(literal_of).collect())
        }
        Planned::Map(entries) if entries.iter().all(|(_, item)| matches!(item, Planned::Literal(_))) => {
            let pairs = entries
                .into_iter()
                .filter_map(|(key, item)| Some((key, literal_of(item)?)));
            Planned::Literal(Json::Object(pairs.collect()))
        }
        Planned::Text(parts) => {
            let mut merged: Vec<TextPart> = Vec::new();
            for part in parts {
                match (merged.last_mut(), part) {
                    (Some(TextPart::Literal(before)), TextPart::Literal(text)) => before.push_str(&text),
                    (_, part) => merged.push(part),
                }
            }
            match merged.as_slice() {
                [] => Planned::Literal(Json::String(String::new())),
                [TextPart::Literal(text)] => Planned::Literal(Json::String(text.clone())),
                _ => Planned::Text(merged),
            }
        }
        other => other,
    }
}

fn literal_of(template: Planned) -> Option<Json> {
    if let Planned::Literal(data) = template {
        Some(data)
    } else {
        None
    }
}

fn read_text(scalar: &str, span: Span, file: &str, found: &mut Vec<Diagnostic>) -> TemplateKind {
    if !scalar.contains("${") {
        return TemplateKind::Literal(Json::String(scalar.to_owned()));
    }
    let raw = file.get(span.start as usize..span.end as usize).unwrap_or_default();
    let mut parts: Vec<Part> = Vec::new();
    let mut literal = String::new();
    let mut rest = scalar;
    let mut raw_from = 0;
    while let Some(at) = rest.find("${") {
        // `$${` is the text `${`.
        if rest[..at].ends_with('$') {
            literal.push_str(&rest[..at]);
            literal.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        literal.push_str(&rest[..at]);
        let body = &rest[at + 2..];
        let Some(end) = expression_end(body) else {
            found.push(
                Diagnostic::error(
                    codes::EXPRESSION_SYNTAX,
                    span,
                    "an expression begins with `${` and does not end",
                )
                .help("end it with `}`, or write `$${` for a plain `${`"),
            );
            return TemplateKind::Literal(Json::String(scalar.to_owned()));
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        let (expression, next) = locate(&body[..end], span, raw, raw_from);
        raw_from = next;
        parts.push(Part::Expression(expression));
        rest = &body[end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    match parts.as_slice() {
        [Part::Literal(text)] => TemplateKind::Literal(Json::String(text.clone())),
        [Part::Expression(expression)] => TemplateKind::Expression(expression.clone()),
        _ => TemplateKind::Text(parts),
    }
}

/// Finds an expression's bytes in the raw text of its scalar: where no escape or fold comes between, it stands there as
/// it is. The second part of the answer is where to look for the next one.
fn locate(body: &str, span: Span, raw: &str, from: usize) -> (Expression, usize) {
    let lead = body.len() - body.trim_start().len();
    let text = body.trim().to_owned();
    let whole = format!("${{{body}}}");
    match raw.get(from..).and_then(|raw| raw.find(&whole)) {
        Some(at) => {
            let start = span.start + (from + at + 2 + lead) as u32;
            let place = Span {
                start,
                end: start + text.len() as u32,
                ..span
            };
            (
                Expression {
                    text,
                    span: place,
                    exact: true,
                },
                from + at + whole.len(),
            )
        }
        None => (
            Expression {
                text,
                span,
                exact: false,
            },
            from,
        ),
    }
}

/// The offset of the `}` that ends an expression, past texts and maps in it.
fn expression_end(body: &str) -> Option<usize> {
    let bytes = body.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            quote @ (b'"' | b'\'' | b'`') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shown(file: &str) -> String {
        let mut found = Vec::new();
        let node = crate::syntax::parse(file, 0, &mut found).unwrap();
        let template = Template::read(&node, file, &mut found);
        let place = |x: &Expression| {
            let slice = &file[x.span.start as usize..x.span.end as usize];
            if x.exact {
                assert_eq!(slice, x.text)
            }
            format!("<{}>", x.text)
        };
        let text = match &template.kind {
            TemplateKind::Literal(data) => data.to_string(),
            TemplateKind::Expression(x) => place(x),
            TemplateKind::Text(parts) => {
                let part = |part: &Part| match part {
                    Part::Literal(text) => format!("{text:?}"),
                    Part::Expression(x) => place(x),
                };
                parts.iter().map(part).collect()
            }
            _ => "other".to_owned(),
        };
        format!("{text} {}", found.len())
    }

    // A scalar that is one expression keeps its type; anything around it makes it a text. Texts and maps in an
    // expression may hold the closing brace.
    #[test]
    fn expressions_are_found_in_scalars() {
        assert_eq!(shown("plain"), "\"plain\" 0");
        assert_eq!(shown("'${ inputs.a }'"), "<inputs.a> 0");
        assert_eq!(shown("v${inputs.a}-${inputs.b}"), "\"v\"<inputs.a>\"-\"<inputs.b> 0");
        assert_eq!(shown("\"${{'a': '}'}['a']}\""), "<{'a': '}'}['a']> 0");
        assert_eq!(shown("cost $${a} $5"), "\"cost ${a} $5\" 0");
        assert_eq!(shown("\"${a}\\n${b}\""), "<a>\"\\n\"<b> 0");
        assert_eq!(shown("'${a'"), "\"${a\" 1");
        assert_eq!(shown("é ${'é\\'}'} ü"), "\"é \"<'é\\'}'>\" ü\" 0");
    }
}
