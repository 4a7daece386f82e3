//! `cargo xtask test`: everything that CI runs, in an order that builds the workspace once. A failure stops nothing that can
//! still say something; the last line is `N passed, N failed`. What each check is lives in its own module.

use std::process::ExitCode;

use crate::project::{Project, succeed};
use crate::tally::Tally;
use crate::{bench, demo, generate, servers, tidy, toolchains, walkthrough};
use xtask::guest::Toolchain;

/// The workspace of the SDK for Rust.
const SDK: &str = "sdk/rust";

pub(crate) fn run(project: &Project) -> ExitCode {
    let mut tally = Tally::default();
    let mut guests = vec!["plugins", SDK];
    if project.has_fixtures() {
        guests.push("tests/fixtures");
    }

    for folder in [""].iter().chain(&guests) {
        let name = if folder.is_empty() {
            "format".to_owned()
        } else {
            format!("format of {folder}")
        };
        tally.check(&name, || {
            succeed(project.cargo(folder).args(["fmt", "--all", "--check"]))
        });
    }
    tidy::add_to(&mut tally, project);

    let ready = tally.check("toolchain for guests", || {
        Ok(Toolchain::ensure(&project.target).map(drop)?)
    }) && tally.check("guests", || project.guests().map(drop));
    // The binary and the tests in one build: `cargo test` then finds everything made.
    let workspace = ["--workspace", "--locked"];
    let built = ready
        && tally.check("build", || {
            succeed(project.cargo("").arg("build").args(workspace).arg("--all-targets"))
        });
    if built {
        let mut tests = project.cargo("");
        if tally.check("PostgreSQL", servers::postgres) {
            // From here on, a test that is skipped for want of it is a test that failed.
            tests.env(servers::POSTGRES, "1");
        }
        let toolchains = toolchains::add_to(&mut tally, project);
        tests.env(toolchains::VARIABLE, toolchains.variable());
        if tally.check("docker-registry", servers::registry) {
            tests.env(servers::REGISTRY, "1");
        }
        tally.tests("tests", tests.arg("test").args(workspace).arg("--no-fail-fast"));
        tally.check("generated files", || generate::run(project, generate::ALL, true));
        tally.check("demo, twice", || demo::twice(project));
        tally.check("demo, verified", || demo::verified(project));
        tally.check("benchmarks, small", || bench::small(project));
        walkthrough::add_to(&mut tally, project, &toolchains);
    }
    // Workspaces of their own, which are built for this machine too.
    let native = [("plugins", "the standard components"), (SDK, "the SDK for Rust")];
    let cargo = |folder: &str| {
        let mut command = project.cargo(folder);
        command.env("CARGO_TARGET_DIR", project.target.join(folder));
        command
    };
    for (folder, name) in native {
        let mut tests = cargo(folder);
        tests.arg("test").args(workspace).arg("--no-fail-fast");
        tally.tests(&format!("tests of {name}"), &mut tests);
    }
    if ready {
        let lints = ["--all-targets", "--", "--deny", "warnings"];
        tally.check("lints", || {
            succeed(project.cargo("").arg("clippy").args(workspace).args(lints))
        });
        for (folder, name) in native {
            tally.check(&format!("lints of {name}"), || {
                succeed(cargo(folder).arg("clippy").args(workspace).args(lints))
            });
        }
    }
    tally.close()
}
