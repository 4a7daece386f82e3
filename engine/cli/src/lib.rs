//! The command line: settings, commands, displays, exit codes. The only crate that prints, exits, and knows the
//! environment and the user's folders. Not here: what a pipeline, a store, a sandbox or a scheduler does.

mod accepted;
mod args;
mod catalog;
mod commands;
mod confine;
mod diagnostics;
mod display;
mod escape;
mod failure;
mod output;
mod project;
mod reading;
mod registries;
mod runner;
mod secrets;
mod settings;
mod std_components;
mod unchanged;
mod watch;
mod whole;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::failure::{ErrorClass, Failure};
use crate::settings::Settings;

pub use settings::Environment;

/// Runs the program with these arguments (the first is its name) and surroundings. Returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Before anything else: it may have one thread only, and looks at nothing but its connection.
    if arguments.len() == 2 && arguments[1] == confine::CHILD {
        let served = airtight_sandbox::serve_compiler();
        return ExitCode::from(u8::from(served.is_err()));
    }
    let cli = match args::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() {
                ErrorClass::Usage.code()
            } else {
                0
            };
            // Help for a reader that has gone away is no failure.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    start_trace(environment);
    let settings = Settings::resolve(&cli.global, environment);
    let color = settings.color;
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        commands::dispatch(cli.command, settings)
    }));
    match result.unwrap_or_else(|_| Err(Failure::bug("airtight panicked; what it said is above"))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                output::note(&failure.render(color));
            }
            failure.exit_code()
        }
    }
}

/// Prints the program's own trace to standard error if AIRTIGHT_LOG asks for it, for example `airtight_store=debug`.
fn start_trace(environment: &Environment) {
    if let Some(filter) = environment.log_filter() {
        let filter = tracing_subscriber::EnvFilter::new(filter);
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .finish();
        // A second subscriber in one process (tests) is refused, and that is fine.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}
