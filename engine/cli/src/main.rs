//! The `airtight` program: hands the process's arguments and environment to `airtight_cli` and exits with its code.
//! Not here: anything else.

use std::process::ExitCode;

fn main() -> ExitCode {
    airtight_cli::main(std::env::args_os(), &airtight_cli::Environment::of_process())
}
