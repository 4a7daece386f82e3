//! Where a link leads: the reading of URLs, and relative URLs from page to page.
//!
//! Deliberately pure: what exists is asked of [`Sources`] by the caller's data, never of the file system.

use std::fmt::Write as _;

use crate::sources::{Sources, join, split};

/// Schemes that a link may have. Anything else (`javascript:` above all) is refused.
const SCHEMES: &[&str] = &[
    "http", "https", "mailto", "tel", "ftp", "ftps", "irc", "ircs", "xmpp", "matrix", "git", "ssh",
];

/// What a link's URL says, before it is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Url {
    /// Another site: kept as it is.
    External,
    /// A scheme that is not one of links between pages.
    Refused(String),
    /// A path within the tree (relative to its top, decoded; `""` is the top itself).
    Inside { path: String, anchor: Option<String> },
    /// The page itself.
    Here { anchor: Option<String> },
    /// A path that leaves the tree.
    Outside,
}

/// Reads the URL of a link in the Markdown file `file`.
pub fn read(url: &str, file: &str) -> Url {
    if url.starts_with("//") {
        return Url::External;
    }
    if let Some(scheme) = scheme(url) {
        let scheme = scheme.to_ascii_lowercase();
        return if SCHEMES.contains(&scheme.as_str()) {
            Url::External
        } else {
            Url::Refused(scheme)
        };
    }
    let (rest, anchor) = match url.split_once('#') {
        Some((rest, anchor)) => (rest, Some(decoded(anchor)).filter(|anchor| !anchor.is_empty())),
        None => (url, None),
    };
    let path = decoded(rest.split('?').next().unwrap_or_default());
    if path.is_empty() {
        return Url::Here { anchor };
    }
    let base = if path.starts_with('/') { "" } else { split(file).0 };
    match normalised(base, &path) {
        Some(path) => Url::Inside { path, anchor },
        None => Url::Outside,
    }
}

/// The scheme of a URL that has one. A colon after the first `/`, `?` or `#` is part of a path.
fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once(':')?;
    let mut bytes = scheme.bytes();
    let is_scheme = bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    // Browsers drop tabs and line breaks in a scheme, so what is no scheme but looks like one to them is refused.
    let looks_like_one = scheme.bytes().any(|b| b.is_ascii_control() || b == b' ') && !scheme.contains(['/', '?', '#']);
    (is_scheme || looks_like_one).then_some(scheme)
}

/// Takes `.` and `..` out of a path; `None` if it leaves the tree.
fn normalised(base: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Decodes `%XX`; what is not one stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match pair
            .filter(|_| bytes[at] == b'%')
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encodes a path or anchor for a URL.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/!$'()*+,;=@".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
        url
    })
}

/// The URL of an anchor of the same page.
pub fn fragment(anchor: &str) -> String {
    format!("#{}", encoded(anchor))
}

/// The relative URL from the page `from` to the file `to` of the site, with an anchor.
pub fn relative(from: &str, to: &str, anchor: Option<&str>) -> String {
    let base: Vec<&str> = split(from).0.split('/').filter(|part| !part.is_empty()).collect();
    let target: Vec<&str> = to.split('/').collect();
    let shared = base
        .iter()
        .zip(&target[..target.len() - 1])
        .take_while(|(a, b)| a == b)
        .count();
    let mut url = "../".repeat(base.len() - shared);
    url.push_str(&encoded(&target[shared..].join("/")));
    // A first part with a colon would be read as a scheme; it is encoded above, so none is left.
    if let Some(anchor) = anchor {
        url.push('#');
        url.push_str(&encoded(anchor));
    }
    url
}

/// What a path within the tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The page of this Markdown file.
    Page {
        file: String,
    },
    /// The index that is made for a folder without one.
    Index {
        page: String,
    },
    /// Another file, which is copied.
    File,
    /// A folder without pages.
    Folder,
    Missing,
}

/// Looks a path within the tree up. `indexes` are the folders that have pages somewhere in them.
pub fn find(path: &str, sources: &Sources, indexes: &std::collections::BTreeSet<String>) -> Target {
    if sources.pages.contains_key(path) {
        return Target::Page { file: path.to_owned() };
    }
    if sources.files.contains(path) {
        return Target::File;
    }
    if path.is_empty() || sources.folders.contains(path) {
        let index = join(path, "index.html");
        if let Some((file, _)) = sources.pages.iter().find(|(_, page)| **page == index) {
            return Target::Page { file: file.clone() };
        }
        return if indexes.contains(path) {
            Target::Index { page: index }
        } else {
            Target::Folder
        };
    }
    // Links that were written for a rendered site: `x.html`, or `x` for `x.md`.
    let html = if path.ends_with(".html") {
        path.to_owned()
    } else {
        format!("{path}.html")
    };
    match sources.pages.iter().find(|(_, page)| **page == html) {
        Some((file, _)) if path.ends_with(".html") => Target::Page { file: file.clone() },
        _ => Target::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(path: &str, anchor: Option<&str>) -> Url {
        Url::Inside {
            path: path.to_owned(),
            anchor: anchor.map(str::to_owned),
        }
    }

    #[test]
    fn links_are_read_relative_to_their_file() {
        // Every form that Markdown in the wild has.
        for (url, expected) in [
            ("b.md", inside("docs/b.md", None)),
            ("./b.md#x-y", inside("docs/b.md", Some("x-y"))),
            ("../b%20c.md?plain=1#%C3%A9", inside("b c.md", Some("é"))),
            ("/top.md", inside("top.md", None)),
            ("..", inside("", None)),
            ("sub/", inside("docs/sub", None)),
            ("a/b:c.md", inside("docs/a/b:c.md", None)),
            (
                "#here",
                Url::Here {
                    anchor: Some("here".to_owned()),
                },
            ),
            ("", Url::Here { anchor: None }),
            ("../../x.md", Url::Outside),
            ("https://a.b/c.md", Url::External),
            ("//a.b/c", Url::External),
            ("mailto:a@b.c", Url::External),
            ("100%.md", inside("docs/100%.md", None)),
        ] {
            assert_eq!(read(url, "docs/a.md"), expected, "{url}");
        }
    }

    #[test]
    fn schemes_that_run_or_embed_are_refused() {
        // A page from a stranger must not bring script, in whatever spelling browsers accept.
        for url in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\nscript:alert(1)",
            " javascript:x",
            "data:text/html,x",
            "vbscript:x",
        ] {
            assert!(matches!(read(url, "a.md"), Url::Refused(_)), "{url:?}");
        }
    }

    #[test]
    fn relative_urls_lead_from_page_to_page() {
        // The site works in any folder, and from the disk.
        for (from, to, url) in [
            ("index.html", "a/b.html", "a/b.html"),
            ("a/b.html", "index.html", "../index.html"),
            ("a/b.html", "a/c.html", "c.html"),
            ("a/b/c.html", "a/d/e f.html", "../d/e%20f.html"),
            ("a.html", "b:c.html", "b%3Ac.html"),
        ] {
            assert_eq!(relative(from, to, None), url, "{from} to {to}");
        }
        assert_eq!(relative("a.html", "b.html", Some("x y")), "b.html#x%20y");
    }
}
