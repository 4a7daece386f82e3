//! `wasi:cli`: arguments, environment, working directory, standard streams, exit. wasmtime-wasi's own implementation,
//! over streams of ours. Not here: what is kept of the output (`output`).

use std::sync::{Arc, Mutex};

use airtight_egress::Session;
use airtight_model::StepRequest;
use airtight_model::step::Invocation;
use airtight_store::{Blob, StoreError};
use bytes::Bytes;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, WasiCli, WasiCliView};
use wasmtime_wasi::p2::bindings::cli;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_io::poll::Pollable;
use wasmtime_wasi_io::streams::{InputStream, StreamError, StreamResult};

use crate::output::{Channel, Said, Standard};
use crate::state::State;

/// The most that one read of standard input returns, in bytes: a constant, so that reads are the same everywhere.
const READ_BYTES: usize = 1 << 20;

/// Links all of `wasi:cli` that a command can import.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    cli::environment::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::exit::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::stderr::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_input::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_output::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdin::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stdout::add_to_linker::<State, WasiCli>(linker, State::cli)?;
    cli::terminal_stderr::add_to_linker::<State, WasiCli>(linker, State::cli)
}

/// wasmtime-wasi's context for a request: it holds nothing of the host but what the request says.
pub(crate) fn context(request: &StepRequest, session: &Session, stdin: Stdin, said: &Said) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder.arg(&request.program);
    if let Invocation::Command(arguments, _) = &request.invocation {
        builder.args(arguments);
    }
    builder.envs(&request.env);
    // Placeholders of secrets; the values are nowhere in the sandbox.
    builder.envs(&session.environment());
    builder.initial_cwd(request.cwd.clone());
    builder.stdin(stdin);
    builder.stdout(Standard {
        said: said.clone(),
        channel: Channel::Stdout,
    });
    builder.stderr(Standard {
        said: said.clone(),
        channel: Channel::Stderr,
    });
    builder.build()
}

/// Standard input from a blob; without one it is at its end. All handles share the place.
#[derive(Clone, Default)]
pub(crate) struct Stdin {
    blob: Option<Blob>,
    shared: Arc<Mutex<Place>>,
}

#[derive(Default)]
struct Place {
    offset: u64,
    fault: Option<StoreError>,
}

impl Stdin {
    pub(crate) fn new(blob: Option<Blob>) -> Self {
        Self {
            blob,
            shared: Arc::default(),
        }
    }

    /// What went wrong with the host's disk meanwhile.
    pub(crate) fn fault(&self) -> Option<StoreError> {
        self.shared
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .fault
            .take()
    }
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncRead + Send + Sync> {
        // Only WASI 0.3 asks for this one, and it is not linked.
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi_io::async_trait]
impl Pollable for Stdin {
    async fn ready(&mut self) {}
}

#[wasmtime_wasi_io::async_trait]
impl InputStream for Stdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let Some(blob) = &self.blob else {
            return Err(StreamError::Closed);
        };
        let mut place = self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let left = blob.size().saturating_sub(place.offset);
        if left == 0 {
            return Err(StreamError::Closed);
        }
        let mut buffer = vec![0; size.min(READ_BYTES).min(usize::try_from(left).unwrap_or(usize::MAX))];
        match blob.read_at(place.offset, &mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                place.offset += count as u64;
                Ok(buffer.into())
            }
            Err(error) => {
                let text = error.to_string();
                place.fault.get_or_insert(error);
                Err(StreamError::Trap(wasmtime::Error::msg(text)))
            }
        }
    }
}
