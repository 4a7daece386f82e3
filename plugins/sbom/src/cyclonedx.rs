//! The CycloneDX 1.6 document in JSON: sorted, without a time, its serial number derived from its content.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::inventory::{Component, Inventory};
use crate::licence;

/// The reference of what the document is about.
const ROOT: &str = "airtight:root";

/// What the document is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: Option<&'a str>,
}

/// The document's text, with a line break at its end.
pub(crate) fn document(inventory: &Inventory, subject: Option<Subject<'_>>) -> String {
    let mut metadata = Map::new();
    let tool = json!({
        "type": "application",
        "group": "airtight",
        "name": "std/sbom",
        "version": env!("CARGO_PKG_VERSION"),
    });
    metadata.insert("tools".to_owned(), json!({ "components": [tool] }));
    if let Some(subject) = subject {
        let mut about = json!({ "type": "application", "bom-ref": ROOT, "name": subject.name });
        if let Some(version) = subject.version {
            about["version"] = version.into();
        }
        metadata.insert("component".to_owned(), about);
    }
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": inventory.components.values().map(component).collect::<Value>(),
        "dependencies": dependencies(inventory, subject.is_some()),
    });
    document["serialNumber"] = serial_number(&document.to_string()).into();
    format!("{document:#}\n")
}

fn component(component: &Component) -> Value {
    let mut out = json!({
        "type": "library",
        "bom-ref": component.reference,
        "name": component.name,
    });
    for (key, value) in [
        ("group", &component.group),
        ("version", &component.version),
        ("purl", &component.purl),
    ] {
        if let Some(value) = value {
            out[key] = value.as_str().into();
        }
    }
    if component.optional {
        out["scope"] = "optional".into();
    }
    if !component.digests.is_empty() {
        let digests = component.digests.iter();
        out["hashes"] = digests
            .map(|digest| json!({ "alg": digest.algorithm, "content": digest.hex }))
            .collect();
    }
    if !component.licences.is_empty() {
        out["licenses"] = licence::to_json(&component.licences);
    }
    if !component.properties.is_empty() {
        let properties = component.properties.iter();
        out["properties"] = properties
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();
    }
    out
}

/// One entry for each component whose dependencies are known, and for the subject.
fn dependencies(inventory: &Inventory, has_subject: bool) -> Value {
    let root = has_subject.then(|| json!({ "ref": ROOT, "dependsOn": inventory.roots }));
    let known = inventory.components.values().filter_map(|component| {
        let depends_on = component.depends_on.as_ref()?;
        Some(json!({ "ref": component.reference, "dependsOn": depends_on }))
    });
    root.into_iter().chain(known).collect()
}

/// A UUID of version 8 (RFC 9562: made in the application's own way) from the SHA-256 of the rest of the document.
fn serial_number(document: &str) -> String {
    let digest = Sha256::digest(document);
    let mut bytes: Vec<u8> = digest[..16].to_vec();
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
