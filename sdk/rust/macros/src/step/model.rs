//! What `#[step]` reads: the functions that are exported and the types that they need, in the order of the source. Types by
//! themselves are [`super::types`]'s; nothing is written here.

use std::collections::BTreeSet;

use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Fields, FnArg, Item, ItemEnum, ItemFn, ItemMod, ItemStruct, Lit, Meta, Pat};
use syn::{ReturnType, Signature, Visibility, parse_quote};

use super::names::Name;
use super::types::{Ty, Types};

/// A step: what its world has.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) docs: String,
    pub(super) types: Vec<TypeDef>,
    pub(super) functions: Vec<Function>,
}

/// A record or a variant.
#[derive(Debug)]
pub(super) struct TypeDef {
    pub(super) name: Name,
    pub(super) docs: String,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Record(Vec<Field>),
    /// A variant; an enum where no case has a payload.
    Cases(Vec<Case>),
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Name,
    pub(super) docs: String,
    pub(super) ty: Ty,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: Name,
    pub(super) docs: String,
    /// The types between the parentheses; several are a tuple in WIT.
    pub(super) payload: Vec<Ty>,
}

/// An exported function.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: Name,
    pub(super) docs: String,
    pub(super) parameters: Vec<(Name, Ty)>,
    /// What it returns when nothing goes wrong.
    pub(super) ok: Option<Ty>,
    /// Whether it returns a `Result`.
    pub(super) fails: bool,
}

impl Step {
    pub(super) fn of_function(function: &ItemFn) -> syn::Result<Self> {
        if !matches!(function.vis, Visibility::Public(_) | Visibility::Inherited) {
            return Err(Error::new(function.vis.span(), "a step's function is `pub fn` or `fn`"));
        }
        let mut types = Types::none();
        let function = Function::of(function, &mut types)?;
        Ok(Self {
            docs: String::new(),
            types: Vec::new(),
            functions: vec![function],
        })
    }

    pub(super) fn of_module(module: &ItemMod) -> syn::Result<Self> {
        let Some((_, items)) = &module.content else {
            let text = format!(
                "`#[step]` has to see the module's functions: write `mod {} {{ … }}` here, or put `#![…]` aside and move the \
                 contents of its file between the braces",
                module.ident
            );
            return Err(Error::new_spanned(module, text));
        };
        let mut types = Types::of(items);
        let mut problems = Problems::default();
        let mut functions = Vec::new();
        for item in items {
            if let Item::Fn(function) = item
                && matches!(function.vis, Visibility::Public(_))
                && let Some(function) = problems.take(Function::of(function, &mut types))
            {
                functions.push(function);
            }
        }
        let mut definitions = Vec::new();
        // What a type refers to is found when it is read, so this goes on until nothing new was found.
        let mut done = BTreeSet::new();
        while let Some(name) = types.next_needed(&done) {
            done.insert(name.clone());
            let read = match types.item(&name) {
                Some(Item::Struct(item)) => TypeDef::of_struct(item, &mut types),
                Some(Item::Enum(item)) => TypeDef::of_enum(item, &mut types),
                _ => continue,
            };
            definitions.extend(problems.take(read));
        }
        if functions.is_empty() && problems.0.is_none() {
            let text = "a step exports a function, and this module has no `pub fn`";
            return Err(Error::new(module.ident.span(), text));
        }
        problems.end()?;
        types.reject_recursion(&definitions)?;
        definitions.sort_by_key(|definition| types.position(&definition.name));
        Ok(Self {
            docs: docs(&module.attrs),
            types: definitions,
            functions,
        })
    }
}

/// Lets what only the component uses be unused in a program for tests.
pub(super) fn quiet(module: &mut ItemMod, step: &Step) {
    let is_type = |name: &syn::Ident| step.types.iter().any(|it| it.name.rust == *name);
    let is_function = |name: &syn::Ident| step.functions.iter().any(|it| it.name.rust == *name);
    for item in module.content.iter_mut().flat_map(|(_, items)| items) {
        let attributes = match item {
            Item::Struct(item) if is_type(&item.ident) => &mut item.attrs,
            Item::Enum(item) if is_type(&item.ident) => &mut item.attrs,
            Item::Fn(item) if is_function(&item.sig.ident) => &mut item.attrs,
            _ => continue,
        };
        attributes.push(parse_quote!(#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]));
    }
}

impl Function {
    fn of(function: &ItemFn, types: &mut Types<'_>) -> syn::Result<Self> {
        // Its parameters would be types that nobody knows.
        concrete(&function.sig)?;
        let mut problems = Problems::default();
        problems.take(plain(&function.sig));
        problems.take(unconditional(&function.attrs));
        let name = problems.take(Name::of(&function.sig.ident));
        let mut parameters = Vec::new();
        for argument in &function.sig.inputs {
            parameters.extend(problems.take(parameter(argument, types)));
        }
        let output = problems.take(output(&function.sig.output, types));
        problems.end()?;
        let (Some(name), Some((ok, fails))) = (name, output) else {
            return Err(Error::new_spanned(&function.sig, "this function cannot be exported"));
        };
        Ok(Self {
            name,
            docs: docs(&function.attrs),
            parameters,
            ok,
            fails,
        })
    }
}

fn plain(signature: &Signature) -> syn::Result<()> {
    if let Some(word) = &signature.asyncness {
        return Err(Error::new_spanned(
            word,
            "a step's function is not `async`: the host runs it to its end",
        ));
    }
    if let Some(word) = &signature.constness {
        return Err(Error::new_spanned(word, "a step's function is not `const`"));
    }
    Ok(())
}

fn concrete(signature: &Signature) -> syn::Result<()> {
    if !signature.generics.params.is_empty() {
        let text =
            "an exported function has no parameters of types or lifetimes: WIT has none. Write the types out, owned";
        return Err(Error::new_spanned(&signature.generics, text));
    }
    Ok(())
}

fn unconditional(attributes: &[Attribute]) -> syn::Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident("cfg")) {
        None => Ok(()),
        Some(attribute) => Err(Error::new_spanned(
            attribute,
            "what a component exports cannot depend on `cfg`: it is the schema of the step. Put the `cfg` inside",
        )),
    }
}

