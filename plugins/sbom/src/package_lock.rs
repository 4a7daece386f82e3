//! `package-lock.json`, versions 2 and 3: a flat map from the place of each package on disk to what is there. Version 1
//! is in [`crate::package_lock_v1`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::error::LockFile;
use crate::inventory::{Component, Inventory};
use crate::purl::Qualifier;
use crate::{Error, digest, package_lock_v1, purl};

/// The property of a package that is needed for development only (the taxonomy of CycloneDX's own npm tool).
const DEVELOPMENT: &str = "cdx:npm:package:development";

/// What precedes a package's name in its place.
const MODULES: &str = "node_modules/";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: Option<u64>,
    name: Option<String>,
    version: Option<String>,
    packages: Option<BTreeMap<String, Package>>,
    #[serde(default)]
    dependencies: BTreeMap<String, package_lock_v1::Package>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    license: Option<Value>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    dev_optional: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    dev_dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Value>,
    #[serde(default)]
    peer_dependencies: BTreeMap<String, Value>,
}

/// What is common to a package of every version of the format.
pub(crate) struct Fields<'a> {
    /// The name in the registry, with its scope.
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    /// Where it was found: a URL.
    pub(crate) resolved: Option<&'a str>,
    pub(crate) integrity: Option<&'a str>,
    pub(crate) development: bool,
    pub(crate) optional: bool,
}

/// Adds the packages of a `package-lock.json`.
pub(crate) fn parse(file: LockFile<'_>, inventory: &mut Inventory) -> Result<(), Error> {
    let lock: Lock =
        serde_json::from_str(file.text).map_err(|error| file.error(error.line().max(1), error.to_string()))?;
    match (lock.lockfile_version, lock.packages) {
        (Some(2 | 3), Some(packages)) => flat(file, &packages, inventory),
        (Some(1) | None, None) => {
            let root = lock
                .name
                .as_deref()
                .map(|name| Component::local(name, lock.version.as_deref(), file.path));
            if let Some(root) = root {
                inventory.add_root(set_group(root));
            }
            package_lock_v1::parse(file, &lock.dependencies, inventory)
        }
        (version, packages) => {
            let shown = version.map_or("no".to_owned(), |version| version.to_string());
            let with = if packages.is_some() { "with" } else { "without" };
            let line = file.line_of_key("lockfileVersion");
            Err(file.error(
                line,
                format!("`lockfileVersion` {shown} {with} `packages` is unknown here"),
            ))
        }
    }
}

fn flat(file: LockFile<'_>, packages: &BTreeMap<String, Package>, inventory: &mut Inventory) -> Result<(), Error> {
    let mut references = BTreeMap::new();
    let mut components = Vec::new();
    for (place, package) in packages.iter().filter(|(_, package)| !package.link) {
        let component = component(file, place, package)?;
        references.insert(place.as_str(), component.reference.clone());
        components.push((place, package, component));
    }
    // A link stands for the package that it points to.
    for (place, package) in packages.iter().filter(|(_, package)| package.link) {
        let target = package.resolved.as_deref().unwrap_or_default();
        let Some(reference) = references.get(target).cloned() else {
            return Err(file.error(
                file.line_of_key(place),
                format!("the link `{place}` leads to no package"),
            ));
        };
        references.insert(place, reference);
    }
    for (place, package, mut component) in components {
        let mut depends_on = BTreeSet::new();
        let needed = package.dependencies.keys().map(|name| (name, true));
        let maybe = package
            .optional_dependencies
            .keys()
            .chain(package.peer_dependencies.keys());
        // Those of other packages are not installed, and then not found.
        let development = package.dev_dependencies.keys();
        for (name, needed) in needed.chain(maybe.chain(development).map(|name| (name, false))) {
            match resolve(place, name, &references) {
                Some(reference) => depends_on.extend([reference.to_owned()]),
                None if needed && !package.optional_dependencies.contains_key(name) => {
                    let message = format!("`{name}`, which `{place}` depends on, is not in the file");
                    inventory.warn(file.path, file.line_of_key(place), message);
                }
                None => {}
            }
        }
        component.depends_on = Some(depends_on);
        if component.purl.is_some() {
            inventory.add(component)
        } else {
            inventory.add_root(component)
        }
    }
    Ok(())
}

