//! What a guest says: standard output, standard error, log lines and reports, within one bound, streamed to the sink while
//! they come and kept for the report. Not here: what the interfaces look like (`cap`).

use std::sync::{Arc, Mutex, MutexGuard};

use airtight_egress::Redactor;
use airtight_model::Captured;
use airtight_model::step::{LogLine, Report};
use airtight_store::{Scratch, Store, StoreError};
use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{OutputStream, StreamError, StreamResult};

use crate::cap::printable;
use crate::control::{StepSink, Tracer, traced};
use crate::limits::Struck;
use crate::redact::Redact;

/// How much of a stream is kept in memory before it goes to a private file of the store, in bytes.
const MEMORY_BYTES: usize = 256 << 10;
/// How much a guest may write in one call, in bytes. Constant, so that what a guest sees is the same everywhere.
const WRITE_BYTES: usize = 64 << 10;
/// How much of a guest's text is in a traced call, in bytes.
const MAX_TRACED: usize = 512;
/// What a line of the log counts beside its text, in bytes: an empty one takes of the host as well.
const LINE_COST: usize = 64;
/// What a field of a line counts beside its texts, in bytes.
const FIELD_COST: usize = 48;
/// The most reports of an attempt.
const MAX_REPORTS: usize = 100_000;
/// The most bytes of all reports of an attempt.
const MAX_REPORT_BYTES: u64 = 64 << 20;

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    Stdout,
    Stderr,
}

/// All that a guest says in an attempt. Clones share it.
#[derive(Clone)]
pub(crate) struct Said {
    shared: Arc<Mutex<Shared>>,
    sink: Arc<dyn StepSink>,
    trace: Tracer,
    redact: Redact,
}

struct Shared {
    store: Store,
    limit: u64,
    used: u64,
    stdout: Stream,
    stderr: Stream,
    log: Vec<LogLine>,
    reports: Vec<Report>,
    report_bytes: u64,
    fault: Option<StoreError>,
}

#[derive(Default)]
struct Stream {
    /// Takes secrets out, where the step has any.
    redactor: Option<Redactor>,
    head: Vec<u8>,
    spilled: Option<Scratch>,
    size: u64,
}

/// What is kept when the attempt has ended.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
    pub(crate) log: Vec<LogLine>,
    pub(crate) reports: Vec<Report>,
}

impl Said {
    /// `limit` bounds the bytes of both streams and the log lines together.
    pub(crate) fn new(store: Store, limit: u64, sink: Arc<dyn StepSink>, redact: Redact) -> Self {
        let shared = Shared {
            store,
            limit,
            used: 0,
            stdout: Stream::new(&redact),
            stderr: Stream::new(&redact),
            log: Vec::new(),
            reports: Vec::new(),
            report_bytes: 0,
            fault: None,
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
            sink,
            trace: Tracer::default(),
            redact,
        }
    }

    /// With someone who hears every call.
    pub(crate) fn with_trace(self, trace: Tracer) -> Self {
        Self { trace, ..self }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What takes secrets out of everything else that a guest says.
    pub(crate) fn redact(&self) -> &Redact {
        &self.redact
    }

    /// A text of the guest without secrets.
    pub(crate) fn redacted(&self, text: String) -> String {
        self.redact.text(text)
    }

    pub(crate) fn sink(&self) -> &dyn StepSink {
        &*self.sink
    }

    fn write(&self, channel: Channel, bytes: &[u8]) -> wasmtime::Result<()> {
        self.trace.call(|| {
            let name = if channel == Channel::Stdout { "stdout" } else { "stderr" };
            format!("{name} write: {}", traced(bytes))
        });
        let mut shared = self.shared();
        shared.take(bytes.len() as u64)?;
        let clean = shared
            .stream(channel)
            .redactor
            .as_mut()
            .map(|redactor| redactor.push(bytes));
        self.pass(shared, channel, clean.as_deref().unwrap_or(bytes))
    }

    /// Keeps and tells what a stream lets through.
    fn pass(&self, mut shared: MutexGuard<'_, Shared>, channel: Channel, bytes: &[u8]) -> wasmtime::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = shared.append(channel, bytes) {
            let text = error.to_string();
            shared.fault.get_or_insert(error);
            return Err(wasmtime::Error::msg(text));
        }
        drop(shared);
        match channel {
            Channel::Stdout => self.sink.stdout(bytes),
            Channel::Stderr => self.sink.stderr(bytes),
        }
        Ok(())
    }

    /// The guest has ended: lets through what was held back because it could have been the beginning of a secret.
    pub(crate) fn finish(&self) {
        for channel in [Channel::Stdout, Channel::Stderr] {
            let mut shared = self.shared();
            if let Some(mut redactor) = shared.stream(channel).redactor.take() {
                // A disk that fails is remembered as the fault of the attempt.
                let _ = self.pass(shared, channel, &redactor.finish());
            }
        }
    }

