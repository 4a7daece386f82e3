//! Confinement and the child that compiles: each needs processes of its own, so this program is the test, the child and the
//! confined process in one, by its arguments. Not here: the sandbox itself.
#![allow(unsafe_code, clippy::unwrap_used, clippy::print_stdout, clippy::exit)]

mod child;
#[path = "../suite/guests.rs"]
#[allow(dead_code)]
mod guests;
mod probe;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("compile-child") => airtight_sandbox::serve_compiler().unwrap(),
        Some("probe") => probe::confined(),
        Some("crash") => child::crash(),
        _ => {
            let arguments = Arguments::from_args();
            libtest_mimic::run(&arguments, [child::trials(), probe::trials()].concat_trials()).exit()
        }
    }
}

/// A test that panics where it fails.
fn trial(name: &str, test: fn()) -> Trial {
    Trial::test(name, move || {
        std::panic::catch_unwind(test).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Failed::from(text.unwrap_or_else(|| "it panicked".to_owned()))
        })
    })
}

trait Concat {
    fn concat_trials(self) -> Vec<Trial>;
}

impl Concat for [Vec<Trial>; 2] {
    fn concat_trials(self) -> Vec<Trial> {
        self.into_iter().flatten().collect()
    }
}