/// The component of the package at `place`, without its dependencies.
fn component(file: LockFile<'_>, place: &str, package: &Package) -> Result<Component, Error> {
    let line = || file.line_of_key(place);
    let from_place = place.rsplit_once(MODULES).map(|(_, name)| name);
    let own = package.name.as_deref();
    let Some(name) = from_place else {
        // A folder of the tree: its name, else that of the folder.
        let name = own
            .or(place.rsplit('/').next())
            .filter(|name| !name.is_empty())
            .unwrap_or("root");
        let mut component = Component::local(name, package.version.as_deref(), file.path);
        component.licences.extend(licence(package.license.as_ref()));
        return Ok(set_group(component));
    };
    let Some(version) = &package.version else {
        return Err(file.error(line(), format!("the package `{place}` has no `version`")));
    };
    let fields = Fields {
        name: own.unwrap_or(name),
        version,
        resolved: package.resolved.as_deref(),
        integrity: package.integrity.as_deref(),
        development: package.dev,
        optional: package.optional || package.dev_optional,
    };
    let mut component = from_fields(file, &fields).map_err(|problem| file.error(line(), problem))?;
    component.licences.extend(licence(package.license.as_ref()));
    Ok(component)
}

/// The component of a package that was installed.
pub(crate) fn from_fields(file: LockFile<'_>, fields: &Fields<'_>) -> Result<Component, String> {
    let commit;
    let qualifier = match fields.resolved {
        Some(url) if url.starts_with("git") => {
            let (url, hash) = url.split_once('#').unwrap_or((url, ""));
            commit = if hash.is_empty() {
                url.to_owned()
            } else {
                format!("{url}@{hash}")
            };
            Some(Qualifier::Vcs(&commit))
        }
        // A registry's files are under `/-/`; another URL is a file from elsewhere.
        Some(url) if url.contains("://") && !url.contains("/-/") => Some(Qualifier::Download(url)),
        _ => None,
    };
    let purl = purl::npm(fields.name, fields.version, qualifier);
    let mut component = Component::package(purl, fields.name, Some(fields.version), file.path);
    if let Some(integrity) = fields.integrity {
        component.digests.extend(digest::from_integrity(integrity)?);
    }
    component.optional = fields.optional;
    if fields.development {
        component.property(DEVELOPMENT, "true");
    }
    Ok(set_group(component))
}

/// Splits a scope off the name.
fn set_group(mut component: Component) -> Component {
    if let Some((scope, name)) = component.name.split_once('/')
        && scope.starts_with('@')
    {
        (component.group, component.name) = (Some(scope.to_owned()), name.to_owned());
    }
    component
}

/// The licences of a `license` field: a text, an object with `type`, or a list of either.
fn licence(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) if !text.trim().is_empty() => vec![text.trim().to_owned()],
        Some(Value::Object(object)) => licence(object.get("type")),
        Some(Value::Array(list)) => list.iter().flat_map(|one| licence(Some(one))).collect(),
        _ => Vec::new(),
    }
}

