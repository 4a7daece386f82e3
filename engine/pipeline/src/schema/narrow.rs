//! The schema for one pipeline: `with:` of a step whose `uses:` and `function:` name a known component takes exactly the
//! parameters of that function. Not here: finding components.

use airtight_model::component::{ComponentSummary, FunctionSignature, WitType};
use serde_json::{Map, Value as Json, json};

/// The function that is called if a step names none.
const DEFAULT_FUNCTION: &str = "run";

/// The schema with the components in use: the text of `uses:` and what it names.
pub fn narrowed_schema(components: &[(&str, &ComponentSummary)]) -> Json {
    let mut schema = super::schema();
    let mut rules = Vec::new();
    for (uses, summary) in components {
        for signature in &summary.functions {
            rules.push(rule(uses, signature));
        }
        if summary.functions.is_empty() {
            let command = json!({ "with": false, "function": false });
            rules.push(
                json!({ "if": { "properties": { "uses": { "const": uses } } }, "then": { "properties": command } }),
            );
        } else {
            rules.push(functions(uses, summary));
        }
    }
    if let Some(step) = schema.pointer_mut("/$defs/Step").and_then(Json::as_object_mut) {
        step.insert("allOf".to_owned(), rules.into());
        if let Some(uses) = step
            .get_mut("properties")
            .and_then(|properties| properties.get_mut("uses"))
        {
            uses["examples"] = components.iter().map(|(uses, _)| *uses).collect();
        }
    }
    schema
}

/// The functions that `function:` may name.
fn functions(uses: &str, summary: &ComponentSummary) -> Json {
    let mut names: Vec<String> = summary.functions.iter().map(|f| f.function.name.clone()).collect();
    names.extend(summary.functions.iter().map(|f| f.function.to_string()));
    names.sort();
    names.dedup();
    json!({
        "if": { "properties": { "uses": { "const": uses } }, "required": ["uses"] },
        "then": { "properties": { "function": { "enum": names } } },
    })
}

fn rule(uses: &str, signature: &FunctionSignature) -> Json {
    let name = &signature.function.name;
    let mut condition = json!({ "properties": { "uses": { "const": uses } }, "required": ["uses"] });
    // Without `function:` the default is called; then the key must be absent or say so.
    condition["properties"]["function"] = json!({ "enum": [name, signature.function.to_string()] });
    if name != DEFAULT_FUNCTION {
        condition["required"] = json!(["uses", "function"]);
    }
    // A component that is a command too is called as one if the step has neither key.
    if name == DEFAULT_FUNCTION {
        condition["anyOf"] = json!([{ "required": ["with"] }, { "required": ["function"] }]);
    }
    let with = object(
        signature.parameters.iter().map(|p| (p.name.as_str(), &p.ty)),
        signature.docs.as_deref(),
    );
    json!({ "if": condition, "then": { "properties": { "with": with } } })
}

/// An object with a property for each field; options may be left out.
fn object<'a>(fields: impl Iterator<Item = (&'a str, &'a WitType)>, docs: Option<&str>) -> Json {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, ty) in fields {
        properties.insert(name.to_owned(), or_expression(ty));
        if !matches!(ty, WitType::Option(_)) {
            required.push(name);
        }
    }
    let mut object =
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false });
    if let Some(docs) = docs {
        object["description"] = docs.into();
    }
    object
}

/// A value of a type, or an expression.
fn or_expression(ty: &WitType) -> Json {
    let mut schema = match of(ty) {
        plain @ Json::Bool(_) => plain,
        typed
            if typed.get("type") == Some(&json!("string"))
                && typed.get("enum").is_none()
                && typed.get("maxLength").is_none() =>
        {
            typed
        }
        typed => json!({ "anyOf": [typed, { "type": "string", "pattern": "\\$\\{" }] }),
    };
    if let Some(map) = schema.as_object_mut() {
        map.insert("description".to_owned(), format!("`{ty}`").into());
    }
    schema
}

/// The data of a type (docs/formats/values.md).
fn of(ty: &WitType) -> Json {
    match ty {
        WitType::Bool => json!({ "type": "boolean" }),
        WitType::Signed(bits) => {
            let most = (1i128 << (bits - 1)) - 1;
            integer(-most - 1, most)
        }
        WitType::Unsigned(bits) => integer(0, (1i128 << bits) - 1),
        WitType::F32 | WitType::F64 => json!({ "type": "number" }),
        WitType::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        WitType::String => json!({ "type": "string" }),
        WitType::List(item) => json!({ "type": "array", "items": or_expression(item) }),
        WitType::Option(item) => json!({ "anyOf": [or_expression(item), { "type": "null" }] }),
        WitType::Tuple(items) => {
            let all: Vec<Json> = items.iter().map(or_expression).collect();
            json!({ "type": "array", "prefixItems": all, "minItems": items.len(), "maxItems": items.len() })
        }
        WitType::Record(fields) => object(fields.iter().map(|field| (field.name.as_str(), &field.ty)), None),
        WitType::Enum(names) => json!({ "type": "string", "enum": names }),
        WitType::Flags(names) => json!({ "type": "array", "items": { "enum": names }, "uniqueItems": true }),
        WitType::Variant(cases) => {
            let case = |case: &airtight_model::component::Case| match &case.ty {
                None => json!({ "const": case.name }),
                Some(ty) => object([(case.name.as_str(), ty)].into_iter(), None),
            };
            json!({ "anyOf": cases.iter().map(case).collect::<Vec<_>>() })
        }
        WitType::Result(both) => {
            let side = |name: &str, ty: &Option<WitType>| {
                let value = ty.as_ref().map_or_else(|| json!({ "type": "null" }), or_expression);
                json!({ "type": "object", "properties": { name: value }, "required": [name], "additionalProperties": false })
            };
            json!({ "anyOf": [side("ok", &both.ok), side("err", &both.err)] })
        }
        WitType::Unsupported(_) => Json::Bool(false),
    }
}

/// Whole numbers between two bounds. Bounds that JSON's readers would round are left out.
fn integer(least: i128, most: i128) -> Json {
    let mut schema = json!({ "type": "integer" });
    let exact = -(1i128 << 53)..=(1i128 << 53);
    if exact.contains(&least) {
        schema["minimum"] = json!(least as i64);
    }
    if exact.contains(&most) {
        schema["maximum"] = json!(most as i64);
    }
    schema
}
