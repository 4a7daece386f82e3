//! Arguments of functions against their WIT types: names and literals now, expressions over inputs when they have a
//! value. Not here: results of other steps, which the scheduler compares when they exist.

use airtight_model::Span;
use airtight_model::component::{Field, Parameter, WitType};
use airtight_model::value::Value;

use super::{Call, Check, CheckedStep};
use crate::codes;
use crate::nearest::{nearest, quoted};
use crate::node::Name;
use crate::template::{Template, TemplateKind};

impl Check<'_> {
    /// Checks `with:` against the function's parameters.
    pub(super) fn arguments(&self, step: &CheckedStep) {
        let Call::Function(Some(signature), name) = &step.call else {
            return;
        };
        let with = step.decl.with.as_ref();
        let given: &[(Name, Template)] = with.map_or(&[], |with| &with.value);
        for (key, template) in given {
            match signature.parameters.iter().find(|parameter| parameter.name == key.text) {
                None => self.unknown_argument(key, &signature.parameters, name),
                Some(parameter) => {
                    if let Err((span, message)) = fit(template, &parameter.ty) {
                        let help = self.argument_help(parameter, span, &message);
                        self.error(codes::ARGUMENT_TYPE, span, format!("`{}`: {message}", key.text), help);
                    }
                }
            }
        }
        let span = with.map_or(step.decl.name.span, |with| with.span);
        let missing = signature
            .parameters
            .iter()
            .filter(|parameter| !matches!(parameter.ty, WitType::Option(_)));
        for parameter in missing.filter(|parameter| !given.iter().any(|(key, _)| key.text == parameter.name)) {
            let message = format!("the function `{name}` needs `{}`", parameter.name);
            let line = format!("{}: {}", parameter.name, sample(&parameter.ty, 0));
            let help = match with {
                Some(_) => format!("add `{line}` under `with:` (it takes `{}`)", parameter.ty),
                None => format!("add `with: {{ {line} }}` (it takes `{}`)", parameter.ty),
            };
            self.error(codes::MISSING_ARGUMENT, span, message, help);
        }
    }

    /// The mend for an argument that does not fit: the text in quotes, the list of one, or the type.
    fn argument_help(&self, parameter: &Parameter, span: Span, message: &str) -> String {
        let raw = self.raw(span).unwrap_or_default();
        let quoted = raw.starts_with(['"', '\'']);
        if message.contains("expected a text, found `") && !quoted {
            return format!("write it in quotes: `\"{raw}\"`");
        }
        if message.starts_with("expected a list of") && message.contains("found `") {
            return format!("write `[ {raw} ]`");
        }
        format!("`{}` takes `{}`", parameter.name, parameter.ty)
    }

    fn unknown_argument(&self, key: &Name, parameters: &[Parameter], function: &str) {
        let names = parameters.iter().map(|parameter| parameter.name.as_str());
        let help = match nearest(&key.text, names.clone()) {
            Some(near) => format!("did you mean `{near}:`?"),
            None if parameters.is_empty() => "remove it: the function has no parameters".to_owned(),
            None => format!("its parameters are {}", quoted(names)),
        };
        let message = format!("the function `{function}` has no parameter `{}`", key.text);
        self.error(codes::UNKNOWN_ARGUMENT, key.span, message, help);
    }
}