/// The package that `name` means for the package at `place`: Node looks into the `node_modules` of every folder upwards.
fn resolve<'a>(place: &str, name: &str, references: &'a BTreeMap<&str, String>) -> Option<&'a str> {
    let mut folder = place;
    loop {
        let slash = if folder.is_empty() { "" } else { "/" };
        let candidate = format!("{folder}{slash}{MODULES}{name}");
        if let Some(reference) = references.get(candidate.as_str()) {
            return Some(reference);
        }
        if folder.is_empty() {
            return None;
        }
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(text: &str) -> Result<Inventory, String> {
        let mut inventory = Inventory::default();
        parse(
            LockFile {
                path: "/package-lock.json",
                text,
            },
            &mut inventory,
        )
        .map_err(|error| error.to_string())?;
        Ok(inventory)
    }

    /// Root, workspace with its link, scope, alias, two versions of one name, development, optional, git, tarball.
    const FLAT: &str = r#"{
  "name": "app", "version": "1.0.0", "lockfileVersion": 3,
  "packages": {
    "": { "name": "app", "version": "1.0.0", "license": "MIT", "workspaces": ["packages/*"],
          "dependencies": { "@s/scoped": "^1", "alias": "npm:real@1" }, "devDependencies": { "tool": "*" } },
    "packages/work": { "name": "@app/work", "version": "0.1.0", "dependencies": { "twice": "2" } },
    "node_modules/@app/work": { "resolved": "packages/work", "link": true },
    "node_modules/@s/scoped": { "version": "1.2.3", "license": "(MIT OR ISC)",
      "resolved": "https://registry.example/@s/scoped/-/scoped-1.2.3.tgz",
      "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
      "dependencies": { "twice": "1", "@app/work": "*" }, "peerDependencies": { "absent": "*" } },
    "node_modules/@s/scoped/node_modules/twice": { "version": "1.0.0" },
    "node_modules/twice": { "version": "2.0.0" },
    "node_modules/alias": { "name": "real", "version": "1.0.0" },
    "node_modules/tool": { "version": "9.0.0", "dev": true, "optionalDependencies": { "fast": "*" } },
    "node_modules/fast": { "version": "1.0.0", "optional": true, "license": { "type": "ISC" } },
    "node_modules/git": { "version": "1.0.0", "resolved": "git+ssh://git@example.com/g.git#abc" },
    "node_modules/ball": { "version": "1.0.0", "resolved": "https://example.com/ball.tgz" }
  }
}"#;

    fn depends<'a>(inventory: &'a Inventory, reference: &str) -> Vec<&'a str> {
        inventory.components[reference]
            .depends_on
            .as_ref()
            .unwrap()
            .iter()
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn versions_2_and_3_are_read_with_digests_licences_and_dependencies() {
        // Nearest package wins, links stand for workspaces, absent peers are no matter.
        for text in [
            FLAT.to_owned(),
            FLAT.replace("\"lockfileVersion\": 3", "\"lockfileVersion\": 2, \"dependencies\": {}"),
        ] {
            let inventory = parsed(&text).unwrap();
            let (app, work) = ("/package-lock.json#app@1.0.0", "/package-lock.json#@app/work@0.1.0");
            let scoped = "pkg:npm/%40s/scoped@1.2.3";
            assert_eq!(
                depends(&inventory, app),
                ["pkg:npm/%40s/scoped@1.2.3", "pkg:npm/real@1.0.0", "pkg:npm/tool@9.0.0"]
            );
            assert_eq!(depends(&inventory, scoped), [work, "pkg:npm/twice@1.0.0"]);
            assert_eq!(depends(&inventory, work), ["pkg:npm/twice@2.0.0"]);
            let component = &inventory.components[scoped];
            assert_eq!(
                (component.group.as_deref(), component.name.as_str()),
                (Some("@s"), "scoped")
            );
            assert_eq!(
                component.digests.first().unwrap().hex,
                "da39a3ee5e6b4b0d3255bfef95601890afd80709"
            );
            assert!(component.licences.contains("(MIT OR ISC)"));
            let tool = &inventory.components["pkg:npm/tool@9.0.0"];
            assert!(tool.properties.contains(&(DEVELOPMENT.to_owned(), "true".to_owned())));
            let fast = &inventory.components["pkg:npm/fast@1.0.0"];
            assert!(fast.optional && fast.licences.contains("ISC"));
            assert!(
                inventory
                    .components
                    .contains_key("pkg:npm/git@1.0.0?vcs_url=git%2Bssh://git%40example.com/g.git%40abc")
            );
            assert!(
                inventory
                    .components
                    .contains_key("pkg:npm/ball@1.0.0?download_url=https://example.com/ball.tgz")
            );
            assert_eq!((inventory.components.len(), inventory.roots.len()), (10, 2));
            assert!(inventory.warnings.is_empty());
        }
    }

    #[test]
    fn malformed_files_are_refused_with_their_line() {
        // Not JSON, a wrong type, an unknown version, no version of a package, a bad digest, a link to nowhere.
        for (text, line) in [
            ("{\n\"lockfileVersion\": 3,\n".to_owned(), 3),
            ("{\n\"lockfileVersion\": \"3\" }".to_owned(), 2),
            (FLAT.replace("\"lockfileVersion\": 3", "\"lockfileVersion\": 4"), 2),
            (FLAT.replace("\"version\": \"2.0.0\"", "\"x\": 1"), 13),
            (FLAT.replace("sha1-", "sha9-"), 8),
            (
                FLAT.replace("\"resolved\": \"packages/work\"", "\"resolved\": \"gone\""),
                7,
            ),
        ] {
            let error = parsed(&text).err().unwrap();
            assert!(error.starts_with(&format!("/package-lock.json:{line}: ")), "{error}");
        }
    }

    #[test]
    fn a_missing_dependency_is_warned_about() {
        // The graph is not whole then, and the person should know.
        let inventory = parsed(&FLAT.replace("\"twice\": \"2\"", "\"gone\": \"2\"")).unwrap();
        let warning = inventory.warnings.first().unwrap();
        assert_eq!(warning.line, 6);
        assert!(warning.message.contains("`gone`"));
    }
}
