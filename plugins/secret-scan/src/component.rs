//! The component's export and its reports, over the generated bindings. No logic.

mod bindings {
    #![allow(missing_docs, unreachable_pub)]
    wit_bindgen::generate!({
        path: ["../../wit", "wit"],
        world: "airtight:std-secret-scan/secret-scan",
        generate_all,
    });
}

// What `airtight inspect` shows of the WIT beside its types.
airtight_step_macros::document!({
    path: ["../../wit", "wit"],
    world: "airtight:std-secret-scan/secret-scan",
});

use bindings::airtight::step::{log, progress, report};

use crate::rules::Severity;
use crate::run::{self, Notice, Reporter, Settings};

struct Component;

impl bindings::Guest for Component {
    fn run(
        paths: Vec<String>,
        sarif: Option<String>,
        baseline: Option<String>,
        exclude: Option<Vec<String>>,
        entropy: Option<bool>,
        fail: Option<bool>,
    ) -> Result<bindings::Summary, String> {
        let settings = Settings {
            paths,
            sarif,
            baseline,
            exclude: exclude.unwrap_or_default(),
            entropy: entropy.unwrap_or(true),
            fail: fail.unwrap_or(true),
        };
        match run::run(&settings, &mut Host) {
            Ok(summary) => Ok(bindings::Summary {
                files: summary.files,
                bytes: summary.bytes,
                findings: summary.findings,
                baselined: summary.baselined,
            }),
            Err(failure) => Err(failure.to_string()),
        }
    }
}

/// Passes what the scan says on to the host.
struct Host;

impl Reporter for Host {
    fn finding(&mut self, finding: &run::Reported<'_>) {
        report::add_finding(&report::Finding {
            rule: finding.rule.id.to_owned(),
            severity: match finding.rule.severity {
                Severity::Error => report::Severity::Error,
                Severity::Warning => report::Severity::Warning,
            },
            message: finding.message.to_owned(),
            location: Some(report::Location {
                path: finding.path.to_owned(),
                line: Some(finding.line),
                column: Some(finding.column),
            }),
            fingerprint: Some(finding.fingerprint.to_owned()),
        });
    }

    fn notice(&mut self, notice: &Notice) {
        report::add_annotation(&report::Annotation {
            severity: report::Severity::Note,
            title: notice.title.clone(),
            message: notice.message.clone(),
            location: Some(report::Location {
                path: notice.path.clone(),
                line: None,
                column: None,
            }),
        });
    }

    fn progress(&mut self, done: u64, total: u64) {
        progress::update("scan", done, Some(total));
        if done == total {
            progress::finish("scan");
        }
    }

    fn summary(&mut self, line: &str, markdown: &str) {
        log::log(log::Level::Info, line, &[]);
        report::set_summary(markdown);
    }
}

bindings::export!(Component with_types_in bindings);
