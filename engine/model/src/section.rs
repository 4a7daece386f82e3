//! What a step says of itself beside its WIT: the custom section `airtight:step`, as values. Whoever reads one has a stranger's
//! word before them: [`StepSection::parse`] bounds what it takes. Not here: finding the section in a binary (`sandbox`) or
//! putting it there (`authoring`, the SDK for Rust).
//!
//! Specified in `docs/formats/component-sections.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::canonical::canonical_record;

/// The name of the custom section.
pub const STEP_SECTION: &str = "airtight:step";
/// The largest section that is read, in bytes.
pub const MAX_STEP_SECTION: usize = 1 << 20;
/// The most functions and the most types that are taken, and the most members of a type.
const MAX_ITEMS: usize = 1_000;
/// The most requests that are taken.
const MAX_REQUESTS: usize = 64;
/// The longest text of documentation that is taken, in bytes.
const MAX_TEXT: usize = 16 << 10;

/// The content of the section. Every key but `v` may be absent; a key that is not known is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepSection {
    /// The version of the format: 1.
    pub v: u32,
    /// The world that the step has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world: Option<WorldDocs>,
    /// Documentation of functions, by name: `run`, or `ns:pkg/interface@1.0.0#name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, FunctionDocs>,
    /// Documentation of types, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, TypeDocs>,
    /// What the step asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<SectionRequest>,
}

/// A world.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorldDocs {
    /// Its name with package and version.
    #[serde(default)]
    pub name: String,
    /// Its documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// A function.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FunctionDocs {
    /// Its documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TypeDocs {
    /// Its documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Documentation of its fields or cases, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub members: BTreeMap<String, String>,
}
canonical_record!(TypeDocs { docs, members });

/// A power that the step asks for. It is the asker's word: nothing is granted by it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SectionRequest {
    /// What it asks for, as texts of the pipeline file.
    #[serde(default)]
    pub grants: RequestedGrants,
    /// Why.
    #[serde(default)]
    pub reason: String,
}
canonical_record!(SectionRequest { grants, reason });

/// Grants as texts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RequestedGrants {
    /// Items of `http:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<String>,
    /// Items of `net:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub net: Vec<String>,
    /// Items of `secrets:`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Whether the real time is asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub clock: bool,
    /// Whether real randomness is asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random: bool,
}
canonical_record!(RequestedGrants {
    http,
    net,
    secrets,
    clock,
    random
});

/// All that a component says of itself beside its interface. Texts are the maker's word, bounded, not escaped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Its name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// Its licence, an SPDX expression.
    pub licenses: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// Where there is more about it.
    pub homepage: Option<String>,
    /// Who made it.
    pub authors: Option<String>,
    /// The revision of its source.
    pub revision: Option<String>,
    /// The name of its world.
    pub world: Option<String>,
    /// The documentation of its world.
    pub docs: Option<String>,
    /// Documentation of its types, by name.
    pub types: BTreeMap<String, TypeDocs>,
    /// What it asks for.
    pub requests: Vec<SectionRequest>,
}
canonical_record!(About {
    name,
    version,
    description,
    licenses,
    source,
    homepage,
    authors,
    revision,
    world,
    docs,
    types,
    requests,
});

