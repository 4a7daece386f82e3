//! Events as JSON lines on standard output. Not here: the form of an event (`airtight_model::event`).

use std::io::{BufWriter, Write};
use std::sync::Mutex;

use airtight_model::Event;
use airtight_model::event::Subscriber;

/// Writes each event as one line; a line is visible as soon as its event has happened, except replays, which come in
/// bulk.
pub(crate) struct JsonLines {
    out: Mutex<BufWriter<std::io::Stdout>>,
}

impl JsonLines {
    pub(crate) fn new() -> Self {
        Self {
            out: Mutex::new(BufWriter::with_capacity(1 << 16, std::io::stdout())),
        }
    }
}

impl Subscriber for JsonLines {
    fn event(&self, event: &Event) {
        let mut out = self.out.lock().expect("no one panics while writing a line");
        // A reader that has gone away ends the output, not the run.
        let _ = out
            .write_all(event.to_json().as_bytes())
            .and_then(|()| out.write_all(b"\n"));
        let replayed = matches!(event, Event::StepFinished(step) if step.cached)
            || matches!(
                event,
                Event::StepOutput { cached: true, .. } | Event::StepLog { cached: true, .. }
            );
        if !replayed {
            let _ = out.flush();
        }
    }
}
