//! The build as a whole: a folder of Markdown in, a folder of HTML out.
//!
//! It is deliberately independent of the WIT bindings ([`Reporter`] stands for them), so that all of it is tested on
//! the host. Nothing is written before every page has been rendered and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

use crate::layout::Frame;
use crate::nav::{self, Nav};
use crate::page::{self, Body, Outline, Problem, Site};
use crate::sources::{self, SourceError, Sources, split};

/// Largest Markdown file, in bytes.
pub const MAX_PAGE_BYTES: u64 = 16 << 20;
/// Most Markdown in all, in bytes: it is held in memory while links are checked.
pub const MAX_TEXT_BYTES: u64 = 256 << 20;
/// The language of the pages unless another is given.
pub const DEFAULT_LANG: &str = "en";
/// The title of a site without one, and without a top page.
const DEFAULT_TITLE: &str = "Documentation";
/// How many problems the message of a failed build lists.
const LISTED: usize = 20;

/// What becomes a page unless the pipeline says otherwise.
pub fn default_include() -> Vec<String> {
    vec!["**/*.md".to_owned()]
}

/// The step's arguments.
#[derive(Clone, Debug)]
pub struct Settings {
    pub from: String,
    pub to: String,
    pub title: Option<String>,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub allow_broken_links: bool,
    pub raw_html: bool,
    pub lang: String,
}

/// The step's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub pages: u64,
    pub links: u64,
    pub bytes: u64,
}

/// Where the build says what it came across.
pub trait Reporter {
    /// A problem, and whether it fails the step.
    fn problem(&mut self, problem: &Problem, fails: bool);
    fn summary(&mut self, line: &str);
}

/// Why the step fails.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("`to` (`{to}`) is inside `from` (`{from}`): write to another folder, for example `/out`")]
    Inside { from: String, to: String },
    #[error("`lang` is `{0}`, which is no language tag: use one like `en` or `pt-BR`")]
    Lang(String),
    #[error(transparent)]
    Sources(#[from] SourceError),
    #[error("`{path}` cannot be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("`{0}` is not UTF-8")]
    NotUtf8(String),
    #[error("`{0}` is larger than {MAX_PAGE_BYTES} bytes; leave it out with `exclude`")]
    LargePage(String),
    #[error("the Markdown in `{0}` is larger than {MAX_TEXT_BYTES} bytes; leave some out with `exclude`")]
    LargeSite(String),
    #[error("the file `{file}`, which a page refers to, has the place of the page of the same name")]
    Collision { file: String },
    #[error("`{path}` cannot be written: {source}; `/out` is the folder for outputs")]
    Write { path: String, source: io::Error },
    /// Broken links, ready to print.
    #[error("{0}")]
    Broken(String),
}

/// Builds the site.
///
/// # Errors
/// When the arguments are wrong, something cannot be read or written, or a link is broken and that is not allowed.
pub fn run(settings: &Settings, reporter: &mut dyn Reporter) -> Result<Summary, Failure> {
    if plain(&settings.to).starts_with(plain(&settings.from)) {
        return Err(Failure::Inside {
            from: settings.from.clone(),
            to: settings.to.clone(),
        });
    }
    if !is_language(&settings.lang) {
        return Err(Failure::Lang(settings.lang.clone()));
    }
    let sources = sources::list(&settings.from, &settings.include, &settings.exclude)?;
    let texts = read(&settings.from, &sources)?;
    let outlines: BTreeMap<String, Outline> = texts
        .iter()
        .map(|(file, text)| (file.clone(), page::outline(text, stem(file), settings.raw_html)))
        .collect();
    let indexes = nav::folders_with_pages(&sources);
    let site = Site {
        from: &settings.from,
        sources: &sources,
        outlines: &outlines,
        indexes: &indexes,
        raw_html: settings.raw_html,
    };
    let bodies: BTreeMap<&str, Body> = texts
        .iter()
        .map(|(file, text)| (file.as_str(), page::render(text, file, &site)))
        .collect();
    report(&bodies, settings, reporter)?;
    let top = sources
        .pages
        .iter()
        .find(|(_, page)| *page == "index.html")
        .and_then(|(file, _)| outlines.get(file));
    let title = settings
        .title
        .clone()
        .or_else(|| top.map(|top| top.title.clone()))
        .unwrap_or_else(|| DEFAULT_TITLE.to_owned());
    let nav = Nav::new(&sources, &outlines, &indexes, &title);
    let frame = Frame {
        nav: &nav,
        title: &title,
        lang: &settings.lang,
    };
    let summary = write(settings, &sources, &outlines, &bodies, &frame)?;
    reporter.summary(&format!(
        "made {} pages, checked {} links, wrote {} bytes",
        summary.pages, summary.links, summary.bytes
    ));
    Ok(summary)
}