/// Whether a template can be of a type, as far as it is known. The error has its place.
pub(crate) fn fit(template: &Template, ty: &WitType) -> Result<(), (Span, String)> {
    if let Some(data) = template.literal() {
        let fitted = Value::from_data(&data, ty);
        return fitted
            .map(drop)
            .map_err(|mismatch| (template.place(&mismatch.path), mismatch.to_string()));
    }
    let misfit = |found: &str| Err((template.span, format!("expected a `{ty}`, found {found}")));
    match (&template.kind, ty) {
        (TemplateKind::Expression(_) | TemplateKind::Literal(_), _) => Ok(()),
        (_, WitType::Option(inner)) => fit(template, inner),
        (TemplateKind::Text(_), WitType::String | WitType::Char | WitType::Enum(_) | WitType::Variant(_)) => Ok(()),
        (TemplateKind::Text(_), _) => misfit("a text"),
        (TemplateKind::List(items), WitType::List(item)) => items.iter().try_for_each(|x| fit(x, item)),
        (TemplateKind::List(items), WitType::Tuple(types)) if items.len() == types.len() => {
            items.iter().zip(types).try_for_each(|(x, ty)| fit(x, ty))
        }
        (TemplateKind::List(_), WitType::Flags(_)) => Ok(()),
        (TemplateKind::List(_), _) => misfit("a list"),
        (TemplateKind::Map(entries), WitType::Record(fields)) => fit_record(template.span, entries, fields),
        (TemplateKind::Map(entries), WitType::Variant(cases)) => match entries.as_slice() {
            [(key, item)] => match cases.iter().find(|case| case.name == key.text).map(|case| &case.ty) {
                Some(Some(ty)) => fit(item, ty),
                _ => Err((
                    key.span,
                    format!("expected a case of `{ty}` that carries a value, found `{}`", key.text),
                )),
            },
            _ => misfit("a map of several keys"),
        },
        (TemplateKind::Map(entries), WitType::Result(both)) => match entries.as_slice() {
            [(key, item)] if key.text == "ok" => both.ok.as_ref().map_or(Ok(()), |ty| fit(item, ty)),
            [(key, item)] if key.text == "err" => both.err.as_ref().map_or(Ok(()), |ty| fit(item, ty)),
            _ => misfit("a map without `ok` or `err`"),
        },
        (TemplateKind::Map(_), _) => misfit("a map"),
    }
}

fn fit_record(span: Span, entries: &[(Name, Template)], fields: &[Field]) -> Result<(), (Span, String)> {
    for (key, item) in entries {
        match fields.iter().find(|field| field.name == key.text) {
            Some(field) => fit(item, &field.ty)?,
            None => {
                let names = quoted(fields.iter().map(|field| field.name.as_str()));
                return Err((
                    key.span,
                    format!("expected one of the fields {names}, found the field `{}`", key.text),
                ));
            }
        }
    }
    let given = |field: &Field| entries.iter().any(|(key, _)| key.text == field.name);
    match fields
        .iter()
        .find(|field| !matches!(field.ty, WitType::Option(_)) && !given(field))
    {
        Some(field) => Err((span, format!("expected a field `{}`, found none", field.name))),
        None => Ok(()),
    }
}

/// A value that shows how a type is written.
fn sample(ty: &WitType, depth: u32) -> String {
    if depth > 3 {
        return "…".to_owned();
    }
    let inner = |ty: &WitType| sample(ty, depth + 1);
    match ty {
        WitType::Bool => "true".to_owned(),
        WitType::Signed(_) | WitType::Unsigned(_) => "1".to_owned(),
        WitType::F32 | WitType::F64 => "1.5".to_owned(),
        WitType::Char => "\"x\"".to_owned(),
        WitType::String => "\"text\"".to_owned(),
        WitType::List(item) => format!("[ {} ]", inner(item)),
        WitType::Option(item) => inner(item),
        WitType::Tuple(items) => format!("[ {} ]", items.iter().map(inner).collect::<Vec<_>>().join(", ")),
        WitType::Record(fields) => {
            let fields = fields.iter().filter(|field| !matches!(field.ty, WitType::Option(_)));
            let fields: Vec<String> = fields
                .map(|field| format!("{}: {}", field.name, inner(&field.ty)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        WitType::Enum(names) => names.first().cloned().unwrap_or_default(),
        WitType::Flags(names) => format!("[ {} ]", names.first().map_or("", String::as_str)),
        WitType::Variant(cases) => match cases.first() {
            Some(case) => match &case.ty {
                Some(ty) => format!("{{ {}: {} }}", case.name, inner(ty)),
                None => case.name.clone(),
            },
            None => "…".to_owned(),
        },
        WitType::Result(both) => format!("{{ ok: {} }}", both.ok.as_ref().map_or("null".to_owned(), inner)),
        WitType::Unsupported(_) => "…".to_owned(),
    }
}
