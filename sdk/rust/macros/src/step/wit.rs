//! A step's world as WIT text, which the bindings and the documentation are then made from as from anyone's.

use std::fmt::Write;

use super::model::{Case, Field, Function, Kind, Step, TypeDef};
use super::types::Ty;

/// Returns the text of the package with the world `step`.
pub(super) fn text(step: &Step, package: &str, version: &str) -> String {
    let mut out = Out(String::new());
    out.line(0, &format!("package local:%{package}@{version};\n"));
    out.docs(0, &step.docs);
    out.line(0, "world step {");
    for definition in &step.types {
        out.definition(definition);
    }
    for function in &step.functions {
        out.function(function);
    }
    out.line(0, "}");
    out.0
}

struct Out(String);

impl Out {
    fn line(&mut self, depth: usize, text: &str) {
        self.0.push_str(&"  ".repeat(depth));
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn docs(&mut self, depth: usize, docs: &str) {
        for line in docs.lines() {
            self.line(depth, format!("/// {line}").trim_end());
        }
    }

    fn definition(&mut self, definition: &TypeDef) {
        self.docs(1, &definition.docs);
        let name = definition.name.in_wit();
        match &definition.kind {
            Kind::Record(fields) => {
                self.line(1, &format!("record {name} {{"));
                for Field { name, docs, ty } in fields {
                    self.docs(2, docs);
                    self.line(2, &format!("{}: {},", name.in_wit(), reference(ty)));
                }
            }
            Kind::Cases(cases) => {
                let keyword = if definition.is_enum() { "enum" } else { "variant" };
                self.line(1, &format!("{keyword} {name} {{"));
                for Case { name, docs, payload } in cases {
                    self.docs(2, docs);
                    let payload = match payload.as_slice() {
                        [] => String::new(),
                        [one] => format!("({})", reference(one)),
                        several => format!("({})", tuple(several)),
                    };
                    self.line(2, &format!("{}{payload},", name.in_wit()));
                }
            }
        }
        self.line(1, "}");
    }

    fn function(&mut self, function: &Function) {
        self.docs(1, &function.docs);
        let parameters: Vec<String> = function
            .parameters
            .iter()
            .map(|(name, ty)| format!("{}: {}", name.in_wit(), reference(ty)))
            .collect();
        let mut text = format!("export {}: func({})", function.name.in_wit(), parameters.join(", "));
        match (&function.ok, function.fails) {
            (Some(ok), true) => write!(text, " -> result<{}, string>", reference(ok)),
            (None, true) => write!(text, " -> result<_, string>"),
            (Some(ok), false) => write!(text, " -> {}", reference(ok)),
            (None, false) => Ok(()),
        }
        .expect("writing to a string does not fail");
        self.line(1, &format!("{text};"));
    }
}

fn reference(ty: &Ty) -> String {
    match ty {
        Ty::Plain(name) => (*name).to_owned(),
        Ty::Option(inner) => format!("option<{}>", reference(inner)),
        Ty::List(inner) => format!("list<{}>", reference(inner)),
        Ty::Tuple(items) => tuple(items),
        Ty::Result(None, None) => "result".to_owned(),
        Ty::Result(Some(ok), None) => format!("result<{}>", reference(ok)),
        Ty::Result(ok, Some(err)) => {
            let ok = ok.as_deref().map_or_else(|| "_".to_owned(), reference);
            format!("result<{ok}, {}>", reference(err))
        }
        Ty::Named(name) => name.in_wit(),
    }
}

fn tuple(items: &[Ty]) -> String {
    let items: Vec<String> = items.iter().map(reference).collect();
    format!("tuple<{}>", items.join(", "))
}
