//! Counts what passed and failed over everything that `cargo xtask test` runs. It decides nothing: a failed check does not stop
//! the next one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::Result;
use crate::project::shown;

/// The counts so far, and what failed by name.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

impl Tally {
    /// Runs one check that passes or fails as a whole, and tells which.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> bool {
        heading(name);
        let started = Instant::now();
        let result = check();
        match &result {
            Ok(()) => {
                self.passed += 1;
                println!("{name} ... ok ({:.1} s)", started.elapsed().as_secs_f64());
            }
            Err(error) => {
                println!("{name} ... FAILED\n{error}");
                self.fail(name);
            }
        }
        result.is_ok()
    }

    /// Runs a `cargo test`, shows what it prints, and adds up the results of its test programs.
    pub(crate) fn tests(&mut self, name: &str, command: &mut Command) {
        heading(name);
        let before = (self.passed, self.failed);
        match self.count(command) {
            Ok(()) if self.failed == before.1 => {}
            Ok(()) => self.failures.push(name.to_owned()),
            Err(error) => {
                println!("{error}");
                // A test program that reported failures has been counted; one that did not compile has not.
                if self.failed == before.1 {
                    self.fail(name)
                } else {
                    self.failures.push(name.to_owned())
                }
            }
        }
        println!(
            "{name}: {} passed, {} failed so far",
            self.passed - before.0,
            self.failed - before.1
        );
    }

    /// Adds counts that were made elsewhere.
    pub(crate) fn add(&mut self, name: &str, passed: u64, failed: u64) {
        self.passed += passed;
        self.failed += failed;
        if failed > 0 {
            self.failures.push(name.to_owned());
        }
    }

    fn fail(&mut self, name: &str) {
        self.failed += 1;
        self.failures.push(name.to_owned());
    }

    fn count(&mut self, command: &mut Command) -> Result<()> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("a piped stdout is there")?;
        let mut shown_to = std::io::stdout();
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let text = String::from_utf8_lossy(&line);
            if let Some((passed, failed)) = counts(&text) {
                self.passed += passed;
                self.failed += failed;
            }
            writeln!(shown_to, "{text}")?;
        }
        let status = child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("`{}` failed ({status})", shown(command)).into())
        }
    }

    /// Prints what failed, then the counts alone on the last line.
    pub(crate) fn close(self) -> ExitCode {
        if !self.failures.is_empty() {
            println!("\nfailed:");
            for name in &self.failures {
                println!("  {name}");
            }
        }
        println!("\n{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Announces a stage.
pub(crate) fn heading(name: &str) {
    println!("\n== {name}");
}

/// Reads the closing line of a test program: `test result: ok. 3 passed; 0 failed; …`.
fn counts(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |text: &str, word: &str| text.trim().strip_suffix(word)?.trim().parse().ok();
    let mut parts = rest.split(';');
    Some((number(parts.next()?, "passed")?, number(parts.next()?, "failed")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_programs_closing_line_is_counted_and_nothing_else_is() {
        // A guest's or a test's own output that only resembles the line must not be counted.
        assert_eq!(
            counts("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured"),
            Some((12, 0))
        );
        assert_eq!(
            counts("test result: FAILED. 3 passed; 2 failed; 0 ignored"),
            Some((3, 2))
        );
        assert_eq!(counts("  test result: ok. 12 passed; 0 failed"), None);
        assert_eq!(counts("test result: unknown"), None);
    }

    #[test]
    fn a_failed_check_is_counted_and_the_next_one_still_runs() {
        let mut tally = Tally::default();
        assert!(!tally.check("bad", || Err("no".into())));
        assert!(tally.check("good", || Ok(())));
        assert_eq!(
            (tally.passed, tally.failed, tally.failures),
            (1, 1, vec!["bad".to_owned()])
        );
    }

    #[test]
    fn a_run_that_checked_nothing_is_not_a_success() {
        // An empty run is more likely a broken script than a perfect project.
        assert_eq!(
            format!("{:?}", Tally::default().close()),
            format!("{:?}", ExitCode::FAILURE)
        );
    }

    #[test]
    fn a_test_command_that_fails_without_counts_is_one_failure() {
        // A crate that does not compile prints no closing line.
        let mut tally = Tally::default();
        tally.tests("broken", &mut Command::new("false"));
        assert_eq!((tally.passed, tally.failed), (0, 1));
    }
}
