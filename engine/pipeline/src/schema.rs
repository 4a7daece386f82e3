//! The JSON Schema of the pipeline file, for editors. Its types carry the words; what a file means is decided by
//! `check`, and a test compares the keys of both. Not here: reading a file.

mod narrow;
#[expect(dead_code, reason = "the types are only described, never filled")]
mod types;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

pub use narrow::narrowed_schema;

/// The JSON Schema of the pipeline file.
pub fn schema() -> Json {
    let schema = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<types::Pipeline>();
    let mut schema = schema.to_value();
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), "airtight.yaml".into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    fn keys_of(schema: &Json, of: &str) -> Vec<String> {
        let place = if of.is_empty() { schema } else { &schema["$defs"][of] };
        let mut keys: Vec<String> = place["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys
    }

    // The schema and the reader must know the same keys: an editor that accepts what the engine refuses misleads.
    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = schema();
        for (of, known) in [
            ("", keys::FILE),
            ("Input", keys::INPUT),
            ("Source", keys::SOURCE),
            ("IncludeFile", keys::INCLUDE),
            ("Step", keys::STEP),
            ("MountFull", keys::MOUNT),
            ("OutputFull", keys::OUTPUT),
            ("Secret", keys::SECRET),
            ("Grants", keys::GRANTS),
            ("HttpFull", keys::HTTP),
            ("ClientCertificate", keys::CLIENT_CERTIFICATE),
            ("NetFull", keys::NET),
            ("Login", keys::LOGIN),
            ("Postgres", keys::POSTGRES),
            ("SecretGrant", keys::SECRET_GRANT),
            ("PlaceNamed", keys::PLACE),
            ("Limits", keys::LIMITS),
            ("NetLimits", keys::NET_LIMITS),
            ("Retry", keys::RETRY),
            ("Matrix", keys::MATRIX),
        ] {
            let mut known: Vec<String> = known.iter().map(|key| (*key).to_owned()).collect();
            known.sort();
            assert_eq!(keys_of(&schema, of), known, "{of}");
        }
    }

    // Every key is explained: the schema is what an editor shows.
    #[test]
    fn every_key_of_the_schema_has_a_description() {
        let schema = schema();
        let defs = schema["$defs"].as_object().into_iter().flatten().map(|(_, def)| def);
        for place in defs.chain([&schema]) {
            for (key, property) in place["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string() || key == "airtight", "{key}");
            }
        }
    }
}
