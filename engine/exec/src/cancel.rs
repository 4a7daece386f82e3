//! A flag that is raised once and can be waited for: how a run, or one attempt, is told to end. Not here: what raises
//! it (a signal, a failed cell of a matrix), or how long it may take to obey.

use tokio::sync::watch;

/// A flag that is raised once. Clones share it.
#[derive(Debug, Clone)]
pub struct Cancel {
    raised: watch::Sender<bool>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancel {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self {
            raised: watch::Sender::new(false),
        }
    }

    /// Raises it; again has no effect.
    pub fn cancel(&self) {
        self.raised.send_replace(true);
    }

    /// Whether it is raised.
    pub fn is_cancelled(&self) -> bool {
        *self.raised.borrow()
    }

    /// Waits until it is raised.
    pub async fn cancelled(&self) {
        let mut raised = self.raised.subscribe();
        // An error would mean that the sender is gone, which `self` holds.
        let _ = raised.wait_for(|raised| *raised).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Who waits before the flag is raised is woken, and who waits after it does not wait at all.
    #[tokio::test]
    async fn a_raised_flag_wakes_those_who_wait_and_those_who_come_later() {
        let cancel = Cancel::new();
        let waiting = tokio::spawn({
            let cancel = cancel.clone();
            async move { cancel.cancelled().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        cancel.cancel();
        waiting.await.unwrap();
        cancel.cancelled().await;
        assert!(cancel.is_cancelled());
    }
}
