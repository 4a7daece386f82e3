//! `cargo xtask`: everything that is done to this repository by machine, on a developer's machine and in CI alike. What the engine
//! itself does is not here: these commands build it, run it and look at the sources.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a build tool talks to the person who runs it"
)]

mod bench;
mod check;
mod crash;
mod demo;
mod generate;
mod project;
mod servers;
mod tally;
mod tidy;
mod toolchains;
mod walkthrough;

use std::process::ExitCode;

use project::Project;

/// Whatever went wrong, as a sentence: nobody matches on the errors of a build tool.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  demo [ARGS]   build everything, then run this repository's own pipeline (ARGS go to `airtight run`)
  test          everything that CI runs; ends with the line `N passed, N failed`
  guests        build the standard components and the tests' guests; print where they are
  toolchains    find or install the compilers of the languages that steps are written in; print them as a PATH
  schema        write the generated schema anew (with --check: only compare)
  docs          write the generated pages anew (with --check: only compare)
  tidy          check the house rules that a machine can check
  crash [N]     the long form of the crash tests: the program is killed N times (1000), and so on
  bench [CASE]  measure the release build beside its peers; `--small` only shows that every case works (docs/benchmarks.md)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    let project = match Project::find() {
        Ok(project) => project,
        Err(error) => return report(&*error),
    };
    let check_only = rest.iter().any(|argument| argument == "--check");
    let done = match command {
        "demo" => return demo::run(&project, rest).unwrap_or_else(|error| report(&*error)),
        "test" => return check::run(&project),
        "guests" => project.guests().map(|guests| {
            for guest in guests {
                println!("{} {} {}", guest.target, guest.name, guest.wasm.display());
            }
        }),
        "toolchains" => toolchains::run(&project),
        "schema" => generate::run(&project, generate::SCHEMA, check_only),
        "docs" => generate::run(&project, generate::DOCS, check_only),
        "tidy" => return tidy::run(&project),
        "crash" => crash::run(&project, rest),
        "bench" => bench::run(&project, rest),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprint!("error: there is no command `{other}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.map_or_else(|error| report(&*error), |()| ExitCode::SUCCESS)
}

fn report(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}
