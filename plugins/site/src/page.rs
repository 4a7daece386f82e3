//! One page: what its Markdown holds, and its HTML with the links led to where they go.
//!
//! Deliberately pure: the text comes in, HTML and problems go out. The frame around it is made in `layout`.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

use crate::anchors::{Anchors, nearest};
use crate::links::{self, Target, Url};
use crate::sources::{Sources, join, split};

/// Most files among which a nearest name is looked for.
const MAX_CANDIDATES: usize = 20_000;

/// A heading of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    pub level: u8,
    pub text: String,
    /// Empty if the text has nothing that an anchor may have.
    pub anchor: String,
}

/// What other pages need to know of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    pub title: String,
    pub headings: Vec<Heading>,
    /// All that `#…` may lead to.
    pub anchors: BTreeSet<String>,
}

/// What can be wrong with a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    NoTarget,
    NoAnchor,
    Scheme,
    Outside,
    NoPages,
}

impl ProblemKind {
    /// Whether it fails the step unless broken links are allowed.
    pub fn is_broken(self) -> bool {
        matches!(self, Self::NoTarget | Self::NoAnchor | Self::Scheme)
    }

    /// A few words for a report.
    pub fn title(self) -> &'static str {
        match self {
            Self::NoTarget => "broken link",
            Self::NoAnchor => "broken anchor",
            Self::Scheme => "link with a scheme that is not allowed",
            Self::Outside => "link out of the site",
            Self::NoPages => "link to a folder without pages",
        }
    }
}

/// A link that does not lead where it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// The Markdown file, as the step sees it.
    pub path: String,
    /// From 1.
    pub line: u32,
    pub message: String,
}

/// What a page is rendered against.
#[derive(Debug)]
pub struct Site<'a> {
    /// The folder of the Markdown files, as the step sees it.
    pub from: &'a str,
    pub sources: &'a Sources,
    pub outlines: &'a BTreeMap<String, Outline>,
    /// Folders that have pages somewhere in them (`""` is the top).
    pub indexes: &'a BTreeSet<String>,
    pub raw_html: bool,
}

/// A page's HTML, without the frame, and what came up on the way.
#[derive(Debug, Default)]
pub struct Body {
    pub html: String,
    pub problems: Vec<Problem>,
    /// How many internal links and images were checked.
    pub links: u64,
    /// Files that the page refers to, to be copied.
    pub assets: BTreeSet<String>,
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
}

/// The anchor of a footnote. A heading's never has a colon, so the two cannot meet.
fn footnote_anchor(name: &str) -> String {
    format!("fn:{}", name.split_whitespace().collect::<Vec<_>>().join("-"))
}

/// Reads a page's title, headings and anchors. `fallback` is the title of a page without headings.
pub fn outline(text: &str, fallback: &str, raw_html: bool) -> Outline {
    let mut outline = Outline::default();
    let mut anchors = Anchors::default();
    let mut heading: Option<(u8, String)> = None;
    for event in Parser::new_ext(text, options()) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => heading = Some((level as u8, String::new())),
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, text)) = heading.take() {
                    let anchor = anchors.next(&text);
                    outline.anchors.insert(anchor.clone());
                    outline.headings.push(Heading {
                        level,
                        text: text.trim().to_owned(),
                        anchor,
                    });
                }
            }
            Event::Start(Tag::FootnoteDefinition(name)) => {
                outline.anchors.insert(footnote_anchor(&name));
            }
            Event::Html(html) | Event::InlineHtml(html) if raw_html => outline.anchors.extend(html_anchors(&html)),
            Event::Text(part) | Event::Code(part) => {
                if let Some((_, text)) = &mut heading {
                    text.push_str(&part);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some((_, text)) = &mut heading {
                    text.push(' ');
                }
            }
            _ => {}
        }
    }
    let named = outline.headings.iter().filter(|heading| !heading.text.is_empty());
    let title = named
        .clone()
        .find(|heading| heading.level == 1)
        .or_else(|| named.clone().next());
    outline.title = title.map_or_else(|| fallback.to_owned(), |heading| heading.text.clone());
    outline
}

/// The values of `id` and `name` attributes in raw HTML.
fn html_anchors(html: &str) -> Vec<String> {
    [" id=", " name="]
        .iter()
        .flat_map(|attribute| {
            html.match_indices(attribute)
                .map(|(at, found)| &html[at + found.len()..])
        })
        .filter_map(|rest| {
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            rest[1..].split(quote).next().map(str::to_owned)
        })
        .collect()
}

