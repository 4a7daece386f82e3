//! Names: Rust's to WIT's, and to those that the bindings have. No name is invented: one that WIT cannot say is an error.

use heck::{ToKebabCase, ToSnakeCase, ToUpperCamelCase};
use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Error, Ident};
use wit_bindgen_core::wit_parser::validate_id;

/// A name of the step's own.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// As it is in the Rust.
    pub(super) rust: Ident,
    /// As it is in WIT, without the `%` that a keyword needs there.
    pub(super) wit: String,
}

impl Name {
    /// Returns the name, or says why WIT has none like it.
    pub(super) fn of(ident: &Ident) -> syn::Result<Self> {
        let rust = ident.unraw().to_string();
        let wit = rust.to_kebab_case();
        if validate_id(&wit).is_err() {
            let text = format!(
                "`{rust}` would be `{wit}` in WIT, where a name is words of ASCII letters and digits and begins with a letter"
            );
            return Err(Error::new(ident.span(), text));
        }
        Ok(Self {
            rust: ident.clone(),
            wit,
        })
    }

    /// Returns the name as it stands in a WIT file: `%` makes an identifier of any keyword.
    pub(super) fn in_wit(&self) -> String {
        format!("%{}", self.wit)
    }

    /// Returns what the bindings call a type.
    pub(super) fn camel(&self) -> Ident {
        // The bindings have one name that no type may take.
        match self.wit.as_str() {
            "guest" => format_ident!("Guest_"),
            _ => self.case(),
        }
    }

    /// Returns what the bindings call a case.
    pub(super) fn case(&self) -> Ident {
        Ident::new(&self.wit.to_upper_camel_case(), Span::call_site())
    }

    /// Returns what the bindings call a function or a field.
    pub(super) fn snake(&self) -> Ident {
        format_ident!("{}", wit_bindgen_rust::to_rust_ident(&self.wit.to_snake_case()))
    }
}

/// Returns a package's name as WIT allows it, or a plain one where there is none.
pub(super) fn package(name: &str) -> String {
    let name = name.to_kebab_case();
    if validate_id(&name).is_ok() {
        name
    } else {
        "step".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wit(name: &str) -> Result<String, String> {
        Name::of(&Ident::new(name, Span::call_site()))
            .map(|name| name.wit)
            .map_err(|error| error.to_string())
    }

    /// Rust's two ways to write a name are one in WIT.
    #[test]
    fn names_become_kebab_case() {
        assert_eq!(wit("max_age"), Ok("max-age".to_owned()));
        assert_eq!(wit("TestCase"), Ok("test-case".to_owned()));
        assert_eq!(wit("sha256"), Ok("sha256".to_owned()));
        let raw = Name::of(&Ident::new_raw("type", Span::call_site())).expect("a raw name is a name");
        assert_eq!((raw.wit.as_str(), raw.in_wit().as_str()), ("type", "%type"));
        assert_eq!(raw.snake(), "type_");
    }

    /// A name that WIT has no way to say is not changed behind anybody's back.
    #[test]
    fn a_name_that_wit_cannot_say_is_refused() {
        let text = wit("größe").expect_err("it has a letter that WIT does not know");
        assert!(text.contains("`größe`") && text.contains("ASCII"), "{text}");
    }

    /// Any package of cargo's has a name in WIT.
    #[test]
    fn every_package_has_a_name() {
        assert_eq!(package("find_todos"), "find-todos");
        assert_eq!(package("step-2"), "step-2");
        assert_eq!(package("é"), "step");
    }
}
