//! The step: what is `pub` in the module is its schema. The WIT is derived from it, there is no file to keep in step.

mod search;

/// Looks for a marker in the files of a folder.
#[airtight_step::step]
pub mod step {
    use airtight_step::{Error, bail, info};

    use crate::search::Search;

    /// What was looked at and found.
    #[derive(Debug, PartialEq)]
    pub struct Summary {
        /// How many files were read.
        pub files: u32,
        /// How many bytes they have.
        pub bytes: u64,
        /// How many lines have the marker.
        pub findings: u32,
    }

    /// Looks for `marker` (`TODO` if it is left out) in every file below `path`, and writes what it finds to `/out/findings.txt`.
    pub fn run(path: String, marker: Option<String>) -> Result<Summary, Error> {
        let marker = marker.unwrap_or_else(|| "TODO".to_owned());
        if marker.is_empty() {
            bail!("the marker is empty");
        }
        let mut search = Search::new(&marker);
        search.folder(&path)?;
        search.write("/out/findings.txt")?;
        info!("{} findings in {} files", search.findings, search.files);
        Ok(Summary {
            files: search.files,
            bytes: search.bytes,
            findings: search.findings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::step::{Summary, run};
    use airtight_step::testing::Host;

    /// What the host of a test collects is what Airtight would.
    #[test]
    fn what_is_found_is_reported_and_written() {
        let host = Host::new();
        host.write("/in/a.txt", "first\nTODO one\nlast\n");
        host.write("/in/sub/b.md", "TODO at the end");

        let summary = run("/in".to_owned(), None).expect("the folder can be read");

        assert_eq!(
            summary,
            Summary {
                files: 2,
                bytes: 35,
                findings: 2
            }
        );
        assert_eq!(
            host.read_to_string("/out/findings.txt"),
            "/in/a.txt:2\n/in/sub/b.md:1\n"
        );
        assert_eq!(host.findings()[0].message, "found TODO");
        assert_eq!(host.messages(), ["2 findings in 2 files"]);
    }

    /// An error is text that the person who runs the pipeline reads.
    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let _host = Host::new();
        let error = run("/in".to_owned(), None).expect_err("there is no /in");
        assert_eq!(error.to_string(), "cannot read /in");
    }
}
