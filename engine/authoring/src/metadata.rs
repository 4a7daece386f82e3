//! What a component says of itself: name, version, licence and the like as `wasm-metadata` writes them, and the section `airtight:step`
//! with the documentation of its WIT and what it asks for. Not here: reading it (`sandbox::inspect`).
//!
//! Specified in `docs/formats/component-sections.md`.

use std::borrow::Cow;

use airtight_model::grant::Grants;
use airtight_model::section::{
    FunctionDocs, RequestedGrants, STEP_SECTION, SectionRequest, StepSection, TypeDocs, WorldDocs,
};
use wasm_encoder::Encode;
use wasm_metadata::{AddMetadata, AddMetadataField};
use wasmparser::{Parser, Payload};
use wit_parser::{Docs, Resolve, TypeDefKind, TypeId, WorldItem};

use crate::build::{Raw, Workshop};
use crate::error::Error;
use crate::wit::Wit;

/// Adds it.
pub(crate) fn attach(shop: &Workshop<'_>, raw: &Raw, wasm: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("what was built cannot be marked with its name and version: {error:#}");
        Error::project("A0013", message, "build it again")
    };
    let file = &shop.project.file;
    let mut add = AddMetadata::default();
    add.name = AddMetadataField::Set(file.name.clone());
    let (language, version) = &raw.language;
    if !language.is_empty() {
        add.language.push((language.clone(), version.clone()));
    }
    add.processed_by.clone_from(&raw.tools);
    add.processed_by
        .push(("airtight".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    add.processed_by.dedup();
    let text =
        |placed: &Option<airtight_pipeline::step_file::Placed>| placed.as_ref().map(|placed| placed.text.clone());
    if let Some(version) = text(&file.version) {
        add.version = AddMetadataField::Set(wasm_metadata::Version::new(version));
    }
    if let Some(description) = &file.description {
        add.description = AddMetadataField::Set(wasm_metadata::Description::new(description.clone()));
    }
    if let Some(license) = text(&file.license) {
        let license = wasm_metadata::Licenses::new(&license).map_err(|error| failed(&error))?;
        add.licenses = AddMetadataField::Set(license);
    }
    // The crate takes only what it can parse as a URL; `git+ssh:` and the like are left to `inspect` of the sources.
    if let Some(source) = text(&file.source)
        && let Ok(source) = wasm_metadata::Source::new(&source)
    {
        add.source = AddMetadataField::Set(source);
    }
    let mut wasm = add.to_wasm(wasm).map_err(|error| failed(&error))?;
    let section = section(shop, nested(&wasm));
    wasm_encoder::CustomSection {
        name: Cow::Borrowed(STEP_SECTION),
        data: Cow::Owned(section.to_bytes()),
    }
    .append_to(&mut wasm);
    Ok(wasm)
}

/// Appends a section with its id.
trait AppendTo {
    fn append_to(&self, wasm: &mut Vec<u8>);
}

impl AppendTo for wasm_encoder::CustomSection<'_> {
    fn append_to(&self, wasm: &mut Vec<u8>) {
        wasm.push(0);
        self.encode(wasm);
    }
}

/// What a module inside says: the SDK for Rust knows the documentation of a world that it has derived.
fn nested(wasm: &[u8]) -> Option<StepSection> {
    Parser::new(0).parse_all(wasm).find_map(|payload| match payload {
        Ok(Payload::CustomSection(section)) if section.name() == STEP_SECTION => StepSection::parse(section.data()),
        _ => None,
    })
}

fn section(shop: &Workshop<'_>, known: Option<StepSection>) -> StepSection {
    let mut section = match (shop.wit, known) {
        (Some(wit), _) => documented(wit),
        (None, Some(known)) => known,
        (None, None) => StepSection::default(),
    };
    section.v = 1;
    section.requests = shop
        .project
        .file
        .requests
        .iter()
        .map(|request| SectionRequest {
            grants: texts(&request.grants),
            reason: request.reason.clone(),
        })
        .collect();
    section
}

/// Grants as the texts of the pipeline file.
fn texts(grants: &Grants) -> RequestedGrants {
    let Grants {
        http,
        net,
        secrets,
        clock,
        random,
    } = grants;
    // A plain item is a text in quotes; the section's texts need none.
    let bare = |item: String| {
        item.strip_prefix('"')
            .and_then(|item| item.strip_suffix('"'))
            .map_or(item.clone(), str::to_owned)
    };
    RequestedGrants {
        http: http.iter().map(|item| bare(item.to_string())).collect(),
        net: net.iter().map(|item| bare(item.to_string())).collect(),
        secrets: secrets.iter().map(ToString::to_string).collect(),
        clock: *clock,
        random: *random,
    }
}

fn text(docs: &Docs) -> Option<String> {
    docs.contents
        .as_deref()
        .map(str::trim)
        .filter(|docs| !docs.is_empty())
        .map(str::to_owned)
}

/// The documentation of a world: its own, that of what it exports, and of the types in that.
fn documented(wit: &Wit) -> StepSection {
    let resolve = &wit.resolve;
    let world = &resolve.worlds[wit.world];
    let mut section = StepSection {
        v: 1,
        world: Some(WorldDocs {
            name: wit.world_id(),
            docs: text(&world.docs),
        }),
        ..StepSection::default()
    };
    for (key, item) in world.imports.iter().chain(&world.exports) {
        if let WorldItem::Type { id, .. } = item {
            ty(resolve, *id, &mut section);
        }
        if !world.exports.contains_key(key) {
            continue;
        }
        match item {
            WorldItem::Function(function) => {
                let docs = FunctionDocs {
                    docs: text(&function.docs),
                };
                section.functions.insert(function.name.clone(), docs);
            }
            WorldItem::Interface { id, .. } => {
                let interface = &resolve.interfaces[*id];
                let name = resolve.name_world_key(key);
                for function in interface.functions.values() {
                    let docs = FunctionDocs {
                        docs: text(&function.docs),
                    };
                    section.functions.insert(format!("{name}#{}", function.name), docs);
                }
                interface.types.values().for_each(|id| ty(resolve, *id, &mut section));
            }
            WorldItem::Type { .. } => {}
        }
    }
    section.functions.retain(|_, function| function.docs.is_some());
    section
}

fn ty(resolve: &Resolve, id: TypeId, section: &mut StepSection) {
    let def = &resolve.types[id];
    let Some(name) = &def.name else { return };
    let mut docs = TypeDocs {
        docs: text(&def.docs),
        ..TypeDocs::default()
    };
    let members: Vec<(&String, &Docs)> = match &def.kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| (&field.name, &field.docs)).collect(),
        TypeDefKind::Variant(variant) => variant.cases.iter().map(|case| (&case.name, &case.docs)).collect(),
        TypeDefKind::Enum(cases) => cases.cases.iter().map(|case| (&case.name, &case.docs)).collect(),
        TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| (&flag.name, &flag.docs)).collect(),
        TypeDefKind::Type(wit_parser::Type::Id(other)) => return ty(resolve, *other, section),
        _ => Vec::new(),
    };
    for (member, said) in members {
        if let Some(said) = text(said) {
            docs.members.insert(member.clone(), said);
        }
    }
    if docs != TypeDocs::default() {
        section.types.insert(name.clone(), docs);
    }
}
