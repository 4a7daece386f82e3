//! Package URLs (ECMA-427): one function for each type that is written here. It parses none.

use std::fmt::Write;

/// A package of the Rust registry. `source` says where else it comes from.
pub(crate) fn cargo(name: &str, version: &str, source: Option<Qualifier<'_>>) -> String {
    finish(format!("pkg:cargo/{}@{}", encode(name), encode(version)), source)
}

/// A package of the npm registry. The name is kept in its case: old packages differ from others by it alone.
pub(crate) fn npm(name: &str, version: &str, source: Option<Qualifier<'_>>) -> String {
    let name: Vec<String> = name.split('/').map(encode).collect();
    finish(format!("pkg:npm/{}@{}", name.join("/"), encode(version)), source)
}

/// A package of the Python registry, named as [`pypi_name`] normalises it.
pub(crate) fn pypi(name: &str, version: Option<&str>, source: Option<Qualifier<'_>>) -> String {
    let mut purl = format!("pkg:pypi/{}", encode(&pypi_name(name)));
    if let Some(version) = version {
        purl.push('@');
        purl.push_str(&encode(version));
    }
    finish(purl, source)
}

/// A Go module. The type's rules have the path in lower case.
pub(crate) fn golang(module: &str, version: &str) -> String {
    let path: Vec<String> = module.split('/').map(|part| encode(&part.to_lowercase())).collect();
    format!("pkg:golang/{}@{}", path.join("/"), encode(version))
}

/// The normalised name of a Python package (PEP 503): lower case, each run of `-`, `_` and `.` one `-`.
pub(crate) fn pypi_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let parts: Vec<&str> = lower.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// Where a package comes from, when that is not the type's own registry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Qualifier<'a> {
    /// The URL of one file.
    Download(&'a str),
    /// Another registry.
    Repository(&'a str),
    /// A repository of version control, in the form `git+https://…@commit`.
    Vcs(&'a str),
}

fn finish(mut purl: String, source: Option<Qualifier<'_>>) -> String {
    let (key, value) = match source {
        None => return purl,
        Some(Qualifier::Download(url)) => ("download_url", url),
        Some(Qualifier::Repository(url)) => ("repository_url", url),
        Some(Qualifier::Vcs(url)) => ("vcs_url", url),
    };
    purl.push('?');
    purl.push_str(key);
    purl.push('=');
    // A value's slashes stand as they are.
    let parts: Vec<String> = value.split('/').map(encode).collect();
    purl.push_str(&parts.join("/"));
    purl
}

/// Percent-encodes all but letters, digits and `.-_~:`.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_are_in_canonical_form() {
        // Scopes, build metadata, slashes in qualifiers, names in every case.
        assert_eq!(cargo("serde", "1.0.0", None), "pkg:cargo/serde@1.0.0");
        assert_eq!(
            cargo("wasi", "0.9.0+wasi-snapshot", None),
            "pkg:cargo/wasi@0.9.0%2Bwasi-snapshot"
        );
        assert_eq!(
            cargo("x", "1.0.0", Some(Qualifier::Vcs("git+https://example.com/x@abc"))),
            "pkg:cargo/x@1.0.0?vcs_url=git%2Bhttps://example.com/x%40abc"
        );
        assert_eq!(npm("@babel/core", "7.0.0", None), "pkg:npm/%40babel/core@7.0.0");
        assert_eq!(npm("JSONStream", "1.3.5", None), "pkg:npm/JSONStream@1.3.5");
        assert_eq!(
            pypi("Zope.Interface__x", Some("1!2.0"), None),
            "pkg:pypi/zope-interface-x@1%212.0"
        );
        assert_eq!(
            golang("github.com/BurntSushi/toml", "v1.0.0+incompatible"),
            "pkg:golang/github.com/burntsushi/toml@v1.0.0%2Bincompatible"
        );
    }
}
