//! Bindings: what `wit-bindgen` generates for a world, told where this SDK keeps things. No bindings are written here.

use proc_macro2::TokenStream;
use wit_bindgen_core::wit_parser::{Resolve, WorldId, WorldItem};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::{Opts, WithOption};

use crate::world::World;

/// The path of what generated code may refer to.
const PRIVATE: &str = "::airtight_step::__private::wit_bindgen";
/// The macro that wit-bindgen defines; what people call is defined around it.
pub(crate) const EXPORT: &str = "__airtight_step_export";

/// What people may choose about bindings.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    /// Attributes to derive on every type.
    pub(crate) derives: Vec<String>,
}

/// Generates the bindings of a step's world. What Airtight offers is taken from the SDK's own bindings, so that its functions and
/// the step's own use one set of types.
pub(crate) fn of_step(world: &mut World, choices: Choices) -> Result<TokenStream, String> {
    let with = airtight_imports(&world.resolve, world.id)
        .map(|(name, interface)| {
            let path = format!("::airtight_step::bindings::airtight::step::{interface}");
            (name, WithOption::Path(path))
        })
        .collect();
    let options = Opts {
        runtime_path: Some(format!("{PRIVATE}::rt")),
        bitflags_path: Some(format!("{PRIVATE}::bitflags")),
        export_macro_name: Some(EXPORT.to_owned()),
        pub_export_macro: false,
        default_bindings_module: None,
        additional_derive_attributes: choices.derives,
        generate_all: true,
        with,
        ..Opts::default()
    };
    text(world, options)?
        .parse()
        .map_err(|error| format!("the generated bindings are no Rust: {error}"))
}

/// Returns the interfaces of `airtight:step` that a world imports: their names, and their names as modules.
fn airtight_imports(resolve: &Resolve, world: WorldId) -> impl Iterator<Item = (String, String)> {
    resolve.worlds[world].imports.values().filter_map(|item| {
        let WorldItem::Interface { id, .. } = item else {
            return None;
        };
        let interface = &resolve.interfaces[*id];
        let package = &resolve.packages[interface.package?].name;
        let ours = package.namespace == "airtight" && package.name == "step";
        let name = interface.name.as_deref().filter(|_| ours)?;
        Some((resolve.id_of(*id)?, name.replace('-', "_")))
    })
}

/// Returns the bindings as text.
pub(crate) fn text(world: &mut World, options: Opts) -> Result<String, String> {
    let mut files = Files::default();
    options
        .build()
        .generate(&mut world.resolve, world.id, &mut files)
        .map_err(|error| format!("{error:#}"))?;
    let (_, bytes) = files.iter().next().ok_or("there are no bindings")?;
    String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "//! Generated from the WIT of `airtight:step` by a test of `airtight-step-macros`, which also checks that it is up to\n\
        //! date. Not to be edited. It is here, and not made by a macro in each build, so that a command step that only logs and\n\
        //! reports needs no macros and is built in seconds.\n\n";

    /// The bindings in the SDK are those of the contract.
    #[test]
    fn the_bindings_of_the_sdk_are_up_to_date() {
        let mut world = World::of_airtight_step().expect("the contract parses");
        let options = Opts {
            runtime_path: Some("wit_bindgen::rt".to_owned()),
            generate_all: true,
            generate_unused_types: true,
            additional_derive_attributes: vec!["PartialEq".to_owned()],
            ..Opts::default()
        };
        let text = text(&mut world, options).expect("the contract has bindings");
        let file = syn::parse_file(&text).expect("bindings are Rust");
        let fresh = format!("{HEADER}{}", prettyplease::unparse(&file));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../step/src/bindings.rs");
        if std::env::var_os("AIRTIGHT_BLESS").is_some() {
            std::fs::write(path, &fresh).expect("it can be written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == fresh,
            "run `AIRTIGHT_BLESS=1 cargo test` in sdk/rust/macros"
        );
    }
}