    /// Keeps a log line whose texts are bounded already.
    pub(crate) fn log(&self, line: LogLine) -> wasmtime::Result<()> {
        self.trace
            .call(|| format!("log {:?}: {}", line.level, printable(&line.message, MAX_TRACED)));
        let fields = line.fields.iter();
        let size = line.message.len()
            + fields
                .map(|(name, value)| FIELD_COST + name.len() + value.len())
                .sum::<usize>();
        let mut shared = self.shared();
        shared.take((LINE_COST + size) as u64)?;
        self.sink.log(&line);
        shared.log.push(line);
        Ok(())
    }

    /// Keeps a report of `size` bytes whose texts are bounded already.
    pub(crate) fn report(&self, report: Report, size: usize) -> wasmtime::Result<()> {
        self.trace
            .call(|| format!("report: {}", printable(&format!("{report:?}"), MAX_TRACED)));
        let mut shared = self.shared();
        if let Report::Summary(_) = report {
            shared.reports.retain(|known| !matches!(known, Report::Summary(_)));
        }
        shared.report_bytes += size as u64;
        if shared.reports.len() >= MAX_REPORTS || shared.report_bytes > MAX_REPORT_BYTES {
            return Err(Struck::Reports {
                count: MAX_REPORTS,
                size: MAX_REPORT_BYTES,
            }
            .into());
        }
        self.sink.report(&report);
        shared.reports.push(report);
        Ok(())
    }

    /// What went wrong with the host's disk meanwhile.
    pub(crate) fn fault(&self) -> Option<StoreError> {
        self.shared().fault.take()
    }

    /// How many bytes both streams have.
    pub(crate) fn written(&self) -> u64 {
        let shared = self.shared();
        shared.stdout.size + shared.stderr.size
    }

    /// Makes blobs of the streams and hands over everything.
    pub(crate) fn keep(&self) -> Result<Kept, StoreError> {
        let mut shared = self.shared();
        let (stdout, stderr) = (std::mem::take(&mut shared.stdout), std::mem::take(&mut shared.stderr));
        Ok(Kept {
            stdout: stdout.keep(&shared.store)?,
            stderr: stderr.keep(&shared.store)?,
            log: std::mem::take(&mut shared.log),
            reports: std::mem::take(&mut shared.reports),
        })
    }
}

impl Shared {
    fn take(&mut self, size: u64) -> wasmtime::Result<()> {
        self.used = self.used.saturating_add(size);
        if self.used > self.limit {
            Err(Struck::Log(self.limit).into())
        } else {
            Ok(())
        }
    }

    fn stream(&mut self, channel: Channel) -> &mut Stream {
        match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        }
    }

    fn append(&mut self, channel: Channel, bytes: &[u8]) -> Result<(), StoreError> {
        let stream = match channel {
            Channel::Stdout => &mut self.stdout,
            Channel::Stderr => &mut self.stderr,
        };
        if stream.spilled.is_none() && stream.head.len() + bytes.len() > MEMORY_BYTES {
            let mut scratch = self.store.scratch()?;
            scratch.write_at(0, &std::mem::take(&mut stream.head))?;
            stream.spilled = Some(scratch);
        }
        match &mut stream.spilled {
            Some(scratch) => scratch.write_at(stream.size, bytes)?,
            None => stream.head.extend_from_slice(bytes),
        }
        stream.size += bytes.len() as u64;
        Ok(())
    }
}

impl Stream {
    fn new(redact: &Redact) -> Self {
        Self {
            redactor: redact.stream(),
            ..Self::default()
        }
    }

    fn keep(self, store: &Store) -> Result<Captured, StoreError> {
        let blob = match self.spilled {
            _ if self.size == 0 => None,
            Some(scratch) => Some(store.put_scratch(scratch)?.0),
            None => Some(store.put_blob(&self.head)?),
        };
        Ok(Captured { blob, size: self.size })
    }
}

/// Standard output or standard error, as wasmtime-wasi asks for it.
pub(crate) struct Standard {
    pub(crate) said: Said,
    pub(crate) channel: Channel,
}

impl IsTerminal for Standard {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Standard {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one, and it is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Handle {
            said: self.said.clone(),
            channel: self.channel,
        })
    }
}

struct Handle {
    said: Said,
    channel: Channel,
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for Handle {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi_io::async_trait]
impl OutputStream for Handle {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > WRITE_BYTES {
            return Err(StreamError::trap("wrote more than `check-write` permitted"));
        }
        self.said.write(self.channel, &bytes).map_err(StreamError::Trap)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}
