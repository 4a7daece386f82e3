//! Subscribers to a run's events: for people (`text`), for programs (`jsonl`), for test reports (`junit`). Not here: any
//! decision about the run.

mod failures;
mod jsonl;
mod junit;
mod text;

pub(crate) use failures::{Paint, log_text};
pub(crate) use jsonl::JsonLines;
pub(crate) use junit::JUnit;
pub(crate) use text::{Places, Text, TextOptions};

use std::sync::Arc;

use airtight_model::Event;
use airtight_model::event::Subscriber;

/// Hands every event to several subscribers.
pub(crate) struct Fanout(pub(crate) Vec<Arc<dyn Subscriber>>);

impl Subscriber for Fanout {
    fn event(&self, event: &Event) {
        for subscriber in &self.0 {
            subscriber.event(event);
        }
    }
}
