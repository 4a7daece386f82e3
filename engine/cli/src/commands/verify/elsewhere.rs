//! The second runner of a verification: another engine over another store, with nothing in it but what a step is given. Not
//! here: when it runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use airtight_egress::Egress;
use airtight_exec::{RunnerControl, StepRunner};
use airtight_model::event::{Event, Subscriber};
use airtight_model::step::Invocation;
use airtight_model::{BlobDigest, Node, StepReport, StepRequest};
use airtight_store::{Store, StoreError};
use async_trait::async_trait;

use crate::runner;
use crate::std_components;

/// Blobs above this size are copied through a file, not through memory.
const IN_MEMORY: u64 = 1 << 20;

struct Silent;

impl Subscriber for Silent {
    fn event(&self, _: &Event) {}
}

/// Copies what a step is given into another store and runs it there.
pub(super) struct Elsewhere {
    from: Store,
    to: Store,
    runner: Arc<dyn StepRunner>,
    /// Held while something is copied: a tree that is there counts as copied with all that is below it.
    copying: Mutex<()>,
}

impl Elsewhere {
    pub(super) fn new(from: Store, to: Store, state: PathBuf, egress: Egress) -> Self {
        let runner = runner::elsewhere(to.clone(), state, egress, Arc::new(Silent));
        Self {
            from,
            to,
            runner,
            copying: Mutex::default(),
        }
    }

    fn give(&self, request: &StepRequest) -> Result<(), StoreError> {
        let _copying = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        if std_components::by_digest(&request.component).is_none() {
            self.blob(&request.component)?;
        }
        if let Invocation::Command(_, Some(stdin)) = &request.invocation {
            self.blob(stdin)?;
        }
        request.mounts.iter().try_for_each(|mount| self.node(&mount.node))
    }

    fn node(&self, node: &Node) -> Result<(), StoreError> {
        let mut open = vec![node.clone()];
        while let Some(node) = open.pop() {
            match node {
                Node::Symlink(_) => {}
                Node::File { blob, .. } => self.blob(&blob)?,
                // One that is there was copied with all that is below it.
                Node::Directory(tree) if self.to.has_blob(&tree.as_blob())? => {}
                Node::Directory(digest) => {
                    let tree = self.from.tree(&digest)?;
                    open.extend(tree.entries().iter().map(|entry| entry.node.clone()));
                    self.to.put_tree(&tree)?;
                }
            }
        }
        Ok(())
    }

    fn blob(&self, digest: &BlobDigest) -> Result<(), StoreError> {
        if self.to.has_blob(digest)? {
            return Ok(());
        }
        let blob = self.from.blob(digest)?;
        if blob.size() <= IN_MEMORY {
            return self.to.put_blob(&blob.read_all()?).map(drop);
        }
        let (mut scratch, mut offset) = (self.to.scratch()?, 0u64);
        blob.for_each_part(|part| {
            scratch.write_at(offset, part)?;
            offset += part.len() as u64;
            Ok::<_, StoreError>(())
        })?;
        self.to.put_scratch(scratch).map(drop)
    }
}

#[async_trait]
impl StepRunner for Elsewhere {
    async fn run(&self, request: StepRequest, control: RunnerControl) -> StepReport {
        match self.give(&request) {
            Ok(()) => self.runner.run(request, control).await,
            Err(error) => StepReport::errored(format!("what it is given cannot be copied: {error}"), None),
        }
    }
}
