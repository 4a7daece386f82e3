//! From what a guest says while it runs to events. Not here: what is kept of it (the runner's report).

use std::sync::{Arc, Mutex, PoisonError};

use airtight_model::event::{Event, Stream, Subscriber};
use airtight_model::step::{LogLine, Report};
use airtight_model::{ActionResult, BlobDigest};

use crate::lines::Lines;
use crate::ports::{ServiceError, Trees};
use crate::runner::StepSink;

/// The sink of one attempt.
pub(crate) struct EventSink {
    step: String,
    events: Arc<dyn Subscriber>,
    streams: Mutex<[Lines; 2]>,
    lost: Mutex<Vec<BlobDigest>>,
}

impl EventSink {
    pub(crate) fn new(step: &str, events: Arc<dyn Subscriber>) -> Self {
        Self {
            step: step.to_owned(),
            events,
            streams: Mutex::default(),
            lost: Mutex::default(),
        }
    }

    /// Gives what the streams hold of a line without an end, and returns the blobs that were found lost.
    pub(crate) fn finish(&self) -> Vec<BlobDigest> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        for (lines, stream) in streams.iter_mut().zip([Stream::Stdout, Stream::Stderr]) {
            lines.finish(&mut |text| self.line(stream, text));
        }
        std::mem::take(&mut self.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn line(&self, stream: Stream, text: String) {
        self.events.event(&Event::StepOutput {
            step: self.step.clone(),
            stream,
            text,
            cached: false,
        });
    }
}

impl StepSink for EventSink {
    fn output(&self, stream: Stream, bytes: &[u8]) {
        // Held while the lines go out, so that two threads of a runner cannot mix theirs up.
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        streams[usize::from(stream == Stream::Stderr)].push(bytes, &mut |text| self.line(stream, text));
    }

    fn log(&self, line: &LogLine) {
        self.events.event(&Event::StepLog {
            step: self.step.clone(),
            line: line.clone(),
            cached: false,
        });
    }

    fn progress(&self, task: &str, done: u64, total: Option<u64>) {
        self.events.event(&Event::StepProgress {
            step: self.step.clone(),
            task: task.to_owned(),
            done,
            total,
        });
    }

    fn report(&self, report: &Report) {
        self.events.event(&Event::StepReport {
            step: self.step.clone(),
            report: report.clone(),
            cached: false,
        });
    }

    fn lost(&self, blob: BlobDigest) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(blob);
    }
}

/// Bytes of a stream that are read at a time when it is replayed.
const CHUNK: usize = 64 * 1024;

/// Tells again what a step said when it ran. The streams are read before anything is told, so that a lost one tells
/// nothing twice; they are left out where nobody shows them (`streams`).
pub(crate) fn replay(
    step: &str,
    result: &ActionResult,
    trees: &dyn Trees,
    events: &dyn Subscriber,
    streams: bool,
) -> Result<(), ServiceError> {
    let mut told = Vec::new();
    for (captured, stream) in [(&result.stdout, Stream::Stdout), (&result.stderr, Stream::Stderr)] {
        let Some(blob) = captured.blob.filter(|_| streams) else {
            continue;
        };
        let mut lines = Lines::default();
        let mut keep = |text| {
            told.push(Event::StepOutput {
                step: step.to_owned(),
                stream,
                text,
                cached: true,
            })
        };
        let (mut buffer, mut offset) = (vec![0; CHUNK], 0u64);
        loop {
            let count = trees.read(&blob, offset, &mut buffer)?;
            if count == 0 {
                break;
            }
            lines.push(&buffer[..count], &mut keep);
            offset += count as u64;
        }
        lines.finish(&mut keep);
    }
    told.iter().for_each(|event| events.event(event));
    let owned = || step.to_owned();
    for line in &result.log {
        events.event(&Event::StepLog {
            step: owned(),
            line: line.clone(),
            cached: true,
        });
    }
    for report in &result.reports {
        events.event(&Event::StepReport {
            step: owned(),
            report: report.clone(),
            cached: true,
        });
    }
    for used in &result.uses {
        events.event(&Event::StepUsed {
            step: owned(),
            used: used.clone(),
            cached: true,
        });
    }
    for denial in &result.denials {
        events.event(&Event::StepDenied {
            step: owned(),
            denial: denial.clone(),
            cached: true,
        });
    }
    Ok(())
}
