//! `go.sum`: lines of module, version and digest. Only modules of which the content is recorded count: a line for a
//! `go.mod` alone says that Go looked at the module's requirements, not that it uses it.

use crate::error::LockFile;
use crate::inventory::{Component, Inventory};
use crate::{Error, digest, purl};

/// The property with the digest of a module's file list, which is no digest of a file.
const DIGEST: &str = "airtight:go-sum";

/// Adds the modules of a `go.sum`.
pub(crate) fn parse(file: LockFile<'_>, inventory: &mut Inventory) -> Result<(), Error> {
    for (index, line) in file.text.lines().enumerate() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [module, version, digest] = fields[..] else {
            if fields.is_empty() {
                continue;
            }
            return Err(file.error(
                index + 1,
                format!("`{line}` is not a module, its version and its digest"),
            ));
        };
        let is_digest = digest.split_once(':').is_some_and(|(kind, encoded)| {
            kind != "h1" || digest::base64(encoded).is_some_and(|bytes| bytes.len() == 32)
        });
        if !version.starts_with('v') || !is_digest {
            return Err(file.error(
                index + 1,
                format!("`{version} {digest}` is not a version and its digest"),
            ));
        }
        if version.ends_with("/go.mod") {
            continue;
        }
        let purl = purl::golang(module, version);
        let mut component = Component::package(purl, module, Some(version), file.path);
        component.property(DIGEST, digest);
        inventory.add(component);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const H1: &str = "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    #[test]
    fn modules_with_content_are_listed_and_those_with_a_go_mod_alone_are_not() {
        // Two lines for one module that is used, one for a module that was only looked at.
        let text = format!(
            "example.com/A/b v1.0.0 {H1}\nexample.com/A/b v1.0.0/go.mod {H1}\n\nexample.com/c v2.0.0/go.mod {H1}\n"
        );
        let mut inventory = Inventory::default();
        parse(
            LockFile {
                path: "/go.sum",
                text: &text,
            },
            &mut inventory,
        )
        .unwrap();
        assert_eq!(
            inventory.components.keys().collect::<Vec<_>>(),
            ["pkg:golang/example.com/a/b@v1.0.0"]
        );
        let component = &inventory.components["pkg:golang/example.com/a/b@v1.0.0"];
        assert_eq!(component.name, "example.com/A/b");
        assert!(component.digests.is_empty());
        assert!(component.properties.contains(&(DIGEST.to_owned(), H1.to_owned())));
    }

    #[test]
    fn a_malformed_line_is_named() {
        // Too few fields, no version, a digest that is cut.
        for line in [
            "example.com/x v1.0.0",
            "example.com/x 1.0.0 h1:AAAA",
            "example.com/x v1.0.0 h1:47DEQpj8",
        ] {
            let text = format!("example.com/ok v1.0.0 {H1}\n{line}\n");
            let error = parse(
                LockFile {
                    path: "/go.sum",
                    text: &text,
                },
                &mut Inventory::default(),
            )
            .unwrap_err();
            assert!(error.to_string().starts_with("/go.sum:2: "), "{error}");
        }
    }
}
