//! Paths as pure text: those of the guest and those in the pipeline's folder. Not here: any file system.

/// Why a path is refused, as the end of a sentence, with the path that would do where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathProblem {
    pub(crate) reason: &'static str,
    pub(crate) mend: Option<String>,
}

fn problem(reason: &'static str, mend: Option<String>) -> Result<(), PathProblem> {
    Err(PathProblem { reason, mend })
}

/// The longest path, in bytes.
const MAX_PATH: usize = 4096;
/// The longest segment of a path, in bytes: that of a tree's names.
const MAX_SEGMENT: usize = airtight_model::tree::MAX_NAME_LEN;

/// Whether a guest path is absolute and normal: `/` or segments after single slashes, none of them `.` or `..`.
pub(crate) fn check_guest(path: &str) -> Result<(), PathProblem> {
    let mend = || {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        (!path.is_empty()).then(|| format!("/{}", parts.join("/")))
    };
    if let Some(reason) = unusable(path) {
        return problem(reason, None);
    }
    if !path.starts_with('/') {
        return problem("is not absolute", mend());
    }
    if path != "/" && path[1..].split('/').any(|part| matches!(part, "" | "." | "..")) {
        return problem("is not normal", mend());
    }
    Ok(())
}

fn unusable(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        Some("is empty")
    } else if path.len() > MAX_PATH || path.split('/').any(|part| part.len() > MAX_SEGMENT) {
        Some("is too long")
    } else if path.chars().any(char::is_control) {
        Some("has a control character")
    } else {
        None
    }
}

/// Whether the guest path `inner` is `outer` or below it.
pub(crate) fn is_within(inner: &str, outer: &str) -> bool {
    outer == "/" || inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// Joins a path of a file to that file's folder: relative to the root, normal, `.` for the root itself.
///
/// # Errors
/// It is absolute, leaves the root, or cannot be a path.
pub(crate) fn join_host(base: &str, path: &str) -> Result<String, PathProblem> {
    let refused = |reason| Err(PathProblem { reason, mend: None });
    if let Some(reason) = unusable(path) {
        return refused(reason);
    }
    if path.starts_with('/') {
        return refused("is not relative");
    }
    if path.contains('\\') {
        return Err(PathProblem {
            reason: "has a backslash",
            mend: Some(path.replace('\\', "/")),
        });
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return refused("leaves the pipeline's folder");
                }
            }
            part => parts.push(part),
        }
    }
    Ok(if parts.is_empty() {
        ".".to_owned()
    } else {
        parts.join("/")
    })
}

/// The folder of a file, `.` for the root.
pub(crate) fn folder_of(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Only absolute, normal paths are guest paths, and the mend that is offered is one.
    #[test]
    fn guest_paths_are_absolute_and_normal() {
        for path in ["/", "/src", "/a/b.c", "/..a"] {
            assert_eq!(check_guest(path), Ok(()), "{path}");
        }
        for (path, mend) in [
            ("src", "/src"),
            ("/src/", "/src"),
            ("/a//b", "/a/b"),
            ("/a/../b", "/b"),
            ("./x", "/x"),
        ] {
            let found = check_guest(path).err().and_then(|problem| problem.mend);
            assert_eq!(found.as_deref(), Some(mend), "{path}");
            assert_eq!(check_guest(mend), Ok(()));
        }
        for path in ["", "/a\0b", "/a\nb"] {
            assert!(check_guest(path).is_err(), "{path}");
        }
    }

    // A path of a fragment is relative to its file and never leaves the root.
    #[test]
    fn host_paths_stay_inside_the_root() {
        assert_eq!(join_host(".", "./a/b").as_deref(), Ok("a/b"));
        assert_eq!(join_host("ci/x", "../y").as_deref(), Ok("ci/y"));
        assert_eq!(join_host("ci", "..").as_deref(), Ok("."));
        for (base, path) in [
            (".", ".."),
            ("ci", "../.."),
            (".", "/etc"),
            (".", "a\\b"),
            (".", ""),
            (".", "a/../../b"),
        ] {
            assert!(join_host(base, path).is_err(), "{base} {path}");
        }
    }

    // `/srcs` is not inside `/src`.
    #[test]
    fn being_within_goes_by_segments() {
        assert!(is_within("/src/a", "/src") && is_within("/src", "/src") && is_within("/x", "/"));
        assert!(!is_within("/srcs", "/src") && !is_within("/", "/src"));
    }
}
