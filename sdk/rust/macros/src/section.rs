//! The custom section `airtight:step`: the documentation of a world, which the component format itself has no place for. Its
//! format is `docs/formats/component-sections.md` of Airtight; this writes it, and reads nothing.

use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::{Map, Value, json};
use wit_bindgen_core::wit_parser::{Docs, Function, Resolve, TypeDefKind, TypeId, WorldItem};

use crate::world::World;

/// The most that a reader accepts.
const LIMIT: usize = 1 << 20;

/// Returns the item that puts the section into the object file; the linker keeps it, stripped or not.
pub(crate) fn item(world: &World) -> Result<TokenStream, String> {
    let json = text(world);
    if json.len() > LIMIT {
        return Err(format!(
            "the documentation of the world has {} bytes; a component may carry {LIMIT}",
            json.len()
        ));
    }
    let length = json.len();
    let bytes = Literal::byte_string(json.as_bytes());
    Ok(quote! {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(link_section = "airtight:step")]
            static SECTION: [u8; #length] = *#bytes;
        };
    })
}

/// Returns the section's text.
pub(crate) fn text(world: &World) -> String {
    let mut found = Found {
        resolve: &world.resolve,
        functions: Map::new(),
        types: Map::new(),
    };
    let this = &world.resolve.worlds[world.id];
    for (key, item) in this.imports.iter().chain(&this.exports) {
        let exported = this.exports.contains_key(key);
        match item {
            WorldItem::Type { id, .. } => found.add_type("", *id),
            WorldItem::Function(function) if exported => found.add_function("", function),
            WorldItem::Interface { id, .. } if exported => {
                let interface = &world.resolve.interfaces[*id];
                let prefix = format!("{}#", world.resolve.name_world_key(key));
                for id in interface.types.values() {
                    found.add_type(&prefix, *id);
                }
                for function in interface.functions.values() {
                    found.add_function(&prefix, function);
                }
            }
            _ => {}
        }
    }
    let mut about = Map::new();
    let name = match this.package {
        Some(package) => world.resolve.id_of_name(package, &this.name),
        None => this.name.clone(),
    };
    about.insert("name".to_owned(), name.into());
    add_docs(&mut about, &this.docs);
    let mut section = json!({ "v": 1, "world": about });
    for (key, map) in [("functions", found.functions), ("types", found.types)] {
        if !map.is_empty() {
            section[key] = map.into();
        }
    }
    section.to_string()
}

/// What has documentation. Names are as in WIT; those of an exported interface follow its own and a `#`.
struct Found<'a> {
    resolve: &'a Resolve,
    functions: Map<String, Value>,
    types: Map<String, Value>,
}

impl Found<'_> {
    fn add_function(&mut self, prefix: &str, function: &Function) {
        let mut about = Map::new();
        add_docs(&mut about, &function.docs);
        if !about.is_empty() {
            self.functions
                .insert(format!("{prefix}{}", function.name), about.into());
        }
    }

    fn add_type(&mut self, prefix: &str, id: TypeId) {
        let definition = &self.resolve.types[id];
        let Some(name) = &definition.name else {
            return;
        };
        let members: Vec<(&String, &Docs)> = match &definition.kind {
            TypeDefKind::Record(record) => record.fields.iter().map(|it| (&it.name, &it.docs)).collect(),
            TypeDefKind::Variant(variant) => variant.cases.iter().map(|it| (&it.name, &it.docs)).collect(),
            TypeDefKind::Enum(cases) => cases.cases.iter().map(|it| (&it.name, &it.docs)).collect(),
            TypeDefKind::Flags(flags) => flags.flags.iter().map(|it| (&it.name, &it.docs)).collect(),
            _ => Vec::new(),
        };
        let members: Map<String, Value> = members
            .into_iter()
            .filter_map(|(name, docs)| Some((name.clone(), docs.contents.as_deref()?.trim().into())))
            .collect();
        let mut about = Map::new();
        add_docs(&mut about, &definition.docs);
        if !members.is_empty() {
            about.insert("members".to_owned(), members.into());
        }
        if !about.is_empty() {
            self.types.insert(format!("{prefix}{name}"), about.into());
        }
    }
}

fn add_docs(about: &mut Map<String, Value>, docs: &Docs) {
    if let Some(text) = docs.contents.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        about.insert("docs".to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that can be documented is, under the names that a reader of the component sees.
    #[test]
    fn the_section_has_every_comment_under_its_name() {
        let wit = "package local:x@1.2.3;
            interface more {
                /// A colour.
                enum colour { red, /// Grass.
                 green }
                /// Paints.
                paint: func(in-what: colour);
            }
            /// The world.
            world step {
                /// A record.
                record summary {
                    /// Files.
                    files: u32,
                    bytes: u64,
                }
                /// Runs.
                ///
                /// Twice.
                export run: func() -> summary;
                export more;
            }";
        let world = World::of_text(wit).expect("it parses");
        let section: Value = serde_json::from_str(&text(&world)).expect("it is JSON");
        let expected = json!({
            "v": 1,
            "world": { "name": "local:x/step@1.2.3", "docs": "The world." },
            "functions": {
                "run": { "docs": "Runs.\n\nTwice." },
                "local:x/more@1.2.3#paint": { "docs": "Paints." },
            },
            "types": {
                "summary": { "docs": "A record.", "members": { "files": "Files." } },
                "local:x/more@1.2.3#colour": { "docs": "A colour.", "members": { "green": "Grass." } },
            },
        });
        assert_eq!(section, expected);
    }
}
