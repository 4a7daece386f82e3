//! `package-lock.json`, version 1: packages nested as they are on disk. It has no licences and does not say what the
//! root itself depends on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::Error;
use crate::error::LockFile;
use crate::inventory::{Component, Inventory};
use crate::package_lock::{Fields, from_fields};

/// A package and those below it.
#[derive(Deserialize)]
pub(crate) struct Package {
    version: String,
    resolved: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    optional: bool,
    /// Names with version ranges.
    #[serde(default)]
    requires: BTreeMap<String, Value>,
    #[serde(default)]
    dependencies: BTreeMap<String, Package>,
}

/// The packages that a package can see, innermost last.
type Scopes<'a> = Vec<&'a BTreeMap<String, Package>>;

/// Adds the packages of the top level and all below.
pub(crate) fn parse(
    file: LockFile<'_>,
    packages: &BTreeMap<String, Package>,
    inventory: &mut Inventory,
) -> Result<(), Error> {
    level(file, &mut vec![packages], inventory)
}

/// Adds the packages of the innermost scope. The JSON parser bounds how deep they nest.
fn level<'a>(file: LockFile<'_>, scopes: &mut Scopes<'a>, inventory: &mut Inventory) -> Result<(), Error> {
    let Some(packages) = scopes.last().copied() else {
        return Ok(());
    };
    for (key, package) in packages {
        let mut component = component(file, key, package)?;
        scopes.push(&package.dependencies);
        let mut depends_on = BTreeSet::new();
        for name in package.requires.keys() {
            let found = scopes.iter().rev().find_map(|scope| scope.get(name));
            match found {
                Some(found) => depends_on.extend([self::component(file, name, found)?.reference]),
                // What is optional is not always installed.
                None if package.optional => {}
                None => {
                    let message = format!("`{name}`, which `{key}` requires, is not in the file");
                    inventory.warn(file.path, file.line_of_key(key), message);
                }
            }
        }
        component.depends_on = Some(depends_on);
        inventory.add(component);
        level(file, scopes, inventory)?;
        scopes.pop();
    }
    Ok(())
}

/// The component of a package, without its dependencies.
fn component(file: LockFile<'_>, key: &str, package: &Package) -> Result<Component, Error> {
    // `npm:NAME@VERSION` is another package under this name; a URL stands in place of a version.
    let alias = package
        .version
        .strip_prefix("npm:")
        .and_then(|text| text.rsplit_once('@'));
    let (name, version) = alias.unwrap_or((key, &package.version));
    let is_url = version.contains("://") || version.starts_with("github:");
    let fields = Fields {
        name,
        version,
        resolved: if is_url {
            Some(version)
        } else {
            package.resolved.as_deref()
        },
        integrity: package.integrity.as_deref(),
        development: package.dev,
        optional: package.optional,
    };
    from_fields(file, &fields).map_err(|problem| file.error(file.line_of_key(key), problem))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NESTED: &str = r#"{
  "name": "app", "version": "1.0.0", "lockfileVersion": 1, "requires": true,
  "dependencies": {
    "a": { "version": "1.0.0", "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
           "requires": { "b": "^1", "c": "*" },
           "dependencies": { "b": { "version": "1.0.0" } } },
    "b": { "version": "2.0.0", "dev": true },
    "c": { "version": "npm:@s/real@3.0.0", "requires": { "b": "^2" } }
  }
}"#;

    #[test]
    fn nested_packages_are_read_with_the_nearest_of_a_name() {
        // `a` sees its own `b`, `c` the outer one; an alias is the package that it stands for.
        let mut inventory = Inventory::default();
        crate::package_lock::parse(
            LockFile {
                path: "/l.json",
                text: NESTED,
            },
            &mut inventory,
        )
        .unwrap();
        let depends = |reference: &str| inventory.components[reference].depends_on.clone().unwrap();
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(
            depends("pkg:npm/a@1.0.0"),
            set(&["pkg:npm/%40s/real@3.0.0", "pkg:npm/b@1.0.0"])
        );
        assert_eq!(depends("pkg:npm/%40s/real@3.0.0"), set(&["pkg:npm/b@2.0.0"]));
        assert_eq!(inventory.components.len(), 5);
        assert!(inventory.roots.contains("/l.json#app@1.0.0"));
        assert!(inventory.warnings.is_empty());
    }
}
