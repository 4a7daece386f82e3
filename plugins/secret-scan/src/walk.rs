//! Which files are searched: the tree under each path, sorted, without what the globs leave out.
//!
//! Deliberately follows no symbolic link: what it points to is searched where it is, or was not given to the step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Most files that one scan looks at.
pub const MAX_FILES: usize = 2_000_000;

/// A file to search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The path as the step sees it.
    pub path: PathBuf,
    /// The path relative to the root that it was found under, with `/` (its name if the root is the file itself).
    pub relative: String,
    /// The index of that root in the paths that were given.
    pub root: usize,
}

/// Why a tree could not be walked.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A path that was given, or something under it, cannot be read.
    #[error("`{path}` cannot be read: {source}; `paths` takes files and folders that are mounted for this step")]
    Read { path: String, source: io::Error },
    /// A glob that cannot be meant.
    #[error("`exclude` has the glob `{0}`, in which a bracket or brace is not closed")]
    BadGlob(String),
    /// More than [`MAX_FILES`].
    #[error("there are more than {MAX_FILES} files; leave some out with `exclude`")]
    TooMany,
}

/// Lists the files under `roots`, sorted by path. A file under two roots belongs to the first of them.
///
/// # Errors
/// When a path cannot be read, a glob is malformed or there are too many files.
pub fn files(roots: &[String], exclude: &[String]) -> Result<Vec<File>, WalkError> {
    for glob in exclude {
        check_glob(glob)?;
    }
    let mut found = BTreeMap::new();
    for (root, given) in roots.iter().enumerate() {
        let path = PathBuf::from(given);
        let failed = |source| WalkError::Read {
            path: given.clone(),
            source,
        };
        let kind = fs::metadata(&path).map_err(failed)?;
        if kind.is_dir() {
            walk(root, &path, exclude, &mut found)?;
        } else {
            let name = path
                .file_name()
                .map_or_else(|| given.clone(), |name| name.to_string_lossy().into_owned());
            found.entry(path.clone()).or_insert(File {
                path,
                relative: name,
                root,
            });
        }
    }
    Ok(found.into_values().collect())
}

fn walk(root: usize, top: &Path, exclude: &[String], found: &mut BTreeMap<PathBuf, File>) -> Result<(), WalkError> {
    // A list of folders still to do, not recursion: depth is the guest's input.
    let mut pending = vec![(top.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = pending.pop() {
        let failed = |source| WalkError::Read {
            path: folder.display().to_string(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let relative = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            if is_excluded(exclude, &relative) {
                continue;
            }
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                pending.push((entry.path(), relative));
            } else if kind.is_file() {
                if found.len() >= MAX_FILES {
                    return Err(WalkError::TooMany);
                }
                let path = entry.path();
                found.entry(path.clone()).or_insert(File { path, relative, root });
            }
        }
    }
    Ok(())
}

/// Whether `relative` is left out. `x/**` leaves out the folder `x` itself too, so that it is not listed in vain.
fn is_excluded(globs: &[String], relative: &str) -> bool {
    globs.iter().any(|glob| {
        let glob = glob.strip_prefix("./").unwrap_or(glob).trim_end_matches('/');
        fast_glob::glob_match(glob, relative)
            || glob
                .strip_suffix("/**")
                .is_some_and(|folder| fast_glob::glob_match(folder, relative))
    })
}

/// Refuses globs with an open bracket or brace, which would silently match nothing.
fn check_glob(glob: &str) -> Result<(), WalkError> {
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
    if braces > 0 || in_class || escaped {
        Err(WalkError::BadGlob(glob.to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn listed(exclude: &[&str]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "b.txt",
            "a/x.txt",
            "a/y.min.js",
            "target/debug/o.txt",
            "deep/target/z.txt",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let root = dir.path().to_str().unwrap().to_owned();
        let exclude: Vec<String> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        files(&[root], &exclude)
            .unwrap()
            .into_iter()
            .map(|file| file.relative)
            .collect()
    }

    #[test]
    fn files_are_sorted_by_path() {
        // Reports come in this order on every machine.
        assert_eq!(
            listed(&[]),
            [
                "a/x.txt",
                "a/y.min.js",
                "b.txt",
                "deep/target/z.txt",
                "target/debug/o.txt"
            ]
        );
    }

    #[test]
    fn globs_are_relative_to_the_root_and_cover_what_is_in_a_folder() {
        // `target/**` is the root's own; `**/target/**` any; a name alone is a folder or file at the top.
        assert_eq!(
            listed(&["target/**", "**/*.min.js"]),
            ["a/x.txt", "b.txt", "deep/target/z.txt"]
        );
        assert_eq!(listed(&["**/target/**"]), ["a/x.txt", "a/y.min.js", "b.txt"]);
        assert_eq!(listed(&["{a,target,deep}"]), ["b.txt"]);
    }

    #[test]
    fn an_unclosed_glob_is_refused() {
        // A glob that silently matched nothing would hide the author's mistake.
        for glob in ["a/{b", "[a", "x\\"] {
            assert!(
                matches!(files(&[], &[glob.to_owned()]), Err(WalkError::BadGlob(_))),
                "{glob}"
            );
        }
    }

    #[test]
    fn a_missing_path_is_an_error_that_names_it() {
        // A misspelt path must not look like a clean scan.
        let error = files(&["/no/such/place".to_owned()], &[]).unwrap_err().to_string();
        assert!(error.contains("`/no/such/place` cannot be read"), "{error}");
    }

    #[test]
    fn a_file_under_two_roots_is_searched_once() {
        // Overlapping paths must not double the findings.
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/f"), "").unwrap();
        let root = dir.path().to_str().unwrap().to_owned();
        let found = files(&[root.clone(), format!("{root}/a")], &[]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].relative, "a/f");
    }
}
