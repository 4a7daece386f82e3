//! `Cargo.lock`, versions 1 to 4. Packages without a source are the workspace's own: they have no package URL, since
//! the registry's package of that name is another.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::error::LockFile;
use crate::inventory::{Component, Inventory};
use crate::purl::Qualifier;
use crate::{Error, digest, purl};

/// The newest version of the format that is known here.
const NEWEST_VERSION: u32 = 4;

/// The name of the default registry. Lock files name it so whichever protocol cargo speaks to it.
const DEFAULT_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
struct Lock {
    version: Option<Spanned<u32>>,
    #[serde(default)]
    package: Vec<Spanned<Package>>,
    /// The workspace's package in the oldest files.
    root: Option<Spanned<Package>>,
    /// In version 1, `checksum NAME VERSION (SOURCE)` and a digest.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// A package with the place where it stands.
struct Entry {
    package: Package,
    line: usize,
    reference: String,
}

/// Adds the packages of a `Cargo.lock`.
pub(crate) fn parse(file: LockFile<'_>, inventory: &mut Inventory) -> Result<(), Error> {
    let lock: Lock = toml::from_str(file.text).map_err(|error| {
        let line = file.line_at(error.span().map_or(0, |span: Range<usize>| span.start));
        file.error(line, error.message().to_owned())
    })?;
    if let Some(version) = &lock.version
        && !(1..=NEWEST_VERSION).contains(version.get_ref())
    {
        let line = file.line_at(version.span().start);
        return Err(file.error(
            line,
            format!("version {} of the format is unknown here", version.get_ref()),
        ));
    }
    let entries: Vec<Entry> = lock
        .root
        .into_iter()
        .chain(lock.package)
        .map(|package| {
            let line = file.line_at(package.span().start);
            let package = package.into_inner();
            Entry {
                reference: component(&package, file).reference,
                package,
                line,
            }
        })
        .collect();
    let mut by_name: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &entries {
        by_name.entry(&entry.package.name).or_default().push(entry);
    }
    for entry in &entries {
        let mut new = component(&entry.package, file);
        if let Some(checksum) = checksum(&entry.package, &lock.metadata) {
            new.digests
                .insert(digest::from_hex("sha256", checksum).map_err(|e| file.error(entry.line, e))?);
        }
        let dependencies = entry.package.dependencies.iter();
        let resolved: Result<BTreeSet<String>, String> = dependencies.map(|text| resolve(text, &by_name)).collect();
        new.depends_on = Some(resolved.map_err(|problem| file.error(entry.line, problem))?);
        if new.purl.is_some() {
            inventory.add(new)
        } else {
            inventory.add_root(new)
        }
    }
    Ok(())
}

/// The component of a package, without its digest and dependencies.
fn component(package: &Package, file: LockFile<'_>) -> Component {
    let (name, version) = (&package.name, &package.version);
    let Some(source) = &package.source else {
        return Component::local(name, Some(version), file.path);
    };
    let vcs;
    let qualifier = match source.split_once('+') {
        _ if source == DEFAULT_REGISTRY => None,
        Some(("git", url)) => {
            // `URL?branch=…#COMMIT` becomes `git+URL@COMMIT`.
            let (url, commit) = url.split_once('#').unwrap_or((url, ""));
            let url = url.split('?').next().unwrap_or(url);
            vcs = if commit.is_empty() {
                format!("git+{url}")
            } else {
                format!("git+{url}@{commit}")
            };
            Some(Qualifier::Vcs(&vcs))
        }
        Some((_, url)) => Some(Qualifier::Repository(url)),
        None => Some(Qualifier::Repository(source)),
    };
    Component::package(purl::cargo(name, version, qualifier), name, Some(version), file.path)
}

/// The package's digest: its own, or that of version 1's table. A package from git has none.
fn checksum<'a>(package: &'a Package, metadata: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let key = || {
        format!(
            "checksum {} {} ({})",
            package.name,
            package.version,
            package.source.as_deref().unwrap_or("")
        )
    };
    let checksum = package.checksum.as_ref().or_else(|| metadata.get(&key()))?;
    (checksum != "<none>").then_some(checksum)
}

