//! What a binary says of itself that goes into its manifest: its name and version, what it imports and exports. Read leniently: what does
//! not read is left out. Not here: whether it can be a step (the sandbox decodes it).

use std::collections::BTreeMap;

use wasmparser::{Encoding, KnownCustom, Parser, Payload};

/// The most bytes of one text that are taken over.
const MAX_TEXT: usize = 4096;
/// The most imports and exports that are taken over.
const MAX_NAMES: usize = 10_000;

/// The custom sections of `wasm-metadata`, and the annotations of OCI images that say the same.
const ANNOTATIONS: [(&str, &str); 7] = [
    ("authors", "org.opencontainers.image.authors"),
    ("description", "org.opencontainers.image.description"),
    ("homepage", "org.opencontainers.image.url"),
    ("licenses", "org.opencontainers.image.licenses"),
    ("revision", "org.opencontainers.image.revision"),
    ("source", "org.opencontainers.image.source"),
    ("version", "org.opencontainers.image.version"),
];
/// Where the name goes.
const TITLE: &str = "org.opencontainers.image.title";

/// What a binary says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// Whether it is a component, and not a core module.
    pub component: bool,
    /// What it imports, in its order.
    pub imports: Vec<String>,
    /// What it exports, in its order.
    pub exports: Vec<String>,
    /// Its name, version, licence and so on, by the name of their annotation.
    pub annotations: BTreeMap<String, String>,
}

impl Described {
    /// The version that it says it has.
    pub fn version(&self) -> Option<&str> {
        self.annotations
            .get("org.opencontainers.image.version")
            .map(String::as_str)
    }
}

/// Reads what a binary says of itself, up to the first thing that does not read.
pub fn describe(wasm: &[u8]) -> Described {
    let mut described = Described::default();
    // How many modules and components inside it are open.
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(wasm) {
        let Ok(payload) = payload else { break };
        match payload {
            Payload::Version { encoding, .. } if depth == 0 => described.component = encoding == Encoding::Component,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                let names = section.into_iter().flatten().map(|import| import.name.name.to_owned());
                described.imports.extend(names.take(MAX_NAMES));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                let names = section.into_iter().flatten().map(|export| export.name.name.to_owned());
                described.exports.extend(names.take(MAX_NAMES));
            }
            Payload::CustomSection(section) if depth == 0 => {
                if let KnownCustom::ComponentName(names) = section.as_known() {
                    for name in names.into_iter().flatten() {
                        if let wasmparser::ComponentName::Component { name, .. } = name {
                            annotate(&mut described, TITLE, name);
                        }
                    }
                }
                let known = ANNOTATIONS.iter().find(|(own, _)| *own == section.name());
                if let (Some((_, annotation)), Ok(text)) = (known, std::str::from_utf8(section.data())) {
                    annotate(&mut described, annotation, text);
                }
            }
            _ => {}
        }
    }
    described
}

fn annotate(described: &mut Described, annotation: &str, text: &str) {
    if !text.is_empty() && text.len() <= MAX_TEXT {
        described.annotations.insert(annotation.to_owned(), text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Only what the component itself says counts, not what is inside of it.
    #[test]
    fn a_component_is_described_by_its_own_sections() {
        let text = r#"(component $scan
            (@custom "version" "1.2.3") (@custom "licenses" "MIT") (@custom "source" "") (@custom "other" "x")
            (import "wasi:io/poll@0.2.0" (instance))
            (core module (@custom "description" "of the module"))
            (component $inner (@custom "description" "of the inner one"))
            (instance $made)
            (export "local:scan/api@1.2.3" (instance $made)))"#;
        let described = describe(&wat::parse_str(text).unwrap());
        assert!(described.component);
        assert_eq!(described.imports, ["wasi:io/poll@0.2.0"]);
        assert_eq!(described.exports, ["local:scan/api@1.2.3"]);
        assert_eq!(described.version(), Some("1.2.3"));
        let annotations: Vec<(&str, &str)> = described.annotations.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(
            annotations,
            [
                ("org.opencontainers.image.licenses", "MIT"),
                ("org.opencontainers.image.title", "scan"),
                ("org.opencontainers.image.version", "1.2.3"),
            ]
        );
    }

    // What is no WebAssembly, or only the beginning of it, describes nothing and fails nothing.
    #[test]
    fn what_does_not_read_is_left_out() {
        let whole = wat::parse_str("(component (@custom \"version\" \"1.0.0\"))").unwrap();
        for end in 0..=whole.len() {
            let _ = describe(&whole[..end]);
        }
        assert_eq!(describe(b"no wasm"), Described::default());
        assert!(!describe(&wat::parse_str("(module)").unwrap()).component);
    }
}
