//! A pipeline with the files that it includes. The files' texts come through a reader that the caller passes: nothing
//! here touches a file system. Not here: what the files mean together (`check`).

use std::collections::HashMap;

use airtight_model::{Diagnostic, Span};

use crate::ast::{File, Include};
use crate::codes;
use crate::lower::Lower;
use crate::node::Name;
use crate::paths;
use crate::syntax;
use crate::template::Template;

/// The most files of a pipeline.
pub const MAX_FILES: usize = 256;

/// A file of a pipeline; [`Span::file`] is its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path relative to the pipeline's folder (the root), normal, `/`-separated.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Gives the text of an included file by its path relative to the root, or why it cannot be read.
pub type Reader<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// A pipeline as it is written: all of its files, read, and nothing looked up.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The files: the pipeline file itself, then those that it includes, in order.
    pub files: Vec<SourceFile>,
    pub(crate) asts: Vec<File>,
    pub(crate) included: Vec<Option<Included>>,
    /// What is wrong with single files.
    pub(crate) found: Vec<Diagnostic>,
    /// Whether a file could not be read at all.
    pub(crate) incomplete: bool,
}

/// How a file came to be included.
#[derive(Debug, Clone)]
pub(crate) struct Included {
    /// The file that includes it.
    pub(crate) by: usize,
    /// Where.
    pub(crate) place: Name,
    /// What that file gives for its inputs.
    pub(crate) inputs: Vec<(Name, Template)>,
}

/// Reads a pipeline file and what it includes.
///
/// `path` is the file's name in the root. What is wrong with single files (syntax, keys, kinds of values) is kept for
/// [`crate::check`], which says everything at once.
pub fn parse(path: &str, text: String, read: &Reader<'_>) -> Parsed {
    let mut load = Load {
        parsed: Parsed {
            files: Vec::new(),
            asts: Vec::new(),
            included: Vec::new(),
            found: Vec::new(),
            incomplete: false,
        },
        at: HashMap::new(),
        read,
    };
    load.file(path.to_owned(), text, None);
    let mut next = 0;
    while next < load.parsed.files.len() {
        let includes = std::mem::take(&mut load.parsed.asts[next].includes);
        for include in includes {
            load.include(next, include);
        }
        next += 1;
    }
    load.parsed
}

struct Load<'a> {
    parsed: Parsed,
    at: HashMap<String, usize>,
    read: &'a Reader<'a>,
}

impl Load<'_> {
    fn file(&mut self, path: String, text: String, included: Option<Included>) {
        // There are at most MAX_FILES files.
        let index = self.parsed.files.len();
        let file = index as u32;
        let found = &mut self.parsed.found;
        let ast = match syntax::parse(&text, file, found) {
            Some(node) => Lower {
                text: &text,
                fragment: included.is_some(),
                found,
            }
            .file(&node),
            None => {
                self.parsed.incomplete = true;
                File::default()
            }
        };
        self.at.insert(path.clone(), index);
        self.parsed.files.push(SourceFile { path, text });
        self.parsed.asts.push(ast);
        self.parsed.included.push(included);
    }

    fn include(&mut self, by: usize, include: Include) {
        let Include { file: place, inputs } = include;
        if place.text.contains("://") || place.text.starts_with("std/") {
            let message = format!(
                "`{}` is not available in this version: only files are included",
                place.text
            );
            return self.report(
                place.span,
                codes::NOT_AVAILABLE,
                message,
                "write the path of a file, such as `ci/steps.yaml`".to_owned(),
            );
        }
        let base = paths::folder_of(&self.parsed.files[by].path).to_owned();
        let path = match paths::join_host(&base, &place.text) {
            Ok(path) => path,
            Err(problem) => {
                let help = problem.mend.map_or_else(
                    || "write a path relative to this file, inside the pipeline's folder".to_owned(),
                    |mend| format!("write `{mend}`"),
                );
                return self.report(
                    place.span,
                    codes::BAD_HOST_PATH,
                    format!("the path `{}` {}", place.text, problem.reason),
                    help,
                );
            }
        };
        if let Some(first) = self.at.get(&path).copied() {
            let again = self.chain(by).contains(&first);
            let message = if again {
                let mut names: Vec<&str> = self
                    .chain(by)
                    .iter()
                    .map(|i| self.parsed.files[*i].path.as_str())
                    .collect();
                names.reverse();
                let from = names.iter().position(|name| *name == path).unwrap_or(0);
                format!("files include each other: `{}` → `{path}`", names[from..].join("` → `"))
            } else {
                format!("`{path}` is included twice")
            };
            let mut diagnostic = Diagnostic::error(codes::INCLUDE_CYCLE, place.span, message);
            if let Some(Included { place, .. }) = &self.parsed.included[first] {
                diagnostic = diagnostic.label(place.span, "first here");
            }
            self.parsed.found.push(diagnostic.help("remove this include"));
            return;
        }
        if self.parsed.files.len() >= MAX_FILES {
            return self.report(
                place.span,
                codes::TOO_LARGE,
                format!("a pipeline has at most {MAX_FILES} files"),
                "put steps together".to_owned(),
            );
        }
        match (self.read)(&path) {
            Ok(text) => self.file(path, text, Some(Included { by, place, inputs })),
            Err(why) => {
                let why = why.trim_end_matches('.');
                let help = format!("make the file `{path}`, or remove the include");
                self.parsed.incomplete = true;
                self.report(
                    place.span,
                    codes::INCLUDE_UNREADABLE,
                    format!("`{path}` cannot be read: {why}"),
                    help,
                );
            }
        }
    }

    fn report(&mut self, span: Span, code: &'static str, message: impl Into<String>, help: impl Into<String>) {
        self.parsed
            .found
            .push(Diagnostic::error(code, span, message).help(help));
    }

    /// A file and those that include it, up to the pipeline file.
    fn chain(&self, file: usize) -> Vec<usize> {
        let up = |file: &usize| self.parsed.included[*file].as_ref().map(|included| included.by);
        std::iter::successors(Some(file), up).collect()
    }
}
