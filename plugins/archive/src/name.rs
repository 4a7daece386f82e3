//! The rules for names that come out of an archive, and where a symbolic link leads. Pure: it looks at no file system.

use std::collections::BTreeMap;

/// The longest path that an entry may have, in bytes (Linux's `PATH_MAX`, also the bound of a link's target).
pub(crate) const MAX_PATH_BYTES: usize = 4096;

/// The longest single name, in bytes (`NAME_MAX` of every file system in common use).
pub(crate) const MAX_NAME_BYTES: usize = 255;

/// How many links a path may cross before it counts as a loop (Linux's bound).
const MAX_LINK_CROSSINGS: u32 = 40;

/// Checks the raw name of an entry and returns its parts without `.` and empty ones. The root itself has no parts.
/// The error says what is wrong with it.
pub(crate) fn entry_parts(raw: &[u8]) -> Result<Vec<&str>, String> {
    let name = std::str::from_utf8(raw).map_err(|_| "its name is not UTF-8".to_owned())?;
    if name.is_empty() {
        return Err("its name is empty".to_owned());
    }
    if name.len() > MAX_PATH_BYTES {
        return Err(format!(
            "its name has {} bytes; at most {MAX_PATH_BYTES} are allowed",
            name.len()
        ));
    }
    if name.contains('\0') {
        return Err("its name holds a NUL".to_owned());
    }
    if name.starts_with('/') {
        return Err("its name is absolute".to_owned());
    }
    let parts: Vec<&str> = name
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err("its name leaves the folder through `..`".to_owned());
    }
    if let Some(long) = parts.iter().find(|part| part.len() > MAX_NAME_BYTES) {
        return Err(format!(
            "a part of its name has {} bytes; at most {MAX_NAME_BYTES} are allowed",
            long.len()
        ));
    }
    Ok(parts)
}

/// Checks the text of a link's target, before it is known where it leads.
pub(crate) fn link_target(raw: &[u8]) -> Result<&str, String> {
    let target = std::str::from_utf8(raw).map_err(|_| "its target is not UTF-8".to_owned())?;
    if target.is_empty() {
        return Err("its target is empty".to_owned());
    }
    if target.len() > MAX_PATH_BYTES {
        return Err(format!(
            "its target has {} bytes; at most {MAX_PATH_BYTES} are allowed",
            target.len()
        ));
    }
    if target.contains('\0') {
        return Err("its target holds a NUL".to_owned());
    }
    Ok(target)
}

/// Checks that following the link at `path` stays inside the folder, whatever other links of `links` (by path, with
/// their targets) are crossed. `passable` says whether a path that is no link of `links` may be walked through.
///
/// A part that does not exist is taken as a folder: the link dangles, but it dangles inside.
pub(crate) fn check_link(
    path: &str,
    links: &BTreeMap<String, String>,
    passable: &mut dyn FnMut(&str) -> bool,
) -> Result<(), String> {
    let target = links.get(path).map_or("", String::as_str);
    let mut here: Vec<String> = path.split('/').map(str::to_owned).collect();
    here.pop();
    let mut walk = Walk {
        links,
        passable,
        crossings: 0,
        here,
    };
    walk.follow(target)
}

struct Walk<'a> {
    links: &'a BTreeMap<String, String>,
    passable: &'a mut dyn FnMut(&str) -> bool,
    crossings: u32,
    /// Where the walk is, as names below the folder.
    here: Vec<String>,
}

impl Walk<'_> {
    fn follow(&mut self, target: &str) -> Result<(), String> {
        self.crossings += 1;
        if self.crossings > MAX_LINK_CROSSINGS {
            return Err(format!("its target `{target}` leads in a circle"));
        }
        if target.starts_with('/') {
            return Err(format!("its target `{target}` is absolute"));
        }
        for part in target.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    self.here
                        .pop()
                        .ok_or_else(|| format!("its target `{target}` leaves the folder"))?;
                }
                name => {
                    self.here.push(name.to_owned());
                    let path = self.here.join("/");
                    let links = self.links;
                    if let Some(next) = links.get(&path) {
                        self.here.pop();
                        self.follow(next)?;
                    } else if !(self.passable)(&path) {
                        return Err(format!(
                            "its target leads through the link `{path}`, which was there before"
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_split_into_its_parts_without_dots() {
        // What tars made with `tar c .` hold.
        assert_eq!(entry_parts(b"./a//b/./c/").unwrap(), ["a", "b", "c"]);
        assert_eq!(entry_parts(b"./").unwrap(), [""; 0]);
    }

    #[test]
    fn a_name_that_could_leave_the_folder_or_mislead_is_refused() {
        // One of each kind of bad name.
        for raw in [
            &b""[..],
            b"/etc/passwd",
            b"../x",
            b"a/../../x",
            b"a/..",
            b"a\0b",
            b"\xff",
        ] {
            assert!(entry_parts(raw).is_err(), "{raw:?}");
        }
        assert!(entry_parts(&[b'a'; MAX_NAME_BYTES]).is_ok());
        assert!(entry_parts(&[b'a'; MAX_NAME_BYTES + 1]).is_err());
        assert!(entry_parts("a/".repeat(MAX_PATH_BYTES).as_bytes()).is_err());
    }

    /// Checks every link of the set and returns the paths of those refused.
    fn refused(links: &[(&str, &str)]) -> Vec<String> {
        let links: BTreeMap<String, String> = links
            .iter()
            .map(|(path, target)| ((*path).to_owned(), (*target).to_owned()))
            .collect();
        links
            .keys()
            .filter(|path| check_link(path, &links, &mut |_| true).is_err())
            .cloned()
            .collect()
    }

    #[test]
    fn a_link_inside_the_folder_is_accepted_even_when_it_dangles() {
        // Ordinary links: beside, above, through another link, to nothing.
        let links = [
            ("a/b/up", "../c"),
            ("lib.so", "lib.so.1"),
            ("lib.so.1", "none"),
            ("x", "a/b/up/y"),
            ("root", "a/.."),
        ];
        assert_eq!(refused(&links), [""; 0]);
    }

    #[test]
    fn a_link_that_leaves_the_folder_is_refused_also_through_another_link() {
        // `t` is inside when read as text (`d1/d2/s/..` = `d1/d2`), but `s` leads to the root and `..` from there out.
        assert_eq!(refused(&[("d1/d2/s", "../.."), ("t", "d1/d2/s/..")]), ["t"]);
        assert_eq!(refused(&[("a", "/etc")]), ["a"]);
        assert_eq!(refused(&[("a", "..")]), ["a"]);
        assert_eq!(refused(&[("d/a", "../../x")]), ["d/a"]);
    }

    #[test]
    fn links_that_lead_in_a_circle_are_refused() {
        // The walk ends by its bound, not by exhausting memory.
        assert_eq!(refused(&[("a", "b"), ("b", "a"), ("c", "c")]), ["a", "b", "c"]);
        assert_eq!(refused(&[("d/e", "../d/e/e/e")]), ["d/e"]);
    }
}
