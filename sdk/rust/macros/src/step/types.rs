//! Types: those of Rust that have one in WIT, and what to write instead of the others.

use std::collections::{BTreeMap, BTreeSet};

use quote::ToTokens;
use syn::{Error, GenericArgument, Item, PathArguments, PathSegment, Type, TypePath};

use super::model::{Kind, TypeDef};
use super::names::Name;

/// A type that WIT has.
#[derive(Clone, Debug)]
pub(super) enum Ty {
    /// One that is the same in both, by its name in WIT.
    Plain(&'static str),
    Option(Box<Ty>),
    List(Box<Ty>),
    Tuple(Vec<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    /// One of the step's own.
    Named(Name),
}

impl Ty {
    /// Calls `found` with each of the step's own types in it.
    pub(super) fn each_named(&self, found: &mut dyn FnMut(&Name)) {
        match self {
            Self::Plain(_) => {}
            Self::Option(inner) | Self::List(inner) => inner.each_named(found),
            Self::Tuple(items) => items.iter().for_each(|item| item.each_named(found)),
            Self::Result(ok, err) => [ok, err].into_iter().flatten().for_each(|item| item.each_named(found)),
            Self::Named(name) => found(name),
        }
    }

    /// Tells whether the bindings have the very same Rust type for it.
    pub(super) fn is_same(&self) -> bool {
        let mut same = true;
        self.each_named(&mut |_| same = false);
        same
    }
}

/// The types that a module defines, and which of them the step needs.
pub(super) struct Types<'a> {
    items: BTreeMap<String, (usize, &'a Item)>,
    needed: BTreeSet<String>,
    /// Aliases that are being followed, to notice one that leads to itself.
    following: Vec<String>,
    /// Whether there is a module that types could be defined in.
    module: bool,
}

impl<'a> Types<'a> {
    pub(super) fn none() -> Self {
        Self {
            items: BTreeMap::new(),
            needed: BTreeSet::new(),
            following: Vec::new(),
            module: false,
        }
    }

    pub(super) fn of(items: &'a [Item]) -> Self {
        let named = items.iter().enumerate().filter_map(|(position, item)| {
            let ident = match item {
                Item::Struct(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Type(item) => &item.ident,
                _ => return None,
            };
            Some((ident.to_string(), (position, item)))
        });
        Self {
            items: named.collect(),
            module: true,
            ..Self::none()
        }
    }

    pub(super) fn item(&self, name: &str) -> Option<&'a Item> {
        self.items.get(name).map(|(_, item)| *item)
    }

    pub(super) fn position(&self, name: &Name) -> usize {
        self.items
            .get(&name.rust.to_string())
            .map_or(usize::MAX, |(position, _)| *position)
    }

    /// Returns a type that the step needs and that is not in `done`.
    pub(super) fn next_needed(&self, done: &BTreeSet<String>) -> Option<String> {
        self.needed.difference(done).next().cloned()
    }

    /// Returns the type of a parameter, which is owned.
    pub(super) fn of_parameter(&mut self, ty: &Type) -> syn::Result<Ty> {
        self.of_type(ty)
    }

    /// Returns what a function returns when nothing goes wrong, and whether it can fail. An error is text in the end, so that its
    /// type is nobody's business here.
    pub(super) fn of_output(&mut self, ty: &Type) -> syn::Result<(Option<Ty>, bool)> {
        if is_unit(ty) {
            return Ok((None, false));
        }
        let Some(segment) = last_segment(ty).filter(|segment| segment.ident == "Result") else {
            return Ok((Some(self.of_type(ty)?), false));
        };
        match arguments(segment).first() {
            Some(ok) if is_unit(ok) => Ok((None, true)),
            Some(ok) => Ok((Some(self.of_type(ok)?), true)),
            None => Err(Error::new_spanned(
                ty,
                "say what the function returns: `Result<(), Error>`, for example",
            )),
        }
    }

    pub(super) fn of_type(&mut self, ty: &Type) -> syn::Result<Ty> {
        match ty {
            Type::Paren(inner) => self.of_type(&inner.elem),
            Type::Group(inner) => self.of_type(&inner.elem),
            Type::Tuple(tuple) if tuple.elems.is_empty() => Err(Error::new_spanned(
                ty,
                "`()` is no WIT type; only a function that returns nothing has it: `Result<(), Error>`",
            )),
            Type::Tuple(tuple) => {
                let items = tuple.elems.iter().map(|item| self.of_type(item));
                Ok(Ty::Tuple(items.collect::<syn::Result<_>>()?))
            }
            Type::Path(path) => self.of_path(path),
            other => Err(Error::new_spanned(other, instead_of(other))),
        }
    }

    fn of_path(&mut self, path: &TypePath) -> syn::Result<Ty> {
        let Some(segment) = path.path.segments.last() else {
            return Err(Error::new_spanned(path, "this is no type"));
        };
        let name = segment.ident.to_string();
        let local =
            path.path.segments.len() == 1 || path.path.segments.first().is_some_and(|first| first.ident == "self");
        if local && let Some(item) = self.item(&name) {
            return self.of_item(&name, item, segment);
        }
        if let Some(plain) = plain(&name) {
            return Ok(Ty::Plain(plain));
        }
        let arguments = arguments(segment);
        match (name.as_str(), arguments.as_slice()) {
            ("Option", [inner]) => Ok(Ty::Option(Box::new(self.of_type(inner)?))),
            ("Vec", [inner]) => Ok(Ty::List(Box::new(self.of_type(inner)?))),
            ("Result", [ok, err]) => Ok(Ty::Result(self.of_side(ok)?, self.of_side(err)?)),
            ("Result", [_]) => Err(Error::new_spanned(
                path,
                "a result inside of another type needs both of its types: `Result<T, String>`",
            )),
            _ => Err(Error::new_spanned(path, self.unknown(&name))),
        }
    }

    fn of_side(&mut self, ty: &Type) -> syn::Result<Option<Box<Ty>>> {
        if is_unit(ty) {
            return Ok(None);
        }
        Ok(Some(Box::new(self.of_type(ty)?)))
    }

    fn of_item(&mut self, name: &str, item: &'a Item, segment: &PathSegment) -> syn::Result<Ty> {
        if let Item::Type(alias) = item {
            if self.following.iter().any(|followed| followed == name) {
                return Err(Error::new_spanned(segment, format!("`{name}` stands for itself")));
            }
            if !alias.generics.params.is_empty() {
                return Err(Error::new_spanned(
                    &alias.generics,
                    "an alias in a step has no parameters: WIT has none",
                ));
            }
            self.following.push(name.to_owned());
            let ty = self.of_type(&alias.ty);
            self.following.pop();
            return ty;
        }
        self.needed.insert(name.to_owned());
        Name::of(&segment.ident).map(Ty::Named)
    }

    fn unknown(&self, name: &str) -> String {
        let instead = match name {
            "usize" | "isize" => "has another size on every machine; write `u32` or `u64`",
            "u128" | "i128" => "is wider than any WIT type; write `u64`, or a `String` of digits",
            "PathBuf" | "Path" | "OsString" | "OsStr" => "has no WIT type; write `String`: paths in a step are UTF-8",
            "str" => "is borrowed; write `String`",
            "HashMap" | "BTreeMap" | "IndexMap" => "has no WIT type; write `Vec<(KEY, VALUE)>`, or a struct",
            "HashSet" | "BTreeSet" | "VecDeque" => "has no WIT type; write `Vec<T>`",
            "Box" | "Rc" | "Arc" | "Cow" => "has no WIT type; write the type that it holds",
            "Duration" => "has no WIT type; write a number whose name says its unit: `timeout_ms: u64`",
            "SystemTime" | "Instant" => "has no WIT type; write seconds since 1970 as `u64`, or a `String`",
            "NonZeroU32" | "NonZeroU64" | "Wrapping" => "has no WIT type; write the number and check it",
            "Value" => "has no WIT type; write a struct, or the JSON as a `String`",
            "Option" | "Vec" => "needs one type between `<` and `>`",
            _ if self.module => {
                return format!(
                    "`{name}` is not defined in this module, so that its WIT is not known: define it in here as `pub struct` or \
                     `pub enum`, or write a built-in type"
                );
            }
            _ => {
                return format!(
                    "`{name}` is no built-in type: move the function and `{name}` into a module, and write `#[step]` before that"
                );
            }
        };
        format!("`{name}` {instead}")
    }

    /// Finds a type that contains itself.
    pub(super) fn reject_recursion(&self, definitions: &[TypeDef]) -> syn::Result<()> {
        let mut uses: BTreeMap<String, Vec<Name>> = BTreeMap::new();
        for definition in definitions {
            let names = uses.entry(definition.name.rust.to_string()).or_default();
            let mut add = |ty: &Ty| ty.each_named(&mut |name| names.push(name.clone()));
            match &definition.kind {
                Kind::Record(fields) => fields.iter().for_each(|field| add(&field.ty)),
                Kind::Cases(cases) => cases.iter().flat_map(|case| &case.payload).for_each(add),
            }
        }
        // What is removed uses only what was removed before it; what cannot be removed goes around in a circle.
        loop {
            let leaves: Vec<String> = uses
                .iter()
                .filter(|(_, names)| names.iter().all(|name| !uses.contains_key(&name.rust.to_string())))
                .map(|(name, _)| name.clone())
                .collect();
            if leaves.is_empty() {
                break;
            }
            uses.retain(|name, _| !leaves.contains(name));
        }
        match uses.into_values().flatten().next() {
            None => Ok(()),
            Some(name) => Err(Error::new(
                name.rust.span(),
                format!(
                    "`{}` contains itself, which no WIT type can: write a list of nodes that name each other by number",
                    name.rust
                ),
            )),
        }
    }
}

fn plain(name: &str) -> Option<&'static str> {
    Some(match name {
        "bool" => "bool",
        "char" => "char",
        "String" => "string",
        "u8" => "u8",
        "u16" => "u16",
        "u32" => "u32",
        "u64" => "u64",
        "i8" => "s8",
        "i16" => "s16",
        "i32" => "s32",
        "i64" => "s64",
        "f32" => "f32",
        "f64" => "f64",
        _ => return None,
    })
}

/// Returns what to write instead of a type that is not even a path.
fn instead_of(ty: &Type) -> String {
    match ty {
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => {
                "what crosses the border of a component is owned: write `String`".to_owned()
            }
            Type::Slice(slice) => format!(
                "what crosses the border of a component is owned: write `Vec<{}>`",
                slice.elem.to_token_stream()
            ),
            other => format!(
                "what crosses the border of a component is owned: write `{}`",
                other.to_token_stream()
            ),
        },
        Type::Array(array) => format!(
            "a WIT list has no fixed length: write `Vec<{}>` and check it",
            array.elem.to_token_stream()
        ),
        Type::ImplTrait(_) | Type::TraitObject(_) => "WIT has no traits: write a type".to_owned(),
        Type::Infer(_) => "a signature in a step says its types".to_owned(),
        Type::Never(_) => "a step returns: write `Result<(), Error>`".to_owned(),
        _ => "this type has no counterpart in WIT".to_owned(),
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(list) = &segment.arguments else {
        return Vec::new();
    };
    list.args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
        .collect()
}
