//! The search: plain Rust over `std::fs`. Paths are the step's own; `airtight_step::path` says where they are.

use airtight_step::Error;
use airtight_step::report::{Finding, Severity};

/// What was looked at so far.
#[derive(Default)]
pub struct Search<'a> {
    marker: &'a str,
    pub files: u32,
    pub bytes: u64,
    pub findings: u32,
    list: String,
}

impl<'a> Search<'a> {
    pub fn new(marker: &'a str) -> Self {
        Self {
            marker,
            ..Self::default()
        }
    }

    /// Looks through a folder in the order of its names; into a folder when its name comes up.
    pub fn folder(&mut self, folder: &str) -> Result<(), Error> {
        let unreadable = |_| Error::msg(format!("cannot read {folder}"));
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(airtight_step::path(folder)).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push((name, entry.file_type().map_err(unreadable)?));
        }
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, kind) in entries {
            let path = format!("{folder}/{name}");
            if kind.is_dir() {
                self.folder(&path)?;
            } else if kind.is_file() {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str) -> Result<(), Error> {
        let bytes = std::fs::read(airtight_step::path(path))
            .map_err(|_| Error::msg(format!("cannot read {path}")))?;
        self.files += 1;
        self.bytes += bytes.len() as u64;
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if has(line, self.marker.as_bytes()) {
                self.findings += 1;
                self.list.push_str(&format!("{path}:{number}\n"));
                let message = format!("found {}", self.marker);
                Finding::new("marker", Severity::Warning, message)
                    .at(path)
                    .line(number)
                    .add();
            }
        }
        Ok(())
    }

    /// Writes where the marker was found, a line each.
    pub fn write(&self, path: &str) -> Result<(), Error> {
        std::fs::write(airtight_step::path(path), &self.list)
            .map_err(|_| Error::msg(format!("cannot write {path}")))
    }
}

/// Whether a line has the marker, which is not empty.
fn has(line: &[u8], marker: &[u8]) -> bool {
    line.windows(marker.len()).any(|part| part == marker)
}

#[cfg(test)]
mod tests {
    use super::has;

    /// Bytes are compared as they are.
    #[test]
    fn a_marker_is_found_anywhere_in_a_line() {
        assert!(has(b"see TODO\r", b"TODO"));
        assert!(has(b"\xffTODO", b"TODO"));
        assert!(!has(b"TOD", b"TODO"));
    }
}
