//! The code between a step's own types and those of its bindings: plain conversions, one function a type and direction, and the
//! implementation of the exports. It is in the component only.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::model::{Function, Kind, Step, TypeDef};
use super::types::Ty;

/// The way that a value goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the bindings to the step.
    In,
    /// From the step to the bindings.
    Out,
}

/// Returns the module with the bindings and the items that export the step.
pub(super) fn tokens(step: &Step, bindings: &TokenStream) -> TokenStream {
    let inward = step.types.iter().map(|definition| conversion(definition, Way::In));
    let outward = step.types.iter().map(|definition| conversion(definition, Way::Out));
    let exports = step.functions.iter().map(export);
    let macro_name = format_ident!("{}", crate::bindings::EXPORT);
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[doc(hidden)]
        #[allow(warnings, clippy::all, clippy::pedantic)]
        mod __airtight_step {
            #bindings
        }
        #[cfg(target_arch = "wasm32")]
        #[allow(warnings, clippy::all, clippy::pedantic)]
        const _: () = {
            struct Step;
            #(#inward)*
            #(#outward)*
            impl __airtight_step::Guest for Step {
                #(#exports)*
            }
            __airtight_step::#macro_name!(Step with_types_in __airtight_step);
        };
    }
}

fn export(function: &Function) -> TokenStream {
    let name = function.name.snake();
    let rust = &function.name.rust;
    let arguments: Vec<Ident> = (0..function.parameters.len())
        .map(|position| format_ident!("argument{position}"))
        .collect();
    let types = function.parameters.iter().map(|(_, ty)| binding(ty));
    let converted = function
        .parameters
        .iter()
        .zip(&arguments)
        .map(|((_, ty), argument)| convert(ty, Way::In, quote!(#argument)));
    let call = quote! { #rust(#(#converted),*) };
    let ok_type = function.ok.as_ref().map_or_else(|| quote!(()), binding);
    let ok = match &function.ok {
        Some(ty) => convert(ty, Way::Out, quote!(ok)),
        None => quote!({
            let () = ok;
        }),
    };
    if function.fails {
        quote! {
            fn #name(#(#arguments: #types),*) -> ::core::result::Result<#ok_type, ::std::string::String> {
                match #call {
                    ::core::result::Result::Ok(ok) => ::core::result::Result::Ok(#ok),
                    ::core::result::Result::Err(error) => {
                        use ::airtight_step::__private::text::*;
                        ::core::result::Result::Err((&&&&Failure::of(error)).text())
                    }
                }
            }
        }
    } else {
        quote! {
            fn #name(#(#arguments: #types),*) -> #ok_type {
                let ok = #call;
                #ok
            }
        }
    }
}

fn conversion(definition: &TypeDef, way: Way) -> TokenStream {
    let name = function_name(&definition.name.rust, way);
    let rust = &definition.name.rust;
    let camel = definition.name.camel();
    let (rust, bound) = (quote!(#rust), quote!(__airtight_step::#camel));
    let (from, to) = match way {
        Way::In => (&bound, &rust),
        Way::Out => (&rust, &bound),
    };
    let body = match &definition.kind {
        Kind::Record(fields) => {
            let fields = fields.iter().map(|field| {
                let (here, there) = (&field.name.rust, field.name.snake());
                let (source, target) = match way {
                    Way::In => (quote!(#there), quote!(#here)),
                    Way::Out => (quote!(#here), quote!(#there)),
                };
                let value = convert(&field.ty, way, quote!(value.#source));
                quote!(#target: #value)
            });
            quote! { #to { #(#fields),* } }
        }
        Kind::Cases(cases) => {
            let arms = cases.iter().map(|case| {
                let (here, there) = (&case.name.rust, case.name.case());
                let payload: Vec<Ident> = (0..case.payload.len()).map(|index| format_ident!("p{index}")).collect();
                let converted: Vec<TokenStream> = case
                    .payload
                    .iter()
                    .zip(&payload)
                    .map(|(ty, name)| convert(ty, way, quote!(#name)))
                    .collect();
                let step = |values: &[TokenStream]| match values {
                    [] => quote!(#rust::#here),
                    values => quote!(#rust::#here(#(#values),*)),
                };
                // Several values in parentheses are one tuple in WIT.
                let other = |values: &[TokenStream]| match values {
                    [] => quote!(#bound::#there),
                    [one] => quote!(#bound::#there(#one)),
                    values => quote!(#bound::#there((#(#values),*))),
                };
                let names: Vec<TokenStream> = payload.iter().map(|name| quote!(#name)).collect();
                let (pattern, value) = match way {
                    Way::In => (other(&names), step(&converted)),
                    Way::Out => (step(&names), other(&converted)),
                };
                quote!(#pattern => #value)
            });
            quote! { match value { #(#arms),* } }
        }
    };
    quote! { fn #name(value: #from) -> #to { #body } }
}

fn function_name(name: &Ident, way: Way) -> Ident {
    match way {
        Way::In => format_ident!("into_{}", name),
        Way::Out => format_ident!("from_{}", name),
    }
}

/// Returns the expression that converts `value`.
fn convert(ty: &Ty, way: Way, value: TokenStream) -> TokenStream {
    if ty.is_same() {
        return value;
    }
    match ty {
        Ty::Plain(_) => value,
        Ty::Named(name) => {
            let function = function_name(&name.rust, way);
            quote!(#function(#value))
        }
        Ty::Option(inner) => {
            let inner = convert(inner, way, quote!(it));
            quote!(#value.map(|it| #inner))
        }
        Ty::List(inner) => {
            let inner = convert(inner, way, quote!(it));
            quote!(#value.into_iter().map(|it| #inner).collect::<::std::vec::Vec<_>>())
        }
        Ty::Tuple(items) => {
            let names: Vec<Ident> = (0..items.len()).map(|index| format_ident!("t{index}")).collect();
            let items = items
                .iter()
                .zip(&names)
                .map(|(ty, name)| convert(ty, way, quote!(#name)));
            quote!({ let (#(#names,)*) = #value; (#(#items,)*) })
        }
        Ty::Result(ok, err) => {
            let side = |ty: &Option<Box<Ty>>| match ty {
                Some(ty) => convert(ty, way, quote!(it)),
                None => quote!(it),
            };
            let (ok, err) = (side(ok), side(err));
            quote!(#value.map(|it| #ok).map_err(|it| #err))
        }
    }
}

/// Returns the type of the bindings.
fn binding(ty: &Ty) -> TokenStream {
    match ty {
        Ty::Plain(name) => match *name {
            "string" => quote!(::std::string::String),
            "s8" => quote!(i8),
            "s16" => quote!(i16),
            "s32" => quote!(i32),
            "s64" => quote!(i64),
            other => {
                let name = format_ident!("{}", other);
                quote!(#name)
            }
        },
        Ty::Named(name) => {
            let camel = name.camel();
            quote!(__airtight_step::#camel)
        }
        Ty::Option(inner) => {
            let inner = binding(inner);
            quote!(::core::option::Option<#inner>)
        }
        Ty::List(inner) => {
            let inner = binding(inner);
            quote!(::std::vec::Vec<#inner>)
        }
        Ty::Tuple(items) => {
            let items = items.iter().map(binding);
            quote!((#(#items,)*))
        }
        Ty::Result(ok, err) => {
            let side = |ty: &Option<Box<Ty>>| ty.as_deref().map_or_else(|| quote!(()), binding);
            let (ok, err) = (side(ok), side(err));
            quote!(::core::result::Result<#ok, #err>)
        }
    }
}