impl RequestedGrants {
    /// The lines that would grant it, as `grants:` of a step has them.
    pub fn lines(&self) -> Vec<String> {
        let list = |key: &str, items: &[String]| {
            let items: Vec<String> = items
                .iter()
                .map(|item| serde_json::Value::from(item.as_str()).to_string())
                .collect();
            (!items.is_empty()).then(|| format!("{key}: [ {} ]", items.join(", ")))
        };
        let secrets = self.secrets.join(", ");
        let secrets = (!secrets.is_empty()).then(|| format!("secrets: {{ {secrets} }}"));
        let real = |key: &str, asked: bool| asked.then(|| format!("{key}: real"));
        [
            list("http", &self.http),
            list("net", &self.net),
            secrets,
            real("clock", self.clock),
            real("random", self.random),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl StepSection {
    /// Reads a section; none if it is larger than is taken, of a version that is not known, or not what it should be. A section
    /// is a remark: without it a component is as good as one that never had any.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        // A list would count as a record whose keys are left out.
        if bytes.len() > MAX_STEP_SECTION || bytes.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let mut section: Self = serde_json::from_slice(bytes).ok()?;
        if section.v != 1 {
            return None;
        }
        cut_all(&mut section);
        Some(section)
    }

    /// The bytes of the section: the same for the same content.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps have texts as keys")
    }
}

fn cut_all(section: &mut StepSection) {
    let text = |text: &mut String| {
        let mut end = text.len().min(MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    };
    let docs = |docs: &mut Option<String>| docs.iter_mut().for_each(text);
    if let Some(world) = &mut section.world {
        text(&mut world.name);
        docs(&mut world.docs);
    }
    first(&mut section.functions);
    first(&mut section.types);
    section
        .functions
        .values_mut()
        .for_each(|function| docs(&mut function.docs));
    for ty in section.types.values_mut() {
        docs(&mut ty.docs);
        first(&mut ty.members);
        ty.members.values_mut().for_each(text);
    }
    section.requests.truncate(MAX_REQUESTS);
    for request in &mut section.requests {
        text(&mut request.reason);
        let grants = &mut request.grants;
        for list in [&mut grants.http, &mut grants.net, &mut grants.secrets] {
            list.truncate(MAX_ITEMS);
            list.iter_mut().for_each(text);
        }
    }
}

/// Leaves the first of many.
fn first<T>(map: &mut BTreeMap<String, T>) {
    while map.len() > MAX_ITEMS {
        map.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read; what a later version adds is passed over.
    #[test]
    fn a_section_is_read_as_it_was_written() {
        let text = r#"{"v":1,"world":{"name":"a:b/c@1.0.0"},"functions":{"run":{"docs":"Runs"}},
            "types":{"summary":{"members":{"files":"How many"}}},"later":{"x":1},
            "requests":[{"grants":{"http":["https://example.com"],"clock":true},"reason":"why"}]}"#;
        let section = StepSection::parse(text.as_bytes()).expect("it reads");
        assert_eq!(section.functions["run"].docs.as_deref(), Some("Runs"));
        assert_eq!(
            section.requests[0].grants.lines(),
            [r#"http: [ "https://example.com" ]"#, "clock: real"]
        );
        assert_eq!(StepSection::parse(&section.to_bytes()), Some(section));
    }

    /// What is not a section, or too much of one, is none.
    #[test]
    fn what_is_no_section_is_none() {
        for bytes in [&b""[..], b"{}", b"[1]", br#"{"v":2}"#, b"\xff", br#"{"v":1,"types":3}"#] {
            assert_eq!(StepSection::parse(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
        let large = format!(r#"{{"v":1,"x":"{}"}}"#, "a".repeat(MAX_STEP_SECTION));
        assert_eq!(StepSection::parse(large.as_bytes()), None);
        let deep = format!(r#"{{"v":1,"x":{}}}"#, "[".repeat(100_000));
        assert_eq!(StepSection::parse(deep.as_bytes()), None);
    }

    /// A text is cut at its bound, between characters; of too many the first are taken.
    #[test]
    fn what_is_too_long_is_cut() {
        let long = "ä".repeat(MAX_TEXT);
        let many: BTreeMap<String, TypeDocs> = (0..2_000).map(|i| (format!("t{i:04}"), TypeDocs::default())).collect();
        let section = StepSection {
            v: 1,
            world: Some(WorldDocs {
                name: "w".to_owned(),
                docs: Some(long),
            }),
            types: many,
            ..StepSection::default()
        };
        let read = StepSection::parse(&section.to_bytes()).expect("it reads");
        assert_eq!(
            read.world.and_then(|world| world.docs).map(|docs| docs.len()),
            Some(MAX_TEXT)
        );
        assert_eq!(read.types.len(), MAX_ITEMS);
        assert!(read.types.contains_key("t0000"));
    }
}
