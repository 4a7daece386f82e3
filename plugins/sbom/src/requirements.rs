//! `requirements.txt` as pip reads it: logical lines, options, hashes, markers, included files and constraints. Only
//! what is pinned names a version; the rest is warned about.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::LockFile;
use crate::inventory::{Component, Inventory};
use crate::purl::Qualifier;
use crate::{Error, digest, purl};

/// The property with a requirement's environment marker.
const MARKER: &str = "airtight:python-marker";

/// Reads the content of a file that another one names.
pub(crate) type Load<'a> = dyn FnMut(&Path) -> Result<String, Error> + 'a;

/// A logical line: continuations joined, comments gone, with the number of its first line.
struct Line {
    text: String,
    number: usize,
}

/// What a requirement says besides what pins it.
#[derive(Clone, Copy)]
struct Requirement<'a> {
    name: &'a str,
    /// The text of its options, the hashes among them.
    options: &'a str,
    marker: Option<&'a str>,
}

/// The pins of constraint files, by normalised name.
type Constraints = BTreeMap<String, String>;

/// Adds the requirements of the file at `path` with this text, and of those that it includes.
pub(crate) fn parse(path: &Path, text: &str, load: &mut Load<'_>, inventory: &mut Inventory) -> Result<(), Error> {
    let mut reader = Reader {
        load,
        inventory,
        visited: BTreeSet::new(),
        constraints: Constraints::new(),
    };
    // Constraints hold for all files, wherever they are named; so they are collected first.
    reader.file(path, text, Pass::Constraints)?;
    reader.visited.clear();
    reader.file(path, text, Pass::Requirements)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Follow includes, and read what constraint files pin.
    Constraints,
    /// The file is a constraint file.
    Pins,
    /// Follow includes, and add requirements.
    Requirements,
}

struct Reader<'a, 'b> {
    load: &'a mut Load<'b>,
    inventory: &'a mut Inventory,
    visited: BTreeSet<PathBuf>,
    constraints: Constraints,
}

impl Reader<'_, '_> {
    fn file(&mut self, path: &Path, text: &str, pass: Pass) -> Result<(), Error> {
        if !self.visited.insert(path.to_owned()) {
            return Ok(());
        }
        let shown = path.display().to_string();
        let file = LockFile { path: &shown, text };
        for line in logical_lines(text) {
            if line.text.starts_with('-') {
                self.option(path, file, &line, pass)?;
            } else if pass != Pass::Constraints {
                self.requirement(file, &line, pass)?;
            }
        }
        Ok(())
    }

    /// A line that is an option. Those that only say where or how to download are passed over.
    fn option(&mut self, path: &Path, file: LockFile<'_>, line: &Line, pass: Pass) -> Result<(), Error> {
        let value = |short: &str, long: &str| {
            let text = line.text.as_str();
            let rest = text
                .strip_prefix(long)
                .filter(|rest| rest.starts_with([' ', '=', '\t']));
            rest.or_else(|| text.strip_prefix(short).filter(|_| !text.starts_with("--")))
                .map(|rest| rest.trim_start_matches([' ', '=', '\t']).trim())
        };
        let (named, next) = match (value("-r", "--requirement"), value("-c", "--constraint")) {
            (Some(named), _) => (named, pass),
            (_, Some(named)) if pass != Pass::Requirements => (named, Pass::Pins),
            _ => {
                if pass == Pass::Requirements && value("-e", "--editable").is_some() {
                    self.warn(file, line, "an editable requirement names no version and is left out");
                }
                return Ok(());
            }
        };
        if named.is_empty() {
            return Err(file.error(line.number, format!("`{}` names no file", line.text)));
        }
        if named.contains("://") {
            self.warn(file, line, "a file at a URL is not read");
            return Ok(());
        }
        let included = normal(&path.parent().unwrap_or(Path::new("/")).join(named));
        if self.visited.contains(&included) {
            return Ok(());
        }
        let text = (self.load)(&included).map_err(|error| match error {
            Error::Io { source, .. } => file.error(
                line.number,
                format!("cannot read `{}`, which is named here: {source}", included.display()),
            ),
            other => other,
        })?;
        self.file(&included, &text, next)
    }

