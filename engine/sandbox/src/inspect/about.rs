//! What a binary's custom sections say of it: producers, name, version and the like, and the section `airtight:step`. All of it is
//! the maker's word. A section that cannot be read says nothing: it is a remark, not code. Not here: the interface.

use airtight_model::section::{About, STEP_SECTION, StepSection};
use wasmparser::{ComponentName, CustomSectionReader, KnownCustom, Name, Payload, ProducersSectionReader};

use super::{MAX_NAME, MAX_PRODUCERS};
use crate::cap::cut;

/// The longest text of one section, in bytes.
const MAX_TEXT: usize = 4 << 10;
/// The deepest nesting that is looked into.
const MAX_DEPTH: usize = 8;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    depth: usize,
    producers: Vec<String>,
    about: About,
    /// The section `airtight:step`, with the depth that it was found at.
    step: Option<(usize, StepSection)>,
}

impl Remarks {
    /// Takes what the next piece of the binary says.
    pub(super) fn take(&mut self, payload: &Payload<'_>) {
        match payload {
            Payload::Version { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::CustomSection(section) if self.depth <= MAX_DEPTH => self.section(section),
            _ => {}
        }
    }

    fn section(&mut self, section: &CustomSectionReader<'_>) {
        if section.name() == STEP_SECTION {
            // The outermost wins: who made a component of a module knows more than who made the module.
            let better = self.step.as_ref().is_none_or(|(depth, _)| self.depth < *depth);
            if better && let Some(found) = StepSection::parse(section.data()) {
                self.step = Some((self.depth, found));
            }
            return;
        }
        match section.as_known() {
            KnownCustom::Producers(reader) => self.producers(reader),
            KnownCustom::ComponentName(reader) if self.depth == 1 => {
                let name = reader.into_iter().flatten().find_map(|part| match part {
                    ComponentName::Component { name, .. } => Some(name),
                    _ => None,
                });
                self.about.name = name.map(text);
            }
            KnownCustom::Name(reader) if self.depth == 1 => {
                let name = reader.into_iter().flatten().find_map(|part| match part {
                    Name::Module { name, .. } => Some(name),
                    _ => None,
                });
                self.about.name = name.map(text);
            }
            _ if self.depth == 1 => self.field(section.name(), section.data()),
            _ => {}
        }
    }

    /// The sections of `wasm-metadata`, which hold a text each.
    fn field(&mut self, name: &str, data: &[u8]) {
        let about = &mut self.about;
        let field = match name {
            "version" => &mut about.version,
            "description" => &mut about.description,
            "licenses" => &mut about.licenses,
            "source" => &mut about.source,
            "homepage" => &mut about.homepage,
            "authors" => &mut about.authors,
            "revision" => &mut about.revision,
            _ => return,
        };
        if data.len() <= MAX_TEXT
            && let Ok(said) = std::str::from_utf8(data)
            && !said.is_empty()
        {
            *field = Some(text(said));
        }
    }

    fn producers(&mut self, reader: ProducersSectionReader<'_>) {
        for field in reader.into_iter().flatten() {
            for value in field.values.into_iter().flatten() {
                if self.producers.len() < MAX_PRODUCERS * 4 {
                    let text = format!("{}: {} {}", field.name, value.name, value.version);
                    self.producers.push(cut(text.trim_end().to_owned(), MAX_NAME));
                }
            }
        }
    }

    /// What was found: producers, sorted, and the rest.
    pub(super) fn finish(mut self) -> (Vec<String>, StepSection, About) {
        self.producers.sort();
        self.producers.dedup();
        self.producers.truncate(MAX_PRODUCERS);
        let section = self.step.map(|(_, section)| section).unwrap_or_default();
        let mut about = self.about;
        if let Some(world) = &section.world {
            about.world = Some(world.name.clone()).filter(|name| !name.is_empty());
            about.docs = world.docs.clone();
        }
        about.types = section.types.clone();
        about.requests = section.requests.clone();
        (self.producers, section, about)
    }
}

fn text(said: &str) -> String {
    cut(said.to_owned(), MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{Component, CustomSection, Module, ModuleSection};
    use wasmparser::Parser;

    use super::*;

    fn section<'a>(name: &'a str, data: &'a str) -> CustomSection<'a> {
        CustomSection {
            name: name.into(),
            data: data.as_bytes().into(),
        }
    }

    fn read(bytes: &[u8]) -> (StepSection, About) {
        let mut remarks = Remarks::default();
        for payload in Parser::new(0).parse_all(bytes) {
            remarks.take(&payload.expect("it is WebAssembly"));
        }
        let (_, section, about) = remarks.finish();
        (section, about)
    }

    /// What the maker of a component says counts, and not what is in a module that was taken in.
    #[test]
    fn the_outermost_section_counts() {
        let inner = r#"{"v":1,"functions":{"run":{"docs":"inner"}}}"#;
        let mut module = Module::new();
        module
            .section(&section(STEP_SECTION, inner))
            .section(&section("version", "9.9.9"));
        let mut component = Component::new();
        component.section(&ModuleSection(&module));
        let (only_inner, about) = read(component.as_slice());
        assert_eq!(only_inner.functions["run"].docs.as_deref(), Some("inner"));
        assert_eq!(about.version, None, "a module's version is not the component's");
        component
            .section(&section(
                STEP_SECTION,
                r#"{"v":1,"functions":{"run":{"docs":"outer"}}}"#,
            ))
            .section(&section("version", "1.2.3"));
        let (both, about) = read(component.as_slice());
        assert_eq!(both.functions["run"].docs.as_deref(), Some("outer"));
        assert_eq!(about.version.as_deref(), Some("1.2.3"));
        // The order does not matter.
        let mut other_way = Component::new();
        other_way
            .section(&section(
                STEP_SECTION,
                r#"{"v":1,"functions":{"run":{"docs":"outer"}}}"#,
            ))
            .section(&ModuleSection(&module));
        assert_eq!(read(other_way.as_slice()).0, both);
    }

    /// Sections that cannot be what they should be say nothing, and hide nothing.
    #[test]
    fn a_section_that_does_not_read_says_nothing() {
        let mut component = Component::new();
        let long = "x".repeat(MAX_TEXT + 1);
        component
            .section(&section(STEP_SECTION, "not json"))
            .section(&section("licenses", &long))
            .section(&section("source", ""))
            .section(&CustomSection {
                name: "description".into(),
                data: [0xff, 0xfe].as_slice().into(),
            })
            .section(&section("component-name", "\x00\x7f"))
            .section(&section("producers", "\x01"))
            .section(&section(STEP_SECTION, r#"{"v":1,"world":{"name":"a:b/c","docs":"d"}}"#));
        let (_, about) = read(component.as_slice());
        assert_eq!(
            about,
            About {
                world: Some("a:b/c".to_owned()),
                docs: Some("d".to_owned()),
                ..About::default()
            }
        );
    }
}
