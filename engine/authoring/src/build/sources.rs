//! Mistakes in a step's sources as the tools of a language print them, shown where they are. Not here: starting the tools.

use std::path::{Path, PathBuf};

use airtight_model::{Diagnostic, Span};

use crate::error::{Error, InFile};
use crate::files;

/// A mistake in a source file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The file, from the project's folder.
    pub(super) file: PathBuf,
    /// Its line, from 1.
    pub(super) line: usize,
    /// What is wrong, in a line.
    pub(super) message: String,
    /// What to do.
    pub(super) help: String,
}

impl Mistake {
    /// The mistake with its line of the source; none if the tool names a file or a line that is not there.
    pub(super) fn shown(&self, root: &Path) -> Option<Error> {
        let text = files::text(&root.join(&self.file)).ok()?;
        let before: usize = text
            .split_inclusive('\n')
            .take(self.line.checked_sub(1)?)
            .map(str::len)
            .sum();
        let line = text.get(before..)?.lines().next()?;
        let start = before + (line.len() - line.trim_start().len());
        let span = Span {
            file: 0,
            start: u32::try_from(start).ok()?,
            end: u32::try_from(before + line.trim_end().len()).ok()?,
        };
        Some(Error::InFile(Box::new(InFile {
            name: self.file.to_string_lossy().into_owned(),
            found: vec![Diagnostic::error("A0017", span, &self.message).help(&self.help)],
            text,
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(line: usize) -> Mistake {
        Mistake {
            file: PathBuf::from("app.py"),
            line,
            message: "wrong".to_owned(),
            help: "mend it".to_owned(),
        }
    }

    /// The line is marked without what it is indented by, so that the place is seen at once.
    #[test]
    fn a_mistake_is_shown_at_its_line() {
        let folder = tempfile::tempdir().expect("there is a folder");
        std::fs::write(folder.path().join("app.py"), "é = 1\n  x y  \n").expect("it is written");
        let Some(Error::InFile(shown)) = mistake(2).shown(folder.path()) else {
            panic!("it is in a file");
        };
        let span = shown.found[0].labels[0].span;
        assert_eq!(&shown.text[span.start as usize..span.end as usize], "x y");
    }

    /// What a tool prints may name any line and file.
    #[test]
    fn a_place_that_is_not_there_is_not_shown() {
        let folder = tempfile::tempdir().expect("there is a folder");
        assert!(mistake(1).shown(folder.path()).is_none());
        std::fs::write(folder.path().join("app.py"), "x\n").expect("it is written");
        assert!(mistake(0).shown(folder.path()).is_none());
        assert!(mistake(9).shown(folder.path()).is_none());
    }
}