    fn requirement(&mut self, file: LockFile<'_>, line: &Line, pass: Pass) -> Result<(), Error> {
        let (spec, options) = split_options(&line.text);
        let (spec, marker) = split_marker(spec);
        if spec.starts_with(['.', '/']) || (spec.contains("://") && !spec.contains('@')) || spec.contains("+git") {
            if pass == Pass::Requirements {
                self.warn(file, line, "a path or URL without a name is left out");
            }
            return Ok(());
        }
        let wrong = || {
            file.error(
                line.number,
                format!("`{}` is no requirement, as `name==1.0`", line.text),
            )
        };
        let end = spec
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
            .unwrap_or(spec.len());
        let (name, mut rest) = (&spec[..end], spec[end..].trim());
        if name.is_empty() {
            return Err(wrong());
        }
        if let Some(extras) = rest.strip_prefix('[') {
            rest = extras.split_once(']').ok_or_else(wrong)?.1.trim();
        }
        if let Some(url) = rest.strip_prefix('@') {
            if pass == Pass::Requirements {
                self.add(
                    file,
                    line,
                    Requirement { name, options, marker },
                    None,
                    Some(url.trim()),
                )?;
            }
            return Ok(());
        }
        let versions = rest
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(rest);
        if !versions.is_empty() && !versions.starts_with(['=', '<', '>', '~', '!']) {
            return Err(wrong());
        }
        let own = pinned(versions);
        let key = purl::pypi_name(name);
        if pass == Pass::Pins {
            if let Some(version) = own {
                self.constraints.insert(key, version.to_owned());
            }
            return Ok(());
        }
        match own.map(str::to_owned).or_else(|| self.constraints.get(&key).cloned()) {
            Some(version) => self.add(file, line, Requirement { name, options, marker }, Some(&version), None),
            None => {
                self.warn(file, line, &format!("`{name}` is not pinned by `==` and is left out"));
                Ok(())
            }
        }
    }

    /// Adds one requirement, pinned by a version or a URL.
    fn add(
        &mut self,
        file: LockFile<'_>,
        line: &Line,
        requirement: Requirement<'_>,
        version: Option<&str>,
        url: Option<&str>,
    ) -> Result<(), Error> {
        let Requirement { name, options, marker } = requirement;
        let (url, fragment) = url.map_or((None, None), |url| match url.split_once('#') {
            Some((url, fragment)) => (Some(url), Some(fragment)),
            None => (Some(url), None),
        });
        let qualifier = url.map(|url| {
            let is_vcs = ["git+", "hg+", "svn+", "bzr+"]
                .iter()
                .any(|prefix| url.starts_with(prefix));
            if is_vcs {
                Qualifier::Vcs(url)
            } else {
                Qualifier::Download(url)
            }
        });
        let purl = purl::pypi(name, version, qualifier);
        let mut component = Component::package(purl, &purl::pypi_name(name), version, file.path);
        let hashes = options
            .split("--hash")
            .skip(1)
            .map(|rest| rest.trim_start_matches(['=', ' ', '\t']));
        let hashes = hashes.map(|rest| rest.split_whitespace().next().unwrap_or_default());
        for text in hashes {
            let wrong = |problem| file.error(line.number, problem);
            let (algorithm, hex) = text
                .split_once(':')
                .ok_or_else(|| wrong(format!("`{text}` is no hash, as `sha256:…`")))?;
            component
                .digests
                .insert(digest::from_hex(algorithm, hex).map_err(wrong)?);
        }
        // A URL's fragment may hold a digest among other things.
        for (algorithm, hex) in fragment
            .into_iter()
            .flat_map(|text| text.split('&'))
            .filter_map(|one| one.split_once('='))
        {
            component.digests.extend(digest::from_hex(algorithm, hex).ok());
        }
        if let Some(marker) = marker {
            component.property(MARKER, marker);
        }
        self.inventory.add(component);
        Ok(())
    }

    fn warn(&mut self, file: LockFile<'_>, line: &Line, message: &str) {
        self.inventory
            .warn(file.path, line.number, format!("{message}: `{}`", line.text));
    }
}

/// Joins lines that end with a backslash, and drops comments and blank lines.
fn logical_lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    for (index, physical) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let comment = physical
            .trim_start()
            .starts_with('#')
            .then_some(0)
            .or_else(|| physical.find(" #"));
        let comment = comment.or_else(|| physical.find("\t#"));
        let content = comment.map_or(physical, |at| &physical[..at]);
        let (content, continues) = match content.trim_end().strip_suffix('\\') {
            Some(content) if comment.is_none() => (content, true),
            _ => (content, false),
        };
        let mut line = open.take().unwrap_or(Line {
            text: String::new(),
            number: index + 1,
        });
        line.text.push_str(content.trim());
        if continues {
            line.text.push(' ');
            open = Some(line);
        } else if !line.text.trim().is_empty() {
            line.text = line.text.trim().to_owned();
            lines.push(line);
        }
    }
    lines.extend(open.filter(|line| !line.text.trim().is_empty()));
    lines
}

/// Splits off the options of a requirement, which begin with ` --`.
fn split_options(text: &str) -> (&str, &str) {
    text.find(" --")
        .map_or((text, ""), |at| (text[..at].trim_end(), text[at..].trim_start()))
}

/// Splits off the environment marker. After a URL its `;` needs a space before it.
fn split_marker(text: &str) -> (&str, Option<&str>) {
    let split = if text.contains("://") {
        text.find(" ;")
    } else {
        text.find(';')
    };
    match split {
        Some(at) => (
            text[..at].trim(),
            Some(text[at..].trim_start_matches([' ', ';']).trim()),
        ),
        None => (text, None),
    }
}

