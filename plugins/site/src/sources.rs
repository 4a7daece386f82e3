//! What is in the folder: which files become pages, which others exist.
//!
//! Deliberately reads no file: only listings. Symbolic links to files are files, those to folders are not entered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Most files in the folder.
pub const MAX_FILES: usize = 500_000;

/// The files under a folder, by path relative to it, with `/`.
#[derive(Debug, Default)]
pub struct Sources {
    /// Markdown files that become pages, with the page that each becomes.
    pub pages: BTreeMap<String, String>,
    /// All files, pages included.
    pub files: BTreeSet<String>,
    /// All folders, without the top (which is `""`).
    pub folders: BTreeSet<String>,
}

/// Why the folder cannot be a site.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("`{path}` cannot be read: {source}; `from` is a folder that is mounted for this step")]
    Read { path: String, source: io::Error },
    #[error("`{option}` has the glob `{glob}`, in which a bracket or brace is not closed")]
    BadGlob { option: &'static str, glob: String },
    #[error("`{0}` has no file that `include` matches, so there is no page to make")]
    Empty(String),
    #[error("`{first}` and `{second}` would both become `{page}`; rename one or leave it out with `exclude`")]
    SamePage {
        first: String,
        second: String,
        page: String,
    },
    #[error("there are more than {MAX_FILES} files in `{0}`; leave folders out with `exclude`")]
    TooMany(String),
}

/// Lists `from`.
///
/// # Errors
/// When it cannot be listed, no file becomes a page, or two become the same.
pub fn list(from: &str, include: &[String], exclude: &[String]) -> Result<Sources, SourceError> {
    for (option, globs) in [("include", include), ("exclude", exclude)] {
        if let Some(glob) = globs.iter().find(|glob| !is_closed(glob)) {
            return Err(SourceError::BadGlob {
                option,
                glob: glob.clone(),
            });
        }
    }
    let mut sources = Sources::default();
    let mut pending = vec![(PathBuf::from(from), String::new())];
    while let Some((folder, prefix)) = pending.pop() {
        let failed = |source| SourceError::Read {
            path: folder.display().to_string(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let relative = join(&prefix, &name);
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                if !is_left_out(exclude, &relative) {
                    pending.push((entry.path(), relative.clone()));
                    sources.folders.insert(relative);
                }
            } else if kind.is_file() || (kind.is_symlink() && Path::new(&entry.path()).is_file()) {
                if sources.files.len() >= MAX_FILES {
                    return Err(SourceError::TooMany(from.to_owned()));
                }
                sources.files.insert(relative);
            }
        }
    }
    name_pages(from, include, exclude, &mut sources)?;
    Ok(sources)
}

fn name_pages(from: &str, include: &[String], exclude: &[String], sources: &mut Sources) -> Result<(), SourceError> {
    let mut made: BTreeMap<String, &String> = BTreeMap::new();
    let wanted = |file: &&String| include.iter().any(|glob| matches(glob, file)) && !is_left_out(exclude, file);
    for file in sources.files.iter().filter(wanted) {
        let page = page_of(file, &sources.files);
        if let Some(first) = made.insert(page.clone(), file) {
            return Err(SourceError::SamePage {
                first: first.clone(),
                second: file.clone(),
                page,
            });
        }
    }
    let pages: BTreeMap<String, String> = made.into_iter().map(|(page, file)| (file.clone(), page)).collect();
    if pages.is_empty() {
        return Err(SourceError::Empty(from.to_owned()));
    }
    sources.pages = pages;
    Ok(())
}

/// The page that a Markdown file becomes. `index.md` has precedence over `README.md` in the same folder.
fn page_of(file: &str, files: &BTreeSet<String>) -> String {
    let (folder, name) = split(file);
    let stem = name
        .rsplit_once('.')
        .map_or(name, |(stem, _)| if stem.is_empty() { name } else { stem });
    let is_readme = stem.eq_ignore_ascii_case("readme") && !files.contains(&join(folder, "index.md"));
    if is_readme {
        join(folder, "index.html")
    } else {
        join(folder, &format!("{stem}.html"))
    }
}

/// Splits into the folder (`""` for the top) and the name.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Joins a folder (`""` for the top) and a name.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

fn matches(glob: &str, path: &str) -> bool {
    fast_glob::glob_match(glob.strip_prefix("./").unwrap_or(glob), path)
}

fn is_left_out(globs: &[String], path: &str) -> bool {
    globs.iter().any(|glob| {
        let glob = glob.trim_end_matches('/');
        matches(glob, path) || glob.strip_suffix("/**").is_some_and(|folder| matches(folder, path))
    })
}

fn is_closed(glob: &str) -> bool {
    let (mut braces, mut in_class, mut escaped) = (0_usize, false, false);
    for c in glob.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ']' if in_class => in_class = false,
            _ if in_class => {}
            '[' => in_class = true,
            '{' => braces += 1,
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    braces == 0 && !in_class && !escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn listed(files: &[&str], include: &[&str], exclude: &[&str]) -> Result<Vec<(String, String)>, SourceError> {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let strings = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect::<Vec<_>>();
        let sources = list(dir.path().to_str().unwrap(), &strings(include), &strings(exclude))?;
        Ok(sources.pages.into_iter().collect())
    }

    fn pair(file: &str, page: &str) -> (String, String) {
        (file.to_owned(), page.to_owned())
    }

    #[test]
    fn readme_and_index_become_the_index_of_their_folder() {
        // And with both in one folder, each keeps a page of its own.
        let pages = listed(
            &["README.md", "a/index.md", "a/readme.md", "b/x.y.md", "b/x.txt"],
            &["**/*.md"],
            &[],
        )
        .unwrap();
        assert_eq!(
            pages,
            [
                pair("README.md", "index.html"),
                pair("a/index.md", "a/index.html"),
                pair("a/readme.md", "a/readme.html"),
                pair("b/x.y.md", "b/x.y.html"),
            ]
        );
    }

    #[test]
    fn globs_choose_the_pages() {
        // Excluded folders are not entered; `include` may name single files.
        let files = ["README.md", "docs/a.md", "docs/old/b.md", "target/c.md"];
        let pages = listed(&files, &["README.md", "docs/**/*.md"], &["docs/old/**"]).unwrap();
        assert_eq!(
            pages,
            [pair("README.md", "index.html"), pair("docs/a.md", "docs/a.html")]
        );
    }

    #[test]
    fn two_files_for_one_page_are_an_error() {
        // One would overwrite the other.
        let error = listed(&["a.md", "a.markdown"], &["*.{md,markdown}"], &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`a.markdown` and `a.md` would both become `a.html`"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_without_pages_is_an_error() {
        // A misspelt glob or path must not make an empty site.
        assert!(matches!(
            listed(&["a.txt"], &["**/*.md"], &[]),
            Err(SourceError::Empty(_))
        ));
        assert!(matches!(list("/no/such", &[], &[]), Err(SourceError::Read { .. })));
        assert!(matches!(
            listed(&[], &["{a"], &[]),
            Err(SourceError::BadGlob { option: "include", .. })
        ));
    }
}
