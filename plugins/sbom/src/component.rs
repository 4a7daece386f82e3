//! The glue to the component model: the export of the world and the host's interfaces. No logic.

use crate::Warning;
use airtight::step::{log, progress, report};

wit_bindgen::generate!({
    path: ["../../wit", "wit"],
    world: "airtight:std-sbom/sbom",
    generate_all,
});

// What `airtight inspect` shows of the WIT beside its types.
airtight_step_macros::document!({
    path: ["../../wit", "wit"],
    world: "airtight:std-sbom/sbom",
});

struct Component;

export!(Component);

/// The progress task of this component.
const TASK: &str = "lock files";

/// The host over `airtight:step`.
struct Step;

impl crate::Host for Step {
    fn progress(&mut self, done: u64, total: u64) {
        progress::update(TASK, done, Some(total));
        if done == total {
            progress::finish(TASK);
        }
    }

    fn warn(&mut self, warning: &Warning) {
        let line = u32::try_from(warning.line).ok();
        let location = report::Location {
            path: warning.file.clone(),
            line,
            column: None,
        };
        report::add_annotation(&report::Annotation {
            severity: report::Severity::Warning,
            title: "not in the bill of materials".to_owned(),
            message: warning.message.clone(),
            location: Some(location),
        });
        let place = format!("{}:{}: {}", warning.file, warning.line, warning.message);
        log::log(log::Level::Warn, &place, &[]);
    }

    fn log(&mut self, message: &str) {
        log::log(log::Level::Info, message, &[]);
    }
}

impl Guest for Component {
    fn run(paths: Vec<String>, to: String, name: Option<String>, version: Option<String>) -> Result<Summary, String> {
        let options = crate::Options {
            paths,
            to,
            name,
            version,
        };
        let summary = crate::run(&options, &mut Step).map_err(|error| error.to_string())?;
        Ok(Summary {
            components: summary.components,
            files: summary.files,
        })
    }
}
