//! `airtight schema`: the JSON Schema of the pipeline file, narrowed by the components in use. Not here: the schema.

use airtight_model::Catalog;

use crate::args::SchemaArgs;
use crate::commands::Context;
use crate::failure::Failure;
use crate::output;
use crate::std_components;

/// Prints the schema.
pub(crate) fn schema(context: &Context, args: &SchemaArgs) -> Result<(), Failure> {
    let schema = if args.general {
        airtight_pipeline::schema()
    } else {
        narrowed(context)?
    };
    let text = serde_json::to_string_pretty(&schema).expect("a schema is plain data");
    output::data_line(&text).map_err(Failure::closed_output)
}

/// Narrowed by the standard components and those that the pipeline here uses, if there is one.
fn narrowed(context: &Context) -> Result<serde_json::Value, Failure> {
    let mut names: Vec<String> = std_components::names().map(|name| format!("std/{name}")).collect();
    let mut root = context.settings.folder.clone();
    if context.settings.pipeline_file().is_ok() {
        let project = context.project()?;
        root.clone_from(&project.root);
        names.extend(project.checked.components().map(|(uses, _)| uses.to_owned()));
    }
    names.sort();
    names.dedup();
    let catalog = context.catalog_at(&root)?;
    let found: Vec<_> = names
        .iter()
        .filter_map(|uses| Some((uses, catalog.resolve(uses, "").ok()?)))
        .collect();
    let components: Vec<_> = found
        .iter()
        .map(|(uses, component)| (uses.as_str(), &*component.summary))
        .collect();
    Ok(airtight_pipeline::narrowed_schema(&components))
}