/// A path without `.` and `..`, so that two can be compared.
fn plain(path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

fn is_language(tag: &str) -> bool {
    (1..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn stem(file: &str) -> &str {
    let name = split(file).1;
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn read(from: &str, sources: &Sources) -> Result<BTreeMap<String, String>, Failure> {
    let mut texts = BTreeMap::new();
    let mut total = 0_u64;
    for file in sources.pages.keys() {
        let path = Path::new(from).join(file);
        let shown = || path.display().to_string();
        let failed = |source| Failure::Read {
            path: path.display().to_string(),
            source,
        };
        let size = fs::metadata(&path).map_err(failed)?.len();
        if size > MAX_PAGE_BYTES {
            return Err(Failure::LargePage(shown()));
        }
        total += size;
        if total > MAX_TEXT_BYTES {
            return Err(Failure::LargeSite(from.to_owned()));
        }
        let text = String::from_utf8(fs::read(&path).map_err(failed)?).map_err(|_| Failure::NotUtf8(shown()))?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        texts.insert(file.clone(), text);
    }
    Ok(texts)
}

/// Reports all problems; an error if one of them fails the step.
fn report(bodies: &BTreeMap<&str, Body>, settings: &Settings, reporter: &mut dyn Reporter) -> Result<(), Failure> {
    let mut failing: Vec<&Problem> = Vec::new();
    for problem in bodies.values().flat_map(|body| &body.problems) {
        let fails = problem.kind.is_broken() && !settings.allow_broken_links;
        reporter.problem(problem, fails);
        if fails {
            failing.push(problem);
        }
    }
    if failing.is_empty() {
        return Ok(());
    }
    let mut text = match failing.len() {
        1 => "1 link is broken:".to_owned(),
        count => format!("{count} links are broken:"),
    };
    for problem in failing.iter().take(LISTED) {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  {}:{}: {}", problem.path, problem.line, problem.message);
    }
    if failing.len() > LISTED {
        let _ = write!(text, "\n  and {} more", failing.len() - LISTED);
    }
    text.push_str("\nhelp: mend them, or say `broken-links: warn` under `with:`");
    Err(Failure::Broken(text))
}

fn write(
    settings: &Settings,
    sources: &Sources,
    outlines: &BTreeMap<String, Outline>,
    bodies: &BTreeMap<&str, Body>,
    frame: &Frame<'_>,
) -> Result<Summary, Failure> {
    let mut summary = Summary::default();
    let to = Path::new(&settings.to);
    let by_page: BTreeMap<&str, &str> = sources
        .pages
        .iter()
        .map(|(file, page)| (page.as_str(), file.as_str()))
        .collect();
    let assets: BTreeSet<&String> = bodies.values().flat_map(|body| &body.assets).collect();
    let is_page = |file: &str| frame.nav.order.iter().any(|entry| entry.page == file);
    if let Some(file) = assets.iter().find(|file| is_page(file)) {
        return Err(Failure::Collision { file: (**file).clone() });
    }
    for entry in &frame.nav.order {
        let html = match by_page.get(entry.page.as_str()) {
            Some(&file) => {
                let headings = outlines.get(file).map_or(&[][..], |outline| &outline.headings);
                frame.page(entry, headings, bodies.get(file).map_or("", |body| &body.html))
            }
            None => frame.page(entry, &[], &frame.index(split(&entry.page).0)),
        };
        let path = to.join(&entry.page);
        prepare(&path)?;
        fs::write(&path, &html).map_err(|source| Failure::Write {
            path: path.display().to_string(),
            source,
        })?;
        summary.pages += 1;
        summary.bytes += html.len() as u64;
    }
    for file in assets {
        summary.bytes += copy(&Path::new(&settings.from).join(file), &to.join(file))?;
    }
    summary.links = bodies.values().map(|body| body.links).sum();
    Ok(summary)
}

/// Makes the folder that a file goes into.
fn prepare(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|source| Failure::Write {
        path: folder.display().to_string(),
        source,
    })
}

fn copy(from: &Path, to: &Path) -> Result<u64, Failure> {
    prepare(to)?;
    let mut reader = fs::File::open(from).map_err(|source| Failure::Read {
        path: from.display().to_string(),
        source,
    })?;
    let failed = |source| Failure::Write {
        path: to.display().to_string(),
        source,
    };
    let mut writer = fs::File::create(to).map_err(failed)?;
    io::copy(&mut reader, &mut writer).map_err(failed)
}
