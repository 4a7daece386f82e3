//! `#[step]`: plain Rust → a world in WIT, its bindings, and the code between the two. The stages are its modules: [`model`] reads
//! the Rust, [`wit`] writes the world, [`glue`] converts.

mod glue;
mod model;
mod names;
mod types;
mod wit;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, Item};

use crate::world::World;
use crate::{bindings, section};
use model::Step;

/// Expands `#[step]`. The item is there in every case, so that an error in it does not become many.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = reject_arguments(arguments).and_then(|()| syn::parse2::<Item>(item.clone()));
    let item = match parsed {
        Ok(item) => item,
        Err(error) => {
            let error = error.into_compile_error();
            return quote! { #error #item };
        }
    };
    tokens(&item).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote! { #error #item }
    })
}

fn reject_arguments(arguments: TokenStream) -> syn::Result<()> {
    match arguments.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(Error::new(
            first.span(),
            "`#[step]` takes no arguments: names and documentation come from the Rust below it, the version from Cargo.toml",
        )),
    }
}

fn tokens(item: &Item) -> syn::Result<TokenStream> {
    let (step, span) = match item {
        Item::Mod(module) => (Step::of_module(module)?, module.ident.span()),
        Item::Fn(function) => (Step::of_function(function)?, function.sig.ident.span()),
        other => {
            return Err(Error::new_spanned(
                other,
                "`#[step]` goes before `mod NAME { … }` or `pub fn`",
            ));
        }
    };
    let (generated, section) = generated(&step, span)?;
    let glue = glue::tokens(&step, &generated);
    Ok(match item {
        Item::Mod(module) => {
            let mut module = module.clone();
            model::quiet(&mut module, &step);
            let attributes = &module.attrs;
            let (visibility, name) = (&module.vis, &module.ident);
            let items = module.content.iter().flat_map(|(_, items)| items);
            quote! {
                #(#attributes)*
                #visibility mod #name {
                    #(#items)*
                    #section
                    #glue
                }
            }
        }
        other => quote! {
            #[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
            #other
            #section
            #glue
        },
    })
}

/// Returns the bindings of a step's world and the section with its documentation.
fn generated(step: &Step, span: Span) -> syn::Result<(TokenStream, TokenStream)> {
    let (package, version) = package();
    let text = wit::text(step, &package, &version);
    // What is wrong in the Rust was found before; the rest is named as what it is.
    let at = |error: String| Error::new(span, format!("the WIT of this step is refused: {error}\n\n{text}"));
    let mut world = World::of_text(&text).map_err(at)?;
    let section = section::item(&world).map_err(at)?;
    let bindings = bindings::of_step(&mut world, bindings::Choices::default()).map_err(at)?;
    Ok((bindings, section))
}

/// Returns the name and the version of the package that is being compiled.
fn package() -> (String, String) {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let name = variable("CARGO_PKG_NAME").unwrap_or_else(|| "step".to_owned());
    let version = variable("CARGO_PKG_VERSION").unwrap_or_else(|| "0.0.0".to_owned());
    (names::package(&name), version)
}

#[cfg(test)]
mod tests;
