//! The tree of pages: order, titles, what is before and after, what is above.
//!
//! Deliberately derived from folders and titles alone; there is no file that says how to sort.

use std::collections::{BTreeMap, BTreeSet};

use crate::page::Outline;
use crate::sources::{Sources, join, split};

/// A page with its title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the site.
    pub page: String,
    pub title: String,
}

/// A folder that has pages somewhere in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub index: Entry,
    /// Whether the index is made, not written by somebody.
    pub is_made: bool,
    /// The other pages in it, by name.
    pub pages: Vec<Entry>,
    /// The folders in it that have pages, by name.
    pub folders: Vec<String>,
}

/// The tree.
#[derive(Debug, Default)]
pub struct Nav {
    /// By path; `""` is the top.
    pub folders: BTreeMap<String, Folder>,
    /// All pages as a reader turns them: a folder's index, its pages, its folders.
    pub order: Vec<Entry>,
    places: BTreeMap<String, usize>,
}

/// The folders that have pages somewhere in them, the top included.
pub fn folders_with_pages(sources: &Sources) -> BTreeSet<String> {
    let mut found = BTreeSet::from([String::new()]);
    for page in sources.pages.values() {
        let mut folder = split(page).0;
        while !folder.is_empty() && found.insert(folder.to_owned()) {
            folder = split(folder).0;
        }
    }
    found
}

impl Nav {
    /// Makes the tree. `title` is the title of a top without an index.
    pub fn new(
        sources: &Sources,
        outlines: &BTreeMap<String, Outline>,
        with_pages: &BTreeSet<String>,
        title: &str,
    ) -> Self {
        let mut folders: BTreeMap<String, Folder> = with_pages
            .iter()
            .map(|path| {
                let name = if path.is_empty() { title } else { split(path).1 };
                let index = Entry {
                    page: join(path, "index.html"),
                    title: name.to_owned(),
                };
                (
                    path.clone(),
                    Folder {
                        index,
                        is_made: true,
                        pages: Vec::new(),
                        folders: Vec::new(),
                    },
                )
            })
            .collect();
        for path in with_pages.iter().filter(|path| !path.is_empty()) {
            if let Some(parent) = folders.get_mut(split(path).0) {
                parent.folders.push(path.clone());
            }
        }
        for (file, page) in &sources.pages {
            let title = outlines
                .get(file)
                .map_or(file.as_str(), |outline| outline.title.as_str())
                .to_owned();
            if let Some(folder) = folders.get_mut(split(page).0) {
                let entry = Entry {
                    page: page.clone(),
                    title,
                };
                if *page == folder.index.page {
                    folder.index = entry;
                    folder.is_made = false;
                } else {
                    folder.pages.push(entry);
                }
            }
        }
        let mut nav = Self {
            folders,
            ..Self::default()
        };
        nav.put_in_order();
        nav
    }

    fn put_in_order(&mut self) {
        let mut pending = vec![String::new()];
        while let Some(path) = pending.pop() {
            let Some(folder) = self.folders.get(&path) else {
                continue;
            };
            self.order.push(folder.index.clone());
            self.order.extend(folder.pages.iter().cloned());
            pending.extend(folder.folders.iter().rev().cloned());
        }
        self.places = self
            .order
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.page.clone(), at))
            .collect();
    }

    /// The pages before and after a page.
    pub fn neighbours(&self, page: &str) -> (Option<&Entry>, Option<&Entry>) {
        let Some(&at) = self.places.get(page) else {
            return (None, None);
        };
        (
            at.checked_sub(1).and_then(|before| self.order.get(before)),
            self.order.get(at + 1),
        )
    }

    /// The indexes of the folders that a page is in, from the top, without the page itself.
    pub fn above(&self, page: &str) -> Vec<&Entry> {
        let mut above = Vec::new();
        let mut folder = Some(split(page).0);
        while let Some(path) = folder {
            above.extend(
                self.folders
                    .get(path)
                    .map(|folder| &folder.index)
                    .filter(|index| index.page != page),
            );
            folder = (!path.is_empty()).then(|| split(path).0);
        }
        above.reverse();
        above
    }
}
