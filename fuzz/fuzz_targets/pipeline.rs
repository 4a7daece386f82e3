//! Any text as a pipeline file: it is read, checked and planned, or it is refused. Never a panic, never without end.

#![no_main]

use airtight_model::component::{Catalog, CatalogError, ResolvedComponent};
use airtight_pipeline::{PlanRequest, check, parse, plan};
use libfuzzer_sys::fuzz_target;

struct Empty;

impl Catalog for Empty {
    fn resolve(&self, uses: &str, _: &str) -> Result<ResolvedComponent, CatalogError> {
        Err(CatalogError::NotFound {
            message: format!("there is no `{uses}`"),
            nearest: Vec::new(),
        })
    }
}

fuzz_target!(|text: &str| {
    let parsed = parse("airtight.yaml", text.to_owned(), &|_| Ok(text.to_owned()));
    let (checked, found) = check(&parsed, &Empty);
    for label in found.iter().flat_map(|diagnostic| &diagnostic.labels) {
        let file = &parsed.files[label.span.file as usize].text;
        assert!(
            file.get(label.span.start as usize..label.span.end as usize).is_some(),
            "{:?}",
            label.span
        );
    }
    if let Some(checked) = checked {
        let _ = plan(&checked, &PlanRequest::default());
    }
});