fn parameter(argument: &FnArg, types: &mut Types<'_>) -> syn::Result<(Name, Ty)> {
    let FnArg::Typed(typed) = argument else {
        return Err(Error::new_spanned(
            argument,
            "a step's function stands alone: it has no `self`",
        ));
    };
    match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            Ok((Name::of(&pattern.ident)?, types.of_parameter(&typed.ty)?))
        }
        other => Err(Error::new_spanned(
            other,
            "a parameter needs a name, which is its key under `with:`: write `name: TYPE` and take it apart inside",
        )),
    }
}

fn output(output: &ReturnType, types: &mut Types<'_>) -> syn::Result<(Option<Ty>, bool)> {
    match output {
        ReturnType::Default => Ok((None, false)),
        ReturnType::Type(_, ty) => types.of_output(ty),
    }
}

impl TypeDef {
    fn of_struct(item: &ItemStruct, types: &mut Types<'_>) -> syn::Result<Self> {
        if !item.generics.params.is_empty() {
            let text = "a type of the step has no parameters: WIT has none. Write one type for each use";
            return Err(Error::new_spanned(&item.generics, text));
        }
        let Fields::Named(fields) = &item.fields else {
            let text = format!(
                "a WIT record has named fields: write `pub struct {} {{ pub value: … }}`, or a `type` that stands for what is \
                 inside",
                item.ident
            );
            return Err(Error::new_spanned(item, text));
        };
        if fields.named.is_empty() {
            let text =
                "a WIT record has at least one field; a function that has nothing to say returns `Result<(), Error>`";
            return Err(Error::new_spanned(item, text));
        }
        let mut problems = Problems::default();
        let mut read = Vec::new();
        for field in &fields.named {
            read.extend(problems.take(Field::of(field, types)));
        }
        let name = problems.take(Name::of(&item.ident));
        problems.end()?;
        let name = name.ok_or_else(|| Error::new_spanned(item, "this type has no name"))?;
        Ok(Self {
            name,
            docs: docs(&item.attrs),
            kind: Kind::Record(read),
        })
    }

    fn of_enum(item: &ItemEnum, types: &mut Types<'_>) -> syn::Result<Self> {
        if !item.generics.params.is_empty() {
            let text = "a type of the step has no parameters: WIT has none. Write one type for each use";
            return Err(Error::new_spanned(&item.generics, text));
        }
        if item.variants.is_empty() {
            return Err(Error::new_spanned(item, "a WIT enum has at least one case"));
        }
        let mut problems = Problems::default();
        let mut read = Vec::new();
        for variant in &item.variants {
            read.extend(problems.take(Case::of(variant, types)));
        }
        let name = problems.take(Name::of(&item.ident));
        problems.end()?;
        let name = name.ok_or_else(|| Error::new_spanned(item, "this type has no name"))?;
        Ok(Self {
            name,
            docs: docs(&item.attrs),
            kind: Kind::Cases(read),
        })
    }

    /// Tells whether it is a WIT `enum`: cases, none of which has a payload.
    pub(super) fn is_enum(&self) -> bool {
        matches!(&self.kind, Kind::Cases(cases) if cases.iter().all(|case| case.payload.is_empty()))
    }
}

impl Field {
    fn of(field: &syn::Field, types: &mut Types<'_>) -> syn::Result<Self> {
        let ident = field
            .ident
            .as_ref()
            .ok_or_else(|| Error::new_spanned(field, "a WIT record has named fields"))?;
        if !matches!(field.vis, Visibility::Public(_)) {
            let text = format!(
                "a WIT record keeps nothing to itself: write `pub {ident}`, or move the type out of this module"
            );
            return Err(Error::new_spanned(field, text));
        }
        unconditional(&field.attrs)?;
        Ok(Self {
            name: Name::of(ident)?,
            docs: docs(&field.attrs),
            ty: types.of_type(&field.ty)?,
        })
    }
}

impl Case {
    fn of(variant: &syn::Variant, types: &mut Types<'_>) -> syn::Result<Self> {
        unconditional(&variant.attrs)?;
        let payload = match &variant.fields {
            Fields::Unit => Vec::new(),
            Fields::Unnamed(fields) if fields.unnamed.is_empty() => {
                return Err(Error::new_spanned(variant, "write the case without its parentheses"));
            }
            Fields::Unnamed(fields) => fields
                .unnamed
                .iter()
                .map(|field| types.of_type(&field.ty))
                .collect::<syn::Result<_>>()?,
            Fields::Named(_) => {
                let name = &variant.ident;
                let text = format!(
                    "a case of a WIT variant has one payload without names: write `pub struct {name}Fields {{ … }}` and \
                     `{name}({name}Fields)`"
                );
                return Err(Error::new_spanned(variant, text));
            }
        };
        Ok(Self {
            name: Name::of(&variant.ident)?,
            docs: docs(&variant.attrs),
            payload,
        })
    }
}

/// Returns the text of the documentation comments, without the space that each line begins with.
fn docs(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let lines = text
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Errors that are told together.
#[derive(Default)]
struct Problems(Option<Error>);

impl Problems {
    fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                match &mut self.0 {
                    Some(first) => first.combine(error),
                    none => *none = Some(error),
                }
                None
            }
        }
    }

    fn end(self) -> syn::Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
