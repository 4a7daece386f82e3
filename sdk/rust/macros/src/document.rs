//! `document!`: a world in WIT → the section with its documentation, and nothing else. The bindings are made by others.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Error;

use crate::generate::{Options, watched};
use crate::section;

/// Expands `document!`.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    syn::parse2::<Options>(input)
        .and_then(|options| {
            let world = options.world()?;
            let section = section::item(&world).map_err(|text| Error::new(options.span(), text))?;
            let files = watched(&world);
            Ok(quote! { #section #files })
        })
        .unwrap_or_else(Error::into_compile_error)
}
