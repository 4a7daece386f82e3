//! The step: a program with arguments. It has no schema; what it finds stands in its output, and in Airtight's reports too.

mod search;

use std::process::ExitCode;

use airtight_step::{Error, bail, info};
use search::Search;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (path, marker) = match arguments.as_slice() {
        [path] => (path.as_str(), "TODO"),
        [path, marker] => (path.as_str(), marker.as_str()),
        _ => {
            eprintln!("usage: {} PATH [MARKER]", env!("CARGO_PKG_NAME"));
            // WASI 0.2 knows no other code for a failure than 1.
            return ExitCode::from(2);
        }
    };
    match run(path, marker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str, marker: &str) -> Result<(), Error> {
    if marker.is_empty() {
        bail!("the marker is empty");
    }
    let mut search = Search::new(marker);
    search.folder(path)?;
    search.write("/out/findings.txt")?;
    let (files, bytes, findings) = (search.files, search.bytes, search.findings);
    println!("{{\"files\":{files},\"bytes\":{bytes},\"findings\":{findings}}}");
    info!("{findings} findings in {files} files");
    Ok(())
}

#[cfg(test)]
mod tests {
    use airtight_step::testing::Host;

    /// What the host of a test collects is what Airtight would.
    #[test]
    fn what_is_found_is_reported_and_written() {
        let host = Host::new();
        host.write("/in/a.txt", "first\nTODO one\nlast\n");
        super::run("/in", "TODO").expect("the folder can be read");
        assert_eq!(host.read_to_string("/out/findings.txt"), "/in/a.txt:2\n");
        assert_eq!(host.findings()[0].message, "found TODO");
        assert_eq!(host.messages(), ["1 findings in 1 files"]);
    }

    /// An error is text that the person who runs the pipeline reads.
    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let _host = Host::new();
        let error = super::run("/in", "TODO").expect_err("there is no /in");
        assert_eq!(error.to_string(), "cannot read /in");
    }
}
