//! Exports: the only writes to the user's tree, made when every step has ended and the run has succeeded. A run that
//! failed or was cancelled writes nothing, so what is there is always of one run that succeeded. Not here: how a tree is
//! written (the store).

use airtight_model::event::Event;
use airtight_model::plan::TreeRef;
use airtight_model::{Node, Outcome, StepId};

use super::Driver;
use crate::ledger::NodeError;
use crate::ports::ServiceError;
use crate::report::{Exported, Problem};

impl Driver {
    /// Writes what is to be exported and was not yet. Returns whether a step runs again for it, after which this is to
    /// be called again.
    pub(super) async fn export(&mut self) -> bool {
        let plan = self.ledger.plan().clone();
        if !self.options.export || plan.exports.is_empty() {
            return false;
        }
        if self.cancel.is_cancelled() || self.has_failed() {
            self.warn("nothing was exported, because the run did not succeed".to_owned(), None);
            return false;
        }
        let mut rewound = false;
        for (i, export) in plan.exports.iter().enumerate() {
            if self.exported.contains(&i) {
                continue;
            }
            if let Some((step, outcome)) = self.unmade(&export.from) {
                let name = &plan.steps[step.index()].name;
                let word = outcome.word();
                self.warn(
                    format!(
                        "`{}` is left as it was, because the outcome of `{name}` is {word}",
                        export.to
                    ),
                    None,
                );
                self.exported.insert(i);
                continue;
            }
            match self.write(&export.from, &export.to).await {
                Ok(Some(done)) => {
                    let (to, digest, unchanged) = (done.to.clone(), done.digest.clone(), done.unchanged);
                    self.emit(&Event::Exported { to, digest, unchanged });
                    self.exports.push(done);
                    self.exported.insert(i);
                }
                // Cancelled: the store leaves the place as it was or as it should be.
                Ok(None) => return false,
                Err(error) => {
                    let again = match error.lost_blob() {
                        Some(blob) => {
                            self.restore(None, std::slice::from_ref(&export.from), &[blob], self.epoch)
                                .await
                        }
                        None => Err(String::new()),
                    };
                    match again {
                        // What was lost is being made, or was: this one is written in the next round.
                        Ok(_) => rewound = true,
                        Err(_) => {
                            let what = format!(
                                "cannot export `{}` to `{}`",
                                self.ledger.describe(&export.from),
                                export.to
                            );
                            self.problems.push(Problem::of(&error, export.span, &what));
                            self.exported.insert(i);
                        }
                    }
                }
            }
        }
        rewound
    }

    /// The first step that should have made a part of `from` and has not.
    fn unmade(&self, from: &TreeRef) -> Option<(StepId, Outcome)> {
        let outcome = |step: StepId| {
            self.ends[step.index()]
                .as_ref()
                .map_or(Outcome::Cancelled, |end| end.outcome)
        };
        let steps: Vec<StepId> = match from {
            TreeRef::Source(_) => Vec::new(),
            TreeRef::Output(output) => vec![output.step],
            TreeRef::Cells(cells) => cells.iter().map(|(_, output)| output.step).collect(),
        };
        steps
            .into_iter()
            .map(|step| (step, outcome(step)))
            .find(|(_, outcome)| *outcome != Outcome::Succeeded)
    }

    async fn write(&self, from: &TreeRef, to: &str) -> Result<Option<Exported>, ServiceError> {
        let node: Node = self
            .ledger
            .node(from, &*self.services.trees)
            .map_err(|error| match error {
                NodeError::Service(error) => error,
                absent @ NodeError::Absent(_) => ServiceError::Infrastructure {
                    code: crate::codes::LOST,
                    message: absent.to_string(),
                    help: None,
                },
            })?;
        let (digest, written_node) = (node.describe(), node.clone());
        let (trees, root, place) = (self.services.trees.clone(), self.options.root.clone(), to.to_owned());
        let write = tokio::task::spawn_blocking(move || trees.export(&node, &root, &place));
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Ok(None),
            written = write => match written {
                Ok(written) => Ok(Some(Exported { to: to.to_owned(), digest, node: written_node, unchanged: written? })),
                Err(_) => Ok(None),
            },
        }
    }
}
