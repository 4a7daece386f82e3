//! Worlds: read from a folder or a text, with `airtight:step` at hand, so that nobody needs a copy of it. What becomes of a
//! world is decided elsewhere.

use std::path::{Path, PathBuf};

use wit_bindgen_core::wit_parser::{PackageId, Resolve, SourceMap, UnresolvedPackageGroup, WorldId};

/// The package `airtight:step`, file by file: a copy of the repository's `wit/`, because a published crate has only what is
/// in its own folder. A test compares the two.
pub(crate) const AIRTIGHT_STEP: [(&str, &str); 6] = [
    ("artifact.wit", include_str!("../wit/artifact.wit")),
    ("log.wit", include_str!("../wit/log.wit")),
    ("progress.wit", include_str!("../wit/progress.wit")),
    ("report.wit", include_str!("../wit/report.wit")),
    ("secret.wit", include_str!("../wit/secret.wit")),
    ("world.wit", include_str!("../wit/world.wit")),
];

/// A world with all that it refers to.
pub(crate) struct World {
    pub(crate) resolve: Resolve,
    pub(crate) id: WorldId,
    /// The files that it was read from: the compiler has to know them, to notice a change.
    pub(crate) files: Vec<PathBuf>,
}

impl World {
    /// Reads the world `name`, or the only one, from `folders`: the last one is the package itself, those before it are what it
    /// depends on beside its own `deps`.
    pub(crate) fn of_folders(folders: &[PathBuf], name: Option<&str>) -> Result<Self, String> {
        let mut resolve = Resolve::default();
        if !folders.iter().any(|folder| provides_airtight_step(folder)) {
            push_airtight_step(&mut resolve)?;
        }
        let mut files = Vec::new();
        let mut package = None;
        for folder in folders {
            if !folder.exists() {
                return Err(format!("there is no `{}`", folder.display()));
            }
            let (id, sources) = resolve
                .push_path(folder)
                .map_err(|error| resolve.render_error(&error))?;
            files.extend(sources.paths().map(Path::to_owned));
            package = Some(id);
        }
        let package = package.ok_or("no folder with WIT is named")?;
        Self::select(resolve, package, name, files)
    }

    /// Reads the only world of `text`.
    pub(crate) fn of_text(text: &str) -> Result<Self, String> {
        let mut resolve = Resolve::default();
        let package = resolve
            .push_source("step.wit", text)
            .map_err(|error| resolve.render_error(&error))?;
        Self::select(resolve, package, None, Vec::new())
    }

    /// Returns the world of all that Airtight offers.
    #[cfg(test)]
    pub(crate) fn of_airtight_step() -> Result<Self, String> {
        let mut resolve = Resolve::default();
        let package = push_airtight_step(&mut resolve)?;
        Self::select(resolve, package, Some("imports"), Vec::new())
    }

    fn select(resolve: Resolve, package: PackageId, name: Option<&str>, files: Vec<PathBuf>) -> Result<Self, String> {
        let id = resolve
            .select_world(&[package], name)
            .map_err(|error| resolve.render_error(&error))?;
        Ok(Self { resolve, id, files })
    }
}

fn push_airtight_step(resolve: &mut Resolve) -> Result<PackageId, String> {
    let mut sources = SourceMap::default();
    for (name, text) in AIRTIGHT_STEP {
        sources.push_str(name, text);
    }
    let group = sources.parse().map_err(|(sources, error)| error.render(&sources))?;
    resolve
        .push_group(group)
        .map_err(|error| format!("airtight:step: {error}"))
}

/// Tells whether a folder or its `deps` has the package `airtight:step`, which then must not be there twice. What does not
/// parse is left for the reading itself to complain about.
fn provides_airtight_step(folder: &Path) -> bool {
    let is_it =
        |group: &UnresolvedPackageGroup| group.main.name.namespace == "airtight" && group.main.name.name == "step";
    let entries = std::fs::read_dir(folder.join("deps")).into_iter().flatten().flatten();
    std::iter::once(folder.to_owned())
        .chain(entries.map(|entry| entry.path()))
        .any(|path| {
            let parsed = if path.is_dir() {
                UnresolvedPackageGroup::parse_dir(&path).ok()
            } else {
                std::fs::read_to_string(&path)
                    .ok()
                    .filter(|_| path.extension().is_some_and(|extension| extension == "wit"))
                    .and_then(|text| UnresolvedPackageGroup::parse(&path, &text).ok())
            };
            parsed.as_ref().is_some_and(is_it)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step that was built with this crate imports what the engine offers, to the letter.
    #[test]
    fn the_copy_of_the_wit_is_the_contract() {
        let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../wit");
        let mut names: Vec<String> = std::fs::read_dir(&contract)
            .expect("the repository has wit/")
            .filter_map(|entry| entry.expect("it can be listed").file_name().into_string().ok())
            .filter(|name| name.ends_with(".wit"))
            .collect();
        names.sort();
        assert_eq!(names, AIRTIGHT_STEP.map(|(name, _)| name));
        for (name, text) in AIRTIGHT_STEP {
            let original = std::fs::read_to_string(contract.join(name)).expect("it can be read");
            assert_eq!(
                text, original,
                "run `cp wit/{name} sdk/rust/macros/wit/` in the repository"
            );
        }
    }
}
