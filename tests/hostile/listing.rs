//! What is on the host below a folder: to see that nothing was changed, and where a text is. Not here: judging it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

/// Every entry by its path, with what it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listing(BTreeMap<String, String>);

/// Where the program keeps its own: what is there may change.
const OWN: [&str; 2] = ["home/.cache", "home/.local"];

fn walk(root: &Path, folder: &Path, see: &mut dyn FnMut(&str, &Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        see(&name, &path);
        if path.is_dir() && !path.is_symlink() {
            walk(root, &path, see);
        }
    }
}

fn state_of(path: &Path) -> String {
    let found = path.symlink_metadata().unwrap();
    if found.is_symlink() {
        return format!("a link to {}", path.read_link().unwrap().display());
    }
    if found.is_dir() {
        return "a folder".to_owned();
    }
    let mut hasher = DefaultHasher::new();
    std::fs::read(path).unwrap().hash(&mut hasher);
    format!(
        "{:x} {:?} {:?}",
        hasher.finish(),
        found.permissions(),
        found.modified().unwrap()
    )
}

impl Listing {
    /// All that is below `root` but the program's own store and state.
    pub(crate) fn of(root: &Path) -> Self {
        let mut all = BTreeMap::new();
        walk(root, root, &mut |name, path| {
            let own = OWN
                .iter()
                .any(|own| name == *own || name.starts_with(&format!("{own}/")));
            if !own {
                all.insert(name.to_owned(), state_of(path));
            }
        });
        Self(all)
    }

    /// The paths that are there only before or only after, or are otherwise.
    pub(crate) fn changes(&self, after: &Self) -> Vec<String> {
        let all: std::collections::BTreeSet<&String> = self.0.keys().chain(after.0.keys()).collect();
        let differs = |path: &&&String| self.0.get(**path) != after.0.get(**path);
        all.iter().filter(differs).map(|path| (**path).clone()).collect()
    }
}

/// The files below `root` that have one of these texts somewhere, or in their names, and which.
pub(crate) fn files_with(root: &Path, texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    walk(root, root, &mut |name, path| {
        // What the system does not let us read, a guest has not written.
        let bytes = if path.is_file() {
            std::fs::read(path).unwrap_or_default()
        } else {
            Vec::new()
        };
        // The texts are ASCII, which stays as it is whatever stands around it.
        let content = String::from_utf8_lossy(&bytes);
        let has = |text: &&String| content.contains(text.as_str()) || name.contains(text.as_str());
        found.extend(texts.iter().filter(has).map(|text| format!("{name} has {text}")));
    });
    found
}

// A listing that saw nothing would call every host unchanged.
#[test]
fn a_listing_sees_every_kind_of_change() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for name in ["content", "gone", "mode"] {
        std::fs::write(root.join(name), "a").unwrap();
    }
    std::fs::create_dir_all(root.join("home/.cache/airtight")).unwrap();
    let before = Listing::of(root);
    assert!(before.changes(&Listing::of(root)).is_empty());
    std::fs::write(root.join("content"), "b").unwrap();
    std::fs::remove_file(root.join("gone")).unwrap();
    std::fs::set_permissions(root.join("mode"), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    std::os::unix::fs::symlink("content", root.join("link")).unwrap();
    std::fs::create_dir(root.join("new")).unwrap();
    std::fs::write(root.join("home/.cache/airtight/own"), "x").unwrap();
    let changes = before.changes(&Listing::of(root));
    assert_eq!(changes, ["content", "gone", "link", "mode", "new"]);
}
