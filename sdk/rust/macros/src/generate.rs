//! `generate!`: a world in WIT → bindings and the section with its documentation. Also how the options of the macros are read.

use std::path::PathBuf;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, LitStr, Path, Token};

use crate::world::World;
use crate::{bindings, section};

/// What is between the braces.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) world: Option<LitStr>,
    pub(crate) paths: Vec<LitStr>,
    pub(crate) derives: Vec<Path>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let content;
        let input = if input.peek(syn::token::Brace) {
            syn::braced!(content in input);
            &content
        } else {
            input
        };
        let mut options = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![:]>()?;
            match key.to_string().as_str() {
                "world" => options.world = Some(input.parse()?),
                "path" => options.paths = one_or_many(input)?,
                "additional_derives" => {
                    let list;
                    syn::bracketed!(list in input);
                    options.derives = Punctuated::<Path, Token![,]>::parse_terminated(&list)?
                        .into_iter()
                        .collect();
                }
                other => {
                    let text = format!(
                        "`{other}` is no option of this macro; there are `world: \"NAME\"`, `path: \"FOLDER\"` and \
                         `additional_derives: [PATH, …]`. For more, use `wit_bindgen::generate!` and add \
                         `airtight_step::document!({{ path: \"FOLDER\" }})`"
                    );
                    return Err(Error::new(key.span(), text));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn one_or_many(input: ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    if input.peek(syn::token::Bracket) {
        let list;
        syn::bracketed!(list in input);
        return Ok(Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?
            .into_iter()
            .collect());
    }
    Ok(vec![input.parse()?])
}

impl Options {
    /// Reads the world that the options name.
    pub(crate) fn world(&self) -> syn::Result<World> {
        let root = std::env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .unwrap_or_default();
        let folders: Vec<PathBuf> = if self.paths.is_empty() {
            vec![root.join("wit")]
        } else {
            self.paths.iter().map(|path| root.join(path.value())).collect()
        };
        let name = self.world.as_ref().map(LitStr::value);
        World::of_folders(&folders, name.as_deref()).map_err(|text| Error::new(self.span(), text))
    }

    /// Returns where to point when the world is at fault.
    pub(crate) fn span(&self) -> Span {
        let written = self.world.as_ref().or(self.paths.last());
        written.map_or_else(Span::call_site, LitStr::span)
    }
}

/// Expands `generate!`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    syn::parse2::<Options>(input)
        .and_then(|options| tokens(&options))
        .unwrap_or_else(Error::into_compile_error)
}

fn tokens(options: &Options) -> syn::Result<TokenStream> {
    let mut world = options.world()?;
    let at = |text| Error::new(options.span(), text);
    let section = section::item(&world).map_err(at)?;
    let choices = bindings::Choices {
        derives: options
            .derives
            .iter()
            .map(|path| path.to_token_stream().to_string())
            .collect(),
    };
    let has_exports = !world.resolve.worlds[world.id].exports.is_empty();
    let bindings = bindings::of_step(&mut world, choices).map_err(at)?;
    let files = watched(&world);
    let export = has_exports.then(export);
    Ok(quote! { #bindings #section #files #export })
}

/// Defines `export!`. Only a component exports: a program for tests must not define a C function `run`, or `read`.
fn export() -> TokenStream {
    let macro_name = format_ident!("{}", bindings::EXPORT);
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unused_imports)]
        pub(crate) use #macro_name as export;
        #[cfg(not(target_arch = "wasm32"))]
        #[allow(unused_macros)]
        macro_rules! __airtight_step_no_export {
            ($step:ident $($rest:tt)*) => {
                const _: ::core::option::Option<$step> = ::core::option::Option::None;
            };
        }
        #[cfg(not(target_arch = "wasm32"))]
        #[allow(unused_imports)]
        pub(crate) use __airtight_step_no_export as export;
    }
}

/// Makes the compiler read the files that the world is from, so that it notices when they change.
pub(crate) fn watched(world: &World) -> TokenStream {
    let files = world.files.iter().filter_map(|file| file.to_str());
    quote! { #(const _: &[u8] = ::core::include_bytes!(#files);)* }
}