/// The version of `==VERSION` or `===VERSION` among specifiers, unless it has a wildcard.
fn pinned(specifiers: &str) -> Option<&str> {
    let version = specifiers.split(',').find_map(|one| one.trim().strip_prefix("=="))?;
    let version = version.strip_prefix('=').unwrap_or(version).trim();
    (!version.is_empty() && !version.contains('*')).then_some(version)
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                out.pop();
            }
            std::path::Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Parses `/p/requirements.txt` with these other files beside it.
    fn parsed(text: &str, others: &[(&str, &str)]) -> Result<Inventory, String> {
        let mut inventory = Inventory::default();
        let mut load = |path: &Path| {
            let found = others.iter().find(|(name, _)| Path::new(name) == path);
            let missing = || Error::io("read", path, std::io::ErrorKind::NotFound.into());
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(missing)
        };
        parse(Path::new("/p/requirements.txt"), text, &mut load, &mut inventory).map_err(|error| error.to_string())?;
        Ok(inventory)
    }

    fn references(inventory: &Inventory) -> Vec<&str> {
        inventory.components.keys().map(String::as_str).collect()
    }

    #[test]
    fn pins_are_read_with_hashes_and_markers() {
        // What pip-compile writes: continuations, several hashes, comments, extras, markers, options.
        let text = format!(
            "--index-url https://example.com/simple\n# comment\nDjango[argon2]==4.2.1 ; python_version < \"3.12\" \\\n    \
             --hash=sha256:{SUM} \\\n    --hash sha256:{}\n    # via x\n\nzope.interface === 6.0  # why\nplain==1.0,>=0.9\n(bad)\n",
            SUM.replace('e', "f")
        );
        let inventory = parsed(&text.replace("(bad)\n", "par (==2.0)"), &[]).unwrap();
        let expected = [
            "pkg:pypi/django@4.2.1",
            "pkg:pypi/par@2.0",
            "pkg:pypi/plain@1.0",
            "pkg:pypi/zope-interface@6.0",
        ];
        assert_eq!(references(&inventory), expected);
        let django = &inventory.components["pkg:pypi/django@4.2.1"];
        assert_eq!(django.digests.len(), 2);
        assert!(
            django
                .properties
                .contains(&(MARKER.to_owned(), "python_version < \"3.12\"".to_owned()))
        );
        assert!(
            parsed(&text, &[])
                .err()
                .unwrap()
                .starts_with("/p/requirements.txt:10: ")
        );
    }

    #[test]
    fn what_is_not_pinned_is_warned_about_with_its_line() {
        // Ranges, wildcards, bare names, editables, paths and URLs without a name.
        let text = "a>=1\nb==1.*\n\nc\n-e ./d\n./e.whl\nhttps://example.com/f.whl\nok==1\n";
        let inventory = parsed(text, &[]).unwrap();
        assert_eq!(references(&inventory), ["pkg:pypi/ok@1"]);
        assert_eq!(
            inventory
                .warnings
                .iter()
                .map(|warning| warning.line)
                .collect::<Vec<_>>(),
            [1, 2, 4, 5, 6, 7]
        );
    }

    #[test]
    fn urls_pin_a_requirement_too() {
        // A file with a digest in its fragment, and a commit.
        let text =
            format!("a @ https://example.com/a.whl#sha256={SUM}\nb @ git+https://example.com/b@abc ; os_name == 'x'\n");
        let inventory = parsed(&text, &[]).unwrap();
        let a = "pkg:pypi/a?download_url=https://example.com/a.whl";
        assert_eq!(
            references(&inventory),
            [a, "pkg:pypi/b?vcs_url=git%2Bhttps://example.com/b%40abc"]
        );
        assert_eq!(inventory.components[a].digests.first().unwrap().hex, SUM);
        assert!(inventory.warnings.is_empty());
    }

    #[test]
    fn included_files_and_constraints_are_read_once() {
        // A circle of includes; a constraint named after what it pins.
        let others = [
            ("/p/sub/more.txt", "-r ../requirements.txt\ninner==2\n"),
            ("/constraints.txt", "loose==3\nunused==4\n"),
        ];
        let inventory = parsed("loose\n-r sub/more.txt\n--constraint=../constraints.txt\n", &others).unwrap();
        assert_eq!(references(&inventory), ["pkg:pypi/inner@2", "pkg:pypi/loose@3"]);
        let inner = &inventory.components["pkg:pypi/inner@2"];
        assert!(
            inner
                .properties
                .contains(&("airtight:lock-file".to_owned(), "/p/sub/more.txt".to_owned()))
        );
        assert!(inventory.warnings.is_empty());
    }

    #[test]
    fn malformed_lines_are_refused_with_their_line() {
        // No name, open extras, junk after the name, a bad hash, an include that is not there.
        for text in [
            "==1.0",
            "a[b==1",
            "a 1.0",
            "a==1 --hash=sha256:12",
            "a==1 --hash=sha256",
            "-r gone.txt",
            "-r",
        ] {
            let error = parsed(&format!("ok==1\n{text}\n"), &[]).err().unwrap();
            assert!(error.starts_with("/p/requirements.txt:2: "), "{error}");
        }
    }
}