/// Renders the page of the Markdown file `file`.
pub fn render(text: &str, file: &str, site: &Site<'_>) -> Body {
    let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut renderer = Renderer {
        file,
        page: site.sources.pages.get(file).map_or("", String::as_str),
        site,
        body: Body::default(),
        headings: site
            .outlines
            .get(file)
            .map_or(&[][..], |outline| &outline.headings)
            .iter(),
        open: Vec::new(),
        block: None,
    };
    let mut events = Vec::new();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        let line = lines.partition_point(|&end| end < range.start) + 1;
        renderer.take(event, u32::try_from(line).unwrap_or(u32::MAX), &mut events);
    }
    let mut body = renderer.body;
    html::push_html(&mut body.html, events.into_iter());
    body
}

/// What became of a link.
enum Led {
    Keep,
    To(String),
    /// Only its text is shown.
    Nowhere,
}

struct Renderer<'a> {
    file: &'a str,
    page: &'a str,
    site: &'a Site<'a>,
    body: Body,
    headings: std::slice::Iter<'a, Heading>,
    /// For each open link or image, whether it became a link.
    open: Vec<bool>,
    /// The text of a block of raw HTML that is not passed through.
    block: Option<String>,
}

impl<'a> Renderer<'a> {
    fn take(&mut self, event: Event<'a>, line: u32, out: &mut Vec<Event<'a>>) {
        match event {
            Event::Start(Tag::Heading {
                level, classes, attrs, ..
            }) => {
                let anchor = self
                    .headings
                    .next()
                    .map(|heading| heading.anchor.as_str())
                    .filter(|anchor| !anchor.is_empty());
                out.push(Event::Start(Tag::Heading {
                    level,
                    id: anchor.map(CowStr::from),
                    classes,
                    attrs,
                }));
            }
            Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let led = if link_type == LinkType::Email {
                    Led::Keep
                } else {
                    self.lead(&dest_url, line)
                };
                let url = self.opened(led, dest_url, out);
                out.extend(url.map(|dest_url| {
                    Event::Start(Tag::Link {
                        link_type,
                        dest_url,
                        title,
                        id,
                    })
                }));
            }
            Event::Start(Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            }) => {
                let led = self.lead(&dest_url, line);
                let url = self.opened(led, dest_url, out);
                out.extend(url.map(|dest_url| {
                    Event::Start(Tag::Image {
                        link_type,
                        dest_url,
                        title,
                        id,
                    })
                }));
            }
            Event::End(end @ (TagEnd::Link | TagEnd::Image)) => {
                let is_link = self.open.pop().unwrap_or(true);
                out.push(if is_link {
                    Event::End(end)
                } else {
                    Event::InlineHtml("</span>".into())
                });
            }
            Event::Start(Tag::Table(alignments)) => {
                out.push(Event::Html("<div class=\"table\">".into()));
                out.push(Event::Start(Tag::Table(alignments)));
            }
            Event::End(TagEnd::Table) => {
                out.push(Event::End(TagEnd::Table));
                out.push(Event::Html("</div>\n".into()));
            }
            Event::Start(Tag::FootnoteDefinition(name)) => {
                out.push(Event::Start(Tag::FootnoteDefinition(footnote_anchor(&name).into())));
            }
            Event::FootnoteReference(name) => out.push(Event::FootnoteReference(footnote_anchor(&name).into())),
            other => self.take_html(other, out),
        }
    }

    /// Passes raw HTML through, or makes text of it.
    fn take_html(&mut self, event: Event<'a>, out: &mut Vec<Event<'a>>) {
        match event {
            event if self.site.raw_html => out.push(event),
            Event::Start(Tag::HtmlBlock) => self.block = Some(String::new()),
            Event::Html(html) if self.block.is_some() => {
                if let Some(block) = &mut self.block {
                    block.push_str(&html);
                }
            }
            Event::End(TagEnd::HtmlBlock) => {
                let block = self.block.take().unwrap_or_default();
                if !is_comment(&block) {
                    out.push(Event::Html("<pre class=\"html\">".into()));
                    out.push(Event::Text(block.into()));
                    out.push(Event::Html("</pre>\n".into()));
                }
            }
            Event::InlineHtml(html) | Event::Html(html) => {
                if !is_comment(&html) {
                    out.push(Event::Text(html));
                }
            }
            event => out.push(event),
        }
    }

    /// Remembers what a link became; the URL to open it with, if it still is one.
    fn opened(&mut self, led: Led, url: CowStr<'a>, out: &mut Vec<Event<'a>>) -> Option<CowStr<'a>> {
        self.open.push(!matches!(led, Led::Nowhere));
        match led {
            Led::Keep => Some(url),
            Led::To(url) => Some(url.into()),
            Led::Nowhere => {
                out.push(Event::InlineHtml("<span class=\"outside\">".into()));
                None
            }
        }
    }

    fn lead(&mut self, url: &str, line: u32) -> Led {
        let read = links::read(url, self.file);
        if read != Url::External {
            self.body.links += 1;
        }
        match read {
            Url::External => Led::Keep,
            Url::Refused(scheme) => {
                let message =
                    format!("the link `{url}` has the scheme `{scheme}`, which is not one of links between pages");
                self.problem(ProblemKind::Scheme, line, message);
                Led::Nowhere
            }
            Url::Outside => {
                let message = format!(
                    "the link `{url}` leads out of `{}`; include what it leads to, or link to where it is published",
                    self.site.from
                );
                self.problem(ProblemKind::Outside, line, message);
                Led::Nowhere
            }
            Url::Here { anchor: None } => Led::Keep,
            Url::Here { anchor: Some(anchor) } => {
                self.check_anchor(self.file, &anchor, url, line);
                Led::To(links::fragment(&anchor))
            }
            Url::Inside { path, anchor } => self.lead_inside(url, &path, anchor.as_deref(), line),
        }
    }

    fn lead_inside(&mut self, url: &str, path: &str, anchor: Option<&str>, line: u32) -> Led {
        match links::find(path, self.site.sources, self.site.indexes) {
            Target::Page { file } => {
                if let Some(anchor) = anchor {
                    self.check_anchor(&file, anchor, url, line);
                }
                let page = self.site.sources.pages.get(&file).map_or("", String::as_str);
                Led::To(links::relative(self.page, page, anchor))
            }
            Target::Index { page } => Led::To(links::relative(self.page, &page, anchor)),
            Target::File => {
                self.body.assets.insert(path.to_owned());
                Led::To(links::relative(self.page, path, anchor))
            }
            Target::Folder => {
                let message = format!("the link `{url}` leads to the folder `{path}`, which has no pages");
                self.problem(ProblemKind::NoPages, line, message);
                Led::Nowhere
            }
            Target::Missing => {
                let hint = self
                    .near(path)
                    .map_or_else(String::new, |near| format!("; the nearest is `{near}`"));
                let message = format!("the link `{url}` leads to `{path}`, which is not there{hint}");
                self.problem(ProblemKind::NoTarget, line, message);
                Led::Keep
            }
        }
    }

    fn check_anchor(&mut self, file: &str, anchor: &str, url: &str, line: u32) {
        let Some(outline) = self.site.outlines.get(file) else {
            return;
        };
        if outline.anchors.contains(anchor) {
            return;
        }
        let near = nearest(anchor, outline.anchors.iter().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; the nearest is `#{near}`"));
        let message = format!("the link `{url}` leads to `#{anchor}`, which `{file}` does not have{hint}");
        self.problem(ProblemKind::NoAnchor, line, message);
    }

    /// What a link to `path` may have meant, relative to this page's file.
    fn near(&self, path: &str) -> Option<String> {
        let name = split(path).1;
        let sources = self.site.sources;
        let found = sources
            .pages
            .keys()
            .find(|file| split(file).1.eq_ignore_ascii_case(name))
            .map(String::as_str)
            .or_else(|| nearest(path, sources.pages.keys().map(String::as_str)))
            .or_else(|| nearest(path, sources.files.iter().take(MAX_CANDIDATES).map(String::as_str)))?;
        Some(links::relative(self.file, found, None))
    }

    fn problem(&mut self, kind: ProblemKind, line: u32, message: String) {
        let path = join(self.site.from.trim_end_matches('/'), self.file);
        self.body.problems.push(Problem {
            kind,
            path,
            line,
            message,
        });
    }
}

fn is_comment(html: &str) -> bool {
    let html = html.trim();
    html.starts_with("<!--") && html.ends_with("-->") && html.matches("-->").count() == 1
}