/// The reference of the one package that a dependency (`NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`) means.
fn resolve(text: &str, by_name: &BTreeMap<&str, Vec<&Entry>>) -> Result<String, String> {
    let mut words = text.split(' ');
    let (name, version, source) = (words.next().unwrap_or_default(), words.next(), words.next());
    let source = source.map(|source| source.trim_matches(['(', ')']));
    let fits = |entry: &&&Entry| {
        // A source may lack the commit here that the package's own has.
        let its = entry.package.source.as_deref().unwrap_or_default();
        version.is_none_or(|version| version == entry.package.version)
            && source.is_none_or(|source| its == source || its.split('#').next() == Some(source))
    };
    let candidates = by_name.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut fitting = candidates.iter().filter(fits);
    match (fitting.next(), fitting.next()) {
        (Some(entry), None) => Ok(entry.reference.clone()),
        (None, _) => Err(format!("the dependency `{text}` is no package of this file")),
        (Some(_), Some(_)) => Err(format!(
            "the dependency `{text}` could be several packages of this file"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parsed(text: &str) -> Result<Inventory, String> {
        let mut inventory = Inventory::default();
        parse(
            LockFile {
                path: "/Cargo.lock",
                text,
            },
            &mut inventory,
        )
        .map_err(|error| error.to_string())?;
        Ok(inventory)
    }

    /// A lock file of the newest versions: own package, registry, git, another registry, two versions of one name.
    fn newest(version: u32) -> String {
        format!(
            r#"version = {version}
[[package]]
name = "app"
version = "0.1.0"
dependencies = ["dep 1.0.0", "from-git", "private"]
[[package]]
name = "dep"
version = "1.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "{SUM}"
dependencies = ["dep 0.9.0"]
[[package]]
name = "dep"
version = "0.9.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "{SUM}"
[[package]]
name = "from-git"
version = "2.0.0"
source = "git+https://example.com/g?branch=main#abc"
[[package]]
name = "private"
version = "3.0.0"
source = "registry+https://example.com/index"
"#
        )
    }

    #[test]
    fn versions_3_and_4_are_read_with_digests_sources_and_dependencies() {
        // The graph by references, the digests, and package URLs by source.
        for version in [3, 4] {
            let inventory = parsed(&newest(version)).unwrap();
            let git = "pkg:cargo/from-git@2.0.0?vcs_url=git%2Bhttps://example.com/g%40abc";
            let private = "pkg:cargo/private@3.0.0?repository_url=https://example.com/index";
            let root = &inventory.components["/Cargo.lock#app@0.1.0"];
            let depends: Vec<&str> = root.depends_on.as_ref().unwrap().iter().map(String::as_str).collect();
            assert_eq!(depends, ["pkg:cargo/dep@1.0.0", git, private]);
            assert_eq!(root.purl, None);
            assert_eq!(inventory.roots.len(), 1);
            let dep = &inventory.components["pkg:cargo/dep@1.0.0"];
            assert_eq!(dep.digests.first().unwrap().hex, SUM);
            assert_eq!(inventory.components.len(), 5);
        }
    }

    #[test]
    fn versions_1_and_2_are_read() {
        // Version 1 keeps digests in a table and has a root of its own; version 2 is like 3 without saying so.
        let registry = "registry+https://github.com/rust-lang/crates.io-index";
        let one = format!(
            "[root]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\"dep 1.0.0 ({registry})\"]\n\
             [[package]]\nname = \"dep\"\nversion = \"1.0.0\"\nsource = \"{registry}\"\n\
             [metadata]\n\"checksum dep 1.0.0 ({registry})\" = \"{SUM}\"\n\"checksum git 1 (git+x)\" = \"<none>\"\n"
        );
        let two = newest(3).replace("version = 3\n", "");
        for (text, count) in [(one, 2), (two, 5)] {
            let inventory = parsed(&text).unwrap();
            assert_eq!(inventory.components.len(), count);
            assert_eq!(
                inventory.components["pkg:cargo/dep@1.0.0"].digests.first().unwrap().hex,
                SUM
            );
        }
    }

    #[test]
    fn malformed_files_are_refused_with_their_line() {
        // Not TOML, a missing field, an unknown version, a bad digest, a dependency that is nowhere or not one.
        for (text, line) in [
            ("version = 4\n[[package]\n".to_owned(), 2),
            ("version = 4\n\n[[package]]\nname = \"x\"\n".to_owned(), 3),
            ("# made by hand\nversion = 5\n".to_owned(), 2),
            (newest(4).replace(SUM, "abc"), 6),
            (newest(4).replace("\"from-git\", \"private\"]", "\"nowhere\"]"), 2),
            (newest(4).replace("\"dep 1.0.0\"", "\"dep\""), 2),
        ] {
            let error = parsed(&text).err().unwrap();
            assert!(error.starts_with(&format!("/Cargo.lock:{line}: ")), "{error}");
        }
    }
}
