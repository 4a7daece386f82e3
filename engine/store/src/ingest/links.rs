//! Symbolic links of a source: each has to lead to something in it. Not here: resolving paths (`crate::walk`).

use airtight_model::{Node, NodeKind};

use super::error::{IngestError, LinkProblem};
use crate::error::StoreError;
use crate::store::Store;
use crate::walk::{LastLink, Nodes, WalkError, resolve};

/// Trees of the store, as something that can be walked through.
struct Trees<'a>(&'a Store);

impl Nodes for Trees<'_> {
    type Id = Node;
    type Error = StoreError;

    fn kind(&mut self, id: &Node) -> Result<NodeKind, StoreError> {
        Ok(id.kind())
    }

    fn child(&mut self, directory: &Node, name: &str) -> Result<Option<Node>, StoreError> {
        match directory {
            Node::Directory(tree) => Ok(self.0.tree(tree)?.get(name).cloned()),
            _ => Ok(None),
        }
    }

    fn target(&mut self, link: &Node) -> Result<String, StoreError> {
        match link {
            Node::Symlink(target) => Ok(target.clone()),
            _ => Ok(String::new()),
        }
    }
}

/// Checks the link at `path` of the folder `root`.
pub(super) fn check(store: &Store, root: &Node, path: &str, target: &str) -> Result<(), IngestError> {
    let problem = if target.starts_with('/') {
        LinkProblem::Absolute
    } else {
        match resolve(&mut Trees(store), root, path, LastLink::Follow)? {
            Ok(arrival) if arrival.node.is_some() => return Ok(()),
            Ok(_) | Err(WalkError::NoEntry | WalkError::NotDirectory | WalkError::Invalid) => LinkProblem::Broken,
            Err(WalkError::NotPermitted) => LinkProblem::Outside,
            Err(WalkError::Loop) => LinkProblem::Circular,
            Err(WalkError::NameTooLong) => LinkProblem::Target,
        }
    };
    Err(IngestError::Link {
        path: path.to_owned(),
        target: target.to_owned(),
        problem,
    })
}

/// Whether the link at `path` of the folder `root` leads, or could lead, out of it.
pub(crate) fn escapes(store: &Store, root: &Node, path: &str, target: &str) -> Result<bool, StoreError> {
    if target.starts_with('/') {
        return Ok(true);
    }
    // By its text, whatever is there: a name that is missing today may be made tomorrow.
    let mut depth = path.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return Ok(true),
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    // And as it is: the way may lead over other links.
    Ok(resolve(&mut Trees(store), root, path, LastLink::Follow)? == Err(WalkError::NotPermitted))
}
