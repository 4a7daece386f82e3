//! Trees that were loaded lately. Not here: loading them.

use std::sync::Arc;

use airtight_model::{Tree, TreeDigest};
use rustc_hash::FxHashMap;

/// How many entries the trees of one half of the cache may have together (some 30 MiB).
const MAX_ENTRIES: usize = 200_000;

/// A cache in two halves: what is used moves to the young one; when that is full, it becomes the old one, and what was
/// in the old one is dropped. So nothing has to be ordered by its last use.
#[derive(Debug, Default)]
pub(crate) struct TreeCache {
    young: FxHashMap<TreeDigest, Arc<Tree>>,
    old: FxHashMap<TreeDigest, Arc<Tree>>,
    entries: usize,
}

impl TreeCache {
    pub(crate) fn get(&mut self, digest: &TreeDigest) -> Option<Arc<Tree>> {
        if let Some(tree) = self.young.get(digest) {
            return Some(Arc::clone(tree));
        }
        let tree = self.old.remove(digest)?;
        self.put(*digest, &tree);
        Some(tree)
    }

    pub(crate) fn put(&mut self, digest: TreeDigest, tree: &Arc<Tree>) {
        self.entries += tree.entries().len() + 1;
        self.young.insert(digest, Arc::clone(tree));
        if self.entries >= MAX_ENTRIES {
            self.old = std::mem::take(&mut self.young);
            self.entries = 0;
        }
    }

    pub(crate) fn remove(&mut self, digest: &TreeDigest) {
        self.young.remove(digest);
        self.old.remove(digest);
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}
