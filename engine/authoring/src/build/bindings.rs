//! Bindings: what a project's WIT becomes in its language, generated in process into `build/gen`. Not here: compiling them.

use std::path::{Path, PathBuf};

use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::{Function, Resolve, TypeDefKind};

use super::Workshop;
use crate::error::Error;
use crate::files;
use crate::wit::Wit;

/// The C side of a project's WIT. Its header is for C++ and Zig too.
#[derive(Debug)]
pub(super) struct C {
    /// The folder, from the project's own: `build/gen`.
    pub(super) folder: PathBuf,
    /// The source that calls and is called through the component model.
    pub(super) source: PathBuf,
    /// Its header.
    pub(super) header: PathBuf,
    /// An object file with the world, which the linker carries into the module.
    pub(super) world: PathBuf,
}

impl C {
    /// Generates them; none for a project without WIT.
    pub(super) fn generate(shop: &Workshop<'_>) -> Result<Option<Self>, Error> {
        let Some(wit) = shop.wit else {
            return Ok(None);
        };
        supported(shop, |_| None, |_| false)?;
        let made = write(shop, wit, wit_bindgen_c::Opts::default().build())?;
        let with = |ending: &str| {
            let found = made.iter().find(|path| path.to_string_lossy().ends_with(ending));
            found.cloned().unwrap_or_default()
        };
        Ok(Some(Self {
            folder: PathBuf::from("build/gen"),
            source: with(".c"),
            header: with(".h"),
            world: with(".o"),
        }))
    }
}

/// Checks that WIT has nothing for which generators have no form: they would end the process over it. `also` and `functions` name what this
/// language has none for besides.
pub(super) fn supported(
    shop: &Workshop<'_>,
    also: impl Fn(&TypeDefKind) -> Option<&'static str>,
    functions: impl Fn(&Function) -> bool,
) -> Result<(), Error> {
    let Some(wit) = shop.wit else { return Ok(()) };
    let resolve: &Resolve = &wit.resolve;
    let kind = |kind: &TypeDefKind| match kind {
        TypeDefKind::FixedLengthList(..) => Some("a list of a fixed length"),
        TypeDefKind::Map(..) => Some("a map"),
        kind => also(kind),
    };
    let mut found = resolve.types.iter().find_map(|(_, definition)| kind(&definition.kind));
    let interfaces = resolve
        .interfaces
        .iter()
        .flat_map(|(_, interface)| interface.functions.values());
    let world = &resolve.worlds[wit.world];
    let own = world.imports.values().chain(world.exports.values());
    let own = own.filter_map(|item| match item {
        wit_parser::WorldItem::Function(function) => Some(function),
        _ => None,
    });
    if own.chain(interfaces).any(functions) {
        found = Some("an asynchronous function");
    }
    let language = shop.project.file.language.word();
    found.map_or(Ok(()), |what| {
        Err(Error::project(
            "A0015",
            format!("the WIT cannot be put into the language `{language}`: it has {what}"),
            "write the world in `wit/` without it; a list can stand for most",
        ))
    })
}

/// Runs a generator, and gives the paths of what it wrote, from the project's folder.
pub(super) fn write(
    shop: &Workshop<'_>,
    wit: &Wit,
    mut generator: Box<dyn WorldGenerator>,
) -> Result<Vec<PathBuf>, Error> {
    let folder = shop.folder("gen")?;
    let mut made = Files::default();
    // The generator gives types names of its own.
    let mut resolve = wit.resolve.clone();
    generator
        .generate(&mut resolve, wit.world, &mut made)
        .map_err(|error| {
            Error::project(
                "A0015",
                format!("the WIT cannot be put into the language: {error:#}"),
                "write the world in `wit/` without what is named there",
            )
        })?;
    let mut paths = Vec::new();
    for (name, bytes) in made.iter() {
        files::write(&folder.join(name), bytes)?;
        paths.push(Path::new("build/gen").join(name));
    }
    Ok(paths)
}
