//! The component's export and its reports, over the generated bindings. No logic.

mod bindings {
    #![allow(missing_docs, unreachable_pub)]
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "airtight:std-site/site",
        generate_all,
    });
}

// What `airtight inspect` shows of the WIT beside its types.
airtight_step_macros::document!({
    path: ["../../wit", "wit"],
    world: "airtight:std-site/site",
});

use bindings::airtight::step::{log, report};

use crate::build::{self, Reporter, Settings};
use crate::page::Problem;

struct Component;

impl bindings::Guest for Component {
    fn run(
        from: String,
        to: String,
        title: Option<String>,
        include: Option<Vec<String>>,
        exclude: Option<Vec<String>>,
        broken_links: Option<bindings::BrokenLinks>,
        raw_html: Option<bool>,
        lang: Option<String>,
    ) -> Result<bindings::Summary, String> {
        let settings = Settings {
            from,
            to,
            title,
            include: include.unwrap_or_else(build::default_include),
            exclude: exclude.unwrap_or_default(),
            allow_broken_links: matches!(broken_links, Some(bindings::BrokenLinks::Warn)),
            raw_html: raw_html.unwrap_or(false),
            lang: lang.unwrap_or_else(|| build::DEFAULT_LANG.to_owned()),
        };
        match build::run(&settings, &mut Host) {
            Ok(summary) => Ok(bindings::Summary {
                pages: summary.pages,
                links: summary.links,
                bytes: summary.bytes,
            }),
            Err(failure) => Err(failure.to_string()),
        }
    }
}

/// Passes what the build says on to the host.
struct Host;

impl Reporter for Host {
    fn problem(&mut self, problem: &Problem, fails: bool) {
        report::add_annotation(&report::Annotation {
            severity: if fails {
                report::Severity::Error
            } else {
                report::Severity::Warning
            },
            title: problem.kind.title().to_owned(),
            message: problem.message.clone(),
            location: Some(report::Location {
                path: problem.path.clone(),
                line: Some(problem.line),
                column: None,
            }),
        });
    }

    fn summary(&mut self, line: &str) {
        log::log(log::Level::Info, line, &[]);
    }
}

bindings::export!(Component with_types_in bindings);
