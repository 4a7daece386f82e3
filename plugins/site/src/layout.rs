//! The frame around a page: head, navigation, breadcrumbs, sections, neighbours, style.
//!
//! Deliberately one frame, with the style in each page: a page works when it is opened from a disk or mailed alone.

use std::fmt::Write as _;

use crate::links::{fragment, relative};
use crate::nav::{Entry, Nav};
use crate::page::Heading;
use crate::sources::split;

/// The one stylesheet.
pub const STYLE: &str = include_str!("style.css");

/// The id of a page's content. A heading's anchor never has a colon.
const MAIN_ID: &str = "page:content";

/// What all pages share.
#[derive(Debug)]
pub struct Frame<'a> {
    pub nav: &'a Nav,
    /// The site's name.
    pub title: &'a str,
    pub lang: &'a str,
}

/// Escapes text for HTML, in content and in quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

impl Frame<'_> {
    /// The whole page.
    pub fn page(&self, entry: &Entry, headings: &[Heading], content: &str) -> String {
        let page = &entry.page;
        let title = if entry.title == self.title {
            escaped(self.title)
        } else {
            format!("{} · {}", escaped(&entry.title), escaped(self.title))
        };
        let mut html = String::with_capacity(content.len() + STYLE.len() + 4096);
        // Writing to a string cannot fail.
        let _ = write!(
            html,
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
             <body>\n<a class=\"skip\" href=\"#{MAIN_ID}\">Skip to content</a>\n\
             <header class=\"site\"><a href=\"{}\">{}</a></header>\n<div class=\"columns\">\n",
            escaped(self.lang),
            escaped(&relative(page, "index.html", None)),
            escaped(self.title),
        );
        self.push_tree(&mut html, page);
        let _ = writeln!(html, "<main id=\"{MAIN_ID}\">");
        self.push_breadcrumbs(&mut html, entry);
        push_sections(&mut html, headings);
        let _ = write!(html, "<article>\n{content}</article>\n");
        self.push_neighbours(&mut html, page);
        html.push_str("</main>\n</div>\n</body>\n</html>\n");
        html
    }

    /// The content of an index that is made: the pages and folders in it.
    pub fn index(&self, folder: &str) -> String {
        let mut html = String::new();
        let Some(node) = self.nav.folders.get(folder) else {
            return html;
        };
        let _ = write!(html, "<h1>{}</h1>\n<ul>\n", escaped(&node.index.title));
        let folders = node
            .folders
            .iter()
            .filter_map(|path| self.nav.folders.get(path))
            .map(|folder| &folder.index);
        for entry in node.pages.iter().chain(folders) {
            let _ = writeln!(html, "<li>{}</li>", link(&node.index.page, entry, ""));
        }
        html.push_str("</ul>\n");
        html
    }

    /// The sidebar: all at the top, and what is in the folders that the page is in.
    fn push_tree(&self, html: &mut String, page: &str) {
        html.push_str("<nav class=\"tree\" aria-label=\"Pages\">\n");
        if let Some(top) = self.nav.folders.get("") {
            let _ = writeln!(html, "<ul>\n<li>{}</li>", link(page, &top.index, ""));
            self.push_branch(html, page, "");
            html.push_str("</ul>\n");
        }
        html.push_str("</nav>\n");
    }

    /// The items of one open folder. It calls itself once a level of the page's own path.
    fn push_branch(&self, html: &mut String, page: &str, folder: &str) {
        let Some(node) = self.nav.folders.get(folder) else {
            return;
        };
        for entry in &node.pages {
            let _ = writeln!(html, "<li>{}</li>", link(page, entry, ""));
        }
        for path in &node.folders {
            let Some(inner) = self.nav.folders.get(path) else {
                continue;
            };
            let _ = write!(html, "<li>{}", link(page, &inner.index, "folder"));
            let here = split(page).0;
            if here == path
                || here
                    .strip_prefix(path.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            {
                html.push_str("\n<ul>\n");
                self.push_branch(html, page, path);
                html.push_str("</ul>\n");
            }
            html.push_str("</li>\n");
        }
    }

    fn push_breadcrumbs(&self, html: &mut String, entry: &Entry) {
        let above = self.nav.above(&entry.page);
        if above.is_empty() {
            return;
        }
        html.push_str("<nav class=\"crumbs\" aria-label=\"Breadcrumbs\">\n<ol>\n");
        for upper in above {
            let _ = writeln!(html, "<li>{}</li>", link(&entry.page, upper, ""));
        }
        let _ = write!(
            html,
            "<li aria-current=\"page\">{}</li>\n</ol>\n</nav>\n",
            escaped(&entry.title)
        );
    }

    fn push_neighbours(&self, html: &mut String, page: &str) {
        let (before, after) = self.nav.neighbours(page);
        if before.is_none() && after.is_none() {
            return;
        }
        html.push_str("<nav class=\"turn\" aria-label=\"Previous and next page\">\n");
        for (entry, rel) in [(before, "prev"), (after, "next")] {
            if let Some(entry) = entry {
                let url = escaped(&relative(page, &entry.page, None));
                let _ = writeln!(html, "<a rel=\"{rel}\" href=\"{url}\">{}</a>", escaped(&entry.title));
            }
        }
        html.push_str("</nav>\n");
    }
}

/// A link to a page, marked if it is the one that it stands on.
fn link(from: &str, to: &Entry, class: &str) -> String {
    let url = escaped(&relative(from, &to.page, None));
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" class=\"{class}\"")
    };
    let current = if from == to.page { " aria-current=\"page\"" } else { "" };
    format!("<a{class} href=\"{url}\"{current}>{}</a>", escaped(&to.title))
}

/// The table of the page's sections, if there are enough to need one.
fn push_sections(html: &mut String, headings: &[Heading]) {
    let sections: Vec<&Heading> = headings
        .iter()
        .filter(|heading| matches!(heading.level, 2 | 3) && !heading.anchor.is_empty())
        .collect();
    if sections.len() < 2 {
        return;
    }
    html.push_str("<nav class=\"sections\" aria-label=\"On this page\">\n<ul>\n");
    for heading in sections {
        let class = if heading.level == 3 { " class=\"inner\"" } else { "" };
        let url = escaped(&fragment(&heading.anchor));
        let _ = writeln!(html, "<li{class}><a href=\"{url}\">{}</a></li>", escaped(&heading.text));
    }
    html.push_str("</ul>\n</nav>\n");
}
